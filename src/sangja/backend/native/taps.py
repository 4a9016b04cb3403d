"""Sums over the taps of a window: the loop of a convolution and of the gradient of its image.

out[b, i, j, k] = Σ x[b, i·sy + y0 + r·dy, j·sx + x0 + s·dx, c] · w[r, s, c, k] over all (r, s, c)
whose pixel lies in the image. Nothing is copied for the border: rows of taps outside are left out
by the bounds of a loop, and those pixels of a tile that a tap does not meet by code that is written
for the tile's place in its row.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from sangja.backend.native import epilogue
from sangja.backend.native.emit import TYPES, Code, Value, constant, kernel_text
from sangja.backend.native.packing import decode, thread_share
from sangja.backend.native.spec import Step
from sangja.backend.native.tile import (
    Loop,
    Mask,
    Sums,
    cut,
    lanes_of,
    masks_for,
    maximum,
    minimum,
    read,
    size_of,
    split,
    tile_shape,
)

Pair = tuple[int, int]
INPUT = 256 << 10  # bytes of the image a unit of work covers, unless weights are larger than
WEIGHTS = 512 << 10  # these: then images pass below one panel, as many as
FAR = 1 << 20  # this has room for
UNITS = 8


@dataclass(frozen=True, slots=True)
class Taps:
    """`shape`: images, rows and pixels of the result; `image`: rows and pixels of x; `x` and `out`:
    strides of (image, row, pixel), channels are neighbours; `channels` and `kernels` are those of
    one group. `single`: one channel and one kernel a group, so that groups stand in the lanes."""

    shape: tuple[int, int, int]
    image: Pair
    x: tuple[int, int, int]
    out: tuple[int, int, int]
    steps: Pair
    first: Pair
    apart: Pair
    window: Pair
    channels: int
    kernels: int
    groups: int
    dtype: str
    single: bool = False
    starts: tuple[int, ...] = (0,)  # of the result and of the operands
    accumulate: bool = False
    epilogue: tuple[Step, ...] = ()
    operands: tuple[tuple[str, tuple[int, ...]], ...] = ()  # along image, row, pixel, kernel

    @property
    def depth(self) -> int:
        """Numbers of w for one kernel."""
        return self.window[0] * self.window[1] * self.channels

    @property
    def tile(self) -> Pair:
        """Pixels and vectors of a tile."""
        widest = max(
            2, (FAR // 2) // (max(1, self.depth) * lanes_of(self.dtype) * size_of(self.dtype))
        )
        return tile_shape(self.shape[2], self.kernels, self.dtype, widest)

    @property
    def panels(self) -> int:
        return -(-self.kernels // (self.tile[1] * lanes_of(self.dtype)))

    @property
    def elements(self) -> int:
        """Of the packed weight of one group."""
        lanes = lanes_of(self.dtype)
        return -(-self.kernels // lanes) * lanes * self.depth


def pack_taps(taps: Taps, strides: Pair, order: tuple[int, ...], group: int, where: int) -> str:
    """The kernel (w, work) that brings a weight to [group][panel][tap][channel][kernel].

    `strides`: of the weight along kernels and channels; `order`: the offset of each tap.
    """
    b = Code()
    kind, lanes = TYPES[taps.dtype], lanes_of(taps.dtype)
    width = taps.tile[1] * lanes
    extents = (taps.groups, taps.panels, len(order))
    first, last = thread_share(b, math.prod(extents))
    whole, rest = divmod(taps.kernels, width)
    with b.loop(first, last) as piece:
        which, panel, tap = decode(b, piece, extents)
        entry = b.op(
            f"getelementptr inbounds [{len(order)} x i64], ptr @order, i64 0, i64 {tap.text}", "ptr"
        )
        offset = b.add(b.load(entry, "i64"), b.mul(panel, width * strides[0]))
        offset = b.add(offset, b.mul(which, group))
        source = b.element(Value("%p0", "ptr"), kind, offset)
        start = b.add(b.mul(which, taps.elements), b.mul(panel, width * taps.depth))
        base = b.element(Value("%p1", "ptr"), kind, b.add(start, where))
        for columns, how in ((width, "slt"), (rest, "eq")):
            if not columns or (columns != rest and not whole):
                continue
            masks = masks_for(columns, -(-columns // lanes), lanes)
            with b.when(b.compare(how, panel, constant(whole, "i64"))):
                target = b.element(base, kind, b.mul(tap, taps.channels * len(masks) * lanes))
                with b.loop(constant(0, "i64"), constant(taps.channels, "i64")) as channel:
                    line = b.element(source, kind, b.mul(channel, strides[1]))
                    put = b.element(target, kind, b.mul(channel, len(masks) * lanes))
                    for j, mask in enumerate(masks):
                        at = b.element(line, kind, constant(j * lanes * strides[0], "i64"))
                        x = read(b, at, kind, lanes, strides[0], mask)
                        b.store(x, b.element(put, kind, constant(j * lanes, "i64")))
    b.line("ret void")
    table = f"[{len(order)} x i64] [" + ", ".join(f"i64 {o}" for o in order) + "]"
    return f"@order = internal constant {table}\n" + kernel_text("pack", 2, b)


Reach = tuple[Pair, ...]  # for each tap of a row, which of a tile's pixels meet the image


def reaches(taps: Taps) -> list[tuple[int, int, int, Reach]]:
    """The tiles of a row of pixels: (first pixel, pixels, how many such tiles in a row, reach)."""
    found: list[tuple[int, int, int, Reach]] = []
    start = 0
    for size, count in split(taps.shape[2], taps.tile[0]):
        for _ in range(count):
            reach = tuple(
                meets(taps, start, size, taps.first[1] + s * taps.apart[1])
                for s in range(taps.window[1])
            )
            if found and found[-1][1] == size and found[-1][3] == reach:
                found[-1] = (*found[-1][:2], found[-1][2] + 1, reach)
            else:
                found.append((start, size, 1, reach))
            start += size
    return found


def meets(taps: Taps, start: int, size: int, shift: int) -> Pair:
    """Those pixels of a tile whose tap lies within the row: from, up to."""
    step, width = taps.steps[1], taps.image[1]
    low = max(0, (step - 1 - shift) // step - start)
    high = min(size, (width - 1 - shift) // step + 1 - start)
    return (low, high) if low < high else (0, 0)


def runs(reach: Reach) -> Iterator[tuple[int, int, Pair]]:
    """Neighbouring taps that meet the same pixels: (first, how many, pixels)."""
    s = 0
    while s < len(reach):
        end = s
        while end < len(reach) and reach[end] == reach[s]:
            end += 1
        if reach[s] != (0, 0):
            yield s, end - s, reach[s]
        s = end


def taps_text(taps: Taps, where: int) -> str:
    """The kernel (x, w, out, operands…); the packed weight lies at `where` in the workspace."""
    return Writer(taps, where).text()


class Writer:
    """The kernel (x, w, out, operands…): `where` is the packed weight's place in the workspace."""

    def __init__(self, taps: Taps, where: int) -> None:
        self.taps, self.where = taps, where
        self.b, self.kind, self.lanes = Code(), TYPES[taps.dtype], lanes_of(taps.dtype)
        self.width = taps.tile[1] * self.lanes
        vectors = {min(self.width, taps.kernels), taps.kernels % self.width} - {0}
        self.sums = {
            (size, v): Sums(self.b, size, v, taps.dtype)
            for size in {tile[1] for tile in reaches(taps)}
            for v in {-(-columns // self.lanes) for columns in vectors}
        }

    def units(self) -> Pair:
        """How many pieces the rows of all images, and the panels, are cut into."""
        taps, size = self.taps, size_of(self.taps.dtype)
        batch, rows, _ = taps.shape
        line = taps.image[0] * taps.image[1] * taps.channels * taps.groups * size / rows
        heavy = taps.elements * size > WEIGHTS
        lines = max(1, int((FAR // 2 if heavy else INPUT) / max(1, line)))
        by_lines = -(-batch * rows // lines)
        flops = 2 * math.prod(taps.shape) * taps.kernels * taps.groups * taps.depth
        if flops < 2_000_000:
            return by_lines, 1
        if heavy and by_lines < UNITS:
            return by_lines, min(taps.panels, -(-UNITS // by_lines))
        return min(batch * rows, max(by_lines, UNITS)), 1

    def text(self) -> str:
        b, taps = self.b, self.taps
        batch, rows, _ = taps.shape
        by_lines, by_panels = self.units()
        first, last = thread_share(b, by_lines * taps.groups * by_panels)
        with b.loop(first, last) as unit:
            block, group, part = decode(b, unit, (by_lines, taps.groups, by_panels))
            low, high = cut(b, block, batch * rows, by_lines)
            left, right = cut(b, part, taps.panels, by_panels)
            whole, rest = divmod(taps.kernels, self.width)
            for columns, start, stop in (
                (self.width, left, minimum(b, right, whole)),
                (rest, maximum(b, left, whole), right),
            ):
                if not columns or (columns != rest and not whole):
                    continue
                with b.loop(start, stop) as panel:
                    at = b.add(b.mul(group, taps.elements), b.mul(panel, self.width * taps.depth))
                    w = b.element(Value("%p1", "ptr"), self.kind, b.add(at, self.where))
                    with b.loop(low, high) as line:
                        self.line(line, group, panel, w, columns)
        b.line("ret void")
        return kernel_text("taps", 3 + len(taps.operands), b)

    def line(self, line: Value, group: Value, panel: Value, w: Value, columns: int) -> None:
        """One row of pixels with the kernels of one panel."""
        b, taps, kind = self.b, self.taps, self.kind
        image, row = decode(b, line, taps.shape[:2])
        low, high = self.rows(row)
        start = b.add(b.mul(row, taps.steps[0]), taps.first[0])
        start = b.add(start, b.mul(low, taps.apart[0]))
        channel = b.mul(group, taps.channels)
        if taps.single:
            channel = b.mul(panel, self.width)
        at = b.add(b.add(b.mul(image, taps.x[0]), b.mul(start, taps.x[1])), channel)
        x = b.element(Value("%p0", "ptr"), kind, at)
        deep = -(-columns // self.lanes) * self.lanes
        w = b.element(w, kind, b.mul(low, taps.window[1] * taps.channels * deep))
        kernel = b.add(b.mul(group, taps.kernels), b.mul(panel, self.width))
        places = []
        for i, (scalar, strides) in enumerate(self.outs()):
            at = b.add(b.mul(image, strides[0]), b.mul(row, strides[1]))
            at = b.add(b.add(at, b.mul(kernel, strides[3])), taps.starts[i])
            places.append(b.element(Value(f"%p{i + 2}", "ptr"), scalar, at))
        count = b.sub(high, low)
        masks = masks_for(columns, deep // self.lanes, self.lanes)
        for first, size, number, reach in reaches(taps):
            with b.loop(constant(0, "i64"), constant(number, "i64")) as tile:
                pixel = b.add(b.mul(tile, size), first)
                x_tile = b.element(x, kind, b.mul(pixel, taps.steps[1] * taps.x[2]))
                targets = [
                    b.element(p, scalar, b.mul(pixel, strides[2]))
                    for p, (scalar, strides) in zip(places, self.outs(), strict=True)
                ]
                self.tile(self.sums[size, len(masks)], reach, x_tile, w, count, targets, masks)

    def outs(self) -> list[tuple[str, tuple[int, ...]]]:
        """Scalar type and strides of the result and of the epilogue's operands."""
        taps = self.taps
        return [(self.kind, (*taps.out, 1)), *((TYPES[d], s) for d, s in taps.operands)]

    def rows(self, row: Value) -> tuple[Value, Value]:
        """Which rows of taps lie within the image: from, up to."""
        b, taps = self.b, self.taps
        (count, _), apart = taps.window, taps.apart[0]
        ends = [taps.first[0] + i * taps.steps[0] for i in (0, taps.shape[1] - 1)]
        low, high = constant(0, "i64"), constant(count, "i64")
        if ends[0] < 0 or ends[1] + (count - 1) * apart >= taps.image[0]:
            top = b.add(b.mul(row, taps.steps[0]), taps.first[0])
            above = maximum(b, b.sub(constant(apart - 1, "i64"), top), 0)
            below = maximum(b, b.sub(constant(taps.image[0] - 1 + apart, "i64"), top), 0)
            low = minimum(b, b.op(f"udiv i64 {above.text}, {apart}", "i64"), count)
            high = minimum(b, b.op(f"udiv i64 {below.text}, {apart}", "i64"), count)
            high = b.select(b.compare("slt", high, low), low, high)
        return low, high

    def tile(
        self,
        sums: Sums,
        reach: Reach,
        x: Value,
        w: Value,
        count: Value,
        places: list[Value],
        masks: list[Mask],
    ) -> None:
        """One tile: for every row of taps, runs of taps that meet the same pixels."""
        b, taps, kind = self.b, self.taps, self.kind
        offsets = [j * taps.out[2] for j in range(sums.rows)]
        if taps.accumulate:
            sums.load(places[0], offsets, masks)
        else:
            sums.clear()
        deep = len(masks) * self.lanes
        joined = taps.apart[1] * taps.x[2] == taps.channels
        with b.loop(constant(0, "i64"), count) as r:
            x_row = b.element(x, kind, b.mul(r, taps.apart[0] * taps.x[1]))
            w_row = b.element(w, kind, b.mul(r, taps.window[1] * taps.channels * deep))
            for s, length, (low, high) in runs(reach):
                shift = taps.first[1] + s * taps.apart[1]
                loops = [
                    Loop(length, taps.apart[1] * taps.x[2], taps.channels * deep),
                    Loop(taps.channels, 1, deep),
                ]
                if joined:
                    loops = [Loop(length * taps.channels, 1, deep)]
                sums.multiply(
                    b.element(x_row, kind, constant(shift * taps.x[2], "i64")),
                    [j * taps.steps[1] * taps.x[2] for j in range(low, high)],
                    b.element(w_row, kind, constant(s * taps.channels * deep, "i64")),
                    loops,
                    masks if taps.single else [None] * len(masks),
                    taps.single,
                    low,
                )
        epilogue.finish(b, sums, taps.epilogue, places, self.outs(), taps.operands, masks)
