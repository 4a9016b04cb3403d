"""A matrix times a vector where the rows lie along memory: sums across the lanes of vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sangja.backend.native import epilogue
from sangja.backend.native.emit import TYPES, Code, Value, constant, kernel_text
from sangja.backend.native.packing import decode, offset_of, thread_share
from sangja.backend.native.spec import Step
from sangja.backend.native.tile import lanes_of, masks_for, read

AT_ONCE = 8  # rows, so that their sums hide each other's latency


class Dots:
    """The kernel (a, x, c, operands…): c[m] (+)= Σ a[m, k] · x[k].

    `a`, `x`, `c` and the operands' strides: batch..., then (m, k), (k), (m), (m).
    """

    def __init__(
        self,
        batch: tuple[int, ...],
        m: int,
        k: int,
        a: tuple[int, ...],
        x: tuple[int, ...],
        c: tuple[int, ...],
        dtype: str,
        accumulate: bool,
        steps: Sequence[Step],
        operands: Sequence[tuple[str, tuple[int, ...]]],
    ) -> None:
        self.batch, self.m, self.k, self.a, self.x = batch, m, k, a, x
        self.accumulate, self.steps, self.operands = accumulate, steps, operands
        self.b, self.kind, self.lanes = Code(), TYPES[dtype], lanes_of(dtype)
        self.outs = [(self.kind, c), *((TYPES[d], s) for d, s in operands)]
        self.sums = [self.b.variable(self.kind, self.lanes) for _ in range(AT_ONCE)]

    def text(self) -> str:
        """A piece of work: as many rows as a vector of results has lanes."""
        b, pieces = self.b, -(-self.m // self.lanes)
        first, last = thread_share(b, math.prod(self.batch) * pieces)
        with b.loop(first, last) as piece:
            *index, part = decode(b, piece, (*self.batch, pieces))
            row = b.mul(part, self.lanes)
            a = b.element(Value("%p0", "ptr"), self.kind, offset_of(b, index, self.a[:-2]))
            a = b.element(a, self.kind, b.mul(row, self.a[-2]))
            x = b.element(Value("%p1", "ptr"), self.kind, offset_of(b, index, self.x[:-1]))
            places = [
                b.element(
                    b.element(Value(f"%p{i + 2}", "ptr"), kind, offset_of(b, index, s[:-1])),
                    kind,
                    b.mul(row, s[-1]),
                )
                for i, (kind, s) in enumerate(self.outs)
            ]
            whole, rest = divmod(self.m, self.lanes)
            for rows, how in ((self.lanes, "slt"), (rest, "eq")):
                if rows and (rows == rest or whole):
                    with b.when(b.compare(how, part, constant(whole, "i64"))):
                        self.rows(a, x, places, rows)
        b.line("ret void")
        return kernel_text("dots", 2 + len(self.outs), b)

    def rows(self, a: Value, x: Value, places: list[Value], count: int) -> None:
        """`count` results as one vector."""
        b, lanes = self.b, self.lanes
        result = constant(0.0, self.kind, lanes)
        for start in range(0, count, AT_ONCE):
            here = b.element(a, self.kind, constant(start * self.a[-2], "i64"))
            for j, total in enumerate(self.totals(here, x, min(AT_ONCE, count - start))):
                result = b.op(
                    f"insertelement {result.type} {result.text}, {total.type} {total.text}, "
                    f"i32 {start + j}",
                    self.kind,
                    lanes,
                )
        (mask,) = masks_for(count, 1, lanes)
        if self.accumulate:
            step = self.outs[0][1][-1]
            result = b.add(read(b, places[0], self.kind, lanes, step, mask), result)
        epilogue.put(b, result, self.steps, places, self.outs, self.operands, mask)

    def totals(self, a: Value, x: Value, count: int) -> list[Value]:
        """The sums of `count` rows."""
        b, kind, lanes = self.b, self.kind, self.lanes
        zero = constant(0.0, kind, lanes)
        for room in self.sums[:count]:
            b.store(zero, room, 64)
        whole = self.k // lanes * lanes

        def turn(a: Value, x: Value, mask: Value | None) -> None:
            vector = read(b, x, kind, lanes, self.x[-1], mask)
            for j, room in enumerate(self.sums[:count]):
                place = b.element(a, kind, constant(j * self.a[-2], "i64"))
                y = read(b, place, kind, lanes, 1, mask)
                b.store(b.fma(y, vector, b.load(room, kind, lanes, 64)), room, 64)

        with b.loop(constant(0, "i64"), constant(whole, "i64"), lanes) as k:
            turn(b.element(a, kind, k), b.element(x, kind, b.mul(k, self.x[-1])), None)
        if whole < self.k:
            (mask,) = masks_for(self.k - whole, 1, lanes)
            end = constant(whole, "i64")
            far = constant(whole * self.x[-1], "i64")
            turn(b.element(a, kind, end), b.element(x, kind, far), mask)
        name = f"llvm.vector.reduce.fadd.v{lanes}f{32 if kind == 'float' else 64}"
        start = constant(0.0, kind)
        return [
            b.call(name, kind, 0, start, b.load(room, kind, lanes, 64), flags="reassoc ")
            for room in self.sums[:count]
        ]
