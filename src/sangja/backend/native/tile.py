"""The register tile: a small block of a product, whose sums stay in registers.

All products here, of matrices, of images with weights, of gradients with images, are the same inner
loop: for each step of the reduction, one vector load or more of B, and for each row of the tile one
number of A multiplied with them all. What differs is how far one goes in A and in B from step to
step, and that is data: a list of `Loop`s. All distances are known when a tile is written, so its
rows need no pointers of their own.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from sangja.backend.native.emit import TYPES, Code, Value, constant
from sangja.backend.native.llvm import vector_bytes, vector_registers

Mask = Value | None
MOST_SUMS = 28  # of a tile; more spill as soon as the scheduler moves a load
LATENCY = 4.0  # cycles of a multiply-add; two start in a cycle


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop of the reduction: how often, and how far A and B go on, in elements."""

    count: int | Value
    a: int
    b: int


def size_of(dtype: str) -> int:
    """Bytes of a number."""
    return 8 if dtype == "f8" else 4


def lanes_of(dtype: str) -> int:
    """How many numbers a vector register holds."""
    return vector_bytes() // size_of(dtype)


def split(count: int, most: int) -> list[tuple[int, int]]:
    """(size, how many) of pieces of at most `most` and nearly equal size that make up `count`,
    larger ones first."""
    pieces = -(-count // most)
    size, more = divmod(count, pieces)
    return [(s, n) for s, n in ((size + 1, more), (size, pieces - more)) if n]


@functools.cache
def tile_shape(rows: int, columns: int, dtype: str, widest: int = 8) -> tuple[int, int]:
    """Rows and vectors of the tile that needs the fewest cycles for `rows` × `columns`.

    A step of r × v takes r·v/2 cycles for its multiply-adds, (r + v)/2 for its loads, and no less
    than a multiply-add's latency. What does not fill a tile is done by a smaller one, whose code
    costs time to compile. `widest`: vectors whose panel still fits into the first cache.
    """
    total = -(-columns // lanes_of(dtype))
    best, found = float("inf"), (1, 1)
    for v in range(1, min(total, max(2, widest), 8) + 1):
        for r in range(1, min(rows, MOST_SUMS) + 1):
            if r * v + v + 1 > vector_registers() or r * v > MOST_SUMS:
                break
            pieces, cost = split(rows, r), 0.0
            for width, panels in ((v, total // v), (total % v, 1)):
                if width and panels:
                    cost += panels * sum(n * step_cycles(size, width) for size, n in pieces)
            cost *= 1 + 0.01 * (len(pieces) + (total % v > 0))
            if cost < best * 0.999:
                best, found = cost, (r, v)
    return found


def step_cycles(rows: int, vectors: int) -> float:
    """Cycles of one step of the reduction in a tile, with its share of beginning and end."""
    return max(rows * vectors / 2, (rows + vectors + 1) / 2, LATENCY) + 0.35


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
        return self.b.op(f"load {self.type}, ptr {room.text}", self.kind, self.lanes)

    def put(self, i: int, j: int, x: Value) -> None:
        self.b.line(f"store {x.type} {x.text}, ptr {self.rooms[i * self.vectors + j].text}")

    @property
    def type(self) -> str:
        return f"<{self.lanes} x {self.kind}>"

    def load(self, c: Value, offsets: Sequence[int], masks: Sequence[Mask], step: int = 1) -> None:
        """Begin with what is in memory."""
        for i, offset in enumerate(offsets):
            for j, mask in enumerate(masks):
                place = self.place(c, offset + j * self.lanes * step)
                self.put(i, j, read(self.b, place, self.kind, self.lanes, step, mask))

    def add(self, c: Value, offsets: Sequence[int], masks: Sequence[Mask], step: int = 1) -> None:
        """Add what is in memory."""
        for i, offset in enumerate(offsets):
            for j, mask in enumerate(masks):
                place = self.place(c, offset + j * self.lanes * step)
                x = read(self.b, place, self.kind, self.lanes, step, mask)
                self.put(i, j, self.b.add(x, self.get(i, j)))

    def fetch(self, c: Value, offsets: Sequence[int], vectors: int) -> None:
        """Call the places of the sums into the cache, long before they are needed."""
        for offset in offsets:
            for j in range(vectors):
                self.b.prefetch(self.place(c, offset + j * self.lanes), write=True)

    def place(self, base: Value, offset: int) -> Value:
        return self.b.element(base, self.kind, constant(offset, "i64"))

    def multiply(
        self,
        a: Value,
        offsets: Sequence[int],
        bb: Value,
        loops: Sequence[Loop],
        masks: Sequence[Mask],
        diagonal: bool = False,
        first: int = 0,
        ahead: Sequence[tuple[str, int]] = (),
    ) -> None:
        """sums[first + i, j] += A[offsets[i]] · B[j-th vector], over all loops. `masks`: for each
        vector of B which lanes may be read (None: all). `diagonal`: A has a vector where B has
        one. `ahead`: what a step calls into the cache, at these distances in A ("a") or B ("b")."""
        b = self.b
        with ExitStack() as stack:
            for loop in loops:
                if loop.count == 1:
                    continue
                count = loop.count
                stop = constant(count, "i64") if isinstance(count, int) else count
                i = stack.enter_context(b.loop(constant(0, "i64"), stop))
                a = b.element(a, self.kind, b.mul(i, loop.a))
                bb = b.element(bb, self.kind, b.mul(i, loop.b))
            for which, offset in ahead:
                b.prefetch(self.place(a if which == "a" else bb, offset))
            self.turn(a, offsets, bb, masks, diagonal, first)

    def turn(
        self,
        a: Value,
        offsets: Sequence[int],
        bb: Value,
        masks: Sequence[Mask],
        diagonal: bool,
        first: int,
    ) -> None:
        """One step of the reduction."""
        b, kind, lanes = self.b, self.kind, self.lanes
        vectors = [
            read(b, self.place(bb, j * lanes), kind, lanes, 1, mask) for j, mask in enumerate(masks)
        ]
        for i, offset in enumerate(offsets, first):
            if not diagonal:
                wide = b.splat(b.load(self.place(a, offset), kind), lanes)
            for j, y in enumerate(vectors):
                if diagonal:
                    wide = read(b, self.place(a, offset + j * lanes), kind, lanes, 1, masks[j])
                self.put(i, j, b.fma(wide, y, self.get(i, j)))

    def write(
        self,
        c: Value,
        offsets: Sequence[int],
        masks: Sequence[Mask],
        accumulate: bool = False,
        step: int = 1,
    ) -> None:
        """Store the sums, or add them to what is there."""
        b = self.b
        for i, offset in enumerate(offsets):
            for j, mask in enumerate(masks):
                place = self.place(c, offset + j * self.lanes * step)
                x = self.get(i, j)
                if accumulate:
                    x = b.add(read(b, place, self.kind, self.lanes, step, mask), x)
                write(b, x, place, step, mask)


def read(b: Code, place: Value, kind: str, lanes: int, step: int = 1, mask: Mask = None) -> Value:
    """A vector of numbers `step` elements apart; lanes without the mask are not read."""
    if step == 0:
        return b.splat(b.load(place, kind), lanes)
    if step == 1:
        return b.load(place, kind, lanes) if mask is None else b.masked_load(place, kind, mask)
    places = b.addresses(place, kind, steps_of(step, lanes))
    return b.gather(places, kind, mask or constant(1, "i1", lanes))


def write(b: Code, x: Value, place: Value, step: int = 1, mask: Mask = None) -> None:
    """Store a vector's numbers `step` elements apart."""
    if step == 1 and mask is None:
        b.store(x, place)
    elif step == 1 and mask is not None:
        b.masked_store(x, place, mask)
    else:
        places = b.addresses(place, x.kind, steps_of(step, x.lanes))
        b.scatter(x, places, mask or constant(1, "i1", x.lanes))


def steps_of(step: int, lanes: int) -> Value:
    """0, step, 2·step, …"""
    return Value("<" + ", ".join(f"i64 {i * step}" for i in range(lanes)) + ">", "i64", lanes)


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


def minimum(b: Code, x: Value, y: int) -> Value:
    limit = constant(y, "i64")
    return b.select(b.compare("slt", x, limit), x, limit)


def maximum(b: Code, x: Value, y: int) -> Value:
    limit = constant(y, "i64")
    return b.select(b.compare("sgt", x, limit), x, limit)


def cut(b: Code, number: Value, count: int, pieces: int) -> tuple[Value, Value]:
    """The part of `count` that is the `number`th of `pieces`."""
    if pieces == 1:
        return constant(0, "i64"), constant(count, "i64")
    ends = [
        b.op(f"udiv i64 {b.mul(i, count).text}, {pieces}", "i64")
        for i in (number, b.add(number, 1))
    ]
    return ends[0], ends[1]
