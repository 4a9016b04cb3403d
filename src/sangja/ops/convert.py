"""The same numbers in another dtype, and questions about dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core import dtypes
from sangja.core.device import (
    CPU,
    Device,
    Layout,
    MemoryFormat,
    check_device,
    memory_order,
    strided,
)
from sangja.core.dtypes import DType
from sangja.core.errors import ArgumentTypeError, DeviceError, DTypeError
from sangja.engine import Primitive, Tensor, apply
from sangja.engine.structure import Cast, Copy, OrderedCopy
from sangja.ops.arguments import as_tensor


class ToWhole(Primitive):
    """z = x in a dtype of whole numbers or of truth, which has no derivative"""

    def forward(xp, x, *, dtype):
        return x.astype(dtype)


def cast(input: Tensor, dtype: Any, copy: bool = False) -> Tensor:
    """x in a dtype: itself if it has it already, unless a copy is wanted."""
    wanted = dtypes.to_numpy(dtype)
    if input.array.dtype == wanted:
        return apply(Copy, input) if copy else input
    return apply(Cast if dtypes.is_differentiable(wanted) else ToWhole, input, dtype=wanted)


def to(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """x in another dtype, on another device, or in another order in memory: `to(dtype)`,
    `to(device)`, `to(device, dtype)`, `to(other)`, `to(memory_format=…)`. Itself where nothing
    changes, unless `copy=True`. Raises `DeviceError` for a device that is not the CPU.

    >>> import sangja
    >>> sangja.tensor([1.5]).to(sangja.int64)
    tensor([1])
    """
    dtype, device = kwargs.get("dtype"), kwargs.get("device")
    other, memory_format = kwargs.get("other"), kwargs.get("memory_format")
    unknown = set(kwargs) - {"dtype", "device", "other", "non_blocking", "copy", "memory_format"}
    if unknown:
        raise ArgumentTypeError(f"to() got an unexpected keyword argument {sorted(unknown)[0]!r}")
    flags = []
    for value in args:
        if isinstance(value, Tensor):
            other = value
        elif isinstance(value, (Device, str)):
            device = value
        elif value is None or isinstance(value, bool):
            flags.append(bool(value))
        elif isinstance(value, int):
            device = Device(value)
        else:
            dtype = value
    check_device(device)
    copy = kwargs.get("copy", flags[1] if len(flags) > 1 else False)
    if other is not None:
        dtype = other.array.dtype
    order = memory_order(memory_format, input.ndim)
    z = cast(input, input.array.dtype if dtype is None else dtype, copy)
    if order is None or z.array.transpose(order).flags.c_contiguous:
        return z
    return apply(OrderedCopy, z, order=order)  # type: ignore[no-any-return]


def type_as(input: Tensor, other: Tensor) -> Tensor:
    """x in the dtype of `other`."""
    return cast(input, other.array.dtype)


def conversion(name: str, dtype: DType) -> Any:
    """The method `x.name()` that gives x in a dtype."""

    def convert(input: Tensor, memory_format: MemoryFormat | None = None) -> Tensor:
        return cast(input, dtype)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"x as {dtype.name}; itself if it is already."
    return convert


CONVERSIONS = {
    name: conversion(name, dtype)
    for name, dtype in {
        "bfloat16": dtypes.bfloat16,
        "half": dtypes.float16,
        "float": dtypes.float32,
        "double": dtypes.float64,
        "cfloat": dtypes.complex64,
        "cdouble": dtypes.complex128,
        "char": dtypes.int8,
        "short": dtypes.int16,
        "int": dtypes.int32,
        "long": dtypes.int64,
        "byte": dtypes.uint8,
        "bool": dtypes.bool_,
    }.items()
}


# -- where it lives ---------------------------------------------------------------------------


def device(input: Tensor) -> Device:
    """Where the tensor lives: the CPU."""
    return CPU


def layout(input: Tensor) -> Layout:
    """How its elements are found: by strides."""
    return strided


def is_cuda(input: Tensor) -> bool:
    """Whether the tensor lives on a GPU: no."""
    return False


def get_device(input: Tensor) -> int:
    """The number of the GPU that the tensor lives on; -1 for the CPU."""
    return -1


def cpu(input: Tensor, memory_format: MemoryFormat | None = None) -> Tensor:
    """x on the CPU, where it is."""
    return input


def cuda(input: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:
    """Raises `DeviceError`: tensors live on the CPU."""
    wanted = Device("cuda" if device is None else device)
    check_device(wanted)
    raise DeviceError(f"cuda(): {wanted} is no GPU")


def pin_memory(input: Tensor, device: Any = None) -> Tensor:
    """x: without a GPU there is nothing to pin its memory for."""
    return input


# -- questions --------------------------------------------------------------------------------


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a tensor."""
    return isinstance(obj, Tensor)


def is_nonzero(input: Any) -> bool:
    """Whether a tensor of one element is not 0."""
    x = as_tensor(input)
    if x.array.size != 1:
        few = "no values" if not x.array.size else "more than one value"
        raise DTypeError(f"Boolean value of Tensor with {few} is ambiguous")
    return bool(x.array.item())


def result_type(tensor1: Any, tensor2: Any) -> DType:
    """The dtype of an operation on the two, tensors or numbers."""
    values = [x.array if isinstance(x, Tensor) else x for x in (tensor1, tensor2)]
    return dtypes.of(dtypes.result_dtype(values))


def promote_types(type1: Any, type2: Any) -> DType:
    """The smallest dtype that holds both.

    >>> import sangja
    >>> sangja.promote_types(sangja.int32, sangja.float16)
    sangja.float16
    """
    return dtypes.of(dtypes.promote(dtypes.to_numpy(type1), dtypes.to_numpy(type2)))


def can_cast(from_: Any, to: Any) -> bool:
    """Whether a result of one dtype may be written into a tensor of another: not to a lower
    category.

    >>> import sangja
    >>> sangja.can_cast(sangja.float32, sangja.int32)
    False
    """
    a, b = dtypes.to_numpy(from_), dtypes.to_numpy(to)
    return dtypes.CATEGORY[a.kind] <= dtypes.CATEGORY[b.kind]
