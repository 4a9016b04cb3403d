"""Reading and writing parts of a tensor.

As in PyTorch an index is used in two steps. Ints, slices, `None` and `...` come first and give a view;
then tensors, arrays, lists and masks pick from it. (NumPy treats an int beside an array as an array, so
`x[0, :, [1, 2]]` has its dimensions in another order there.)
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError, ArgumentTypeError, OutOfRangeError, ShapeError
from sangja.engine import Primitive, Tensor, apply, broadcast_to, copy_, inplace
from sangja.ops.arguments import as_tensor

EVERYTHING = slice(None)


class Slice(Primitive):
    """z = x[index], with ints, slices, None and … only"""

    views = True

    def forward(xp, x, *, index):
        return x[(*index, ...)]  # with "..." a single element is a view, too

    def dx(g, x_shape, index):
        return apply(PutSlice, g, index=index, shape=x_shape)


class PutSlice(Primitive):
    """z = zeros of `shape`, with x at `index`"""

    grad_name = "SliceBackward0"

    def forward(xp, x, *, index, shape):
        z = xp.zeros(shape, x.dtype)
        z[index] = x
        return z

    def dx(g, index):
        return apply(Slice, g, index=index)


class Index(Primitive):
    """z = x[indices], picked by integer arrays or masks"""

    def forward(xp, x, *, indices):
        return x[indices]

    def dx(g, x_shape, indices):
        return apply(AddAt, g, indices=indices, shape=x_shape)


class AddAt(Primitive):
    """z = zeros of `shape`, with x added at `indices` (once for every time an index occurs)"""

    grad_name = "IndexBackward0"

    def forward(xp, x, *, indices, shape):
        z = xp.zeros(shape, x.dtype)
        xp.add.at(z, indices, x)
        return z

    def dx(g, indices):
        return apply(Index, g, indices=indices)


class IndexPut(Primitive):
    """z = x, with the values put (or added) at `indices`"""

    def forward(xp, x, values, *, indices, accumulate):
        z = xp.array(x)
        if accumulate:
            xp.add.at(z, indices, values)
        else:
            z[indices] = values
        return z

    def dx(g, indices, accumulate, values_shape):
        if accumulate:
            return g
        return apply(IndexPut, g, 0.0, indices=indices, accumulate=False)

    def dvalues(g, indices):
        return apply(Index, g, indices=indices)


def split_index(x: Any, index: Any) -> tuple[tuple[Any, ...], tuple[Any, ...] | None]:
    """An index as its basic part (for a view) and its advanced part (None if there is none)."""
    items = index if isinstance(index, tuple) else (index,)
    basic: list[Any] = []
    advanced: list[Any] = []
    used = 0
    dims = sum_dims(items)
    if dims > x.ndim:
        raise OutOfRangeError(f"too many indices for tensor of dimension {x.ndim}")
    for item in items:
        if item is None:
            basic.append(None)
            advanced.append(EVERYTHING)
        elif item is Ellipsis:
            for _ in range(x.ndim - dims):
                basic.append(EVERYTHING)
                advanced.append(EVERYTHING)
                used += 1
        elif isinstance(item, slice):
            basic.append(check_slice(item))
            advanced.append(EVERYTHING)
            used += 1
        elif isinstance(item, (bool, np.bool_)):
            basic.append(None)
            advanced.append(np.array([item]))
        else:
            array = index_array(item)
            if array.ndim == 0 and array.dtype.kind in "iu":
                basic.append(check_position(int(array), x.shape[used], used))
                used += 1
            else:
                basic += [EVERYTHING] * max(array.ndim if array.dtype == bool else 1, 1)
                check_indices(array, x.shape, used)
                used += array.ndim if array.dtype == bool else 1
                advanced.append(array)
    if all(a is EVERYTHING for a in advanced):
        return tuple(basic), None
    return tuple(basic), tuple(advanced)


def sum_dims(items: tuple[Any, ...]) -> int:
    """How many dimensions of the tensor the items of an index take up."""
    total = 0
    for item in items:
        if item is None or item is Ellipsis or isinstance(item, (bool, np.bool_)):
            continue
        mask = isinstance(item, (Tensor, np.ndarray, list)) and index_array(item).dtype == bool
        total += index_array(item).ndim if mask else 1
    return total


def index_array(item: Any) -> np.ndarray[Any, Any]:
    """An item of an index as an integer or bool array."""
    if isinstance(item, Tensor):
        array = item.array
    elif isinstance(item, (list, tuple, range, np.ndarray)):
        array = np.asarray([i.array if isinstance(i, Tensor) else i for i in item])
        if not array.size and array.dtype.kind == "f":
            array = array.astype(np.int64)
    else:
        try:
            return np.asarray(operator.index(item))
        except TypeError:
            raise ArgumentTypeError(
                "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are "
                f"valid indices (got {type(item).__name__})"
            ) from None
    if array.dtype == np.uint8:
        return array.astype(bool)
    if array.dtype.kind not in "iub":
        raise OutOfRangeError(
            "tensors used as indices must be long, int, byte or bool tensors, not "
            f"{array.dtype}; use .long()"
        )
    return array


def check_slice(item: slice) -> slice:
    parts = [None if p is None else operator.index(p) for p in (item.start, item.stop, item.step)]
    if parts[2] is not None and parts[2] <= 0:
        raise ArgumentError("step must be greater than zero; use flip() to reverse")
    return slice(*parts)


def check_position(position: int, size: int, dim: int) -> int:
    if not -size <= position < size:
        raise OutOfRangeError(
            f"index {position} is out of bounds for dimension {dim} with size {size}"
        )
    return position


def check_indices(array: np.ndarray[Any, Any], shape: tuple[int, ...], dim: int) -> None:
    """A mask must have the size of what it masks, and indices must be inside, before any work."""
    if array.dtype == bool:
        for k, n in enumerate(array.shape):
            if n != shape[dim + k]:
                raise OutOfRangeError(
                    f"The shape of the mask {list(array.shape)} at index {k} does not match the "
                    f"shape of the indexed tensor {list(shape)} at index {dim + k}"
                )
    elif array.size:
        low, high = int(array.min()), int(array.max())
        check_position(low, shape[dim], dim)
        check_position(high, shape[dim], dim)


def getitem(input: Tensor, index: Any) -> Tensor:
    """z = x[index]: a view for ints, slices, None and …; a copy where tensors or lists pick."""
    basic, advanced = split_index(input, index)
    view = apply(Slice, input, index=basic)
    if advanced is None:
        return view  # type: ignore[no-any-return]
    try:
        return apply(Index, view, indices=advanced)  # type: ignore[no-any-return]
    except ShapeError as error:
        raise OutOfRangeError(f"index: {error}") from None


def setitem(input: Tensor, index: Any, value: Any) -> None:
    """x[index] = value, broadcast and converted to the dtype of x."""
    basic, advanced = split_index(input, index)
    view = apply(Slice, input, index=basic)
    if advanced is None:
        while isinstance(value, Tensor) and value.ndim > view.ndim and value.shape[0] == 1:
            value = value[0]
        copy_(view, value)
        return
    values = as_tensor(value, "value")
    picked = view.array[advanced].shape
    if values.shape != picked:
        values = broadcast_to(values, picked)
    inplace(IndexPut, "index_put_", view, values, indices=advanced, accumulate=False)
