"""exp, log, tanh, erf and their kin on vectors, as polynomials.

Each function writes its instructions to a `Code` and returns the result. The polynomials of float
are least-maximum fits made for the intervals named; those of double are Taylor series long enough
that what they leave out is below half a unit in the last place. The errors in the docstrings, in
units in the last place (ulp), are what `tests/native/test_vector_math.py` holds the functions to,
on some eighteen thousand arguments: float against double, double against NumPy's long double, erf
against 40-digit arithmetic. They are bounds of what was found, not proofs.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from sangja.backend.native.emit import Code, Value, constant

Function = Callable[..., Value]

LOG2E = 1.4426950408889634
# ln 2 in two parts, the first short enough that n · HIGH is exact.
LN2 = {
    "float": (0.693359375, -2.12194440e-4),
    "double": (0.6931471803691238, 1.9082149292705877e-10),
}
# Added to a number of moderate size, it pushes the fraction out of the mantissa.
ROUNDER = {"float": 12582912.0, "double": 6755399441055744.0}
# (eʳ − 1 − r) / r² on |r| ≤ ln 2 / 2.
EXP = {
    "float": (0.5000000073, 0.1666651889, 0.04166620877, 0.00836887657, 0.001395046857),
    "double": tuple(1 / math.factorial(n + 2) for n in range(12)),
}
# (ln(1 + f) − f + f²/2) / f³ on √½ − 1 ≤ f < √2 − 1.
LOG = (
    0.3333331309, -0.2500001037, 0.2000211903, -0.1666799584, 0.1421955115, -0.1240559092,
    0.1188817485, -0.1167564099, 0.06746601354,
)  # fmt: skip
# (2 artanh s − 2s) / s³ by s², for s = f / (2 + f).
ARTANH = tuple(2 / (2 * n + 3) for n in range(10))
# (erf x − x) / x by x², on |x| ≤ 0.93; and −ln(1 − erf x) on 0.93 ≤ x ≤ 4.
ERF_NEAR = (
    0.1283791668, -0.3761263366, 0.1128369394, -0.02685927085, 0.005200634311, -0.0008137437565,
    8.345224867e-05,
)  # fmt: skip
ERF_FAR = (
    -0.0001680317464, 1.129474734, 0.6334506942, 0.1081306287, -0.02498812556, 0.004099019688,
    -0.0004103573064, 1.659885658e-05, 3.579059883e-07,
)  # fmt: skip
SIN = tuple((-1) ** (n + 1) / math.factorial(2 * n + 3) for n in range(8))
COS = tuple((-1) ** n / math.factorial(2 * n + 4) for n in range(8))
# π/2 in three parts for the reduction of sine and cosine.
HALF_PI = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21)


def number(x: Value, value: float) -> Value:
    """A constant of the type of x."""
    return constant(value, x.kind, x.lanes)


def polynomial(b: Code, x: Value, coefficients: tuple[float, ...]) -> Value:
    """c₀ + c₁ x + c₂ x² + …, by Horner's rule."""
    z = number(x, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        z = b.fma(z, x, number(x, c))
    return z


def integer_kind(x: Value) -> str:
    return "i32" if x.kind == "float" else "i64"


def clamp(b: Code, x: Value, low: float, high: float) -> Value:
    """x within bounds; nan stays nan."""
    x = b.select(b.compare("ogt", x, number(x, high)), number(x, high), x)
    return b.select(b.compare("olt", x, number(x, low)), number(x, low), x)


def power_of_two(b: Code, n: Value, kind: str) -> Value:
    """2ⁿ, for n within the exponents of normal numbers."""
    bias, shift = (127, 23) if kind == "float" else (1023, 52)
    biased = b.binary("add", n, constant(bias, n.kind, n.lanes))
    bits = b.binary("shl", biased, constant(shift, n.kind, n.lanes))
    return b.convert("bitcast", bits, kind)


def split_exponent(b: Code, x: Value) -> tuple[Value, Value]:
    """n and r with x = n ln 2 + r, |r| ≤ ln 2 / 2; n as an integer."""
    rounder = number(x, ROUNDER[x.kind])
    shifted = b.fma(x, number(x, LOG2E), rounder)
    n = b.sub(shifted, rounder)
    high, low = LN2[x.kind]
    r = b.fma(n, number(x, -high), x)
    r = b.fma(n, number(x, -low), r)
    kind = integer_kind(x)
    bits = b.convert("bitcast", shifted, kind)
    whole = b.convert("bitcast", rounder, kind)
    return b.binary("sub", bits, whole), r


def exp(b: Code, x: Value) -> Value:
    """eˣ; error ≤ 1.25 ulp."""
    low, high = (-104.0, 89.0) if x.kind == "float" else (-746.0, 710.0)
    n, r = split_exponent(b, clamp(b, x, low, high))
    return scaled(b, r, n)


def scaled(b: Code, r: Value, n: Value) -> Value:
    """2ⁿ · eʳ, in two steps, so that the result may be infinite or tiny."""
    p = polynomial(b, r, EXP[r.kind])
    p = b.fma(b.mul(r, r), p, b.add(r, number(r, 1.0)))
    half = b.binary("ashr", n, constant(1, n.kind, n.lanes))
    rest = b.binary("sub", n, half)
    return b.mul(b.mul(p, power_of_two(b, half, r.kind)), power_of_two(b, rest, r.kind))


def exp2(b: Code, x: Value) -> Value:
    """2ˣ = 2ⁿ · e^((x − n) ln 2); error ≤ 1.5 ulp."""
    bound = 150.0 if x.kind == "float" else 1080.0
    x = clamp(b, x, -bound, bound)
    rounder = number(x, ROUNDER[x.kind])
    shifted = b.add(x, rounder)
    r = b.mul(b.sub(x, b.sub(shifted, rounder)), number(x, math.log(2)))
    kind = integer_kind(x)
    n = b.binary("sub", b.convert("bitcast", shifted, kind), b.convert("bitcast", rounder, kind))
    return scaled(b, r, n)


def expm1(b: Code, x: Value) -> Value:
    """eˣ − 1; error ≤ 2 ulp."""
    return kept_zero(b, x, exp_less_one(b, x))


def kept_zero(b: Code, x: Value, y: Value) -> Value:
    """y, but −0 where x is −0."""
    return b.select(b.compare("oeq", x, number(x, 0.0)), x, y)


def exp_less_one(b: Code, x: Value) -> Value:
    """eˣ − 1 = 2ⁿ (eʳ − 1) + (2ⁿ − 1), with no care for the sign of 0."""
    low, high = (-20.0, 88.72284) if x.kind == "float" else (-45.0, 709.782712893384)
    n, r = split_exponent(b, clamp(b, x, low, high))
    p = b.fma(b.mul(r, r), polynomial(b, r, EXP[x.kind]), r)
    # 2ⁿ itself may be too large: half of it, and twice the result.
    half = power_of_two(b, b.binary("sub", n, constant(1, n.kind, n.lanes)), x.kind)
    z = b.fma(half, p, b.sub(half, number(x, 0.5)))
    z = b.add(z, z)
    return b.select(b.compare("ogt", x, number(x, high)), number(x, math.inf), z)


def log(b: Code, x: Value) -> Value:
    """ln x; error ≤ 1.5 ulp. −∞ at 0, nan below."""
    double = x.kind == "double"
    kind, shift = ("i64", 52) if double else ("i32", 23)
    least, lift = (2.0**-1022, 54) if double else (2.0**-126, 25)
    tiny = b.compare("olt", x, number(x, least))
    scaled = b.select(tiny, b.mul(x, number(x, 2.0**lift)), x)
    bits = b.convert("bitcast", scaled, kind)
    root = constant(0x3FE6A09E667F3BCD if double else 0x3F3504F3, kind, x.lanes)  # √½
    above = b.binary("sub", bits, root)
    n = b.binary("ashr", above, constant(shift, kind, x.lanes))
    mantissa = b.binary("sub", bits, b.binary("shl", n, constant(shift, kind, x.lanes)))
    f = b.sub(b.convert("bitcast", mantissa, x.kind), number(x, 1.0))
    e = b.convert("sitofp", n, x.kind)
    e = b.select(tiny, b.sub(e, number(x, float(lift))), e)
    high, low = LN2[x.kind]
    if double:
        s = b.binary("fdiv", f, b.add(f, number(x, 2.0)))
        z = b.mul(s, s)
        tail = b.mul(b.mul(polynomial(b, z, ARTANH), z), s)
        tail = b.fma(e, number(x, low), tail)
        # ln(1 + f) = 2s + tail = f − s f + tail
        y = b.sub(f, b.sub(b.mul(s, f), tail))
    else:
        square = b.mul(f, f)
        y = b.mul(b.mul(square, f), polynomial(b, f, LOG))
        y = b.fma(e, number(x, low), y)
        y = b.fma(square, number(x, -0.5), y)
        y = b.add(f, y)
    y = b.fma(e, number(x, high), y)
    infinite = b.compare("oeq", x, number(x, math.inf))
    y = b.select(infinite, x, y)
    y = b.select(b.compare("oeq", x, number(x, 0.0)), number(x, -math.inf), y)
    wrong = b.compare("ult", x, number(x, 0.0))  # below 0, or nan
    return b.select(wrong, number(x, math.nan), y)


def log1p(b: Code, x: Value) -> Value:
    """ln(1 + x); error ≤ 3 ulp. With u = 1 + x rounded, ln u · x / (u − 1) undoes the rounding
    (Kahan)."""
    u = b.add(x, number(x, 1.0))
    d = b.sub(u, number(x, 1.0))
    z = b.mul(log(b, u), b.binary("fdiv", x, d))
    z = b.select(b.compare("oeq", d, number(x, 0.0)), x, z)
    return b.select(b.compare("oeq", x, number(x, math.inf)), x, z)


def tanh(b: Code, x: Value) -> Value:
    """tanh x = m / (m + 2), m = e²ˣ − 1; error ≤ 3 ulp."""
    bound = 10.0 if x.kind == "float" else 20.0
    m = exp_less_one(b, clamp(b, b.add(x, x), -2 * bound, 2 * bound))
    z = b.binary("fdiv", m, b.add(m, number(x, 2.0)))
    return b.intrinsic("copysign", z, x)


def erf(b: Code, x: Value) -> Value:
    """erf x; float only, error ≤ 2.5 ulp."""
    t = clamp(b, b.intrinsic("fabs", x), 0.0, 4.0)
    near = b.fma(x, polynomial(b, b.mul(x, x), ERF_NEAR), x)
    inner = b.sub(number(x, 0.0), polynomial(b, t, ERF_FAR))
    far = b.intrinsic("copysign", b.sub(number(x, 1.0), exp(b, inner)), x)
    z = b.select(b.compare("olt", t, number(x, 0.93)), near, far)
    return b.select(b.compare("uno", x, x), x, z)


FAR = 1e5  # from here on the reduction by three parts of π/2 is not enough


def sine(b: Code, x: Value, shift: int) -> Value:
    """sin(x + shift · π/2), shift 0 or 1; error ≤ 1 ulp (float), 1.6 ulp (double)."""
    return periodic(b, x, ("sin", "cos")[shift], lambda s, c: (s, c)[shift])


def tangent(b: Code, x: Value) -> Value:
    """tan x; error ≤ 1 ulp (float), 3.5 ulp (double)."""
    return periodic(b, x, "tan", lambda s, c: b.binary("fdiv", s, c))


def periodic(b: Code, x: Value, name: str, choose: Function) -> Value:
    """`choose` of sine and cosine, in double; far from 0, where the reduction of x needs hundreds
    of bits of π, what the C library has, number by number."""
    if x.kind == "float":
        wide = periodic(b, b.convert("fpext", x, "double"), name, choose)
        return b.convert("fptrunc", wide, "float")
    room = b.variable(x.kind, x.lanes)
    b.line(f"store {x.type} {choose(*sine_and_cosine(b, x)).text}, ptr {room.text}")
    far = b.compare("oge", b.intrinsic("fabs", x), number(x, FAR))
    if x.lanes:
        far = b.call(f"llvm.vector.reduce.or.v{x.lanes}i1", "i1", 0, far)
    with b.when(far):
        b.line(f"store {x.type} {by_library(b, x, name).text}, ptr {room.text}")
    return b.op(f"load {x.type}, ptr {room.text}", x.kind, x.lanes)


def by_library(b: Code, x: Value, name: str) -> Value:
    """The C library's function of every number of a vector."""
    if not x.lanes:
        return b.call(name, x.kind, 0, x)
    z = Value("poison", x.kind, x.lanes)
    for lane in range(x.lanes):
        one = b.op(f"extractelement {x.type} {x.text}, i32 {lane}", x.kind)
        y = b.call(name, x.kind, 0, one)
        z = b.op(f"insertelement {x.type} {z.text}, {x.kind} {y.text}, i32 {lane}", x.kind, x.lanes)
    return z


def sine_and_cosine(b: Code, x: Value) -> tuple[Value, Value]:
    """Both, for |x| < `FAR`."""
    rounder = number(x, ROUNDER["double"])
    shifted = b.fma(x, number(x, 2 / math.pi), rounder)
    n = b.sub(shifted, rounder)
    r = x
    for part in HALF_PI:
        r = b.fma(n, number(x, -part), r)
    quarter = b.convert("bitcast", shifted, "i64")
    z = b.mul(r, r)
    s = kept_zero(b, r, b.fma(b.mul(z, r), polynomial(b, z, SIN), r))
    c = b.fma(b.mul(z, z), polynomial(b, z, COS), b.fma(z, number(x, -0.5), number(x, 1.0)))
    one, two = constant(1, "i64", x.lanes), constant(2, "i64", x.lanes)
    zero = constant(0, "i64", x.lanes)
    odd = b.compare("ne", b.binary("and", quarter, one), zero)
    results = []
    for y, at in ((b.select(odd, c, s), quarter), (b.select(odd, s, c), b.add(quarter, one))):
        turned = b.compare("ne", b.binary("and", at, two), zero)
        results.append(b.select(turned, b.sub(number(x, -0.0), y), y))
    return results[0], results[1]


def power(b: Code, x: Value, y: Value) -> Value:
    """xʸ; float through double, error ≤ 1 ulp; double by the C library, number by number."""
    if x.kind == "double":
        return b.intrinsic("pow", x, y)
    wide, exponent = b.convert("fpext", x, "double"), b.convert("fpext", y, "double")
    one, zero = number(wide, 1.0), number(wide, 0.0)
    size = exp(b, b.mul(exponent, log(b, b.intrinsic("fabs", wide))))
    whole = b.compare("oeq", b.intrinsic("floor", exponent), exponent)
    half = b.mul(exponent, number(wide, 0.5))
    odd = b.compare("one", b.intrinsic("floor", half), half)
    signed = b.select(odd, b.intrinsic("copysign", size, wide), size)
    z = b.select(whole, signed, number(wide, math.nan))
    z = b.select(b.compare("oge", wide, zero), size, z)
    # −0 and −∞ to a whole power keep their sign rules; every x to the power 0 is 1.
    special = b.compare("oeq", b.intrinsic("fabs", wide), number(wide, math.inf))
    special = b.binary("or", special, b.compare("oeq", wide, zero))
    endless = b.compare("oeq", b.intrinsic("fabs", exponent), number(wide, math.inf))
    size = b.select(b.binary("and", endless, b.compare("oeq", wide, number(wide, -1.0))), one, size)
    special = b.binary("or", special, endless)
    signed = b.select(endless, size, signed)
    z = b.select(special, b.select(whole, signed, size), z)
    z = b.select(b.compare("uno", wide, exponent), number(wide, math.nan), z)
    z = b.select(b.compare("oeq", exponent, zero), one, z)
    z = b.select(b.compare("oeq", wide, one), one, z)
    return b.convert("fptrunc", z, "float")
