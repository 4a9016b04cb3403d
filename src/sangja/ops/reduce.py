"""Many elements to one: sums, means and their relatives, along dimensions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sangja.backend.native import norms
from sangja.backend.sums import accurate_sum
from sangja.core import dtypes
from sangja.core.errors import DTypeError
from sangja.core.shapes import normalize_dims
from sangja.engine import Primitive, Tensor, apply, broadcast_to, named, single
from sangja.engine.structure import conjugate
from sangja.ops.arguments import as_tensor, float_dtype, numpy_names
from sangja.ops.comparison import isnan
from sangja.ops.elementwise import choose, where
from sangja.ops.exponential import exp
from sangja.ops.scan import cumprod, linear_scan, reverse, shift, summable
from sangja.ops.shape import permute, reshape

Array = np.ndarray[Any, Any]

# -- shapes of reductions ------------------------------------------------------------------


def count_of(shape: tuple[int, ...], dims: tuple[int, ...]) -> int:
    """How many elements are reduced to one."""
    return math.prod(shape[d] for d in dims)


def spread(g: Any, shape: tuple[int, ...], dims: tuple[int, ...]) -> Any:
    """The gradient of a reduction given back to every element that took part."""
    return broadcast_to(unreduce(g, shape, dims), shape)


def unreduce(z: Any, shape: tuple[int, ...], dims: tuple[int, ...]) -> Any:
    """The result of a reduction with the reduced dimensions put back with size 1."""
    kept = tuple(1 if d in dims else n for d, n in enumerate(shape))
    return z if z.shape == kept else reshape(z, kept)


# -- sums and means ---------------------------------------------------------------------------


class Reduction(Primitive):
    """What is reduced over some dimensions; PyTorch names that apart from a reduction to one."""

    @classmethod
    def name_of(cls, static, targets):
        shape = targets[0][0] if targets and targets[0] else ()
        whole = len(static["dims"]) == len(shape) and not static["keepdim"]
        return cls.grad_name if whole else cls.grad_name[:-1] + "1"


class Sum(Reduction):
    """z = Σ x over the dimensions `dims`"""

    def forward(xp, x, *, dims, keepdim, dtype):
        return accurate_sum(xp, x, dims, keepdim, dtype)

    def dx(g, x_shape, dims):
        return spread(g, x_shape, dims)


class Mean(Reduction):
    """z = (1/n) Σ x over the dimensions `dims`"""

    def forward(xp, x, *, dims, keepdim, dtype):
        x = x if dtype is None else x.astype(dtype, copy=False)
        made = norms.mean(x, dims) if keepdim else None
        if made is not None:
            return made
        total = accurate_sum(xp, x, dims, keepdim, None)
        return total / total.dtype.type(count_of(x.shape, dims))

    def dx(g, x_shape, dims):
        return spread(g / max(count_of(x_shape, dims), 1), x_shape, dims)


def floating(name: str, x: Tensor, dtype: Any = None) -> None:
    """Refuse integers where the result could not be one."""
    kind = (x.array.dtype if dtype is None else dtypes.to_numpy(dtype)).kind
    if kind not in "fcV":
        found = x.dtype if dtype is None else dtype
        raise DTypeError(
            f"{name}(): could not infer output dtype. Input dtype must be either a floating point "
            f"or complex dtype. Got: {found}. Convert it first, as in x.float()"
        )


@numpy_names
def sum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """z = Σ x over `dim` (an int, several, or all). Integers and bools are summed as int64.

    >>> import sangja
    >>> sangja.ones(2, 3).sum(dim=1)
    tensor([3., 3.])
    """
    x = input if isinstance(input, np.ndarray) else as_tensor(input)
    kind = x.dtype if isinstance(x, np.ndarray) else x.array.dtype
    if dtype is not None:
        dtype = dtypes.to_numpy(dtype)
    elif kind.kind in "bui":
        dtype = np.dtype(np.int64)
    return single(Sum, x, {"dims": normalize_dims(dim, x.ndim), "keepdim": keepdim, "dtype": dtype})


@numpy_names
def mean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """z = (1/n) Σ x over `dim`; nan for no elements. Raises `DTypeError` for integers."""
    x = as_tensor(input)
    floating("mean", x, dtype)
    return single(
        Mean,
        x,
        {
            "dims": normalize_dims(dim, x.ndim),
            "keepdim": keepdim,
            "dtype": float_dtype(dtype, x.array),
        },
    )


class Nansum(Primitive):
    """z = Σ of the x that are not nan, over the dimensions `dims`; a primitive because a gradient
    of ∞, the mean of none, gives nan and not 0 to the elements left out"""

    def forward(xp, x, *, dims, keepdim, dtype):
        return accurate_sum(xp, xp.where(x != x, x.dtype.type(0), x), dims, keepdim, dtype)

    def dx(g, x, dims):
        return spread(g, x.shape, dims) * (x == x)


@numpy_names
def nansum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """z = Σ x over `dim`, nan counted as 0."""
    x = as_tensor(input)
    if x.array.dtype.kind not in "fc":
        return sum(x, dim, keepdim, dtype=dtype)
    wanted = None if dtype is None else dtypes.to_numpy(dtype)
    return apply(Nansum, x, dims=normalize_dims(dim, x.ndim), keepdim=keepdim, dtype=wanted)


@numpy_names
def nanmean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """z = mean of the elements that are not nan; nan where there are none."""
    x = as_tensor(input)
    floating("nanmean", x)
    return nansum(x, dim, keepdim, dtype=dtype) / sum(isnan(x) == 0, dim, keepdim)


# -- products ---------------------------------------------------------------------------------


class Prod(Primitive):
    """z = Π x along the last dimension"""

    def forward(xp, x):
        return xp.multiply.reduce(x, axis=-1)

    def dx(g, x):
        return reshape(g, (*g.shape, 1)) * apply(ProdOfOthers, x)


class ProdOfOthers(Primitive):
    """z[i] = Π x[j] over j ≠ i, along the last dimension; exact where elements are 0"""

    grad_name = "ProdBackward0"

    def forward(xp, x):
        left, right = xp.ones_like(x), xp.ones_like(x)
        xp.multiply.accumulate(x[..., :-1], axis=-1, out=left[..., 1:])
        xp.multiply.accumulate(x[..., :0:-1], axis=-1, out=right[..., -2::-1])
        return left * right

    def dx(g, x):
        before = cumprod(shift(x, 1, fill=1), -1)
        after = reverse(cumprod(shift(reverse(x, -1), 1, fill=1), -1), -1)
        return one_side(g, x, before) * after + before * reverse(
            one_side(reverse(g, -1), reverse(x, -1), reverse(after, -1)), -1
        )


def one_side(g: Any, x: Any, before: Any) -> Any:
    """p[k] = Σ g[i] Π x[j] over i < k, j < k, j ≠ i: the products of all before k but one."""
    return linear_scan(shift(x, 1), shift(g * before, 1), -1)


@numpy_names
def prod(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """z = Π x over `dim`, or over all. Integers and bools are multiplied as int64."""
    x = summable(input, dtype)
    dims = normalize_dims(dim, x.ndim)
    others = [d for d in range(x.ndim) if d not in dims]
    kept = [x.shape[d] for d in others]
    z = apply(Prod, reshape(permute(x, (*others, *dims)), (*kept, count_of(x.shape, dims))))
    z = unreduce(z, x.shape, dims) if keepdim else z
    return z if dim is None else named(z, "ProdBackward1")


# -- spread of values -------------------------------------------------------------------------


def squared_deviations(
    xp: Any, x: Array, dims: tuple[int, ...], keepdim: bool, free: float
) -> Array:
    """Σ |x − mean|² / free, in two passes (Chan, Golub & LeVeque 1983, §1)."""
    n = count_of(x.shape, dims)
    deviation = x - accurate_sum(xp, x, dims, True, None) / x.dtype.type(n)
    if x.dtype.kind == "c":
        squares = deviation.real * deviation.real + deviation.imag * deviation.imag
    else:
        squares = deviation * deviation
    return accurate_sum(xp, squares, dims, keepdim, None) / squares.dtype.type(free)


class Var(Primitive):
    """z = Σ (x − mean)² / free over the dimensions `dims`; its rule keeps x alone"""

    def forward(xp, x, *, dims, keepdim, free):
        return squared_deviations(xp, x, dims, keepdim, free)

    def dx(g, x, dims, free):
        deviation = x - apply(Mean, x, dims=dims, keepdim=True, dtype=None)
        return spread(g, x.shape, dims) * (conjugate(deviation) * float(np.float64(2) / free))


class Std(Primitive):
    """z = √(Σ (x − mean)² / free) over the dimensions `dims`; slope 0 where z = 0"""

    def forward(xp, x, *, dims, keepdim, free):
        return xp.sqrt(squared_deviations(xp, x, dims, keepdim, free))

    def dx(g, x, out, dims, free):
        half = choose(out == 0, 0, g / (2 * out))
        return Var.dx(half, x, dims, free)


def spread_arguments(
    name: str, input: Any, dim: Any, unbiased: bool | None, correction: float | None
) -> tuple[Tensor, dict[str, Any]]:
    """Input, dimensions and degrees of freedom of `var`, `std` and their pairs with the mean."""
    x = as_tensor(input)
    if x.array.dtype.kind not in "fcV":
        raise DTypeError(
            f"{name}: only support floating point and complex dtypes, got {x.dtype}; use x.float()"
        )
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    dims = normalize_dims(dim, x.ndim)
    return x, {"dims": dims, "free": max(count_of(x.shape, dims) - correction, 0)}


@numpy_names
def var(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """z = Σ (x − mean)² / max(n − correction, 0) over `dim`; `correction` is 1 (Bessel's) by
    default.

    >>> import sangja
    >>> sangja.tensor([1.0, 2.0, 3.0]).var()
    tensor(1.)
    """
    x, arguments = spread_arguments("var", input, dim, unbiased, correction)
    return single(Var, x, {"keepdim": keepdim, **arguments})


@numpy_names
def std(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """z = √(Σ (x − mean)² / max(n − correction, 0)) over `dim`; `correction` is 1 by default."""
    x, arguments = spread_arguments("std", input, dim, unbiased, correction)
    return single(Std, x, {"keepdim": keepdim, **arguments})


@numpy_names
def var_mean(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The pair (`var`, `mean`) over `dim`."""
    x, arguments = spread_arguments("var_mean", input, dim, unbiased, correction)
    return apply(Var, x, keepdim=keepdim, **arguments), mean(x, arguments["dims"], keepdim)


@numpy_names
def std_mean(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """The pair (`std`, `mean`) over `dim`."""
    x, arguments = spread_arguments("std_mean", input, dim, unbiased, correction)
    return apply(Std, x, keepdim=keepdim, **arguments), mean(x, arguments["dims"], keepdim)


# -- exponentials -----------------------------------------------------------------------------


class LogSumExp(Primitive):
    """z = ln Σ eˣ over the dimensions `dims`, without overflow; its rule is the softmax"""

    floats = True
    grad_name = "LogsumexpBackward0"

    def forward(xp, x, *, dims, keepdim):
        top = xp.max(x, axis=dims, keepdims=True, initial=-xp.inf)
        top = xp.where(xp.isfinite(top), top, top.dtype.type(0))
        z = xp.log(xp.add.reduce(xp.exp(x - top), axis=dims, keepdims=True)) + top
        return z if keepdim else z.squeeze(dims)

    def dx(g, x, out, dims):
        return spread(g, x.shape, dims) * exp(x - unreduce(out, x.shape, dims))


@numpy_names
def logsumexp(input: Any, dim: Any, keepdim: bool = False) -> Tensor:
    """z = ln Σ eˣ over `dim`, with the largest x taken out first so that nothing overflows."""
    x = as_tensor(input)
    return apply(LogSumExp, x, dims=normalize_dims(dim, x.ndim), keepdim=keepdim)


# -- truth ------------------------------------------------------------------------------------


class All(Primitive):
    """z = whether every x is true (not 0) over the dimensions `dims`"""

    def forward(xp, x, *, dims, keepdim):
        z = xp.all(x, axis=dims, keepdims=keepdim)
        return z.astype(x.dtype) if x.dtype == np.uint8 else z


class Any_(Primitive):
    """z = whether some x is true (not 0) over the dimensions `dims`"""

    def forward(xp, x, *, dims, keepdim):
        z = xp.any(x, axis=dims, keepdims=keepdim)
        return z.astype(x.dtype) if x.dtype == np.uint8 else z


class CountNonzero(Primitive):
    """z = number of x ≠ 0 over the dimensions `dims`"""

    def forward(xp, x, *, dims):
        return xp.asarray(xp.count_nonzero(x, axis=dims), dtype=np.int64)


@numpy_names
def all(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    """z = whether every x is true over `dim`; true for no elements. bool, for uint8 uint8."""
    x = as_tensor(input)
    return apply(All, x, dims=normalize_truth_dims(dim, x.ndim), keepdim=keepdim)


@numpy_names
def any(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    """z = whether some x is true over `dim`; false for no elements. bool, for uint8 uint8."""
    x = as_tensor(input)
    return apply(Any_, x, dims=normalize_truth_dims(dim, x.ndim), keepdim=keepdim)


def normalize_truth_dims(dim: Any, ndim: int) -> tuple[int, ...]:
    """As `normalize_dims`, but an empty list of dims reduces nothing."""
    return () if isinstance(dim, (tuple, list)) and not dim else normalize_dims(dim, ndim)


@numpy_names
def count_nonzero(input: Any, dim: Any = None) -> Tensor:
    """z = number of x ≠ 0 over `dim`, int64."""
    x = as_tensor(input)
    return apply(CountNonzero, x, dims=normalize_dims(dim, x.ndim))
