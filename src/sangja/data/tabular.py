"""From a user's table to numbers and back, the same way at training and at prediction.

    table = read_table("titanic.csv")
    table = labelled_rows(table, "survived")
    prepared = Preprocessor.fit(table, "survived")      # of the training rows only
    x, y = prepared.transform(table), prepared.encode_target(table)

Everything that is decided is decided once, from the training rows, and said in `report()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sangja.core.errors import DamagedFileError, DataError, ForeignFileError
from sangja.data.columns import CategoryColumn, Column, NumberColumn, column_to_json, study_column
from sangja.data.table import Table, nearest, read_table
from sangja.data.targets import Target, decide_task, labelled_rows

__all__ = ["Preprocessor", "Table", "decide_task", "labelled_rows", "read_table"]

FORMAT, VERSION = "sangja.tabular", 1


@dataclass(frozen=True)
class Preprocessor:
    """How the rows of a table become features and targets, learnt from the training rows.

    Made by `fit` or `from_json`; it never changes afterwards.

    Attributes:
        columns: the columns used, in the table's order.
        target: the column predicted.
        left_out: the names of the columns that are known but not used.
        said: the lines of `report()`.
    """

    columns: tuple[Column, ...]
    target: Target
    left_out: tuple[str, ...] = ()
    said: tuple[str, ...] = ()

    @classmethod
    def fit(cls, table: Table, target: str, task: str = "auto") -> Preprocessor:
        """Learn from the training rows; those without a target are left out.

        Raises:
            DataError: a target that is missing or cannot be learnt, or no column to learn it from.
            ArgumentError: a task that does not exist.
        """
        table = labelled_rows(table, target)
        aim = Target.fit(table, target, task)
        said = [*table.notes, *aim.report(table)]
        columns: list[Column] = []
        left_out: list[str] = []
        for name in table.columns:
            if name == target:
                continue
            column, sentence = study_column(name, table.columns[name])
            said.append(sentence)
            if column is None:
                left_out.append(name)
            else:
                columns.append(column)
        if not columns:
            raise DataError(
                f"{table.source} has no column from which {target!r} can be learnt"
                + "".join(f"; {line}" for line in said if "is left out" in line)
            )
        return cls(tuple(columns), aim, tuple(left_out), tuple(said))

    @property
    def feature_names(self) -> list[str]:
        """The name of each feature, such as `age`, `age is missing` or `city=Seoul`."""
        return [name for column in self.columns for name in column.feature_names()]

    def transform(self, table: Table) -> NDArray[np.float32]:
        """The features of a table's rows, shape (n, features); `remarks` says what is odd in them.

        Raises:
            DataError: a column that is missing, or text among numbers; the text says where.
        """
        self._check_columns(table)
        parts = [c.encode(table.columns[c.name], table.lines) for c in self.columns]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def remarks(self, table: Table) -> list[str]:
        """What to say of rows that are not like the training rows: extra columns, unseen values."""
        self._check_columns(table)
        known = {c.name for c in self.columns} | {self.target.name, *self.left_out}
        lines = [
            f"column {name!r} was not there in training; it is not used"
            for name in table.columns
            if name not in known
        ]
        for column in self.columns:
            lines += column.remarks(table.columns[column.name])
        return lines

    def encode_target(self, table: Table) -> NDArray[np.float32] | NDArray[np.int64]:
        """The target of a table's rows, shape (n,): class codes, or standardised numbers.

        Raises:
            DataError: a cell that is missing, no number or no known class; the text says where.
        """
        return self.target.encode(table)

    def decode_target(self, values: ArrayLike) -> list[str] | NDArray[np.float64]:
        """Class codes back to words, or standardised numbers back to the target's own scale."""
        return self.target.decode(values)

    def report(self) -> list[str]:
        """What the user should know: how the file was read, the task, what each column became."""
        features = f"{len(self.columns)} columns become {len(self.feature_names)} features"
        return [*self.said, features]

    def _check_columns(self, table: Table) -> None:
        for column in self.columns:
            if column.name not in table.columns:
                raise DataError(
                    f"{table.source} has no column {column.name!r}, which was there in training; "
                    + nearest(column.name, table.columns)
                )

    def to_json(self) -> dict[str, Any]:
        """Everything learnt, as JSON knows it; `from_json` gives back an equal preprocessor."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "columns": [column_to_json(column) for column in self.columns],
            "target": {**vars(self.target), "classes": list(self.target.classes)},
            "left_out": list(self.left_out),
            "said": list(self.said),
        }

    @classmethod
    def from_json(cls, data: Any) -> Preprocessor:
        """The preprocessor that `to_json` wrote.

        Raises:
            ForeignFileError: the data is not a preprocessor's, or of a later version.
            DamagedFileError: it is, but something in it is missing or of the wrong kind.
        """
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise ForeignFileError(
                f"this is no description of a table's columns: it lacks 'format': {FORMAT!r}"
            )
        if data.get("version") != VERSION:
            raise ForeignFileError(
                f"this description of a table's columns has version {data.get('version')!r}, but "
                f"this sangja reads version {VERSION}; install a newer sangja"
            )
        return cls(*_read(data))


def _read(data: Mapping[str, Any]) -> tuple[Any, ...]:
    columns = [_column(part) for part in _field(data, "columns", list)]
    if not columns or len({column.name for column in columns}) < len(columns):
        raise _damaged("'columns' must be a list of columns with different names")
    return tuple(columns), _target(data), _words(data, "left_out"), _words(data, "said")


def _column(part: Any) -> Column:
    name, kind = _field(part, "name", str), _field(part, "kind", str)
    if kind == "category":
        return CategoryColumn(
            name, _words(part, "levels", distinct=True), _field(part, "has_missing", bool)
        )
    if kind not in ("number", "boolean"):
        raise _damaged(f"'kind' of column {name!r} is {kind!r}")
    mean, std, median = (_number(part, key) for key in ("mean", "std", "median"))
    if std <= 0:
        raise _damaged(f"'std' of column {name!r} is {std}")
    marks = _field(part, "marks_missing", bool)
    return NumberColumn(name, kind, mean, std, median, marks, _words(part, "strays"))


def _target(data: Mapping[str, Any]) -> Target:
    part = _field(data, "target", dict)
    target = Target(
        _field(part, "name", str),
        _field(part, "task", str),
        _field(part, "reason", str),
        _words(part, "classes", distinct=True),
        _number(part, "mean"),
        _number(part, "std"),
    )
    classes_fit = {"classification": len(target.classes) > 1, "regression": not target.classes}
    if not classes_fit.get(target.task, False) or target.std <= 0:
        raise _damaged(f"'target' is no {target.task!r} with {len(target.classes)} classes")
    return target


def _field(part: Any, key: str, kind: type) -> Any:
    """One entry of a dictionary, if it is there and of the kind that `to_json` writes."""
    if not isinstance(part, Mapping) or type(part.get(key)) is not kind:
        raise _damaged(f"{key!r} is missing or is no {kind.__name__}")
    return part[key]


def _number(part: Mapping[str, Any], key: str) -> float:
    value: float = _field(part, key, float)
    if not np.isfinite(value):
        raise _damaged(f"{key!r} is {value}")
    return value


def _words(part: Any, key: str, distinct: bool = False) -> tuple[str, ...]:
    words = _field(part, key, list)
    if not all(isinstance(word, str) for word in words):
        raise _damaged(f"{key!r} holds something that is no text")
    if distinct and len(set(words)) < len(words):
        raise _damaged(f"{key!r} holds a text twice")
    return tuple(words)


def _damaged(what: str) -> DamagedFileError:
    return DamagedFileError(f"this description of a table's columns is damaged: {what}")
