"""Operands laid out as the register tile reads them.

B becomes panels of whole vectors, `[panel][depth][columns of the panel]`, with anything after the
last column. A, where its rows lie so far apart that they meet in one set of the cache, becomes rows
at a better distance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sangja.backend.native.emit import TYPES, Code, Value, constant, kernel_text
from sangja.backend.native.tile import lanes_of, masks_for, read, size_of, write


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
    """B of `batch` matrices, depth × columns, as panels of `vectors` vectors."""

    dtype: str
    batch: tuple[int, ...]
    depth: int
    columns: int
    strides: tuple[int, ...]  # batch..., depth, columns
    vectors: int

    @property
    def width(self) -> int:
        """Columns of a whole panel."""
        return self.vectors * lanes_of(self.dtype)

    @property
    def count(self) -> int:
        return -(-self.columns // self.width)

    @property
    def elements(self) -> int:
        """Of one matrix; the last panel has as few vectors as its columns need."""
        lanes = lanes_of(self.dtype)
        return -(-self.columns // lanes) * lanes * self.depth


def pack_text(panels: Panels, where: int) -> str:
    """The kernel (B, work) that packs all panels of all matrices to `work[where:]`."""
    b = Code()
    kind = TYPES[panels.dtype]
    first, last = thread_share(b, math.prod(panels.batch) * panels.count)
    with b.loop(first, last) as piece:
        matrix, number = decode(b, piece, (math.prod(panels.batch), panels.count))
        index = decode(b, matrix, panels.batch)
        source = b.element(Value("%p0", "ptr"), kind, offset_of(b, index, panels.strides[:-2]))
        at = b.add(b.mul(matrix, panels.elements), where)
        pack_panel(b, panels, source, b.element(Value("%p1", "ptr"), kind, at), number)
    b.line("ret void")
    return kernel_text("pack", 2, b)


def pack_panel(b: Code, panels: Panels, source: Value, target: Value, number: Value) -> None:
    """Pack panel `number` of one matrix."""
    kind = TYPES[panels.dtype]
    source = b.element(source, kind, b.mul(number, panels.width * panels.strides[-1]))
    target = b.element(target, kind, b.mul(number, panels.width * panels.depth))
    whole, rest = divmod(panels.columns, panels.width)
    for columns, how in ((panels.width, "slt"), (rest, "eq")):
        if columns and (columns == rest or whole):
            with b.when(b.compare(how, number, constant(whole, "i64"))):
                if panels.strides[-1] != 1 and panels.strides[-2] == 1:
                    turn_panel(b, panels, source, target, columns)
                else:
                    copy_panel(b, panels, source, target, columns)


def copy_panel(b: Code, panels: Panels, source: Value, target: Value, columns: int) -> None:
    """A panel whose rows are read as vectors."""
    kind, lanes = TYPES[panels.dtype], lanes_of(panels.dtype)
    masks = masks_for(columns, -(-columns // lanes), lanes)
    step = panels.strides[-1]
    with b.loop(constant(0, "i64"), constant(panels.depth, "i64")) as k:
        line = b.element(source, kind, b.mul(k, panels.strides[-2]))
        to = b.element(target, kind, b.mul(k, len(masks) * lanes))
        for j, mask in enumerate(masks):
            place = b.element(line, kind, constant(j * lanes * step, "i64"))
            x = read(b, place, kind, lanes, step, mask)
            b.store(x, b.element(to, kind, constant(j * lanes, "i64")))


def turn_panel(b: Code, panels: Panels, source: Value, target: Value, columns: int) -> None:
    """A panel whose columns lie along the depth: squares of it are transposed in registers."""
    kind, lanes = TYPES[panels.dtype], lanes_of(panels.dtype)
    width = -(-columns // lanes) * lanes
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


@dataclass(frozen=True, slots=True)
class Rows:
    """A of `batch` matrices, rows × depth, to be copied.

    Where columns are contiguous, the copy has columns `distance` apart, else it has rows so.
    """

    dtype: str
    batch: tuple[int, ...]
    rows: int
    depth: int
    strides: tuple[int, ...]  # batch..., row, depth

    @property
    def by_columns(self) -> bool:
        return self.strides[-2] == 1 and self.strides[-1] != 1

    @property
    def inner(self) -> tuple[int, int]:
        """Extent and stride of the axis that is contiguous in the copy."""
        return (self.rows, self.strides[-2]) if self.by_columns else (self.depth, self.strides[-1])

    @property
    def outer(self) -> tuple[int, int]:
        return (self.depth, self.strides[-1]) if self.by_columns else (self.rows, self.strides[-2])

    @property
    def distance(self) -> int:
        """An odd number of cache lines, so that the lines spread over all sets."""
        line = 64 // size_of(self.dtype)
        return (-(-self.inner[0] // line) | 1) * line

    @property
    def elements(self) -> int:
        return self.distance * self.outer[0]


def rows_text(rows: Rows, where: int) -> str:
    """The kernel (A, work) that copies A to `work[where:]`."""
    b = Code()
    kind, lanes = TYPES[rows.dtype], lanes_of(rows.dtype)
    (extent, step), (count, stride) = rows.inner, rows.outer
    first, last = thread_share(b, math.prod(rows.batch) * count)
    whole = extent // lanes * lanes
    with b.loop(first, last) as piece:
        *index, line = decode(b, piece, (*rows.batch, count))
        offset = b.add(offset_of(b, index, rows.strides[:-2]), b.mul(line, stride))
        source = b.element(Value("%p0", "ptr"), kind, offset)
        at = b.add(b.mul(piece, rows.distance), where)
        target = b.element(Value("%p1", "ptr"), kind, at)
        with b.loop(constant(0, "i64"), constant(whole, "i64"), lanes) as i:
            x = read(b, b.element(source, kind, b.mul(i, step)), kind, lanes, step)
            b.store(x, b.element(target, kind, i))
        if whole < extent:
            (mask,) = masks_for(extent - whole, 1, lanes)
            place = b.element(source, kind, constant(whole * step, "i64"))
            x = read(b, place, kind, lanes, step, mask)
            write(b, x, b.element(target, kind, constant(whole, "i64")), 1, mask)
    b.line("ret void")
    return kernel_text("rows", 2, b)
