"""Labels and indices of a call, looked at before any work: within their bounds, or refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sangja.backend.native import llvm
from sangja.backend.native.address import address_of
from sangja.backend.native.nest import Nest, Operand, Step, build
from sangja.backend.native.team import Command, Program
from sangja.compile.graph import Node
from sangja.compile.tasks import short
from sangja.core.errors import OutOfRangeError


class Bounds:
    """`allowed`: "wrap" if negative numbers count from the end, or a number that is let pass
    (`ignore_index`), or None. A kernel looks where there is one: NumPy's call takes ten times as
    long as a look at a few labels."""

    def __init__(self, node: Node, count: int, allowed: Any) -> None:
        self.low, self.count, self.allowed = -count if allowed == "wrap" else 0, count, allowed
        self.dtype, self.last = node.dtype, None
        self.program: Program | None = None
        if llvm.available() and node.size and node.dtype.kind in "iu":
            self.found = np.zeros(1, bool)
            self.flag = self.found.data
            self.program = Program(
                [Command(build(outside(node, self.low, count)), (0, 1), serial=True)],
                [0, address_of(self.found)],
            )

    def check(self, values: Any) -> None:
        """Raises `OutOfRangeError` with the first wrong number and its place."""
        program = self.program
        if program is not None and values.flags.c_contiguous and values.dtype == self.dtype:
            if values is not self.last:
                self.last = values
                program.set_pointer(0, address_of(values))
            program.alone()
            if not self.flag[0]:
                return
        elif not values.size or (values.min() >= self.low and values.max() < self.count):
            return
        wrong = (values < self.low) | (values >= self.count)
        if isinstance(self.allowed, int):
            wrong &= values != self.allowed
        if wrong.any():
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise OutOfRangeError(
                f"compiled step: {int(values[place])} at position {list(place)} is out of "
                f"bounds: indices and labels go from {self.low} to {self.count - 1} here"
            )


def outside(node: Node, low: int, count: int) -> Nest:
    """Whether any number lies beyond the bounds."""
    size, dtype = math.prod(node.shape), short(node.dtype)
    return Nest(
        (1,),
        (size,),
        (Operand(dtype, (0,), (1,)), Operand("b1", (0,), (0,))),
        (
            Step("load", (), dtype, 0),
            Step("cast", (0,), "i8"),
            Step("const", (), "i8", value=low),
            Step("less", (1, 2), "b1"),
            Step("const", (), "i8", value=count),
            Step("greater_equal", (1, 4), "b1"),
            Step("logical_or", (3, 5), "b1"),
            Step("any", (6,), "b1"),
            Step("store", (7,), "", 1),
        ),
    )
