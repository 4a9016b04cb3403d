"""Products of matrices and vectors."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from sangja.backend.native.products import FEW, product as product_of
from sangja.core.errors import DTypeError, ShapeError
from sangja.engine import Primitive, Tensor, apply, broadcast_to, named
from sangja.engine.structure import conjugate
from sangja.ops.arguments import as_tensor
from sangja.ops.elementwise import where
from sangja.ops.out import into
from sangja.ops.shape import mT, reshape, transpose


class Matmul(Primitive):
    """z = x · y, matrices (batched, broadcast over leading dimensions)"""

    grad_name = "MmBackward0"

    def forward(xp, x, y):
        made = product_of(x, y)
        return xp.matmul(x, y) if made is None else made

    def dx(g, y):
        return multiply(g, transpose(y, -1, -2))

    def dy(g, x):
        return multiply(transpose(x, -1, -2), g)


def multiply(x: Any, y: Any) -> Any:
    """x · y of arrays or tensors, in rules of derivatives."""
    if x.__class__ is np.ndarray and x.size * y.shape[-1] > FEW:
        return apply(Matmul, x, y)
    return x @ y


def conj(input: Any) -> Tensor:
    """z = x*, the complex conjugate; a real tensor as it is."""
    x = as_tensor(input)
    return conjugate(x)  # type: ignore[no-any-return]


def mH(input: Tensor) -> Tensor:
    """z = x with its last two dimensions exchanged, conjugated: the adjoint of every matrix."""
    return conj(mT(input))


def H(input: Tensor) -> Tensor:
    """z = the adjoint of a matrix: transposed and conjugated. Raises `ShapeError` for a tensor with
    dimensions that is no matrix."""
    if input.ndim not in (0, 2):
        raise ShapeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {input.ndim}-D tensor."
            + (" Use mH for batches of matrices" if input.ndim > 2 else "")
        )
    return mH(input) if input.ndim else input


def times(shape: Any) -> str:
    """A shape as PyTorch writes it in errors of products: 2x3."""
    return "x".join(map(str, shape))


def same_dtype(name: str, x: Tensor, *others: Tensor) -> None:
    """Products do not promote: all operands must have one dtype."""
    for y in others:
        if x.array.dtype != y.array.dtype:
            raise DTypeError(
                f"{name}: expected both operands to have the same dtype, but got {x.dtype} and "
                f"{y.dtype}; convert one with .to(dtype)"
            )


def check_ndim(name: str, x: Tensor, ndim: int, argument: str) -> None:
    if x.ndim != ndim:
        kind = {1: "a vector", 2: "a matrix", 3: "a 3D tensor (a batch of matrices)"}[ndim]
        raise ShapeError(f"{name}: {argument} must be {kind}, but its shape is {list(x.shape)}")


def check_inner(name: str, x: Tensor, y: Tensor) -> None:
    """The last dimension of x must be the last but one (of a vector: the only one) of y."""
    inner = y.shape[-2:][0]
    if x.shape[-1] != inner:
        raise ShapeError(
            f"{name}: shapes cannot be multiplied ({times(x.shape)} and {times(y.shape)}): the "
            f"last dimension of the first, {x.shape[-1]}, must equal the "
            f"{'only' if y.ndim == 1 else 'last but one'} of the second, {inner}"
        )


def fit(x: Any, y: Any) -> bool:
    """Whether arrays of at least two dimensions can be multiplied as they are."""
    return bool(x.dtype == y.dtype and x.shape[-1] == y.shape[-2])


def matmul(input: Any, other: Any, *, out: Any = None) -> Tensor:
    """z = x · y. Two vectors: dot product; a vector meets a matrix as a row or a column; leading
    dimensions are batches and broadcast. (…, n, k) · (…, k, m) → (…, n, m).

    >>> import sangja
    >>> sangja.matmul(sangja.ones(2, 3), sangja.ones(3))
    tensor([3., 3.])
    """
    if out is not None:
        return into(out, matmul(input, other))
    x, y = as_tensor(input), as_tensor(other, "other")
    if x.array.ndim > 1 and y.array.ndim > 1 and fit(x.array, y.array):
        return apply(Matmul, x, y)  # type: ignore[no-any-return]
    if not x.ndim or not y.ndim:
        raise ShapeError(
            f"both arguments to matmul need to be at least 1D, but they are {x.ndim}D and {y.ndim}D"
        )
    same_dtype("matmul", x, y)
    check_inner("matmul", x, y)
    row, column = x.ndim == 1, y.ndim == 1
    a = reshape(x, (1, x.shape[0])) if row else x
    b = reshape(y, (y.shape[0], 1)) if column else y
    z = apply(Matmul, a, b)
    if row or column:
        shape = list(z.shape)
        if column:
            del shape[-1]
        if row:
            del shape[-1 if column else -2]
        z = reshape(z, shape)
        if x.ndim == 1 and y.ndim == 1:
            named(z, "DotBackward0")
        elif x.ndim <= 2 and y.ndim <= 2:
            named(z, "MvBackward0" if column else "SqueezeBackward4")
    return z  # type: ignore[no-any-return]


def rmatmul(input: Any, other: Any) -> Tensor:
    """z = other · input, where `other` leaves the product to us."""
    return matmul(other, input)


def product(name: str, x: Any, y: Any, ndim: tuple[int, int], second: str) -> Tensor:
    """`matmul` of operands that must have just so many dimensions."""
    x, y = as_tensor(x), as_tensor(y, second)
    if ndim == (2, 2) == (x.array.ndim, y.array.ndim) and fit(x.array, y.array):
        return apply(Matmul, x, y)  # type: ignore[no-any-return]
    check_ndim(name, x, ndim[0], "input")
    check_ndim(name, y, ndim[1], second)
    if ndim[0] == 3 and x.shape[0] != y.shape[0]:
        raise ShapeError(
            f"{name}: batches must have the same size, but the first has {x.shape[0]} and the "
            f"second {y.shape[0]} matrices"
        )
    same_dtype(name, x, y)
    check_inner(name, x, y)
    return matmul(x, y)


def mm(input: Any, mat2: Any, *, out: Any = None) -> Tensor:
    """z = x · y for two matrices. (n, k) · (k, m) → (n, m)."""
    if out is not None:
        return into(out, mm(input, mat2))
    return product("mm", input, mat2, (2, 2), "mat2")


def bmm(input: Any, mat2: Any, *, out: Any = None) -> Tensor:
    """z[b] = x[b] · y[b] for two batches of matrices. (b, n, k) · (b, k, m) → (b, n, m)."""
    if out is not None:
        return into(out, bmm(input, mat2))
    return named(product("bmm", input, mat2, (3, 3), "mat2"), "BmmBackward0")


def mv(input: Any, vec: Any, *, out: Any = None) -> Tensor:
    """z = x · v for a matrix and a vector. (n, k) · (k) → (n)."""
    if out is not None:
        return into(out, mv(input, vec))
    return named(product("mv", input, vec, (2, 1), "vec"), "MvBackward0")


def dot(input: Any, tensor: Any) -> Tensor:
    """z = Σ x[i] y[i] for two vectors."""
    return named(product("dot", input, tensor, (1, 1), "tensor"), "DotBackward0")


def vdot(input: Any, other: Any) -> Tensor:
    """z = Σ x[i]* y[i] for two vectors."""
    return dot(conj(input), other)


def outer(input: Any, vec2: Any) -> Tensor:
    """z[i, j] = x[i] y[j] for two vectors. Raises `ShapeError` for anything else."""
    x, y = as_tensor(input), as_tensor(vec2, "vec2")
    check_ndim("outer", x, 1, "input")
    check_ndim("outer", y, 1, "vec2")
    return reshape(x, (x.shape[0], 1)) * y


def inner(input: Any, other: Any) -> Tensor:
    """z[…, …] = Σ x[…, i] y[…, i]; a scalar just scales."""
    x, y = as_tensor(input), as_tensor(other, "other")
    if not x.ndim or not y.ndim:
        return x * y  # type: ignore[no-any-return]
    if x.shape[-1] != y.shape[-1]:
        raise ShapeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(x.shape)} and {list(y.shape)}"
        )
    same_dtype("inner", x, y)
    n = x.shape[-1]
    rows = reshape(x, (math.prod(x.shape[:-1]), n))
    columns = reshape(y, (math.prod(y.shape[:-1]), n))
    return reshape(matmul(rows, transpose(columns, 0, 1)), (*x.shape[:-1], *y.shape[:-1]))


# -- a product added to something -------------------------------------------------------------


def blend(name: str, x: Tensor, z: Tensor, beta: Any, alpha: Any) -> Tensor:
    """β·x + α·z, where a β of 0 leaves out x and whatever nan is in it."""
    if x.array.shape == z.array.shape and x.array.dtype == z.array.dtype and beta == alpha == 1:
        return x + z  # type: ignore[no-any-return]  # the usual case
    same_dtype(name, z, x)
    if z.array.dtype.kind in "biu" and (isinstance(beta, float) or isinstance(alpha, float)):
        raise DTypeError(
            f"{name}: For integral input tensors, arguments alpha and beta must not be a floating "
            f"point number; got beta={beta}, alpha={alpha}"
        )
    if z.array.dtype.kind == "b" and (beta, alpha) != (1, 1):
        raise DTypeError(f"{name}: alpha and beta must be 1 for bool tensors")
    try:
        x = broadcast_to(x, z.shape)
    except ShapeError:
        raise ShapeError(
            f"{name}: The expanded size of the tensor ({list(z.shape)}) must match the existing "
            f"size ({list(x.shape)}): `input` must broadcast to the shape of the product"
        ) from None
    if beta == 0:  # x counts for nothing, but it was an input: its gradient is 0
        return where(np.zeros((), bool), x, z if alpha == 1 else z * alpha)  # type: ignore[no-any-return]
    return (x if beta == 1 else x * beta) + (z if alpha == 1 else z * alpha)


def addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """z = β·x + α·(a · b) for matrices a and b; x is broadcast."""
    z = product("addmm", mat1, mat2, (2, 2), "mat2")
    return named(blend("addmm", as_tensor(input), z, beta, alpha), "AddmmBackward0")


def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """z = β·x + α·(a · b) for batches of matrices a and b; x is broadcast."""
    z = product("baddbmm", batch1, batch2, (3, 3), "batch2")
    return named(blend("baddbmm", as_tensor(input), z, beta, alpha), "BaddbmmBackward0")


def addbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """z = β·x + α·Σ_b a[b] · b[b] for batches of matrices; x is broadcast."""
    z = product("addbmm", batch1, batch2, (3, 3), "batch2").sum(0)
    return blend("addbmm", as_tensor(input), z, beta, alpha)


def addmv(input: Any, mat: Any, vec: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """z = β·x + α·(a · v) for a matrix and a vector; x is broadcast."""
    return blend("addmv", as_tensor(input), product("addmv", mat, vec, (2, 1), "vec"), beta, alpha)


def addr(input: Any, vec1: Any, vec2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """z[i, j] = β·x[i, j] + α·a[i] b[j] for two vectors; x is broadcast."""
    return blend("addr", as_tensor(input), outer(vec1, vec2), beta, alpha)


def chain_matmul(*matrices: Any) -> Tensor:
    """The product of the matrices, in the order of multiplication that costs least."""
    return multi_dot(matrices)


def multi_dot(tensors: Any) -> Tensor:
    """The product of two or more matrices (the first and the last may be vectors), multiplied in
    the order that costs least (Cormen et al., Introduction to Algorithms, §15.2)."""
    factors = [as_tensor(t) for t in tensors]
    if len(factors) < 2:
        raise ShapeError(f"multi_dot(): expected at least 2 tensors but got {len(factors)}")
    for i, f in enumerate(factors):
        if f.ndim != 2 and (f.ndim != 1 or 0 < i < len(factors) - 1):
            raise ShapeError(
                f"multi_dot(): tensor {i} must be 2D{'' if 0 < i < len(factors) - 1 else ' or 1D'} "
                f"but got {f.ndim}D"
            )
    same_dtype("multi_dot", *factors)
    row, column = factors[0].ndim == 1, factors[-1].ndim == 1
    if row:
        factors[0] = reshape(factors[0], (1, factors[0].shape[0]))
    if column:
        factors[-1] = reshape(factors[-1], (factors[-1].shape[0], 1))
    for x, y in itertools.pairwise(factors):
        check_inner("multi_dot", x, y)
    z = multiply_in_order(factors, cheapest_splits(factors), 0, len(factors) - 1)
    kept = [*(() if row else z.shape[:1]), *(() if column else z.shape[1:])]
    return reshape(z, kept)


def cheapest_splits(factors: list[Tensor]) -> dict[tuple[int, int], int]:
    """For every run i … j of factors the place where it is best cut in two."""
    sizes = [factors[0].shape[0], *(f.shape[1] for f in factors)]
    cost = {(i, i): 0 for i in range(len(factors))}
    cut: dict[tuple[int, int], int] = {}
    for length in range(1, len(factors)):
        for i in range(len(factors) - length):
            j = i + length
            costs = [
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            ]
            cost[i, j], cut[i, j] = min(costs)
    return cut


def multiply_in_order(
    factors: list[Tensor], cut: dict[tuple[int, int], int], i: int, j: int
) -> Tensor:
    if i == j:
        return factors[i]
    k = cut[i, j]
    return matmul(multiply_in_order(factors, cut, i, k), multiply_in_order(factors, cut, k + 1, j))
