"""New tensors: from data, filled, counted."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from sangja.core import dtypes
from sangja.core.dtypes import DType
from sangja.core.errors import ArgumentTypeError, DTypeError, ShapeError
from sangja.core.shapes import check_sizes, shape_from
from sangja.engine import Tensor, wrap
from sangja.engine.tensor import version_of

Array = np.ndarray[Any, Any]


def finish(array: Array, requires_grad: bool) -> Tensor:
    """A leaf tensor around a new array."""
    z = wrap(array)
    if requires_grad:
        z.requires_grad = True
    return z


def array_from(data: Any, dtype: Any) -> Array:
    """A new array of what a user passes as data: numbers, nested lists, arrays, tensors."""
    wanted = None if dtype is None else dtypes.to_numpy(dtype)
    if isinstance(data, Tensor):
        return data.array.astype(wanted or data.array.dtype)
    if isinstance(data, (np.ndarray, np.generic)):
        dtypes.of(data.dtype)
        return np.array(data, wanted)
    try:
        array = np.array(unwrap(data))
    except ValueError as error:
        raise ShapeError(f"tensor: the nested lists have different lengths ({error})") from None
    if array.dtype.kind == "O" or array.dtype.kind not in "biufc":
        raise ArgumentTypeError(
            f"new(): invalid data type: cannot make a tensor from {type(data).__name__} "
            f"{str(data)[:60]!r}; expected numbers, nested lists of numbers, arrays or tensors"
        )
    if wanted is None:
        wanted = {"f": dtypes.settings.default_dtype, "c": dtypes.scalar_dtype(1j)}.get(
            array.dtype.kind, array.dtype
        )
        if not array.size:
            wanted = dtypes.settings.default_dtype
    with np.errstate(all="ignore"):
        return array.astype(wanted)


def unwrap(data: Any) -> Any:
    """Nested sequences with the tensors in them turned into arrays."""
    if isinstance(data, Tensor):
        return data.array
    if isinstance(data, (list, tuple)):
        return [unwrap(d) if not isinstance(d, numbers.Number) else d for d in data]
    return data


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of `data` (numbers, nested lists, arrays). Python floats become the default
    dtype (float32), ints int64, bools bool; arrays keep their dtype.

    >>> import sangja
    >>> sangja.tensor([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 2.],
            [3., 4.]])
    """
    return finish(array_from(data, dtype), requires_grad)


def from_numpy(array: Array) -> Tensor:
    """A tensor over the same memory as `array`: a write to one is seen in the other."""
    if not isinstance(array, np.ndarray):
        raise ArgumentTypeError(f"expected np.ndarray (got {type(array).__name__})")
    dtypes.of(array.dtype)
    z = wrap(array)
    version_of(z).borrowed = True
    return z


def full(
    size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of shape `size` filled with one number, whose type decides the dtype."""
    found = dtypes.to_numpy(dtype) if dtype is not None else dtypes.scalar_dtype(fill_value)
    return finish(np.full(check_sizes(shape_from((size,))), fill_value, found), requires_grad)


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of shape `size` filled with 0."""
    return finish(np.zeros(check_sizes(shape_from(size)), to_dtype(dtype)), requires_grad)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of shape `size` filled with 1."""
    return finish(np.ones(check_sizes(shape_from(size)), to_dtype(dtype)), requires_grad)


def to_dtype(dtype: Any) -> np.dtype[Any]:
    return dtypes.settings.default_dtype if dtype is None else dtypes.to_numpy(dtype)


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """start, start + step, … below `end`; int64 if all are ints, else the default float dtype."""
    if end is None:
        start, end = 0, start
    values = [v.item() if isinstance(v, (Tensor, np.generic)) else v for v in (start, end, step)]
    start, end, step = values
    if step == 0:
        raise DTypeError("step must be nonzero")
    if (end - start) * step < 0:
        raise ShapeError("upper bound and lower bound inconsistent with step sign")
    if dtype is None:
        whole = all(isinstance(v, int) for v in values)
        found = np.dtype(np.int64) if whole else dtypes.settings.default_dtype
    else:
        found = dtypes.to_numpy(dtype)
    count = int(np.ceil((end - start) / step))
    return finish((start + step * np.arange(count)).astype(found), requires_grad)


__all__ = ["DType"]
