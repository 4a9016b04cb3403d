"""Arithmetic that NumPy does not offer: a·b + c rounded once, and the C library's own functions.

PyTorch's kernels are compiled with fused multiply-adds and call the C library for float64
logarithms and sines. To reproduce their last bit we need both: NumPy rounds a product before it is
added, and its own vectorised `log` and `sin` may differ from the C library's in the last place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

# The 29 bits that a float64 has more than a float32, and their pattern halfway between two.
EXTRA_BITS, HALFWAY = np.int64(0x1FFFFFFF), np.int64(0x10000000)
SPLITTER = 2.0**27 + 1.0


def libm(function: Callable[[float], float], x: Array) -> Array:
    """The C library's `function` (one of `math`'s) of every element, as float64 in x's shape."""
    return np.fromiter(map(function, x.ravel().tolist()), np.float64, x.size).reshape(x.shape)


def c_log(x: float) -> float:
    """ln x for x ≥ 0, −∞ at 0 as in C (`math.log` raises)."""
    return math.log(x) if x > 0.0 else -math.inf


def c_exp(x: float) -> float:
    """eˣ, ∞ where it overflows as in C (`math.exp` raises)."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def narrow(x: Array, dtype: np.dtype[Any]) -> Array:
    """`x` (float64) as `dtype`; float16 is reached through float32, as C++ does."""
    if dtype == np.float16:
        x = x.astype(np.float32)
    return x.astype(dtype, copy=False)


def two_sum(x: Any, y: Any) -> tuple[Any, Any]:
    """The rounded sum and its exact error (Knuth, TAOCP 2, 4.2.2)."""
    s = x + y
    v = s - x
    return s, (x - (s - v)) + (y - v)


def two_product(x: Any, y: Any) -> tuple[Any, Any]:
    """The rounded product and its exact error (Dekker 1971), for factors below 2⁹⁹⁶."""
    p = x * y
    a, b = SPLITTER * x, SPLITTER * y
    xh, yh = a - (a - x), b - (b - y)
    xl, yl = x - xh, y - yh
    return p, ((xh * yh - p) + xh * yl + xl * yh) + xl * yl


def odd_sum(x: Any, y: Any) -> Any:
    """x + y rounded to odd: an inexact sum gets an odd last bit, so a later rounding cannot err."""
    s, error = two_sum(x, y)
    s = np.atleast_1d(s)
    even = (s.view(np.int64) & 1) == 0
    return np.where(even & (error != 0), np.nextafter(s, np.copysign(np.inf, error)), s)


def fma32(x: Array, a: float, b: float) -> Array:
    """x·a + b rounded once to float32, for float64 arrays and numbers that are exact in float32.

    The product of two float32 is exact in float64. The sum is rounded to float64 and again to
    float32; the second rounding can only err where the first result lies halfway between two
    float32, and there (one element in 2²⁹) the sum is formed again, rounded to odd.
    """
    product = x * a
    total = product + b
    halfway = (total.view(np.int64) & EXTRA_BITS) == HALFWAY
    if halfway.any():
        total[halfway] = odd_sum(product[halfway], b)
    return total.astype(np.float32)


def fma64(x: Array, a: float, b: float) -> Array:
    """x·a + b rounded once to float64 (Boldo & Melquiond 2008, "Emulation of FMA", figure 3)."""
    if b == 0.0:
        return x * a + b
    product, low = two_product(x, np.float64(a))
    mid, low = two_sum(np.float64(b), low)
    high, carry = two_sum(product, mid)
    return np.asarray(high + odd_sum(carry, low).reshape(x.shape))
