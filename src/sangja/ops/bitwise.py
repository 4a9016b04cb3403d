"""Integers as rows of bits, bools as single ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core.errors import DTypeError
from sangja.engine import Primitive, Tensor, binary, unary
from sangja.ops.elementwise import refuse_bools


class BitwiseAnd(Primitive):
    """z = the bits set in both x and y"""

    promotes = True

    def forward(xp, x, y):
        return on_bits(xp.bitwise_and, x, y)


class BitwiseOr(Primitive):
    """z = the bits set in x or y"""

    promotes = True

    def forward(xp, x, y):
        return on_bits(xp.bitwise_or, x, y)


class BitwiseXor(Primitive):
    """z = the bits set in one of x and y"""

    promotes = True

    def forward(xp, x, y):
        return on_bits(xp.bitwise_xor, x, y)


class Gcd(Primitive):
    """z = the greatest whole number that divides x and y"""

    promotes = True

    def forward(xp, x, y):
        return on_whole(xp.gcd, x, y)


class Lcm(Primitive):
    """z = the least whole number that x and y divide"""

    promotes = True

    def forward(xp, x, y):
        return on_whole(xp.lcm, x, y)


def on_whole(function: Any, x: Any, y: Any) -> Any:
    """`function(x, y)` of integers."""
    for kind in (np.asarray(x).dtype, np.asarray(y).dtype):
        if kind.kind not in "iu":
            raise DTypeError(
                f"{function.__name__}: only integers have divisors, got {kind}; use .long()"
            )
    return function(x, y)


class BitwiseNot(Primitive):
    """z = the bits not set in x"""

    def forward(xp, x):
        if x.dtype.kind not in "biu":
            raise DTypeError(
                "~ (operator.invert) is only implemented on integer and Boolean-type tensors, not "
                f"{x.dtype}"
            )
        return xp.bitwise_not(x)


class LeftShift(Primitive):
    """z = x · 2ʸ, bits that leave being lost"""

    promotes = True

    def forward(xp, x, y):
        refuse_bools(xp, x, y, "left_shift")
        return on_bits(xp.left_shift, x, y)


class RightShift(Primitive):
    """z = ⌊x / 2ʸ⌋"""

    promotes = True

    def forward(xp, x, y):
        refuse_bools(xp, x, y, "right_shift")
        return on_bits(xp.right_shift, x, y)


def on_bits(function: Any, x: Any, y: Any) -> Any:
    """`function(x, y)`; what is not made of bits is refused."""
    try:
        return function(x, y)
    except TypeError:
        kinds = ", ".join(str(getattr(v, "dtype", type(v).__name__)) for v in (x, y))
        raise DTypeError(
            f"{function.__name__}: only integers and bools have bits to work on; got {kinds}"
        ) from None


def bitwise_and(input: Any, other: Any) -> Tensor:
    """z = x & y, bit by bit; for bools ∧. Raises `DTypeError` for floats."""
    return binary(BitwiseAnd, input, other)


def bitwise_or(input: Any, other: Any) -> Tensor:
    """z = x | y, bit by bit; for bools ∨. Raises `DTypeError` for floats."""
    return binary(BitwiseOr, input, other)


def bitwise_xor(input: Any, other: Any) -> Tensor:
    """z = x ^ y, bit by bit; for bools "either … or". Raises `DTypeError` for floats."""
    return binary(BitwiseXor, input, other)


def bitwise_not(input: Any) -> Tensor:
    """z = ~x, bit by bit; for bools ¬. Raises `DTypeError` for floats."""
    return unary(BitwiseNot, input)


def bitwise_left_shift(input: Any, other: Any) -> Tensor:
    """z = x << y = x · 2ʸ. Raises `DTypeError` for floats."""
    return binary(LeftShift, input, other)


def bitwise_right_shift(input: Any, other: Any) -> Tensor:
    """z = x >> y = ⌊x / 2ʸ⌋. Raises `DTypeError` for floats."""
    return binary(RightShift, input, other)


def gcd(input: Any, other: Any) -> Tensor:
    """z = the greatest common divisor of x and y, never negative. Raises `DTypeError` unless both
    are integers.

    >>> import sangja
    >>> sangja.gcd(sangja.tensor([12, -8]), sangja.tensor([18, 12]))
    tensor([6, 4])
    """
    return binary(Gcd, input, other)


def lcm(input: Any, other: Any) -> Tensor:
    """z = the least common multiple of x and y, never negative. Raises `DTypeError` unless both are
    integers.

    >>> import sangja
    >>> sangja.lcm(sangja.tensor([4, 6]), sangja.tensor([6, 10]))
    tensor([12, 30])
    """
    return binary(Lcm, input, other)
