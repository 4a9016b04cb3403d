"""Diagonals and triangles of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core import dtypes
from sangja.core.errors import ShapeError
from sangja.core.shapes import normalize_dim
from sangja.engine import Primitive, Tensor, apply, wrap
from sangja.ops.arguments import as_tensor


class Diagonal(Primitive):
    """z[…, i] = x[…, i, …, i + offset, …], the two being dimensions `dim1` and `dim2`"""

    views = True

    def forward(xp, x, *, offset, dim1, dim2):
        z = xp.diagonal(x, offset, dim1, dim2)
        z.flags.writeable = x.flags.writeable
        return z

    def dx(g, x_shape, offset, dim1, dim2):
        return apply(PutDiagonal, g, shape=x_shape, offset=offset, dim1=dim1, dim2=dim2)


class PutDiagonal(Primitive):
    """z = zeros of `shape`, with x on a diagonal"""

    grad_name = "DiagonalBackward0"

    def forward(xp, x, *, shape, offset, dim1, dim2):
        z = xp.zeros(shape, x.dtype)
        place = xp.diagonal(z, offset, dim1, dim2)
        place.flags.writeable = True
        place[...] = x
        return z

    def dx(g, offset, dim1, dim2):
        return apply(Diagonal, g, offset=offset, dim1=dim1, dim2=dim2)


class Tril(Primitive):
    """z = x, with 0 above the diagonal"""

    def forward(xp, x, *, diagonal):
        return xp.tril(x, diagonal)

    def dx(g, diagonal):
        return apply(Tril, g, diagonal=diagonal)


class Triu(Primitive):
    """z = x, with 0 below the diagonal"""

    def forward(xp, x, *, diagonal):
        return xp.triu(x, diagonal)

    def dx(g, diagonal):
        return apply(Triu, g, diagonal=diagonal)


def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of every matrix in the dimensions `dim1` and `dim2`, as the last dimension; a
    view. `offset` counts diagonals above the main one (below, if negative)."""
    x = as_tensor(input)
    a, b = normalize_dim(dim1, x.ndim), normalize_dim(dim2, x.ndim)
    if a == b:
        raise ShapeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return apply(Diagonal, x, offset=offset, dim1=a, dim2=b)


def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """z = zeros, with the last dimension of x as a diagonal in the new dimensions `dim1` and
    `dim2`.

    >>> import sangja
    >>> sangja.tensor([1, 2]).diag_embed()
    tensor([[1, 0],
            [0, 2]])
    """
    x = as_tensor(input)
    if not x.ndim:
        raise ShapeError("diag_embed expects at least a 1-dimensional tensor")
    a, b = normalize_dim(dim1, x.ndim + 1), normalize_dim(dim2, x.ndim + 1)
    if a == b:
        raise ShapeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    *lead, n = x.array.shape
    n += abs(offset)
    for d in sorted((a, b)):
        lead.insert(d, n)
    return apply(PutDiagonal, x, shape=tuple(lead), offset=offset, dim1=a, dim2=b)


def diag(input: Any, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, or the matrix with a vector on its diagonal; a copy."""
    x = as_tensor(input)
    if x.ndim == 1:
        return diag_embed(x, diagonal)
    if x.ndim != 2:
        raise ShapeError(f"diag(): Supports 1D or 2D tensors. Got {x.ndim}D")
    return apply(Diagonal, x, offset=diagonal, dim1=0, dim2=1).clone()


def diagflat(input: Any, offset: int = 0) -> Tensor:
    """The matrix with all elements of x on its diagonal."""
    return diag_embed(as_tensor(input).reshape(as_tensor(input).array.size), offset)


def trace(input: Any) -> Tensor:
    """The sum of the diagonal of a matrix."""
    x = as_tensor(input)
    if x.ndim != 2:
        raise ShapeError(f"trace: expected a matrix, but got tensor with dim {x.ndim}")
    return diagonal(x).sum()


def tril(input: Any, diagonal: int = 0) -> Tensor:
    """The lower triangle of every matrix: 0 above the diagonal with number `diagonal`."""
    return apply(Tril, matrices(input, "tril"), diagonal=diagonal)


def triu(input: Any, diagonal: int = 0) -> Tensor:
    """The upper triangle of every matrix: 0 below the diagonal with number `diagonal`."""
    return apply(Triu, matrices(input, "triu"), diagonal=diagonal)


def matrices(input: Any, name: str) -> Tensor:
    x = as_tensor(input)
    if x.ndim < 2:
        raise ShapeError(f"{name}: input tensor must have at least 2 dimensions, but has {x.ndim}")
    return x


def tril_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: Any = np.int64,
    layout: Any = None,
    device: Any = None,
) -> Tensor:
    """The rows and columns of the lower triangle of a (row, col) matrix, (2, n)."""
    return triangle(np.tril, row, col, offset, dtype, "tril_indices")


def triu_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: Any = np.int64,
    layout: Any = None,
    device: Any = None,
) -> Tensor:
    """The rows and columns of the upper triangle of a (row, col) matrix, (2, n)."""
    return triangle(np.triu, row, col, offset, dtype, "triu_indices")


def triangle(cut: Any, row: int, col: int, offset: int, dtype: Any, name: str) -> Tensor:
    if row < 0 or col < 0:
        raise ShapeError(f"{name}: row and col must be non-negative, got {row} and {col}")
    wanted = dtypes.to_numpy(dtype)
    if wanted.kind not in "iu" or wanted.itemsize < 4:
        raise ShapeError(f"{name}: dtype must be int32 or int64, got {dtypes.of(wanted)}")
    return wrap(np.stack(np.nonzero(cut(np.ones((row, col), bool), offset))).astype(wanted))
