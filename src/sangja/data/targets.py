"""The column to predict: a number to regress on, or classes to choose from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sangja.core.errors import ArgumentError, DataError
from sangja.data.cells import is_missing, parse_number
from sangja.data.columns import mean_and_std, standardize
from sangja.data.table import Table

MAX_NUMBER_CLASSES = 10
MIN_ROWS = 10
TASKS = ("regression", "classification")


@dataclass(frozen=True)
class Target:
    """What is predicted, and the numbers that stand for it.

    Attributes:
        name: the column.
        task: "regression" or "classification".
        reason: why it is that, in one sentence.
        classes: the class of each code; empty for regression.
        mean, std: of the training rows, for regression.
    """

    name: str
    task: str
    reason: str
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    std: float = 1.0

    @staticmethod
    def fit(table: Table, name: str, task: str = "auto") -> Target:
        """The target of the training rows, none of which lacks it; see `decide_task`.

        Raises:
            ArgumentError: a task that does not exist.
            DataError: fewer than `MIN_ROWS` rows, one class or one value alone, a text where a
                number must be, or nearly as many classes as rows.
        """
        cells = table.column(name)
        if task not in ("auto", *TASKS):
            raise ArgumentError(
                f"there is no task {task!r}; use 'auto', 'regression' or 'classification'"
            )
        if len(cells) < MIN_ROWS:
            raise DataError(
                f"{table.source} has {len(cells)} rows with a value of {name!r}; at least "
                f"{MIN_ROWS} are needed to learn from"
            )
        if len(set(cells)) == 1:
            raise DataError(
                f"{name!r} is {cells[0]!r} in every row of {table.source}: there is nothing to "
                "learn; choose another column to predict"
            )
        reason = f"{name!r} is predicted by {task} because that was asked for"
        if task == "auto":
            task, reason = decide_task(table, name)
        if task == "regression":
            mean, std = mean_and_std(_numbers(table, name))
            return Target(name, task, reason, (), mean, std)
        return Target(name, task, reason, _classes(cells))

    def encode(self, table: Table) -> NDArray[np.float32] | NDArray[np.int64]:
        """Class codes (int64) or standardised numbers (float32), shape (n,)."""
        if self.task == "regression":
            values = standardize(_numbers(table, self.name), self.mean, self.std)
            return values.astype(np.float32)
        codes = {name: code for code, name in enumerate(self.classes)}
        cells = table.column(self.name)
        for cell, line in zip(cells, table.lines, strict=True):
            if cell not in codes:
                raise DataError(
                    f"column {self.name!r}, line {line}: {cell!r} is none of the classes learnt: "
                    + ", ".join(self.classes)
                )
        return np.array([codes[cell] for cell in cells], np.int64)

    def decode(self, values: ArrayLike) -> list[str] | NDArray[np.float64]:
        """The words of class codes, or the numbers of standardised ones, shape (n,)."""
        found = np.asarray(values)
        if self.task == "regression":
            return found.astype(np.float64) * self.std + self.mean
        if found.size and not (
            found.dtype.kind in "iu" and found.min() >= 0 and found.max() < len(self.classes)
        ):
            raise ArgumentError(
                f"the classes of {self.name!r} have the codes 0 to {len(self.classes) - 1}, whole "
                f"numbers; got {found.min()} to {found.max()} of dtype {found.dtype}"
            )
        return [self.classes[code] for code in found.ravel().tolist()]

    def report(self, table: Table) -> list[str]:
        """What to say of the target: why this task, and how its values are spread."""
        if self.task == "regression":
            return [
                self.reason,
                f"{self.name!r} has the mean {self.mean:g}, give or take {self.std:g}",
            ]
        counts = Counter(table.column(self.name))
        shown = ", ".join(f"{name}: {counts[name]}" for name in self.classes[:10])
        more = ", …" if len(self.classes) > 10 else ""
        lines = [self.reason, f"{self.name!r} has {len(self.classes)} classes ({shown}{more})"]
        single = [name for name in self.classes if counts[name] == 1]
        if single:
            lines.append(
                f"{len(single)} class(es) of {self.name!r} have one row only, such as "
                f"{single[0]!r}; too few to learn them"
            )
        return lines


def labelled_rows(table: Table, target: str) -> Table:
    """The rows whose target is known; what was left out is added to the table's notes.

    Raises:
        DataError: no column of that name, or no row with a value in it.
    """
    kept = table.where(lambda cell: not is_missing(cell), target)
    dropped = len(table) - len(kept)
    if not len(kept):
        raise DataError(f"{target!r} is missing in every row of {table.source}")
    if not dropped:
        return table
    note = f"{dropped} of {len(table)} rows are left out because {target!r} is missing in them"
    return Table(kept.columns, kept.lines, kept.source, (*kept.notes, note))


def decide_task(table: Table, name: str) -> tuple[str, str]:
    """Regression or classification, and the sentence that says why.

    The rule: text means classes; so do at most `MAX_NUMBER_CLASSES` different whole numbers if each
    comes twice or more on average; other numbers mean regression.

    Raises:
        DataError: text with nearly as many different values as rows.
    """
    cells = table.column(name)
    values = [parse_number(cell) for cell in cells]
    distinct = len(set(cells))
    texts = [cell for cell, value in zip(cells, values, strict=True) if value is None]
    if not texts:
        whole = all(value is not None and value.is_integer() for value in values)
        if whole and distinct <= MAX_NUMBER_CLASSES and 2 * distinct <= len(cells):
            return "classification", (
                f"{name!r} holds {distinct} different whole numbers only, so it is predicted by "
                "classification; if they are amounts, ask for regression"
            )
        return "regression", f"{name!r} holds numbers, so it is predicted by regression"
    if 2 * len(texts) < len(cells) and distinct > MAX_NUMBER_CLASSES:
        _numbers(table, name)
    if 2 * distinct > len(cells):
        raise DataError(
            f"{name!r} is text with {distinct} different values in {len(cells)} rows, too many to "
            "be classes; choose another column to predict"
        )
    return "classification", f"{name!r} holds text, so it is predicted by classification"


def _numbers(table: Table, name: str) -> NDArray[np.float64]:
    values = []
    for cell, line in zip(table.column(name), table.lines, strict=True):
        value = parse_number(cell)
        if value is None:
            raise DataError(
                f"column {name!r}, line {line}: {cell!r} is not a number, which regression needs; "
                "correct it, or remove the row"
            )
        values.append(value)
    return np.array(values, np.float64)


def _classes(cells: Sequence[str]) -> tuple[str, ...]:
    """The classes in order: as numbers if all are, else as text."""
    found = sorted(set(cells))
    keys = {cell: parse_number(cell) for cell in found}
    if all(key is not None for key in keys.values()):
        found.sort(key=lambda cell: keys[cell] or 0.0)
    return tuple(found)
