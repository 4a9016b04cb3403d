"""Several tensors as one, and one tensor repeated."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from sangja.core.shapes import normalize_dim, shape_from
from sangja.engine import Primitive, Tensor, apply, broadcast_to
from sangja.ops.arguments import as_tensor
from sangja.ops.index import narrow_to
from sangja.ops.out import into
from sangja.ops.pick import index_select
from sangja.ops.shape import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    flatten,
    reshape,
    unsqueeze,
)

LEGACY = (0,)  # the shape of an empty tensor that `cat` passes over


class Cat(Primitive):
    """z = x₁, x₂, … one after the other along `dim`"""

    promotes = True

    def forward(xp, *inputs, dim):
        return xp.concatenate(inputs, axis=dim)

    def dall(g, shapes, dim, needs):
        ends = itertools.accumulate((shape[dim] for shape in shapes), initial=0)
        return [
            narrow_to(g, dim, a, b) if needed else None
            for (a, b), needed in zip(itertools.pairwise(ends), needs, strict=True)
        ]


class Stack(Primitive):
    """z[…, i, …] = xᵢ, along a new dimension `dim`"""

    promotes = True

    def forward(xp, *inputs, dim):
        before = (slice(None),) * dim
        return xp.concatenate([x[(*before, None)] for x in inputs], axis=dim)

    def dall(g, dim, needs):
        before = (slice(None),) * dim
        return [g[(*before, i, ...)] if needed else None for i, needed in enumerate(needs)]


class Repeat(Primitive):
    """z = x laid out `repeats[d]` times along every dimension d"""

    def forward(xp, x, *, repeats):
        return xp.tile(x, repeats)

    def dx(g, x_shape, repeats):
        full = (1,) * (len(repeats) - len(x_shape)) + x_shape
        pairs = tuple(itertools.chain(*zip(repeats, full, strict=True)))  # (r₀, n₀, r₁, n₁, …)
        if not pairs:
            return g
        return reshape(reshape(g, pairs).sum(tuple(range(0, len(pairs), 2))), x_shape)


def several(tensors: Any, name: str) -> list[Tensor]:
    """The tensors of a list or tuple, at least one."""
    if not isinstance(tensors, (list, tuple)):
        raise ArgumentTypeError(
            f"{name}(): argument 'tensors' must be tuple of Tensors, not {type(tensors).__name__}"
        )
    if not tensors:
        kind = ArgumentError if name == "cat" else ShapeError  # as PyTorch
        raise kind(f"{name}(): expected a non-empty list of Tensors, got {tensors!r}")
    return [as_tensor(x, "tensors") for x in tensors]


def cat(tensors: Any, dim: int = 0, *, axis: Any = None, out: Any = None) -> Any:
    """z = x₁, x₂, … one after the other along `dim`. Their other sizes must agree; empty 1-d
    tensors are passed over.

    >>> import sangja
    >>> sangja.cat([sangja.zeros(2, 3), sangja.ones(1, 3)]).shape
    sangja.Size([3, 3])
    """
    if axis is not None:
        dim = axis
    if out is not None:
        return into(out, cat(tensors, dim))
    if isinstance(tensors, (tuple, list)) and tensors:
        if alike(tensors):  # the usual case, without a closer look
            return apply(Cat, *tensors, dim=normalize_dim(dim, tensors[0].array.ndim))
        if not any_tensor(tensors):
            return apply(Cat, *tensors, dim=dim)
    found = several(tensors, "cat")
    filled = [x for x in found if x.array.shape != LEGACY]
    like = filled[0] if filled else found[0]
    if not like.ndim or any(not x.ndim for x in found):
        raise ShapeError("zero-dimensional tensor cannot be concatenated; use stack()")
    place = normalize_dim(dim, like.ndim)
    for i, x in enumerate(filled):
        if x.array.shape != like.array.shape:
            check_fit(like.array.shape, x.array.shape, place, i)
    if len(filled) < len(found) and like.ndim > 1:  # what is passed over still counts for the dtype
        blank = tuple(0 if d == place else n for d, n in enumerate(like.array.shape))
        found = [reshape(x, blank) if x.array.shape == LEGACY else x for x in found]
    return apply(Cat, *found, dim=place)


def alike(tensors: Sequence[Any]) -> bool:
    """Whether all are tensors of one shape, with a dimension and elements."""
    first = tensors[0]
    if not isinstance(first, Tensor) or not first.array.ndim or first.array.shape == LEGACY:
        return False
    shape = first.array.shape
    return all(isinstance(x, Tensor) and x.array.shape == shape for x in tensors)


def any_tensor(tensors: Sequence[Any]) -> bool:
    return any(isinstance(x, Tensor) for x in tensors)


def check_fit(like: tuple[int, ...], shape: tuple[int, ...], dim: int, i: int) -> None:
    if len(shape) != len(like):
        raise ShapeError(
            f"cat: Tensors must have same number of dimensions: got {len(like)} and {len(shape)} "
            f"(tensor number {i} in the list has shape {list(shape)}, the first {list(like)})"
        )
    for d, (a, b) in enumerate(zip(like, shape, strict=True)):
        if a != b and d != dim:
            raise ShapeError(
                f"cat: Sizes of tensors must match except in dimension {dim}. Expected size {a} "
                f"but got size {b} in dimension {d} for tensor number {i} in the list: the first "
                f"has shape {list(like)}, this one {list(shape)}"
            )


def concat(tensors: Any, dim: int = 0) -> Tensor:
    """Another name of `cat`."""
    return cat(tensors, dim)


def concatenate(tensors: Any, axis: int = 0) -> Tensor:
    """NumPy's name of `cat`."""
    return cat(tensors, axis)


def stack(tensors: Any, dim: int = 0, *, axis: Any = None, out: Any = None) -> Any:
    """z[…, i, …] = xᵢ along a new dimension `dim`; all shapes are equal.

    >>> import sangja
    >>> sangja.stack([sangja.zeros(3), sangja.ones(3)], dim=1).shape
    sangja.Size([3, 2])
    """
    if axis is not None:
        dim = axis
    if out is not None:
        return into(out, stack(tensors, dim))
    if isinstance(tensors, (tuple, list)) and tensors:
        if alike(tensors):
            return apply(Stack, *tensors, dim=normalize_dim(dim, tensors[0].array.ndim + 1))
        if not any_tensor(tensors):
            return apply(Stack, *tensors, dim=dim)
    found = several(tensors, "stack")
    first = found[0].array.shape
    for i, x in enumerate(found):
        if x.array.shape != first:
            raise ShapeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and "
                f"{list(x.array.shape)} at entry {i}; cat joins along a dimension that exists"
            )
    return apply(Stack, *found, dim=normalize_dim(dim, len(first) + 1))


def hstack(tensors: Any) -> Tensor:
    """`cat` along columns, of 1-d tensors along their only dimension."""
    found = atleast_1d(several(tensors, "hstack"))
    return cat(found, 0 if found[0].ndim == 1 else 1)


def vstack(tensors: Any) -> Tensor:
    """`cat` along rows; a 1-d tensor is a row."""
    return cat(atleast_2d(several(tensors, "vstack")), 0)


def row_stack(tensors: Any) -> Tensor:
    """Another name of `vstack`."""
    return vstack(tensors)


def dstack(tensors: Any) -> Tensor:
    """`cat` along the third dimension, after `atleast_3d`."""
    return cat(atleast_3d(several(tensors, "dstack")), 2)


def column_stack(tensors: Any) -> Tensor:
    """`cat` along columns; a 1-d tensor is a column."""
    found = several(tensors, "column_stack")
    return hstack([reshape(x, (x.array.size, 1)) if x.ndim <= 1 else x for x in found])


def block_diag(*tensors: Any) -> Tensor:
    """The matrix with the given matrices along its diagonal and zeros elsewhere."""
    found = [as_tensor(x) for x in tensors] or [as_tensor(np.zeros((1, 0), np.float32))]
    for x in found:
        if x.ndim > 2:
            raise ShapeError(
                f"block_diag: Input tensors must have 2 or fewer dimensions. Got {x.ndim}-D"
            )
    blocks = atleast_2d(found)
    width = sum(x.array.shape[1] for x in blocks)
    rows, start = [], 0
    for x in blocks:
        height, n = x.array.shape
        sides = [np.zeros((height, m), x.array.dtype) for m in (start, width - start - n)]
        rows.append(cat([as_tensor(sides[0]), x, as_tensor(sides[1])], 1))
        start += n
    return cat(rows, 0)


def kron(input: Any, other: Any) -> Tensor:
    """The Kronecker product: every element of x times the whole of y, in the place of the element.

    >>> import sangja
    >>> sangja.kron(sangja.tensor([1, 10]), sangja.tensor([1, 2]))
    tensor([ 1,  2, 10, 20])
    """
    x, y = as_tensor(input), as_tensor(other, "other")
    n = max(x.ndim, y.ndim)
    a, b = ((1,) * (n - z.ndim) + z.array.shape for z in (x, y))
    apart = reshape(x, [size for pair in zip(a, (1,) * n, strict=True) for size in pair])
    blocks = apart * reshape(y, [size for pair in zip((1,) * n, b, strict=True) for size in pair])
    return reshape(blocks, [i * j for i, j in zip(a, b, strict=True)])


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """The coordinates of a grid: z_k[i₀, i₁, …] = x_k[i_k]; with "xy" the first two dimensions of
    the grid are exchanged.

    >>> import sangja
    >>> a, b = sangja.meshgrid(sangja.arange(2), sangja.arange(3), indexing="ij")
    >>> a.shape
    sangja.Size([2, 3])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    found = several(tensors, "meshgrid")
    if indexing not in ("ij", "xy"):
        raise ShapeError(
            f'meshgrid: indexing must be one of "xy" or "ij", but received: {indexing!r}'
        )
    for x in found:
        if x.ndim > 1:
            raise ShapeError(
                f"meshgrid: Expected 0D or 1D tensor in the tensor list but got: {list(x.shape)}"
            )
        if x.array.dtype != found[0].array.dtype:
            raise DTypeError(
                "meshgrid expects all tensors to have the same dtype, not "
                f"{found[0].dtype} and {x.dtype}"
            )
    swap = indexing == "xy" and len(found) > 1
    if swap:
        found[:2] = found[1::-1]
    shape = tuple(x.array.size for x in found)
    grids = []
    for d, x in enumerate(found):
        column = reshape(x, (x.array.size,) + (1,) * (len(found) - d - 1))
        grids.append(broadcast_to(column, shape))
    if swap:
        grids[:2] = grids[1::-1]
    return tuple(grids)


def cartesian_prod(*tensors: Any) -> Tensor:
    """Every combination of one element of each 1-d tensor, as rows."""
    for x in tensors:
        if as_tensor(x).ndim != 1:
            raise ShapeError(f"cartesian_prod: Expect a 1D vector, but got shape {list(x.shape)}")
    if len(tensors) == 1:
        return as_tensor(tensors[0])
    return stack([flatten(grid) for grid in meshgrid(*tensors)], 1)


def combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Every combination of `r` elements of a 1-d tensor, in order, as rows."""
    x = as_tensor(input)
    if x.ndim != 1:
        raise ShapeError(f"combinations: Expect a 1D vector, but got shape {list(x.shape)}")
    if r < 0:
        raise ShapeError(f"combinations: Expect a non-negative number, but got {r}")
    if r == 0:
        return as_tensor(np.empty(0, x.array.dtype))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(choose(range(x.array.size), r)), np.int64).reshape(-1, r)
    return reshape(index_select(x, 0, rows.reshape(-1)), rows.shape)


# -- repeated ---------------------------------------------------------------------------------


def repeat(input: Any, *sizes: Any, repeats: Any = None) -> Tensor:
    """z = x laid out `repeats[d]` times along every dimension d; more numbers than dimensions add
    leading ones.

    >>> import sangja
    >>> sangja.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    if repeats is not None:
        sizes = (repeats,)
    x, times = as_tensor(input), shape_from(sizes)
    if len(times) < x.ndim:
        raise ShapeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            f"tensor: got {list(times)} for shape {list(x.shape)}"
        )
    if any(n < 0 for n in times):
        raise ShapeError(f"repeat: Trying to create tensor with negative dimension: {list(times)}")
    return apply(Repeat, x, repeats=times)


def tile(input: Any, *sizes: Any, dims: Any = None) -> Tensor:
    """`repeat` with NumPy's rule: fewer numbers than dimensions count from the last."""
    if dims is not None:
        sizes = (dims,)
    x, times = as_tensor(input), shape_from(sizes)
    return repeat(x, (1,) * (x.ndim - len(times)) + times)


def repeat_interleave(
    input: Any, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """z = every slice of x along `dim` (of x flattened, without one) `repeats` times in a row.
    With the numbers alone: the index of what is repeated.

    >>> import sangja
    >>> sangja.tensor([1, 2]).repeat_interleave(2)
    tensor([1, 1, 2, 2])
    """
    if repeats is None:
        counts = as_tensor(input)
        return apply(RepeatedIndex, counts, size=counts.array.size)
    x = as_tensor(input)
    if dim is None:
        x, dim = flatten(x), 0
    if not x.ndim:
        x = reshape(x, 1)
    place = normalize_dim(dim, x.ndim)
    n = x.array.shape[place]
    if isinstance(repeats, int):
        if repeats < 0:
            raise ShapeError(f"repeat_interleave: repeats must be non-negative, got {repeats}")
        size = list(x.array.shape)
        size.insert(place + 1, repeats)
        wide = broadcast_to(unsqueeze(x, place + 1), tuple(size))
        return reshape(wide, (*size[:place], n * repeats, *size[place + 2 :]))
    counts = as_tensor(np.asarray(repeats) if isinstance(repeats, (tuple, list)) else repeats)
    if counts.ndim > 1 or counts.array.size not in (1, n):
        raise ShapeError(
            f"repeat_interleave: repeats must have the same size as input along dim, {n}, but got "
            f"shape {list(counts.shape)}"
        )
    index = apply(RepeatedIndex, counts, size=n)
    if output_size is not None and index.array.size != output_size:
        raise ShapeError(
            f"repeat_interleave: output_size is {output_size}, but the repeats add up to "
            f"{index.array.size}"
        )
    return index_select(x, place, index)


class RepeatedIndex(Primitive):
    """z = 0 x₀ times, 1 x₁ times, …"""

    def forward(xp, x, *, size):
        if x.dtype.kind not in "iu":
            raise DTypeError(
                f"repeat_interleave: repeats has to be Long or Int tensor, not {x.dtype}"
            )
        if x.size and x.min() < 0:
            raise ShapeError("repeat_interleave: repeats can not be negative")
        return xp.repeat(xp.arange(size), x)
