"""Convolutions, channels last: forward, and the gradients of image and weight.

All three are tiles whose reduction walks the taps of the window and the channels. Only the weight
is packed; images are read where they are.
"""

from __future__ import annotations

import functools
import math

from sangja.backend.native import epilogue, matmul
from sangja.backend.native.emit import TYPES, Code, Value, constant, kernel_text
from sangja.backend.native.image import Builder, Conv, zero_run
from sangja.backend.native.llvm import compile_kernel
from sangja.backend.native.matmul import Plan
from sangja.backend.native.packing import decode, thread_share
from sangja.backend.native.spec import Gemm
from sangja.backend.native.steps import Unsupported
from sangja.backend.native.taps import Pair, Taps, pack_taps, taps_text
from sangja.backend.native.tile import lanes_of
from sangja.backend.native.weight import weight_gradient

SERIAL = 200_000  # operations below which other threads are not worth their call


def plan(conv: Conv) -> Plan:
    """The kernels of a convolution: roles x, w, out; g, w, dx; g, x, dw; and work, e0, e1, …"""
    return planned(as_plane(conv))


def as_plane(conv: Conv) -> Conv:
    """A convolution in one dimension as one in two, of height 1."""
    if len(conv.image) == 4:
        return conv
    if len(conv.image) != 3:
        raise Unsupported("a convolution in three dimensions", conv.dtype)

    def higher(shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:2], 1, *shape[2:])

    operands = tuple((dtype, (s[0], 0, *s[1:])) for dtype, s in conv.operands)
    return Conv(
        conv.kind, higher(conv.image), higher(conv.result), higher(conv.weight),
        (1, *conv.stride), ((0, 0), *conv.padding), (1, *conv.dilation), conv.groups, conv.dtype,
        conv.accumulate, conv.epilogue, operands,
    )  # fmt: skip


@functools.cache
def planned(conv: Conv) -> Plan:
    if conv.dtype not in ("f4", "f8") or math.prod(conv.image) * math.prod(conv.result) == 0:
        raise Unsupported(conv.kind, conv.dtype)
    if conv.epilogue and conv.kind == "conv_weight":
        raise Unsupported("an epilogue of a weight's gradient", conv.dtype)
    epilogue.check(conv.epilogue)
    if is_product(conv):
        return product(conv)
    return {"conv": forward, "conv_image": image_gradient, "conv_weight": weight_gradient}[
        conv.kind
    ](conv)


def is_product(conv: Conv) -> bool:
    """Whether every pixel is multiplied with the same matrix, and meets no other."""
    plain = (conv.stride, conv.padding, conv.groups) == ((1, 1), ((0, 0),) * 2, 1)
    return plain and conv.kind != "conv_weight" and conv.weight[2:] == (1, 1)


def product(conv: Conv) -> Plan:
    """A window of one pixel: the image, or the gradient, times the weight or its transpose."""
    _, _, rows, pixels = conv.image
    kernels, channels = conv.weight[:2]
    n, k, roles = kernels, channels, {"a": "x", "b": "w", "c": "out"}
    weight = (0, 0, 1, channels)
    if conv.kind == "conv_image":
        n, k, roles = channels, kernels, {"a": "g", "b": "w", "c": "dx"}
        weight = (0, 0, channels, 1)
    a, c = ((rows * pixels * size, pixels * size, size, 1) for size in (k, n))
    made = matmul.plan(
        Gemm(
            (conv.image[0], rows), pixels, n, k, a, weight, c, conv.dtype, conv.accumulate,
            conv.epilogue, conv.operands,
        )
    )  # fmt: skip
    stages = [
        (kernel, tuple(roles.get(r, r) for r in names), serial)
        for kernel, names, serial in made.stages
    ]
    return Plan(stages, made.workspace)


def forward(conv: Conv) -> Plan:
    batch, channels, height, width = conv.image
    _, kernels, rows, pixels = conv.result
    _, few, r, s = conv.weight
    single = few == 1 and kernels == conv.groups
    shape = Taps(
        (batch, rows, pixels),
        (height, width),
        (height * width * channels, width * channels, channels),
        (rows * pixels * kernels, pixels * kernels, kernels),
        (conv.stride[0], conv.stride[1]),
        (-conv.padding[0][0], -conv.padding[1][0]),
        (conv.dilation[0], conv.dilation[1]),
        (r, s),
        few,
        kernels if single else kernels // conv.groups,
        1 if single else conv.groups,
        conv.dtype,
        single,
        (0,) * (1 + len(conv.operands)),
        conv.accumulate,
        conv.epilogue,
        conv.operands,
    )
    made = Builder(conv.dtype)
    order = tuple(range(r * s))
    group = kernels // conv.groups * few * r * s
    add_taps(made, shape, ("x", "out"), (few * r * s, r * s), order, group)
    return made.plan


def add_taps(
    made: Builder, taps: Taps, roles: tuple[str, str], strides: Pair,
    order: tuple[int, ...], group: int,
) -> None:  # fmt: skip
    """Two stages: the weight is packed, and the taps are summed up."""
    elements = taps.elements * taps.groups
    where = made.room(elements)
    pack = compile_kernel("pack", pack_taps, taps, strides, order, group, where)
    made.stage(pack, "w", "work", serial=elements < 8192)
    kernel = compile_kernel("taps", taps_text, taps, where)
    kernel.flops = 2 * math.prod(taps.shape) * taps.kernels * taps.groups * taps.depth
    others = [f"e{i}" for i in range(len(taps.operands))]
    made.stage(kernel, roles[0], "work", roles[1], *others, serial=kernel.flops < SERIAL)


# -- the gradient of the image --------------------------------------------------------------------


def image_gradient(conv: Conv) -> Plan:
    """dx[i] = Σ g[(i + padding − r·dilation) / stride] · w[r], where that is whole: for each phase
    of the stride a sum over those taps that meet it."""
    batch, channels, height, width = conv.image
    _, kernels, rows, pixels = conv.result
    _, few, r, s = conv.weight
    single = few == 1 and kernels == conv.groups
    out = (height * width * channels, width * channels, channels)
    made = Builder(conv.dtype)
    for py in range(min(conv.stride[0], height)):
        for px in range(min(conv.stride[1], width)):
            ys = meeting(py, conv.stride[0], conv.padding[0][0], conv.dilation[0], r)
            xs = meeting(px, conv.stride[1], conv.padding[1][0], conv.dilation[1], s)
            start = (py * width + px) * channels
            strides = (out[0], conv.stride[0] * out[1], conv.stride[1] * out[2])
            shape = (batch, -(-(height - py) // conv.stride[0]), -(-(width - px) // conv.stride[1]))
            if not (ys and xs) and not conv.epilogue:
                if not conv.accumulate:
                    spot = (shape, strides, channels, conv.dtype, start)
                    made.stage(compile_kernel("clear", clear_text, *spot), "dx")
                continue
            taps = Taps(
                shape,
                (rows, pixels),
                (rows * pixels * kernels, pixels * kernels, kernels),
                strides,
                (1, 1),
                (ys[0][1] if ys else 0, xs[0][1] if xs else 0),
                (
                    ys[1][1] - ys[0][1] if len(ys) > 1 else 1,
                    xs[1][1] - xs[0][1] if len(xs) > 1 else 1,
                ),
                (len(ys), len(xs)),
                1 if single else kernels // conv.groups,
                channels if single else few,
                1 if single else conv.groups,
                conv.dtype,
                single,
                (start, *(py * e[1] + px * e[2] for _, e in conv.operands)),
                conv.accumulate,
                conv.epilogue,
                tuple(
                    (d, (e[0], e[1] * conv.stride[0], e[2] * conv.stride[1], e[3]))
                    for d, e in conv.operands
                ),
            )
            order = tuple(i * s + j for i, _ in ys for j, _ in xs)
            group = kernels // conv.groups * few * r * s
            add_taps(made, taps, ("g", "dx"), (r * s, few * r * s), order, group)
    return made.plan


def meeting(phase: int, stride: int, padding: int, dilation: int, taps: int) -> list[Pair]:
    """The taps that reach pixels phase, phase + stride, …, each with the shift of the gradient it
    meets, in the order of the shifts, which are evenly spaced."""
    found = []
    for r in range(taps):
        shift, rest = divmod(phase + padding - r * dilation, stride)
        if rest == 0:
            found.append((r, shift))
    return sorted(found, key=lambda pair: pair[1])


def clear_text(
    shape: tuple[int, ...], out: tuple[int, ...], channels: int, dtype: str, start: int
) -> str:
    """The kernel (out): zeros at those pixels where no tap leads."""
    b = Code()
    kind, lanes = TYPES[dtype], lanes_of(dtype)
    batch, rows, pixels = shape
    first, last = thread_share(b, batch * rows)
    with b.loop(first, last) as line:
        number, row = decode(b, line, (batch, rows))
        at = b.add(b.add(b.mul(number, out[0]), b.mul(row, out[1])), start)
        place = b.element(Value("%p0", "ptr"), kind, at)
        with b.loop(constant(0, "i64"), constant(pixels, "i64")) as pixel:
            zero_run(b, b.element(place, kind, b.mul(pixel, out[2])), channels, kind, lanes)
    b.line("ret void")
    return kernel_text("clear", 1, b)
