"""What one cell of a table says: nothing, a number, yes or no, a date, or just text."""

from __future__ import annotations

import math
import re

MISSING = frozenset(["", "na", "n/a", "nan", "null", "none", "?", "-"])
YES = frozenset(["true", "yes", "t", "y"])
NO = frozenset(["false", "no", "f", "n"])

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)
GROUPED = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?")
DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
DATE = re.compile(
    r"([0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.]([0-9]{4}|[0-9]{2})"
    r"|[0-9]{4}년 ?[0-9]{1,2}월 ?[0-9]{1,2}일)"
    r"([ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?( ?[AP]M)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?",
    re.IGNORECASE,
)


def is_missing(cell: str) -> bool:
    """Whether the cell says that there is no value, in one of the usual spellings.

    >>> [is_missing(cell) for cell in ["", "N/A", "nan", "-", "0", "no"]]
    [True, True, True, True, False, False]
    """
    return cell.strip().casefold() in MISSING


def parse_number(cell: str) -> float | None:
    """The number in a cell, or None; commas between thousands and a percent sign are understood.

    A decimal comma is not, because 1,234 could then be two numbers; neither are infinities.

    >>> [parse_number(cell) for cell in ["2.50", "-1e3", "1,234.5", "15%", "3,14", "12kg"]]
    [2.5, -1000.0, 1234.5, 0.15, None, None]
    """
    cell = cell.strip().replace("−", "-")
    digits = cell.removesuffix("%").rstrip()
    if GROUPED.fullmatch(digits):
        digits = digits.replace(",", "")
    elif not NUMBER.fullmatch(digits):
        return None
    value = float(digits)
    if not math.isfinite(value):
        return None
    return value / 100 if cell.endswith("%") else value


def parse_boolean(cell: str) -> float | None:
    """1.0 for yes, 0.0 for no, None for anything else.

    >>> [parse_boolean(cell) for cell in ["Yes", "false", "T", "1"]]
    [1.0, 0.0, 1.0, None]
    """
    word = cell.strip().casefold()
    if word in YES:
        return 1.0
    return 0.0 if word in NO else None


def is_date(cell: str) -> bool:
    """Whether the cell has the form of a day, with or without a time.

    >>> [is_date(cell) for cell in ["2024-02-29", "3/1/24 10:15", "2024년 3월 1일", "1.5", "2024"]]
    [True, True, True, False, False]
    """
    return DATE.fullmatch(cell.strip()) is not None
