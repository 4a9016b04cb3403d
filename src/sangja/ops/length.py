"""Lengths of vectors and matrices, and distances."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sangja.backend.sums import accurate_sum
from sangja.core import dtypes
from sangja.core.errors import ArgumentTypeError, DTypeError, ShapeError
from sangja.core.shapes import normalize_dim, normalize_dims
from sangja.engine import Primitive, Tensor, apply, single
from sangja.engine.structure import Cast, conjugate
from sangja.ops.arguments import as_tensor, numpy_names
from sangja.ops.comparison import isnan
from sangja.ops.decompose import svdvals
from sangja.ops.elementwise import absolute, masked, sign, where, zeros
from sangja.ops.exponential import pow as power
from sangja.ops.extreme import share_evenly
from sangja.ops.reduce import sum as sum_over, unreduce
from sangja.ops.shape import reshape, transpose, unsqueeze


class VectorNorm(Primitive):
    """z = (Σ |x|ᵖ)^(1/p) over the dimensions `dims`; the largest |x| for p = ∞, the smallest for
    −∞, the number of x ≠ 0 for p = 0. Where z = 0 the slope is 0."""

    grad_name = "LinalgVectorNormBackward0"

    def forward(xp, x, *, p, dims, keepdim):
        size = xp.absolute(x)
        if p == math.inf:
            return xp.maximum.reduce(size, axis=dims, keepdims=keepdim, initial=0)
        if p == -math.inf:
            return xp.minimum.reduce(size, axis=dims, keepdims=keepdim)
        if p == 0:
            return xp.count_nonzero(x, axis=dims, keepdims=keepdim).astype(size.dtype)
        if p == 1:
            return accurate_sum(xp, size, dims, keepdim, None)
        if p == 2:
            return xp.sqrt(accurate_sum(xp, size * size, dims, keepdim, None))
        total = accurate_sum(xp, size ** size.dtype.type(p), dims, keepdim, None)
        return total ** size.dtype.type(1 / p)

    def dx(g, x, out, p, dims):
        if p == 0:
            return zeros(x)
        z = unreduce(out, x.shape, dims)
        x = conjugate(x)
        if abs(p) == math.inf:
            size = absolute(x)
            same = (size == z) | (isnan(size) & isnan(z))
            return sign(x) * share_evenly(g, same, x.shape, dims)
        g = unreduce(g, x.shape, dims)
        if p == 1:
            return g * sign(x)
        if p == 2:
            return g * masked(z != 0, x / z)
        zero = x == 0 if p < 2 else z == 0
        slope = power(absolute(x) / where(z == 0, 1, z), p - 1)
        return sign(x) * where(zero, 0, slope) * g


def length(x: Tensor, p: float, dims: tuple[int, ...], keepdim: bool) -> Tensor:
    return single(VectorNorm, x, {"p": p, "dims": dims, "keepdim": keepdim})  # type: ignore[no-any-return]


def measured(name: str, input: Any, dtype: Any) -> Tensor:
    """The input of a norm, in the dtype asked for; a norm of integers is refused."""
    x = as_tensor(input)
    if x.array.dtype.kind not in "fcV":
        raise DTypeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {x.dtype}; use "
            ".float()"
        )
    if dtype is None:
        return x
    wanted = dtypes.to_numpy(dtype)
    if wanted.kind not in "fcV":
        raise DTypeError(f"{name}: dtype should be floating point or complex. Got {dtype}")
    if np.promote_types(wanted, x.array.dtype) != wanted:
        raise DTypeError(
            f"{name}: the dtype of the input {x.dtype} should be convertible without narrowing to "
            f"the specified dtype {dtype}"
        )
    return apply(Cast, x, dtype=wanted)  # type: ignore[no-any-return]


def vector_norm(
    x: Any, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """z = (Σ |x|ᵖ)^(1/p) over `dim` with p = `ord`; ∞ gives the largest |x|, −∞ the smallest, 0 the
    number of x ≠ 0.

    >>> import sangja
    >>> sangja.linalg.vector_norm(sangja.tensor([3.0, 4.0]))
    tensor(5.)
    """
    x = measured("linalg.vector_norm", x, dtype)
    if not isinstance(ord, (int, float)):
        raise ArgumentTypeError(f"linalg.vector_norm: ord must be a number, not {ord!r}")
    dims = normalize_dims(dim, x.ndim)
    if ord < 0 or ord == math.inf:
        empty = [d for d in dims if not x.shape[d]]
        if empty and (dim is not None or not x.array.size):
            raise ShapeError(
                f"linalg.vector_norm cannot compute the {float(ord)} norm on the dimension "
                f"{empty[0]} because this dimension is empty and the operation does not have an "
                "identity"
            )
    return length(x, float(ord), dims, keepdim)


def matrix_norm(
    A: Any,
    ord: Any = "fro",
    dim: Any = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Tensor:
    """A norm of matrices: "fro" √Σ x², "nuc" the sum of singular values, 2 (−2) the largest
    (smallest) singular value, 1 (−1) the largest (smallest) column sum of |x|, ∞ (−∞) row sum."""
    x = measured("linalg.matrix_norm", A, dtype)
    if x.ndim < 2:
        raise ShapeError(
            f"linalg.matrix_norm: The input tensor A must have at least 2 dimensions, got {x.ndim}"
        )
    if isinstance(dim, int) or len(dim) != 2:
        raise ShapeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {dim}")
    row, column = (normalize_dim(d, x.ndim) for d in dim)
    if row == column:
        raise ShapeError(f"linalg.matrix_norm: dims must be different. Got {tuple(dim)}")
    if ord == "fro":
        return length(x, 2.0, (row, column), keepdim)
    if ord == "nuc" or ord in (2, -2):
        others = [d for d in range(x.ndim) if d not in (row, column)]
        values = svdvals(x.permute(*others, row, column))
        if ord == "nuc":
            z = sum_over(values, -1)
        else:
            z = length(values, ord * math.inf, (values.ndim - 1,), False)
        return unreduce(z, x.shape, (row, column)) if keepdim else z
    if ord not in (1, -1, math.inf, -math.inf):
        raise (ArgumentTypeError if not isinstance(ord, (int, float, str)) else ShapeError)(
            f"linalg.matrix_norm: Order {ord} not supported; expected 'fro', 'nuc', ±inf, ±1 or ±2"
        )
    added, compared = (row, column) if abs(ord) == 1 else (column, row)
    sums = length(x, 1.0, (added,), True)
    z = length(sums, math.copysign(math.inf, ord), (compared,), True)
    kept = [n for d, n in enumerate(x.shape) if d not in (row, column)]
    return z if keepdim else reshape(z, kept)


def norm(
    A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """`vector_norm` over one dimension, `matrix_norm` over two; without `ord` the 2-norm of the
    elements."""
    x = as_tensor(A)
    if ord is None:
        return vector_norm(x, 2, dim, keepdim, dtype=dtype)
    if dim is None and x.ndim not in (1, 2):
        raise ShapeError(
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
            f"{x.ndim}D"
        )
    dims = (dim,) if isinstance(dim, int) else tuple(range(x.ndim)) if dim is None else tuple(dim)
    if len(dims) == 2:
        return matrix_norm(x, ord, dims, keepdim, dtype=dtype)
    if isinstance(ord, str):
        raise ShapeError(
            f"linalg.norm: ord={ord!r} is a norm of matrices; it needs two dimensions, got "
            f"{len(dims)}"
        )
    return vector_norm(x, ord, dims, keepdim, dtype=dtype)


@numpy_names
def total_norm(
    input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    """`sangja.norm`: the p-norm of all elements, or over `dim`; "fro" is the 2-norm, "nuc" the
    nuclear norm of matrices. (`linalg.vector_norm` and `linalg.matrix_norm` say which they
    mean.)"""
    if p == "nuc":
        return matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    if isinstance(p, str) and p != "fro":
        raise ShapeError(f"norm: only valid string values are 'fro', 'nuc', found: {p}")
    return vector_norm(input, 2 if p in ("fro", None) else p, dim, keepdim, dtype=dtype)


# -- distances --------------------------------------------------------------------------------


def dist(input: Any, other: Any, p: float = 2) -> Tensor:
    """z = ‖x − y‖ₚ of all elements, after broadcasting.

    >>> import sangja
    >>> sangja.dist(sangja.tensor([1.0, 5.0]), sangja.tensor([4.0, 1.0]))
    tensor(5.)
    """
    return vector_norm(as_tensor(input) - as_tensor(other, "other"), p)


class EuclideanDistances(Primitive):
    """z[i, j] = ‖x[i] − y[j]‖; slope 0 where z = 0"""

    grad_name = "CdistBackward0"

    def forward(xp, x, y, *, products):
        if not products:
            d = x[..., :, None, :] - y[..., None, :, :]
            return xp.sqrt((d * d).sum(-1))
        lengths = (x * x).sum(-1)[..., :, None] + (y * y).sum(-1)[..., None, :]
        return xp.sqrt(xp.maximum(lengths - 2 * (x @ y.swapaxes(-1, -2)), 0))

    def dall(g, x, y, out):
        weight = where(out == 0, 0, g / where(out == 0, 1, out))
        back = transpose(weight, -1, -2)
        dx = x * weight.sum(axis=-1)[..., None] - weight @ y
        return dx, y * back.sum(axis=-1)[..., None] - back @ x


def cdist(
    x1: Any,
    x2: Any,
    p: float = 2.0,
    compute_mode: str | None = "use_mm_for_euclid_dist_if_necessary",
) -> Tensor:
    """z[…, i, j] = ‖x₁[…, i] − x₂[…, j]‖ₚ. (…, n, d), (…, m, d) → (…, n, m). Euclidean distances of
    more than 25 points go through a product of matrices, ‖x‖² + ‖y‖² − 2 x·y, unless
    `compute_mode` is "donot_use_mm_for_euclid_dist"."""
    x, y = as_tensor(x1, "x1"), as_tensor(x2, "x2")
    for name, t in (("X1", x), ("X2", y)):
        if t.ndim < 2 or t.array.dtype.kind not in "fV":
            raise ShapeError(
                f"cdist only supports floating-point tensors of at least two dimensions, {name} "
                f"got {t.dtype} of shape {list(t.shape)}"
            )
    if x.shape[-1] != y.shape[-1]:
        raise ShapeError(
            f"X1 and X2 must have the same number of columns. X1: {x.shape[-1]} X2: {y.shape[-1]}"
        )
    if p < 0:
        raise ShapeError(f"cdist only supports non-negative p values, got {p}")
    if p != 2:
        d = unsqueeze(x, -2) - unsqueeze(y, -3)
        return length(d, float(p), (d.ndim - 1,), False)
    many = x.shape[-2] > 25 or y.shape[-2] > 25
    products = compute_mode == "use_mm_for_euclid_dist" or (
        many and compute_mode != "donot_use_mm_for_euclid_dist"
    )
    return apply(EuclideanDistances, x, y, products=products)  # type: ignore[no-any-return]
