"""What NumPy's errors are told as: the operation, its operands and the sizes that clash."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from sangja.core.errors import (
    ArgumentTypeError,
    OutOfMemoryError,
    OutOfRangeError,
    SangjaError,
    ShapeError,
)
from sangja.engine.primitive import Primitive

ndarray = np.ndarray


def explain(error: Exception, primitive: type[Primitive], arrays: list[Any]) -> Exception:
    """The one place where an error from inside an operation gets the operation and the operands."""
    if isinstance(error, SangjaError):
        return error
    operands = ", ".join(
        f"{name} {describe(a)}"
        for name, a in zip(primitive.inputs or map(str, range(len(arrays))), arrays, strict=False)
    )
    name = primitive.__name__.lower()
    if isinstance(error, MemoryError):
        return OutOfMemoryError(f"{name}: not enough memory for the result; got {operands}")
    if isinstance(error, IndexError):
        return OutOfRangeError(f"{name}: {in_tensor_words(str(error))}; got {operands}")
    if isinstance(error, ValueError):
        told = str(error)
        if "operands could not be broadcast" in told:
            told = clash(arrays) or told
        return ShapeError(f"{name}: {told}; got {operands}")
    if isinstance(error, TypeError):
        return ArgumentTypeError(f"{name}: {error}; got {operands}")
    return error


def clash(arrays: list[Any]) -> str:
    """Where the shapes of operands do not broadcast, in PyTorch's words; "" if they do."""
    shapes = [a.shape for a in arrays if isinstance(a, ndarray)]
    ndim = max(map(len, shapes), default=0)
    for i in range(-1, -ndim - 1, -1):
        sizes = [s[i] for s in shapes if len(s) >= -i and s[i] != 1]
        other = next((n for n in sizes if n != sizes[0]), None)
        if other is not None:
            return (
                f"The size of tensor a ({sizes[0]}) must match the size of tensor b ({other}) at "
                f"non-singleton dimension {ndim + i} (sizes are equal, or one of them 1)"
            )
    return ""


def in_tensor_words(text: str) -> str:
    """NumPy's text of an index that does not fit, with PyTorch's words."""
    found = re.fullmatch(
        r"too many indices for array: array is (\d+)-dimensional, but (\d+) were indexed", text
    )
    if found:
        return f"too many indices for tensor of dimension {found[1]}: {found[2]} were given"
    found = re.fullmatch(r"index (-?\d+) is out of bounds for axis (\d+) with size (\d+)", text)
    if found:
        index, dim, size = map(int, found.groups())
        return (
            f"index {index} is out of bounds for dimension {dim} with size {size}: indices go from "
            f"{-size} to {size - 1}"
        )
    return text


def describe(value: Any) -> str:
    """An operand in a message: dtype and shape of an array, else the value."""
    if isinstance(value, ndarray):
        return f"{value.dtype}{list(value.shape)}"
    return repr(value)
