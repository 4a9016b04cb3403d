"""Functions of whole matrices: powers, exponentials, pseudo-inverses, ranks; and covariance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sangja.core.errors import DTypeError, ShapeError
from sangja.core.shapes import broadcast_shapes, normalize_dim
from sangja.engine import Primitive, Tensor, apply, broadcast_to
from sangja.engine.structure import conjugate
from sangja.ops.arguments import as_tensor
from sangja.ops.comparison import clamp
from sangja.ops.create import eye
from sangja.ops.decompose import inv, lapack, matrices, mh, mt
from sangja.ops.diagonal import diagonal as diagonal_of, tril
from sangja.ops.exponential import sqrt
from sangja.ops.join import cat
from sangja.ops.linalg import matmul
from sangja.ops.reduce import mean, sum as sum_over
from sangja.ops.shape import reshape

# Numerator of the [13/13] Padé approximant of eˣ (Higham 2005, "The scaling and squaring method
# for the matrix exponential revisited", eq. 2.7) and the norm up to which it is exact to double
# precision.
PADE: tuple[int, ...] = (64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800)
PADE += (129060195264000, 10559470521600, 670442572800, 33522128640, 1323241920, 40840800)
PADE += (960960, 16380, 182, 1)
PADE_REACH = 5.371920351148152


class MatrixExp(Primitive):
    """Z = e^A; rule: the upper right block of exp [[Aᵀ, g], [0, Aᵀ]] (Al-Mohy & Higham 2009, §4)"""

    grad_name = "LinalgMatrixExpBackward0"

    def forward(xp, a):
        if not a.size:
            return a.copy()
        largest = xp.abs(a).sum(-2).max()
        halvings = max(0, math.ceil(math.log2(largest / PADE_REACH))) if largest > PADE_REACH else 0
        a = a / a.dtype.type(2**halvings)
        unit = xp.eye(a.shape[-1], dtype=a.dtype)
        powers = [unit, a @ a]
        for _ in range(5):
            powers.append(powers[-1] @ powers[1])
        even = sum_of(PADE[0::2], powers)
        odd = a @ sum_of(PADE[1::2], powers)
        z = lapack("matrix_exp", xp.linalg.solve, even - odd, even + odd)
        for _ in range(halvings):
            z = z @ z
        return z

    def da(g, a):
        n = a.shape[-1]
        upper = cat([mt(a), g], -1)
        lower = cat([a * 0, mt(a)], -1)
        return apply(MatrixExp, cat([upper, lower], -2))[..., :n, n:]


def sum_of(factors: tuple[int, ...], powers: list[Any]) -> Any:
    """Σ factor · power, scaled by the largest factor so that float32 is not left."""
    total = powers[0] * powers[0].dtype.type(factors[0] / PADE[0])
    for c, x in zip(factors[1:], powers[1:], strict=False):
        total = total + x * x.dtype.type(c / PADE[0])
    return total


def matrix_exp(A: Any) -> Tensor:
    """Z = e^A = Σ Aⁿ / n!. (…, n, n) → (…, n, n)."""
    return apply(MatrixExp, matrices("matrix_exp", A, square=True))  # type: ignore[no-any-return]


def matrix_power(A: Any, n: int) -> Tensor:
    """Z = A · A · … (n times), by squaring; for a negative n of A⁻¹; for 0 the unit matrix."""
    x = as_tensor(A)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            "linalg.matrix_power: A must be batches of square matrices, but its shape is "
            f"{list(x.shape)}"
        )
    if n == 0:
        return x * 0 + eye(x.shape[-1], dtype=x.dtype)
    if n < 0:
        return matrix_power(inv(x), -n)
    result: Any = None
    while True:
        if n & 1:
            result = x if result is None else matmul(result, x)
        n >>= 1
        if not n:
            return result  # type: ignore[no-any-return]
        x = matmul(x, x)


# -- pseudo-inverse and rank ------------------------------------------------------------------


class PseudoInverse(Primitive):
    """Z = A⁺; rule: Golub & Pereyra, "The differentiation of pseudo-inverses …" (1973), eq. 4.12"""

    grad_name = "LinalgPinvBackward0"

    def forward(xp, a, *, atol, rtol):
        u, s, vh = lapack("linalg.pinv", xp.linalg.svd, a, False)
        kept = s > xp.maximum(atol, rtol * s.max(axis=-1, keepdims=True, initial=0))
        inverse = xp.where(kept, 1 / xp.where(kept, s, 1), 0).astype(s.dtype)
        v, uh = vh.conj().swapaxes(-1, -2), u.conj().swapaxes(-1, -2)
        return (v * inverse[..., None, :]) @ uh

    def da(g, a, out):
        gh, zt = mh(g), mt(out)
        a, z = conjugate(a), conjugate(out)
        d = -(zt @ g @ zt)
        d = d + (gh - a @ (z @ gh)) @ z @ zt
        return d + zt @ z @ (gh - (gh @ z) @ a)


def cut_offs(x: Tensor, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """Below which singular values count as 0: max(atol, rtol · σ₁), with PyTorch's defaults."""
    absolute, relative = (t.array[..., None] if isinstance(t, Tensor) else t for t in (atol, rtol))
    if relative is None:
        default = max(x.shape[-2:]) * float(np.finfo(x.array.dtype).eps)
        relative = default if absolute is None else np.where(np.asarray(absolute) > 0, 0.0, default)
    return (0.0 if absolute is None else absolute), relative


def symmetric_part(x: Tensor, hermitian: bool) -> Tensor:
    """With `hermitian` the symmetric matrix of which x holds the lower triangle."""
    return tril(x) + mh(tril(x, -1)) if hermitian else x


def pinv(
    A: Any, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """Z = A⁺, the pseudo-inverse (Moore & Penrose). Singular values up to max(atol, rtol · σ₁)
    count as 0; `rtol` is max(m, n)·ε by default. (…, m, n) → (…, n, m)."""
    x = symmetric_part(matrices("linalg.pinv", A), hermitian)
    small, relative = cut_offs(x, atol, rcond if rtol is None else rtol)
    return apply(PseudoInverse, x, atol=small, rtol=relative)  # type: ignore[no-any-return]


class MatrixRank(Primitive):
    """z = number of singular values above max(atol, rtol · σ₁)"""

    def forward(xp, a, *, atol, rtol):
        s = xp.linalg.svd(a, compute_uv=False)
        least = xp.maximum(atol, rtol * s.max(axis=-1, keepdims=True, initial=0))
        return (s > least).sum(axis=-1)


def matrix_rank(
    A: Any, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """z = number of singular values above max(atol, rtol · σ₁); see `pinv`."""
    x = symmetric_part(matrices("linalg.matrix_rank", A), hermitian)
    if tol is not None:
        atol, rtol = tol, 0.0
    small, relative = cut_offs(x, atol, rtol)
    return apply(MatrixRank, x, atol=small, rtol=relative)  # type: ignore[no-any-return]


# -- vectors ----------------------------------------------------------------------------------


class Cross(Primitive):
    """z = x × y along the dimension `dim` of size 3"""

    grad_name = "LinalgCrossBackward0"
    promotes = True

    def forward(xp, x, y, *, dim):
        x, y = xp.moveaxis(x, dim, 0), xp.moveaxis(y, dim, 0)
        parts = [x[i - 2] * y[i - 1] - x[i - 1] * y[i - 2] for i in range(3)]
        return xp.stack(parts, axis=dim)

    def dx(g, y, dim):
        return apply(Cross, y, g, dim=dim)

    def dy(g, x, dim):
        return apply(Cross, g, x, dim=dim)


def linalg_cross(input: Any, other: Any, *, dim: int = -1) -> Tensor:
    """z = x × y, the cross product along `dim`, which must have size 3; the inputs are
    broadcast."""
    x, y = as_tensor(input), as_tensor(other, "other")
    if x.ndim != y.ndim:
        raise ShapeError(
            f"linalg.cross: inputs must have the same number of dimensions, got {x.ndim} and "
            f"{y.ndim}"
        )
    shape = broadcast_shapes(x.shape, y.shape)
    axis = normalize_dim(dim, len(shape))
    if x.shape[axis] != 3 or y.shape[axis] != 3:
        raise ShapeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {x.shape[axis]} and "
            f"{y.shape[axis]}"
        )
    a, b = (t if t.shape == shape else broadcast_to(t, shape) for t in (x, y))
    return apply(Cross, a, b, dim=axis)  # type: ignore[no-any-return]


def cross(input: Any, other: Any, dim: int | None = None) -> Tensor:
    """z = x × y along `dim`; without it along the first dimension of size 3."""
    x, y = as_tensor(input), as_tensor(other, "other")
    if dim is None:
        shape = broadcast_shapes(x.shape, y.shape)
        if 3 not in shape:
            raise ShapeError(f"cross: no dimension of size 3 in input: {list(shape)}")
        dim = shape.index(3)
    return linalg_cross(x, y, dim=dim)


def vecdot(x: Any, y: Any, *, dim: int = -1) -> Tensor:
    """z = Σ x̄ y along `dim` (x̄ the conjugate of x); the inputs are broadcast."""
    a, b = as_tensor(x, "x"), as_tensor(y, "y")
    if a.array.dtype != b.array.dtype:
        raise DTypeError(f"linalg.vecdot: expected one dtype, but got {a.dtype} and {b.dtype}")
    return sum_over(conjugate(a) * b, dim)


def diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of matrices: `sangja.diagonal` over the last two dimensions."""
    return diagonal_of(A, offset, dim1, dim2)


# -- covariance -------------------------------------------------------------------------------


def cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Tensor:
    """z[i, j] = Σ w (x[i] − mean)(x[j] − mean) / (Σ w − correction), for variables in rows.
    `fweights` count observations, `aweights` weigh them."""
    x = as_tensor(input)
    if x.ndim > 2:
        raise ShapeError(f"cov(): expected input to have two or fewer dimensions but got {x.ndim}")
    rows = reshape(x, (1, x.array.size)) if x.ndim < 2 else x
    if rows.array.dtype.kind in "biu":
        rows = rows.float()
    weights, total = observation_weights(rows, fweights, aweights)
    if weights is None:
        rows = rows - mean(rows, 1, True)
        scaled, free = rows, rows.shape[1] - correction
    else:
        rows = rows - sum_over(rows * weights, 1, True) / total
        scaled = rows * weights
        free = total - correction
        if aweights is not None and correction:
            own = as_tensor(aweights)
            free = total - correction * sum_over(weights * own) / total
    z = matmul(rows, mh(scaled)) / (
        clamp(free, min=0) if isinstance(free, Tensor) else max(free, 0)
    )
    return reshape(z, ()) if z.shape == (1, 1) else z


def observation_weights(rows: Tensor, fweights: Any, aweights: Any) -> tuple[Any, Any]:
    """The product of both kinds of weights and its sum; None and the count where there are none."""
    weights: Any = None
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is None:
            continue
        w = as_tensor(given, name)
        if w.ndim > 1 or w.array.size != rows.shape[1]:
            raise ShapeError(
                f"cov(): expected {name} to have the {rows.shape[1]} observations of the input, "
                f"got shape {list(w.shape)}"
            )
        if (w.array.dtype.kind in "biu") != (name == "fweights"):
            kind = "integral" if name == "fweights" else "floating point"
            raise DTypeError(f"cov(): expected {name} to have {kind} dtype but got {w.dtype}")
        if (w.array < 0).any():
            raise DTypeError(f"cov(): {name} cannot be negative")
        weights = w if weights is None else weights * w
    return weights, rows.shape[1] if weights is None else sum_over(weights)


def corrcoef(input: Any) -> Tensor:
    """z[i, j] = cov[i, j] / √(cov[i, i] cov[j, j]), Pearson's, within [−1, 1]; variables in
    rows."""
    x = as_tensor(input)
    if x.ndim > 2:
        raise ShapeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got {x.ndim}"
        )
    c = cov(x)
    if not c.ndim:
        return c / c  # type: ignore[no-any-return]
    spread = sqrt(diagonal_of(c))
    z = c / reshape(spread, (spread.shape[0], 1)) / spread
    return clamp(z, -1, 1)
