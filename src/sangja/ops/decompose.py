"""Matrices taken apart and solved: LAPACK's results with derivatives of their own.

The rules are those of Giles, "Collected matrix derivative results for forward and reverse mode
algorithmic differentiation" (2008), except where another source is named. Matrices are the last
two dimensions; all others are batches. Aᵀ is written `mt(A)`, Aᴴ `mh(A)`; gradients of complex
matrices are conjugates here (see `engine.backward.run`), so the rules are the conjugated ones.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sangja.core.errors import DTypeError, GradientError, LinAlgError, ShapeError
from sangja.engine import Primitive, Tensor, apply
from sangja.engine.apply import array_of
from sangja.engine.structure import conjugate
from sangja.ops.arguments import as_tensor
from sangja.ops.diagonal import PutDiagonal, Tril, diagonal, tril, triu
from sangja.ops.elementwise import where
from sangja.ops.exponential import log
from sangja.ops.join import cat
from sangja.ops.return_types import TYPES
from sangja.ops.shape import reshape, transpose

Array = np.ndarray[Any, Any]


def mt(x: Any) -> Any:
    """The transposed matrices."""
    return transpose(x, -1, -2)


def mh(x: Any) -> Any:
    """The conjugate transposed matrices: `mt` for real ones."""
    return conjugate(mt(x))


def twist(x: Any) -> Any:
    """The imaginary part of complex numbers, times i; None for real ones."""
    return 0.5 * (x - conjugate(x)) if array_of(x).dtype.kind == "c" else None


def refuse_phase(name: str, factors: str, turn: Any) -> None:
    """Complex vectors are known up to a factor e^{iφ}: a loss that feels it has no gradient.
    `turn` is such a loss's slope along φ; the bound is PyTorch's."""
    if turn is not None and not np.allclose(array_of(turn), 0, rtol=1e-2, atol=1e-2):
        raise GradientError(
            f"{name}: {factors} of a complex matrix are specified up to multiplication by e^(iφ), "
            "and the loss depends on φ, so its gradient is ill-defined; make the loss depend on "
            "what does not change with φ, such as absolute values or products with the conjugate"
        )


def lower(x: Any, diagonal: int = 0) -> Any:
    """The lower triangles."""
    return apply(Tril, x, diagonal=diagonal)


def on_diagonal(x: Any) -> Any:
    """The diagonal matrices of the vectors in the last dimension."""
    n = x.ndim
    return apply(PutDiagonal, x, shape=(*x.shape, x.shape[-1]), offset=0, dim1=n - 1, dim2=n)


def lapack(name: str, function: Any, *args: Any, **kwargs: Any) -> Any:
    """A routine of NumPy's, whose failure is told as ours."""
    try:
        return function(*args, **kwargs)
    except np.linalg.LinAlgError as error:
        reason = {
            "Singular matrix": "the matrix is singular, so it has no inverse",
            "Matrix is not positive definite": "the input is not positive-definite: a leading "
            "minor of "
            "it is not positive; is it symmetric, and its diagonal large enough?",
        }.get(str(error), str(error))
        raise LinAlgError(f"{name}: {reason}; got {args[0].dtype}{list(args[0].shape)}") from None


def matrices(name: str, input: Any, square: bool = False, argument: str = "A") -> Tensor:
    """The argument as floating matrices, square if asked."""
    x = as_tensor(input, argument)
    if x.ndim < 2:
        raise ShapeError(
            f"{name}: The input tensor {argument} must have at least 2 dimensions; got shape "
            f"{list(x.shape)}"
        )
    if square and x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            f"{name}: {argument} must be batches of square matrices, but they are {x.shape[-2]} by "
            f"{x.shape[-1]} matrices"
        )
    if x.array.dtype.kind not in "fcV":
        raise DTypeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {x.dtype}; use "
            ".float()"
        )
    return x


# -- inverse and solutions --------------------------------------------------------------------


class Inverse(Primitive):
    """Z = A⁻¹"""

    grad_name = "LinalgInvExBackward0"

    def forward(xp, a):
        return lapack("linalg.inv", xp.linalg.inv, a)

    def da(g, out):
        return -(mt(out) @ g @ mt(out))


class Solve(Primitive):
    """Z with A Z = B"""

    grad_name = "LinalgSolveExBackward0"

    def forward(xp, a, b):
        return lapack("linalg.solve", xp.linalg.solve, a, b)

    def dall(g, a, out):
        db = apply(Solve, mt(a), g)
        return -(db @ mt(out)), db


def inv(A: Any) -> Tensor:
    """Z = A⁻¹. (…, n, n) → (…, n, n). Raises `LinAlgError` for a singular matrix.

    >>> import sangja
    >>> sangja.linalg.inv(sangja.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return apply(Inverse, matrices("linalg.inv", A, square=True))  # type: ignore[no-any-return]


def solve(A: Any, B: Any, *, left: bool = True) -> Tensor:
    """X with A X = B (or X A = B if not `left`). (…, n, n), (…, n, k) or (…, n) → as B. Raises
    `LinAlgError` for a singular matrix."""
    a, b = matrices("linalg.solve", A, square=True), as_tensor(B, "B")
    if a.array.dtype != b.array.dtype:
        raise DTypeError(
            f"linalg.solve: Expected A and B to have the same dtype, but found A of type {a.dtype} "
            f"and B of type {b.dtype} instead"
        )
    vector = b.ndim == 1 or (a.ndim - 1 == b.ndim and b.shape == a.shape[:-1])
    if vector and not left:
        raise ShapeError(
            "linalg.solve: Vector broadcasting of the left hand side is not supported for "
            "left=False"
        )
    if vector:
        b = reshape(b, (*b.shape, 1))
    if b.shape[-2 if left else -1] != a.shape[-1]:
        raise ShapeError(
            "linalg.solve: Incompatible shapes of A and B for the equation "
            f"{'AX' if left else 'XA'} = B ({a.shape[-2]}x{a.shape[-1]} and "
            f"{b.shape[-2]}x{b.shape[-1]})"
        )
    z = apply(Solve, a, b) if left else mt(apply(Solve, mt(a), mt(b)))
    return reshape(z, z.shape[:-1]) if vector else z  # type: ignore[no-any-return]


def solve_triangular(
    A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """X with A X = B (or X A = B) where only the upper (lower) triangle of A is looked at; with
    `unitriangular` its diagonal is taken as ones."""
    a = matrices("linalg.solve_triangular", A, square=True)
    matrices("linalg.solve_triangular", B, argument="B")
    a = (triu if upper else tril)(a, (1 if upper else -1) if unitriangular else 0)
    if unitriangular:
        a = a + np.eye(a.shape[-1], dtype=a.array.dtype)
    return solve(a, B, left=left)


# -- determinants -----------------------------------------------------------------------------


class Determinant(Primitive):
    """z = det A"""

    grad_name = "LinalgDetBackward0"

    def forward(xp, a):
        return xp.linalg.det(a)

    def da(g, a):
        return reshape(g, (*g.shape, 1, 1)) * apply(Cofactors, a)


class Cofactors(Primitive):
    """Z = det A · A⁻ᵀ, from the singular values, so that it is right for a singular A too"""

    grad_name = "LinalgDetBackward0"

    def forward(xp, a):
        u, s, vh = xp.linalg.svd(a)
        n = s.shape[-1]
        others = xp.broadcast_to(s[..., None, :], (*s.shape, n)).copy()
        others[..., range(n), range(n)] = 1
        orientation = xp.linalg.det(u) * xp.linalg.det(vh)
        u, vh = xp.conjugate(u), xp.conjugate(vh)
        return (u * (others.prod(-1) * orientation[..., None])[..., None, :]) @ vh

    def da(g, a, out):
        inverse = mt(apply(Inverse, a))
        inner = (g * out).sum(axis=(-2, -1))
        return reshape(inner, (*inner.shape, 1, 1)) * inverse - out @ mt(g) @ inverse


class SignLogDeterminant(Primitive):
    """(sign of det A, ln |det A|)"""

    grad_name = "LinalgSlogdetBackward0"

    def forward(xp, a):
        return tuple(xp.asarray(part) for part in xp.linalg.slogdet(a))

    def dall(g, a, out):
        slope, turn = g[1], twist(g[0] * out[0])
        slope = slope if turn is None else slope + turn
        return (reshape(slope, (*slope.shape, 1, 1)) * mt(apply(Inverse, a)),)


def det(A: Any) -> Tensor:
    """z = det A. (…, n, n) → (…)."""
    return apply(Determinant, matrices("linalg.det", A, square=True))  # type: ignore[no-any-return]


def slogdet(A: Any) -> Any:
    """The pair (sign, logabsdet): det A = sign · exp(logabsdet), without overflow."""
    a = matrices("linalg.slogdet", A, square=True)
    return TYPES["linalg_slogdet"](*apply(SignLogDeterminant, a))


def logdet(input: Any) -> Tensor:
    """z = ln det A; −∞ for a determinant of 0, nan for a negative one (iπ more for complex)."""
    pair = slogdet(matrices("logdet", input, square=True))
    if pair.sign.array.dtype.kind == "c":
        return log(pair.sign) + pair.logabsdet  # type: ignore[no-any-return]
    return where(pair.sign == -1, math.nan, pair.logabsdet)  # type: ignore[no-any-return]


# -- factors ----------------------------------------------------------------------------------


class Cholesky(Primitive):
    """L, lower triangular, with A = L Lᴴ; rule: Murray, "Differentiation of the Cholesky
    decomposition" (2016), eq. 10"""

    grad_name = "LinalgCholeskyExBackward0"

    def forward(xp, a, *, upper):
        if upper:  # the upper triangle is the one that is read
            a = xp.conjugate(a.swapaxes(-1, -2))
        return lapack("linalg.cholesky", xp.linalg.cholesky, a)

    def da(g, out):
        inner = mt(out) @ g
        inner = 0.5 * (lower(inner) + mh(lower(inner, -1)))
        half = apply(Solve, mt(out), inner)
        return mt(apply(Solve, mh(out), mt(half)))


class Qr(Primitive):
    """(Q, R), A = Q R, Q with orthonormal columns, R upper triangular; rule: Walter & Lehmann,
    "Algorithmic differentiation of linear algebra functions" (2018), §3.3, and for wide A the
    square part and the rest apart"""

    grad_name = "LinalgQrBackward0"

    def forward(xp, a, *, mode):
        if mode == "r":
            return xp.zeros((0,), a.dtype), xp.linalg.qr(a, mode)
        return tuple(xp.linalg.qr(a, mode))

    def dall(g, a, out, mode):
        gq, gr = g
        q, r = out
        n = q.shape[-1]
        if mode == "r" or (mode == "complete" and a.shape[-2] > a.shape[-1]):
            raise LinAlgError(
                "linalg.qr: the derivative needs mode='reduced' (or 'complete' for matrices that "
                f"are not tall); got mode={mode!r} and shape {list(a.shape)}"
            )
        if a.shape[-1] <= n:
            return (qr_rule(gq, gr, q, r),)
        rest = (..., slice(n, None))
        first = (..., slice(None, n))
        square = qr_rule(gq + conjugate(a[rest]) @ mh(gr[rest]), gr[first], q, r[first])
        return (cat([square, conjugate(q) @ gr[rest]], -1),)


def qr_rule(gq: Any, gr: Any, q: Any, r: Any) -> Any:
    """The gradient of A = Q R for a square R."""
    m = mh(gr @ mt(r) - mt(q) @ gq)
    symmetric = lower(m) + mh(lower(m, -1))  # its diagonal is real only up to `turn`
    turn = twist(diagonal(m, 0, -2, -1))
    if turn is not None:
        symmetric = symmetric - on_diagonal(turn)
    return mt(apply(Solve, r, mt(gq + conjugate(q) @ symmetric)))


class Eigh(Primitive):
    """(λ, V), A V = V diag λ, for a symmetric A of which one triangle is read"""

    grad_name = "LinalgEighBackward0"

    def forward(xp, a, *, uplo):
        return tuple(lapack("linalg.eigh", xp.linalg.eigh, a, uplo))

    def dall(g, out):
        gvalues, gvectors = g
        values, vectors = out
        turn = mt(vectors) @ gvectors
        refuse_phase("linalg.eigh", "the eigenvectors", twist(diagonal(turn, 0, -2, -1)))
        inner = turn / gaps(values) + on_diagonal(gvalues)
        return (conjugate(vectors) @ inner @ mt(vectors),)


class EighValues(Primitive):
    """λ, the eigenvalues alone; the rule: g on the diagonal between the eigenvectors"""

    grad_name = "LinalgEighBackward0"

    def forward(xp, a, *, uplo):
        return lapack("linalg.eigvalsh", xp.linalg.eigvalsh, a, uplo)

    def da(g, a, uplo):
        _, vectors = apply(Eigh, a, uplo=uplo)
        return (conjugate(vectors) * g[..., None, :]) @ mt(vectors)


def gaps(values: Any) -> Any:
    """E[i, j] = λ[j] − λ[i], infinite on the diagonal, so that what is divided by it vanishes
    there."""
    gap = values[..., None, :] - values[..., :, None]
    return where(np.eye(values.shape[-1], dtype=bool), math.inf, gap)


class Svd(Primitive):
    """(U, S, Vᵀ), A = U diag S Vᵀ; rule: Townsend, "Differentiating the singular value
    decomposition" (2016). The derivative exists where the singular values differ from each other
    (and from 0, if A is not square)."""

    grad_name = "LinalgSvdBackward0"

    def forward(xp, a, *, full):
        return tuple(lapack("linalg.svd", xp.linalg.svd, a, full))

    def dall(g, out):
        gu, gs, gvh = g
        u, s, vh = out
        k = s.shape[-1]
        u, gu, vh, gvh = u[..., :k], gu[..., :k], vh[..., :k, :], gvh[..., :k, :]
        ubar, vbar, gv, across = conjugate(u), mt(vh), mh(gvh), s[..., None, :]
        squares = gaps(s * s)
        turn_u, turn_v = mt(u) @ gu, conjugate(vh) @ gv
        inner = (turn_u - mh(turn_u)) / squares * across + on_diagonal(gs)
        inner = inner + s[..., :, None] * ((turn_v - mh(turn_v)) / squares)
        phase = twist(diagonal(turn_u, 0, -2, -1))
        if phase is not None:
            other = twist(diagonal(turn_v, 0, -2, -1))
            refuse_phase("linalg.svd", "the singular vectors", phase + other)
            inner = inner + on_diagonal(phase / s)
        vt = conjugate(vh)
        d = ubar @ inner @ vt
        if u.shape[-2] > k:
            d = d + ((gu - ubar @ turn_u) / across) @ vt
        if vh.shape[-1] > k:
            d = d + (ubar / across) @ mh(gv - vbar @ turn_v)
        return (d,)


class SingularValues(Primitive):
    """S, the singular values alone; the rule needs no differences between them"""

    grad_name = "LinalgSvdBackward0"

    def forward(xp, a):
        return lapack("linalg.svdvals", xp.linalg.svd, a, compute_uv=False)

    def da(g, a):
        u, _, vh = apply(Svd, a, full=False)
        return conjugate((u * g[..., None, :]) @ vh)


def cholesky(A: Any, *, upper: bool = False) -> Tensor:
    """L, lower triangular, with A = L Lᴴ (`upper`: U with A = Uᴴ U). Raises `LinAlgError` unless
    A is positive definite. One triangle of A is read."""
    a = matrices("linalg.cholesky", A, square=True)
    z = apply(Cholesky, a, upper=bool(upper))
    return mh(z) if upper else z  # type: ignore[no-any-return]


def legacy_cholesky(input: Any, upper: bool = False) -> Tensor:
    """`sangja.cholesky`: see `linalg.cholesky`."""
    return cholesky(input, upper=upper)


def qr(A: Any, mode: str = "reduced") -> Any:
    """(Q, R) with A = Q R. `mode`: "reduced" Q (…, m, k), R (…, k, n) with k = min(m, n);
    "complete" Q square; "r" R alone. The signs are LAPACK's."""
    if mode not in ("reduced", "complete", "r"):
        raise ShapeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', "
            "or 'complete'"
        )
    return TYPES["linalg_qr"](*apply(Qr, matrices("linalg.qr", A), mode=mode))


def eigh(A: Any, UPLO: str = "L") -> Any:
    """(eigenvalues, eigenvectors) of symmetric matrices, in rising order; `UPLO` names the triangle
    that is read. The derivative exists where the eigenvalues differ."""
    a = matrices("linalg.eigh", A, square=True)
    return TYPES["linalg_eigh"](*apply(Eigh, a, uplo=check_uplo(UPLO)))


def eigvalsh(A: Any, UPLO: str = "L") -> Tensor:
    """The eigenvalues of symmetric matrices, in rising order."""
    a = matrices("linalg.eigvalsh", A, square=True)
    return apply(EighValues, a, uplo=check_uplo(UPLO))  # type: ignore[no-any-return]


def check_uplo(uplo: str) -> str:
    if uplo.upper() not in ("L", "U"):
        raise ShapeError(f"linalg.eigh: Expected UPLO argument to be 'L' or 'U', but got {uplo}")
    return uplo.upper()


def svd(A: Any, full_matrices: bool = True) -> Any:
    """(U, S, Vh) with A = U diag S Vh, the singular values in falling order; without
    `full_matrices` U and Vh have only the min(m, n) columns and rows that count."""
    a = matrices("linalg.svd", A)
    return TYPES["linalg_svd"](*apply(Svd, a, full=bool(full_matrices)))


def svdvals(A: Any) -> Tensor:
    """The singular values in falling order."""
    return apply(SingularValues, matrices("linalg.svdvals", A))  # type: ignore[no-any-return]
