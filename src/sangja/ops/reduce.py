"""Many elements to one: sums, means and their relatives, along dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core import dtypes
from sangja.core.shapes import normalize_dims
from sangja.engine import Primitive, Tensor, apply, broadcast_to
from sangja.ops.arguments import as_tensor, float_dtype, numpy_names
from sangja.ops.shape import reshape


class Sum(Primitive):
    """z = Σ x over the dimensions `dims`"""

    def forward(xp, x, *, dims, keepdim, dtype):
        return xp.add.reduce(x, axis=dims, dtype=dtype, keepdims=keepdim)

    def dx(g, x_shape, dims):
        return spread(g, x_shape, dims)


class Mean(Primitive):
    """z = (1/n) Σ x over the dimensions `dims`"""

    def forward(xp, x, *, dims, keepdim, dtype):
        return xp.mean(x, axis=dims, dtype=dtype, keepdims=keepdim)

    def dx(g, x_shape, dims):
        n = max(int(np.prod([x_shape[d] for d in dims])), 1)
        return spread(g / n, x_shape, dims)


def spread(g: Any, shape: tuple[int, ...], dims: tuple[int, ...]) -> Any:
    """The gradient of a reduction given back to every element that took part."""
    kept = tuple(1 if d in dims else n for d, n in enumerate(shape))
    return broadcast_to(g if g.shape == kept else reshape(g, kept), shape)


@numpy_names
def sum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """z = Σ x over `dim` (an int, several, or all). Integers and bools are summed as int64.

    >>> import sangja
    >>> sangja.ones(2, 3).sum(dim=1)
    tensor([3., 3.])
    """
    x = as_tensor(input) if not isinstance(input, np.ndarray) else input
    kind = x.dtype if isinstance(x, np.ndarray) else x.array.dtype
    if dtype is not None:
        dtype = dtypes.to_numpy(dtype)
    elif kind.kind in "bui":
        dtype = np.dtype(np.int64)
    return apply(Sum, x, dims=normalize_dims(dim, x.ndim), keepdim=keepdim, dtype=dtype)


@numpy_names
def mean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """z = (1/n) Σ x over `dim`; nan for no elements. Raises `DTypeError` for integers."""
    x = as_tensor(input)
    return apply(
        Mean, x, dims=normalize_dims(dim, x.ndim), keepdim=keepdim, dtype=float_dtype(dtype, x.array)
    )
