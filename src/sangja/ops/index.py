"""Reading and writing parts of a tensor.

As in PyTorch an index is used in two steps. Ints, slices, `None` and `...` come first and give a
view; then tensors, arrays, lists and masks pick from it. (NumPy treats an int beside an array as an
array, so `x[0, :, [1, 2]]` has its dimensions in another order there.)
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError, GradientError, OutOfRangeError, ShapeError
from sangja.engine import Primitive, Tensor, apply, copy_, look
from sangja.engine.apply import array_of
from sangja.engine.inplace import check_writable, past, write
from sangja.engine.mode import MODE
from sangja.engine.tensor import version_of
from sangja.ops.arguments import as_tensor
from sangja.ops.convert import cast

EVERYTHING = slice(None)
MANY = 256  # from so many numbers on, adding by one linear index is faster

Array = np.ndarray[Any, Any]


# -- by ints and slices -----------------------------------------------------------------------


def counts(part: Any) -> bool:
    """Whether a part of an index does anything."""
    return part is not Ellipsis and not (isinstance(part, slice) and part == EVERYTHING)


class Slice(Primitive):
    """z = x[index], with ints, slices, None and … only"""

    views = True

    def forward(xp, x, *, index):
        return x[index]  # which ends with "...", so that a single element is a view, too

    @classmethod
    def name_of(cls, static, targets):
        """That of the last step from left to right: an int, None or a part of a dimension."""
        steps = {int: "SelectBackward0", type(None): "UnsqueezeBackward0"}
        parts = static["index"] if isinstance(static["index"], tuple) else (static["index"],)
        taken = [steps.get(type(part), "SliceBackward0") for part in parts if counts(part)]
        return taken[-1] if taken else "AliasBackward0"

    def dx(g, x_shape, index):
        return apply(PutSlice, g, index=index, shape=x_shape)


class Select(Slice):
    """z = x[index], with an int"""


class PutSlice(Primitive):
    """z = zeros of `shape`, with x at `index`"""

    grad_name = "SliceBackward0"

    def forward(xp, x, *, index, shape):
        z = xp.zeros(shape, x.dtype)
        z[index] = x
        return z

    def dx(g, index):
        return apply(Slice, g, index=index)


def narrow_to(x: Any, dim: int, start: int, stop: int) -> Any:
    """The slices of x from `start` to `stop` along `dim`, as a view."""
    return look(Slice, x, {"index": (EVERYTHING,) * dim + (slice(start, stop),)})


# -- by arrays and masks ----------------------------------------------------------------------


class Index(Primitive):
    """z = x[indices], picked by integer arrays or masks at the `places` of the index"""

    def forward(xp, x, *indices, places):
        if len(places) == 1 and indices[0].dtype.kind == "i":
            return xp.take(x, indices[0], axis=places[0])
        return x[laid_out(indices, places)]

    def dx(g, x_shape, indices, places):
        return apply(AddAt, g, *indices, places=places, shape=x_shape)


class AddAt(Primitive):
    """z = zeros of `shape`, with x added at `indices` (once for every time an index occurs)"""

    grad_name = "IndexBackward0"

    def forward(xp, x, *indices, places, shape):
        return add_at(xp, xp.zeros(shape, x.dtype), laid_out(indices, places), x)

    def dx(g, indices, places):
        return apply(Index, g, *indices, places=places)


class IndexPut(Primitive):
    """z = x, with the values put (or added) at `indices`"""

    def forward(xp, x, values, *indices, places, accumulate):
        z = xp.array(x)
        index = laid_out(indices, places)
        if accumulate:
            return add_at(xp, z, index, values)
        z[index] = values
        return z

    def dx(g, indices, places, accumulate):
        if accumulate:
            return g
        return apply(IndexPut, g, 0.0, *indices, places=places, accumulate=False)

    def dvalues(g, indices, places):
        return apply(Index, g, *indices, places=places)


def laid_out(indices: Any, places: tuple[int, ...]) -> tuple[Any, ...]:
    """The index in which the arrays stand at their places, with `:` between them."""
    if places == (0,):
        return (indices[0],)
    index = [EVERYTHING] * (places[-1] + 1)
    for place, array in zip(places, indices, strict=True):
        index[place] = array
    return tuple(index)


def add_at(xp: Any, z: Array, index: tuple[Any, ...], values: Any) -> Array:
    """`z[index] += values`, also where an index occurs several times. With many values through the
    position in memory, which `ufunc.at` takes 3 to 10 times faster than an index of several
    parts."""
    if len(index) == 1 and index[0].dtype.kind == "b":  # no element occurs twice
        z[index] += values
        return z
    whole = all(i is not EVERYTHING and i.dtype.kind == "i" for i in index)
    if not whole or not z.flags.c_contiguous or xp.size(values) < MANY:
        xp.add.at(z, index, values)
        return z
    lead, tail = z.shape[: len(index)], z.shape[len(index) :]
    rows = xp.ravel_multi_index(xp.broadcast_arrays(*index), lead, mode="wrap")
    width = int(xp.prod(tail))
    flat = rows if width == 1 else rows[..., None] * width + xp.arange(width)
    values = xp.broadcast_to(values, rows.shape + tail)
    xp.add.at(z.reshape(-1), flat.reshape(-1), values.reshape(-1))
    return z


# -- what an index says -----------------------------------------------------------------------


def split_index(x: Tensor, items: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any, Any]:
    """An index as its basic part (for a view) and the arrays of its advanced part with their
    places."""
    shape = x.array.shape
    arrays = [None if is_basic(item) else index_array(item) for item in items]
    used = sum(
        item is not None and item is not ... and not isinstance(item, (bool, np.bool_))
        for item in items
    )
    used += sum(a.ndim - 1 for a in arrays if a is not None and a.dtype.kind == "b")
    if used > len(shape):
        raise OutOfRangeError(
            f"too many indices for tensor of dimension {len(shape)}: the index has {used}"
        )
    basic: list[Any] = []
    indices: list[Any] = []
    places: list[int] = []
    dim = slot = 0  # the next dimension of x, and the next place of the index after the basic part
    for item, array in zip(items, arrays, strict=True):
        if array is not None:
            mask = array.dtype.kind == "b"
            width = array.ndim if mask else 1
            check_indices(array, shape, dim)
            basic += [EVERYTHING] * width if width else [None]
            indices.append(item if isinstance(item, Tensor) and item.array is array else array)
            if not width:  # a 0-d mask takes all or nothing, along a dimension of its own
                indices[-1] = array.reshape(1)
            places.append(slot)
            dim, slot = dim + width, slot + 1
        elif item is None or item is True or item is False or isinstance(item, np.bool_):
            basic.append(None)
            if item is not None:
                indices.append(np.array([item]))
                places.append(slot)
            slot += 1
        elif item is ...:
            skipped, used = len(shape) - used, len(shape)
            basic += [EVERYTHING] * skipped
            dim, slot = dim + skipped, slot + skipped
        elif isinstance(item, slice):
            basic.append(check_slice(item))
            dim, slot = dim + 1, slot + 1
        else:
            basic.append(check_position(int(operator.index(item)), shape[dim], dim))
            dim += 1
    return (*basic, ...), indices, tuple(places)


def is_basic(item: Any) -> bool:
    """Whether an item of an index is an int, a slice, None, … or a lone bool."""
    if item is None or item is ... or isinstance(item, (int, slice, np.integer, np.bool_)):
        return True
    if isinstance(item, Tensor):
        return not item.array.ndim and item.array.dtype.kind == "i"
    if isinstance(item, (list, tuple, range, np.ndarray)):
        return isinstance(item, np.ndarray) and not item.ndim and item.dtype.kind == "i"
    try:
        operator.index(item)
    except TypeError:
        raise OutOfRangeError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are "
            f"valid indices (got {type(item).__name__})"
        ) from None
    return True


def index_array(item: Any) -> Array:
    """An item of an index as an array of ints or bools. A list is a tensor, however deep, as NumPy
    has it and PyTorch announces it."""
    if isinstance(item, Tensor):
        array = item.array
    else:
        array = np.asarray(item if isinstance(item, np.ndarray) else plain(item))
        if not array.size:
            array = array.astype(np.int64)
    if array.dtype == np.uint8:
        return array.astype(bool)
    if array.dtype.kind != "b" and array.dtype not in (np.int64, np.int32):
        raise OutOfRangeError(
            "tensors used as indices must be long, int, byte or bool tensors, not "
            f"{array.dtype}; use .long()"
        )
    return array


def plain(item: Any) -> Any:
    """A nested list with the tensors in it turned into numbers."""
    if isinstance(item, (list, tuple)):
        return [plain(i) for i in item]
    return item.array if isinstance(item, Tensor) else item


def check_slice(item: slice) -> slice:
    parts = [None if p is None else operator.index(p) for p in (item.start, item.stop, item.step)]
    if parts[2] is not None and parts[2] <= 0:
        raise ArgumentError("step must be greater than zero; use flip() to reverse")
    return slice(*parts)


def check_position(position: int, size: int, dim: int) -> int:
    if not -size <= position < size:
        raise OutOfRangeError(
            f"index {position} is out of bounds for dimension {dim} with size {size}: indices go "
            f"from {-size} to {size - 1}"
        )
    return position


def check_indices(array: Array, shape: tuple[int, ...], dim: int) -> None:
    """A mask must have the size of what it masks, and indices must be inside, before any work."""
    if array.dtype.kind == "b":
        for k, n in enumerate(array.shape):
            if n != shape[dim + k]:
                raise OutOfRangeError(
                    f"The shape of the mask {list(array.shape)} at index {k} does not match the "
                    f"shape of the indexed tensor {list(shape)} at index {dim + k}"
                )
    elif array.size:
        check_position(int(array.min()), shape[dim], dim)
        check_position(int(array.max()), shape[dim], dim)


# -- x[…] and x[…] = … ------------------------------------------------------------------------


def getitem(input: Tensor, index: Any) -> Tensor:
    """z = x[index]: a view for ints, slices, None and …; a copy where tensors or lists pick."""
    kind = index.__class__
    if kind is int and input.array.ndim:
        return look(Select, input, {"index": (index, ...)})
    plain = plain_index(index if kind is tuple else (index,))
    if plain is not None:
        return look(Slice, input, {"index": plain})
    if kind is Tensor and picks(index, input):
        return apply(Index, input, index, places=(0,))
    basic, indices, places = split_index(input, index if kind is tuple else (index,))
    view = input if trivial(basic) and indices else look(Slice, input, {"index": basic})
    return apply(Index, view, *indices, places=places) if indices else view


def plain_index(items: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """The index, if it consists of ints and slices without steps, of which NumPy thinks as PyTorch
    does; these are most."""
    for item in items:
        kind = item.__class__
        if kind is not int and (kind is not slice or item.step is not None):
            return None
    return (*items, ...)


def picks(index: Tensor, x: Tensor) -> bool:
    """Whether a tensor picks from the first dimensions of `x` by numbers or as a mask: checked."""
    array = index.array
    if not array.ndim or not x.array.ndim or (array.dtype != np.int64 and array.dtype.kind != "b"):
        return False
    if array.ndim > x.array.ndim and array.dtype.kind == "b":
        return False
    check_indices(array, x.array.shape, 0)
    return True


def trivial(basic: tuple[Any, ...]) -> bool:
    """Whether the basic part of an index takes everything as it is."""
    return all(part is EVERYTHING or part is ... for part in basic)


def setitem(input: Tensor, index: Any, value: Any) -> None:
    """x[index] = value, broadcast and converted to the dtype of x."""
    items = index if index.__class__ is tuple else (index,)
    plain = plain_index(items)
    indices: Any
    places: tuple[int, ...]
    if plain is not None:
        basic, indices, places = plain, [], ()
    elif index.__class__ is Tensor and picks(index, input):
        basic, indices, places = (...,), [index], (0,)
    else:
        basic, indices, places = split_index(input, items)
    if unrecorded(input) and (not isinstance(value, Tensor) or unrecorded(value)):
        write_plainly(input, basic, laid_out(indices, places) if indices else ..., value)
        return
    values = as_tensor(value, "value")
    view = apply(Slice, input, index=basic)
    if not indices:
        copy_(view, without_leading_ones(values, view.array.ndim))
        return
    check_writable(view, "index_put_")
    values = cast(values, view.array.dtype)
    picked = view.array[laid_out([array_of(i) for i in indices], places)].ndim
    values = without_leading_ones(values, picked)
    put = apply(IndexPut, past(view), values, *indices, places=places, accumulate=False)
    write(view, put, "index_put_")


def unrecorded(x: Tensor) -> bool:
    """Whether nothing is to be remembered of a write that `x` takes part in."""
    mode = MODE.get()
    return mode.watch is None and not (x.requires_grad and mode.grad)


def write_plainly(x: Tensor, basic: tuple[Any, ...], rest: Any, value: Any) -> None:
    """The write alone, where no history is concerned: one copy instead of three."""
    values = value.array if isinstance(value, Tensor) else as_tensor(value, "value").array
    if not x.array.flags.writeable:
        check_writable(x, "__setitem__")
        raise GradientError("__setitem__: the array under this tensor is read-only; use a clone()")
    try:
        target = x.array[basic]
        if rest is not ...:
            rest = tuple([array_of(i) for i in rest])
        if values.dtype is target.dtype or values.dtype == target.dtype:
            target[rest] = values
        else:
            with np.errstate(all="ignore"):
                target[rest] = values
    except (ValueError, IndexError) as error:
        wanted = ShapeError if isinstance(error, ValueError) else OutOfRangeError
        told = str(error).replace("input array from shape", "the value of shape")
        told = told.replace("into shape", "into the chosen part of shape")
        raise wanted(
            f"__setitem__: {told}; the value has shape {list(values.shape)}, the tensor "
            f"{list(x.array.shape)}"
        ) from None
    version_of(x).bump("__setitem__")


def without_leading_ones(x: Tensor, ndim: int) -> Tensor:
    """`x` as a value for `ndim` dimensions: leading dimensions of size 1 too many fall away."""
    shape = x.array.shape
    extra = next((d for d, n in enumerate(shape) if n != 1), len(shape))
    extra = min(extra, len(shape) - ndim)
    return apply(Slice, x, index=(0,) * extra + (...,)) if extra > 0 else x
