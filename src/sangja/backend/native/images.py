"""Convolutions of images with channels first, by kernels that want them last.

Images are transposed on the way in and results on the way out, unless their memory already lies
right. That costs a twentieth of what the arithmetic of a middling layer does.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from sangja.backend.native import convolution
from sangja.backend.native.eager import Array, Routine, Stage, usable, whole
from sangja.backend.native.image import Conv
from sangja.backend.native.spec import Step
from sangja.backend.native.steps import Unsupported
from sangja.backend.native.turn import turn

ENOUGH = 200_000  # operations of a convolution from which a kernel is worth its call
# What each kind reads and writes, by the names in its plan; images are those but the weight.
ROLES = {
    "conv": ("x", "w", "out"),
    "conv_image": ("g", "w", "dx"),
    "conv_weight": ("g", "x", "dw"),
}


def convolve(
    kind: str,
    first: Array,
    second: Array,
    bias: Array | None,
    image: tuple[int, ...],
    result: tuple[int, ...],
    weight: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Array | None:
    """One of the three convolutions of `Conv`, all operands channels first; None if NumPy is to
    compute it."""
    work = 2 * math.prod(result) * math.prod(weight[1:])
    if work < ENOUGH or not usable(first, second, *(() if bias is None else (bias,))):
        return None
    operands = [first, second]
    lie: list[bool] = []
    for i, x in enumerate(operands):
        is_weight = i == 1 and kind != "conv_weight"
        last = not is_weight and lies_last(x)
        lie.append(last)
        operands[i] = x if last else whole(x)
    dtype = "f4" if first.itemsize == 4 else "f8"
    routine = made(
        kind, image, result, weight, stride, padding, dilation, groups, dtype,
        bias is not None, (lie[0], lie[1]),
    )  # fmt: skip
    if routine is None:
        return None
    out = np.empty({"conv": result, "conv_image": image, "conv_weight": weight}[kind], first.dtype)
    if bias is not None:
        operands.append(whole(bias))
    routine(*operands, out)
    return out


def lies_last(x: Array) -> bool:
    """Whether the channels of an image are next to each other in memory."""
    return x.size > 0 and bool(np.moveaxis(x, 1, -1).flags.c_contiguous)


@functools.lru_cache(maxsize=1024)
def made(
    kind: str, image: tuple[int, ...], result: tuple[int, ...], weight: tuple[int, ...],
    stride: tuple[int, ...], padding: tuple[tuple[int, int], ...], dilation: tuple[int, ...],
    groups: int, dtype: str, biased: bool, lie: tuple[bool, bool],
) -> Routine | None:  # fmt: skip
    """The routine of a convolution, for operands that `lie` channels last or first."""
    epilogue: tuple[Step, ...] = ()
    others: Any = ()
    if biased:
        epilogue = (
            Step("acc", (), dtype),
            Step("load", (), dtype, 0),
            Step("add", (0, 1), dtype),
        )
        others = ((dtype, (0,) * (len(image) - 1) + (1,)),)
    conv = Conv(
        kind, image, result, weight, stride, padding, dilation, groups, dtype, False,
        epilogue, others,
    )  # fmt: skip
    try:
        plan = convolution.plan(conv)
    except Unsupported:
        return None
    first, second, out = ROLES[kind]
    shapes = {"x": image, "dx": image, "out": result, "g": result}
    between, given = {"work": plan.workspace}, {}
    before: list[Stage] = []
    after: list[Stage] = []
    roles = {name: name for name in (first, second, out)}
    for name, last in ((first, lie[0]), (second, lie[1]), (out, False)):
        if name in shapes and not last and min(shapes[name][1], math.prod(shapes[name][2:])) > 1:
            batch, channels, *sizes = shapes[name]
            roles[name] = name + " turned"
            between[roles[name]] = math.prod(shapes[name]) * (4 if dtype == "f4" else 8)
            size = (channels, math.prod(sizes))
            size = size[::-1] if name == out else size
            given[name + " sizes"] = np.array([batch, *size], np.int64)
            pair = (roles[name], name) if name == out else (name, roles[name])
            stage = (turn(dtype), (*pair, name + " sizes"), False)
            (after if name == out else before).append(stage)
    middle = [(k, tuple(roles.get(n, n) for n in names), one) for k, names, one in plan.stages]
    passed = [first, second, *(["e0"] if biased else []), out]
    return Routine([*before, *middle, *after], passed, between, given)
