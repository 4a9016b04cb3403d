"""The elements of a tensor turned round, and windows that slide over it."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core.errors import ShapeError
from sangja.core.shapes import normalize_dim, normalize_dims, shape_from
from sangja.engine import Primitive, Tensor, apply
from sangja.ops.arguments import as_tensor, numpy_names
from sangja.ops.shape import flatten, reshape, transpose


class Flip(Primitive):
    """z = x in reverse order along `dims`"""

    def forward(xp, x, *, dims):
        return xp.flip(x, dims).copy()

    def dx(g, dims):
        return flip(g, dims)


class Roll(Primitive):
    """z[(i + shift) mod n] = x[i] along every one of `dims`"""

    def forward(xp, x, *, shifts, dims):
        return xp.roll(x, shifts, dims)

    def dx(g, shifts, dims):
        return apply(Roll, g, shifts=tuple(-s for s in shifts), dims=dims)


class Unfold(Primitive):
    """z[…, i, …, j] = x[…, i · step + j, …]: windows of `size` along `dim`"""

    views = True

    def forward(xp, x, *, dim, size, step):
        windows = xp.lib.stride_tricks.sliding_window_view(
            x, size, axis=dim, writeable=x.flags.writeable
        )
        return windows[(slice(None),) * dim + (slice(None, None, step),)]

    def dx(g, x_shape, dim, size, step):
        return apply(Fold, g, shape=x_shape, dim=dim, size=size, step=step)


class Fold(Primitive):
    """z = zeros of `shape`, with every window of x added where `Unfold` took it"""

    grad_name = "UnfoldBackward0"

    def forward(xp, x, *, shape, dim, size, step):
        z = xp.zeros(shape, x.dtype)
        reach = (x.shape[dim] - 1) * step + 1
        for j in range(size):
            z[(slice(None),) * dim + (slice(j, j + reach, step),)] += x[..., j]
        return z

    def dx(g, dim, size, step):
        return apply(Unfold, g, dim=dim, size=size, step=step)


def flip(input: Any, *args: Any, dims: Any = None) -> Any:
    """z = x in reverse order along `dims`.

    >>> import sangja
    >>> sangja.arange(3).flip(0)
    tensor([2, 1, 0])
    """
    x = input if isinstance(input, np.ndarray) else as_tensor(input)
    wanted = shape_from(args if dims is None else (dims,))
    return apply(Flip, x, dims=normalize_dims(wanted, x.ndim) if wanted else ())


def fliplr(input: Any) -> Tensor:
    """z = x with its columns in reverse order."""
    x = as_tensor(input)
    if x.ndim < 2:
        raise ShapeError(f"Input must be >= 2-d, but fliplr got shape {list(x.shape)}")
    return flip(x, 1)


def flipud(input: Any) -> Tensor:
    """z = x with its rows in reverse order."""
    x = as_tensor(input)
    if x.ndim < 1:
        raise ShapeError("Input must be >= 1-d, but flipud got a 0-d tensor")
    return flip(x, 0)


def roll(input: Any, shifts: Any, dims: Any = None) -> Tensor:
    """z = x pushed on by `shifts` places along `dims`, what falls out coming in again at the start;
    without `dims` along all elements in a row.

    >>> import sangja
    >>> sangja.arange(4).roll(1)
    tensor([3, 0, 1, 2])
    """
    x = as_tensor(input)
    steps = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    if not steps:
        raise ShapeError("roll: `shifts` required")
    if dims is None or (isinstance(dims, (tuple, list)) and not dims):
        if len(steps) != 1:
            raise ShapeError(
                f"roll: shifts and dimensions must align. shifts: {len(steps)}, dims: 0"
            )
        rolled = apply(Roll, flatten(x), shifts=steps, dims=(0,))
        return reshape(rolled, x.array.shape)
    places = (dims,) if isinstance(dims, int) else tuple(dims)
    if len(steps) != len(places):
        raise ShapeError(
            f"roll: shifts and dimensions must align. shifts: {len(steps)}, dims: {len(places)}"
        )
    if not x.ndim:
        for d in places:
            normalize_dim(d, 0)
        return apply(Roll, x, shifts=(), dims=())
    return apply(Roll, x, shifts=steps, dims=tuple(normalize_dim(d, x.ndim) for d in places))


def rot90(input: Any, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """z = x turned by k quarters of a circle in the plane of `dims`, from the first to the
    second."""
    x = as_tensor(input)
    if len(dims) != 2:
        raise ShapeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if x.ndim < 2:
        raise ShapeError(f"expected total dims >= 2, but got total dims = {x.ndim}")
    a, b = (normalize_dim(d, x.ndim) for d in dims)
    if a == b:
        raise ShapeError(
            f"expected rotation dims to be different, but got dim0 = {a} and dim1 = {b}"
        )
    turns = k % 4
    if turns == 1:
        return transpose(flip(x, b), a, b)
    if turns == 2:
        return flip(x, a, b)
    if turns == 3:
        return flip(transpose(x, a, b), b)
    return apply(Flip, x, dims=())


@numpy_names
def unfold(input: Any, dimension: int, size: int, step: int) -> Tensor:
    """z[…, i, …, j] = x[…, i · step + j, …]: windows of `size` along a dimension, as a view.

    >>> import sangja
    >>> sangja.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    x = as_tensor(input)
    place = normalize_dim(dimension, x.ndim)
    n = x.array.shape[place] if x.ndim else 1
    if size < 0 or size > n:
        raise ShapeError(f"maximum size for tensor at dimension {place} is {n} but size is {size}")
    if step <= 0:
        raise ShapeError(f"unfold: step is {step} but must be > 0")
    if not x.ndim:
        return reshape(x, (size,)) if size else reshape(x, 1)[:0]
    return apply(Unfold, x, dim=place, size=size, step=step)
