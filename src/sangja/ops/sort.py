"""Order: sorting, the k largest, the k-th smallest, and where values belong among sorted ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core.errors import DTypeError, OutOfRangeError, ShapeError
from sangja.core.shapes import normalize_dim
from sangja.engine import Primitive, Tensor, apply, wrap
from sangja.ops.arguments import as_tensor, numpy_names
from sangja.ops.chosen import take_along
from sangja.ops.return_types import TYPES
from sangja.ops.shape import reshape

# -- sorting ----------------------------------------------------------------------------------


class Order(Primitive):
    """z = positions of the elements along `dim` in rising or falling order; nan counts as
    largest"""

    def forward(xp, x, *, dim, descending):
        if not descending:
            return xp.argsort(x, axis=dim, kind="stable")
        backwards = xp.argsort(xp.flip(x, dim), axis=dim, kind="stable")
        return x.shape[dim] - 1 - xp.flip(backwards, dim)


@numpy_names
def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """The pair (values, indices) of the elements in order along `dim`; always stable; nan largest.

    >>> import sangja
    >>> sangja.tensor([3.0, 1.0, 2.0]).sort().indices
    tensor([1, 2, 0])
    """
    x = as_tensor(input)
    dim = normalize_dim(dim, x.ndim)
    if not x.ndim:
        return TYPES["sort"](x.clone(), wrap(np.zeros((), np.int64)))
    indices = apply(Order, x, dim=dim, descending=bool(descending))
    return TYPES["sort"](take_along(x, indices, dim, "sort"), indices)


@numpy_names
def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """z = positions of the elements in order along `dim`; always stable; nan largest."""
    x = as_tensor(input)
    dim = normalize_dim(dim, x.ndim)
    if not x.ndim:
        return wrap(np.zeros((), np.int64))
    return apply(Order, x, dim=dim, descending=bool(descending))


def msort(input: Any) -> Tensor:
    """z = x sorted along its first dimension."""
    return sort(input, 0).values  # type: ignore[no-any-return]


class TopPositions(Primitive):
    """z = positions of the k largest (smallest) x along `dim`, in order; nan counts as largest"""

    def forward(xp, x, *, k, dim, largest):
        n = x.shape[dim]
        if 0 < k < n:
            cut = n - k if largest else k - 1
            places = xp.argpartition(x, cut, axis=dim)
            places = xp.take(places, xp.arange(n - k, n) if largest else xp.arange(k), axis=dim)
        else:
            places = xp.take(xp.argsort(x, axis=dim, kind="stable"), xp.arange(k), axis=dim)
        values = xp.take_along_axis(x, places, axis=dim)
        order = Order.forward(xp, values, dim=dim, descending=largest)
        return xp.take_along_axis(places, order, axis=dim)


@numpy_names
def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The pair (values, indices) of the `k` largest (smallest) elements along `dim`, in order.

    Raises `ShapeError` unless 0 ≤ k ≤ size of `dim`.
    """
    x = as_tensor(input)
    dim = normalize_dim(dim, x.ndim)
    if not 0 <= k <= (x.shape[dim] if x.ndim else 1):
        raise ShapeError(
            f"topk: selected index k out of range: k is {k}, and dimension {dim} of the input of "
            f"shape {list(x.shape)} has {x.shape[dim] if x.ndim else 1} elements"
        )
    line = x if x.ndim else reshape(x, (1,))
    indices = apply(TopPositions, line, k=k, dim=dim, largest=bool(largest))
    values = take_along(line, indices, dim, "topk")
    if not x.ndim and k:
        values, indices = reshape(values, ()), reshape(indices, ())
    return TYPES["topk"](values, indices)


class KthPosition(Primitive):
    """z = position of the k-th smallest x along `dim`; nan counts as largest"""

    def forward(xp, x, *, k, dim):
        order = xp.argpartition(x, k - 1, axis=dim)
        return xp.take(order, [k - 1], axis=dim)


@numpy_names
def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The pair (values, indices) of the `k`-th smallest element along `dim`, counted from 1."""
    x = as_tensor(input)
    dim = normalize_dim(dim, x.ndim)
    n = x.shape[dim] if x.ndim else 1
    if not n:
        raise OutOfRangeError(f"kthvalue(): Expected reduction dim {dim} to have non-zero size.")
    if not 1 <= k <= n:
        raise ShapeError(
            f"kthvalue: selected number k out of range for dimension {dim}: got k={k}, expected 1 "
            f"to {n}"
        )
    line = x if x.ndim else reshape(x, (1,))
    indices = apply(KthPosition, line, k=k, dim=dim)
    values = take_along(line, indices, dim, "kthvalue")
    if not keepdim or not x.ndim:
        kept = [n for d, n in enumerate(line.shape) if d != dim]
        values, indices = reshape(values, kept), reshape(indices, kept)
    return TYPES["kthvalue"](values, indices)


# -- distinct values --------------------------------------------------------------------------


class Unique(Primitive):
    """The distinct slices of x along `dim` (elements, if None), each one's first place, each
    slice's class, and counts; in order, or (`consecutive`) only neighbours are compared"""

    def forward(xp, x, *, dim, consecutive):
        flat = x.reshape(-1) if dim is None else x
        if consecutive:
            return distinct_runs(xp, flat, dim or 0)
        if flat.ndim != 1:
            order = order_of_slices(xp, flat, dim)
            values, runs, counts = distinct_runs(xp, xp.take(flat, order, axis=dim), dim)
            inverse = xp.empty_like(runs)
            inverse[order] = runs
            return values, inverse, counts
        return xp.unique(flat, return_inverse=True, return_counts=True, equal_nan=False)


def order_of_slices(xp: Any, x: Any, dim: int) -> Any:
    """The positions along `dim` that put the slices in order, by their first element, then by the
    next ones. (NumPy's `unique` compares bytes: 0 and −0 would differ.)"""
    n = x.shape[dim]
    rows = xp.moveaxis(x, dim, 0).reshape(n, x.size // max(n, 1))
    return xp.lexsort(rows.T[::-1]) if rows.size else xp.arange(n)


def distinct_runs(xp: Any, x: Any, dim: int) -> tuple[Any, ...]:
    """The first slice of every run of equal slices, the run of each slice, the lengths of runs."""
    n = x.shape[dim]
    rows = xp.moveaxis(x, dim, 0).reshape(n, x.size // max(n, 1))
    starts = xp.ones(n, bool)
    starts[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    first = xp.flatnonzero(starts)
    counts = xp.diff(xp.append(first, n))
    return xp.take(x, first, axis=dim), xp.cumsum(starts) - 1, counts


def distinct(input: Any, dim: int | None, inverse: bool, count: bool, consecutive: bool) -> Any:
    """What `unique` and `unique_consecutive` share."""
    x = as_tensor(input)
    if dim is not None:
        dim = normalize_dim(dim, x.ndim)
    values, classes, counts = apply(Unique, x, dim=dim if x.ndim else None, consecutive=consecutive)
    if dim is None:
        classes = reshape(classes, x.shape)
    results = (values, *((classes,) if inverse else ()), *((counts,) if count else ()))
    return results if len(results) > 1 else values


def unique(
    input: Any,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements in order (or slices along `dim`); on demand the position of every
    element among them, and how often each occurs. nan differs from every other.

    >>> import sangja
    >>> sangja.tensor([3, 1, 3]).unique()
    tensor([1, 3])
    """
    return distinct(input, dim, return_inverse, return_counts, consecutive=False)


def unique_consecutive(
    input: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The first of every run of equal elements (or slices along `dim`); further results as
    `unique`."""
    return distinct(input, dim, return_inverse, return_counts, consecutive=True)


# -- places and counts ------------------------------------------------------------------------


class SearchSorted(Primitive):
    """z = the place at which each y would be inserted into its sorted row of x"""

    promotes = True

    def forward(xp, x, y, *, side, dtype):
        if x.ndim == 1:
            return place(xp, x, y, side).astype(dtype)
        if not y.size:
            return xp.zeros(y.shape, dtype)
        rows = zip(x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1]), strict=True)
        found = [place(xp, row, values, side) for row, values in rows]
        return xp.array(found).reshape(y.shape).astype(dtype)


def place(xp: Any, x: Any, y: Any, side: str) -> Any:
    """The places of y in the row x: NumPy's, or, where x is not in order (a nan is in none), those
    that halving finds from the whole row anew for each y, as PyTorch's does."""
    if xp.all(x[1:] >= x[:-1]) and not (x.size and x[-1] != x[-1]):
        found = xp.searchsorted(x, y, side)
        return xp.where(y != y, x.size, found)
    low, high = xp.zeros(y.shape, np.int64), xp.full(y.shape, x.size)
    for _ in range(x.size.bit_length()):
        middle = low + (high - low) // 2
        value = x[xp.minimum(middle, x.size - 1)]
        right = ~(value >= y) if side == "left" else ~(value > y)
        searched = low < high
        low = xp.where(searched & right, middle + 1, low)
        high = xp.where(searched & ~right, middle, high)
    return low


def searchsorted(
    sorted_sequence: Any,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Any = None,
) -> Tensor:
    """z = i with x[i − 1] < y ≤ x[i] in the sorted last dimension of `sorted_sequence`
    (`right`: x[i − 1] ≤ y < x[i]). `sorter`: positions that would sort it.

    >>> import sangja
    >>> sangja.searchsorted(sangja.tensor([1, 3, 5]), sangja.tensor([3, 4]))
    tensor([1, 2])
    """
    x, y = as_tensor(sorted_sequence, "sorted_sequence"), as_tensor(input)
    if side not in (None, "left", "right"):
        raise ShapeError(f"searchsorted: side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise ShapeError(
            "searchsorted: side and right can't be set to opposites, got side of left while right "
            "was True"
        )
    if not x.ndim:
        raise ShapeError(
            "searchsorted: boundaries tensor should have at least 1 dimension, but got 0 dimension"
        )
    if x.ndim > 1 and x.shape[:-1] != y.shape[:-1]:
        raise ShapeError(
            "searchsorted: boundaries tensor should be 1 dimension or the first N-1 dimensions of "
            "boundaries tensor and input value tensor must match, but we got boundaries tensor "
            f"{list(x.shape)} and input value tensor {list(y.shape)}"
        )
    if sorter is not None:
        x = check_sorted_by(x, sorter)
    dtype = np.dtype(np.int32 if out_int32 else np.int64)
    return apply(SearchSorted, x, y, side="right" if right else side or "left", dtype=dtype)


def check_sorted_by(x: Tensor, sorter: Tensor) -> Any:
    """`x` in the order that `sorter` gives."""
    if sorter.shape != x.shape:
        raise ShapeError(
            "searchsorted: boundary and sorter must have the same size, but got boundary tensor "
            f"{list(x.shape)} and got sorter tensor {list(sorter.shape)}"
        )
    if sorter.array.dtype != np.int64:
        raise DTypeError(
            f"searchsorted: sorter must be a tensor of long dtype but got dtype {sorter.dtype}"
        )
    if sorter.array.size and not 0 <= sorter.array.min() <= sorter.array.max() < x.shape[-1]:
        raise OutOfRangeError("searchsorted: sorter index out of range")
    return take_along(x, sorter, x.ndim - 1, "gather")


def bucketize(
    input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """z = the bucket between two `boundaries` (1-d, sorted) in which each element lies."""
    b = as_tensor(boundaries, "boundaries")
    if b.ndim != 1:
        raise ShapeError(f"bucketize: boundaries tensor must be 1 dimension, but got dim({b.ndim})")
    return searchsorted(b, input, out_int32=out_int32, right=right)


class Bincount(Primitive):
    """z[i] = Σ of the weights (1 each, if None) of the elements that are i"""

    def forward(xp, x, weights, *, minlength):
        z = xp.bincount(x, weights, minlength)
        return z.astype(np.float32) if weights is not None and weights.dtype == np.float32 else z


def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Tensor:
    """z[i] = how often i occurs among non-negative ints (or the sum of the `weights` there)."""
    x = as_tensor(input)
    if x.ndim != 1 or x.array.dtype.kind not in "iu" or (x.array.size and x.array.min() < 0):
        raise DTypeError(
            f"bincount only supports 1-d non-negative integral inputs; got {x.dtype} of shape "
            f"{list(x.shape)}"
        )
    if minlength < 0:
        raise DTypeError(f"minlength should be >= 0, got {minlength}")
    if weights is not None and as_tensor(weights, "weights").shape != x.shape:
        raise ShapeError(
            f"bincount: weights should be 1-d and have the same length as input: {list(x.shape)} "
            f"and {list(weights.shape)}"
        )
    return apply(Bincount, x, weights, minlength=int(minlength))


class Histogram(Primitive):
    """z = number of elements in each of `bins` equal parts of [low, high]; others are not
    counted"""

    def forward(xp, x, *, bins, low, high):
        return xp.histogram(x, bins, (low, high))[0].astype(x.dtype)


def histc(input: Any, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """z = number of elements in each of `bins` equal parts of [min, max] (of the data, if both are
    equal), in the dtype of the input."""
    x = as_tensor(input)
    if bins <= 0:
        raise ShapeError(f"bins must be > 0, but got {bins}")
    low, high = float(min), float(max)
    if low == high and x.array.size:
        low, high = float(x.array.min()), float(x.array.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ShapeError(f"range of [{low}, {high}] is not finite")
    if low > high:
        raise ShapeError(f"max must be larger than min: got min={low}, max={high}")
    return apply(Histogram, x, bins=bins, low=low, high=high)
