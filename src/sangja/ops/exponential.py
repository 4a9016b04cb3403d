"""Powers, roots, exponentials and logarithms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sangja.core import dtypes
from sangja.core.errors import DTypeError
from sangja.engine import Primitive, Tensor, apply, binary, unary
from sangja.engine.structure import Cast
from sangja.ops.elementwise import masked, refuse_bools, zeros
from sangja.ops.out import into

# -- exponentials -----------------------------------------------------------------------------


class Exp(Primitive):
    """z = eˣ"""

    floats = True

    def forward(xp, x):
        return xp.exp(x)

    def dx(g, out):
        return g * out


class Exp2(Primitive):
    """z = 2ˣ"""

    floats = True

    def forward(xp, x):
        return xp.exp2(x)

    def dx(g, out):
        return g * (out * math.log(2))


class Expm1(Primitive):
    """z = eˣ − 1, exact near 0"""

    floats = True

    def forward(xp, x):
        return xp.expm1(x)

    def dx(g, out):
        return g * (out + 1)


def exp(input: Any, *, out: Any = None) -> Tensor:
    """z = eˣ."""
    if out is not None:
        return into(out, exp(input))
    return unary(Exp, input)


def exp2(input: Any) -> Tensor:
    """z = 2ˣ."""
    return unary(Exp2, input)


def expm1(input: Any) -> Tensor:
    """z = eˣ − 1, without loss of digits near 0."""
    return unary(Expm1, input)


# -- logarithms -------------------------------------------------------------------------------


class Log(Primitive):
    """z = ln x"""

    floats = True

    def forward(xp, x):
        return xp.log(x)

    def dx(g, x):
        return g / x


class Log2(Primitive):
    """z = log₂ x"""

    floats = True

    def forward(xp, x):
        return xp.log2(x)

    def dx(g, x):
        return g / (x * math.log(2))


class Log10(Primitive):
    """z = log₁₀ x"""

    floats = True

    def forward(xp, x):
        return xp.log10(x)

    def dx(g, x):
        return g / (x * math.log(10))


class Log1p(Primitive):
    """z = ln(1 + x), exact near 0"""

    floats = True
    grad_name = "Log1PBackward0"

    def forward(xp, x):
        return xp.log1p(x)

    def dx(g, x):
        return g / (x + 1)


class LogAddExp(Primitive):
    """z = ln(eˣ + eʸ)"""

    promotes = True
    grad_name = "LogaddexpBackward0"

    def forward(xp, x, y):
        return xp.logaddexp(x, y)

    def dx(g, x, y):
        return g / (1 + exp(y - x))

    def dy(g, x, y):
        return g / (1 + exp(x - y))


class LogAddExp2(Primitive):
    """z = log₂(2ˣ + 2ʸ)"""

    promotes = True
    grad_name = "Logaddexp2Backward0"

    def forward(xp, x, y):
        return xp.logaddexp2(x, y)

    def dx(g, x, y):
        return g / (1 + exp2(y - x))

    def dy(g, x, y):
        return g / (1 + exp2(x - y))


class Xlogy(Primitive):
    """z = x · ln y, and 0 where x is 0"""

    promotes = True
    floats = True

    def forward(xp, x, y):
        product = x * xp.log(y, dtype=xp.result_type(x, y))
        return xp.where((x == 0) & ~xp.isnan(y), 0, product)

    def dx(g, x, y):
        return masked(~((x == 0) & (y <= 0)), xlogy(g, y))

    def dy(g, x, y):
        return g * (x / y)


def log(input: Any, *, out: Any = None) -> Tensor:
    """z = ln x; −∞ at 0, nan below."""
    if out is not None:
        return into(out, log(input))
    return unary(Log, input)


def log2(input: Any) -> Tensor:
    """z = log₂ x; −∞ at 0, nan below."""
    return unary(Log2, input)


def log10(input: Any) -> Tensor:
    """z = log₁₀ x; −∞ at 0, nan below."""
    return unary(Log10, input)


def log1p(input: Any) -> Tensor:
    """z = ln(1 + x), without loss of digits near 0."""
    return unary(Log1p, input)


def logaddexp(input: Any, other: Any) -> Tensor:
    """z = ln(eˣ + eʸ), without overflow. Raises `DTypeError` for integers."""
    return binary(LogAddExp, *floats_only("logaddexp", input, other))


def logaddexp2(input: Any, other: Any) -> Tensor:
    """z = log₂(2ˣ + 2ʸ), without overflow. Raises `DTypeError` for integers."""
    return binary(LogAddExp2, *floats_only("logaddexp2", input, other))


def xlogy(input: Any, other: Any) -> Tensor:
    """z = x · ln y, and 0 where x is 0, whatever y is (nan excepted)."""
    return binary(Xlogy, input, other)


def floats_only(name: str, *operands: Any) -> tuple[Any, ...]:
    """The operands, if a tensor among them is of floating point."""
    kinds = [x.array.dtype.kind for x in operands if isinstance(x, Tensor)]
    if kinds and all(kind in "biu" for kind in kinds):
        raise DTypeError(f"{name}: not implemented for integers; convert them with .float()")
    return operands


# -- powers and roots -------------------------------------------------------------------------


class Sqrt(Primitive):
    """z = √x"""

    floats = True

    def forward(xp, x):
        return xp.sqrt(x)

    def dx(g, out):
        return g / (2 * out)


class Rsqrt(Primitive):
    """z = 1 / √x"""

    floats = True

    def forward(xp, x):
        return xp.true_divide(1, xp.sqrt(x))

    def dx(g, out):
        return g * -0.5 * out**3


class PowerScalar(Primitive):
    """z = xⁿ for a number n"""

    grad_name = "PowBackward0"

    def forward(xp, x, *, exponent):
        if exponent == 2:
            return xp.multiply(x, x)
        if exponent == 3:
            return x * x * x
        if exponent == 0.5:
            return xp.sqrt(x)
        return xp.power(x, exponent)

    def dx(g, x, exponent):
        if exponent == 0:
            return zeros(g)
        return g * (exponent * apply(PowerScalar, x, exponent=exponent - 1))


class Power(Primitive):
    """z = xʸ"""

    promotes = True
    grad_name = "PowBackward1"

    def forward(xp, x, y):
        refuse_bools(xp, x, y, "pow")
        if y.__class__ is np.ndarray and y.dtype.kind == "i" and (y < 0).any():
            whole = xp.power(x, xp.abs(y))  # 1 and −1 have integer inverses, the others round to 0
            return xp.where((y < 0) & (xp.abs(x) != 1), 0, whole)
        return xp.power(x, y)

    def dx(g, x, y):
        return masked(y != 0, g * (y * pow(x, y - 1)))

    def dy(g, x, y, out):
        return masked((x != 0) | (y < 0), g * (out * log(x)))


class Hypot(Primitive):
    """z = √(x² + y²), without overflow on the way"""

    promotes = True

    def forward(xp, x, y):
        return xp.hypot(x, y)

    def dx(g, x, out):
        return g * (x / out)

    def dy(g, y, out):
        return g * (y / out)


def sqrt(input: Any, *, out: Any = None) -> Tensor:
    """z = √x; nan below 0."""
    if out is not None:
        return into(out, sqrt(input))
    return unary(Sqrt, input)


def rsqrt(input: Any) -> Tensor:
    """z = 1 / √x; ∞ at 0, nan below."""
    return unary(Rsqrt, input)


def square(input: Any) -> Tensor:
    """z = x²."""
    return pow(input, 2)


def pow(input: Any, exponent: Any) -> Tensor:
    """z = xʸ, of tensors, or of a tensor and a number.

    >>> import sangja
    >>> sangja.pow(sangja.tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.])

    Raises `DTypeError` for integers to a negative number; integers to negative integer tensors are
    rounded towards 0.
    """
    if exponent.__class__ is bool:
        exponent = int(exponent)
    if not isinstance(input, Tensor) or dtypes.scalar_dtype(exponent) is None:
        return binary(Power, input, exponent)
    dtype = input.array.dtype
    if dtype.kind not in "fV":
        wanted = dtypes.result_dtype([input.array, exponent])
        if wanted.kind in "iu" and exponent < 0:
            raise DTypeError(
                "Integers to negative integer powers are not allowed. Convert the tensor with "
                ".float(), or the exponent to a float"
            )
        if wanted != dtype:
            input = apply(Cast, input, dtype=wanted)
    return apply(PowerScalar, input, exponent=exponent)


def rpow(input: Any, base: Any) -> Tensor:
    """z = yˣ for a number y: `y ** x`."""
    return pow(base, input)


def float_power(input: Any, exponent: Any) -> Tensor:
    """z = xʸ in float64, whatever the dtypes of x and y."""
    return pow(in_double(input), in_double(exponent))


def in_double(value: Any) -> Any:
    """A tensor as float64; a number as it is."""
    if not isinstance(value, Tensor):
        return float(value)
    return value if value.array.dtype == np.float64 else apply(Cast, value, dtype=np.dtype("f8"))


def hypot(input: Any, other: Any) -> Tensor:
    """z = √(x² + y²), without overflow on the way. Raises `DTypeError` for integers."""
    return binary(Hypot, *floats_only("hypot", input, other))
