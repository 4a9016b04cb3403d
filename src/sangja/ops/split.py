"""One tensor as several: parts along a dimension, all of them views."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import Any

from sangja.core.errors import ArgumentTypeError, OutOfRangeError, ShapeError
from sangja.core.shapes import normalize_dim
from sangja.engine import Primitive, Tensor, apply
from sangja.ops.arguments import as_tensor
from sangja.ops.index import narrow_to
from sangja.ops.join import cat, stack


class Split(Primitive):
    """z₁, z₂, … = the parts of x of the given `sizes` along `dim`"""

    views = True

    def forward(xp, x, *, sizes, dim):
        before = (slice(None),) * dim
        ends = list(itertools.accumulate(sizes, initial=0))
        return tuple(x[(*before, slice(a, b))] for a, b in itertools.pairwise(ends))

    def dall(g, dim):
        return (cat(g, dim),)


class Unbind(Primitive):
    """z₁, z₂, … = the slices of x along `dim`"""

    views = True

    def forward(xp, x, *, dim):
        before = (slice(None),) * dim
        return tuple(x[(*before, i, ...)] for i in range(x.shape[dim]))

    def dall(g, dim):
        return (stack(g, dim),)


def split(tensor: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """The parts of x along `dim`, of one size (the last may be smaller) or of the sizes in a list.

    >>> import sangja
    >>> [len(part) for part in sangja.arange(5).split(2)]
    [2, 2, 1]
    """
    if not isinstance(split_size_or_sections, int):
        return split_with_sizes(tensor, split_size_or_sections, dim)
    x, size = as_tensor(tensor, "tensor"), split_size_or_sections
    place = dim_to_split(x, dim, "split")
    n = x.array.shape[place]
    if size < 0 or (size == 0 and n):
        raise ShapeError(
            f"split expects split_size be positive (or 0 if dimension {place} is 0), but got "
            f"split_size={size} for a dimension of size {n}"
        )
    whole, rest = divmod(n, size) if size else (0, 0)
    sizes = (size,) * whole + (rest,) * bool(rest)
    return apply(Split, x, sizes=sizes or (0,), dim=place)


def split_with_sizes(input: Any, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """The parts of x along `dim` of the given sizes, which add up to its size."""
    x = as_tensor(input)
    place = dim_to_split(x, dim, "split_with_sizes")
    sizes = tuple(operator.index(n) for n in split_sizes)
    if any(n < 0 for n in sizes) or sum(sizes) != x.array.shape[place]:
        raise ShapeError(
            f"split_with_sizes expects split_sizes to be non-negative and to sum exactly to "
            f"{x.array.shape[place]} (input tensor's size at dimension {place}), but got "
            f"split_sizes={list(sizes)}"
        )
    return apply(Split, x, sizes=sizes, dim=place)


def unsafe_split(tensor: Any, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`split`; PyTorch's form that forbids nothing in place needs no difference here."""
    return split(tensor, split_size, dim)


def chunk(input: Any, chunks: int, dim: int = 0, *, axis: Any = None) -> tuple[Tensor, ...]:
    """At most `chunks` parts of x along `dim`, all of one size but the last.

    >>> import sangja
    >>> [len(part) for part in sangja.arange(5).chunk(3)]
    [2, 2, 1]
    """
    if axis is not None:
        dim = axis
    x = as_tensor(input)
    if chunks <= 0:
        raise ShapeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    place = dim_to_split(x, dim, "chunk")
    n = x.array.shape[place]
    if not n:
        return split_with_sizes(x, (0,) * chunks, place)
    return split(x, -(-n // chunks), place)


def tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """The parts of x along `dim`: `n` parts whose sizes differ by at most one, or those between the
    positions in a list.

    >>> import sangja
    >>> [len(part) for part in sangja.arange(7).tensor_split(3)]
    [3, 2, 2]
    """
    x = as_tensor(input)
    place = dim_to_split(x, dim, "tensor_split")
    n = x.array.shape[place]
    given = positions_of(indices_or_sections)
    if isinstance(given, int):
        if given <= 0:
            raise ShapeError(f"number of sections must be larger than 0, got {given}")
        base, rest = divmod(n, given)
        sizes = (base + 1,) * rest + (base,) * (given - rest)
        return apply(Split, x, sizes=sizes, dim=place)
    ends = [slice(i).indices(n)[1] for i in given]
    return tuple(narrow_to(x, place, a, max(a, b)) for a, b in itertools.pairwise([0, *ends, n]))


def positions_of(indices_or_sections: Any) -> int | tuple[int, ...]:
    """What says where to split, as an int or a tuple of ints."""
    given = indices_or_sections
    if isinstance(given, Tensor):
        if given.array.dtype.kind not in "iu" or given.ndim > 1:
            raise ShapeError(
                "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or "
                f"one-dimensional tensor of integers, but got {given.dtype} of {given.ndim} "
                "dimensions"
            )
        given = given.tolist()
    if isinstance(given, (int, tuple, list)):
        return given if isinstance(given, int) else tuple(operator.index(i) for i in given)
    raise ArgumentTypeError(
        f"indices_or_sections must be an int or a sequence of ints, not {type(given).__name__}"
    )


def hsplit(input: Any, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`tensor_split` along columns (the only dimension of a 1-d tensor)."""
    return numpy_split(
        input, indices_or_sections, min(max(as_tensor(input).ndim - 1, 0), 1), 1, "h"
    )


def vsplit(input: Any, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`tensor_split` along rows."""
    return numpy_split(input, indices_or_sections, 0, 2, "v")


def dsplit(input: Any, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """`tensor_split` along the third dimension."""
    return numpy_split(input, indices_or_sections, 2, 3, "d")


def numpy_split(input: Any, given: Any, dim: int, least: int, name: str) -> tuple[Tensor, ...]:
    """NumPy's splits, which insist on enough dimensions and on equal parts."""
    x = as_tensor(input)
    if x.ndim < least:
        raise ShapeError(
            f"torch.{name}split requires a tensor with at least {least} dimension"
            f"{'s' * (least > 1)}, but got a tensor with {x.ndim} dimensions!".replace("torch.", "")
        )
    if isinstance(given, int) and (given <= 0 or x.array.shape[dim] % given):
        raise ShapeError(
            f"{name}split attempted to split along dimension {dim}, but the size of the dimension "
            f"{x.array.shape[dim]} is not divisible by the split_size {given}!"
        )
    return tensor_split(x, given, dim)


def unbind(input: Any, dim: int = 0, *, axis: Any = None) -> tuple[Tensor, ...]:
    """The slices of x along `dim`, as a tuple."""
    if axis is not None:
        dim = axis
    x = as_tensor(input)
    place = dim_to_split(x, dim, "unbind")
    return apply(Unbind, x, dim=place) if x.array.shape[place] else ()


def dim_to_split(x: Tensor, dim: int, name: str) -> int:
    """The dimension counted from the front; a 0-d tensor has none to split."""
    if not x.ndim:
        normalize_dim(dim, 0)
        raise (OutOfRangeError if name == "unbind" else ShapeError)(
            f"{name} expects at least a 1-dimensional tensor"
        )
    return normalize_dim(dim, x.ndim)
