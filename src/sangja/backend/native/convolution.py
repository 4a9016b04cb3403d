"""Convolutions in two dimensions, channels last, without unrolling the image into a matrix.

All three are tiles (`tile.Sums`). Forward, and for the image's gradient, the rows of a tile are
neighbouring pixels of the result, and the reduction goes over the taps of the window and their
channels; neighbouring taps are one run of memory. For the weight's gradient the rows are neighbouring
numbers of the window, and the reduction goes over the pixels.

Images are (B, H, W, C) in memory; weights as PyTorch stores them, (K, C, R, S), and are packed into
panels of some kernels first. Images are copied with their border of zeros where there is padding.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

from sangja.backend.native.emit import TYPES, Code, Value, constant, kernel_text
from sangja.backend.native.llvm import Kernel, compile_kernel
from sangja.backend.native.matmul import Plan, decode
from sangja.backend.native.steps import Unsupported
from sangja.backend.native.tile import Loop, Sums, lanes_of, masks_for, tile_shape

SPLITS = 8  # parts of a batch whose weight gradients are summed up at the end
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Conv:
    """`kind`: conv, conv_image or conv_weight; the shapes (B, C, H, W) of the image, (B, K, HO, WO)
    of the result, (K, C/groups, R, S) of the weight."""

    kind: str
    image: tuple[int, ...]
    result: tuple[int, ...]
    weight: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[Pair, ...]
    dilation: tuple[int, ...]
    groups: int
    dtype: str = "f4"


@dataclass(frozen=True, slots=True)
class Taps:
    """A sum over taps: out[b, i, j, :] = Σ_t x[b, i·sy + y_t, j·sx + x_t, :] · w[t].

    `x` and `out`: strides of (image, row, pixel); `shape`: images, rows and pixels of the result;
    `taps`: (y, x) of each, all within the image; `channels` in, `kernels` out.
    """

    shape: tuple[int, int, int]
    x: tuple[int, int, int]
    out: tuple[int, int, int]
    steps: Pair
    taps: tuple[Pair, ...]
    channels: int
    kernels: int
    dtype: str


def plan(conv: Conv) -> Plan:
    """The kernels of a convolution."""
    return planned(as_plane(conv))


def as_plane(conv: Conv) -> Conv:
    """A convolution in one dimension as one in two, of height 1."""
    if len(conv.image) == 4:
        return conv
    if len(conv.image) != 3:
        raise Unsupported("a convolution in three dimensions", conv.dtype)

    def higher(shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:2], 1, *shape[2:])

    return Conv(
        conv.kind, higher(conv.image), higher(conv.result), higher(conv.weight),
        (1, *conv.stride), ((0, 0), *conv.padding), (1, *conv.dilation), conv.groups, conv.dtype,
    )  # fmt: skip


@functools.cache
def planned(conv: Conv) -> Plan:
    if conv.dtype not in ("f4", "f8") or conv.groups != 1 or math.prod(conv.image) == 0:
        raise Unsupported(conv.kind, conv.dtype)
    return {"conv": forward, "conv_image": image_gradient, "conv_weight": weight_gradient}[
        conv.kind
    ](conv)


class Builder:
    """Collects the stages of a plan and the parts of its workspace."""

    def __init__(self, dtype: str) -> None:
        self.plan = Plan()
        self.size = 8 if dtype == "f8" else 4
        self.elements = 0

    def room(self, elements: int) -> int:
        """The offset, in elements, of new room in the workspace."""
        start = self.elements
        self.elements += -(-elements // 64) * 64
        self.plan.workspace = self.elements * self.size
        return start

    def stage(self, kernel: Kernel, *roles: str, serial: bool = False) -> None:
        self.plan.stages.append((kernel, roles, serial))


# -- forward --------------------------------------------------------------------------------------


def forward(conv: Conv) -> Plan:
    batch, channels, height, width = conv.image
    _, kernels, rows, pixels = conv.result
    _, _, r, s = conv.weight
    made = Builder(conv.dtype)
    where, strides, source = padded(made, conv, conv.image, conv.padding, "x")
    taps = tuple((i * conv.dilation[0], j * conv.dilation[1]) for i in range(r) for j in range(s))
    shape = Taps(
        (batch, rows, pixels), strides, (rows * pixels * kernels, pixels * kernels, kernels),
        (conv.stride[0], conv.stride[1]), taps, channels, kernels, conv.dtype,
    )  # fmt: skip
    order = tuple(i * s + j for i in range(r) for j in range(s))
    weight = pack(made, shape, "w", (channels * r * s, r * s), order)
    add_taps(made, shape, source, where, weight, "out", 0)
    return made.plan


def padded(
    made: Builder, conv: Conv, shape: tuple[int, ...], padding: tuple[Pair, ...], role: str
) -> tuple[int, tuple[int, int, int], str]:
    """Where the image with its border lies (offset, strides, role): copied if there is a border."""
    batch, channels, height, width = shape
    (top, bottom), (left, right) = padding
    if not any((top, bottom, left, right)):
        return 0, (height * width * channels, width * channels, channels), role
    tall, wide = height + top + bottom, width + left + right
    strides = (tall * wide * channels, wide * channels, channels)
    where = made.room(batch * strides[0])
    kernel = compile_kernel("border", border_text(shape, padding, conv.dtype, where))
    made.stage(kernel, role, "work")
    return where, strides, "work"


def border_text(
    shape: tuple[int, ...], padding: tuple[Pair, ...], dtype: str, where: int
) -> str:
    """A copy of an image with a border of zeros, in parallel over images and rows."""
    b = Code()
    batch, channels, height, width = shape
    (top, bottom), (left, right) = padding
    tall, wide = height + top + bottom, width + left + right
    kind, lanes = TYPES[dtype], lanes_of(dtype)
    first, last = b.share(
        constant(batch * tall, "i64"), Value("%tid", "i64"), Value("%threads", "i64")
    )
    zero = constant(0.0, kind, lanes)

    def run(count: int, target: Value, source: Value | None) -> None:
        """Copy or clear `count` elements."""
        whole = count // lanes * lanes
        with b.loop(constant(0, "i64"), constant(whole, "i64"), lanes) as i:
            x = zero if source is None else b.load(b.element(source, kind, i), kind, lanes)
            b.store(x, b.element(target, kind, i))
        if whole < count:
            (mask,) = masks_for(count - whole, 1, lanes)
            assert mask is not None
            at = constant(whole, "i64")
            place = None if source is None else b.element(source, kind, at)
            x = zero if place is None else b.masked_load(place, kind, mask)
            b.masked_store(x, b.element(target, kind, at), mask)

    with b.loop(first, last) as line:
        image, row = decode(b, line, (batch, tall))
        target = b.element(Value("%p1", "ptr"), kind, b.add(b.mul(line, wide * channels), where))
        above = b.compare("slt", row, constant(top, "i64"))
        below = b.compare("sge", row, constant(top + height, "i64"))
        outside = b.binary("or", above, below)
        with b.when(outside):
            run(wide * channels, target, None)
        inside = b.binary("xor", outside, constant(1, "i1"))
        with b.when(inside):
            at = b.add(b.mul(image, height), b.sub(row, constant(top, "i64")))
            source = b.element(Value("%p0", "ptr"), kind, b.mul(at, width * channels))
            if left:
                run(left * channels, target, None)
            run(
                width * channels, b.element(target, kind, constant(left * channels, "i64")), source
            )
            if right:
                end = constant((left + width) * channels, "i64")
                run(right * channels, b.element(target, kind, end), None)
    b.line("ret void")
    return kernel_text("border", 2, b)


def pack(
    made: Builder, shape: Taps, role: str, strides: Pair, order: tuple[int, ...]
) -> int:
    """The weight as panels (kernels / width, taps, channels, width); the offset of the first.
    `strides`: of the weight along kernels and channels; `order`: for each tap its offset."""
    nv = tile_of(shape)[1]
    width = nv * lanes_of(shape.dtype)
    panels = -(-shape.kernels // width)
    inner = shape.channels * width
    where = made.room(panels * len(order) * inner)
    name = compile_kernel("pack", pack_text(shape, width, strides, order, where))
    made.stage(name, role, "work", serial=panels * len(order) * inner < 8192)
    return where


def pack_text(
    shape: Taps, width: int, strides: Pair, order: tuple[int, ...], where: int
) -> str:
    """Each piece of work is one tap of one panel."""
    b = Code()
    kind, lanes = TYPES[shape.dtype], lanes_of(shape.dtype)
    panels = -(-shape.kernels // width)
    first, last = b.share(
        constant(panels * len(order), "i64"), Value("%tid", "i64"), Value("%threads", "i64")
    )
    table = f"[{len(order)} x i64] [" + ", ".join(f"i64 {o}" for o in order) + "]"
    whole, rest = divmod(shape.kernels, width)
    with b.loop(first, last) as piece:
        panel, tap = decode(b, piece, (panels, len(order)))
        entry = b.op(
            f"getelementptr inbounds [{len(order)} x i64], ptr @order, i64 0, i64 {tap.text}", "ptr"
        )
        offset = b.add(b.load(entry, "i64"), b.mul(panel, width * strides[0]))
        source = b.element(Value("%p0", "ptr"), kind, offset)
        target = b.mul(piece, shape.channels * width)
        target = b.element(Value("%p1", "ptr"), kind, b.add(target, where))
        for columns, condition in ((width, "slt"), (rest, "eq")):
            if not columns or (columns == width and not whole):
                continue
            with (
                b.when(b.compare(condition, panel, constant(whole, "i64"))),
                b.loop(constant(0, "i64"), constant(shape.channels, "i64")) as channel,
            ):
                line = b.element(source, kind, b.mul(channel, strides[1]))
                put = b.element(target, kind, b.mul(channel, width))
                for j, mask in enumerate(masks_for(columns, -(-columns // lanes), lanes)):
                    at = b.element(line, kind, constant(j * lanes * strides[0], "i64"))
                    text = "<" + ", ".join(f"i64 {i * strides[0]}" for i in range(lanes)) + ">"
                    places = b.addresses(at, kind, Value(text, "i64", lanes))
                    x = b.gather(places, kind, mask or constant(1, "i1", lanes))
                    b.store(x, b.element(put, kind, constant(j * lanes, "i64")))
    b.line("ret void")
    return f"@order = internal constant {table}\n" + kernel_text("pack", 2, b)


def tile_of(shape: Taps) -> tuple[int, int]:
    """Pixels and vectors of a tile: within one row of pixels, or over whole rows where they are
    short."""
    _, rows, pixels = shape.shape
    mr, nv = tile_shape(pixels, shape.kernels, shape.dtype)
    most, _ = tile_shape(1 << 20, nv * lanes_of(shape.dtype), shape.dtype)
    together = max(1, min(rows, most // pixels))
    while rows % together:
        together -= 1
    if mr == pixels and together > 1:
        mr = pixels * together
    return mr, nv


def runs_of(shape: Taps) -> list[tuple[Pair, int, int]]:
    """Taps whose pixels are neighbours, as (first tap, number of the first, how many)."""
    runs: list[tuple[Pair, int, int]] = []
    for number, (y, x) in enumerate(shape.taps):
        if runs and shape.x[2] == shape.channels:
            (y0, x0), first, count = runs[-1]
            if y0 == y and x0 + count == x and first + count == number:
                runs[-1] = ((y0, x0), first, count + 1)
                continue
        runs.append(((y, x), number, 1))
    return runs


def add_taps(
    made: Builder, shape: Taps, role: str, where: int, weight: int, out: str, start: int
) -> None:
    """The sum over the taps as a stage: reads an image and panels, writes a result."""
    text = taps_text(shape, where, weight, start, role == "work")
    kernel = compile_kernel("taps", text)
    kernel.flops = 2 * math.prod(shape.shape) * shape.kernels * shape.channels * len(shape.taps)
    roles = ("work", out) if role == "work" else (role, "work", out)
    made.stage(kernel, *roles, serial=kernel.flops < 200_000)


def taps_text(shape: Taps, where: int, weight: int, start: int, together: bool) -> str:
    """In parallel over images and tiles of rows; all panels of a tile one after the other."""
    b = Code()
    kind, lanes = TYPES[shape.dtype], lanes_of(shape.dtype)
    batch, rows, pixels = shape.shape
    mr, nv = tile_of(shape)
    width = nv * lanes
    panels = -(-shape.kernels // width)
    step = max(1, mr // pixels)  # rows of a tile
    lines = rows // step
    first, last = b.share(
        constant(batch * lines, "i64"), Value("%tid", "i64"), Value("%threads", "i64")
    )
    image = Value("%p0", "ptr")
    panel_base = b.element(Value("%p0" if together else "%p1", "ptr"), kind, constant(weight, "i64"))
    result = Value("%p1" if together else "%p2", "ptr")
    sums = Sums(b, mr, nv, shape.dtype)
    sy, sx = shape.steps
    across = mr // step  # pixels of a tile in one row
    tiles = -(-pixels // across)
    source = [
        i * sy * shape.x[1] + j * sx * shape.x[2] for i in range(step) for j in range(across)
    ]
    target = [i * shape.out[1] + j * shape.out[2] for i in range(step) for j in range(across)]
    size = len(shape.taps) * shape.channels * width
    whole, rest = divmod(shape.kernels, width)
    with b.loop(first, last) as line:
        number, row = decode(b, line, (batch, lines))
        at = b.add(b.mul(number, shape.x[0]), b.mul(row, step * sy * shape.x[1]))
        x = b.element(image, kind, b.add(at, where))
        at = b.add(b.mul(number, shape.out[0]), b.mul(row, step * shape.out[1]))
        out = b.element(result, kind, b.add(at, start))
        with b.loop(constant(0, "i64"), constant(panels, "i64")) as panel:
            w = b.element(panel_base, kind, b.mul(panel, size))
            out_panel = b.element(out, kind, b.mul(panel, width))
            with b.loop(constant(0, "i64"), constant(tiles, "i64")) as tile:
                # The last tile begins earlier, so that it is whole.
                pixel = b.mul(tile, across)
                end = constant(pixels - across, "i64")
                pixel = b.select(b.compare("slt", pixel, end), pixel, end)
                x_tile = b.element(x, kind, b.mul(pixel, sx * shape.x[2]))
                out_tile = b.element(out_panel, kind, b.mul(pixel, shape.out[2]))
                sums.clear()
                reduce_taps(b, shape, sums, x_tile, w, source, width)
                for columns, condition in ((width, "slt"), (rest, "eq")):
                    if not columns or (columns == width and not whole):
                        continue
                    masks = masks_for(columns, -(-columns // lanes), lanes)
                    with b.when(b.compare(condition, panel, constant(whole, "i64"))):
                        sums.write(out_tile, target, masks)
    b.line("ret void")
    return kernel_text("taps", 2 if together else 3, b)


def reduce_taps(
    b: Code, shape: Taps, sums: Sums, x: Value, w: Value, source: list[int], width: int
) -> None:
    """All taps: runs of the same length at even distances are one loop."""
    kind, channels = sums.kind, shape.channels
    runs = runs_of(shape)
    masks = [None] * sums.vectors
    i = 0
    while i < len(runs):
        (y, x0), first, count = runs[i]
        j = i + 1
        apart = None
        while j < len(runs) and runs[j][2] == count:
            (y1, x1), later, _ = runs[j]
            (yp, xp), earlier, _ = runs[j - 1]
            step = ((y1 - yp) * shape.x[1] + (x1 - xp) * shape.x[2],
                    (later - earlier) * channels * width)  # fmt: skip
            if apart not in (None, step):
                break
            apart = step
            j += 1
        here = b.element(x, kind, constant(y * shape.x[1] + x0 * shape.x[2], "i64"))
        panel = b.element(w, kind, constant(first * channels * width, "i64"))
        outer = Loop(j - i, *(apart or (0, 0)))
        sums.multiply(here, source, panel, [outer, Loop(count * channels, 1, width)], masks)
        i = j


# -- the gradient of the image ----------------------------------------------------------------------


def image_gradient(conv: Conv) -> Plan:
    """dx[i] = Σ g[(i + padding − r·dilation) / stride] · w[r], where that is whole: for each phase
    of the stride a sum over those taps that meet it."""
    batch, channels, height, width = conv.image
    _, kernels, rows, pixels = conv.result
    _, _, r, s = conv.weight
    made = Builder(conv.dtype)
    phases = []
    for py in range(min(conv.stride[0], height)):
        for px in range(min(conv.stride[1], width)):
            ys = meeting(py, conv.stride[0], conv.padding[0][0], conv.dilation[0], r)
            xs = meeting(px, conv.stride[1], conv.padding[1][0], conv.dilation[1], s)
            phases.append((py, px, ys, xs))
    # How far taps reach out of the gradient, over all phases.
    reach: list[Any] = []
    for axis, (size, count, stride) in enumerate(
        ((rows, height, conv.stride[0]), (pixels, width, conv.stride[1]))
    ):
        shifts = [shift for phase in phases for _, shift in phase[2 + axis]]
        most = -(-count // stride) - 1
        before = max([0, *[-shift for shift in shifts]])
        after = max([0, *[shift + most - (size - 1) for shift in shifts]])
        reach.append((before, after))
    where, strides, source = padded(made, conv, conv.result, tuple(reach), "g")
    for py, px, ys, xs in phases:
        count = (-(-(height - py) // conv.stride[0]), -(-(width - px) // conv.stride[1]))
        out = (
            height * width * channels,
            conv.stride[0] * width * channels,
            conv.stride[1] * channels,
        )
        start = (py * width + px) * channels
        shape_of = (batch, *count)
        if not ys or not xs:
            made.stage(clear(shape_of, out, channels, conv.dtype, start), "dx")
            continue
        taps = tuple((y + reach[0][0], x + reach[1][0]) for _, y in ys for _, x in xs)
        shape = Taps(shape_of, strides, out, (1, 1), taps, kernels, channels, conv.dtype)
        order = tuple(i * s + j for i, _ in ys for j, _ in xs)
        weight = pack(made, shape, "w", (r * s, channels * r * s), order)
        add_taps(made, shape, source, where, weight, "dx", start)
    return made.plan


def meeting(phase: int, stride: int, padding: int, dilation: int, taps: int) -> list[Pair]:
    """The taps that reach pixels phase, phase + stride, …, each with the shift of the gradient it
    meets, in the order of the shifts."""
    found = []
    for r in range(taps):
        shift, rest = divmod(phase + padding - r * dilation, stride)
        if rest == 0:
            found.append((r, shift))
    return sorted(found, key=lambda pair: pair[1])


def clear(
    shape: tuple[int, ...], out: tuple[int, ...], channels: int, dtype: str, start: int
) -> Kernel:
    """Zeros at those pixels where no tap leads."""
    b = Code()
    kind, lanes = TYPES[dtype], lanes_of(dtype)
    batch, rows, pixels = shape
    first, last = b.share(
        constant(batch * rows, "i64"), Value("%tid", "i64"), Value("%threads", "i64")
    )
    with b.loop(first, last) as line:
        number, row = decode(b, line, (batch, rows))
        at = b.add(b.add(b.mul(number, out[0]), b.mul(row, out[1])), start)
        place = b.element(Value("%p0", "ptr"), kind, at)
        with b.loop(constant(0, "i64"), constant(pixels, "i64")) as pixel:
            zero_run(b, b.element(place, kind, b.mul(pixel, out[2])), channels, kind, lanes)
    b.line("ret void")
    return compile_kernel("clear", kernel_text("clear", 1, b))


# -- the gradient of the weight ---------------------------------------------------------------------


def weight_gradient(conv: Conv) -> Plan:
    """dw[(r, s, c), k] = Σ over pixels of x[pixel·stride + (r, s), c] · g[pixel, k]: in parts of the
    batch, which are summed up and brought to (K, C, R, S)."""
    batch, channels, _, _ = conv.image
    _, kernels, rows, pixels = conv.result
    _, _, r, s = conv.weight
    made = Builder(conv.dtype)
    where, strides, source = padded(made, conv, conv.image, conv.padding, "x")
    splits = min(SPLITS, batch)
    size = r * s * channels * kernels
    partial = made.room(splits * size)
    text = weight_text(conv, strides, splits, where, partial, source == "work")
    kernel = compile_kernel("weight", text)
    kernel.flops = 2 * batch * rows * pixels * size
    roles = ("work", "g") if source == "work" else ("x", "g", "work")
    made.stage(kernel, *roles)
    made.stage(gather_splits(conv, splits, partial), "work", "dw", serial=size < 8192)
    return made.plan


def weight_text(
    conv: Conv, x: tuple[int, int, int], splits: int, where: int, partial: int, together: bool
) -> str:
    """In parallel over the parts of the batch; in each, image by image, all tiles."""
    b = Code()
    kind, lanes = TYPES[conv.dtype], lanes_of(conv.dtype)
    batch, channels, _, _ = conv.image
    _, kernels, rows, pixels = conv.result
    _, _, r, s = conv.weight
    joined = conv.dilation[1] == 1
    length = s * channels if joined else channels  # numbers of the window that lie together
    pieces = r if joined else r * s
    mr, nv = tile_shape(length, kernels, conv.dtype)
    width = nv * lanes
    panels = -(-kernels // width)
    size = r * s * channels * kernels
    first, last = b.share(constant(splits, "i64"), Value("%tid", "i64"), Value("%threads", "i64"))
    image = b.element(Value("%p0", "ptr"), kind, constant(where, "i64"))
    gradient = Value("%p1", "ptr")
    work = Value("%p0" if together else "%p2", "ptr")
    work = b.element(work, kind, constant(partial, "i64"))
    sums = Sums(b, mr, nv, conv.dtype)
    tiles = -(-length // mr)
    sy, sx = conv.stride[0], conv.stride[1]
    loops = [
        Loop(rows, sy * x[1], pixels * kernels),
        Loop(pixels, sx * x[2], kernels),
    ]
    whole, rest = divmod(kernels, width)
    with b.loop(first, last) as split:
        out = b.element(work, kind, b.mul(split, size))
        zero_run(b, out, size, kind, lanes)
        ends = [
            b.op(f"sdiv i64 {b.mul(k, batch).text}, {splits}", "i64")
            for k in (split, b.add(split, 1))
        ]
        with b.loop(*ends) as number:
            x_image = b.element(image, kind, b.mul(number, x[0]))
            g_image = b.element(gradient, kind, b.mul(number, rows * pixels * kernels))
            with (
                b.loop(constant(0, "i64"), constant(pieces, "i64")) as piece,
                b.loop(constant(0, "i64"), constant(tiles, "i64")) as tile,
            ):
                at = b.mul(tile, mr)
                if joined:
                    tap = b.mul(piece, conv.dilation[0] * x[1])
                else:
                    i, j = decode(b, piece, (r, s))
                    tap = b.add(
                        b.mul(i, conv.dilation[0] * x[1]), b.mul(j, conv.dilation[1] * x[2])
                    )
                x_tile = b.element(x_image, kind, b.add(tap, at))
                row = b.add(b.mul(piece, length), at)
                for part, condition in ((mr, "slt"), (length % mr, "eq")):
                    if not part or (part == mr and length < mr):
                        continue
                    edge = constant(length // mr, "i64")
                    with (
                        b.when(b.compare(condition, tile, edge)),
                        b.loop(constant(0, "i64"), constant(panels, "i64")) as panel,
                    ):
                        for columns, how in ((width, "slt"), (rest, "eq")):
                            if not columns or (columns == width and not whole):
                                continue
                            masks = masks_for(columns, -(-columns // lanes), lanes)
                            with b.when(b.compare(how, panel, constant(whole, "i64"))):
                                g_panel = b.element(g_image, kind, b.mul(panel, width))
                                sums.clear()
                                sums.multiply(x_tile, list(range(part)), g_panel, loops, masks)
                                place = b.add(b.mul(row, kernels), b.mul(panel, width))
                                sums.write(
                                    b.element(out, kind, place),
                                    [i * kernels for i in range(part)],
                                    masks,
                                    accumulate=True,
                                )
    b.line("ret void")
    return kernel_text("weight", 2 if together else 3, b)


def zero_run(b: Code, place: Value, count: int, kind: str, lanes: int) -> None:
    """Clear `count` elements."""
    whole = count // lanes * lanes
    zero = constant(0.0, kind, lanes)
    with b.loop(constant(0, "i64"), constant(whole, "i64"), lanes) as i:
        b.store(zero, b.element(place, kind, i))
    for i in range(whole, count):
        b.store(constant(0.0, kind), b.element(place, kind, constant(i, "i64")))


def gather_splits(conv: Conv, splits: int, partial: int) -> Kernel:
    """The sum of the parts, from ((r, s, c), k) to (k, c, r, s)."""
    b = Code()
    kind = TYPES[conv.dtype]
    kernels, channels, r, s = conv.weight
    size = kernels * channels * r * s
    lanes = lanes_of(conv.dtype)
    taps = r * s
    first, last = b.share(
        constant(taps * channels, "i64"), Value("%tid", "i64"), Value("%threads", "i64")
    )
    work = b.element(Value("%p0", "ptr"), kind, constant(partial, "i64"))
    text = "<" + ", ".join(f"i64 {i * channels * taps}" for i in range(lanes)) + ">"
    steps = Value(text, "i64", lanes)
    with b.loop(first, last) as row:
        tap, channel = decode(b, row, (taps, channels))
        line = b.element(work, kind, b.mul(row, kernels))
        target = b.element(Value("%p1", "ptr"), kind, b.add(b.mul(channel, taps), tap))
        whole = kernels // lanes * lanes

        def part(at: Value, mask: Value | None, line: Value = line, target: Value = target) -> None:
            total = None
            for split in range(splits):
                place = b.element(line, kind, b.add(at, split * size))
                x = b.load(place, kind, lanes) if mask is None else b.masked_load(place, kind, mask)
                total = x if total is None else b.add(total, x)
            assert total is not None
            put = b.element(target, kind, b.mul(at, channels * taps))
            places = b.addresses(put, kind, steps)
            b.scatter(total, places, mask or constant(1, "i1", lanes))

        if whole:
            with b.loop(constant(0, "i64"), constant(whole, "i64"), lanes) as at:
                part(at, None)
        if whole < kernels:
            (mask,) = masks_for(kernels - whole, 1, lanes)
            part(constant(whole, "i64"), mask)
    b.line("ret void")
    return compile_kernel("gather", kernel_text("gather", 2, b))
