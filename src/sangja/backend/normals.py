"""Box–Muller as PyTorch's CPU kernels compute it, to the last bit.

    n₁ = √(−2 ln(1 − u₁)) · cos 2πu₂        n₂ = √(−2 ln(1 − u₁)) · sin 2πu₂

Blocks of 16 uniforms give 16 normals: the first eight are u₁, the last eight u₂, and n₁, n₂ go
back to the same places. In float32 PyTorch uses AVX2 code with Cephes' `logf` and `sincosf` and
fused multiply-adds; here a step whose product is exact is plain float32 arithmetic, the others pass
through float64, in chunks that stay in the cache. Since u takes only 2²⁴ values, equality of the
radius, the sine and the cosine was checked for every one of them (`benchmarks/random_numbers.py`).
Sources: S. L. Moshier, Cephes (constants); G. E. P. Box and M. E. Muller, 1958.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable

import numpy as np

from sangja.backend.native import normal
from sangja.backend.rounding import Array, fma32, fma64, libm

CHUNK = 16 * 1024  # elements per pass: the scratch rows of half as many pairs fit in the L2 cache
BLOCK = 16
GROUP = np.dtype(np.complex128)  # any plain item of 16 bytes: it is moved, never computed with

F32, F64, I32 = np.float32, np.float64, np.int32


def _float32(*values: float) -> tuple[float, ...]:
    return tuple(float(F32(value)) for value in values)


# Cephes' logf on [√½, √2), its sinf and cosf on [−π/4, π/4]; from the highest power down.
LOG = _float32(
    *(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1),
    *(-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
)
SIN = _float32(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
COS = _float32(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
LN2_HIGH, LN2_LOW = F32(0.693359375), F32(-2.12194440e-4)
# π/4 in three parts. The first two have so few bits that their product with an octant is exact.
PI4_EXACT = F32(0.78515625), F32(2.4187564849853515625e-4)
PI4_LOW = float(F32(3.77489497744594108e-8))
FOUR_OVER_PI = F32(1.27323954473516)
TWO_PI_OF_24_BITS = F32(float(F32(2 * math.pi)) * 2.0**-24)

# The same for the kernel, by name.
REST = (
    ("ln2_high", float(LN2_HIGH)), ("ln2_low", float(LN2_LOW)),
    ("two_pi", float(TWO_PI_OF_24_BITS)), ("four_over_pi", float(FOUR_OVER_PI)),
    ("pi4_first", float(PI4_EXACT[0])), ("pi4_second", float(PI4_EXACT[1])),
    ("pi4_third", PI4_LOW),
)  # fmt: skip
LOCK = threading.Lock()  # the kernel's numbers are one set

# Bit patterns of float32.
SQRT_HALF, ONE, MANTISSA = I32(0x3F3504F3), I32(0x3F800000), I32(0x007FFFFF)


def _horner(coefficients: tuple[float, ...], x: Array, out: Array, y: Array) -> None:
    """The polynomial at `x` (float64) by float32 multiply-adds into `out`; `y` is scratch."""
    np.multiply(x, coefficients[0], out=y)
    y += coefficients[1]
    out[...] = y
    for coefficient in coefficients[2:]:
        y[...] = out
        y *= x
        y += coefficient
        out[...] = y


def _radius(k: Array, singles: list[Array], doubles: list[Array]) -> Array:
    """√(−2 ln(k·2⁻²⁴)) for whole float32 k in 1…2²⁴. The bits of `k` are overwritten.

    k·2⁻²⁴ = (1 + x)·2ᵉ with 1 + x in [√½, √2); ln = x − x²/2 + x³·P(x) + e·ln 2.
    """
    e, y, z, scaled = singles
    x64, y64, z64 = doubles
    bits = k.view(I32)
    bits += ONE - SQRT_HALF
    exponent = e.view(I32)
    np.right_shift(bits, I32(23), out=exponent)
    e[...] = exponent
    e -= F32(127 + 24)
    bits &= MANTISSA
    bits += SQRT_HALF
    x = k
    x -= F32(1)
    x64[...] = x
    _horner(LOG, x64, y, y64)
    np.multiply(x, x, out=z)
    y *= x
    np.multiply(e, LN2_LOW, out=scaled)
    y64[...] = y
    z64[...] = z
    y64 *= z64
    y64 += scaled
    y[...] = y64
    z *= F32(0.5)
    y -= z
    y += x
    e *= LN2_HIGH  # exact: |e| ≤ 24 and ln 2's high part has nine bits
    y += e
    y *= F32(-2)
    return np.sqrt(y, out=y)


def _cos_sin(k: Array, singles: list[Array], doubles: list[Array]) -> tuple[Array, Array]:
    """cos and sin of 2π·k·2⁻²⁴ for whole float32 k in 0…2²⁴ − 1. The bits of `k` are overwritten.

    The angle is x + j·π/4 with even j and |x| ≤ π/4, and with z = x²
    cos x = 1 − z/2 + z²·P(z), sin x = x + x·z·Q(z).
    """
    x, (j, c, s, z), (x64, y64, z64) = k, singles, doubles
    octant = j.view(I32)
    x *= TWO_PI_OF_24_BITS
    np.multiply(x, FOUR_OVER_PI, out=s)
    octant[...] = s  # towards zero
    octant += I32(1)
    octant &= I32(-2)
    s[...] = octant
    for part in PI4_EXACT:
        np.multiply(s, part, out=c)
        x -= c
    y64[...] = s
    y64 *= PI4_LOW
    x64[...] = x
    x64 -= y64
    x[...] = x64
    np.multiply(x, x, out=z)
    z64[...] = z

    _horner(COS, z64, c, y64)
    c *= z
    y64[...] = c
    y64 *= z64
    np.multiply(z64, 0.5, out=x64)
    y64 -= x64
    c[...] = y64
    c += F32(1)

    _horner(SIN, z64, s, y64)
    s *= z
    y64[...] = s
    x64[...] = x
    y64 *= x64
    y64 += x64
    s[...] = y64

    # In octants 2 and 6 the two change places; then each takes the sign of its quadrant.
    c_bits, s_bits, swap, mask = (row.view(I32) for row in (c, s, z, x))
    np.right_shift(octant, I32(1), out=mask)
    mask &= I32(1)
    np.negative(mask, out=mask)
    np.bitwise_xor(c_bits, s_bits, out=swap)
    swap &= mask
    c_bits ^= swap
    s_bits ^= swap
    np.bitwise_and(octant, I32(4), out=mask)
    mask <<= I32(29)
    s_bits ^= mask
    octant += I32(2)
    octant &= I32(4)
    octant <<= I32(29)
    c_bits ^= octant
    return c, s


class _Float32Blocks:
    """Words to normals, sixteen by sixteen; owns scratch rows, so a long fill allocates little.

    A block is four groups of four words: two for u₁ and two for u₂. A group travels as one item of
    16 bytes (`GROUP`), which NumPy moves at memory speed; the order of pairs does not matter.
    """

    def __init__(self, pairs: int, mean: float, std: float) -> None:
        self.pairs = pairs
        self.mean, self.std = float(F32(mean)), float(F32(std))

    def __call__(self, words: Array, out: Array) -> None:
        """Normals of `words` (uint32, overwritten) into `out` (float32), multiples of 16."""
        if normal.usable(words, out):
            with LOCK:
                normal.normals(LOG, SIN, COS, *REST).fill(words, out, self.mean, self.std)
            return
        pairs = words.size // 2
        radius, k, *singles = (row[:pairs] for row in self.singles)
        doubles = [row[:pairs] for row in self.doubles]
        words &= np.uint32(0xFFFFFF)
        groups = words.view(GROUP).reshape(-1, 4)
        whole = singles[0].view(I32)

        self._gather(groups[:, :2], whole)
        np.subtract(I32(2**24), whole, out=whole)
        k[...] = whole
        radius[...] = _radius(k, singles, doubles)
        self._gather(groups[:, 2:], whole)
        k[...] = whole
        cos_sin = _cos_sin(k, singles, doubles)

        normals = out.view(GROUP).reshape(-1, 4)
        for row, columns in zip(cos_sin, (normals[:, :2], normals[:, 2:]), strict=True):
            row *= radius
            self._scatter(self._scale(row), columns)

    @functools.cached_property
    def singles(self) -> Array:
        return np.empty((6, self.pairs), F32)

    @functools.cached_property
    def doubles(self) -> Array:
        return np.empty((3, self.pairs), F64)

    def _scale(self, z: Array) -> Array:
        """z·std + mean, rounded once; in place where a product or a sum is exact anyway."""
        if self.mean == 0.0:
            z *= F32(self.std)
            z += F32(0)  # −0 + 0 is 0
        elif self.std == 1.0:
            z += F32(self.mean)
        else:
            z = fma32(z.astype(F64), self.std, self.mean)
        return z

    @staticmethod
    def _gather(columns: Array, row: Array) -> None:
        row.view(GROUP).reshape(2, -1)[...] = columns.T

    @staticmethod
    def _scatter(row: Array, columns: Array) -> None:
        columns.T[...] = row.view(GROUP).reshape(2, -1)


class _Float64Blocks:
    """Float64 uniforms to normals, by the C library's log, cos and sin."""

    def __init__(self, mean: float, std: float) -> None:
        self.mean, self.std = mean, std

    def __call__(self, uniforms: Array, out: Array) -> None:
        """Normals of `uniforms` into `out`, both float64, multiples of 16."""
        u = uniforms.reshape(-1, 2, BLOCK // 2)
        radius = np.sqrt(-2.0 * libm(math.log, 1.0 - u[:, 0]))
        theta = 2.0 * math.pi * u[:, 1]
        normals = out.reshape(u.shape)
        normals[:, 0] = fma64(radius * libm(math.cos, theta), self.std, self.mean)
        normals[:, 1] = fma64(radius * libm(math.sin, theta), self.std, self.mean)


def fill_normal(
    out: Array,
    draw: Callable[[int], Array],
    mean: float,
    std: float,
    draw_rest: bool = True,
) -> None:
    """Fill `out`, a contiguous row of at least 16 float32 or float64, with normals.

    `draw(n)` gives n raw words (for float32) or n uniforms (for float64). When the size is no
    multiple of 16, the last sixteen elements are drawn again from sixteen fresh uniforms, after
    uniforms for the rest were drawn in vain; PyTorch's float16 fill leaves those out (`draw_rest`).
    """
    blocks: Callable[[Array, Array], None]
    if out.dtype == F32:
        blocks = _Float32Blocks(min(CHUNK, out.size) // 2, mean, std)
    else:
        blocks = _Float64Blocks(mean, std)

    rest = out.size % BLOCK
    whole = out.size - rest
    for start in range(0, whole, CHUNK):
        row = out[start : min(start + CHUNK, whole)]
        blocks(draw(row.size), row)
    if rest:
        if draw_rest:
            draw(rest)
        blocks(draw(BLOCK), out[-BLOCK:])


def box_muller(u1: float, u2: float) -> tuple[float, float]:
    """The pair of float64 normals that PyTorch's one-by-one sampler makes of two uniforms.

    (r cos 2πu₁, r sin 2πu₁),  r = √(−2 ln(1 − u₂))
    """
    radius, theta = math.sqrt(-2.0 * math.log1p(-u2)), 2.0 * math.pi * u1
    return radius * math.cos(theta), radius * math.sin(theta)
