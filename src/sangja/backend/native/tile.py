"""The register tile: a small block of a product, whose sums stay in registers.

All products here, of matrices, of images with weights, of gradients with images, are the same inner
loop: for each step of the reduction, one vector load or two of B, and for each row of the tile one
number of A multiplied with them all. What differs is how far one goes in A and in B from step to
step, and that is data: a list of `Loop`s.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from sangja.backend.native.emit import TYPES, Code, Value, constant
from sangja.backend.native.llvm import vector_bytes, vector_registers

UNROLL = 4  # turns of the innermost loop that are written out
Mask = Value | None


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop of the reduction: how often, and how far A and B go on, in elements."""

    count: int
    a: int
    b: int


def lanes_of(dtype: str) -> int:
    """How many numbers a vector register holds."""
    return vector_bytes() // (8 if dtype == "f8" else 4)


def tile_shape(rows: int, columns: int, dtype: str, most_rows: int = 64) -> tuple[int, int]:
    """Rows and vectors of a tile for a block of `rows` × `columns`: as many sums as registers
    allow, the rows divided evenly."""
    lanes = lanes_of(dtype)
    vectors = -(-columns // lanes)
    best, result = 0.0, (1, 1)
    for nv in (1, 2, 3, 4):
        if nv > vectors:
            break
        room = (vector_registers() - nv - 1) // nv
        most = max(1, min(room, most_rows, rows))
        mr = -(-rows // -(-rows // most))
        # Of the work done, the share that is wanted; and of the loads, those that are hidden.
        useful = (rows / (-(-rows // mr) * mr)) * (vectors / (-(-vectors // nv) * nv))
        hidden = min(1.0, mr * nv / (mr + nv) / 1.0)
        busy = min(1.0, mr * nv / 10)
        score = useful * hidden * busy + 0.001 * mr * nv
        if score > best:
            best, result = score, (mr, nv)
    return result


class Sums:
    """The variables of a tile: `rows` × `vectors` sums."""

    def __init__(self, b: Code, rows: int, vectors: int, dtype: str) -> None:
        self.b, self.rows, self.vectors = b, rows, vectors
        self.kind, self.lanes = TYPES[dtype], lanes_of(dtype)
        self.rooms = [b.variable(self.kind, self.lanes) for _ in range(rows * vectors)]

    def clear(self) -> None:
        zero = constant(0.0, self.kind, self.lanes)
        for room in self.rooms:
            self.b.line(f"store {zero.type} {zero.text}, ptr {room.text}")

    def get(self, i: int, j: int) -> Value:
        room = self.rooms[i * self.vectors + j]
        zero = constant(0.0, self.kind, self.lanes)
        return self.b.op(f"load {zero.type}, ptr {room.text}", self.kind, self.lanes)

    def put(self, i: int, j: int, x: Value) -> None:
        self.b.line(f"store {x.type} {x.text}, ptr {self.rooms[i * self.vectors + j].text}")

    def multiply(
        self,
        a: Value,
        offsets: Sequence[int],
        bb: Value,
        loops: Sequence[Loop],
        masks: Sequence[Mask],
    ) -> None:
        """sums[i, j] += A[offsets[i]] · B[j-th vector], over all loops. `masks`: for each vector of
        B which lanes may be read (None: all)."""
        b = self.b
        solid = [loop for loop in loops if loop.count != 1]
        with ExitStack() as stack:
            for loop in solid[:-1]:
                i = stack.enter_context(b.loop(constant(0, "i64"), constant(loop.count, "i64")))
                a = b.element(a, self.kind, b.mul(i, loop.a))
                bb = b.element(bb, self.kind, b.mul(i, loop.b))
            if not solid:
                self.turn(a, offsets, bb, 0, 0, masks)
                return
            last = solid[-1]
            width = next(u for u in (UNROLL, 2, 1) if last.count >= u)
            whole = last.count // width * width
            with b.loop(constant(0, "i64"), constant(whole, "i64"), width) as i:
                a_here = b.element(a, self.kind, b.mul(i, last.a))
                b_here = b.element(bb, self.kind, b.mul(i, last.b))
                for u in range(width):
                    self.turn(a_here, offsets, b_here, u * last.a, u * last.b, masks)
            for u in range(whole, last.count):
                self.turn(a, offsets, bb, u * last.a, u * last.b, masks)

    def turn(
        self, a: Value, offsets: Sequence[int], bb: Value, da: int, db: int, masks: Sequence[Mask]
    ) -> None:
        """One step of the reduction."""
        b = self.b
        vectors = []
        for j, mask in enumerate(masks):
            place = b.element(bb, self.kind, constant(db + j * self.lanes, "i64"))
            if mask is None:
                vectors.append(b.load(place, self.kind, self.lanes))
            else:
                vectors.append(b.masked_load(place, self.kind, mask))
        for i, offset in enumerate(offsets):
            x = b.load(b.element(a, self.kind, constant(offset + da, "i64")), self.kind)
            wide = b.splat(x, self.lanes)
            for j, y in enumerate(vectors):
                self.put(i, j, b.fma(wide, y, self.get(i, j)))

    def write(
        self, c: Value, offsets: Sequence[int], masks: Sequence[Mask], accumulate: bool = False
    ) -> None:
        """Store the sums, or add them to what is there."""
        b = self.b
        for i, offset in enumerate(offsets):
            for j, mask in enumerate(masks):
                place = b.element(c, self.kind, constant(offset + j * self.lanes, "i64"))
                x = self.get(i, j)
                if mask is None:
                    if accumulate:
                        x = b.add(b.load(place, self.kind, self.lanes), x)
                    b.store(x, place)
                else:
                    if accumulate:
                        x = b.add(b.masked_load(place, self.kind, mask), x)
                    b.masked_store(x, place, mask)


def masks_for(columns: int, vectors: int, lanes: int) -> list[Mask]:
    """For each of a tile's vectors which lanes lie within `columns` (None: all)."""
    masks: list[Mask] = []
    for j in range(vectors):
        left = max(0, min(lanes, columns - j * lanes))
        if left == lanes:
            masks.append(None)
        else:
            bits = ", ".join(f"i1 {'true' if k < left else 'false'}" for k in range(lanes))
            masks.append(Value(f"<{bits}>", "i1", lanes))
    return masks


def transpose(b: Code, rows: list[Value]) -> list[Value]:
    """As many vectors as each has lanes, transposed: in every round pairs exchange halves."""
    lanes = len(rows)
    for round_ in range(int(math.log2(lanes))):
        width = 1 << round_
        result: list[Value] = [rows[0]] * lanes
        for i in range(lanes):
            if i & width:
                continue
            x, y = rows[i], rows[i + width]
            low, high = [], []
            for k in range(lanes):
                source = k & ~width
                low.append(source + (lanes if k & width else 0))
                high.append((source | width) + (lanes if k & width else 0))
            result[i] = shuffle(b, x, y, low)
            result[i + width] = shuffle(b, x, y, high)
        rows = result
    return rows


def shuffle(b: Code, x: Value, y: Value, places: list[int]) -> Value:
    """A vector picked from two."""
    text = ", ".join(f"i32 {p}" for p in places)
    return b.op(
        f"shufflevector {x.type} {x.text}, {y.type} {y.text}, <{len(places)} x i32> <{text}>",
        x.kind,
        len(places),
    )
