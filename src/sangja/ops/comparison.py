"""Comparing elements: larger, equal, close, finite, true; and taking the larger or the smaller."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core.errors import ArgumentTypeError, DTypeError, ShapeError
from sangja.engine import Primitive, Tensor, apply, binary, named, unary
from sangja.ops.arguments import as_tensor
from sangja.ops.elementwise import choose, masked
from sangja.ops.out import into

# -- two values -------------------------------------------------------------------------------


class Equal(Primitive):
    """z = x equals y"""

    promotes = True

    def forward(xp, x, y):
        return xp.equal(x, y)


class NotEqual(Primitive):
    """z = x differs from y"""

    promotes = True

    def forward(xp, x, y):
        return xp.not_equal(x, y)


class Less(Primitive):
    """z = x < y"""

    promotes = True

    def forward(xp, x, y):
        return xp.less(x, y)


class LessEqual(Primitive):
    """z = x ≤ y"""

    promotes = True

    def forward(xp, x, y):
        return xp.less_equal(x, y)


class Greater(Primitive):
    """z = x > y"""

    promotes = True

    def forward(xp, x, y):
        return xp.greater(x, y)


class GreaterEqual(Primitive):
    """z = x ≥ y"""

    promotes = True

    def forward(xp, x, y):
        return xp.greater_equal(x, y)


def eq(input: Any, other: Any, *, out: Any = None) -> Tensor:
    """z = x equals y, a bool tensor; nan equals nothing."""
    if out is not None:
        return into(out, eq(input, other))
    return binary(Equal, input, other)


def not_equal(input: Any, other: Any) -> Tensor:
    """z = x differs from y, a bool tensor."""
    return binary(NotEqual, input, other)


def less(input: Any, other: Any) -> Tensor:
    """z = x < y, a bool tensor."""
    return binary(Less, input, other)


def less_equal(input: Any, other: Any) -> Tensor:
    """z = x ≤ y, a bool tensor."""
    return binary(LessEqual, input, other)


def greater(input: Any, other: Any) -> Tensor:
    """z = x > y, a bool tensor."""
    return binary(Greater, input, other)


def greater_equal(input: Any, other: Any) -> Tensor:
    """z = x ≥ y, a bool tensor."""
    return binary(GreaterEqual, input, other)


class IsClose(Primitive):
    """z = |x − y| ≤ atol + rtol · |y|"""

    def forward(xp, x, y, *, rtol, atol, equal_nan):
        return xp.isclose(x, y, rtol, atol, equal_nan)


def isclose(
    input: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """z = |x − y| ≤ atol + rtol · |y|, a bool tensor. Infinities are close to themselves alone.

    Raises `DTypeError` for different dtypes or a negative tolerance.
    """
    x, y = as_tensor(input), as_tensor(other, "other")
    if x.array.dtype != y.array.dtype:
        raise DTypeError(f"isclose: {x.dtype} did not match {y.dtype}; convert one with .to(dtype)")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if value < 0:
            raise DTypeError(
                f"isclose: {name} must be greater than or equal to zero, but got {value}"
            )
    return apply(IsClose, x, y, rtol=rtol, atol=atol, equal_nan=equal_nan)


def allclose(
    input: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether every |x − y| ≤ atol + rtol · |y|. Raises as `isclose`."""
    return bool(isclose(input, other, rtol, atol, equal_nan).array.all())


def equal(input: Any, other: Any) -> bool:
    """Whether two tensors have the same shape and the same elements; nan equals nothing."""
    return np.array_equal(as_tensor(input).array, as_tensor(other, "other").array)


# -- kinds of number --------------------------------------------------------------------------


class IsNan(Primitive):
    """z = x is nan"""

    def forward(xp, x):
        return xp.isnan(x)


class IsInf(Primitive):
    """z = x is ∞ or −∞"""

    def forward(xp, x):
        return xp.isinf(x)


class IsFinite(Primitive):
    """z = x is neither infinite nor nan"""

    def forward(xp, x):
        return xp.isfinite(x)


class SignBit(Primitive):
    """z = x carries a minus sign (as −0 does)"""

    def forward(xp, x):
        return xp.signbit(x) if x.dtype.kind in "fV" else xp.less(x, 0)


def isnan(input: Any) -> Tensor:
    """z = x is nan, a bool tensor."""
    return unary(IsNan, input)


def isinf(input: Any) -> Tensor:
    """z = x is ∞ or −∞, a bool tensor."""
    return unary(IsInf, input)


def isposinf(input: Any) -> Tensor:
    """z = x is ∞, a bool tensor."""
    return eq(input, float("inf"))


def isneginf(input: Any) -> Tensor:
    """z = x is −∞, a bool tensor."""
    return eq(input, float("-inf"))


def isfinite(input: Any) -> Tensor:
    """z = x is neither infinite nor nan, a bool tensor."""
    return unary(IsFinite, input)


def signbit(input: Any) -> Tensor:
    """z = x carries a minus sign (as −0 does), a bool tensor."""
    return unary(SignBit, input)


# -- truth ------------------------------------------------------------------------------------


class LogicalAnd(Primitive):
    """z = x ∧ y, numbers being true unless 0"""

    def forward(xp, x, y):
        return xp.logical_and(x, y)


class LogicalOr(Primitive):
    """z = x ∨ y, numbers being true unless 0"""

    def forward(xp, x, y):
        return xp.logical_or(x, y)


class LogicalXor(Primitive):
    """z = either x or y, numbers being true unless 0"""

    def forward(xp, x, y):
        return xp.logical_xor(x, y)


class LogicalNot(Primitive):
    """z = ¬x, numbers being true unless 0"""

    def forward(xp, x):
        return xp.logical_not(x)


def logical_and(input: Any, other: Any) -> Tensor:
    """z = x ∧ y, a bool tensor; numbers are true unless 0."""
    return binary(LogicalAnd, input, other)


def logical_or(input: Any, other: Any) -> Tensor:
    """z = x ∨ y, a bool tensor; numbers are true unless 0."""
    return binary(LogicalOr, input, other)


def logical_xor(input: Any, other: Any) -> Tensor:
    """z = either x or y, a bool tensor; numbers are true unless 0."""
    return binary(LogicalXor, input, other)


def logical_not(input: Any) -> Tensor:
    """z = ¬x, a bool tensor; numbers are true unless 0."""
    return unary(LogicalNot, input)


# -- the larger, the smaller ------------------------------------------------------------------


class Maximum(Primitive):
    """z = the larger of x and y; where they tie each gets half of the gradient"""

    promotes = True

    def forward(xp, x, y):
        return xp.maximum(x, y)

    def dx(g, x, y):
        return masked(~(x < y), choose(x == y, g / 2, g))

    def dy(g, x, y):
        return masked(~(y < x), choose(x == y, g / 2, g))


class Minimum(Primitive):
    """z = the smaller of x and y; where they tie each gets half of the gradient"""

    promotes = True

    def forward(xp, x, y):
        return xp.minimum(x, y)

    def dx(g, x, y):
        return masked(~(x > y), choose(x == y, g / 2, g))

    def dy(g, x, y):
        return masked(~(y > x), choose(x == y, g / 2, g))


class Fmax(Primitive):
    """z = the larger of x and y, a number rather than nan; where they tie x gets the gradient"""

    promotes = True

    def forward(xp, x, y):
        return xp.fmax(x, y)

    def dx(g, x, y):
        return masked((x >= y) | isnan(y), g)

    def dy(g, x, y):
        return masked(~((x >= y) | isnan(y)), g)


class Fmin(Primitive):
    """z = the smaller of x and y, a number rather than nan; where they tie x gets the gradient"""

    promotes = True

    def forward(xp, x, y):
        return xp.fmin(x, y)

    def dx(g, x, y):
        return masked((x <= y) | isnan(y), g)

    def dy(g, x, y):
        return masked(~((x <= y) | isnan(y)), g)


class Clamp(Primitive):
    """z = min(max(x, low), high)"""

    grad_name = "ClampBackward1"

    promotes = True

    def forward(xp, x, low, high):
        return xp.minimum(xp.maximum(x, low), high)

    def dx(g, x, low, high):
        return masked((x >= low) & (x <= high), g)

    def dlow(g, x, low, high):
        return masked((x < low) & (low < high), g)

    def dhigh(g, x, low, high):
        return masked((x > high) | (high < low), g)


class ClampMin(Primitive):
    """z = max(x, low)"""

    promotes = True

    def forward(xp, x, low):
        return xp.maximum(x, low)

    def dx(g, x, low):
        return masked(x >= low, g)

    def dlow(g, x, low):
        return masked(x < low, g)


class ClampMax(Primitive):
    """z = min(x, high)"""

    promotes = True

    def forward(xp, x, high):
        return xp.minimum(x, high)

    def dx(g, x, high):
        return masked(x <= high, g)

    def dhigh(g, x, high):
        return masked(x > high, g)


def maximum(input: Any, other: Any, *, out: Any = None) -> Tensor:
    """z = the larger of x and y; nan if either is."""
    if out is not None:
        return into(out, maximum(input, other))
    return binary(Maximum, input, other)


def minimum(input: Any, other: Any, *, out: Any = None) -> Tensor:
    """z = the smaller of x and y; nan if either is."""
    if out is not None:
        return into(out, minimum(input, other))
    return binary(Minimum, input, other)


def fmax(input: Any, other: Any) -> Tensor:
    """z = the larger of x and y; nan only if both are."""
    return binary(Fmax, input, other)


def fmin(input: Any, other: Any) -> Tensor:
    """z = the smaller of x and y; nan only if both are."""
    return binary(Fmin, input, other)


def clamp(input: Any, min: Any = None, max: Any = None, *, out: Any = None) -> Tensor:
    """z = min(max(x, low), high); either bound (a number or a tensor) may be missing.

    >>> import sangja
    >>> sangja.clamp(sangja.tensor([-2.0, 0.5, 3.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])

    Raises `ShapeError` (a `RuntimeError`) with no bound at all.
    """
    if out is not None:
        return into(out, clamp(input, min, max))
    if min is None and max is None:
        raise ShapeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if isinstance(min, Tensor) != isinstance(max, Tensor) and min is not None and max is not None:
        raise ArgumentTypeError(
            "clamp: `min` and `max` must both be numbers or both be tensors, not "
            f"{type(min).__name__} and {type(max).__name__}"
        )
    if max is None:
        return named(binary(ClampMin, input, min), "ClampBackward1")
    if min is None:
        return named(binary(ClampMax, input, max), "ClampBackward1")
    return apply(Clamp, input, min, max)


def clamp_min(input: Any, min: Any) -> Tensor:
    """z = max(x, low)."""
    return binary(ClampMin, input, min)


def clamp_max(input: Any, max: Any) -> Tensor:
    """z = min(x, high)."""
    return binary(ClampMax, input, max)
