"""The gradient of a convolution's weight, as tiles whose reduction goes over the pixels."""

from __future__ import annotations

from sangja.backend.native.emit import TYPES, Code, Value, constant, kernel_text
from sangja.backend.native.image import Builder, Conv, padded, zero_run
from sangja.backend.native.llvm import Kernel, compile_kernel
from sangja.backend.native.matmul import Plan
from sangja.backend.native.packing import decode
from sangja.backend.native.tile import Loop, Sums, lanes_of, masks_for, tile_shape

SPLITS = 8  # parts of a batch whose weight gradients are summed up at the end


def weight_gradient(conv: Conv) -> Plan:
    """dw[(r, s, c), k] = Σ over pixels of x[pixel·stride + (r, s), c] · g[pixel, k]: in parts of
    the batch, which are summed up and brought to (K, C, R, S)."""
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
    with b.loop(first, last) as split:
        out = b.element(work, kind, b.mul(split, size))
        zero_run(b, out, size, kind, lanes)
        ends = [
            b.op(f"sdiv i64 {b.mul(k, batch).text}, {splits}", "i64")
            for k in (split, b.add(split, 1))
        ]
        with b.loop(ends[0], ends[1]) as number:
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
                    if part and (part != mr or length >= mr):
                        edge = constant(length // mr, "i64")
                        with b.when(b.compare(condition, tile, edge)):
                            places = (x_tile, g_image, b.element(out, kind, b.mul(row, kernels)))
                            one_tile(b, sums, places, loops, kernels, part)
    b.line("ret void")
    return kernel_text("weight", 2 if together else 3, b)


def one_tile(
    b: Code,
    sums: Sums,
    places: tuple[Value, Value, Value],
    loops: list[Loop],
    kernels: int,
    rows: int,
) -> None:
    """`rows` numbers of the window with all kernels, panel by panel, added to the part's sums."""
    x, g, out = places
    width = sums.vectors * sums.lanes
    whole, rest = divmod(kernels, width)
    with b.loop(constant(0, "i64"), constant(-(-kernels // width), "i64")) as panel:
        for columns, how in ((width, "slt"), (rest, "eq")):
            if not columns or (columns == width and not whole):
                continue
            masks = masks_for(columns, -(-columns // sums.lanes), sums.lanes)
            with b.when(b.compare(how, panel, constant(whole, "i64"))):
                start = b.mul(panel, width)
                sums.clear()
                sums.multiply(x, list(range(rows)), b.element(g, sums.kind, start), loops, masks)
                targets = [i * kernels for i in range(rows)]
                sums.write(b.element(out, sums.kind, start), targets, masks, accumulate=True)


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
