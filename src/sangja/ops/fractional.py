"""Fractional max pooling: windows at random places, so that a size can shrink by any ratio."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sangja.backend.generator import default_generator
from sangja.core.errors import ArgumentError, DTypeError, ShapeError
from sangja.engine import Tensor, apply, wrap
from sangja.ops.adaptive import TakeFlat, first_largest
from sangja.ops.arguments import as_tensor
from sangja.ops.windows import Ints, check_positive, ints

Array = np.ndarray[Any, Any]


class FractionalMaxPool(TakeFlat):
    """z[…, o] = x[…, position[…, o]], where both have their last `dims` dimensions flattened"""

    grad_name = "FractionalMaxPool2DBackward0"


def starts(samples: Array, size: int, windows: int, kernel: int) -> Array:
    """Where the windows along one axis begin, for each sample u in [0, 1): ⌊(o + u)·α⌋ − ⌊u·α⌋, α =
    (size − kernel) / (windows − 1), and the last at the end. (planes, windows)"""
    u = samples[:, None]
    found = np.full((len(samples), windows), size - kernel)
    if windows > 1:
        step = u.dtype.type(size - kernel) / u.dtype.type(windows - 1)
        o = np.arange(windows - 1, dtype=u.dtype)
        found[:, :-1] = ((o + u) * step).astype(np.int64) - (u * step).astype(np.int64)
    return found


def positions(x: Array, samples: Array, windows: Ints, kernel: Ints) -> Array:
    """Where in the flattened last dimensions the maximum of each window lies."""
    dims, planes = len(windows), len(samples)
    sizes = x.shape[x.ndim - dims :]
    flat: Array = np.zeros((), np.int64)
    for d, (n, o, k) in enumerate(zip(sizes, windows, kernel, strict=True)):
        place = starts(samples[:, d], n, o, k)[:, :, None] + np.arange(k)  # (planes, o, k)
        shape = [planes, *[1] * (2 * dims)]
        shape[1 + d], shape[1 + d + dims] = o, k
        flat = flat * n + place.reshape(shape)
    flat = flat.reshape(planes, math.prod(windows), math.prod(kernel))  # (planes, windows, kernel)
    seen = x.reshape(planes, math.prod(sizes))[np.arange(planes)[:, None, None], flat]
    best = first_largest(np, seen)[..., None]
    return np.take_along_axis(flat, best, -1).reshape(*x.shape[: x.ndim - dims], *windows)


def window_counts(name: str, x: Tensor, dims: int, output_size: Any, output_ratio: Any) -> Ints:
    """How many windows along each dimension: as many as given, or the ratio of the size."""
    if output_size is not None:
        return ints(output_size, dims, "output_size")
    if output_ratio is None:
        raise ArgumentError(f"{name} requires specifying either an output_size or an output_ratio")
    ratios = tuple(output_ratio) if isinstance(output_ratio, Sequence) else (output_ratio,) * dims
    if len(ratios) != dims:
        raise ArgumentError(
            f"{name} requires output_ratio to either be a single number or a tuple of {dims}, got "
            f"{output_ratio!r}"
        )
    return tuple(int(n * ratio) for n, ratio in zip(x.shape[-dims:], ratios, strict=True))


def drawn_samples(name: str, x: Tensor, dims: int, given: Any) -> Array:
    """A number in [0, 1) for each dimension of each plane, in the order of the dimensions; they
    are drawn with the last dimension first where there are two, with the first first in space, as
    PyTorch does."""
    channels = x.shape[-dims - 1]
    batch = 1 if x.ndim == dims + 1 else x.shape[0]
    if given is None:
        samples = default_generator.rand((batch, channels, dims), x.array.dtype)
    else:
        samples = as_tensor(given, "_random_samples").array
        if samples.dtype != x.array.dtype:
            raise DTypeError(
                f"{name}: Expect _random_samples to have the same dtype as input: "
                f"{as_tensor(given).dtype} and {x.dtype}"
            )
        if samples.ndim != 3 or samples.shape[0] < batch or samples.shape[1:] != (channels, dims):
            raise ShapeError(
                f"{name}: Expect _random_samples of shape {[batch, channels, dims]}, got "
                f"{list(samples.shape)}"
            )
    samples = samples[:batch].reshape(-1, dims)
    return samples[:, ::-1] if dims == 2 else samples


def fractional_max_pool(
    dims: int,
    input: Any,
    kernel_size: Any,
    output_size: Any,
    output_ratio: Any,
    return_indices: bool,
    samples: Any,
) -> Any:
    """The maximum of each of the windows laid at random over the last `dims` dimensions."""
    name = f"fractional_max_pool{dims}d"
    x = as_tensor(input)
    if x.ndim not in (dims + 1, dims + 2) or 0 in x.shape[x.ndim - dims - 1 :]:
        raise ShapeError(
            f"{name}: Expected {dims + 1}D or {dims + 2}D tensor with non-zero size for non-batch "
            f"dimensions, but got {list(x.shape)}"
        )
    if x.array.dtype.kind not in "fV":
        raise DTypeError(f"{name}: expected a floating-point input, got {x.dtype}")
    kernel = ints(kernel_size, dims, "kernel_size")
    check_positive(name, kernel_size=kernel)
    windows = window_counts(name, x, dims, output_size, output_ratio)
    for n, o, k in zip(x.shape[-dims:], windows, kernel, strict=True):
        if o < 0 or o + k - 1 > n:
            raise ShapeError(
                f"{name}: {o} windows of size {k} do not fit into size {n}: output_size + "
                f"kernel_size - 1 must be at most the input's size, in every dimension of "
                f"{list(x.shape[-dims:])}"
            )
    found = positions(x.array, drawn_samples(name, x, dims, samples), windows, kernel)
    position = wrap(found)
    z = apply(FractionalMaxPool, x, position, dims=dims)
    return (z, position) if return_indices else z


def fractional_max_pool2d(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """z[n, c, i, j] = the maximum of a window that begins near (i·H / H', j·W / W'), where exactly
    is drawn anew for each plane. Graham, 2014.

    (N, C, H, W) or (C, H, W) → (H', W') = `output_size`, or `output_ratio` of the size, rounded
    down. With `return_indices` also where in the plane each maximum lies. `_random_samples`
    (N, C, 2) in [0, 1), of the dtype of the input, in place of drawn numbers.

    >>> import sangja
    >>> x = sangja.arange(16.0).reshape(1, 4, 4)
    >>> sangja.nn.functional.fractional_max_pool2d(x, 2, 3).shape
    sangja.Size([1, 3, 3])
    """
    return fractional_max_pool(
        2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )


def fractional_max_pool3d(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """`fractional_max_pool2d` over three dimensions: (N, C, D, H, W) or (C, D, H, W)."""
    return fractional_max_pool(
        3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )
