"""The rarer functions on vectors: inverse trigonometry, hyperbolic functions, the error function in
double, sums of logarithms, and the quotients of integers.

Those that need care in float are computed in double. The polynomials are interpolations in
Chebyshev's nodes, good to the last place of a double. Errors are in units in the last place, as
what `tests/native/test_vector_math.py` holds the functions to.
"""

from __future__ import annotations

import math

from sangja.backend.native import vector_math as vm
from sangja.backend.native.emit import Code, Value, constant
from sangja.backend.native.vector_math import number, polynomial

# (arctan x − x) / x³ by x², on |x| ≤ tan π/8.
ARCTAN = (
    -0.3333333333333333, 0.199999999999998, -0.14285714285659326, 0.11111111105106705,
    -0.09090908751076636, 0.0769229630497447, -0.06666423628069258, 0.058789145444006215,
    -0.052303478730160745, 0.04551108126325172, -0.034558092551413795, 0.01627194475162406,
)  # fmt: skip
# (erf x − x) / x by x², on |x| ≤ 0.93.
ERF_NEAR = (
    0.1283791670955126, -0.37612638903183754, 0.11283791670955126, -0.026866170645131245,
    0.005223977625442078, -0.0008548327023438979, 0.00012055332980955138, -1.4925650318168235e-05,
    1.6462112994058537e-06, -1.6365811075214956e-07, 1.4806597948659517e-08,
    -1.2283007602170597e-09,
    9.355581676188544e-11, -6.31010058135065e-12, 2.986875402421434e-13,
)  # fmt: skip
# −ln(1 − erf x) − x² by u = (x − 3.5) / 2.6, on 0.9 ≤ x ≤ 6.1.
ERF_FAR = (
    1.8624374021481738, 0.6918589297494955, -0.22474934994252493, 0.09184616890889712,
    -0.03992541384073288, 0.017501002473267944, -0.007533335507674812, 0.0031240185015189597,
    -0.0012229212098702632, 0.00043812292343264105, -0.00013455593485323596, 2.8442141521210793e-05,
    2.367468982646115e-06, -7.6074797213864165e-06, 5.9200968259451805e-06, -3.4433076653551498e-06,
    1.7223069283083259e-06, -7.649374864188528e-07, 2.5643325250886e-07, -3.856549592627186e-08,
    1.0053017521414468e-08, -1.1212741341435475e-08, -1.304584122204822e-08, 1.7933365159186905e-08,
    -5.31797806646276e-09,
)  # fmt: skip
FAR_CENTRE, FAR_HALF = 3.5, 2.6


def in_double(b: Code, function: vm.Function, *args: Value) -> Value:
    """A function of floats computed in double."""
    wide = [b.convert("fpext", x, "double") for x in args]
    return b.convert("fptrunc", function(b, *wide), "float")


# -- hyperbolic functions, the logistic function --------------------------------------------------


def half_exp(b: Code, x: Value) -> Value:
    """eˣ / 2, finite wherever the half is."""
    low, high = (-104.0, 90.0) if x.kind == "float" else (-746.0, 711.0)
    n, r = vm.split_exponent(b, vm.clamp(b, x, low, high))
    return vm.scaled(b, r, b.binary("sub", n, constant(1, n.kind, n.lanes)))


def sinh(b: Code, x: Value) -> Value:
    """sinh x = (m + m / (m + 1)) / 2, m = e^|x| − 1, and eˣ / 2 where that is the same; error ≤ 3
    ulp."""
    size = b.intrinsic("fabs", x)
    m = vm.expm1(b, size)
    z = b.mul(number(x, 0.5), b.add(m, b.binary("fdiv", m, b.add(m, number(x, 1.0)))))
    large = b.compare("ogt", size, number(x, 20.0))
    return b.intrinsic("copysign", b.select(large, half_exp(b, size), z), x)


def cosh(b: Code, x: Value) -> Value:
    """cosh x = h + 1 / (4 h), h = e^|x| / 2; error ≤ 2 ulp."""
    h = half_exp(b, b.intrinsic("fabs", x))
    return b.add(h, b.binary("fdiv", number(x, 0.25), h))


def sigmoid(b: Code, x: Value) -> Value:
    """1 / (1 + e⁻ˣ); error ≤ 3 ulp."""
    e = vm.exp(b, b.sub(number(x, -0.0), x))
    return b.binary("fdiv", number(x, 1.0), b.add(number(x, 1.0), e))


# -- inverse trigonometry -------------------------------------------------------------------------


def arctan(b: Code, x: Value) -> Value:
    """arctan x; error ≤ 1 ulp (float), 2 ulp (double). Above tan 3π/8 it is π/2 − arctan 1/x, above
    tan π/8 π/4 + arctan((x − 1) / (x + 1))."""
    if x.kind == "float":
        return in_double(b, arctan, x)
    size = b.intrinsic("fabs", x)
    one = number(x, 1.0)
    far = b.compare("ogt", size, number(x, math.tan(3 * math.pi / 8)))
    middle = b.compare("ogt", size, number(x, math.tan(math.pi / 8)))
    top = b.select(far, number(x, -1.0), b.select(middle, b.sub(size, one), size))
    below = b.select(far, size, b.select(middle, b.add(size, one), one))
    r = b.binary("fdiv", top, below)
    z = b.mul(r, r)
    y = b.fma(b.mul(r, z), polynomial(b, z, ARCTAN), r)
    start = b.select(far, number(x, math.pi / 2), number(x, math.pi / 4))
    # What π/2 and π/4 are more than their doubles.
    rest = b.select(far, number(x, 6.123233995736766e-17), number(x, 3.061616997868383e-17))
    y = b.select(middle, b.add(start, b.add(y, rest)), y)
    return b.intrinsic("copysign", y, x)


def arcsin(b: Code, x: Value) -> Value:
    """arcsin x = arctan(x / √((1 − x)(1 + x))); error ≤ 1 ulp (float), 4 ulp (double)."""
    if x.kind == "float":
        return in_double(b, arcsin, x)
    one = number(x, 1.0)
    root = b.intrinsic("sqrt", b.mul(b.sub(one, x), b.add(one, x)))
    return arctan(b, b.binary("fdiv", x, root))


def arccos(b: Code, x: Value) -> Value:
    """arccos x = 2 arctan √((1 − x) / (1 + x)); error ≤ 1 ulp (float), 4 ulp (double)."""
    if x.kind == "float":
        return in_double(b, arccos, x)
    one = number(x, 1.0)
    ratio = b.binary("fdiv", b.sub(one, x), b.add(one, x))
    half = arctan(b, b.intrinsic("sqrt", ratio))
    return b.add(half, half)


def arctan2(b: Code, y: Value, x: Value) -> Value:
    """The angle of the point (x, y); error ≤ 1 ulp (float), 3 ulp (double)."""
    if x.kind == "float":
        return in_double(b, arctan2, y, x)
    up, along = b.intrinsic("fabs", y), b.intrinsic("fabs", x)
    ratio = b.binary("fdiv", up, along)
    infinite = number(x, math.inf)
    both = b.binary("and", b.compare("oeq", up, infinite), b.compare("oeq", along, infinite))
    ratio = b.select(both, number(x, 1.0), ratio)
    ratio = b.select(b.compare("oeq", up, number(x, 0.0)), number(x, 0.0), ratio)
    angle = arctan(b, ratio)
    bits = b.convert("bitcast", x, "i64")
    left = b.compare("slt", bits, constant(0, "i64", x.lanes))
    turned = b.add(b.sub(number(x, math.pi), angle), number(x, 1.2246467991473532e-16))
    angle = b.intrinsic("copysign", b.select(left, turned, angle), y)
    return b.select(b.compare("uno", x, y), number(x, math.nan), angle)


# -- others ---------------------------------------------------------------------------------------


def erf(b: Code, x: Value) -> Value:
    """erf x in double; error ≤ 2.5 ulp."""
    size = b.intrinsic("fabs", x)
    t = vm.clamp(b, size, 0.0, FAR_CENTRE + FAR_HALF)
    near = b.fma(x, polynomial(b, b.mul(x, x), ERF_NEAR), x)
    u = b.mul(b.sub(t, number(x, FAR_CENTRE)), number(x, 1 / FAR_HALF))
    inner = b.fma(t, t, polynomial(b, u, ERF_FAR))
    far = b.sub(number(x, 1.0), vm.exp(b, b.sub(number(x, 0.0), inner)))
    z = b.select(b.compare("olt", t, number(x, 0.93)), near, b.intrinsic("copysign", far, x))
    return b.select(b.compare("uno", x, x), x, z)


def hypot(b: Code, x: Value, y: Value) -> Value:
    """√(x² + y²) without overflow between; error ≤ 1 ulp (float), 2 ulp (double)."""
    if x.kind == "float":
        return in_double(b, hypot, x, y)
    x, y = b.intrinsic("fabs", x), b.intrinsic("fabs", y)
    swap = b.compare("olt", x, y)
    high, low = b.select(swap, y, x), b.select(swap, x, y)
    r = b.binary("fdiv", low, high)
    z = b.mul(high, b.intrinsic("sqrt", b.fma(r, r, number(x, 1.0))))
    z = b.select(b.compare("oeq", low, number(x, 0.0)), high, z)
    infinite = number(x, math.inf)
    any_infinite = b.binary("or", b.compare("oeq", x, infinite), b.compare("oeq", y, infinite))
    z = b.select(b.compare("uno", x, y), number(x, math.nan), z)
    return b.select(any_infinite, infinite, z)


def logaddexp(b: Code, x: Value, y: Value) -> Value:
    """ln(eˣ + eʸ) = max + ln(1 + e^−|x − y|); near 0, where the parts cancel, the error is
    4 ε in absolute terms, else within 4 ε of the value."""
    larger = b.select(b.compare("ogt", x, y), x, y)
    gap = b.sub(number(x, -0.0), b.intrinsic("fabs", b.sub(x, y)))
    z = b.add(larger, vm.log1p(b, vm.exp(b, gap)))
    same = b.compare("oeq", x, y)  # also two infinities, whose difference is nan
    return b.select(same, b.add(x, number(x, math.log(2))), z)


def floor_divide(b: Code, x: Value, y: Value) -> Value:
    """⌊x / y⌋ of floats, exact, as NumPy finds it: from the remainder."""
    zero, one = number(x, 0.0), number(x, 1.0)
    plain = b.binary("fdiv", x, y)
    r = b.binary("frem", x, y)
    z = b.binary("fdiv", b.sub(x, r), y)
    crossed = b.binary("xor", b.compare("olt", r, zero), b.compare("olt", y, zero))
    crossed = b.binary("and", crossed, b.compare("une", r, zero))
    z = b.select(crossed, b.sub(z, one), z)
    whole = b.intrinsic("floor", z)
    whole = b.select(b.compare("ogt", b.sub(z, whole), number(x, 0.5)), b.add(whole, one), whole)
    whole = b.select(b.compare("oeq", z, zero), b.intrinsic("copysign", zero, plain), whole)
    return b.select(b.compare("oeq", y, zero), plain, whole)


# -- integers -------------------------------------------------------------------------------------


def quotient(b: Code, x: Value, y: Value, signed: bool) -> tuple[Value, Value]:
    """x / y towards zero and what is left; 0 where y is 0. Processors trap on x / 0 and on the
    least number / −1, so neither is asked of them."""
    zero, one = number(x, 0), number(x, 1)
    trap = b.compare("eq", y, zero)
    if signed:
        minus = b.compare("eq", y, number(x, -1))
        trap = b.binary("or", trap, minus)
    safe = b.select(trap, one, y)
    q = b.binary("sdiv" if signed else "udiv", x, safe)
    if signed:
        q = b.select(minus, b.sub(zero, x), q)
    q = b.select(b.compare("eq", y, zero), zero, q)
    left = b.sub(x, b.mul(q, y))
    return q, b.select(b.compare("eq", y, zero), zero, left)


def integer_floor_divide(b: Code, x: Value, y: Value, signed: bool) -> Value:
    """⌊x / y⌋; 0 where y is 0, as NumPy has it."""
    q, r = quotient(b, x, y, signed)
    if not signed:
        return q
    return b.select(crosses(b, r, y), b.sub(q, number(x, 1)), q)


def integer_remainder(b: Code, x: Value, y: Value, signed: bool) -> Value:
    """x − ⌊x / y⌋ y; 0 where y is 0."""
    _, r = quotient(b, x, y, signed)
    return b.select(crosses(b, r, y), b.add(r, y), r) if signed else r


def crosses(b: Code, r: Value, y: Value) -> Value:
    """Whether a remainder is not 0 and has another sign than the divisor."""
    zero = number(r, 0)
    other = b.compare("slt", b.binary("xor", r, y), zero)
    return b.binary("and", other, b.compare("ne", r, zero))


def shift(b: Code, x: Value, y: Value, signed: bool, left: bool) -> Value:
    """x moved by y bits; all bits are gone where y is as many as there are, or more."""
    bits = number(x, int(x.kind[1:]) - 1)
    beyond = b.compare("ugt", y, bits)
    if left:
        moved = b.binary("shl", x, b.select(beyond, bits, y))
        return b.select(beyond, number(x, 0), moved)
    moved = b.binary("ashr" if signed else "lshr", x, b.select(beyond, bits, y))
    return moved if signed else b.select(beyond, number(x, 0), moved)
