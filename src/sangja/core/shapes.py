"""Shapes: `Size`, and the arithmetic of dimensions that every operation shares."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

from sangja.core.errors import ArgumentTypeError, OutOfRangeError, ShapeError

new_size = tuple.__new__  # without the checks, for what is known to be a shape


class Size(tuple[int, ...]):
    """The shape of a tensor: a tuple of ints that knows its number of elements.

    >>> Size([2, 3]), Size([2, 3]).numel()
    (sangja.Size([2, 3]), 6)
    """

    __slots__ = ()

    def __new__(cls, sizes: Iterable[int] = ()) -> Size:
        found = tuple(sizes)
        for i, n in enumerate(found):
            if not hasattr(n, "__index__"):
                raise ArgumentTypeError(
                    f"Size() takes an iterable of 'int' (item {i} is '{type(n).__name__}')"
                )
        return new_size(cls, map(operator.index, found))

    def numel(self) -> int:
        return math.prod(self)

    def __repr__(self) -> str:
        return f"sangja.Size({list(self)})"

    def __add__(self, other: tuple[int, ...]) -> Size:  # type: ignore[override]
        return Size(tuple.__add__(self, tuple(other)))

    def __radd__(self, other: tuple[int, ...]) -> Size:
        return Size(tuple.__add__(tuple(other), self))

    def __mul__(self, count: Any) -> Size:
        return Size(tuple.__mul__(self, count))

    __rmul__ = __mul__

    def __getitem__(self, index: Any) -> Any:
        item = tuple.__getitem__(self, index)
        return Size(item) if isinstance(index, slice) else item


def normalize_dim(dim: Any, ndim: int) -> int:
    """A dimension counted from the front; a scalar has one imaginary dimension, as in PyTorch."""
    try:
        index = operator.index(dim)
    except TypeError:
        raise ArgumentTypeError(f"a dimension must be an int, not {type(dim).__name__}") from None
    reach = max(ndim, 1)
    if not -reach <= index < reach:
        raise OutOfRangeError(
            f"Dimension out of range (expected to be in range of [{-reach}, {reach - 1}], "
            f"but got {index}): the tensor has {ndim} dimensions, numbered from 0"
        )
    return index + reach if index < 0 else index


def normalize_dims(dims: Any, ndim: int) -> tuple[int, ...]:
    """All dimensions named by an int, a sequence or None (every one), each once, from the front."""
    if dims is None or (isinstance(dims, (tuple, list)) and not dims):
        return tuple(range(ndim))
    if not isinstance(dims, (tuple, list)):
        return (normalize_dim(dims, ndim),) if ndim else ()
    found = [normalize_dim(d, ndim) for d in dims]
    if len(set(found)) != len(found):
        twice = next(d for d in found if found.count(d) > 1)
        raise ShapeError(f"dim {twice} appears multiple times in the list of dims {list(dims)}")
    return tuple(found) if ndim else ()


def shape_from(args: Sequence[Any]) -> tuple[int, ...]:
    """The shape in `f(2, 3)`, `f((2, 3))`, `f([2, 3])` or `f(Size)`."""
    if len(args) == 1 and args[0].__class__ is int:  # the usual cases first
        return (args[0],)
    if len(args) == 1 and isinstance(args[0], Iterable) and not hasattr(args[0], "__index__"):
        args = tuple(args[0])
    try:
        return tuple(operator.index(n) for n in args)
    except TypeError:
        raise ArgumentTypeError(f"a shape is made of ints, not {tuple(args)!r}") from None


def check_sizes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape, if no size in it is negative."""
    for n in shape:
        if n < 0:
            raise ShapeError(f"Trying to create tensor with negative dimension {n}: {list(shape)}")
    return shape


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The steps in memory, in elements, along each dimension of a contiguous tensor.

    >>> row_major((2, 3, 4))
    (12, 4, 1)
    """
    return tuple(math.prod(max(n, 1) for n in shape[d + 1 :]) for d in range(len(shape)))


def infer_shape(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """The shape with its one -1 worked out from the number of elements."""
    known = math.prod(shape)
    if known == size and min(shape, default=0) >= 0:
        return shape
    if known < 0 and shape.count(-1) == 1 and min(shape) == -1 and size % -known == 0:
        return tuple(size // -known if n == -1 else n for n in shape)
    unknown = [i for i, n in enumerate(shape) if n == -1]
    known = math.prod(n for n in shape if n != -1)
    if len(unknown) > 1:
        raise ShapeError("only one dimension can be inferred: the shape has several -1")
    if any(n < -1 for n in shape):
        raise ShapeError(f"invalid shape dimension {min(shape)} in {list(shape)}")
    if unknown:
        if known == 0:
            raise ShapeError(
                f"cannot reshape tensor of {size} elements into shape {list(shape)} because the "
                "unspecified dimension size -1 can be any value and is ambiguous"
            )
        if size % known == 0:
            return tuple(size // known if n == -1 else n for n in shape)
    elif known == size:
        return shape
    needed = f"a multiple of {known}" if unknown else str(known)
    raise ShapeError(
        f"shape '{list(shape)}' is invalid for input of size {size}: its sizes multiply to {needed}"
    )


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that the given shapes broadcast to (aligned at the last dimension).

    >>> broadcast_shapes((2, 1), (3,))
    sangja.Size([2, 3])
    """
    shapes = tuple((s,) if isinstance(s, int) else tuple(s) for s in shapes)
    result: list[int] = [1] * max((len(s) for s in shapes), default=0)
    for shape in shapes:
        for i in range(-1, -len(shape) - 1, -1):
            if shape[i] != 1 and shape[i] != result[i]:
                if result[i] != 1:
                    a, b = max(result[i], shape[i]), min(result[i], shape[i])
                    raise ShapeError(
                        f"shapes {' and '.join(str(list(s)) for s in shapes)} cannot be broadcast "
                        f"together: at dimension {i} the sizes are {a} and {b}; they must be "
                        "equal, or one of them 1"
                    )
                result[i] = shape[i]
    return Size(result)
