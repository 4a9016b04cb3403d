"""What a tensor does in Python's own language: len, float, print, iterate, copy; and NumPy's."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from sangja.core.device import ORDERS, contiguous_format, memory_order
from sangja.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    DTypeError,
    GradientError,
)
from sangja.core.formatting import array_suffixes, format_array, format_number
from sangja.core.settings import settings
from sangja.core.shapes import normalize_dim, row_major
from sangja.engine import Tensor, apply, wrap
from sangja.engine.mode import announce
from sangja.engine.structure import Copy, OrderedCopy
from sangja.engine.tensor import create, node_of, share, version_of
from sangja.ops.arrange import flip
from sangja.ops.split import unbind

Array = np.ndarray[Any, Any]


def size(input: Tensor, dim: int | None = None) -> Any:
    """The shape, or one of its sizes."""
    return input.shape if dim is None else input.shape[normalize_dim(dim, input.ndim)]


def dim(input: Tensor) -> int:
    """The number of dimensions."""
    return input.array.ndim


def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.array.size


def element_size(input: Tensor) -> int:
    """Bytes per element."""
    return input.array.itemsize


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a real floating one."""
    return input.array.dtype.kind in "fV"


def is_complex(input: Tensor) -> bool:
    """Whether the dtype is complex."""
    return input.array.dtype.kind == "c"


def stride(input: Tensor, dim: int | None = None) -> Any:
    """Steps in memory, counted in elements, along each dimension."""
    array = input.array
    if not array.size:  # NumPy does not say
        steps = row_major(array.shape)
    else:
        steps = tuple(s // array.itemsize for s in array.strides)
    return steps if dim is None else steps[normalize_dim(dim, array.ndim)]


def is_contiguous(input: Tensor, memory_format: Any = contiguous_format) -> bool:
    """Whether the elements lie in memory in row-major order (that of a `memory_format`) without
    gaps."""
    if memory_format is contiguous_format:
        return input.array.flags.c_contiguous
    fits = len(ORDERS.get(memory_format, ())) == input.ndim
    order = memory_order(memory_format, input.ndim) if fits else None
    return order is not None and input.array.transpose(order).flags.c_contiguous


def item(input: Tensor) -> Any:
    """The one element as a Python number. Raises `DTypeError` if there is not exactly one."""
    if input.array.size != 1:
        raise DTypeError(
            f"a Tensor with {input.array.size} elements cannot be converted to Scalar: this one "
            f"has shape {list(input.shape)}. Take one element first, as in x[0].item(), or tolist()"
        )
    announce("read", input)
    return input.array.item()


def tolist(input: Tensor) -> Any:
    """Nested Python lists of Python numbers."""
    announce("read", input)
    return input.array.tolist()


def detach(input: Tensor) -> Tensor:
    """The same memory, cut off from the history. Writes through it are noticed."""
    return share(input)


def detach_(input: Tensor) -> Tensor:
    """Cut this tensor off from its history."""
    if input._view is not None and node_of(input) is not None:
        raise GradientError("Can't detach views in-place. Use detach() instead.")
    input._node, input._requires_grad = None, False
    return input


def requires_grad_(input: Tensor, requires_grad: bool = True) -> Tensor:
    """Say whether gradients are wanted for this leaf."""
    input.requires_grad = requires_grad
    return input


def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy in new memory that remembers what it is a copy of; its elements in the order of the
    input's, or in that of a `memory_format`."""
    order = memory_order(memory_format, input.ndim)
    return apply(Copy, input) if order is None else apply(OrderedCopy, input, order=order)


def contiguous(input: Tensor, memory_format: Any = contiguous_format) -> Tensor:
    """Itself if the elements lie in memory in order (that of a `memory_format`), else such a
    copy."""
    if memory_order(memory_format, input.ndim) is None or is_contiguous(input, memory_format):
        return input
    return clone(input, memory_format=memory_format)


def numpy(input: Tensor, *, force: bool = False) -> Array:
    """The array, sharing memory. Writes to it are noticed by a later backward.

    Raises `GradientError` for a tensor that requires a gradient, unless `force=True`.
    """
    if input.requires_grad and not force:
        raise GradientError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    announce("read", input)
    return version_of(input).lend(input.array)


def __array__(input: Tensor, dtype: Any = None, copy: bool | None = None) -> Array:
    array = numpy(input)
    if dtype is not None and np.dtype(dtype) != array.dtype:
        if copy is False:
            raise ArgumentError(f"cannot give a {array.dtype} tensor as {dtype} without a copy")
        return array.astype(dtype)
    return array.copy() if copy else array


def number(input: Tensor, kind: type) -> Any:
    if input.array.size != 1:
        raise ArgumentError(
            f"only one element tensors can be converted to Python scalars; this one has shape "
            f"{list(input.array.shape)}"
        )
    announce("read", input)
    value = input.array.item()
    if isinstance(value, complex) and kind is not complex:
        if value.imag:
            raise DTypeError(
                f"value cannot be converted to type {kind.__name__} without overflow: {value} has "
                "an imaginary part"
            )
        value = value.real
    return kind(value)


def __float__(input: Tensor) -> float:
    return number(input, float)  # type: ignore[no-any-return]


def __int__(input: Tensor) -> int:
    return number(input, int)  # type: ignore[no-any-return]


def __complex__(input: Tensor) -> complex:
    return number(input, complex)  # type: ignore[no-any-return]


def __index__(input: Tensor) -> int:
    if input.array.size != 1 or input.array.dtype.kind not in "iub":
        raise ArgumentTypeError(
            "only integer tensors of a single element can be converted to an index"
        )
    announce("read", input)
    return int(input.array.item())


def __bool__(input: Tensor) -> bool:
    if input.array.size != 1:
        raise DTypeError(
            "Boolean value of Tensor with "
            + ("no values" if not input.array.size else "more than one value")
            + " is ambiguous; use .any() or .all()"
        )
    announce("read", input)
    return bool(input.array.item())


def __iter__(input: Tensor) -> Any:
    if not input.array.ndim:
        raise ArgumentTypeError("iteration over a 0-d tensor; its one number is x.item()")
    return iter(unbind(input))


def __contains__(input: Tensor, value: Any) -> bool:
    array = value.array if isinstance(value, Tensor) else value
    if not isinstance(array, (np.ndarray, numbers.Number)):
        raise DTypeError(
            "Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
            f"{type(value)}."
        )
    return bool((input.array == array).any())


def __reversed__(input: Tensor) -> Tensor:
    return flip(input, 0) if input.ndim else input


def __delitem__(input: Tensor, index: Any) -> None:
    raise ArgumentTypeError("Tensor does not support deleting items")


def __repr__(input: Tensor) -> str:
    array = input.array
    suffixes = array_suffixes(array, repr(input.dtype), settings.default_dtype)
    node = node_of(input)
    if node is not None:
        suffixes.append(f"grad_fn=<{node.name()}>")
    elif input._requires_grad:
        suffixes.append("requires_grad=True")
    # A subclass is printed under its own name, except a parameter, as in PyTorch.
    kind = type(input).__name__
    prefix = "tensor(" if kind in ("Tensor", "Parameter") else f"{kind}("
    return format_array(array, prefix=prefix, suffixes=suffixes)


def __format__(input: Tensor, spec: str) -> str:
    return format_number(input.array, spec) if spec or not input.array.ndim else repr(input)


__all__ = [
    name
    for name, value in dict(globals()).items()
    if getattr(value, "__module__", None) == __name__ and name != "number"
]
