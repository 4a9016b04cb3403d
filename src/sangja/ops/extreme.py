"""The largest, the smallest, the middle: values and where they stand."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core.errors import DTypeError, OutOfRangeError, ShapeError
from sangja.core.shapes import normalize_dim, normalize_dims
from sangja.engine import Primitive, Tensor, apply, named, single
from sangja.ops.arguments import as_tensor, numpy_names
from sangja.ops.chosen import take_along
from sangja.ops.comparison import clamp, isnan, maximum, minimum
from sangja.ops.elementwise import lerp, where
from sangja.ops.pick import AddAlong
from sangja.ops.reduce import spread, unreduce
from sangja.ops.return_types import TYPES
from sangja.ops.rounding import ceil, floor, round
from sangja.ops.shape import reshape
from sangja.ops.sort import sort

# -- extremes over any dimensions: equals share the gradient ----------------------------------


def share_evenly(g: Any, mask: Any, shape: tuple[int, ...], dims: tuple[int, ...]) -> Any:
    """The gradient of a reduction divided among the elements where `mask` holds."""
    return spread(g, shape, dims) * mask / mask.sum(axis=dims, keepdims=True)


class Amax(Primitive):
    """z = the largest x over the dimensions `dims`; equals share the gradient evenly"""

    def forward(xp, x, *, dims, keepdim):
        return xp.maximum.reduce(x, axis=dims, keepdims=keepdim)

    def dx(g, x, out, dims):
        return share_evenly(g, x == unreduce(out, x.shape, dims), x.shape, dims)


class Amin(Primitive):
    """z = the smallest x over the dimensions `dims`; equals share the gradient evenly"""

    def forward(xp, x, *, dims, keepdim):
        return xp.minimum.reduce(x, axis=dims, keepdims=keepdim)

    def dx(g, x, out, dims):
        return share_evenly(g, x == unreduce(out, x.shape, dims), x.shape, dims)


class Selected(Primitive):
    """z = one of the x, chosen by `choose`; its equals (nan included) share the gradient evenly"""

    def forward(xp, x, *, choose, grad_name):
        return choose(xp, x)

    def dx(g, x, out):
        same = (x == out) | (isnan(x) & isnan(out))
        return share_evenly(g, same, x.shape, tuple(range(x.ndim)))


def smallest(xp: Any, x: Any) -> Any:
    return xp.minimum.reduce(x, axis=None)


def largest(xp: Any, x: Any) -> Any:
    return xp.maximum.reduce(x, axis=None)


def lower_median(xp: Any, x: Any) -> Any:
    """The middle of the sorted elements, the lower of two; nan if there is one, or no element."""
    flat = x.ravel()
    if not flat.size or xp.isnan(flat).any():
        return x.dtype.type(np.nan)
    middle = (flat.size - 1) // 2
    return xp.partition(flat, middle)[middle]


def lower_nanmedian(xp: Any, x: Any) -> Any:
    """`lower_median` of the elements that are not nan."""
    return lower_median(xp, x[~xp.isnan(x)])


def check_not_empty(name: str, x: Tensor, dims: tuple[int, ...]) -> None:
    for d in dims if x.ndim else ():
        if not x.shape[d]:
            raise OutOfRangeError(
                f"{name}(): Expected reduction dim {d} to have non-zero size: the input has shape "
                f"{list(x.shape)}, and no elements have no {name}"
            )


@numpy_names
def amax(input: Any, dim: Any = (), keepdim: bool = False) -> Tensor:
    """z = the largest x over `dim`; equals share the gradient evenly; nan wins."""
    x = as_tensor(input)
    dims = normalize_dims(dim, x.ndim)
    check_not_empty("amax", x, dims)
    return apply(Amax, x, dims=dims, keepdim=keepdim)


@numpy_names
def amin(input: Any, dim: Any = (), keepdim: bool = False) -> Tensor:
    """z = the smallest x over `dim`; equals share the gradient evenly; nan wins."""
    x = as_tensor(input)
    dims = normalize_dims(dim, x.ndim)
    check_not_empty("amin", x, dims)
    return apply(Amin, x, dims=dims, keepdim=keepdim)


@numpy_names
def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """The pair (min, max) over `dim`, or over all."""
    x = as_tensor(input)
    dims = normalize_dims(dim, x.ndim)
    check_not_empty("aminmax", x, dims)
    return TYPES["aminmax"](
        apply(Amin, x, dims=dims, keepdim=keepdim), apply(Amax, x, dims=dims, keepdim=keepdim)
    )


# -- extremes along one dimension: a position is chosen ---------------------------------------


class Position(Primitive):
    """z = where along `dim` the largest (smallest) x stands, the first among equals; nan wins"""

    def forward(xp, x, *, dim, largest, keepdim):
        return (x.argmax if largest else x.argmin)(dim, keepdims=keepdim)


def position(name: str, x: Tensor, dim: int, largest: bool, keepdim: bool) -> Any:
    if not x.array.size:
        check_not_empty(name, x, (dim,))
    return single(Position, x, {"dim": dim, "largest": largest, "keepdim": keepdim})


class MaxAlong(Primitive):
    """z = the largest x along `dim`; its `index` alone gets the gradient"""

    grad_name = "MaxBackward0"

    def forward(xp, x, index, *, dim, keepdim):
        return xp.maximum.reduce(x, axis=dim, keepdims=keepdim)

    def dx(g, index, x_shape, dim):
        return put_along(g, index, x_shape, dim)


class MinAlong(Primitive):
    """z = the smallest x along `dim`; its `index` alone gets the gradient"""

    grad_name = "MinBackward0"

    def forward(xp, x, index, *, dim, keepdim):
        return xp.minimum.reduce(x, axis=dim, keepdims=keepdim)

    def dx(g, index, x_shape, dim):
        return put_along(g, index, x_shape, dim)


def put_along(g: Any, index: Any, shape: tuple[int, ...], dim: int) -> Any:
    """Zeros of `shape`, with the gradients of a reduction over `dim` where `index` points."""
    g, index = (unreduce(a, shape, (dim,)) for a in (g, index))
    return apply(AddAlong, g, index, shape=shape, dim=dim)


def picked(name: str, x: Any, dim: int, keepdim: bool, indices: Any) -> Any:
    """The pair (values, indices) of one element along `dim`."""
    values = take_along(x, indices, dim, name)
    if not keepdim:
        kept = [n for d, n in enumerate(x.shape) if d != dim]
        values, indices = reshape(values, kept), reshape(indices, kept)
    return TYPES[name](values, indices)


def along_one(name: str, x: Tensor, dim: Any, keepdim: bool, find: Any) -> Any:
    """(values, indices) of the element that `find(x, dim)` points to along `dim`."""
    dim = normalize_dim(dim, x.ndim)
    if x.ndim:
        found = picked(name, x, dim, keepdim, find(x, dim))
        named(found[0], f"{name.capitalize()}Backward1")
        return found
    line = picked(name, reshape(x, (1,)), 0, False, find(reshape(x, (1,)), 0))
    return TYPES[name](*line)


@numpy_names
def max(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The largest element (equals share the gradient evenly); with `dim` the pair (values, indices)
    along it, the first among equals; with a tensor the element-wise maximum. nan wins.

    >>> import sangja
    >>> sangja.tensor([1.0, 3.0, 2.0]).max()
    tensor(3.)
    """
    return extreme("max", input, dim if other is None else other, keepdim)


@numpy_names
def min(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The smallest element (equals share the gradient evenly); with `dim` the pair (values,
    indices) along it, the first among equals; with a tensor the element-wise minimum. nan wins."""
    return extreme("min", input, dim if other is None else other, keepdim)


# How each chooses among two, among all, and along a dimension.
EXTREMES = {"max": (maximum, largest, MaxAlong), "min": (minimum, smallest, MinAlong)}


def extreme(name: str, input: Any, dim: Any, keepdim: bool) -> Any:
    """What `max` and `min` share."""
    pairwise, choose, primitive = EXTREMES[name]
    if isinstance(dim, Tensor):
        return pairwise(input, dim)
    x = as_tensor(input)
    if dim is None:
        if not x.array.size:
            raise ShapeError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify "
                "the reduction dim with the 'dim' argument."
            )
        return apply(Selected, x, choose=choose, grad_name=f"{name.capitalize()}Backward1")
    dim = normalize_dim(dim, x.array.ndim)
    if not x.array.ndim:
        x, keepdim = reshape(x, (1,)), False
    index = position(name, x, dim, name == "max", keepdim)
    return TYPES[name](apply(primitive, x, index, dim=dim, keepdim=keepdim), index)


@numpy_names
def argmax(input: Any, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """z = position of the largest x along `dim` (or in all, flattened); the first among equals."""
    return argument("argmax", input, dim, keepdim)


@numpy_names
def argmin(input: Any, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """z = position of the smallest x along `dim` (or in all, flattened); the first among equals."""
    return argument("argmin", input, dim, keepdim)


def argument(name: str, input: Any, dim: int | None, keepdim: bool) -> Tensor:
    x = as_tensor(input)
    if dim is None or not x.ndim:
        if dim is not None:
            normalize_dim(dim, 0)
        if not x.array.size:
            raise OutOfRangeError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify "
                "the reduction dim with the 'dim' argument."
            )
        z = position(name, reshape(x, (-1,)), 0, name == "argmax", False)
        return reshape(z, (1,) * x.ndim) if keepdim else z
    return position(name, x, normalize_dim(dim, x.ndim), name == "argmax", bool(keepdim))


# -- the middle -------------------------------------------------------------------------------


class MedianPosition(Primitive):
    """z = where along `dim` the lower median stands; `skip`: nan counts as absent, else it wins"""

    def forward(xp, x, *, dim, skip):
        order = xp.argsort(x, axis=dim, kind="stable")  # nan last
        nans = xp.isnan(x).sum(axis=dim, keepdims=True)
        n = x.shape[dim]
        middle = (
            xp.maximum(n - nans - 1, 0) // 2 if skip else xp.where(nans, n - nans, (n - 1) // 2)
        )
        return xp.take_along_axis(order, middle, axis=dim)


@numpy_names
def median(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle element, the lower of two; nan if there is one. With `dim` (values, indices)."""
    return middle("median", input, dim, keepdim, lower_median)


@numpy_names
def nanmedian(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle one of the elements that are not nan, the lower of two. With `dim` (values,
    indices)."""
    return middle("nanmedian", input, dim, keepdim, lower_nanmedian)


def middle(name: str, input: Any, dim: int | None, keepdim: bool, choose: Any) -> Any:
    x = as_tensor(input)
    if dim is None:
        return apply(Selected, x, choose=choose, grad_name=f"{name.capitalize()}Backward0")

    def find(x: Any, dim: int) -> Any:
        check_not_empty(name, x, (dim,))
        return apply(MedianPosition, x, dim=dim, skip=name == "nanmedian")

    return along_one(name, x, dim, keepdim, find)


# -- quantiles --------------------------------------------------------------------------------


@numpy_names
def quantile(
    input: Any,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """z = the value below which a part `q` of the elements lies, along `dim` or of all; between two
    elements by `interpolation`: "linear", "lower", "higher", "midpoint" or "nearest". nan if one
    of the elements is. With a vector of q the result has its dimension in front."""
    return quantiles("quantile", input, q, dim, keepdim, interpolation, skip=False)


@numpy_names
def nanquantile(
    input: Any,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """`quantile` of the elements that are not nan."""
    return quantiles("nanquantile", input, q, dim, keepdim, interpolation, skip=True)


def quantiles(
    name: str, input: Any, q: Any, dim: int | None, keepdim: bool, interpolation: str, skip: bool
) -> Tensor:
    x = as_tensor(input)
    parts = as_tensor(np.asarray(q, x.array.dtype) if isinstance(q, (int, float)) else q, "q")
    check_quantile(name, x, parts, interpolation)
    axis = 0 if dim is None else normalize_dim(dim, x.ndim)
    line = reshape(x, (x.array.size,)) if dim is None or not x.ndim else x
    ordered = sort(line.movedim(axis, -1), -1).values
    ranks = reshape(parts, (parts.array.size,))
    nans = isnan(ordered).sum(-1, True)
    n = ordered.shape[-1]
    last = clamp(n - nans - 1, min=0) if skip else nans * 0 + (n - 1)
    place = ranks * last  # (…, q)
    if not skip:
        place = where(nans != 0, float(n - 1), place)  # nan stands last
    z = between(ordered, place, interpolation)
    z = z.movedim(-1, 0) if parts.ndim else z[..., 0]
    if keepdim:
        kept = (
            (1,) * x.ndim
            if dim is None
            else tuple(1 if d == axis else m for d, m in enumerate(x.shape))
        )
        z = reshape(z, (*parts.shape, *kept))
    return z


def between(ordered: Tensor, place: Tensor, interpolation: str) -> Tensor:
    """The elements of sorted rows at places that need not be whole numbers."""
    if interpolation == "nearest":
        place = round(place)
    elif interpolation == "lower":
        place = floor(place)
    elif interpolation == "higher":
        place = ceil(place)
    low = floor(place)
    below = take_along(ordered, low.long(), ordered.ndim - 1, "gather")
    above = take_along(ordered, ceil(place).long(), ordered.ndim - 1, "gather")
    weight = place - low if interpolation == "linear" else (place != low) * 0.5
    return lerp(below, above, weight.to(below.dtype))


def check_quantile(name: str, x: Tensor, q: Tensor, interpolation: str) -> None:
    if not x.array.size:
        raise ShapeError(f"{name}() input tensor must be non-empty")
    if x.array.dtype not in (np.float32, np.float64):
        raise DTypeError(
            f"{name}() input tensor must be either float or double dtype, not {x.dtype}"
        )
    if q.array.dtype != x.array.dtype or q.ndim > 1:
        raise DTypeError(
            f"{name}() q must be a scalar or 1D tensor of the dtype of the input, {x.dtype}; got "
            f"{q.dtype} of shape {list(q.shape)}"
        )
    if not ((q.array >= 0) & (q.array <= 1)).all():
        raise ShapeError(f"{name}() q values must be in the range [0, 1]")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise ShapeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {interpolation}"
        )
