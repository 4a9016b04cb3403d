"""Eigenvalues of any square matrix, condition numbers and least squares."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core.errors import DTypeError, LinAlgError, ShapeError
from sangja.engine import Primitive, Tensor, apply
from sangja.engine.apply import array_of
from sangja.engine.structure import conjugate
from sangja.ops.create import full
from sangja.ops.decompose import (
    Solve,
    gaps,
    inv,
    lapack,
    matrices,
    mt,
    on_diagonal,
    qr as linalg_qr,
    refuse_phase,
    svd as linalg_svd,
    svdvals,
    twist,
)
from sangja.ops.diagonal import diagonal
from sangja.ops.length import matrix_norm
from sangja.ops.linalg import matmul
from sangja.ops.matrix import cut_offs, matrix_rank, pinv
from sangja.ops.reduce import sum as sum_over
from sangja.ops.return_types import TYPES
from sangja.ops.shape import reshape

DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


class Eig(Primitive):
    """(λ, V), A V = V diag λ, complex; rule: Boeddeker et al., "On the computation of
    complex-valued gradients" (2017), eq. 4.77, with columns of V of length 1"""

    grad_name = "LinalgEigBackward0"

    def forward(xp, a):
        values, vectors = lapack("linalg.eig", xp.linalg.eig, a)
        kind = xp.result_type(a.dtype, xp.complex64)
        return values.astype(kind), vectors.astype(kind)

    def dall(g, a, out):
        gvalues, gvectors = g
        values, vectors = out
        turn = mt(vectors) @ gvectors
        along = diagonal(turn, 0, -2, -1)
        phase = twist(along)
        refuse_phase("linalg.eig", "the eigenvectors", phase)
        gram = mt(vectors) @ conjugate(vectors)
        inner = (turn - gram * (along - phase)[..., None, :]) / gaps(values)
        d = apply(Solve, mt(vectors), (inner + on_diagonal(gvalues)) @ mt(vectors))
        return (d if array_of(a).dtype.kind == "c" else d.real,)


def eig(A: Any) -> Any:
    """(eigenvalues, eigenvectors) of square matrices, complex, in no order: A V = V diag λ with
    columns of length 1. (…, n, n) → (…, n), (…, n, n). The derivative exists where the eigenvalues
    differ; a loss that depends on the phases of the vectors raises `GradientError`. Symmetric
    matrices: see `eigh`.

    >>> import sangja
    >>> sangja.linalg.eig(sangja.tensor([[2.0, 0.0], [0.0, 3.0]])).eigenvalues
    tensor([2.+0.j, 3.+0.j])
    """
    return TYPES["linalg_eig"](*apply(Eig, matrices("linalg.eig", A, square=True)))


def eigvals(A: Any) -> Tensor:
    """The eigenvalues of square matrices, complex, in no order. (…, n, n) → (…, n)."""
    return apply(Eig, matrices("linalg.eigvals", A, square=True))[0]  # type: ignore[no-any-return]


def cond(A: Any, p: Any = None) -> Tensor:
    """z = ‖A‖ ‖A⁻¹‖, how much a solution may magnify an error. `p` names the norm as in
    `matrix_norm`; by default 2: the largest over the smallest singular value (−2: the reverse).

    >>> import sangja
    >>> sangja.linalg.cond(sangja.tensor([[4.0, 0.0], [0.0, 2.0]]))
    tensor(2.)
    """
    x = matrices("linalg.cond", A, square=p not in (None, 2, -2))
    if p not in (None, 2, -2):
        return matrix_norm(x, p) * matrix_norm(inv(x), p)
    values = svdvals(x)
    largest, smallest = values[..., 0], values[..., -1]
    return smallest / largest if p == -2 else largest / smallest  # type: ignore[no-any-return]


def lstsq(A: Any, B: Any, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """X with the least ‖A X − B‖, and of those the shortest: (solution, residuals, rank,
    singular_values). (…, m, n), (…, m, k) or (…, m) → solution (…, n, k) or (…, n). `residuals`
    are the squared lengths of the columns of A X − B if m > n, every rank is n and the `driver` is
    not "gelsy" (the default), else empty; the drivers "gelsd" and "gelss" give the singular
    values. Those up to `rcond` · σ₁ count as 0. Raises `ShapeError` where the rows differ.

    >>> import sangja
    >>> A = sangja.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> sangja.linalg.lstsq(A, sangja.tensor([[1.0], [3.0], [5.0]])).solution
    tensor([[1.0000],
            [2.0000]])
    """
    a, b = matrices("linalg.lstsq", A), matrices("linalg.lstsq", B, argument="B")
    if a.array.dtype != b.array.dtype:
        raise DTypeError(
            f"linalg.lstsq: expected A and B of one dtype, but got {a.dtype} and {b.dtype}"
        )
    driver = "gelsy" if driver is None else driver
    if driver not in DRIVERS:
        raise LinAlgError(
            f"linalg.lstsq: parameter `driver` should be one of {DRIVERS}; got {driver!r}"
        )
    vector = a.ndim - 1 == b.ndim and b.shape == a.shape[:-1]
    if vector:
        b = reshape(b, (*b.shape, 1))
    if b.shape[-2] != a.shape[-2]:
        raise ShapeError(
            f"linalg.lstsq: A and B must have as many rows as each other; got {list(a.shape)} and "
            f"{list(b.shape)}"
        )
    return least_squares(a, b, rcond, driver, vector)


def least_squares(a: Tensor, b: Tensor, rcond: float | None, driver: str, vector: bool) -> Any:
    """The results of `lstsq` for arguments that fit."""
    small, relative = cut_offs(a, None, rcond)
    x = matmul(pinv(a, atol=small, rtol=relative), b)
    rank = matrix_rank(a, atol=small, rtol=relative)
    m, n = a.shape[-2:]
    residuals: Any = full((0,), 0, dtype=svd_dtype(a))
    if m > n and driver != "gelsy" and (rank.array == n).all():
        off = matmul(a, x) - b
        residuals = sum_over((off * conjugate(off)).real, -2)
    values: Any = full((0,), 0, dtype=svd_dtype(a))
    if driver in ("gelsd", "gelss"):
        values = svdvals(a).detach()
    if driver == "gels":
        rank = full((0,), 0, dtype=rank.dtype)
    if vector:
        x = reshape(x, x.shape[:-1])
    return TYPES["linalg_lstsq"](x, residuals, rank, values)


def svd_dtype(a: Tensor) -> Any:
    """The real dtype of lengths and singular values of a."""
    return np.abs(a.array[..., :0, :0]).dtype


def svd(input: Any, some: bool = True, compute_uv: bool = True) -> Any:
    """(U, S, V), A = U diag S Vᴴ: the older order, with V in place of Vᴴ; see `linalg.svd`. Without
    `some` U and V are square; without `compute_uv` they are zeros."""
    a = matrices("svd", input)
    if not compute_uv:
        m, n = a.shape[-2:]
        u, v = (full((*a.shape[:-2], k, k), 0, dtype=a.dtype) for k in (m, n))
        return TYPES["svd"](u, svdvals(a), v)
    u, s, vh = linalg_svd(a, full_matrices=not some)
    return TYPES["svd"](u, s, conjugate(mt(vh)))


def qr(input: Any, some: bool = True) -> Any:
    """(Q, R), A = Q R; see `linalg.qr`. Without `some` Q is square."""
    return TYPES["qr"](*linalg_qr(matrices("qr", input), "reduced" if some else "complete"))
