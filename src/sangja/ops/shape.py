"""The same elements in another arrangement. Most of these are views: they share memory."""

from __future__ import annotations

from typing import Any

from sangja.core.errors import ShapeError
from sangja.core.shapes import infer_shape, normalize_dim, normalize_dims, shape_from
from sangja.engine import Primitive, Tensor, apply
from sangja.ops.arguments import as_tensor


class Reshape(Primitive):
    """z = x in another shape"""

    views = True
    grad_name = "ViewBackward0"

    def forward(xp, x, *, shape):
        return x.reshape(shape)

    def dx(g, x_shape):
        return reshape(g, x_shape)


class Permute(Primitive):
    """z[i_dims[0], i_dims[1], …] = x[i₀, i₁, …]"""

    views = True

    def forward(xp, x, *, dims):
        return x.transpose(dims)

    def dx(g, dims):
        return permute(g, sorted(range(len(dims)), key=dims.__getitem__))


class Transpose(Primitive):
    """z = x with two dimensions exchanged"""

    views = True

    def forward(xp, x, *, dim0, dim1):
        return x.swapaxes(dim0, dim1)

    def dx(g, dim0, dim1):
        return transpose(g, dim0, dim1)


def reshape(input: Any, *shape: Any) -> Tensor:
    """z = x in `shape` (one size may be -1: worked out); a view where memory allows.

    >>> import sangja
    >>> sangja.arange(6).reshape(2, -1).shape
    sangja.Size([2, 3])
    """
    x = input.array if isinstance(input, Tensor) else input
    return apply(Reshape, input, shape=infer_shape(shape_from(shape), x.size))


def permute(input: Any, *dims: Any) -> Tensor:
    """z = x with its dimensions in the order `dims`."""
    wanted = shape_from(dims)
    if len(wanted) != input.ndim:
        raise ShapeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the "
            f"length of the desired ordering of dimensions i.e. input.dim() = {input.ndim} is not "
            f"equal to len(dims) = {len(wanted)}"
        )
    return apply(Permute, input, dims=normalize_dims(wanted, input.ndim))


def transpose(input: Any, dim0: int, dim1: int) -> Tensor:
    """z = x with dimensions `dim0` and `dim1` exchanged."""
    a, b = normalize_dim(dim0, input.ndim), normalize_dim(dim1, input.ndim)
    return apply(Transpose, input, dim0=a, dim1=b) if input.ndim else input


def t(input: Any) -> Tensor:
    """z = xᵀ for a matrix; a vector or scalar stays."""
    if as_tensor(input).ndim > 2:
        raise ShapeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return transpose(input, 0, 1) if input.ndim == 2 else input
