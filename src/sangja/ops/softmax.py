"""Softmax and its relatives: numbers along a dimension made into probabilities."""

from __future__ import annotations

import warnings
from typing import Any

from sangja.core import dtypes
from sangja.core.shapes import normalize_dim
from sangja.engine import Primitive, Tensor, apply, single
from sangja.engine.structure import Cast
from sangja.ops.arguments import as_tensor, numpy_names
from sangja.ops.exponential import exp
from sangja.ops.reduce import sum
from sangja.ops.shape import reshape


class Softmax(Primitive):
    """zᵢ = exp(xᵢ) / Σⱼ exp(xⱼ)"""

    floats = True

    def forward(xp, x, *, dim):
        top = xp.maximum.reduce(x, axis=dim, keepdims=True, initial=-xp.inf)
        z = xp.subtract(x, top)
        xp.exp(z, out=z)
        return xp.divide(z, xp.add.reduce(z, axis=dim, keepdims=True), out=z)

    def dx(g, out, dim):
        return (g - sum(g * out, dim, keepdim=True)) * out


class LogSoftmax(Primitive):
    """zᵢ = xᵢ − ln Σⱼ exp(xⱼ)"""

    floats = True

    def forward(xp, x, *, dim):
        z = xp.subtract(x, xp.maximum.reduce(x, axis=dim, keepdims=True, initial=-xp.inf))
        total = xp.add.reduce(xp.exp(z), axis=dim, keepdims=True)
        return xp.subtract(z, xp.log(total, out=total), out=z)

    def dx(g, out, dim):
        return g - exp(out) * sum(g, dim, keepdim=True)


def along(primitive: type[Primitive], input: Any, dim: Any, dtype: Any) -> Tensor:
    """`softmax` or `log_softmax`, in `dtype` if given, of a scalar too."""
    x = as_tensor(input)
    if dtype is not None and x.array.dtype != dtypes.to_numpy(dtype):
        x = apply(Cast, x, dtype=dtypes.to_numpy(dtype))
    if dim is None:
        dim = 0 if x.ndim in (0, 1, 3) else 1
        warnings.warn(
            f"Implicit dimension choice for {primitive.__name__.lower()} has been deprecated. "
            f"Change the call to include dim={dim} as an argument.",
            stacklevel=4,
        )
    dim = normalize_dim(dim, x.ndim)
    if not x.ndim:
        return reshape(apply(primitive, reshape(x, (1,)), dim=0), ())
    return single(primitive, x, {"dim": dim})  # type: ignore[no-any-return]


@numpy_names
def softmax(input: Any, dim: int | None = None, dtype: Any = None) -> Tensor:
    """zᵢ = exp(xᵢ) / Σⱼ exp(xⱼ) along `dim`, without overflow; positive and of sum 1.

    >>> import sangja
    >>> sangja.softmax(sangja.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return along(Softmax, input, dim, dtype)


@numpy_names
def log_softmax(input: Any, dim: int | None = None, dtype: Any = None) -> Tensor:
    """zᵢ = xᵢ − ln Σⱼ exp(xⱼ) along `dim`, without overflow."""
    return along(LogSoftmax, input, dim, dtype)


@numpy_names
def softmin(input: Any, dim: int | None = None, dtype: Any = None) -> Tensor:
    """zᵢ = exp(−xᵢ) / Σⱼ exp(−xⱼ) along `dim`."""
    return along(Softmax, -input, dim, dtype)
