"""Images read at any places: spatial transformers (Jaderberg et al., 2015,
arxiv.org/abs/1506.02025)."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError, ShapeError
from sangja.engine import Tensor, apply, wrap
from sangja.ops.adaptive import TakeFlat
from sangja.ops.arguments import as_tensor
from sangja.ops.comparison import clamp
from sangja.ops.elementwise import absolute, where
from sangja.ops.linalg import matmul
from sangja.ops.resample import CUBIC
from sangja.ops.rounding import floor
from sangja.ops.shape import reshape, transpose

Array = np.ndarray[Any, Any]


def grid_sample(
    input: Any,
    grid: Any,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The input at the places in `grid`: −1 is the left or top edge, 1 the right or bottom one.

    (N, C, H, W) with a grid (N, H', W', 2) of (x, y) → (N, C, H', W'); or (N, C, D, H, W) with (N,
    D', H', W', 3). Modes 'bilinear', 'nearest', and for images 'bicubic'. Outside the input are
    'zeros', its 'border', or its 'reflection'. With `align_corners` ±1 are the centres of the
    corner pixels, else their outer edges.
    """
    x, places = as_tensor(input), as_tensor(grid, "grid")
    dims = x.ndim - 2
    if (
        dims not in (2, 3)
        or places.ndim != x.ndim
        or places.shape[-1] != dims
        or x.shape[0] != places.shape[0]
    ):
        raise ShapeError(
            "grid_sample: expected an input (N, C, H, W) and a grid (N, H', W', 2), or (N, C, D, "
            f"H, W) and (N, D', H', W', 3), with the same batch size, got {list(x.shape)} and "
            f"{list(places.shape)}"
        )
    if 0 in x.shape[2:]:
        raise ShapeError(
            f"grid_sample: expected input to have non-empty spatial dimensions, got {list(x.shape)}"
        )
    if mode not in ("bilinear", "nearest", "bicubic") or (mode == "bicubic" and dims == 3):
        raise ArgumentError(
            "grid_sample: expected mode to be 'bilinear', 'nearest' or (4-D input only) "
            f"'bicubic', got {mode!r}"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ArgumentError(
            "grid_sample: expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"{padding_mode!r}"
        )
    align = bool(align_corners)
    found = [to_pixels(places[..., dims - 1 - d], n, align) for d, n in enumerate(x.shape[2:])]
    if mode != "bicubic":
        found = [inside(c, n, padding_mode, align) for c, n in zip(found, x.shape[2:], strict=True)]
    taps = [axis_taps(c, mode) for c in found]
    z: Any = 0
    for corner in itertools.product(*taps):
        weight: Any = 1
        for _, w in corner:
            weight = weight * w
        wanted = [p for p, _ in corner]
        if mode == "bicubic":
            wanted = [
                inside(wrap(p), n, padding_mode, align).array
                for p, n in zip(wanted, x.shape[2:], strict=True)
            ]
        z = z + pixels(x, wanted) * (weight[:, None] if isinstance(weight, Tensor) else weight)
    return z  # type: ignore[no-any-return]


def to_pixels(c: Tensor, size: int, align: bool) -> Tensor:
    """Coordinates from −1 … 1 to pixels."""
    return (c + 1) * ((size - 1) / 2) if align else ((c + 1) * size - 1) / 2


def inside(c: Tensor, size: int, padding_mode: str, align: bool) -> Tensor:
    """Coordinates brought into the image, where the padding mode says so."""
    if padding_mode == "zeros":
        return c
    if padding_mode == "reflection":
        low, high = (0.0, size - 1.0) if align else (-0.5, size - 0.5)
        span = high - low
        if span:
            c = absolute(c - low)
            turns = np.floor(c.array / span)
            c = c - wrap((turns * span).astype(c.array.dtype))
            c = where(wrap(turns % 2 == 0), c + low, span - c + low)
        else:
            c = c * 0
    return clamp(c, 0, size - 1)


def axis_taps(c: Tensor, mode: str) -> list[tuple[Array, Any]]:
    """The pixels along one axis that take part, and their weights."""
    if mode == "nearest":
        return [(np.rint(c.array), 1)]
    first = floor(c).detach()
    t = c - first
    if mode == "bilinear":
        return [(first.array, 1 - t), (first.array + 1, t)]
    a = CUBIC
    outer, inner = t + 1, 1 - t
    weights = [
        ((a * outer - 5 * a) * outer + 8 * a) * outer - 4 * a,
        ((a + 2) * t - (a + 3)) * t * t + 1,
        ((a + 2) * inner - (a + 3)) * inner * inner + 1,
        ((a * (inner + 1) - 5 * a) * (inner + 1) + 8 * a) * (inner + 1) - 4 * a,
    ]
    return [(first.array + k, w) for k, w in enumerate(weights, -1)]


def pixels(x: Tensor, wanted: list[Array]) -> Tensor:
    """x (N, C, …) at whole positions (N, …) per axis; 0 outside."""
    sizes = x.shape[2:]
    valid = np.ones(wanted[0].shape, bool)
    flat = np.zeros(wanted[0].shape, np.int64)
    for p, n in zip(wanted, sizes, strict=True):
        valid &= (p >= 0) & (p < n)
        flat = flat * n + np.clip(np.nan_to_num(p), 0, n - 1).astype(np.int64)
    lead = (x.shape[0], x.shape[1])
    position = np.broadcast_to(flat[:, None], (*lead, *flat.shape[1:]))
    z = apply(TakeFlat, reshape(x, (*lead, -1)), position.reshape(*lead, -1), dims=1)
    return where(wrap(valid[:, None]), reshape(z, position.shape), 0.0)  # type: ignore[no-any-return]


def affine_grid(theta: Any, size: Any, align_corners: bool | None = None) -> Tensor:
    """A grid for `grid_sample`: every place of an output of `size` under the affine map θ.

    θ (N, 2, 3) with size (N, C, H, W) → (N, H, W, 2); θ (N, 3, 4) with (N, C, D, H, W) → (N, D, H,
    W, 3).
    """
    t = as_tensor(theta, "theta")
    dims = len(size) - 2
    if dims not in (2, 3) or t.shape != (size[0], dims, dims + 1):
        raise ShapeError(
            "affine_grid: expected theta (N, 2, 3) with size (N, C, H, W), or (N, 3, 4) with (N, "
            f"C, D, H, W), got {list(t.shape)} and {list(size)}"
        )
    axes = []
    for n in size[2:]:
        line = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        axes.append(line if align_corners else line * (n - 1) / n)
    mesh = np.meshgrid(*axes, indexing="ij")
    base = np.stack([*mesh[::-1], np.ones_like(mesh[0])], axis=-1).astype(t.array.dtype)
    z = matmul(wrap(base.reshape(1, math.prod(size[2:]), dims + 1)), transpose(t, 1, 2))
    return reshape(z, (size[0], *size[2:], dims))
