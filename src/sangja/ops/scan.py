"""Running sums, products and extremes along one dimension, and differences of neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core import dtypes
from sangja.core.errors import DTypeError, ShapeError
from sangja.core.shapes import normalize_dim
from sangja.engine import Primitive, Tensor, apply, single
from sangja.engine.structure import Cast
from sangja.ops.arguments import as_tensor, numpy_names
from sangja.ops.chosen import take_along
from sangja.ops.elementwise import where
from sangja.ops.exponential import exp
from sangja.ops.index import Slice
from sangja.ops.join import cat
from sangja.ops.return_types import TYPES
from sangja.ops.shape import reshape

Array = np.ndarray[Any, Any]


def along(dim: int, index: slice) -> tuple[slice, ...]:
    """`index` at dimension `dim`, everything before it."""
    return (slice(None),) * dim + (index,)


# -- the parts that rules of running operations are made of -----------------------------------


def reverse(x: Any, dim: int) -> Any:
    """z = x from back to front along `dim`."""
    return apply(Slice, x, index=along(dim % x.ndim, slice(None, None, -1)))


class Shift(Primitive):
    """z[i] = x[i − 1], z[0] = fill, along `dim` (with `step` −1 the other way)"""

    def forward(xp, x, *, step, dim, fill):
        z = xp.full_like(x, fill)
        source, target = (slice(-1), slice(1, None)) if step > 0 else (slice(1, None), slice(-1))
        z[along(dim, target)] = x[along(dim, source)]
        return z

    def dx(g, step, dim):
        return apply(Shift, g, step=-step, dim=dim, fill=0)


def shift(x: Any, step: int, dim: int = -1, fill: float = 0) -> Any:
    """z[i] = x[i − step] for a `step` of 1 or −1; `fill` at the end where there is none."""
    return apply(Shift, x, step=step, dim=dim % x.ndim, fill=fill)


class LinearScan(Primitive):
    """z[i] = a[i] · z[i − 1] + b[i], z[−1] = 0, along `dim`"""

    def forward(xp, a, b, *, dim):
        a, b = xp.moveaxis(a, dim, 0), xp.moveaxis(b, dim, 0)
        z = xp.array(b)
        for i in range(1, len(z)):
            z[i] += a[i] * z[i - 1]
        return xp.moveaxis(z, 0, dim)

    def dall(g, a, out, dim, needs):
        ahead = reverse(shift(reverse(a, dim), 1, dim), dim)  # a[i + 1]
        b = reverse(linear_scan(reverse(ahead, dim), reverse(g, dim), dim), dim)
        return b * shift(out, 1, dim) if needs[0] else None, b


def linear_scan(a: Any, b: Any, dim: int) -> Any:
    """z[i] = a[i] · z[i − 1] + b[i] along `dim`, for a and b of one shape."""
    return apply(LinearScan, a, b, dim=dim % b.ndim)


# -- running sums and products ----------------------------------------------------------------


class Cumsum(Primitive):
    """z[i] = Σ x[j] over j ≤ i, along `dim`"""

    def forward(xp, x, *, dim):
        return xp.add.accumulate(x, axis=dim)

    def dx(g, dim):
        return reverse(apply(Cumsum, reverse(g, dim), dim=dim), dim)


class Cumprod(Primitive):
    """z[i] = Π x[j] over j ≤ i, along `dim`; the rule divides by nothing, so zeros are no
    trouble"""

    def forward(xp, x, *, dim):
        return xp.multiply.accumulate(x, axis=dim)

    def dx(g, x, dim):
        before = apply(Cumprod, shift(x, 1, dim, fill=1), dim=dim)
        behind = linear_scan(shift(reverse(x, dim), 1, dim), reverse(g, dim), dim)
        return before * reverse(behind, dim)


class LogCumsumExp(Primitive):
    """z[i] = ln Σ exp x[j] over j ≤ i, along `dim`; the rule uses only ratios ≤ 1"""

    grad_name = "LogcumsumexpBackward0"

    def forward(xp, x, *, dim):
        return xp.logaddexp.accumulate(x, axis=dim)

    def dx(g, x, out, dim):
        before = shift(out, 1, dim)
        ratio = exp(where(before == out, 0, before - out))  # exp(z[i − 1] − z[i])
        behind = linear_scan(shift(reverse(ratio, dim), 1, dim), reverse(g, dim), dim)
        return exp(where(x == out, 0, x - out)) * reverse(behind, dim)


def summable(input: Any, dtype: Any) -> Tensor:
    """The input in the dtype asked for; integers and bools as int64."""
    x = as_tensor(input)
    kind = x.array.dtype
    wanted = dtypes.to_numpy(dtype) if dtype is not None else np.dtype(np.int64)
    if kind == wanted or (dtype is None and kind.kind not in "bui"):
        return x
    return apply(Cast, x, dtype=wanted)


@numpy_names
def cumsum(input: Any, dim: int, *, dtype: Any = None) -> Tensor:
    """z[i] = Σ x[j] over j ≤ i, along `dim`.

    >>> import sangja
    >>> sangja.tensor([1.0, 2.0, 3.0]).cumsum(0)
    tensor([1., 3., 6.])
    """
    x = summable(input, dtype)
    dim = normalize_dim(dim, x.ndim)
    return single(Cumsum, x, {"dim": dim}) if x.ndim else x.clone()


@numpy_names
def cumprod(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """z[i] = Π x[j] over j ≤ i, along `dim`."""
    if isinstance(input, np.ndarray):
        return apply(Cumprod, input, dim=dim % input.ndim)
    x = summable(input, dtype)
    dim = normalize_dim(dim, x.ndim)
    return apply(Cumprod, x, dim=dim) if x.ndim else x.clone()


@numpy_names
def logcumsumexp(input: Any, dim: int) -> Tensor:
    """z[i] = ln Σ exp x[j] over j ≤ i, along `dim`, without overflow. Raises `DTypeError` for
    ints."""
    x = as_tensor(input)
    if x.array.dtype.kind not in "fcV":
        raise DTypeError(
            f'logcumsumexp: "logcumsumexp" not implemented for {x.dtype}; convert it with .float()'
        )
    dim = normalize_dim(dim, x.ndim)
    return apply(LogCumsumExp, x, dim=dim) if x.ndim else x.clone()


# -- running extremes -------------------------------------------------------------------------


class LastExtreme(Primitive):
    """z[i] = position of the largest (smallest) x[j] over j ≤ i, the last among equals; nan wins"""

    def forward(xp, x, *, dim, largest):
        running = (xp.maximum if largest else xp.minimum).accumulate(x, axis=dim)
        shape = [1] * x.ndim
        shape[dim] = -1
        positions = xp.arange(x.shape[dim]).reshape(shape)
        found = xp.where((x == running) | (x != x), positions, 0)
        return xp.maximum.accumulate(found, axis=dim)


def running_extreme(name: str, input: Any, dim: int, largest: bool) -> Any:
    x = as_tensor(input)
    dim = normalize_dim(dim, x.ndim)
    if not x.ndim:
        return TYPES[name](x.clone(), as_tensor(np.zeros((), np.int64)))
    indices = apply(LastExtreme, x, dim=dim, largest=largest)
    return TYPES[name](take_along(x, indices, dim, name), indices)


@numpy_names
def cummax(input: Any, dim: int) -> Any:
    """The pair (values, indices) of the largest elements so far along `dim`; the last among
    equals."""
    return running_extreme("cummax", input, dim, largest=True)


@numpy_names
def cummin(input: Any, dim: int) -> Any:
    """The pair (values, indices) of the smallest elements so far along `dim`; the last among
    equals."""
    return running_extreme("cummin", input, dim, largest=False)


# -- neighbours -------------------------------------------------------------------------------


@numpy_names
def diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Tensor:
    """z[i] = x[i + 1] − x[i] along `dim`, `n` times; of bools whether they differ.

    >>> import sangja
    >>> sangja.tensor([1, 3, 2]).diff()
    tensor([ 2, -1])
    """
    x = as_tensor(input)
    if not x.ndim:
        raise ShapeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise ShapeError(f"order must be non-negative but got {n}")
    dim = normalize_dim(dim, x.ndim)
    x = x if n == 0 else joined(x, dim, prepend, append)
    for _ in range(min(n, x.shape[dim])):
        later, earlier = x[along(dim, slice(1, None))], x[along(dim, slice(None, -1))]
        x = later != earlier if x.array.dtype.kind == "b" else later - earlier
    return x


def joined(x: Tensor, dim: int, prepend: Any, append: Any) -> Tensor:
    """`x` between what is given to stand before and after it."""
    parts = [p for p in (prepend, x, append) if p is not None]
    for name, part in (("prepend", prepend), ("append", append)):
        if part is not None and part.ndim != x.ndim:
            raise ShapeError(
                f"diff expects prepend or append to be the same dimension as input; {name} has "
                f"{part.ndim}, the input {x.ndim} dimensions"
            )
    return cat(parts, dim) if len(parts) > 1 else x  # type: ignore[no-any-return]


def panels(name: str, y: Any, x: Any, dx: Any, dim: int) -> tuple[Tensor, int]:
    """The areas (y[i] + y[i + 1]) / 2 · (x[i + 1] − x[i]) between neighbours along `dim`."""
    y = as_tensor(y, "y")
    dim = normalize_dim(dim, y.ndim)
    pairs = y[along(dim, slice(1, None))] + y[along(dim, slice(None, -1))]
    if x is None:
        return pairs * (dx / 2), dim
    x = as_tensor(x, "x")
    if x.ndim == 1:
        if x.shape[0] != y.shape[dim]:
            raise ShapeError(
                f"{name}: There must be one `x` value for each sample point; got {x.shape[0]} for "
                f"{y.shape[dim]}"
            )
        x = reshape(x, (x.shape[0], *(1,) * (y.ndim - 1 - dim)))
    return pairs * (diff(x, 1, dim - y.ndim) / 2), dim


@numpy_names
def trapezoid(y: Any, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """z = Σ (y[i] + y[i + 1]) / 2 · (x[i + 1] − x[i]) along `dim`: the integral of y by the
    trapezoidal rule; without `x` the steps are `dx`."""
    areas, dim = panels("trapezoid", y, x, dx, dim)
    return areas.sum(dim)  # type: ignore[no-any-return]


@numpy_names
def cumulative_trapezoid(y: Any, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The running integrals of y along `dim`; see `trapezoid`."""
    areas, dim = panels("cumulative_trapezoid", y, x, dx, dim)
    return cumsum(areas, dim)
