"""Kinds of arguments that say in a sentence what they expect."""

from __future__ import annotations

import math
from typing import Any

import click


class WholeNumber(click.ParamType):
    """A whole number not below `least`."""

    name = "number"

    def __init__(self, least: int, most: int = 10**9) -> None:
        self.least, self.most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            number = int(value)
        except ValueError:
            self.fail(f"{value!r} is not a whole number.", param, ctx)
        if not self.least <= number <= self.most:
            self.fail(f"{value} is not between {self.least} and {self.most:,}.", param, ctx)
        return number


class PositiveNumber(click.ParamType):
    """A finite number above 0."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number.", param, ctx)
        if not (number > 0 and math.isfinite(number)):
            self.fail(f"{value} is not a number above 0.", param, ctx)
        return number
