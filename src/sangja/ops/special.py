"""Special functions: error function, gamma function and their relatives."""

from __future__ import annotations

import math
from typing import Any

from sangja.backend.native import pointwise
from sangja.core.errors import DTypeError
from sangja.engine import Primitive, Tensor, apply, unary
from sangja.ops import special_kernels
from sangja.ops.elementwise import choose
from sangja.ops.exponential import exp, log


class Erf(Primitive):
    """z = (2/√π) ∫₀ˣ exp(−t²) dt"""

    floats = True

    def forward(xp, x):
        made = pointwise.erf(x)
        return special_kernels.erf(x) if made is None else made

    def dx(g, x):
        return g * (2 / math.sqrt(math.pi) * exp(-(x * x)))


class Erfc(Primitive):
    """z = 1 − erf x"""

    floats = True

    def forward(xp, x):
        return special_kernels.erfc(x)

    def dx(g, x):
        return g * (-2 / math.sqrt(math.pi) * exp(-(x * x)))


class Erfcx(Primitive):
    """z = exp(x²) erfc x"""

    floats = True
    grad_name = "SpecialErfcxBackward0"

    def forward(xp, x):
        return special_kernels.erfcx(x)

    def dx(g, x, out):
        return g * (2 * x * out - 2 / math.sqrt(math.pi))


class Ndtr(Primitive):
    """z = ½ erfc(−x/√2)"""

    floats = True
    grad_name = "SpecialNdtrBackward0"

    def forward(xp, x):
        return special_kernels.erfc(x * x.dtype.type(-math.sqrt(0.5))) / 2

    def dx(g, x):
        return g * (exp(x * x * -0.5) / math.sqrt(2 * math.pi))


class Entr(Primitive):
    """z = −x ln x; 0 at 0, −∞ below"""

    floats = True
    grad_name = "SpecialEntrBackward0"

    def forward(xp, x):
        z = xp.where(x == 0, x.dtype.type(0), -x * xp.log(xp.where(x > 0, x, x.dtype.type(1))))
        return xp.where(x < 0, x.dtype.type(-math.inf), z)

    def dx(g, x):
        return g * (-1 - log(x))


class Erfinv(Primitive):
    """z with erf z = x"""

    floats = True

    def forward(xp, x):
        return special_kernels.erfinv(x)

    def dx(g, out):
        return g * (math.sqrt(math.pi) / 2 * exp(out * out))


class Lgamma(Primitive):
    """z = ln |Γ(x)|"""

    floats = True

    def forward(xp, x):
        return special_kernels.lgamma(x)

    def dx(g, x):
        return g * digamma(x)


class Digamma(Primitive):
    """z = ψ(x) = d/dx ln Γ(x)"""

    floats = True

    def forward(xp, x):
        return special_kernels.digamma(x)

    def dx(g, x):
        return g * polygamma(1, x)


class Polygamma(Primitive):
    """z = ψ⁽ⁿ⁾(x)"""

    floats = True

    def forward(xp, x, *, n):
        return special_kernels.polygamma(n, x)

    def dx(g, x, n):
        return g * polygamma(n + 1, x)


class Logit(Primitive):
    """z = ln(x / (1 − x)), x first clamped to [eps, 1 − eps] if eps is given"""

    floats = True

    def forward(xp, x, *, eps):
        if eps is not None:
            x = xp.minimum(xp.maximum(x, eps), 1 - eps)
        return xp.log(x / (1 - x))

    def dx(g, x, eps):
        d = g / (x * (1 - x))
        if eps is None:
            return choose((x < 0) | (x > 1), math.nan, d)
        return choose((x < eps) | (x > 1 - eps), 0, d)


def erf(input: Any) -> Tensor:
    """z = (2/√π) ∫₀ˣ exp(−t²) dt, within 4 units in the last place in float64, 8 in float32."""
    return unary(Erf, input)


def erfc(input: Any) -> Tensor:
    """z = 1 − erf x, within 10 units in the last place also where it is small."""
    return unary(Erfc, input)


def erfcx(input: Any) -> Tensor:
    """z = exp(x²) erfc x, the scaled complement of erf, which falls off as 1/x.

    >>> import sangja
    >>> sangja.special.erfcx(sangja.tensor([0.0, 100.0]))
    tensor([1.0000, 0.0056])
    """
    return unary(Erfcx, input)


def ndtr(input: Any) -> Tensor:
    """z = (1/√(2π)) ∫ exp(−t²/2) dt up to x: the probability that a standard normal number is at
    most x.

    >>> import sangja
    >>> sangja.special.ndtr(sangja.tensor([0.0, 1.96]))
    tensor([0.5000, 0.9750])
    """
    return unary(Ndtr, input)


def entr(input: Any) -> Tensor:
    """z = −x ln x, the share of a probability x in an entropy; 0 at 0, −∞ below.

    >>> import sangja
    >>> sangja.special.entr(sangja.tensor([0.0, 0.5]))
    tensor([0.0000, 0.3466])
    """
    return unary(Entr, input)


def erfinv(input: Any) -> Tensor:
    """z with erf z = x, within 8 units in the last place; nan outside [−1, 1]."""
    return unary(Erfinv, input)


def lgamma(input: Any) -> Tensor:
    """z = ln |Γ(x)|, within 8 units in the last place for x > 0; ∞ at 0, −1, −2, …"""
    return unary(Lgamma, input)


def digamma(input: Any) -> Tensor:
    """z = ψ(x) = d/dx ln Γ(x), within 8 units in the last place of max(|z|, 1) for x > 0."""
    return unary(Digamma, input)


def polygamma(n: int, input: Any) -> Tensor:
    """z = ψ⁽ⁿ⁾(x) = dⁿ⁺¹/dxⁿ⁺¹ ln Γ(x). Raises `DTypeError` for n < 0."""
    if n < 0:
        raise DTypeError(f"polygamma(n, x) does not support negative n; got n={n}")
    return digamma(input) if n == 0 else apply(Polygamma, input, n=n)


def polygamma_of(input: Any, n: int) -> Tensor:
    """z = ψ⁽ⁿ⁾(x): `polygamma` as a method of x."""
    return polygamma(n, input)


def logit(input: Any, eps: float | None = None) -> Tensor:
    """z = ln(x / (1 − x)), the inverse of sigmoid; `eps`: x is clamped to [eps, 1 − eps] first."""
    return apply(Logit, input, eps=eps)
