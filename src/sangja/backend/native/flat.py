"""A few rows times a matrix whose rows lie along memory: B is read once, from end to end.

No number of B is used again, so that what counts is how it is read: some rows of B at a time, each
from left to right, with the same rows further down called into the cache. The sums of a block of
columns wait in the first cache meanwhile.
"""

from __future__ import annotations

import math

from sangja.backend.native import epilogue
from sangja.backend.native.emit import TYPES, Code, Value, constant, kernel_text
from sangja.backend.native.llvm import vector_registers
from sangja.backend.native.packing import decode, offset_of
from sangja.backend.native.spec import Gemm
from sangja.backend.native.tile import Mask, lanes_of, masks_for, maximum, minimum, read

AT_ONCE = 4  # rows of B
WIDE = 128  # vectors of a block of columns


class Flat:
    """The kernel (A, B, C, operands…): C[m, n] (+)= Σ A[m, k] · B[k, n] for few m, where B's stride
    along n is 1. Strides: batch..., then of the matrix."""

    def __init__(self, g: Gemm) -> None:
        self.batch, self.m, self.n, self.k = g.batch, g.m, g.n, g.k
        self.a, self.bs = g.a, g.b
        self.accumulate, self.steps, self.operands = g.accumulate, g.epilogue, g.operands
        self.b, self.kind, self.lanes = Code(), TYPES[g.dtype], lanes_of(g.dtype)
        self.outs = epilogue.outs(g)
        self.deep = AT_ONCE if AT_ONCE * self.m <= vector_registers() // 2 else AT_ONCE // 2
        self.wide = min(WIDE, -(-self.n // self.lanes))
        self.sums = self.b.variable(self.kind, self.lanes, self.m * self.wide)
        (self.end,) = masks_for(self.n % self.lanes or self.lanes, 1, self.lanes)

    def text(self) -> str:
        """Threads share the vectors of all products."""
        b, vectors = self.b, -(-self.n // self.lanes)
        blocks = -(-vectors // self.wide)
        tid, threads = Value("%tid", "i64"), Value("%threads", "i64")
        first, last = b.share(constant(math.prod(self.batch) * vectors, "i64"), tid, threads)
        start = b.op(f"udiv i64 {first.text}, {vectors}", "i64")
        stop = b.op(f"udiv i64 {b.add(last, vectors - 1).text}, {vectors}", "i64")
        with b.loop(start, stop) as number:
            base = b.mul(number, vectors)
            low = maximum(b, b.sub(first, base), 0)
            high = minimum(b, b.sub(last, base), vectors)
            with b.loop(constant(0, "i64"), constant(blocks, "i64")) as block:
                left = b.add(low, b.mul(block, self.wide))
                right = b.add(left, self.wide)
                right = b.select(b.compare("slt", right, high), right, high)
                with b.when(b.compare("slt", left, right)):
                    self.block(number, left, right)
        b.line("ret void")
        return kernel_text("flat", 2 + len(self.outs), b)

    def block(self, number: Value, left: Value, right: Value) -> None:
        """Some columns of a product: vectors from `left` up to `right`."""
        b, kind = self.b, self.kind
        index = decode(b, number, self.batch)
        a = b.element(Value("%p0", "ptr"), kind, offset_of(b, index, self.a[:-2]))
        bb = b.element(Value("%p1", "ptr"), kind, offset_of(b, index, self.bs[:-2]))
        bb = b.element(bb, kind, b.mul(left, self.lanes))
        # The last vector of a row may not be whole.
        whole = minimum(b, right, self.n // self.lanes)
        count, ends = b.sub(whole, left), b.compare("slt", whole, right)
        with b.loop(constant(0, "i64"), b.sub(right, left)) as v:
            for row in range(self.m):
                room = b.element(self.sums, kind, b.mul(b.add(v, row * self.wide), self.lanes))
                b.store(constant(0.0, kind, self.lanes), room, 64)
        rounds, rest = divmod(self.k, self.deep)
        with b.loop(constant(0, "i64"), constant(rounds, "i64")) as i:
            k = b.mul(i, self.deep)
            self.rows(a, bb, k, self.deep, count, ends)
        if rest:
            self.rows(a, bb, constant(self.k - rest, "i64"), rest, count, ends)
        places = [
            b.element(
                b.element(Value(f"%p{i + 2}", "ptr"), scalar, offset_of(b, index, s[:-2])),
                scalar, b.mul(b.mul(left, self.lanes), s[-1]),
            )
            for i, (scalar, s) in enumerate(self.outs)
        ]  # fmt: skip
        with b.loop(constant(0, "i64"), count) as v:
            self.finish(v, places, None)
        with b.when(ends):
            self.finish(count, places, self.end)

    def rows(self, a: Value, bb: Value, k: Value, deep: int, count: Value, ends: Value) -> None:
        """`deep` rows of B from `k` on, with their numbers of A."""
        b, kind = self.b, self.kind
        a = b.element(a, kind, b.mul(k, self.a[-1]))
        bb = b.element(bb, kind, b.mul(k, self.bs[-2]))
        numbers = [
            [
                b.splat(b.load(b.element(a, kind, constant(
                    i * self.a[-2] + r * self.a[-1], "i64")), kind), self.lanes)
                for r in range(deep)
            ]
            for i in range(self.m)
        ]  # fmt: skip
        with b.loop(constant(0, "i64"), count) as v:
            self.column(bb, v, numbers, None)
        with b.when(ends):
            self.column(bb, count, numbers, self.end)

    def column(self, bb: Value, v: Value, numbers: list[list[Value]], mask: Mask) -> None:
        """One vector of every row."""
        b, kind, lanes = self.b, self.kind, self.lanes
        at = b.mul(v, lanes)
        bb = b.element(bb, kind, at)
        rooms = [
            b.element(self.sums, kind, b.add(at, i * self.wide * lanes)) for i in range(self.m)
        ]
        totals = [b.load(room, kind, lanes, 64) for room in rooms]
        deep = len(numbers[0])
        for r in range(deep):
            place = b.element(bb, kind, constant(r * self.bs[-2], "i64"))
            x = read(b, place, kind, lanes, 1, mask)
            for i, row in enumerate(numbers):
                totals[i] = b.fma(row[r], x, totals[i])
            if mask is None:
                b.prefetch(b.element(place, kind, constant(deep * self.bs[-2], "i64")))
        for total, room in zip(totals, rooms, strict=True):
            b.store(total, room, 64)

    def finish(self, v: Value, places: list[Value], mask: Mask) -> None:
        """The epilogue on one vector of every row, and the store."""
        b, kind, lanes = self.b, self.kind, self.lanes
        for i in range(self.m):
            room = b.element(self.sums, kind, b.mul(b.add(v, i * self.wide), lanes))
            total = b.load(room, kind, lanes, 64)
            at = [
                b.element(p, scalar, b.add(b.mul(v, lanes * s[-1]), i * s[-2]))
                for p, (scalar, s) in zip(places, self.outs, strict=True)
            ]
            if self.accumulate:
                total = b.add(read(b, at[0], kind, lanes, self.outs[0][1][-1], mask), total)
            epilogue.put(b, total, self.steps, at, self.outs, self.operands, mask)
