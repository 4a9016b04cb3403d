"""Convolutions in two dimensions, channels last, without unrolling the image into a matrix.

All three are tiles (`tile.Sums`). Forward, and for the image's gradient, the rows of a tile are
neighbouring pixels of the result, and the reduction goes over the taps of the window and their
channels; neighbouring taps are one run of memory. For the weight's gradient (`weight`) the rows are
neighbouring numbers of the window, and the reduction goes over the pixels.

Images are (B, H, W, C) in memory; weights as PyTorch stores them, (K, C, R, S), and are packed into
panels of some kernels first. Images are copied with their border of zeros where there is padding.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

from sangja.backend.native.emit import TYPES, Code, Value, constant, kernel_text
from sangja.backend.native.image import Builder, Conv, Pair, padded, zero_run
from sangja.backend.native.llvm import Kernel, compile_kernel
from sangja.backend.native.matmul import Plan
from sangja.backend.native.packing import decode
from sangja.backend.native.steps import Unsupported
from sangja.backend.native.tile import Loop, Sums, lanes_of, masks_for, tile_shape
from sangja.backend.native.weight import weight_gradient


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


# -- forward --------------------------------------------------------------------------------------


def forward(conv: Conv) -> Plan:
    batch, channels, _, _ = conv.image
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


def pack(made: Builder, shape: Taps, role: str, strides: Pair, order: tuple[int, ...]) -> int:
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


def pack_text(shape: Taps, width: int, strides: Pair, order: tuple[int, ...], where: int) -> str:
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
    panel_base = b.element(
        Value("%p0" if together else "%p1", "ptr"), kind, constant(weight, "i64")
    )
    result = Value("%p1" if together else "%p2", "ptr")
    sums = Sums(b, mr, nv, shape.dtype)
    sy, sx = shape.steps
    across = mr // step  # pixels of a tile in one row
    tiles = -(-pixels // across)
    source = [i * sy * shape.x[1] + j * sx * shape.x[2] for i in range(step) for j in range(across)]
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


# -- the gradient of the image --------------------------------------------------------------------


def image_gradient(conv: Conv) -> Plan:
    """dx[i] = Σ g[(i + padding − r·dilation) / stride] · w[r], where that is whole: for each phase
    of the stride a sum over those taps that meet it."""
    batch, channels, height, width = conv.image
    _, kernels, rows, pixels = conv.result
    _, _, r, s = conv.weight
    made = Builder(conv.dtype)
    phases: list[tuple[int, int, list[Pair], list[Pair]]] = []
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
        shifts = [shift for phase in phases for _, shift in (phase[2], phase[3])[axis]]
        most = -(-count // stride) - 1
        before = max([0, *[-shift for shift in shifts]])
        after = max([0, *[shift + most - (size - 1) for shift in shifts]])
        reach.append((before, after))
    where, strides, source = padded(made, conv, conv.result, tuple(reach), "g")
    for py, px, ys, xs in phases:
        lines = -(-(height - py) // conv.stride[0])
        dots = -(-(width - px) // conv.stride[1])
        out = (
            height * width * channels,
            conv.stride[0] * width * channels,
            conv.stride[1] * channels,
        )
        start = (py * width + px) * channels
        shape_of = (batch, lines, dots)
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
