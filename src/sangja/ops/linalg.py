"""Products of matrices and what is built from them."""

from __future__ import annotations

from typing import Any

from sangja.core.errors import DTypeError, ShapeError
from sangja.engine import Primitive, Tensor, apply
from sangja.ops.arguments import as_tensor
from sangja.ops.shape import reshape, transpose


class Matmul(Primitive):
    """z = x · y, matrices (batched, broadcast over leading dimensions)"""

    grad_name = "MmBackward0"

    def forward(xp, x, y):
        return xp.matmul(x, y)

    def dx(g, y):
        return g @ transpose(y, -1, -2)

    def dy(g, x):
        return transpose(x, -1, -2) @ g


def matmul(input: Any, other: Any) -> Tensor:
    """z = x · y. Two vectors: dot product; a vector meets a matrix as a row or a column; leading
    dimensions are batches and broadcast. (…, n, k) · (…, k, m) → (…, n, m)."""
    x, y = as_tensor(input), as_tensor(other, "other")
    if not x.ndim or not y.ndim:
        raise ShapeError(
            f"both arguments to matmul need to be at least 1D, but they are {x.ndim}D and {y.ndim}D"
        )
    if x.array.dtype != y.array.dtype:
        raise DTypeError(
            f"matmul: expected both operands to have the same dtype, but got {x.dtype} and {y.dtype}"
        )
    row, column = x.ndim == 1, y.ndim == 1
    if x.shape[-1] != y.shape[-1 if column else -2]:
        raise ShapeError(
            f"matmul: shapes cannot be multiplied ({'x'.join(map(str, x.shape))} and "
            f"{'x'.join(map(str, y.shape))}): the last dimension of the first, {x.shape[-1]}, must "
            f"equal the {'only' if column else 'last but one'} of the second, "
            f"{y.shape[-1 if column else -2]}"
        )
    a = reshape(x, (1, -1)) if row else x
    b = reshape(y, (-1, 1)) if column else y
    z = apply(Matmul, a, b)
    if row or column:
        shape = list(z.shape)
        if column:
            del shape[-1]
        if row:
            del shape[-1 if column else -2]
        z = reshape(z, shape)
    return z
