"""The gradient of a convolution's weight, as tiles whose reduction goes over the pixels.

dw[r, s, c, k] = Σ x[b, i·sy + r·dy − top, j·sx + s·dx − left, c] · g[b, i, j, k] over (b, i, j):
for every tap (r, s) those pixels that it meets in the image. Where channels are few, those of all
taps of a row or of the window make one tile; that needs an image with its border.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sangja.backend.native.emit import TYPES, Code, Value, constant, kernel_text
from sangja.backend.native.image import Builder, Conv, padded
from sangja.backend.native.llvm import compile_kernel
from sangja.backend.native.matmul import Plan
from sangja.backend.native.packing import decode, thread_share
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
    write,
)

PIXELS = 384  # of a block, which stays in the second cache while all taps pass over it
PARTIAL = 4 << 20  # bytes the sums of all parts may take
UNITS = 8
ONCE = 64  # pixels before which those that are read once are called into the first cache,
APART = 16  # and those of which not all are read
FEW = 16  # channels below which the taps of a row are rows of one tile
WINDOW = 32  # numbers up to which the whole window is


@dataclass(frozen=True, slots=True)
class Walk:
    """How x is read: strides of (image, row, pixel), rows and pixels it has, and where tap (0, 0)
    of pixel (0, 0) lies; `joined`: the taps of a row, or of the window, are rows of one
    tile."""

    x: tuple[int, int, int]
    image: tuple[int, int]
    first: tuple[int, int]
    joined: bool


def weight_gradient(conv: Conv) -> Plan:
    """Partial sums of parts of the batch, which are summed up and brought to (K, C, R, S)."""
    _, channels, height, width = conv.image
    made = Builder(conv.dtype)
    (top, bottom), (left, right) = conv.padding
    joined = conv.groups == 1 and channels < FEW and conv.dilation[1] == 1 and conv.weight[3] > 1
    where, source = 0, "x"
    if joined:
        where, strides, source = padded(made, conv, conv.image, conv.padding, "x")
        size = (height + top + bottom, width + left + right)
        walk = Walk(strides, size, (0, 0), True)
    else:
        strides = (height * width * channels, width * channels, channels)
        walk = Walk(strides, (height, width), (-top, -left), False)
    writer = Writer(conv, walk)
    partial = made.room(writer.splits * writer.size)
    kernel = compile_kernel("weight", weight_text, conv, walk, where, partial)
    kernel.flops = 2 * math.prod(conv.result) * math.prod(conv.weight[1:])
    made.stage(kernel, source, "g", "work", serial=kernel.flops < 200_000)
    serial = writer.splits * writer.size < 16384
    kernel = compile_kernel("gather", sum_text, conv, walk, partial)
    made.stage(kernel, "work", "dw", serial=serial)
    return made.plan


def weight_text(conv: Conv, walk: Walk, where: int, partial: int) -> str:
    """The kernel (x, g, work); the image lies at `where`, the sums at `partial`."""
    return Writer(conv, walk).text(where, partial)


class Writer:
    """The kernel (x, g, work): sums[split][group][tap, channel][kernel of the group]."""

    def __init__(self, conv: Conv, walk: Walk) -> None:
        self.conv, self.walk = conv, walk
        kernels, few, self.r, self.s = conv.weight
        self.single = few == 1 and kernels == conv.groups
        self.groups = 1 if self.single else conv.groups
        self.kernels, self.few = kernels // self.groups, few
        # Numbers of the window that are rows of tiles, of which a loop takes as many at a time.
        if walk.joined and few * self.s * self.r <= WINDOW:
            self.taps = (1, 1)
        else:
            self.taps = (self.r, 1 if walk.joined else self.s)
        self.length = few * self.s * self.r // math.prod(self.taps)
        self.lanes, self.kind = lanes_of(conv.dtype), TYPES[conv.dtype]
        self.rows, self.vectors = tile_shape(self.length, self.kernels, conv.dtype)
        self.width = self.vectors * self.lanes
        self.panels = -(-self.kernels // self.width)
        self.size = math.prod(conv.weight)
        self.splits = self.parts()
        self.b = Code()
        columns = {min(self.width, self.kernels), self.kernels % self.width} - {0}
        self.sums = {
            (rows, v): Sums(self.b, rows, v, conv.dtype)
            for rows, _ in split(self.length, self.rows)
            for v in {-(-c // self.lanes) for c in columns}
        }

    @property
    def ahead(self) -> int:
        """Pixels before which others are called into the first cache; 0: none are."""
        if math.prod(self.taps) == 1 and not self.walk.joined:
            return ONCE
        return APART if self.conv.stride[1] > 1 else 0

    def parts(self) -> int:
        """Of the batch, so that there is work for all threads."""
        conv = self.conv
        flops = 2 * math.prod(conv.result) * math.prod(conv.weight[1:])
        most = max(1, PARTIAL // (self.size * size_of(conv.dtype)))
        wanted = -(-UNITS // (self.groups * self.panels)) if flops > 2_000_000 else 1
        return max(1, min(conv.image[0], wanted, most))

    def text(self, where: int, partial: int) -> str:
        b, conv, kind = self.b, self.conv, self.kind
        first, last = thread_share(b, self.splits * self.groups * self.panels)
        with b.loop(first, last) as unit:
            extents = (self.splits, self.groups, self.panels)
            part, group, panel = decode(b, unit, extents)
            at = b.add(b.mul(group, self.few), where)
            x = b.element(Value("%p0", "ptr"), kind, at)
            kernel = b.add(b.mul(group, self.kernels), b.mul(panel, self.width))
            g = b.element(Value("%p1", "ptr"), kind, kernel)
            if self.single:
                x = b.element(x, kind, b.mul(panel, self.width))
            at = b.add(b.mul(part, self.size), b.mul(group, self.size // self.groups))
            at = b.add(b.add(at, b.mul(panel, self.width)), partial)
            out = b.element(Value("%p2", "ptr"), kind, at)
            images = cut(b, part, conv.image[0], self.splits)
            whole, rest = divmod(self.kernels, self.width)
            for columns, how in ((self.width, "slt"), (rest, "eq")):
                if columns and (columns == rest or whole):
                    with b.when(b.compare(how, panel, constant(whole, "i64"))):
                        self.blocks(x, g, out, images, columns)
        b.line("ret void")
        return kernel_text("weight", 3, b)

    def blocks(
        self, x: Value, g: Value, out: Value, images: tuple[Value, Value], columns: int
    ) -> None:
        """Blocks of some images, or of some rows of one; in each, all taps."""
        b, kind = self.b, self.kind
        kernels, (_, _, rows, pixels) = self.kernels * self.groups, self.conv.result
        together = max(1, PIXELS // (rows * pixels))
        lines = rows if together > 1 else min(rows, max(1, -(-PIXELS // pixels)))
        zero = constant(0, "i64")
        with (
            b.loop(*images, together) as image,
            b.loop(zero, constant(rows, "i64"), lines) as line,
        ):
            begun = b.binary("or", b.compare("ne", image, images[0]), b.compare("ne", line, zero))
            left = b.sub(images[1], image)
            count = minimum(b, left, together)
            end = minimum(b, b.add(line, lines), rows)
            x_image = b.element(x, kind, b.mul(image, self.walk.x[0]))
            g_image = b.element(g, kind, b.mul(image, rows * pixels * kernels))
            with b.loop(zero, constant(math.prod(self.taps), "i64")) as tap:
                places = (x_image, g_image, out)
                self.tap(places, tap, begun, count, (line, end), columns)

    def tap(
        self,
        places: tuple[Value, Value, Value],
        tap: Value,
        begun: Value,
        images: Value,
        lines: tuple[Value, Value],
        columns: int,
    ) -> None:
        """All channels of one tap, or of a row of taps, over the pixels of a block it meets."""
        b, kind, walk, conv = self.b, self.kind, self.walk, self.conv
        (_, _, rows, pixels), (sy, sx) = conv.result, conv.stride
        r, s = decode(b, tap, self.taps)
        y = b.add(b.mul(r, conv.dilation[0]), walk.first[0])
        z = b.add(b.mul(s, conv.dilation[1]), walk.first[1])
        top, bottom = self.meets(y, walk.image[0], sy, rows)
        low = b.select(b.compare("sgt", lines[0], top), lines[0], top)
        high = b.select(b.compare("slt", lines[1], bottom), lines[1], bottom)
        if walk.joined:
            left, right = constant(0, "i64"), constant(pixels, "i64")
        else:
            left, right = self.meets(z, walk.image[1], sx, pixels)
        row, pixel = b.add(b.mul(low, sy), y), b.add(b.mul(left, sx), z)
        at = b.add(b.mul(row, walk.x[1]), b.mul(pixel, walk.x[2]))
        x = b.element(places[0], kind, at)
        kernels = self.kernels * self.groups
        at = b.mul(b.add(b.mul(low, pixels), left), kernels)
        g = b.element(places[1], kind, at)
        out = b.element(places[2], kind, b.mul(tap, self.length * self.kernels))
        loops = [
            Loop(images, walk.x[0], rows * pixels * kernels),
            Loop(b.sub(high, low), sy * walk.x[1], pixels * kernels),
            Loop(b.sub(right, left), sx * walk.x[2], kernels),
        ]
        masks = masks_for(columns, -(-columns // self.lanes), self.lanes)
        done = 0
        for size, count in split(self.length, self.rows):
            sums = self.sums[size, len(masks)]
            # Rows that do not lie together have their distances in the code, tile by tile.
            apart = self.length > self.few * self.s
            for start in range(0, count, 1 if apart else count):
                number = 1 if apart else count
                with b.loop(constant(start, "i64"), constant(start + number, "i64")) as tile:
                    row = b.add(b.mul(tile, size), done)
                    target = b.element(out, kind, b.mul(row, self.kernels))
                    if apart:
                        offsets = self.distances(done + start * size, size)
                        self.tile(sums, x, offsets, g, target, begun, loops, masks)
                    else:
                        x_tile = b.element(x, kind, row)
                        offsets = list(range(size))
                        self.tile(sums, x_tile, offsets, g, target, begun, loops, masks)
            done += size * count

    def distances(self, start: int, count: int) -> list[int]:
        """Of numbers of the whole window."""
        line = self.few * self.s
        step = self.conv.dilation[0] * self.walk.x[1]
        return [i // line * step + i % line for i in range(start, start + count)]

    def meets(self, shift: Value, extent: int, step: int, count: int) -> tuple[Value, Value]:
        """The pixels i of `count` with 0 ≤ i·step + shift < extent: from, up to."""
        b = self.b
        before = maximum(b, b.sub(constant(step - 1, "i64"), shift), 0)
        after = maximum(b, b.sub(constant(extent - 1 + step, "i64"), shift), 0)
        low = minimum(b, b.op(f"udiv i64 {before.text}, {step}", "i64"), count)
        high = minimum(b, b.op(f"udiv i64 {after.text}, {step}", "i64"), count)
        return low, high

    def tile(
        self,
        sums: Sums,
        x: Value,
        offsets: list[int],
        g: Value,
        out: Value,
        begun: Value,
        loops: list[Loop],
        masks: list[Mask],
    ) -> None:
        b = self.b
        targets = [i * self.kernels for i in range(sums.rows)]
        sums.clear()
        with b.when(begun):
            sums.load(out, targets, masks)
        ahead = []
        if self.ahead:
            ahead = [("a", self.ahead * loops[-1].a)]
            vectors = range(0, len(masks) * self.lanes, self.lanes)
            ahead += [("b", self.ahead * loops[-1].b + j) for j in vectors]
        sums.multiply(x, offsets, g, loops, masks, self.single, ahead=ahead)
        sums.write(out, targets, masks)


def sum_text(conv: Conv, walk: Walk, partial: int) -> str:
    """The kernel (work, dw): the sum of the parts, from (group, (r, s, c), k) to (k, c, r, s)."""
    b, writer = Code(), Writer(conv, walk)
    kind, lanes, kernels, few = writer.kind, writer.lanes, writer.kernels, writer.few
    taps = writer.r * writer.s
    far = few * taps  # from kernel to kernel
    first, last = thread_share(b, writer.groups * taps * few)
    with b.loop(first, last) as row:
        group, tap, channel = decode(b, row, (writer.groups, taps, few))
        line = b.element(Value("%p0", "ptr"), kind, b.add(b.mul(row, kernels), partial))
        at = b.add(b.mul(group, kernels * far), b.add(b.mul(channel, taps), tap))
        target = b.element(Value("%p1", "ptr"), kind, at)
        whole = kernels // lanes * lanes

        def part(at: Value, mask: Mask, line: Value = line, target: Value = target) -> None:
            place = b.element(target, kind, b.mul(at, far))
            total = read(b, place, kind, lanes, far, mask) if conv.accumulate else None
            for number in range(writer.splits):
                from_split = b.element(line, kind, b.add(at, number * writer.size))
                x = read(b, from_split, kind, lanes, 1, mask)
                total = x if total is None else b.add(total, x)
            assert total is not None
            write(b, total, place, far, mask)

        with b.loop(constant(0, "i64"), constant(whole, "i64"), lanes) as at:
            part(at, None)
        if whole < kernels:
            (mask,) = masks_for(kernels - whole, 1, lanes)
            part(constant(whole, "i64"), mask)
    b.line("ret void")
    return kernel_text("gather", 2, b)
