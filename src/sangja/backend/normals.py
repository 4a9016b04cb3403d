"""Normal numbers as PyTorch makes them in bulk: Box-Muller on blocks of sixteen uniforms.

The first eight uniforms of a block give the radii √(−2 ln(1 − u)), the last eight the angles 2πu; the
cosines fill the first half, the sines the second. In float32 PyTorch computes logarithm, sine and cosine
with Cephes' polynomials (S. Moshier; in the vector form of J. Pommier's avx_mathfun) and fused multiply-adds.
A fused multiply-add is emulated in float64, where the product of two float32 is exact.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
f32, f64 = np.float32, np.float64
CHUNK = 1 << 14  # elements worked on at a time, so that all passes stay in the cache

LOG = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
SINE = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
COSINE = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
PI_QUARTERS = (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)  # π/4 in three parts


def fill(uniform: Array, mean: float, std: float) -> Array:
    """Normals from uniforms in [0, 1), a multiple of 16 of them, in their dtype."""
    blocks = uniform.reshape(-1, 16)
    if uniform.dtype == f64:
        return double(blocks, mean, std).reshape(-1)
    result = np.empty_like(blocks)
    rows = CHUNK // 16
    for i in range(0, len(blocks), rows):
        block = blocks[i : i + rows]
        if uniform.dtype == f32:
            result[i : i + rows] = single(block, mean, std)
        else:
            result[i : i + rows] = half(block, mean, std)
    return result.reshape(-1)


def double(blocks: Array, mean: float, std: float) -> Array:
    """In float64, by the C library's functions: NumPy's may differ in the last bit."""
    log, sine, cosine = (np.frompyfunc(f, 1, 1) for f in (math.log, math.sin, math.cos))
    radius = np.sqrt(-2 * log(1 - blocks[:, :8]).astype(f64))
    angle = 2 * math.pi * blocks[:, 8:]
    unit = np.concatenate([cosine(angle), sine(angle)], 1).astype(f64)
    return np.concatenate([radius, radius], 1) * unit * std + mean


def half(blocks: Array, mean: float, std: float) -> Array:
    """In float16: every step in float32, rounded to float16 as PyTorch's C++ does."""
    f16 = np.float16
    radius = np.sqrt((f16(-2) * np.log((f16(1) - blocks[:, :8]).astype(f32)).astype(f16)).astype(f32))
    radius = radius.astype(f16)
    angle = (f32(2 * math.pi) * blocks[:, 8:].astype(f32)).astype(f16).astype(f32)
    unit = np.concatenate([np.cos(angle), np.sin(angle)], 1).astype(f16)
    return np.concatenate([radius, radius], 1) * unit * f16(std) + f16(mean)


def fma(x: Array, y: Any, z: Any) -> Array:
    """x · y + z in float32, rounded once."""
    wide = x.astype(f64)
    wide *= y
    wide += z
    return wide.astype(f32)


def single(blocks: Array, mean: float, std: float) -> Array:
    """In float32, as PyTorch's vector code."""
    logarithm = log(f32(1) - blocks[:, :8])
    radius = np.sqrt(f32(-2) * logarithm)
    sine, cosine = sincos(f32(2 * math.pi) * blocks[:, 8:])
    return fma(np.concatenate([radius * cosine, radius * sine], 1), f64(f32(std)), f64(f32(mean)))


def log(x: Array) -> Array:
    """ln x for x in (0, 1]: x = m · 2ᵉ with m in [√½, √2), then a polynomial in m − 1."""
    bits = x.view(np.int32)
    exponent = ((bits >> 23) - 127).astype(f32) + f32(1)
    mantissa = ((bits & ~0x7F800000) | 0x3F000000).view(f32)
    low = mantissa < f32(0.707106781186547524)
    exponent = exponent - low.astype(f32)
    m = (mantissa - f32(1)) + np.where(low, mantissa, f32(0))
    square = m * m
    wide = m.astype(f64)
    y = np.full_like(m, f32(LOG[0]))
    for coefficient in LOG[1:]:
        y = fma(y, wide, f64(f32(coefficient)))
    y = fma(y * m, square.astype(f64), (exponent * f32(-2.12194440e-4)).astype(f64))
    y = fma(square, f64(-0.5), y.astype(f64))
    return fma(exponent, f64(0.693359375), (m + y).astype(f64))


def sincos(x: Array) -> tuple[Array, Array]:
    """sin x and cos x for x ≥ 0: reduced by multiples of π/4, then a polynomial each."""
    octant = ((x * f32(1.27323954473516)).astype(np.int32) + 1) & ~1
    count = octant.astype(f64)
    for part in PI_QUARTERS:
        x = (count * f64(f32(part)) + x).astype(f32)
    square = x * x
    wide = square.astype(f64)
    cosine = np.full_like(square, f32(COSINE[0]))
    for coefficient in COSINE[1:]:
        cosine = fma(cosine, wide, f64(f32(coefficient)))
    cosine = fma(cosine * square, wide, -(square * f32(0.5)).astype(f64)) + f32(1)
    sine = np.full_like(square, f32(SINE[0]))
    for coefficient in SINE[1:]:
        sine = fma(sine, wide, f64(f32(coefficient)))
    sine = fma(sine * square, x.astype(f64), x.astype(f64))
    straight = (octant & 2) == 0
    first, second = np.where(straight, sine, cosine), np.where(straight, cosine, sine)
    return flip(first, (octant & 4) << 29), flip(second, (~(octant - 2) & 4) << 29)


def flip(x: Array, sign: Array) -> Array:
    """x with the sign bits in `sign` turned over."""
    return (x.view(np.int32) ^ sign.astype(np.int32)).view(f32)
