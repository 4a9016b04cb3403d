"""Lengths, distances and angles of vectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sangja.core.errors import DTypeError
from sangja.core.shapes import normalize_dim
from sangja.engine import Primitive, Tensor, apply
from sangja.ops.arguments import as_tensor, numpy_names
from sangja.ops.comparison import clamp_min
from sangja.ops.elementwise import absolute, sign, where, zeros
from sangja.ops.reduce import sum as total


class Length(Primitive):
    """z = (Σ |x|ᵖ)^(1/p) along `dim`, which stays with size 1; the derivative is 0 where z is 0"""

    grad_name = "LinalgVectorNormBackward0"

    def forward(xp, x, *, p, dim):
        return xp.linalg.norm(x, p, axis=dim, keepdims=True).astype(x.dtype, copy=False)

    def dx(g, x, out, p, dim):
        if p == 1:
            return sign(x) * g
        if p == 0:
            return zeros(x)
        if p == math.inf:
            top = absolute(x) == out
            return sign(x) * where(top, g / total(top, dim=dim, keepdim=True), 0.0)
        zero = out == 0
        safe = where(zero, 1.0, out)
        if p == 2:
            return x * where(zero, 0.0, g / safe)
        ratio = absolute(x) / safe  # at most 1: no overflow
        slope = where(ratio == 0, 0.0, where(ratio == 0, 1.0, ratio) ** (p - 1))
        return sign(x) * slope * where(zero, 0.0, g)


def length(x: Any, p: float, dim: int) -> Any:
    """The p-norm of the vectors along `dim`, which stays with size 1."""
    if not x.ndim:
        return absolute(x)
    return apply(Length, x, p=float(p), dim=dim)


@numpy_names
def normalize(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """z = x / max(‖x‖ₚ, ε) along `dim`."""
    x = as_tensor(input)
    return x / clamp_min(length(x, p, normalize_dim(dim, x.ndim)), eps)


@numpy_names
def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-08) -> Tensor:
    """z = x₁ · x₂ / (max(‖x₁‖, ε) · max(‖x₂‖, ε)) along `dim`; the inputs are broadcast.

    >>> import sangja
    >>> sangja.cosine_similarity(sangja.tensor([[1.0, 0.0]]), sangja.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """
    a, b = as_tensor(x1, "x1"), as_tensor(x2, "x2")
    if a.array.dtype.kind not in "fcV" or b.array.dtype.kind not in "fcV":
        raise DTypeError(
            f"cosine_similarity: expected floating inputs, got {a.dtype} and {b.dtype}; use "
            ".float()"
        )
    z = a * b  # broadcasts
    a, b = (x if x.shape == z.shape else x + np.zeros(z.shape, x.array.dtype) for x in (a, b))
    axis = normalize_dim(dim, z.ndim)
    lengths = [at_least(length(x, 2, axis), eps) for x in (a, b)]
    return total((a / lengths[0]) * (b / lengths[1]), dim=axis)


def at_least(x: Tensor, low: float) -> Tensor:
    """z = max(x, low); the gradient passes unchanged, as PyTorch lets it."""
    return where(x < low, x + (low - x).detach(), x)  # type: ignore[no-any-return]


def pairwise_distance(
    x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-06, keepdim: bool = False
) -> Tensor:
    """z = ‖x₁ − x₂ + ε‖ₚ over the last dimension; the inputs are broadcast."""
    d = as_tensor(x1, "x1") - as_tensor(x2, "x2") + eps
    z = length(d, p, d.ndim - 1)
    return z if keepdim else z[..., 0]  # type: ignore[no-any-return]
