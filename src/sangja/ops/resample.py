"""Images at another resolution: each output a weighted sum of a few inputs, dimension by
dimension."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError, ShapeError
from sangja.engine import Tensor, named, wrap
from sangja.ops.adaptive import adaptive_avg_pool
from sangja.ops.along import take_along
from sangja.ops.arguments import as_tensor

Array = np.ndarray[Any, Any]
LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
CUBIC = -0.75  # the coefficient of Keys' cubic kernel without antialias, −0.5 with


def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """The input resized to `size`, or by `scale_factor`.

    (N, C, *sizes) with 1 to 3 spatial dimensions. Modes: 'nearest', 'nearest-exact', 'linear' (3-D
    input), 'bilinear' and 'bicubic' (4-D), 'trilinear' (5-D), 'area' (means). Output i lies at the
    input position (i + ½) · ratio − ½, or with `align_corners` at i · (size − 1) / (output − 1).

    >>> import sangja
    >>> sangja.nn.functional.interpolate(sangja.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    x = as_tensor(input)
    dims = x.ndim - 2
    check_mode(x, mode, align_corners, antialias)
    sizes, factors = target_sizes(x, size, scale_factor, recompute_scale_factor)
    if any(n < 1 for n in (*sizes, *x.shape[2:])):
        raise ShapeError(
            f"interpolate: Input and output sizes should be greater than 0, but got input "
            f"{list(x.shape)} and output {list(sizes)}"
        )
    if mode == "area":
        return adaptive_avg_pool(dims, x, sizes)
    z = x
    for d, (size_in, size_out, factor) in enumerate(zip(x.shape[2:], sizes, factors, strict=True)):
        if mode.startswith("nearest"):
            z = take_along(z, nearest(size_in, size_out, factor, mode == "nearest-exact"), d + 2)
            continue
        places, weights = positions(
            size_in,
            size_out,
            factor,
            mode == "bicubic",
            bool(align_corners),
            antialias,
            x.array.dtype,
        )
        column = (-1, *[1] * (dims - 1 - d))
        parts = [
            take_along(z, index, d + 2) * wrap(weight.reshape(column))
            for index, weight in zip(places, weights, strict=True)
        ]
        z = sum(parts[1:], parts[0])
    kind = {"nearest-exact": "NearestExact"}.get(mode, mode.capitalize())
    return named(z, f"Upsample{kind}{dims}DBackward0")


def check_mode(x: Tensor, mode: str, align_corners: bool | None, antialias: bool) -> None:
    """Refuse modes that do not exist, or not for this number of dimensions."""
    dims = x.ndim - 2
    smooth = (LINEAR.get(dims), "bicubic" if dims == 2 else None)
    if mode not in ("nearest", "nearest-exact", "area", *smooth) or not 1 <= dims <= 3:
        raise ShapeError(
            "interpolate: Input Error: Only 3D, 4D and 5D input Tensors supported (got "
            f"{x.ndim}D) for the modes: nearest | nearest-exact | area | linear (3D) | bilinear | "
            f"bicubic (4D) | trilinear (5D) (got {mode})"
        )
    if align_corners is not None and mode not in smooth:
        raise ArgumentError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear "
            f"| bicubic | trilinear, not with {mode}"
        )
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ArgumentError(
            "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D "
            f"tensor; got mode {mode} and {x.ndim}D"
        )


def target_sizes(
    x: Tensor, size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[list[int], list[float | None]]:
    """The output sizes, and the factors given for them (None: worked out from the sizes)."""
    dims = x.ndim - 2
    if (size is None) == (scale_factor is None):
        which = "either" if size is None else "only one of"
        got = f"size={size} and scale_factor={scale_factor}"
        raise ArgumentError(
            f"interpolate: {which} size or scale_factor should be defined, got {got}"
        )
    given = size if size is not None else scale_factor
    each = list(given) if isinstance(given, Sequence) else [given] * dims
    if len(each) != dims:
        raise ArgumentError(
            "interpolate: Input and output must have the same number of spatial dimensions, but "
            f"got input with spatial dimensions of {list(x.shape[2:])} and {given}. Give one "
            "number for each"
        )
    if size is not None:
        return [int(n) for n in each], [None] * dims
    sizes = [math.floor(n * float(f)) for n, f in zip(x.shape[2:], each, strict=True)]
    return sizes, [None if recompute else float(f) for f in each]


def ratio(size: int, count: int, factor: float | None) -> float:
    """Input elements per output element."""
    return 1 / factor if factor else size / count


def nearest(size: int, count: int, factor: float | None, exact: bool) -> Array:
    """The one input position of each output, in float32 as PyTorch counts."""
    step = np.float32(ratio(size, count, factor))
    place = (np.arange(count, dtype=np.float32) + np.float32(0.5 if exact else 0)) * step
    return np.minimum(np.floor(place).astype(np.int64), size - 1)


def cubic(distance: Array, a: float) -> Array:
    """Keys' cubic convolution kernel (1981), at distances below 2."""
    d = abs(distance)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def positions(
    size: int,
    count: int,
    factor: float | None,
    bicubic: bool,
    align_corners: bool,
    antialias: bool,
    dtype: Any,
) -> tuple[Array, Array]:
    """Which inputs make each output, and with what weights: two arrays (taps, outputs)."""
    exact = (size - 1) / max(count - 1, 1) if align_corners else ratio(size, count, factor)
    o, step = np.arange(count, dtype=dtype), np.asarray(exact, dtype)
    if antialias:
        return antialiased(size, o, step, bicubic)
    place = (
        o * step if align_corners else (o + np.asarray(0.5, dtype)) * step - np.asarray(0.5, dtype)
    )
    if not bicubic:
        place = np.maximum(place, 0)
    first = np.floor(place)
    part = place - first
    if bicubic:
        index = first + np.arange(-1, 3)[:, None]
        weights = cubic(part - np.arange(-1, 3, dtype=dtype)[:, None], CUBIC)
    else:
        index = first + np.arange(2)[:, None]
        weights = np.stack([1 - part, part])
    return np.clip(index, 0, size - 1).astype(np.int64), weights.astype(dtype)


def antialiased(size: int, o: Array, step: Array, bicubic: bool) -> tuple[Array, Array]:
    """As `positions`, with the kernel stretched over all inputs that an output covers (as in
    Pillow)."""
    stretch = max(float(step), 1.0)
    support = (2.0 if bicubic else 1.0) * stretch
    centre = (o + 0.5) * step
    first = np.maximum((centre - support + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + support + 0.5).astype(np.int64), size)
    index = first + np.arange(int((last - first).max()))[:, None]
    distance = (index - centre + 0.5) / stretch
    weights = cubic(distance, -0.5) if bicubic else np.maximum(1 - abs(distance), 0)
    weights = np.where(index < last, weights, 0)
    return np.minimum(index, size - 1), (weights / weights.sum(axis=0)).astype(o.dtype)
