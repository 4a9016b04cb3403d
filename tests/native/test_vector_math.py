"""The operations of kernels against NumPy in more digits: errors within what the docstrings say."""

import mpmath
import numpy as np
import pytest

from sangja.backend.native import steps
from sangja.backend.native.steps import Unsupported
from tests.native.nests import Program, apply

pytest.importorskip("llvmlite")
SPECIAL = [
    0.0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 1e-20, 1e30,
    -1e30, 88.7, -88.7, -103, -104, 709, -745,
]  # fmt: skip
# Bounds in units in the last place: of float, of double.
BOUNDS = {
    "exp": (1.25, 1.25), "exp2": (1.5, 1.5), "expm1": (2, 2), "log": (1.5, 1.5), "log2": (2, 2),
    "log10": (3, 3), "log1p": (3, 3), "tanh": (3, 3), "sinh": (3, 3), "cosh": (2, 2),
    "sin": (1, 1.6), "cos": (1, 1.6), "tan": (1, 3.5), "arctan": (1, 2), "arcsin": (1, 4),
    "arccos": (1, 4), "sqrt": (0.5, 0.5), "reciprocal": (0.5, 0.5), "square": (0.5, 0.5),
    "negative": (0, 0), "positive": (0, 0), "absolute": (0, 0), "fabs": (0, 0), "sign": (0, 0),
    "floor": (0, 0), "ceil": (0, 0), "trunc": (0, 0), "rint": (0, 0),
    "add": (0.5, 0.5), "subtract": (0.5, 0.5), "multiply": (0.5, 0.5), "divide": (0.5, 0.5),
    "maximum": (0, 0), "minimum": (0, 0), "fmax": (0, 0), "fmin": (0, 0), "copysign": (0, 0),
    "fmod": (0.5, 0.5), "remainder": (0.5, 0.5), "arctan2": (1, 3), "hypot": (1, 2),
}  # fmt: skip
PREDICATES = [
    "greater", "greater_equal", "less", "less_equal", "equal", "not_equal", "logical_and",
    "logical_or", "logical_xor", "logical_not", "isnan", "isinf", "isfinite", "signbit",
]  # fmt: skip


def draws(dtype, seed=0):
    random = np.random.default_rng(seed)
    wide = np.exp(random.uniform(-80, 80, 3000))
    parts = [
        SPECIAL,
        random.standard_normal(6000) * 3,
        wide,
        -wide,
        random.uniform(-100, 100, 6000),
    ]
    return np.concatenate(parts).astype(dtype)


def arguments(count, dtype):
    x = draws(dtype)
    if count == 1:
        return (x,)
    a, b = np.meshgrid(np.array(SPECIAL, dtype), np.array(SPECIAL, dtype))
    order = np.random.default_rng(1).permutation(x.size)
    return np.append(x, a), np.append(x[order], b)


def same(z, expected):
    return (z == expected) | (np.isnan(z) & np.isnan(expected))


def error(z, exact, dtype):
    """The largest distance in ulp, where the result is a normal number; else z must be equal but
    for the last bits of numbers too small to be normal."""
    rounded = exact.astype(dtype)
    limits = np.finfo(dtype)
    normal = np.isfinite(rounded) & (np.abs(rounded) >= limits.tiny)
    tiny = np.abs(rounded) < limits.tiny
    close = tiny & (np.abs(z - rounded) <= 4 * limits.smallest_subnormal)
    assert (normal | same(z, rounded) | close).all()
    distance = np.abs(z[normal].astype(np.longdouble) - exact[normal])
    return float((distance / np.spacing(np.abs(rounded[normal]))).max())


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("op", BOUNDS)
@np.errstate(all="ignore")
def test_a_function_is_as_good_as_its_docstring_says(op, dtype):
    function = getattr(np, op)
    xs = arguments(function.nin, dtype)
    z = apply(op, *xs)
    wide = "f8" if dtype == "f4" else np.longdouble
    if op in ("floor", "ceil", "rint", "trunc") or wide == "f8" or np.longdouble(1).nbytes > 8:
        exact = function(*[x.astype(wide) for x in xs])
        assert error(z, exact, dtype) <= BOUNDS[op][dtype == "f8"]
        zero = (z == 0) & (exact == 0) & (function.nin == 1)
        assert (np.signbit(z) == np.signbit(exact))[zero].all()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("op", PREDICATES)
def test_a_question_has_numpys_answer(op, dtype):
    function = getattr(np, op)
    xs = arguments(function.nin, dtype)
    with np.errstate(all="ignore"):
        expected = function(*xs)
    np.testing.assert_array_equal(apply(op, *xs, dtype="b1"), expected)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_erf_and_sigmoid_against_many_digits(dtype):
    x = np.concatenate([np.linspace(-6.5, 6.5, 1201), [0.93, -0.93, 1e-8, 30, -30]]).astype(dtype)
    for op, exact, bound in [
        ("erf", mpmath.erf, 2.5),
        ("sigmoid", lambda v: 1 / (1 + mpmath.exp(-v)), 3),
    ]:
        with mpmath.workdps(40):
            expected = np.array([np.longdouble(str(exact(mpmath.mpf(float(v))))) for v in x])
        assert error(apply(op, x), expected, dtype) <= bound
    special = np.array([np.inf, -np.inf, np.nan, 0.0], dtype)
    np.testing.assert_array_equal(apply("erf", special), [1, -1, np.nan, 0])
    np.testing.assert_array_equal(apply("sigmoid", special), [1, 0, np.nan, 0.5])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@np.errstate(all="ignore")
def test_power(dtype):
    x, y = arguments(2, dtype)
    y = np.clip(np.where(np.arange(y.size) % 2, np.rint(y), y), -60, 60).astype(dtype)
    y[-576:] = arguments(2, dtype)[1][-576:]  # every pair of special values
    exact = np.power(x.astype("f8" if dtype == "f4" else np.longdouble), y)
    assert error(apply("power", x, y), exact, dtype) <= 1


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@np.errstate(all="ignore")
def test_logaddexp_and_floor_divide(dtype):
    x, y = arguments(2, dtype)
    close = np.finfo(dtype).eps
    expected = np.logaddexp(x, y)
    z = apply("logaddexp", x, y)
    np.testing.assert_allclose(z, expected, rtol=4 * close, atol=4 * close)
    np.testing.assert_array_equal(apply("floor_divide", x, y), np.floor_divide(x, y))


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"])
@np.errstate(all="ignore")
def test_integers(dtype):
    limits = np.iinfo(dtype)
    random = np.random.default_rng(0)
    some = [0, 1, 2, 3, 7, limits.max, limits.min, limits.max - 1]
    if limits.min:
        some += [-1, -2, -3, -7]
    some = np.concatenate([np.array(some, dtype), random.integers(0, 100, 9).astype(dtype)])
    x, y = (a.ravel() for a in np.meshgrid(some, some))
    for op in (
        "add", "subtract", "multiply", "maximum", "minimum", "fmax", "fmin", "remainder",
        "floor_divide", "bitwise_and", "bitwise_or", "bitwise_xor",
    ):  # fmt: skip
        expected = getattr(np, op)(x, y)
        assert apply(op, x, y).tolist() == expected.tolist(), op
    for op in ("negative", "absolute", "square", "sign", "invert", "positive"):
        assert apply(op, x).tolist() == getattr(np, op)(x).tolist(), op
    for op in ("greater", "less_equal", "equal", "not_equal", "logical_xor"):
        assert apply(op, x, y, dtype="b1").tolist() == getattr(np, op)(x, y).tolist(), op
    bits = (np.arange(x.size) % (8 * x.itemsize + 3)).astype(dtype)
    for op in ("left_shift", "right_shift"):
        assert apply(op, x, bits).tolist() == getattr(np, op)(x, bits).tolist(), op


def test_bools():
    x, y = np.array([0, 0, 1, 1], "?"), np.array([0, 1, 0, 1], "?")
    for op in ("add", "multiply", "maximum", "minimum", "bitwise_xor", "logical_and", "less"):
        np.testing.assert_array_equal(apply(op, x, y, dtype="b1"), getattr(np, op)(x, y))
    np.testing.assert_array_equal(apply("invert", x, dtype="b1"), ~x)


KINDS = ["b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]


@pytest.mark.parametrize("source", KINDS)
def test_casts(source):
    """Of values that the target can hold, to every dtype."""
    x = np.arange(37).astype(source) if source != "b1" else np.arange(37) % 3 == 0
    if source[0] == "i":
        x[::2] *= -1
    if source[0] == "f":
        x += np.array(0.75, source)
    for target in KINDS:
        fits = x if target[0] not in "u" else np.abs(x)
        np.testing.assert_array_equal(
            apply("cast", fits, dtype=target), fits.astype(target), f"{source} to {target}"
        )


@np.errstate(all="ignore")
def test_a_constant_nan_wins():
    p = Program((1,), (20,))
    x, out = np.arange(20, dtype="f4")[None], np.zeros((1, 20), "f4")
    p.store(p.step("maximum", p.load(x), p.const(np.nan), dtype="f4"), out)
    p.run()
    assert np.isnan(out).all()


def test_what_is_not_there_is_said_before_any_work():
    assert not steps.supported("bessel", ("f4",), "f4")
    assert not steps.supported("exp", ("c8",), "c8")
    assert not steps.supported("subtract", ("b1", "b1"), "b1")
    assert not steps.supported("bitwise_and", ("f4", "f4"), "f4")
    with pytest.raises(Unsupported, match="bessel"):
        apply("bessel", np.ones(3, "f4"))
