"""The same elements in another arrangement. Most of these are views: they share memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sangja.core import dtypes
from sangja.core.dtypes import DType
from sangja.core.errors import OutOfRangeError, ShapeError
from sangja.core.shapes import (
    broadcast_shapes,
    infer_shape,
    normalize_dim,
    normalize_dims,
    shape_from,
)
from sangja.engine import Primitive, Tensor, broadcast_to as broadcast, look, named, sum_to
from sangja.engine.structure import can_sum_to
from sangja.ops.arguments import as_tensor


class Reshape(Primitive):
    """z = x in another shape"""

    views = True
    grad_name = "ViewBackward0"

    def forward(xp, x, *, shape):
        return x.reshape(shape)

    def dx(g, x_shape):
        return reshape(g, x_shape)


class View(Reshape):
    """z = x in another shape, in the same memory"""

    grad_name = "ViewBackward0"

    def forward(xp, x, *, shape):
        z = x.reshape(shape)
        if x.size and not x.flags.c_contiguous and not xp.may_share_memory(x, z):
            raise ShapeError(
                "view size is not compatible with input tensor's size and stride (at least one "
                f"dimension of {list(x.shape)} spans across two contiguous subspaces of memory). "
                f"Use .reshape({list(shape)}) instead, which copies."
            )
        return z


class ViewAs(Primitive):
    """z = the bytes of x read as another dtype"""

    views = True

    def forward(xp, x, *, dtype):
        return x.view(dtype)


class Squeeze(Reshape):
    """z = x without some dimensions of size 1"""

    grad_name = "SqueezeBackward1"


class Unsqueeze(Reshape):
    """z = x with a dimension of size 1 more"""

    grad_name = "UnsqueezeBackward0"


class Permute(Primitive):
    """z[i_dims[0], i_dims[1], …] = x[i₀, i₁, …]"""

    views = True

    def forward(xp, x, *, dims):
        return x.transpose(dims)

    def dx(g, dims):
        return permute(g, sorted(range(len(dims)), key=dims.__getitem__))


class Transpose(Primitive):
    """z = x with two dimensions exchanged"""

    views = True

    def forward(xp, x, *, dim0, dim1):
        return x.swapaxes(dim0, dim1) if x.ndim else x.view()

    def dx(g, dim0, dim1):
        return transpose(g, dim0, dim1)


# -- another shape ----------------------------------------------------------------------------


def reshape(input: Any, *sizes: Any, shape: Any = None) -> Tensor:
    """z = x in `shape` (one size may be -1: worked out); a view where memory allows.

    >>> import sangja
    >>> sangja.arange(6).reshape(2, -1).shape
    sangja.Size([2, 3])
    """
    if shape is not None:
        sizes = (shape,)
    x = input.array if isinstance(input, Tensor) else input
    return look(Reshape, input, {"shape": infer_shape(shape_from(sizes), x.size)})


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """z = x in the shape of `other`; a view where memory allows."""
    return reshape(input, other.shape)


def view(input: Tensor, *shape: Any, size: Any = None) -> Tensor:
    """z = x in `shape`, always sharing memory; or, for a dtype, the bytes of x read as that dtype.

    Raises `ShapeError` where the elements do not lie in memory in such an order.
    """
    if size is not None:
        shape = (size,)
    if len(shape) == 1 and not isinstance(shape[0], (int, Sequence)):
        return view_dtype(input, shape[0])
    return look(View, input, {"shape": infer_shape(shape_from(shape), input.array.size)})


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """z = x in the shape of `other`, sharing memory."""
    return view(input, other.shape)


def view_dtype(input: Tensor, dtype: DType) -> Tensor:
    """The bytes of x read as `dtype`: the last dimension shrinks or grows with the size of an
    element."""
    array, wanted = input.array, dtypes.to_numpy(dtype)
    if array.itemsize != wanted.itemsize:
        if not array.ndim:
            raise ShapeError(
                f"self.dim() cannot be 0 to view {input.dtype} as {dtype} (different element sizes)"
            )
        if array.strides[-1] != array.itemsize and array.shape[-1] != 1:
            raise ShapeError(
                f"self.stride(-1) must be 1 to view {input.dtype} as {dtype} (different element "
                f"sizes), but got {array.strides[-1] // array.itemsize}. Use contiguous() first"
            )
        if array.shape[-1] * array.itemsize % wanted.itemsize:
            raise ShapeError(
                f"self.size(-1) must be divisible by {wanted.itemsize // array.itemsize} to view "
                f"{input.dtype} as {dtype} (different element sizes), but got {array.shape[-1]}"
            )
    return look(ViewAs, input, {"dtype": wanted})


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """z = x with the dimensions from `start_dim` to `end_dim` run together into one.

    >>> import sangja
    >>> sangja.zeros(2, 3, 4).flatten(1).shape
    sangja.Size([2, 12])
    """
    x = as_tensor(input)
    first, last = normalize_dim(start_dim, x.ndim), normalize_dim(end_dim, x.ndim)
    if first > last:
        raise ShapeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not x.ndim:
        return reshape(x, 1)
    if first == last:
        return x
    shape = x.array.shape
    return reshape(x, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


def unflatten(input: Any, dim: int, sizes: Any) -> Tensor:
    """z = x with dimension `dim` laid out as several of the given `sizes` (one may be -1)."""
    x = as_tensor(input)
    if not x.ndim:
        raise OutOfRangeError("unflatten: a 0-d tensor has no dimension to unflatten")
    place = normalize_dim(dim, x.ndim)
    parts = shape_from((sizes,))
    if not parts:
        raise ShapeError("unflatten: sizes must be non-empty")
    n = x.array.shape[place]
    try:
        parts = infer_shape(parts, n)
    except ShapeError as error:
        raise ShapeError(
            f"unflatten: Provided sizes {list(parts)} don't multiply up to the size of dim {dim} "
            f"({n}) in the input tensor ({error})"
        ) from None
    shape = x.array.shape
    return view(x, (*shape[:place], *parts, *shape[place + 1 :]))


def ravel(input: Any) -> Tensor:
    """z = x in one dimension; a view where memory allows."""
    return reshape(as_tensor(input), -1) if as_tensor(input).array.size else reshape(input, 0)


def squeeze(input: Any, dim: Any = None, *, axis: Any = None) -> Tensor:
    """z = x without its dimensions of size 1, or without those of them given by `dim`."""
    if axis is not None:
        dim = axis
    x = as_tensor(input)
    shape = x.array.shape
    if dim is None:
        z = look(Squeeze, x, {"shape": tuple(n for n in shape if n != 1)})
        return named(z, "SqueezeBackward0")
    given = normalize_dims(tuple(dim), x.ndim) if isinstance(dim, (tuple, list)) else None
    gone = (normalize_dim(dim, x.ndim),) if given is None else given if dim else ()
    kept = tuple(n for d, n in enumerate(shape) if n != 1 or d not in gone)
    return look(Squeeze, x, {"shape": kept})


def unsqueeze(input: Any, dim: int) -> Tensor:
    """z = x with a new dimension of size 1 at `dim`."""
    x = as_tensor(input)
    shape = x.array.shape
    place = normalize_dim(dim, len(shape) + 1)
    return look(Unsqueeze, x, {"shape": (*shape[:place], 1, *shape[place:])})


def atleast(input: Any, tensors: tuple[Any, ...], shape_of: Any) -> Any:
    """`atleast_*` of one tensor, or of several, as a tuple."""
    if isinstance(input, (tuple, list)):
        tensors, input = (*input, *tensors), None
    elif tensors:
        tensors, input = (input, *tensors), None
    if input is not None:
        x = as_tensor(input)
        return reshape(x, shape_of(x.array.shape))
    return tuple(reshape(as_tensor(x), shape_of(as_tensor(x).array.shape)) for x in tensors)


def atleast_1d(input: Any, *tensors: Any) -> Any:
    """The tensor (or each of several), a 0-d one as (1,)."""
    return atleast(input, tensors, lambda shape: shape or (1,))


def atleast_2d(input: Any, *tensors: Any) -> Any:
    """The tensor (or each of several) with at least two dimensions: (n,) becomes (1, n)."""
    return atleast(input, tensors, lambda shape: (1,) * (2 - len(shape)) + shape)


def atleast_3d(input: Any, *tensors: Any) -> Any:
    """The tensor (or each of several) with at least three dimensions: (n,) becomes (1, n, 1) and
    (m, n) becomes (m, n, 1)."""
    shapes = {0: lambda s: (1, 1, 1), 1: lambda s: (1, *s, 1), 2: lambda s: (*s, 1)}
    return atleast(input, tensors, lambda s: shapes.get(len(s), tuple)(s))


# -- dimensions in another order --------------------------------------------------------------


def permute(input: Any, *sizes: Any, dims: Any = None) -> Tensor:
    """z = x with its dimensions in the order `dims`."""
    if dims is not None:
        sizes = (dims,)
    wanted = shape_from(sizes)
    if len(wanted) != input.ndim:
        raise ShapeError(
            "permute: number of dimensions in the tensor input does not match the length of the "
            f"desired ordering of dimensions i.e. input.dim() = {input.ndim} is not equal to "
            f"len(dims) = {len(wanted)}; name every dimension once"
        )
    return look(Permute, input, {"dims": normalize_dims(wanted, input.ndim)})


def transpose(input: Any, dim0: int, dim1: int) -> Tensor:
    """z = x with dimensions `dim0` and `dim1` exchanged."""
    a, b = normalize_dim(dim0, input.ndim), normalize_dim(dim1, input.ndim)
    return look(Transpose, input, {"dim0": a, "dim1": b})


def swapaxes(input: Any, axis0: int, axis1: int) -> Tensor:
    """NumPy's name of `transpose`."""
    return transpose(input, axis0, axis1)


def swapdims(input: Any, dim0: int, dim1: int) -> Tensor:
    """Another name of `transpose`."""
    return transpose(input, dim0, dim1)


def t(input: Any) -> Tensor:
    """z = xᵀ for a matrix; a vector or scalar stays."""
    if as_tensor(input).ndim > 2:
        raise ShapeError(
            f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D; use "
            "transpose(-2, -1)"
        )
    return named(transpose(input, 0, 1 if input.ndim == 2 else 0), "TBackward0")


def T(input: Tensor) -> Tensor:
    """z = x with its dimensions in reverse order."""
    return permute(input, tuple(reversed(range(input.ndim))))


def mT(input: Tensor) -> Tensor:
    """z = x with its last two dimensions exchanged: the transpose of every matrix in a batch."""
    if input.ndim < 2:
        raise ShapeError(
            "tensor.mT is only supported on matrices or batches of matrices. Got "
            f"{input.ndim}-D tensor."
        )
    return transpose(input, -2, -1)


def movedim(input: Any, source: Any, destination: Any) -> Tensor:
    """z = x with the dimensions `source` moved to the places `destination`, the others in their
    order.

    >>> import sangja
    >>> sangja.zeros(2, 3, 4).movedim(0, -1).shape
    sangja.Size([3, 4, 2])
    """
    x = as_tensor(input)
    a = (source,) if isinstance(source, int) else tuple(source)
    b = (destination,) if isinstance(destination, int) else tuple(destination)
    if len(a) != len(b):
        raise ShapeError(
            "movedim: Invalid source or destination dims: source "
            f"({list(a)} dims) should contain the same number of dims as destination "
            f"({list(b)} dims)"
        )
    if not a:
        return x
    places = dict(zip(normalize_dims(b, x.ndim), normalize_dims(a, x.ndim), strict=True))
    others = iter([d for d in range(x.ndim) if d not in places.values()])
    return permute(x, [places[d] if d in places else next(others) for d in range(x.ndim)])


def moveaxis(input: Any, source: Any, destination: Any) -> Tensor:
    """NumPy's name of `movedim`."""
    return movedim(input, source, destination)


# -- repeated without copying -----------------------------------------------------------------


def expand(input: Any, *sizes: Any, size: Any = None) -> Tensor:
    """z = x repeated along dimensions of size 1 and new leading ones, without copying; -1 keeps a
    size."""
    if size is not None:
        sizes = (size,)
    x = as_tensor(input)
    shape, wanted = x.array.shape, shape_from(sizes)
    lead = len(wanted) - len(shape)
    if lead < 0:
        raise ShapeError(
            f"expand: the number of sizes provided ({len(wanted)}) must be greater or equal to the "
            f"number of dimensions in the tensor ({len(shape)})"
        )
    for d, n in enumerate(wanted):
        if n < -1 or (n == -1 and d < lead):
            raise ShapeError(
                f"expand: The expanded size of the tensor ({n}) isn't allowed in a leading, "
                f"non-existing dimension {d}; got sizes {list(wanted)} for shape {list(shape)}"
            )
    full = tuple(shape[d - lead] if n == -1 else n for d, n in enumerate(wanted))
    if not can_sum_to(full, shape):
        d = next(d for d, n in enumerate(shape) if n not in (1, full[d + lead]))
        raise ShapeError(
            f"The expanded size of the tensor ({full[d + lead]}) must match the existing size "
            f"({shape[d]}) at non-singleton dimension {d + lead}. Target sizes: {list(full)}. "
            f"Tensor sizes: {list(shape)}"
        )
    return broadcast(x, full)


def expand_as(input: Any, other: Tensor) -> Tensor:
    """z = x expanded to the shape of `other`."""
    return expand(input, other.shape)


def broadcast_to(input: Any, size: Any) -> Tensor:
    """z = x expanded to `size`."""
    return expand(input, shape_from((size,)))


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """The tensors, all expanded to the shape that they broadcast to."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    shape = broadcast_shapes(*(as_tensor(x).array.shape for x in tensors))
    return tuple(expand(x, shape) for x in tensors)


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """z = x summed down to `size`, a shape that broadcasts to that of x."""
    wanted = shape_from(size)
    if not can_sum_to(input.array.shape, wanted):
        raise ShapeError(
            f"size {{{list(wanted)}}} is not expandable to size {{{list(input.array.shape)}}}."
        )
    return sum_to(input, wanted)
