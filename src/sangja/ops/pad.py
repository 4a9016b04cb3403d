"""Borders added to a tensor (or, where the number is negative, cut off)."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError, ShapeError
from sangja.engine import Primitive, Tensor, apply
from sangja.ops.along import take_along
from sangja.ops.arguments import as_tensor

NUMPY_MODES: dict[str, Any] = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


class ConstantPad(Primitive):
    """z = x with `value` around it; `pads` has (before, after) for each dimension"""

    grad_name = "ConstantPadNdBackward0"

    def forward(xp, x, *, pads, value):
        z = xp.full([n + a + b for n, (a, b) in zip(x.shape, pads, strict=True)], value, x.dtype)
        into = tuple(
            slice(max(a, 0), n - max(b, 0)) for n, (a, b) in zip(z.shape, pads, strict=True)
        )
        part = tuple(
            slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, pads, strict=True)
        )
        z[into] = x[part]
        return z

    def dx(g, pads):
        return apply(ConstantPad, g, pads=tuple((-a, -b) for a, b in pads), value=0)


def pad(input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """The input with borders: `pad` = (left, right, top, bottom, …) begins at the last dimension.

    Modes: 'constant' (`value`, 0 by default), 'reflect' (without the edge), 'replicate' (the edge
    again), 'circular' (from the other side). Negative numbers cut off. Raises `ShapeError` where a
    border is wider than what it mirrors.

    >>> import sangja
    >>> sangja.nn.functional.pad(sangja.tensor([1.0, 2.0]), (1, 2))
    tensor([0., 1., 2., 0., 0.])
    """
    x = as_tensor(input)
    widths = [operator.index(p) for p in pad]
    if len(widths) % 2 or len(widths) > 2 * x.ndim:
        raise ShapeError(
            "pad: Padding length must be divisible by 2 and at most twice the number of "
            f"dimensions of the input: got {len(widths)} numbers for an input of shape "
            f"{list(x.shape)}"
        )
    pairs = list(zip(widths[::2], widths[1::2], strict=True))
    pairs = [(0, 0)] * (x.ndim - len(pairs)) + pairs[::-1]
    for d, (n, (a, b)) in enumerate(zip(x.shape, pairs, strict=True)):
        if n + a + b < 0 or (mode != "constant" and n + a + b == 0 and n):
            raise ShapeError(
                f"pad: the input size {n} of dimension {d}, plus negative padding {a} and {b}, "
                "resulted in a size that is negative or not positive"
            )
    if mode == "constant":
        return apply(ConstantPad, x, pads=tuple(pairs), value=value or 0)  # type: ignore[no-any-return]
    if mode not in NUMPY_MODES:
        raise ArgumentError(
            f"pad: Unrecognised padding mode {mode!r}; expected constant, reflect, replicate or "
            "circular"
        )
    if value is not None:
        raise ArgumentError(f"pad: Padding mode {mode!r} doesn't take in value argument")
    return pad_from_inside(x, pairs, mode)


def pad_from_inside(x: Tensor, pairs: list[tuple[int, int]], mode: str) -> Tensor:
    """Borders made of the input's own elements, one dimension after the other."""
    for d, (a, b) in enumerate(pairs):
        if (a, b) == (0, 0):
            continue
        n = x.shape[d]
        reach = {"reflect": n - 1, "circular": n}.get(mode)
        if reach is not None and max(a, b) > reach:
            raise ShapeError(
                f"pad: Padding size should be less than the corresponding input dimension: {mode} "
                f"padding ({a}, {b}) at dimension {d} of input {list(x.shape)}, where at most "
                f"{reach} is possible. Padding value causes wrapping around more than once"
            )
        index = np.arange(n)
        if mode == "circular":  # cut first, so that what is cut off does not come back
            index = index[max(-a, 0) : n - max(-b, 0)]
        index = np.pad(index, (max(a, 0), max(b, 0)), NUMPY_MODES[mode])
        if mode != "circular":
            index = index[max(-a, 0) : len(index) - max(-b, 0)]
        x = take_along(x, index, d)
    return x
