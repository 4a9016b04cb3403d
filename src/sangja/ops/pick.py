"""Elements picked by the numbers or masks in other tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core.errors import DTypeError, OutOfRangeError, PositionError, ShapeError
from sangja.core.shapes import broadcast_shapes, normalize_dim
from sangja.engine import Primitive, Tensor, apply, broadcast_to
from sangja.ops.arguments import as_tensor, numpy_names
from sangja.ops.index import Index, add_at, narrow_to
from sangja.ops.shape import flatten, reshape


class IndexSelect(Index):
    """z = the slices of x with the numbers `index` along a dimension"""


class Take(Index):
    """z = the elements of the flattened x with the numbers `index`"""


class MaskedSelect(Index):
    """z = the elements of x where the mask is true"""


class Gather(Primitive):
    """z[i, j, …] = x[index[i, j, …], j, …], the number being used along `dim`"""

    def forward(xp, x, index, *, dim):
        return x[along(xp, index, dim)]

    def dx(g, x_shape, index, dim):
        return apply(AddAlong, g, index, shape=x_shape, dim=dim)


class AddAlong(Primitive):
    """z = zeros of `shape`, z[index[i, j, …], j, …] += x[i, j, …]"""

    grad_name = "GatherBackward0"

    def forward(xp, x, index, *, shape, dim):
        return add_at(xp, xp.zeros(shape, x.dtype), along(xp, index, dim), x)

    def dx(g, index, dim):
        return apply(Gather, g, index, dim=dim)


class Nonzero(Primitive):
    """z = the indices of the elements that are not 0, as rows"""

    def forward(xp, x):
        return xp.stack(xp.nonzero(x.reshape(1)), 1)[:, :0] if not x.ndim else xp.argwhere(x)


class NonzeroTuple(Primitive):
    """z₁, z₂, … = the indices of the elements that are not 0, one array per dimension"""

    def forward(xp, x):
        return xp.nonzero(x if x.ndim else x.reshape(1))


class IsIn(Primitive):
    """z = whether x is one of the values"""

    def forward(xp, x, values, *, invert):
        return xp.isin(x, values, invert=invert)


def along(xp: Any, index: Any, dim: int) -> tuple[Any, ...]:
    """The full index of which `index` is the part at `dim`; at the others every element stays where
    it is."""
    n = index.ndim
    if not n:
        return ()
    grid = [
        xp.arange(index.shape[d]).reshape((-1,) + (1,) * (n - d - 1)) if index.shape[d] else index
        for d in range(n)
    ]
    grid[dim] = index
    return tuple(grid)


def whole_index(index: Any, name: str) -> Tensor:
    """The argument `index` as a tensor of int64 or int32."""
    found = as_tensor(np.asarray(index) if isinstance(index, (list, tuple)) else index, "index")
    if not found.array.size:
        return found if found.array.dtype.kind == "i" else as_tensor(found.array.astype(np.int64))
    if found.array.dtype not in (np.int64, np.int32):
        raise DTypeError(f"{name}(): Expected dtype int64 or int32 for index, got {found.dtype}")
    return found


def check_range(
    index: Tensor,
    n: int,
    dim: int,
    name: str,
    negative: bool = False,
    error: type[OutOfRangeError] = OutOfRangeError,
) -> None:
    """Every number in `index` must name a slice along a dimension of size n."""
    if not index.array.size:
        return
    low, high = int(index.array.min()), int(index.array.max())
    if low < (-n if negative else 0) or high >= n:
        wrong = high if high >= n else low
        raise error(
            f"{name}(): index {wrong} is out of bounds for dimension {dim} with size {n}: indices "
            f"go from {-n if negative else 0} to {n - 1}"
        )


def check_gather(x: Tensor, index: Tensor, dim: int, name: str) -> None:
    """The conditions of `gather` and `scatter` on shapes and numbers."""
    shape, given = x.array.shape, index.array.shape
    if not index.array.size:
        return
    if max(x.ndim, 1) != max(index.ndim, 1):
        raise ShapeError(
            f"{name}(): Index tensor must have the same number of dimensions as input tensor: "
            f"{index.ndim} and {x.ndim}"
        )
    for d, (n, m) in enumerate(zip(shape, given, strict=False)):
        if d != dim and m > n:
            raise ShapeError(
                f"{name}(): Size does not match at dimension {d}: expected index {list(given)} "
                f"to be no larger than input {list(shape)} apart from dimension {dim}"
            )
    check_range(index, shape[dim] if shape else 1, dim, name, error=PositionError)


def gather(input: Any, dim: int, index: Any, *, sparse_grad: bool = False) -> Tensor:
    """z[i, j, …] = x[index[i, j, …], j, …] for dim 0, and so on; z has the shape of `index`.

    >>> import sangja
    >>> sangja.gather(sangja.tensor([[1, 2], [3, 4]]), 1, sangja.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
    """
    x, places = as_tensor(input), whole_index(index, "gather")
    d = normalize_dim(dim, x.ndim)
    check_gather(x, places, d, "gather")
    if not places.array.size:
        return apply(Index, flatten(x), flatten(places), places=(0,)).reshape(places.array.shape)
    if not x.ndim or not places.ndim:
        picked = apply(Gather, reshape(x, x.array.size), reshape(places, places.array.size), dim=0)
        return reshape(picked, places.array.shape)
    return apply(Gather, x, places, dim=d)


@numpy_names
def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Tensor:
    """`gather` whose input and index broadcast against each other, but for `dim`; without one,
    along all elements in a row."""
    x, index = as_tensor(input), whole_index(indices, "take_along_dim")
    if dim is None:
        x, index, dim = flatten(x), flatten(index), 0
    if x.ndim != index.ndim:
        raise ShapeError(
            "take_along_dim(): input and indices should have the same number of dimensions, but "
            f"got {x.ndim} dimensions for input, and {index.ndim} dimensions for indices"
        )
    d = normalize_dim(dim, x.ndim)
    if not x.ndim:
        return gather(x, d, index)
    check_range(index, x.array.shape[d], d, "take_along_dim", negative=True)
    if index.array.size and index.array.min() < 0:
        index = index % x.array.shape[d]
    a, b = list(x.array.shape), list(index.array.shape)
    a[d] = b[d] = 1
    common = broadcast_shapes(a, b)
    for place, shape in ((a, x.array.shape), (b, index.array.shape)):
        place[:] = common
        place[d] = shape[d]
    return gather(broadcast_to(x, tuple(a)), d, broadcast_to(index, tuple(b)))


@numpy_names
def index_select(input: Any, dim: int, index: Any) -> Tensor:
    """z = the slices of x with the numbers `index` along `dim`."""
    x, numbers = as_tensor(input), whole_index(index, "index_select")
    if numbers.ndim > 1:
        raise OutOfRangeError("index_select(): Index is supposed to be a vector")
    d = normalize_dim(dim, x.ndim)
    if not x.ndim:
        if numbers.array.size != 1:
            raise ShapeError("index_select(): Index to scalar can have only 1 value")
        check_range(numbers, 1, 0, "index_select")
        return x.clone()
    check_range(numbers, x.array.shape[d], d, "index_select")
    return apply(IndexSelect, x, numbers if numbers.ndim else reshape(numbers, 1), places=(d,))


def take(input: Any, index: Any) -> Tensor:
    """z = the elements of x, flattened, with the numbers `index`, in the shape of `index`."""
    x, numbers = as_tensor(input), whole_index(index, "take")
    check_range(numbers, x.array.size, 0, "take", negative=True)
    return apply(Take, reshape(x, x.array.size), numbers, places=(0,))


def masked_select(input: Any, mask: Any) -> Tensor:
    """The elements of x where `mask` is true, in a row; both broadcast."""
    x, where = as_tensor(input), as_tensor(mask, "mask")
    if where.array.dtype.kind != "b":
        raise DTypeError(f"masked_select: expected BoolTensor for mask, not {where.dtype}")
    shape = broadcast_shapes(x.array.shape, where.array.shape)
    x, where = broadcast_to(x, shape), broadcast_to(where, shape)
    if not shape:
        x, where = reshape(x, 1), reshape(where, 1)
    return apply(MaskedSelect, x, where, places=(0,))


def select(input: Any, dim: int, index: Any) -> Tensor:
    """z = the slice of x with the number `index` along `dim`, as a view."""
    x = as_tensor(input)
    if not x.ndim:
        raise OutOfRangeError("select() cannot be applied to a 0-dim tensor.")
    d = normalize_dim(dim, x.ndim)
    n, i = x.array.shape[d], int(index)
    if not -n <= i < n:
        raise OutOfRangeError(
            f"select(): index {i} out of range for tensor of size {list(x.shape)} at dimension {d}"
        )
    return x[(slice(None),) * d + (i,)]


def narrow(input: Any, dim: int, start: Any, length: int) -> Tensor:
    """z = `length` slices of x along `dim` from the number `start`, as a view."""
    x = as_tensor(input)
    if not x.ndim:
        raise ShapeError("narrow() cannot be applied to a 0-dim tensor.")
    d = normalize_dim(dim, x.ndim)
    n = x.array.shape[d]
    if isinstance(start, Tensor) and (start.ndim or start.array.dtype.kind not in "iu"):
        raise ShapeError("narrow: start must be an 0-dim integral Tensor.")
    begin = int(start)
    if length < 0:
        raise ShapeError("narrow(): length must be non-negative.")
    if not -n <= begin <= n:
        raise OutOfRangeError(
            f"start out of range (expected to be in [{-n}, {n}], but got {begin})"
        )
    begin += n if begin < 0 else 0
    if begin + length > n:
        raise ShapeError(f"start ({begin}) + length ({length}) exceeds dimension size ({n}).")
    return narrow_to(x, d, begin, begin + length)


def nonzero(input: Any, *, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not 0: rows of a matrix, or one tensor per dimension.

    >>> import sangja
    >>> sangja.tensor([0, 3, 0, 4]).nonzero()
    tensor([[1],
            [3]])
    """
    x = as_tensor(input)
    return apply(NonzeroTuple, x) if as_tuple else apply(Nonzero, x)


def argwhere(input: Any) -> Tensor:
    """The indices of the elements that are not 0, as rows."""
    return nonzero(input)


def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """z = whether each element is one of `test_elements` (with `invert`, is none of them)."""
    x, values = as_tensor(elements, "elements"), as_tensor(test_elements, "test_elements")
    if not isinstance(elements, Tensor) and not isinstance(test_elements, Tensor):
        raise DTypeError("isin: one of elements and test_elements must be a Tensor")
    for given in (x, values):
        if given.array.dtype.kind == "c":
            raise DTypeError(f"isin: unsupported input type: {given.dtype}")
    return apply(IsIn, x, values, invert=invert)
