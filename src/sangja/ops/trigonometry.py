"""Circular and hyperbolic functions and their inverses; angles are in radians."""

from __future__ import annotations

import math
from typing import Any

from sangja.engine import Primitive, Tensor, binary, unary
from sangja.ops.elementwise import masked
from sangja.ops.exponential import rsqrt
from sangja.ops.out import into

DEGREE = math.pi / 180


class Sin(Primitive):
    """z = sin x"""

    floats = True

    def forward(xp, x):
        return xp.sin(x)

    def dx(g, x):
        return g * cos(x)


class Cos(Primitive):
    """z = cos x"""

    floats = True

    def forward(xp, x):
        return xp.cos(x)

    def dx(g, x):
        return g * -sin(x)


class Tan(Primitive):
    """z = tan x"""

    floats = True

    def forward(xp, x):
        return xp.tan(x)

    def dx(g, out):
        return g * (1 + out * out)


class Asin(Primitive):
    """z = arcsin x"""

    floats = True

    def forward(xp, x):
        return xp.arcsin(x)

    def dx(g, x):
        return g * rsqrt(1 - x * x)


class Acos(Primitive):
    """z = arccos x"""

    floats = True

    def forward(xp, x):
        return xp.arccos(x)

    def dx(g, x):
        return g * -rsqrt(1 - x * x)


class Atan(Primitive):
    """z = arctan x"""

    floats = True

    def forward(xp, x):
        return xp.arctan(x)

    def dx(g, x):
        return g / (x * x + 1)


class Atan2(Primitive):
    """z = the angle of the point (x, y), y being the height; the derivative at the origin is 0"""

    promotes = True
    floats = True

    def forward(xp, y, x):
        return xp.arctan2(y, x)

    def dy(g, y, x):
        return g * masked((x != 0) | (y != 0), x / (x * x + y * y))

    def dx(g, y, x):
        return g * masked((x != 0) | (y != 0), -y / (x * x + y * y))


class Sinh(Primitive):
    """z = sinh x = (eˣ − e⁻ˣ) / 2"""

    floats = True

    def forward(xp, x):
        return xp.sinh(x)

    def dx(g, x):
        return g * cosh(x)


class Cosh(Primitive):
    """z = cosh x = (eˣ + e⁻ˣ) / 2"""

    floats = True

    def forward(xp, x):
        return xp.cosh(x)

    def dx(g, x):
        return g * sinh(x)


class Tanh(Primitive):
    """z = tanh x"""

    floats = True

    def forward(xp, x):
        return xp.tanh(x)

    def dx(g, out):
        return g - g * out * out


class Asinh(Primitive):
    """z = arsinh x"""

    floats = True

    def forward(xp, x):
        return xp.arcsinh(x)

    def dx(g, x):
        return g * rsqrt(x * x + 1)


class Acosh(Primitive):
    """z = arcosh x"""

    floats = True

    def forward(xp, x):
        return xp.arccosh(x)

    def dx(g, x):
        return g * rsqrt(x * x - 1)


class Atanh(Primitive):
    """z = artanh x"""

    floats = True

    def forward(xp, x):
        return xp.arctanh(x)

    def dx(g, x):
        return g / (1 - x * x)


class Sinc(Primitive):
    """z = sin(πx) / πx, 1 at 0"""

    floats = True

    def forward(xp, x):
        return xp.sinc(x)

    def dx(g, x):
        angle = math.pi * x
        return masked(x != 0, g * ((cos(angle) * angle - sin(angle)) / (angle * x)))


def sin(input: Any, *, out: Any = None) -> Tensor:
    """z = sin x."""
    if out is not None:
        return into(out, sin(input))
    return unary(Sin, input)


def cos(input: Any, *, out: Any = None) -> Tensor:
    """z = cos x."""
    if out is not None:
        return into(out, cos(input))
    return unary(Cos, input)


def tan(input: Any, *, out: Any = None) -> Tensor:
    """z = tan x."""
    if out is not None:
        return into(out, tan(input))
    return unary(Tan, input)


def asin(input: Any) -> Tensor:
    """z = arcsin x in [−π/2, π/2]; nan outside [−1, 1]."""
    return unary(Asin, input)


def acos(input: Any) -> Tensor:
    """z = arccos x in [0, π]; nan outside [−1, 1]."""
    return unary(Acos, input)


def atan(input: Any) -> Tensor:
    """z = arctan x in (−π/2, π/2)."""
    return unary(Atan, input)


def atan2(input: Any, other: Any) -> Tensor:
    """z = the angle in [−π, π] of the point with height `input` and abscissa `other`."""
    return binary(Atan2, input, other)


def sinh(input: Any) -> Tensor:
    """z = (eˣ − e⁻ˣ) / 2."""
    return unary(Sinh, input)


def cosh(input: Any) -> Tensor:
    """z = (eˣ + e⁻ˣ) / 2."""
    return unary(Cosh, input)


def tanh(input: Any, *, out: Any = None) -> Tensor:
    """z = sinh x / cosh x."""
    if out is not None:
        return into(out, tanh(input))
    return unary(Tanh, input)


def asinh(input: Any) -> Tensor:
    """z = ln(x + √(x² + 1)), the inverse of sinh."""
    return unary(Asinh, input)


def acosh(input: Any) -> Tensor:
    """z = ln(x + √(x² − 1)), the inverse of cosh; nan below 1."""
    return unary(Acosh, input)


def atanh(input: Any) -> Tensor:
    """z = ½ ln((1 + x) / (1 − x)), the inverse of tanh; nan outside [−1, 1]."""
    return unary(Atanh, input)


def sinc(input: Any) -> Tensor:
    """z = sin(πx) / πx, 1 at 0."""
    return unary(Sinc, input)


def deg2rad(input: Any) -> Tensor:
    """z = x · π / 180, degrees as radians."""
    return input * DEGREE


def rad2deg(input: Any) -> Tensor:
    """z = x · 180 / π, radians as degrees."""
    return input / DEGREE
