"""New tensors: from data, filled, counted, like another."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from sangja.core import dtypes
from sangja.core.device import check_device, memory_order, preserve_format
from sangja.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    DTypeError,
    OverflowingError,
    RaggedError,
    ShapeError,
)
from sangja.core.settings import settings
from sangja.core.shapes import check_sizes, shape_from
from sangja.engine import Tensor, wrap
from sangja.engine.mode import MODE
from sangja.engine.tensor import legacy_array, version_of
from sangja.engine.version import INFERENCE
from sangja.ops.convert import cast

Array = np.ndarray[Any, Any]


def finish(array: Array, requires_grad: bool) -> Tensor:
    """A leaf tensor around a new array."""
    z = wrap(array)
    if MODE.get().inference:
        z._counter = INFERENCE
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
        raise RaggedError(ragged(data, ()) or f"tensor: {error}") from None
    except OverflowError:
        array = np.array(data, object)
    if array.dtype == object and array.size:
        refuse_objects(array)
    if array.dtype.kind not in "biufc":
        raise ArgumentTypeError(
            f"new(): invalid data type: cannot make a tensor from {type(data).__name__} "
            f"{str(data)[:60]!r}; expected numbers, nested lists of numbers, arrays or tensors"
        )
    if wanted is None and array.dtype == np.uint64:  # Python ints beyond int64
        check_fits(array, np.dtype(np.int64))
    if wanted is None:
        wanted = {"f": settings.default_dtype, "c": dtypes.scalar_dtype(1j)}.get(
            array.dtype.kind, array.dtype
        )
        if not array.size:
            wanted = settings.default_dtype
    found = np.dtype(wanted)
    check_fits(array, found)
    with np.errstate(all="ignore"):
        return array.astype(found)


def ragged(data: Any, where: tuple[int, ...]) -> str:
    """Where nested lists first have another length than their neighbours, in PyTorch's words."""
    if not isinstance(data, (list, tuple)) or not data:
        return ""
    counts = [len(d) if isinstance(d, (list, tuple)) else -1 for d in data]
    if len(set(counts)) > 1:
        i = next(i for i, n in enumerate(counts) if n != counts[0])
        place = "".join(f"[{k}]" for k in (*where, i))
        wanted = f"sequence of length {counts[0]}" if counts[0] >= 0 else "a number"
        found = f"got {counts[i]}" if counts[i] >= 0 else "got a number"
        return (
            f"tensor: expected {wanted} at dim {len(where) + 1} ({found}): the nested lists have "
            f"different lengths, first at data{place}"
        )
    return next((text for i, d in enumerate(data) if (text := ragged(d, (*where, i)))), "")


def refuse_objects(array: Array) -> None:
    """Refuse what NumPy can only keep as Python objects: None, numbers out of range, …"""
    for value in array.ravel():
        if not isinstance(value, numbers.Number) and not isinstance(value, (str, bytes)):
            raise DTypeError(
                f"Could not infer dtype of {type(value).__name__}: tensor() takes numbers, nested "
                "lists of numbers, arrays and tensors"
            )
        if isinstance(value, int):
            check_fits(np.array(value, object), np.dtype(np.int64))


def check_fits(array: Array, wanted: np.dtype[Any]) -> None:
    """Refuse Python ints that the dtype cannot hold (negative ones wrap around in unsigned)."""
    if array.dtype.kind not in "iuO" or wanted.kind not in "iu" or not array.size:
        return
    low, high, limits = array.min(), array.max(), np.iinfo(wanted)
    if high > limits.max or low < min(limits.min, -int(limits.max)):
        value = int(high if high > limits.max else low)
        raise OverflowingError(
            f"value cannot be converted to type {wanted.name} without overflow: {value} is not in "
            f"[{limits.min}, {limits.max}]"
        )


def unwrap(data: Any) -> Any:
    """Nested sequences with the tensors in them turned into arrays."""
    if isinstance(data, Tensor):
        return data.array
    if isinstance(data, (list, tuple)):
        return [unwrap(d) if not isinstance(d, numbers.Number) else d for d in data]
    return data


def tensor(
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor with a copy of `data` (numbers, nested lists, arrays). Python floats become the
    default dtype (float32), ints int64, bools bool; arrays keep their dtype.

    >>> import sangja
    >>> sangja.tensor([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 2.],
            [3., 4.]])
    """
    check_device(device)
    return finish(array_from(data, dtype), requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor, sharing memory where it is a tensor or an array of that dtype already."""
    check_device(device)
    if isinstance(data, Tensor):
        return data if dtype is None else cast(data, dtype)
    if isinstance(data, np.ndarray) and dtype in (None, data.dtype):
        return from_numpy(data)
    return finish(array_from(data, dtype), False)


def asarray(
    obj: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """`as_tensor`, with a say on whether memory is copied."""
    z = tensor(obj, dtype=dtype) if copy else as_tensor(obj, dtype, device)
    if copy is False and (not isinstance(obj, (Tensor, np.ndarray)) or z.array.dtype != obj.dtype):
        raise ArgumentError(
            "asarray: can't alias the given object: it is no tensor or array of that dtype"
        )
    if requires_grad:
        z.requires_grad = True
    return z


def scalar_tensor(
    s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **unused: Any
) -> Tensor:
    """A 0-d tensor of the default float dtype (or another) with one number."""
    check_device(device)
    return finish(np.array(number_of(s), to_dtype(dtype)), requires_grad)


def from_numpy(array: Array) -> Tensor:
    """A tensor over the same memory as `array`: a write to one is seen in the other."""
    if not isinstance(array, np.ndarray):
        raise ArgumentTypeError(f"expected np.ndarray (got {type(array).__name__})")
    try:
        dtypes.of(array.dtype)
    except DTypeError as error:
        raise ArgumentTypeError(
            f"can't convert np.ndarray of type {array.dtype}: {error}"
        ) from None
    if any(step < 0 for step in array.strides):
        raise ArgumentError(
            f"At least one stride in the given numpy array is negative ({array.strides}), and "
            "tensors with negative strides are not supported. Make a copy with array.copy()"
        )
    z = wrap(array)
    version_of(z).borrowed = True
    return z


# -- filled -----------------------------------------------------------------------------------


def to_dtype(dtype: Any) -> np.dtype[Any]:
    return settings.default_dtype if dtype is None else dtypes.to_numpy(dtype)


def number_of(value: Any) -> Any:
    """A Python number, also of a tensor or array of one element."""
    return value.item() if isinstance(value, (Tensor, np.ndarray, np.generic)) else value


def filled(shape: Any, value: Any, dtype: np.dtype[Any]) -> Array:
    """A new array filled with one number, converted as C does."""
    if value == 0:
        return np.zeros(check_sizes(shape), dtype)
    with np.errstate(all="ignore"):
        return np.full(check_sizes(shape), np.asarray(number_of(value)).astype(dtype), dtype)


def laid(array: Array, memory_format: Any) -> Array:
    """A new array in the order in memory that a format asks for."""
    order = memory_order(memory_format, array.ndim)
    if order is None or array.transpose(order).flags.c_contiguous:
        return array
    return np.ascontiguousarray(array.transpose(order)).transpose(np.argsort(order))


def filled_like(model: Array, value: Any, dtype: np.dtype[Any], memory_format: Any) -> Array:
    """A new array of the shape of another, filled with one number; in its order in memory, too,
    unless a format asks for another."""
    array = filled(model.shape, value, dtype)
    if memory_format in (None, preserve_format):
        if model.flags.c_contiguous:
            return array
        like = np.empty_like(model, dtype)
        like[...] = array
        return like
    return laid(array, memory_format)


def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of shape `size` filled with one number, whose type decides the dtype."""
    check_device(device)
    found = dtypes.scalar_dtype(number_of(fill_value)) if dtype is None else dtypes.to_numpy(dtype)
    if found is None:
        raise ArgumentTypeError(
            f"full(): fill_value must be a number, not {type(fill_value).__name__}"
        )
    return finish(filled(shape_from((size,)), fill_value, found), requires_grad)


def zeros(
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of shape `size` filled with 0."""
    if size is not None:
        sizes = (size,)
    check_device(device)
    array = filled(shape_from(sizes), 0, to_dtype(dtype))
    return finish(array if memory_format is None else laid(array, memory_format), requires_grad)


def ones(
    *sizes: Any,
    size: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of shape `size` filled with 1."""
    if size is not None:
        sizes = (size,)
    check_device(device)
    array = filled(shape_from(sizes), 1, to_dtype(dtype))
    return finish(array if memory_format is None else laid(array, memory_format), requires_grad)


def empty(*size: Any, **options: Any) -> Tensor:
    """A tensor of shape `size` to be written to; filled with 0, so that no old memory shows."""
    return zeros(*size, **options)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor in the shape and dtype of another, filled with one number."""
    check_device(device)
    found = input.array.dtype if dtype is None else dtypes.to_numpy(dtype)
    return finish(filled_like(input.array, fill_value, found, memory_format), requires_grad)


def zeros_like(input: Tensor, **options: Any) -> Tensor:
    """A tensor in the shape and dtype of another, filled with 0."""
    return full_like(input, 0, **options)


def ones_like(input: Tensor, **options: Any) -> Tensor:
    """A tensor in the shape and dtype of another, filled with 1."""
    return full_like(input, 1, **options)


def empty_like(input: Tensor, **options: Any) -> Tensor:
    """A tensor in the shape and dtype of another, to be written to; filled with 0."""
    return full_like(input, 0, **options)


def new_full(
    input: Tensor,
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of shape `size` in the dtype of x, filled with one number."""
    check_device(device)
    found = input.array.dtype if dtype is None else dtypes.to_numpy(dtype)
    return finish(filled(shape_from((size,)), fill_value, found), requires_grad)


def new_zeros(input: Tensor, *size: Any, **options: Any) -> Tensor:
    """A tensor of shape `size` in the dtype of x, filled with 0."""
    return new_full(input, shape_from(size or (options.pop("size"),)), 0, **options)


def new_ones(input: Tensor, *size: Any, **options: Any) -> Tensor:
    """A tensor of shape `size` in the dtype of x, filled with 1."""
    return new_full(input, shape_from(size or (options.pop("size"),)), 1, **options)


def new_empty(input: Tensor, *size: Any, **options: Any) -> Tensor:
    """A tensor of shape `size` in the dtype of x, to be written to; filled with 0."""
    return new_zeros(input, *size, **options)


def new_tensor(
    input: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor with a copy of `data`, in the dtype of x."""
    return tensor(
        data,
        dtype=input.array.dtype if dtype is None else dtype,
        device=device,
        requires_grad=requires_grad,
    )


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The (n, m) matrix with ones on its diagonal."""
    check_device(device)
    for given in (n, m):
        if given is not None and given < 0:
            raise ShapeError(f"eye: n and m must be greater or equal to 0, got {given}")
    return finish(np.eye(n, m, dtype=to_dtype(dtype)), requires_grad)


# -- counted ----------------------------------------------------------------------------------


def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """start, start + step, … below `end`; int64 if all are ints, else the default float dtype.

    >>> import sangja
    >>> sangja.arange(1, 2.5, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    check_device(device)
    if end is None or start is None:
        start, end = 0, start if end is None else end
    values = [number_of(v) for v in (start, end, step)]
    if dtype is None:
        whole = all(isinstance(v, int) for v in values)
        found = np.dtype(np.int64) if whole else settings.default_dtype
    else:
        found = dtypes.to_numpy(dtype)
    if found.kind in "iu":
        values = [int(v) for v in values]
    start, end, step = values
    if step == 0:
        raise DTypeError("step must be nonzero")
    if not np.isfinite([start, end]).all():
        raise ShapeError(f"arange: unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise ShapeError(
            "arange: upper bound and lower bound inconsistent with step sign: "
            f"start={start}, end={end}, step={step}"
        )
    count = -((start - end) // step) if found.kind in "iu" else int(np.ceil((end - start) / step))
    if found == np.float32:
        return finish(counted_float32(start, step, count), requires_grad)
    return finish((start + step * np.arange(count)).astype(found), requires_grad)


def range(
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """start, start + step, … up to and including `end`, floating: PyTorch's old `arange`.

    Raises `ShapeError` for a range without numbers.
    """
    check_device(device)
    first, last, by = (number_of(v) for v in (start, end, step))
    if last is None:
        raise ArgumentTypeError("range(): missing its end; range(start, end)")
    if not by:
        raise DTypeError("step must be nonzero")
    if (last - first) * by < 0:
        raise ShapeError("upper bound and lower bound inconsistent with step sign")
    found = to_dtype(dtype)
    count = int((last - first) / by) + 1
    return finish((first + by * np.arange(count)).astype(found), requires_grad)


def counted_float32(start: float, step: float, count: int) -> Array:
    """start + step · i to PyTorch's last digit: its vector code rounds every eighth number and
    counts on from there in double precision; what is left after a multiple of sixteen it counts one
    by one."""
    i = np.arange(count)
    exact = (start + step * i).astype(np.float32)
    eighth = exact[i & ~7].astype(np.float64)
    result = (eighth + step * (i & 7)).astype(np.float32)
    rest = count & ~15
    result[rest:] = exact[rest:]
    return result


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` numbers from `start` to `end`, both included, at equal distances.

    >>> import sangja
    >>> sangja.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    check_device(device)
    found = to_dtype(dtype)
    return finish(spaced(start, end, steps, found, "linspace").astype(found), requires_grad)


def spaced(start: Any, end: Any, steps: int, dtype: np.dtype[Any], name: str) -> Array:
    """The numbers of `linspace`: from the start in the first half, from the end in the second. In
    float32 the distance is rounded and each number computed by one multiply-add, as PyTorch
    does."""
    if not isinstance(steps, (int, np.integer)) or isinstance(steps, bool):
        raise ArgumentTypeError(f"{name}(): steps must be int, not {type(steps).__name__}")
    if steps < 0:
        raise ShapeError(f"{name}: number of steps must be non-negative, got {steps}")
    for end_point in (start, end):
        if isinstance(end_point, Tensor) and end_point.ndim:
            raise ShapeError(f"{name} only supports 0-dimensional start and end tensors")
    kind = dtype if dtype.kind in "fcV" else np.dtype(np.float64)
    first, last = (np.asarray(number_of(v)).astype(kind) for v in (start, end))
    if steps == 1:
        return first.reshape(1)
    distance = (last - first) / kind.type(max(steps - 1, 1))
    wide = np.result_type(kind, np.float64)
    i = np.arange(steps)
    up = first.astype(wide) + distance.astype(wide) * i
    down = last.astype(wide) - distance.astype(wide) * (steps - 1 - i)
    return np.where(i < steps // 2, up, down)


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """base to the power of `linspace(start, end, steps)`."""
    check_device(device)
    found = to_dtype(dtype)
    with np.errstate(all="ignore"):
        powers = np.power(float(base), spaced(start, end, steps, found, "logspace"))
    return finish(powers.astype(found), requires_grad)
