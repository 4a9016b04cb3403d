"""Pooling to a given size: window o of an axis goes from ⌊o·size/windows⌋ to ⌈(o +
1)·size/windows⌉."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sangja.core.errors import ShapeError
from sangja.engine import Primitive, Tensor, apply, named, wrap
from sangja.ops.arguments import as_tensor
from sangja.ops.pool import WindowSum
from sangja.ops.windows import Ints

Array = np.ndarray[Any, Any]


def borders(size: int, windows: int) -> tuple[Array, Array]:
    """Where each window begins and ends."""
    o = np.arange(windows)
    return o * size // windows, -((o + 1) * size // -windows)


def first_largest(xp: Any, x: Array) -> Array:
    """Where along the last dimension the maximum lies: the first, or the last nan."""
    best: Array = x.argmax(axis=-1)
    if x.dtype.kind in "fV" and xp.isnan(x).any():
        last = x.shape[-1] - 1 - xp.isnan(x[..., ::-1]).argmax(axis=-1)
        best = xp.where(xp.isnan(x).any(axis=-1), last, best)
    return best


class AdaptiveSum(Primitive):
    """z[…, o, …] = Σ x over window o, along `dim`"""

    grad_name = "AdaptiveAvgPool2DBackward0"

    def forward(xp, x, *, dim, windows):
        x = x.swapaxes(dim, -1)
        z = xp.empty((*x.shape[:-1], windows), x.dtype)
        for o, (start, end) in enumerate(zip(*borders(x.shape[-1], windows), strict=True)):
            z[..., o] = x[..., start:end].sum(axis=-1)
        return z.swapaxes(dim, -1)

    def dx(g, x_shape, dim):
        return apply(AdaptiveSpread, g, dim=dim, size=x_shape[dim])


class AdaptiveSpread(Primitive):
    """z = each x[…, o, …] added to all places of window o: the transpose of `AdaptiveSum`"""

    def forward(xp, x, *, dim, size):
        x = x.swapaxes(dim, -1)
        z = xp.zeros((*x.shape[:-1], size), x.dtype)
        for o, (start, end) in enumerate(zip(*borders(size, x.shape[-1]), strict=True)):
            z[..., start:end] += x[..., o, None]
        return z.swapaxes(dim, -1)

    def dx(g, x_shape, dim):
        return apply(AdaptiveSum, g, dim=dim, windows=x_shape[dim])


class AdaptiveArgmax(Primitive):
    """z = for each window the position of its maximum in the flattened last `windows` dimensions:
    the first, or the last nan"""

    def forward(xp, x, *, windows):
        sizes = x.shape[x.ndim - len(windows) :]
        picks = []
        for d, (n, o) in enumerate(zip(sizes, windows, strict=True)):
            starts, ends = borders(n, o)
            reach = xp.arange((ends - starts).max(initial=0))
            # shorter windows repeat their last element, which changes no maximum
            place = xp.minimum(starts[:, None] + reach, ends[:, None] - 1)
            shape = [1] * (2 * len(windows))
            shape[d], shape[d + len(windows)] = place.shape
            picks.append(place.reshape(shape))
        flat = picks[0]
        for n, place in zip(sizes[1:], picks[1:], strict=True):
            flat = flat * n + place
        flat = flat.reshape(math.prod(windows), -1)
        seen = x.reshape(*x.shape[: x.ndim - len(windows)], -1)[..., flat]
        z = flat[xp.arange(len(flat)), first_largest(xp, seen)]
        return z.reshape(*x.shape[: x.ndim - len(windows)], *windows)


class TakeFlat(Primitive):
    """z[…, o] = x[…, position[…, o]], where both have their last `dims` dimensions flattened"""

    grad_name = "AdaptiveMaxPool2DBackward0"

    def forward(xp, x, position, *, dims):
        lead = x.shape[: x.ndim - dims]
        flat, place = (a.reshape(*lead, math.prod(a.shape[len(lead) :])) for a in (x, position))
        z = xp.take_along_axis(flat, place, -1)
        return z.reshape(position.shape)

    def dx(g, position, x_shape, dims):
        return apply(PutFlat, g, position, sizes=x_shape[len(x_shape) - dims :])


class PutFlat(Primitive):
    """z = zeros with the last dimensions `sizes`, with each x[…, o] added at position[…, o]"""

    def forward(xp, x, position, *, sizes):
        lead = x.shape[: x.ndim - len(sizes)]
        count, size = math.prod(lead), math.prod(sizes)
        z = xp.zeros(count * size, x.dtype)
        offset = xp.arange(count)[:, None] * size
        xp.add.at(
            z,
            (position.reshape(count, math.prod(position.shape[len(lead) :])) + offset).reshape(-1),
            x.reshape(-1),
        )
        return z.reshape(*lead, *sizes)

    def dx(g, position, sizes):
        return apply(TakeFlat, g, position, dims=len(sizes))


def output_sizes(name: str, x: Tensor, dims: int, output_size: Any) -> Ints:
    """The number of windows along each of the last `dims` dimensions; None keeps the size."""
    if x.ndim not in (dims + 1, dims + 2):
        raise ShapeError(
            f"{name}: Expected {dims + 1}D or {dims + 2}D tensor, but got {list(x.shape)}"
        )
    if any(n == 0 for n in x.shape[1 - x.ndim + dims :][-dims:]):
        raise ShapeError(
            f"{name}: Expected input to have non-zero size for non-batch dimensions, but input has "
            f"sizes {list(x.shape)}"
        )
    given = list(output_size) if isinstance(output_size, Sequence) else [output_size] * dims
    if len(given) == 1:
        given *= dims
    if len(given) != dims:
        raise ShapeError(f"{name}: output_size must have {dims} sizes, got {output_size!r}")
    found = tuple(n if o is None else int(o) for n, o in zip(x.shape[-dims:], given, strict=True))
    if any(o < 0 for o in found):
        raise ShapeError(
            f"{name}: elements of output_size must be greater than or equal to 0, got {found}"
        )
    return found


def adaptive_avg_pool(dims: int, input: Any, output_size: Any) -> Tensor:
    """The mean of each window, of which there are `output_size`."""
    x = as_tensor(input)
    windows = output_sizes(f"adaptive_avg_pool{dims}d", x, dims, output_size)
    counts = np.ones((), x.array.dtype)
    z = x
    for d, n, o in zip(range(x.ndim - dims, x.ndim), x.shape[-dims:], windows, strict=True):
        if o and n % o == 0:
            k = n // o
            z = apply(WindowSum, z, dim=d, windows=o, kernel=k, stride=k, padding=0)
        else:
            z = apply(AdaptiveSum, z, dim=d, windows=o)
        starts, ends = borders(n, o)
        counts = np.multiply.outer(counts, (ends - starts).astype(x.array.dtype))
    name = f"AdaptiveAvgPool{dims}DBackward0" if max(windows, default=1) > 1 else "MeanBackward1"
    return named(z / wrap(counts), "SqueezeBackward1" if dims == 1 else name)


def adaptive_max_pool(dims: int, input: Any, output_size: Any, return_indices: bool) -> Any:
    """The maximum of each window, of which there are `output_size`."""
    x = as_tensor(input)
    windows = output_sizes(f"adaptive_max_pool{dims}d", x, dims, output_size)
    position = apply(AdaptiveArgmax, x.detach(), windows=windows)
    z = apply(TakeFlat, x, position, dims=dims)
    return (z, position) if return_indices else z


def adaptive_avg_pool1d(input: Any, output_size: Any) -> Tensor:
    """(N, C, L) or (C, L) → the same with length `output_size`: means of windows of nearly equal
    length.

    Window o goes from ⌊o·L/output_size⌋ to ⌈(o + 1)·L/output_size⌉.

    >>> import sangja
    >>> sangja.adaptive_avg_pool1d(sangja.tensor([[1.0, 2.0, 6.0]]), 2)
    tensor([[1.5000, 4.0000]])
    """
    return adaptive_avg_pool(1, input, output_size)


def adaptive_avg_pool2d(input: Any, output_size: Any) -> Tensor:
    """`adaptive_avg_pool1d` over two dimensions; None in `output_size` keeps a size."""
    return adaptive_avg_pool(2, input, output_size)


def adaptive_avg_pool3d(input: Any, output_size: Any) -> Tensor:
    """`adaptive_avg_pool1d` over three dimensions; None in `output_size` keeps a size."""
    return adaptive_avg_pool(3, input, output_size)


def adaptive_max_pool1d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """`adaptive_avg_pool1d` with the maximum of each window; with `return_indices` also where it
    lies."""
    return adaptive_max_pool(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """`adaptive_max_pool1d` over two dimensions."""
    return adaptive_max_pool(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """`adaptive_max_pool1d` over three dimensions."""
    return adaptive_max_pool(3, input, output_size, return_indices)
