"""The memory under tensors: addresses, steps, storages, and views by hand.

A storage is the memory of a tensor that is no view of another; all its views look into it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from sangja.core import dtypes
from sangja.core.device import CPU, Device
from sangja.core.dtypes import DType
from sangja.core.errors import ArgumentTypeError, GradientError, OutOfRangeError, ShapeError
from sangja.core.shapes import check_sizes, row_major, shape_from
from sangja.engine import Primitive, Tensor, apply
from sangja.engine.tensor import memory_of, version_of
from sangja.ops.index import Index, IndexPut
from sangja.ops.protocols import stride
from sangja.ops.shape import reshape

Array = np.ndarray[Any, Any]


def address(array: Array) -> int:
    """Where the first element lies."""
    return int(array.__array_interface__["data"][0])


def bytes_under(array: Array) -> int:
    """Bytes from the first element to the end of the last."""
    if not array.size:
        return 0
    reach = sum((n - 1) * s for n, s in zip(array.shape, array.strides, strict=True))
    return reach + array.itemsize


def flat(array: Array, dtype: Any) -> Array:
    """The memory under an array from its first element on, gaps too, in one dimension."""
    dtype = np.dtype(dtype)
    count = bytes_under(array) // dtype.itemsize
    return look(array, dtype, (count,), (1,), 0)


class Window:
    """Memory described to NumPy by its address; `owner` keeps it alive."""

    def __init__(self, owner: Array, start: int, count: int) -> None:
        data = (start, not owner.flags.writeable)
        self.owner = owner
        self.__array_interface__ = {"version": 3, "data": data, "typestr": "|u1", "shape": (count,)}


def look(array: Array, dtype: Any, size: Any, stride: Any, offset: int) -> Array:
    """Another look into the memory of an array, `offset` bytes from its first element."""
    dtype = np.dtype(dtype)
    steps = tuple(s * dtype.itemsize for s in stride)
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    dense = owner.transpose(sorted(range(owner.ndim), key=lambda d: -owner.strides[d]))
    start = address(array) + offset
    if dense.flags.c_contiguous:  # the usual case: the result then names `owner` as its base
        return np.ndarray(size, dtype, dense.reshape(-1), start - address(owner), steps)
    reach = 0 if 0 in size else sum((n - 1) * s for n, s in zip(size, steps, strict=True))
    window = np.asarray(Window(owner, start, reach + dtype.itemsize))
    return np.ndarray(size, dtype, window, 0, steps)


# -- where a tensor looks ---------------------------------------------------------------------


def data_ptr(input: Tensor) -> int:
    """The address of the first element; 0 of an empty tensor."""
    return address(input.array) if input.array.size else 0


def storage_offset(input: Tensor) -> int:
    """How many elements after the start of its storage the first element lies."""
    memory = memory_of(input)
    if memory is input.array or not input.array.size:
        return 0
    return (address(input.array) - address(memory)) // input.array.itemsize


def is_set_to(input: Tensor, tensor: Tensor) -> bool:
    """Whether both look at the same elements of the same storage in the same order."""
    x, y = input.array, tensor.array
    same = x.shape == y.shape and x.strides == y.strides and x.dtype == y.dtype
    return same and address(x) == address(y)


def dim_order(input: Tensor) -> tuple[int, ...]:
    """The dimensions from the one with the longest steps in memory to the one with the shortest."""
    steps = stride(input)
    return tuple(sorted(range(input.ndim), key=lambda d: -steps[d]))


class AsStrided(Primitive):
    """z[i, j, …] = the storage of x at offset + i · stride₀ + j · stride₁ + …"""

    views = True

    def forward(xp, x, *, size, stride, start, steps):
        return look(x, x.dtype, size, stride, start * x.itemsize)

    def dx(g, x_shape, size, stride, start, steps):
        seen = places(size, stride) + start
        own = places(x_shape, steps)
        low = min(seen.min(initial=0), own.min(initial=0))
        count = int(max(seen.max(initial=0), own.max(initial=0)) - low) + 1
        array = g if isinstance(g, np.ndarray) else g.array
        storage = np.zeros(count, array.dtype)
        filled = apply(
            IndexPut,
            storage,
            reshape(g, array.size),
            seen.ravel() - low,
            places=(0,),
            accumulate=True,
        )
        shared = np.bincount((own - low).ravel(), minlength=count)
        if own.size and shared.max() > 1:  # each of the elements of x in one place gets its share
            filled = filled / np.maximum(shared, 1).astype(array.dtype)
        return reshape(apply(Index, filled, own.ravel() - low, places=(0,)), x_shape)


def places(size: Any, stride: Any) -> Array:
    """The place in memory of each element."""
    found = np.zeros((), np.int64)
    for n, s in zip(size, stride, strict=True):
        found = found[..., None] + np.arange(n, dtype=np.int64) * s
    return found


def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A view into the storage of x: shape `size`, steps of `stride` elements, from the element
    number `storage_offset` of the storage on (that of x).

    >>> import sangja
    >>> sangja.arange(5).as_strided((3, 3), (1, 1))
    tensor([[0, 1, 2],
            [1, 2, 3],
            [2, 3, 4]])

    Raises `ShapeError` for negative steps or a view that leaves the storage.
    """
    shape, steps = check_sizes(shape_from((size,))), shape_from((stride,))
    if len(shape) != len(steps):
        raise ShapeError(
            f"mismatch in length of strides and shape: size {list(shape)}, stride {list(steps)}"
        )
    if any(s < 0 for s in steps):
        raise ShapeError(
            f"as_strided: Negative strides are not supported at the moment, got {list(steps)}"
        )
    x = input.array
    here = (address(x) - address(memory_of(input))) // x.itemsize if x.size else 0
    offset = here if storage_offset is None else storage_offset
    if offset < 0:
        raise ShapeError(f"Tensor: invalid storage offset {offset}")
    held = bytes_under(memory_of(input))
    last = offset + sum((n - 1) * s for n, s in zip(shape, steps, strict=True)) + 1
    if math.prod(shape) and last * x.itemsize > held:
        raise ShapeError(
            f"setStorage: sizes {list(shape)}, strides {list(steps)}, storage offset {offset}, and "
            f"itemsize {x.itemsize} requiring a storage size of {last * x.itemsize} are out of "
            f"bounds for storage of size {held}"
        )
    own = tuple(s // x.itemsize for s in x.strides)
    return apply(  # type: ignore[no-any-return]
        AsStrided, input, size=shape, stride=steps, start=offset - here, steps=own
    )


# -- another memory for the same tensor -------------------------------------------------------


def look_elsewhere(input: Tensor, array: Array) -> Tensor:
    """x as the tensor over another array, of which it is no view."""
    if input._requires_grad:
        raise GradientError(
            "cannot resize variables that require grad: use x.detach(), or make a new tensor"
        )
    version = version_of(input)
    version.bump("resize_")
    input.array = array
    if input._view is None:
        version.memory = array
    return input


def resize_(input: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """x in another shape, with as many of its elements, in the order of its memory, as fit; those
    that are new are 0.

    Raises `GradientError` for a tensor that requires a gradient.
    """
    shape = check_sizes(shape_from(sizes))
    version = version_of(input)
    count, storage, dtype = math.prod(shape), version.memory, input.array.dtype
    start = address(input.array) - address(storage)
    held = max(bytes_under(storage) - start, 0) // dtype.itemsize
    memory = look(storage, dtype, (held,), (1,), start)
    if count > memory.size:
        grown = np.zeros(count, dtype)
        grown[: memory.size] = memory
        return look_elsewhere(input, grown.reshape(shape))
    if input._requires_grad:
        return look_elsewhere(input, input.array)
    input.array = memory[:count].reshape(shape)  # the storage stays, and with it the version
    version.bump("resize_")
    return input


def resize_as_(input: Tensor, the_template: Tensor, memory_format: Any = None) -> Tensor:
    """x in the shape of `the_template`, as `resize_` does it."""
    return resize_(input, the_template.array.shape)


def set_(
    input: Tensor,
    source: Any = None,
    storage_offset: int = 0,
    size: Any = None,
    stride: Any = None,
) -> Tensor:
    """x over the memory of another tensor, or of a storage (then with `size` and `stride`).

    Raises `ArgumentTypeError` for a source of another dtype, `GradientError` for a tensor that
    requires a gradient.
    """
    if input._requires_grad:
        raise GradientError("set_: x requires a gradient and cannot be put over other memory")
    if source is None:
        return look_elsewhere(input, np.zeros(0, input.array.dtype))
    dtype = input.array.dtype
    if isinstance(source, Tensor):
        if source.array.dtype != dtype:
            raise ArgumentTypeError(
                f"set_: expected a tensor of {input.dtype}, the dtype of x, got {source.dtype}"
            )
        input._counter = version_of(source)
        input._view, input.array = None, source.array
        if size is not None:
            input.array = as_strided(source, size, stride, storage_offset).array
        return input
    memory = flat(source.memory, dtype)
    shape = (memory.size - storage_offset,) if size is None else shape_from((size,))
    steps = row_major(shape) if stride is None else shape_from((stride,))
    input._counter = None
    version_of(input).memory = memory
    input.array = look(memory, dtype, shape, steps, storage_offset * dtype.itemsize)
    return input


# -- storages ---------------------------------------------------------------------------------


class UntypedStorage:
    """The bytes that a tensor and all its views look into."""

    def __init__(self, memory: Array) -> None:
        self.memory = memory

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return address(self.memory) if self.memory.size else 0

    def nbytes(self) -> int:
        """How many bytes."""
        return bytes_under(self.memory)

    def size(self) -> int:
        """How many bytes."""
        return self.nbytes()

    def element_size(self) -> int:
        """1: its elements are bytes."""
        return 1

    def tolist(self) -> list[int]:
        """The bytes as a list."""
        return flat(self.memory, np.uint8).tolist()

    @property
    def device(self) -> Device:
        """Where it is: the CPU."""
        return CPU

    def is_shared(self) -> bool:
        """Whether other threads can see it: always."""
        return True

    def __len__(self) -> int:
        return self.nbytes()

    def __iter__(self) -> Iterator[int]:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        found = flat(self.memory, np.uint8)[index]
        return int(found) if isinstance(found, np.generic) else UntypedStorage(found)


class TypedStorage:
    """The numbers that a tensor and all its views look into, in the order of memory."""

    def __init__(self, memory: Array, dtype: DType) -> None:
        self.memory = memory
        self.dtype = dtype
        self.numbers = flat(memory, dtype.dtype)

    def data_ptr(self) -> int:
        """The address of the first number."""
        return address(self.memory) if self.memory.size else 0

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return UntypedStorage(self.memory)

    def size(self) -> int:
        """How many numbers."""
        return int(self.numbers.size)

    def nbytes(self) -> int:
        """How many bytes."""
        return int(self.numbers.nbytes)

    def element_size(self) -> int:
        """Bytes per number."""
        return self.dtype.itemsize

    def tolist(self) -> list[Any]:
        """The numbers as a list."""
        return self.numbers.tolist()

    @property
    def device(self) -> Device:
        """Where it is: the CPU."""
        return CPU

    def __len__(self) -> int:
        return self.size()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int) and not -self.size() <= index < self.size():
            raise OutOfRangeError(
                f"index {index} is out of range for storage of size {self.size()}"
            )
        found = self.numbers[index]
        return found.item() if isinstance(found, np.generic) else found.tolist()

    def __setitem__(self, index: Any, value: Any) -> None:
        self.numbers[index] = value


def untyped_storage(input: Tensor) -> UntypedStorage:
    """The bytes that x and all views of the same memory look into."""
    return UntypedStorage(memory_of(input))


def storage(input: Tensor) -> TypedStorage:
    """The numbers that x and all views of the same memory look into."""
    return TypedStorage(memory_of(input), dtypes.of(input.array.dtype))


def is_storage(obj: Any) -> bool:
    """Whether `obj` is a storage."""
    return isinstance(obj, (UntypedStorage, TypedStorage))


# -- memory that others see -------------------------------------------------------------------


def is_shared(input: Tensor) -> bool:
    """Whether threads see the same memory: they do. Processes get copies."""
    return True


def share_memory_(input: Tensor) -> Tensor:
    """x, whose memory all threads share already; processes get copies."""
    return input


def is_pinned(input: Tensor, device: Any = None) -> bool:
    """Whether the memory is pinned for a GPU: no."""
    return False
