"""Operands laid out as the register tile reads them.

B becomes panels of whole vectors, `[panel][depth][columns of the panel]`, with anything after the
last column. A large A becomes the same, a panel for the rows of each tile: what a tile reads is
then one run of memory, called into the cache before it is needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sangja.backend.native.emit import TYPES, Code, Value, constant, kernel_text
from sangja.backend.native.tile import lanes_of, masks_for, maximum, minimum, read, size_of, split


def decode(b: Code, number: Value, extents: tuple[int, ...]) -> list[Value]:
    """A running number as an index along several extents."""
    index: list[Value] = []
    for n in reversed(extents):
        if n == 1:
            index.append(constant(0, "i64"))
            continue
        index.append(b.op(f"urem i64 {number.text}, {n}", "i64"))
        number = b.op(f"udiv i64 {number.text}, {n}", "i64")
    return index[::-1]


def offset_of(b: Code, index: list[Value], strides: tuple[int, ...]) -> Value:
    """The offset of an index, in elements."""
    total = constant(0, "i64")
    for i, stride in zip(index, strides, strict=True):
        if stride and i.text != "0":
            total = b.add(total, b.mul(i, stride))
    return total


def thread_share(b: Code, pieces: int) -> tuple[Value, Value]:
    """The pieces of the thread that runs a kernel: from, up to."""
    return b.share(constant(pieces, "i64"), Value("%tid", "i64"), Value("%threads", "i64"))


@dataclass(frozen=True, slots=True)
class Panels:
    """A batch of matrices, depth × columns, as panels of at most `width` columns:
    `[panel][depth][columns of the panel, in whole vectors]`.

    B's panels are whole, and the last has as few vectors as are left. A's, whose columns are the
    rows of a tile, are `even`: nearly equal as tiles are, and all as far apart.
    """

    dtype: str
    batch: tuple[int, ...]
    depth: int
    columns: int
    strides: tuple[int, ...]  # batch..., depth, columns
    width: int
    even: bool = False

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """(columns, how many) of the panels, in order."""
        if self.even:
            return split(self.columns, self.width)
        whole, rest = divmod(self.columns, self.width)
        return [(size, count) for size, count in ((self.width, whole), (rest, 1)) if size * count]

    @property
    def count(self) -> int:
        return sum(count for _, count in self.sizes)

    def line(self, columns: int) -> int:
        """Numbers from one step of the depth to the next, in a panel of so many columns."""
        lanes = lanes_of(self.dtype)
        return -(-(self.sizes[0][0] if self.even else columns) // lanes) * lanes

    @property
    def distance(self) -> int:
        """From panel to panel; where they are even a line of the cache more than they need, so
        that not all begin in one set."""
        apart = 64 // size_of(self.dtype) if self.even else 0
        return self.line(self.width) * self.depth + apart

    @property
    def elements(self) -> int:
        """Of one packed matrix."""
        if self.even:
            return self.count * self.distance
        lanes = lanes_of(self.dtype)
        return -(-self.columns // lanes) * lanes * self.depth

    @property
    def group(self) -> int:
        """Panels that are packed together, so that whole lines of memory are read."""
        return max(1, min(8, self.count // 8)) if self.strides[-1] == 1 else 1


def pack_text(panels: Panels, where: int) -> str:
    """The kernel (B, work) that packs all panels of all matrices to `work[where:]`."""
    b = Code()
    kind = TYPES[panels.dtype]
    extents = (math.prod(panels.batch), -(-panels.count // panels.group))
    first, last = thread_share(b, math.prod(extents))
    with b.loop(first, last) as piece:
        matrix, number = decode(b, piece, extents)
        index = decode(b, matrix, panels.batch)
        source = b.element(Value("%p0", "ptr"), kind, offset_of(b, index, panels.strides[:-2]))
        at = b.add(b.mul(matrix, panels.elements), where)
        low = b.mul(number, panels.group)
        high = minimum(b, b.add(low, panels.group), panels.count)
        pack_panels(b, panels, source, b.element(Value("%p1", "ptr"), kind, at), low, high)
    b.line("ret void")
    return kernel_text("pack", 2, b)


def pack_panels(
    b: Code, panels: Panels, source: Value, target: Value, low: Value, high: Value
) -> None:
    """Pack some panels of one matrix: from, up to."""
    kind = TYPES[panels.dtype]
    done = start = 0
    for columns, count in panels.sizes:
        # The panels before `done` have `start` columns.
        first, last = maximum(b, low, done), minimum(b, high, done + count)
        with b.when(b.compare("slt", first, last)):
            at = b.add(b.mul(first, columns), start - done * columns)
            here = b.element(source, kind, b.mul(at, panels.strides[-1]))
            there = b.element(target, kind, b.mul(first, panels.distance))
            if panels.strides[-1] == 1:
                copy_panels(b, panels, here, there, columns, b.sub(last, first))
            else:
                with b.loop(constant(0, "i64"), b.sub(last, first)) as number:
                    panel = b.element(here, kind, b.mul(number, columns * panels.strides[-1]))
                    to = b.element(there, kind, b.mul(number, panels.distance))
                    if panels.strides[-2] == 1:
                        turn_panel(b, panels, panel, to, columns)
                    else:
                        copy_panels(b, panels, panel, to, columns, constant(1, "i64"))
        done += count
        start += count * columns


def copy_panels(
    b: Code, panels: Panels, source: Value, target: Value, columns: int, count: Value
) -> None:
    """Neighbouring panels whose rows are read as vectors, row by row."""
    kind, lanes = TYPES[panels.dtype], lanes_of(panels.dtype)
    masks = masks_for(columns, -(-columns // lanes), lanes)
    step = panels.strides[-1]
    with b.loop(constant(0, "i64"), constant(panels.depth, "i64")) as k:
        line = b.element(source, kind, b.mul(k, panels.strides[-2]))
        to = b.element(target, kind, b.mul(k, panels.line(columns)))
        with b.loop(constant(0, "i64"), count) as number:
            here = b.element(line, kind, b.mul(number, columns * step))
            there = b.element(to, kind, b.mul(number, panels.distance))
            for j, mask in enumerate(masks):
                place = b.element(here, kind, constant(j * lanes * step, "i64"))
                x = read(b, place, kind, lanes, step, mask)
                b.store(x, b.element(there, kind, constant(j * lanes, "i64")))


def turn_panel(b: Code, panels: Panels, source: Value, target: Value, columns: int) -> None:
    """A panel whose columns lie along the depth: squares of it are transposed in registers."""
    kind, lanes = TYPES[panels.dtype], lanes_of(panels.dtype)
    width = panels.line(columns)
    parts = [(columns // lanes, lanes)] if columns >= lanes else []
    if columns % lanes:
        parts.append((1, columns % lanes))
    first = 0
    for count, here in parts:
        with b.loop(constant(first, "i64"), constant(first + count, "i64")) as strip:
            line = b.element(source, kind, b.mul(strip, lanes * panels.strides[-1]))
            to = b.element(target, kind, b.mul(strip, lanes))
            done = panels.depth // lanes * lanes
            with b.loop(constant(0, "i64"), constant(done, "i64"), lanes) as k:
                turn_square(
                    b, panels, b.element(line, kind, k), b.element(to, kind, b.mul(k, width)),
                    here, lanes, width,
                )  # fmt: skip
            if done < panels.depth:
                turn_square(
                    b, panels, b.element(line, kind, constant(done, "i64")),
                    b.element(to, kind, constant(done * width, "i64")),
                    here, panels.depth - done, width,
                )  # fmt: skip
        first += count


def turn_square(
    b: Code, panels: Panels, source: Value, target: Value, columns: int, depth: int, width: int
) -> None:
    """`columns` × `depth` numbers, at most a square of vectors."""
    kind, lanes = TYPES[panels.dtype], lanes_of(panels.dtype)
    (mask,) = masks_for(depth, 1, lanes)
    rows = [constant(0.0, kind, lanes)] * lanes
    for j in range(columns):
        place = b.element(source, kind, constant(j * panels.strides[-1], "i64"))
        rows[j] = read(b, place, kind, lanes, 1, mask)
    for i, row in enumerate(transpose(b, rows)[:depth]):
        b.store(row, b.element(target, kind, constant(i * width, "i64")))


def transpose(b: Code, rows: list[Value]) -> list[Value]:
    """As many vectors as each has lanes, transposed: in every round pairs exchange halves."""
    lanes = len(rows)
    width = 1
    while width < lanes:
        result = list(rows)
        for i in range(lanes):
            if i & width:
                continue
            x, y = rows[i], rows[i + width]
            low = [(k & ~width) + (lanes if k & width else 0) for k in range(lanes)]
            high = [(k | width) + (lanes if k & width else 0) for k in range(lanes)]
            result[i], result[i + width] = shuffle(b, x, y, low), shuffle(b, x, y, high)
        rows = result
        width *= 2
    return rows


def shuffle(b: Code, x: Value, y: Value, places: list[int]) -> Value:
    """A vector picked from two."""
    text = ", ".join(f"i32 {p}" for p in places)
    return b.op(
        f"shufflevector {x.type} {x.text}, {y.type} {y.text}, <{len(places)} x i32> <{text}>",
        x.kind,
        len(places),
    )
