"""Values put, added or reduced into a tensor at the places that other tensors name."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core import dtypes
from sangja.core.errors import ArgumentTypeError, DTypeError, OutOfRangeError, ShapeError
from sangja.core.shapes import broadcast_shapes, normalize_dim
from sangja.engine import Primitive, Tensor, apply, broadcast_to, copy_, named
from sangja.ops.arguments import as_tensor
from sangja.ops.convert import cast
from sangja.ops.diagonal import diagonal
from sangja.ops.elementwise import choose, where
from sangja.ops.index import IndexPut, PutSlice, add_at, index_array
from sangja.ops.pick import (
    Gather,
    along,
    check_gather,
    check_range,
    select as select_part,
    whole_index,
)
from sangja.ops.shape import flatten, reshape

UFUNCS = {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}


class Scatter(Primitive):
    """z = x, z[index[i, j, …], j, …] = values[i, j, …] (or +=), the number being used along
    `dim`"""

    def forward(xp, x, index, values, *, dim, accumulate):
        z = xp.array(x)
        places = along(xp, index, dim)
        part = cut(values, index.shape)
        if accumulate:
            return add_at(xp, z, places, part)
        z[places] = part
        return z

    def dx(g, index, dim, accumulate):
        return g if accumulate else apply(Scatter, g, index, 0.0, dim=dim, accumulate=False)

    def dvalues(g, index, dim, values_shape):
        return pad_to(apply(Gather, g, index, dim=dim), values_shape)


class ScatterReduce(Primitive):
    """z = x, every element multiplied with (or the largest, the smallest of) itself and the values
    that the index sends to it; without `include_self` the values alone count there"""

    def forward(xp, x, index, values, *, dim, reduce, include_self):
        z = xp.array(x)
        places = along(xp, index, dim)
        if not include_self:
            z[places] = neutral(reduce, x.dtype)
        UFUNCS[reduce].at(z, places, values)
        return z

    def dall(g, x, index, values, out, dim, reduce, include_self):
        if reduce == "prod":
            dx, dvalues = product_gradients(g, x, index, values, out, dim, include_self)
        else:
            # Evenly among all that are equal to the result. PyTorch counts x among them also where
            # `include_self` leaves it out.
            kept, chosen = x == out, values == apply(Gather, out, index, dim=dim)
            shared = g / added(kept * 1.0, index, chosen * 1.0, dim)
            dx, dvalues = kept * shared, chosen * apply(Gather, shared, index, dim=dim)
        if not include_self:
            dx = apply(Scatter, dx, index, 0.0, dim=dim, accumulate=False)
        return dx, None, dvalues


def product_gradients(
    g: Any, x: Any, index: Any, values: Any, out: Any, dim: int, include_self: bool
) -> tuple[Any, Any]:
    """The derivative of a product by each factor: the product of the others. That is the result
    divided by the factor; for the only 0 among the values, the product with 1 in its place."""
    static = {"dim": dim, "reduce": "prod", "include_self": include_self}
    safe_x = choose(x == 0, 1.0, x)
    dx = g * apply(ScatterReduce, safe_x, index, values, **static) / safe_x
    zero = values == 0
    zeros = apply(Gather, added((x == 0) * 0.0, index, zero * 1.0, dim), index, dim=dim)
    alone = zero & (zeros == 1)
    others = apply(ScatterReduce, x, index, choose(alone, 1.0, values), **static)
    without = apply(Gather, g * others, index, dim=dim)
    quotient = apply(Gather, g * out, index, dim=dim) / choose(zero, 1.0, values)
    return dx, choose(alone, without, quotient)


def added(x: Any, index: Any, values: Any, dim: int) -> Any:
    return apply(Scatter, x, index, values, dim=dim, accumulate=True)


def cut(values: Any, shape: tuple[int, ...]) -> Any:
    """The part of the values for which there is an index."""
    if np.shape(values) in ((), shape):
        return values
    return values[tuple(slice(n) for n in shape)]


def pad_to(g: Any, shape: tuple[int, ...]) -> Any:
    """The reverse of `cut`: zeros where there was no index."""
    if g.shape == shape:
        return g
    return apply(PutSlice, g, index=tuple(slice(n) for n in g.shape), shape=shape)


# -- along a dimension ------------------------------------------------------------------------


def scatter(
    input: Any,
    dim: int,
    index: Any,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
) -> Tensor:
    """z = x with z[index[i, j, …], j, …] = src[i, j, …] for dim 0, and so on; `src` is a tensor or
    one number (`value`); `reduce`, "add" or "multiply", combines with what was there."""
    src = value if src is None else src
    if reduce not in (None, "add", "multiply"):
        raise ShapeError(f"scatter: reduce argument must be either add or multiply, got {reduce!r}")
    if isinstance(src, Tensor) or reduce != "multiply":
        return scattered(input, dim, index, src, reduce, "scatter")
    places = whole_index(index, "scatter")
    return scattered(input, dim, places, full_like(places, src, input), reduce, "scatter")


def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Tensor:
    """z = x with z[index[i, j, …], j, …] += src[i, j, …] for dim 0, and so on."""
    return scattered(input, dim, index, src, "add", "scatter_add")


def scatter_reduce(
    input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True
) -> Tensor:
    """z = x, each element reduced with those of `src` that `index` sends to it: by "sum", "prod",
    "mean", "amax" or "amin"; without `include_self` the element of x itself does not count."""
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise ShapeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    x, places = as_tensor(input), whole_index(index, "scatter_reduce")
    start = x
    if not include_self and reduce in ("sum", "mean"):
        start = scatter(x, dim, places, 0)
    z = scattered(start, dim, places, src, reduce, "scatter_reduce", include_self)
    if reduce != "mean":
        return z
    one = full_like(x, 1, x)
    own = one if include_self else scatter(one, dim, places, 0)
    counts = scatter_add(own, dim, places, full_like(places, 1, x))
    counts = where(counts == 0, 1, counts)
    return z / counts if x.array.dtype.kind in "fcV" else z // counts


def neutral(reduce: str, dtype: np.dtype[Any]) -> Any:
    """The number that changes nothing."""
    if reduce not in ("amax", "amin"):
        return 1 if reduce == "prod" else 0
    if dtype.kind in "fV":
        return -np.inf if reduce == "amax" else np.inf
    if dtype.kind == "b":
        return reduce == "amin"
    limits = np.iinfo(dtype)
    return int(limits.min if reduce == "amax" else limits.max)


def full_like(like: Tensor, value: Any, typed: Tensor) -> Tensor:
    """One number in the shape of a tensor and the dtype of another."""
    return as_tensor(np.full(like.array.shape, value, typed.array.dtype))


def scattered(
    input: Any,
    dim: int,
    index: Any,
    src: Any,
    reduce: str | None,
    name: str,
    include_self: bool = True,
) -> Tensor:
    """What the scatter functions share: arguments checked, 0-d tensors taken as of one element."""
    x, places = as_tensor(input), whole_index(index, name)
    d = normalize_dim(dim, x.ndim)
    check_gather(x, places, d, name)
    if isinstance(src, Tensor):
        check_source(x, places, src, name)
    elif src is None:
        raise ArgumentTypeError(f"{name}(): a tensor `src` or a number `value` must be given")
    if not places.array.size:
        return x.clone()
    if x.ndim != places.ndim:  # 0-d meets 1-d
        if places.array.size != 1:
            whole = reshape(x, 1)
            return reshape(scattered(whole, 0, places, src, reduce, name, include_self), ())
        one = (1,) * x.ndim
        places = reshape(places, one)
        src = reshape(src, one) if isinstance(src, Tensor) else src
    if reduce in (None, "add", "sum", "mean"):
        return apply(Scatter, x, places, src, dim=d, accumulate=reduce is not None)
    part = src[tuple(slice(n) for n in places.array.shape)]
    kind = "prod" if reduce == "multiply" else reduce
    static = {"dim": d, "reduce": kind, "include_self": include_self}
    return apply(ScatterReduce, x, places, part, **static)


def check_source(x: Tensor, index: Tensor, src: Tensor, name: str) -> None:
    if src.array.dtype != x.array.dtype:
        raise DTypeError(
            f"{name}(): Expected self.dtype to be equal to src.dtype, got {x.dtype} and "
            f"{src.dtype}; convert one with src.to(self.dtype)"
        )
    if not index.array.size:
        return
    shape, given = src.array.shape or (1,), index.array.shape or (1,)
    if len(shape) != len(given):
        raise ShapeError(
            f"{name}(): Index tensor must have the same number of dimensions as src tensor: "
            f"{index.ndim} and {src.ndim}"
        )
    if any(m > n for n, m in zip(shape, given, strict=True)):
        raise ShapeError(
            f"{name}(): Expected index {list(given)} to be no larger than src {list(shape)}"
        )


# -- whole slices -----------------------------------------------------------------------------


def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Tensor:
    """z = x with α times the slices of `source` added to those with the numbers `index` along
    `dim`."""
    x, numbers, values, d = slices(input, dim, index, source, "index_add")
    values = values if alpha == 1 else values * alpha
    return put_slices(x, d, numbers, values, True)


def index_copy(input: Any, dim: int, index: Any, source: Any) -> Tensor:
    """z = x with the slices with the numbers `index` along `dim` replaced by those of `source`."""
    x, numbers, values, d = slices(input, dim, index, source, "index_copy")
    return put_slices(x, d, numbers, values, False)


def index_fill(input: Any, dim: int, index: Any, value: Any) -> Tensor:
    """z = x with one number in the slices with the numbers `index` along `dim`."""
    x, numbers = as_tensor(input), whole_index(index, "index_fill")
    if numbers.ndim > 1:
        raise OutOfRangeError("index_fill(): Index has to be a vector/scalar")
    if isinstance(value, Tensor) and value.ndim:
        raise ShapeError(
            "index_fill only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.ndim} dimension(s)."
        )
    d = normalize_dim(dim, x.ndim)
    check_range(numbers, x.array.shape[d] if x.ndim else 1, d, "index_fill", negative=True)
    shape = x.array.shape
    none = as_tensor(np.zeros(shape[d] if shape else 1, bool))
    chosen = apply(
        IndexPut, none, True, reshape(numbers, numbers.array.size), places=(0,), accumulate=False
    )
    along_d = tuple(n if place == d else 1 for place, n in enumerate(shape))
    return where(reshape(chosen, along_d), fitting(value, x, "index_fill"), x)


def put_slices(x: Tensor, dim: int, index: Tensor, values: Any, accumulate: bool) -> Tensor:
    numbers = index if index.ndim else reshape(index, 1)
    whole = x if x.ndim else reshape(x, 1)
    if isinstance(values, Tensor) and not x.ndim:
        values = reshape(values, values.array.size)
    z = apply(IndexPut, whole, values, numbers, places=(dim,), accumulate=accumulate)
    return z if x.ndim else reshape(z, ())


def slices(
    input: Any, dim: int, index: Any, source: Any, name: str
) -> tuple[Tensor, Tensor, Tensor, int]:
    """The arguments of `index_add` and `index_copy`, checked."""
    x, numbers, values = as_tensor(input), whole_index(index, name), as_tensor(source, "source")
    d = normalize_dim(dim, x.ndim)
    if numbers.ndim > 1:
        raise OutOfRangeError(
            f"{name}(): Index is supposed to be a vector, but got {numbers.ndim}D"
        )
    if values.array.dtype != x.array.dtype:
        raise DTypeError(
            f"{name}(): self and source expected to have the same dtype, but got (self) {x.dtype} "
            f"and (source) {values.dtype}"
        )
    check_range(numbers, x.array.shape[d] if x.ndim else 1, d, name)
    n = numbers.array.size
    if x.ndim and values.ndim:
        wanted = (*x.array.shape[:d], n, *x.array.shape[d + 1 :])
        if values.array.shape != wanted:
            raise ShapeError(
                f"{name}(): source has shape {list(values.shape)}, but {n} slices of a tensor of "
                f"shape {list(x.shape)} along dimension {d} have {list(wanted)}"
            )
    elif n != values.array.size or x.ndim > 1:
        raise ShapeError(
            f"{name}(): Number of indices ({n}) should be equal to the number of elements in a 0-d "
            f"source ({values.array.size}), and input must be a vector or scalar"
        )
    return x, numbers, values, d


# -- by masks and by full indices -------------------------------------------------------------


def fitting(value: Any, x: Tensor, name: str) -> Tensor:
    """One number in the dtype of x, which must have a place for its kind."""
    found = as_tensor(value, "value")
    if dtypes.CATEGORY[found.array.dtype.kind] > dtypes.CATEGORY[x.array.dtype.kind]:
        raise DTypeError(
            f"{name}: value cannot be converted to type {x.dtype} without overflow: it is "
            f"{found.dtype}"
        )
    return cast(found, x.array.dtype)


def masked_fill(input: Any, mask: Any, value: Any) -> Tensor:
    """z = `value` (one number) where `mask` is true, else x; x and mask broadcast.

    >>> import sangja
    >>> sangja.tensor([1, 2]).masked_fill(sangja.tensor([True, False]), 0)
    tensor([0, 2])
    """
    x, chosen = as_tensor(input), as_tensor(mask, "mask")
    if chosen.array.dtype.kind != "b":
        raise DTypeError(
            f"masked_fill only supports boolean masks, but got mask with dtype {chosen.dtype}; "
            "make one with mask.bool() or a comparison"
        )
    if isinstance(value, Tensor) and value.ndim:
        raise ShapeError(
            "masked_fill only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.ndim} dimension(s)."
        )
    return named(where(chosen, fitting(value, x, "masked_fill"), x), "MaskedFillBackward0")


def masked_scatter(input: Any, mask: Any, source: Any) -> Tensor:
    """z = x, its elements where `mask` is true replaced by those of `source` in a row."""
    x, chosen, values = as_tensor(input), as_tensor(mask, "mask"), as_tensor(source, "source")
    if chosen.array.dtype.kind != "b":
        raise DTypeError(f"masked_scatter: expected BoolTensor for mask, got {chosen.dtype}")
    if x.array.dtype != values.array.dtype:
        raise DTypeError(
            "masked_scatter: expected self and source to have same dtypes but got "
            f"{x.dtype} and {values.dtype}"
        )
    shape = broadcast_shapes(x.array.shape, chosen.array.shape)
    x, chosen = broadcast_to(x, shape), broadcast_to(chosen, shape)
    count = int(np.count_nonzero(chosen.array))
    if values.array.size < count:
        raise ShapeError(
            "masked_scatter: Number of elements of source < number of ones in mask: "
            f"{values.array.size} < {count}"
        )
    part = flatten(values)[:count]
    whole = (reshape(x, 1), reshape(chosen, 1)) if not shape else (x, chosen)
    z = apply(IndexPut, whole[0], part, whole[1], places=(0,), accumulate=False)
    return reshape(z, ()) if not shape else z


def index_put(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """z = x with z[indices] = values, or += with `accumulate`, also where an index occurs twice."""
    x, values = as_tensor(input), as_tensor(values, "values")
    if values.array.dtype != x.array.dtype:
        raise DTypeError(
            "Index put requires the source and destination dtypes match, got "
            f"{x.dtype} for the destination and {values.dtype} for the source."
        )
    arrays = [index if isinstance(index, Tensor) else index_array(index) for index in indices]
    places = tuple(range(len(arrays)))
    return apply(IndexPut, x, values, *arrays, places=places, accumulate=accumulate)


def put(input: Any, index: Any, source: Any, accumulate: bool = False) -> Tensor:
    """z = x with the elements of the flattened x with the numbers `index` replaced by those of
    `source` (or added to)."""
    x, numbers, values = as_tensor(input), whole_index(index, "put_"), as_tensor(source, "source")
    if numbers.array.size != values.array.size:
        raise ShapeError(
            "put_(): Expected source and index to have the same number of elements, but got "
            f"source.numel() = {values.array.size}, index.numel() = {numbers.array.size}"
        )
    if x.array.dtype != values.array.dtype:
        raise DTypeError(
            "put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{x.dtype} and source.dtype = {values.dtype}"
        )
    check_range(numbers, x.array.size, 0, "put_", negative=True)
    flat = [reshape(t, t.array.size) for t in (x, values, numbers)]
    z = apply(IndexPut, *flat, places=(0,), accumulate=accumulate)
    return reshape(z, x.array.shape)


# -- a copy with one part replaced ------------------------------------------------------------


def select_scatter(input: Any, src: Any, dim: int, index: int) -> Tensor:
    """z = x with the slice with the number `index` along `dim` replaced by `src`."""
    return replaced(input, src, lambda z: select_part(z, dim, index), "select_scatter")


def slice_scatter(
    input: Any,
    src: Any,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    """z = x with the slices start:end:step along `dim` replaced by `src`."""

    def part(z: Tensor) -> Tensor:
        d = normalize_dim(dim, z.ndim)
        return z[(slice(None),) * d + (slice(start, end, step),)]

    return replaced(input, src, part, "slice_scatter")


def diagonal_scatter(input: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """z = x with a diagonal replaced by `src`."""
    return replaced(input, src, lambda z: diagonal(z, offset, dim1, dim2), "diagonal_scatter")


def replaced(input: Any, src: Any, part_of: Any, name: str) -> Tensor:
    """A copy of x into which `src` is written through a view of it."""
    z, values = as_tensor(input).clone(), as_tensor(src, "src")
    part = part_of(z)
    if part.array.shape != values.array.shape:
        raise ShapeError(
            f"{name}: expected src to have a size equal to the slice of self. src size = "
            f"{list(values.shape)}, slice size = {list(part.shape)}"
        )
    copy_(part, values)
    return z
