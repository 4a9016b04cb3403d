"""Products whose operands both lie along the reduction: C[m, n] = Σ A[m, k] · B[n, k].

Vectors run along k, so nothing is packed and nothing broadcast; each sum ends up spread over the
lanes of a vector, and the sums of a row of the tile are brought together at the end. That costs as
much as some thirty steps of the reduction: right where the reduction is long and B is not used by
enough rows to be worth packing, and for a matrix times a vector.
"""

from __future__ import annotations

import functools
import math

from sangja.backend.native import epilogue
from sangja.backend.native.emit import SIZES, TYPES, Code, Value, constant, kernel_text
from sangja.backend.native.llvm import vector_registers
from sangja.backend.native.packing import decode, offset_of, thread_share
from sangja.backend.native.spec import Gemm, swapped
from sangja.backend.native.tile import LATENCY, Sums, lanes_of, masks_for, minimum, read, split

WIDEST = 8  # columns of a tile: their sums become one short vector
NEAR = 8 << 10  # numbers that stay in the first cache
LINE = 64  # bytes of a cache line
DEEPEST = 5 << 10  # bytes of a row: so those of a tile's columns stay in the first cache


@functools.cache
def tile_shape(m: int, n: int, k: int, lanes: int) -> tuple[int, int]:
    """Rows and columns of the tile that needs the fewest cycles."""
    best, found = float("inf"), (1, 1)
    for columns in range(1, min(n, WIDEST, lanes) + 1):
        for rows in range(1, min(m, WIDEST) + 1):
            if rows * columns + min(rows, columns) + 1 > vector_registers() - 2:
                break
            cost = sum(
                i * j * tile_cycles(r, c, -(-k // lanes), lanes, (m + c) * k > NEAR)
                for r, i in split(m, rows)
                for c, j in split(n, columns)
            )
            cost *= 1 + 0.01 * (len(split(m, rows)) + len(split(n, columns)))
            if cost < best * 0.999:
                best, found = cost, (rows, columns)
    return found


def tile_cycles(rows: int, columns: int, steps: int, lanes: int, far: bool) -> float:
    """Cycles of a tile, whose rows come from the first cache or, `far`, from the second."""
    step = max(rows * columns / 2, (rows + columns) / 2, 2 * rows * far, LATENCY) + 0.3
    joined = 1 << (columns - 1).bit_length()
    return steps * step + rows * (1.5 * joined + math.log2(lanes / joined))


def across(b: Code, sums: list[Value]) -> Value:
    """One vector of the sums over all lanes of several vectors: pairs of them are joined, half of
    the lanes each, until one is left, whose halves are added up."""
    lanes, unit = sums[0].lanes, 1
    kind = sums[0].kind

    def pick(x: Value, y: Value, places: list[int]) -> Value:
        chosen = ", ".join(f"i32 {p}" for p in places)
        return b.op(
            f"shufflevector {x.type} {x.text}, {y.type} {y.text}, <{len(places)} x i32> <{chosen}>",
            kind,
            len(places),
        )

    while len(sums) > 1:
        pairs = zip(sums[::2], [*sums[1::2], sums[-1]][: -(-len(sums) // 2)], strict=True)
        low = [i + j for j in range(0, lanes, 2 * unit) for i in range(unit)]
        order = [p for s in range(0, len(low), unit) for start in (0, lanes)
                 for p in (start + q for q in low[s : s + unit])]  # fmt: skip
        sums = [b.add(pick(x, y, order), pick(x, y, [p + unit for p in order])) for x, y in pairs]
        unit *= 2
    (x,) = sums
    while x.lanes > unit:
        half = x.lanes // 2
        x = b.add(pick(x, x, list(range(half))), pick(x, x, list(range(half, x.lanes))))
    return x


class Dots:
    """The kernel (a, b, c, operands…): c[m, n] (+)= Σ a[m, k] · b[n, k].

    `a`, `x`, `c` and the operands' strides: batch..., then (m, k), (n, k), (m, n), (m, n); that of
    a along k may be any, that of b is 1.
    """

    def __init__(self, g: Gemm) -> None:
        self.batch, self.m, self.n, self.k = g.batch, g.m, g.n, g.k
        self.a, self.x = g.a, swapped(g.b)
        self.accumulate, self.steps, self.operands = g.accumulate, g.epilogue, g.operands
        self.b, self.kind, self.lanes = Code(), TYPES[g.dtype], lanes_of(g.dtype)
        self.outs = epilogue.outs(g)
        # Whether all rows begin alike within a cache line.
        strides = (*self.a[:-1], *self.x[:-1])
        self.even = self.k >= 4 * self.lanes and all(
            s * SIZES[self.kind] % LINE == 0 for s in strides
        )
        rows, columns = tile_shape(self.m, self.n, self.k, self.lanes)
        self.down, self.along = split(self.m, rows), split(self.n, columns)
        self.sums = {
            (r, c): Sums(self.b, r, c, g.dtype) for r, _ in self.down for c, _ in self.along
        }

    def text(self) -> str:
        """A piece of work: the columns of one tile, whose rows of B stay near, and all rows."""
        b = self.b
        tiles = sum(count for _, count in self.along)
        first, last = thread_share(b, math.prod(self.batch) * tiles)
        operands = [(self.kind, self.a), (self.kind, self.x), *self.outs]
        with b.loop(first, last) as piece:
            *index, tile = decode(b, piece, (*self.batch, tiles))
            a, x, *places = [
                b.element(Value(f"%p{i}", "ptr"), kind, offset_of(b, index, s[:-2]))
                for i, (kind, s) in enumerate(operands)
            ]
            done = start = 0
            for columns, count in self.along:
                inside = b.compare("slt", tile, constant(done + count, "i64"))
                if done:
                    after = b.compare("sge", tile, constant(done, "i64"))
                    inside = b.binary("and", inside, after)
                with b.when(inside):
                    column = b.add(b.mul(tile, columns), start - done * columns)
                    here = b.element(x, self.kind, b.mul(column, self.x[-2]))
                    targets = [
                        b.element(p, kind, b.mul(column, s[-1]))
                        for p, (kind, s) in zip(places, self.outs, strict=True)
                    ]
                    self.columns(a, here, targets, columns)
                done, start = done + count, start + count * columns
        b.line("ret void")
        return kernel_text("dots", len(operands), b)

    def columns(self, a: Value, x: Value, places: list[Value], columns: int) -> None:
        """The tiles of some columns, from top to bottom."""
        b, done = self.b, 0
        for rows, count in self.down:
            with b.loop(constant(0, "i64"), constant(count, "i64")) as i:
                top = b.add(b.mul(i, rows), done)
                here = b.element(a, self.kind, b.mul(top, self.a[-2]))
                targets = [
                    b.element(p, kind, b.mul(top, s[-2]))
                    for p, (kind, s) in zip(places, self.outs, strict=True)
                ]
                self.tile(here, x, targets, rows, columns)
            done += rows * count

    def tile(self, a: Value, x: Value, places: list[Value], rows: int, columns: int) -> None:
        """The sums of one tile, and what becomes of them."""
        b = self.b
        sums = self.sums[rows, columns]
        self.multiply(a, x, sums)
        for i in range(rows):
            row = across(b, [sums.get(i, j) for j in range(columns)])
            (mask,) = masks_for(columns, 1, row.lanes)
            at = [
                b.element(p, kind, constant(i * s[-2], "i64"))
                for p, (kind, s) in zip(places, self.outs, strict=True)
            ]
            if self.accumulate:
                step = self.outs[0][1][-1]
                row = b.add(read(b, at[0], self.kind, row.lanes, step, mask), row)
            epilogue.put(b, row, self.steps, at, self.outs, self.operands, mask)

    def multiply(self, a: Value, x: Value, sums: Sums) -> None:
        """The reduction: a masked beginning up to where the rows of B meet a cache line, vectors
        that lie within lines, and a masked end."""
        b, lanes = self.b, self.lanes
        sums.clear()
        count, head = constant(self.k, "i64"), constant(0, "i64")
        if self.even:
            size = SIZES[self.kind]
            place = b.op(f"ptrtoint ptr {x.text} to i64", "i64")
            past = b.op(f"lshr i64 {place.text}, {int(math.log2(size))}", "i64")
            head = b.binary("and", b.sub(constant(0, "i64"), past), constant(lanes - 1, "i64"))
            head = minimum(b, head, self.k)
            with b.when(b.compare("ne", head, constant(0, "i64"))):
                self.turn(a, x, sums, constant(0, "i64"), head)
            left = b.sub(count, head)
            whole = b.add(head, b.binary("and", left, constant(-lanes, "i64")))
        else:
            whole = constant(self.k // lanes * lanes, "i64")
        with b.loop(head, whole, lanes) as k:
            self.turn(a, x, sums, k, None)
        if self.even or self.k % lanes:
            left = b.sub(count, whole)
            with b.when(b.compare("ne", left, constant(0, "i64"))):
                self.turn(a, x, sums, whole, left)

    def turn(self, a: Value, x: Value, sums: Sums, k: Value, left: Value | None) -> None:
        """One step, from k on; of so many numbers as are `left`."""
        b, kind, lanes = self.b, self.kind, self.lanes
        mask = None
        if left is not None:
            order = ", ".join(f"i64 {i}" for i in range(lanes))
            mask = b.compare("slt", Value(f"<{order}>", "i64", lanes), b.splat(left, lanes))
        a = b.element(a, kind, b.mul(k, self.a[-1]))
        x = b.element(x, kind, k)
        vectors = [
            read(b, sums.place(a, i * self.a[-2]), kind, lanes, self.a[-1], mask)
            for i in range(sums.rows)
        ]
        for j in range(sums.vectors):
            y = read(b, sums.place(x, j * self.x[-2]), kind, lanes, 1, mask)
            for i, z in enumerate(vectors):
                sums.put(i, j, b.fma(y, z, sums.get(i, j)))


__all__ = ["DEEPEST", "Dots"]
