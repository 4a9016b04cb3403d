"""How one column of a table becomes features: its kind, and the numbers that stand for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sangja.core.errors import DataError
from sangja.data.cells import DECIMAL_COMMA, is_date, is_missing, parse_boolean, parse_number

MAX_LEVELS = 30
NUMERIC_SHARE = 0.95
DISTINCT_SHARE = 0.9
ROW_NAMES = frozenset(["id", "index", "idx", "no", "no.", "row", "uuid", "key", "번호", "순번"])
PARSERS: dict[str, tuple[Callable[[str], float | None], str]] = {
    "number": (parse_number, "a number"),
    "boolean": (parse_boolean, "a yes-or-no value such as true or false"),
}
Features = NDArray[np.float64]


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers, or of yes and no as 1 and 0: (x − mean) / std.

    A missing cell takes the training rows' median. Where the training rows had any, a second
    feature is 1 where the cell was missing, so that a model can tell a guess from a number.

    Attributes:
        kind: "number" or "boolean".
        marks_missing: whether the second feature exists.
        strays: texts found among the numbers of the training rows; they count as missing.
    """

    name: str
    kind: str
    mean: float
    std: float
    median: float
    marks_missing: bool
    strays: tuple[str, ...] = ()

    @staticmethod
    def fit(name: str, kind: str, cells: Sequence[str]) -> NumberColumn:
        """The statistics of the training rows (those of the cells that hold a number)."""
        parse, _ = PARSERS[kind]
        values = [parse(cell) for cell in cells]
        strays = {
            cell
            for cell, value in zip(cells, values, strict=True)
            if value is None and not is_missing(cell)
        }
        known = np.array([value for value in values if value is not None])
        mean, std = mean_and_std(known)
        median = float(np.median(known))
        return NumberColumn(
            name, kind, mean, std, median, len(known) < len(cells), tuple(sorted(strays))
        )

    def feature_names(self) -> list[str]:
        return [self.name, f"{self.name} is missing"] if self.marks_missing else [self.name]

    def is_missing(self, cell: str) -> bool:
        return is_missing(cell) or cell in self.strays

    def encode(self, cells: Sequence[str], lines: Sequence[int]) -> Features:
        """The features of some rows, shape (n, 1) or (n, 2).

        Raises:
            DataError: a cell that is neither a number nor missing; the text names its line.
        """
        parse, expected = PARSERS[self.kind]
        values = np.full(len(cells), self.median)
        missing = np.zeros(len(cells))
        for row, cell in enumerate(cells):
            value = parse(cell)
            if value is not None:
                values[row] = value
            elif self.is_missing(cell):
                missing[row] = 1.0
            else:
                raise DataError(
                    f"column {self.name!r}, line {lines[row]}: {cell!r} is not {expected}; correct "
                    "it, or leave the cell empty if the value is not known"
                )
        scaled = standardize(values, self.mean, self.std)
        return np.stack([scaled, missing] if self.marks_missing else [scaled], axis=1)

    def remarks(self, cells: Sequence[str]) -> list[str]:
        """What to say about rows that are not like the training rows."""
        missing = sum(map(self.is_missing, cells))
        if self.marks_missing or not missing:
            return []
        return [
            f"column {self.name!r} is missing in {missing} of {len(cells)} rows, though never in "
            f"training; its median {self.median:g} was taken"
        ]


@dataclass(frozen=True)
class CategoryColumn:
    """A column of words: one feature per level that is 1 where the cell is that level, else 0.

    The last feature, "(other)", is 1 for every word that is not a level. Where cells were missing
    in the training rows, "(missing)" stands before it; elsewhere a missing cell is an "(other)".
    """

    name: str
    levels: tuple[str, ...]
    has_missing: bool

    @staticmethod
    def fit(name: str, cells: Sequence[str]) -> CategoryColumn:
        """The levels of the training rows, the most frequent `MAX_LEVELS` if there are more."""
        counts = Counter(cell for cell in cells if not is_missing(cell))
        frequent = sorted(counts, key=lambda level: (-counts[level], level))[:MAX_LEVELS]
        return CategoryColumn(name, tuple(sorted(frequent)), any(map(is_missing, cells)))

    def feature_names(self) -> list[str]:
        buckets = [*self.levels, *(["(missing)"] if self.has_missing else []), "(other)"]
        return [f"{self.name}={bucket}" for bucket in buckets]

    def encode(self, cells: Sequence[str], lines: Sequence[int]) -> Features:
        """The features of some rows, shape (n, levels + 1 or 2); `lines` is not needed here."""
        width = len(self.feature_names())
        places = {level: i for i, level in enumerate(self.levels)}
        hot = [
            width - 2 if self.has_missing and is_missing(cell) else places.get(cell, width - 1)
            for cell in cells
        ]
        return np.eye(width)[np.array(hot, np.intp)]

    def remarks(self, cells: Sequence[str]) -> list[str]:
        """What to say about rows that are not like the training rows."""
        known = set(self.levels)
        unseen = Counter(cell for cell in cells if cell not in known and not is_missing(cell))
        remarks = []
        if unseen:
            shown = ", ".join(repr(word) for word, _ in unseen.most_common(3))
            more = ", …" if len(unseen) > 3 else ""
            remarks.append(
                f"column {self.name!r} holds {len(unseen)} value(s) that are no level of it "
                f"({shown}{more}), in {sum(unseen.values())} of {len(cells)} rows; they count as "
                "'(other)'"
            )
        missing = sum(map(is_missing, cells))
        if missing and not self.has_missing:
            remarks.append(
                f"column {self.name!r} is missing in {missing} of {len(cells)} rows, though never "
                "in training; it counts as '(other)' there"
            )
        return remarks


Column = NumberColumn | CategoryColumn


def mean_and_std(values: Features) -> tuple[float, float]:
    """Mean and population standard deviation, as scikit-learn's StandardScaler; of equal values 1.

    The values are first divided by the largest, so that no square overflows.
    """
    largest = float(np.abs(values).max()) or 1.0
    scaled = values / largest
    std = float(scaled.std()) * largest
    # Equal values may leave a rounding error instead of 0, which would blow them up.
    equal = values.min() == values.max() or std == 0.0
    return float(scaled.mean()) * largest, 1.0 if equal else std


def standardize(values: Features, mean: float, std: float) -> Features:
    """(x − mean) / std, held within what float32 can say."""
    limit = float(np.finfo(np.float32).max)
    with np.errstate(over="ignore"):
        return np.clip((values - mean) / std, -limit, limit)


def study_column(name: str, cells: Sequence[str]) -> tuple[Column | None, str]:
    """The column that the training cells make, or None; and the sentence that says so."""
    present = [cell for cell in cells if not is_missing(cell)]
    reason = _reason_to_leave_out(name, present, len(cells))
    if reason:
        return None, f"column {name!r} is left out: {reason}"
    for kind, (parse, _) in PARSERS.items():
        understood = sum(parse(cell) is not None for cell in present)
        # A few stray texts among numbers are slips; a third word beside yes and no is a category.
        needed = NUMERIC_SHARE if kind == "number" else 1.0
        if understood >= needed * len(present):
            number = NumberColumn.fit(name, kind, cells)
            return number, _describe_number(number, cells)
    category = CategoryColumn.fit(name, cells)
    return category, _describe_category(category, cells)


def _reason_to_leave_out(name: str, present: Sequence[str], rows: int) -> str:
    distinct = len(set(present))
    if not present:
        return "it is empty"
    if distinct == 1 and len(present) == rows:
        return f"it is {present[0]!r} in every row"
    if all(map(is_date, present)):
        return "it holds dates; add columns of numbers made from them, such as year or month"
    numbers = sum(parse_number(cell) is not None for cell in present)
    if numbers == len(present):
        counts_rows = name.casefold() in ROW_NAMES or name.endswith(
            ("_id", "_ID", "Id", "ID", " id")
        )
        if counts_rows and distinct == len(present):
            return "its name and its values, all different, say that it only numbers the rows"
        return ""
    if numbers >= NUMERIC_SHARE * len(present):
        return ""
    if all(DECIMAL_COMMA.fullmatch(c) or parse_number(c) is not None for c in present):
        return "its numbers have a decimal comma; write 3.14 instead of 3,14"
    if distinct >= DISTINCT_SHARE * len(present) and distinct > 2:
        return (
            f"{distinct} of its {len(present)} values are different, like names, identifiers or "
            "free text"
        )
    return ""


def _describe_number(column: NumberColumn, cells: Sequence[str]) -> str:
    what = "numbers" if column.kind == "number" else "yes or no"
    text = f"column {column.name!r}: {what}"
    if column.strays:
        shown = ", ".join(repr(stray) for stray in column.strays[:3])
        more = ", …" if len(column.strays) > 3 else ""
        text += f" (the texts {shown}{more} count as missing)"
    missing = sum(map(column.is_missing, cells))
    if missing:
        text += (
            f"; {missing} of {len(cells)} are missing: filled with the median {column.median:g}, "
            "and marked in a feature of their own"
        )
    if any(cell.endswith("%") for cell in cells):
        text += "; a percent sign means hundredths"
    return text


def _describe_category(column: CategoryColumn, cells: Sequence[str]) -> str:
    distinct = len({cell for cell in cells if not is_missing(cell)})
    text = f"column {column.name!r}: {distinct} categories"
    if distinct > len(column.levels):
        text += f", of which the {len(column.levels)} most frequent are kept"
    missing = sum(map(is_missing, cells))
    return text + (f"; {missing} of {len(cells)} are missing, a category too" if missing else "")


def column_to_json(column: Column) -> dict[str, Any]:
    """The column as JSON knows it; floats are kept to the last bit."""
    if isinstance(column, CategoryColumn):
        return {
            "kind": "category",
            "name": column.name,
            "levels": list(column.levels),
            "has_missing": column.has_missing,
        }
    return {**vars(column), "strays": list(column.strays)}
