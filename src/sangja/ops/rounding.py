"""Whole numbers near a number, its fraction, its sign: what moves in steps."""

from __future__ import annotations

from typing import Any

from sangja.core.errors import DTypeError
from sangja.engine import Primitive, Tensor, apply, binary, unary
from sangja.ops.comparison import isfinite
from sangja.ops.elementwise import masked, zeros


class Floor(Primitive):
    """z = ⌊x⌋; its slope is 0 wherever it has one"""

    def forward(xp, x):
        return xp.floor(x)

    def dx(g):
        return zeros(g)


class Ceil(Primitive):
    """z = ⌈x⌉; its slope is 0 wherever it has one"""

    def forward(xp, x):
        return xp.ceil(x)

    def dx(g):
        return zeros(g)


class Trunc(Primitive):
    """z = x without its fraction; its slope is 0 wherever it has one"""

    def forward(xp, x):
        return xp.trunc(x)

    def dx(g):
        return zeros(g)


class Round(Primitive):
    """z = the multiple of 10^−decimals nearest to x, the even one of two; its slope is 0"""

    def forward(xp, x, *, decimals):
        if decimals == 0:
            return xp.rint(x) if x.dtype.kind in "fV" else xp.array(x)
        ten = x.dtype.type(10.0 ** abs(decimals))
        return xp.rint(x * ten) / ten if decimals > 0 else xp.rint(x / ten) * ten

    def dx(g):
        return zeros(g)


class Frac(Primitive):
    """z = x − trunc(x)"""

    def forward(xp, x):
        return xp.subtract(x, xp.trunc(x))

    def dx(g):
        return g


class CopySign(Primitive):
    """z = |x| with the sign of y"""

    promotes = True
    floats = True
    grad_name = "CopysignBackward0"

    def forward(xp, x, y):
        return xp.copysign(x, y)

    def dx(g, x, out):
        return g * masked(x != 0, out / x)

    def dy(g):
        return zeros(g)


class Heaviside(Primitive):
    """z = 0 below 0, `values` at 0, 1 above"""

    promotes = True

    def forward(xp, x, values):
        z = xp.where(x == 0, values, x > 0).astype(x.dtype)
        return xp.where(x != x, 0, z).astype(x.dtype)

    def dx(g):
        return zeros(g)

    def dvalues(g, x):
        return masked(x == 0, g)


class NanToNum(Primitive):
    """z = x with numbers in place of nan, ∞ and −∞"""

    def forward(xp, x, *, nan, posinf, neginf):
        return xp.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)

    def dx(g, x):
        return masked(isfinite(x), g)


def floor(input: Any) -> Tensor:
    """z = ⌊x⌋, the largest whole number not above x."""
    return unary(Floor, input)


def ceil(input: Any) -> Tensor:
    """z = ⌈x⌉, the smallest whole number not below x."""
    return unary(Ceil, input)


def trunc(input: Any) -> Tensor:
    """z = x without its fraction."""
    return unary(Trunc, input)


def round(input: Any, *, decimals: int = 0) -> Tensor:
    """z = the multiple of 10^−decimals nearest to x; of two equally near the even one.

    >>> import sangja
    >>> sangja.round(sangja.tensor([0.5, 1.5, -2.6]))
    tensor([ 0.,  2., -3.])
    """
    if decimals and input.array.dtype.kind not in "fV":
        raise DTypeError(f"round: decimals={decimals} needs floating point, not {input.dtype}")
    return apply(Round, input, decimals=decimals)


def frac(input: Any) -> Tensor:
    """z = x − trunc(x), the fraction, with the sign of x. Raises `DTypeError` for integers."""
    if isinstance(input, Tensor) and input.array.dtype.kind not in "fV":
        raise DTypeError(f"frac: needs floating point, not {input.dtype}")
    return unary(Frac, input)


def copysign(input: Any, other: Any) -> Tensor:
    """z = |x| with the sign of y; −0 counts as negative."""
    return binary(CopySign, input, other)


def heaviside(input: Any, values: Any) -> Tensor:
    """z = 0 below 0, `values` at 0, 1 above. Raises `DTypeError` for different dtypes."""
    if isinstance(values, Tensor) and values.dtype != input.dtype:
        raise DTypeError(
            "heaviside is not yet implemented for tensors with different dtypes: "
            f"{input.dtype} and {values.dtype}; convert one with .to(dtype)"
        )
    return binary(Heaviside, input, values)


def nan_to_num(
    input: Any, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """z = x with numbers in place of nan, ∞ and −∞ (by default 0 and the ends of the range)."""
    return apply(NanToNum, input, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)
