"""The kernels of the special functions, in units in the last place of mpmath's 40 digits."""

import numpy as np
import pytest

from sangja.ops import special_kernels

mpmath = pytest.importorskip("mpmath")
special = pytest.importorskip("scipy.special")


@pytest.fixture(autouse=True)
def quiet():
    """Kernels are called with floating-point warnings off, as every forward rule is."""
    with np.errstate(all="ignore"):
        yield


def errors(got, expected, floor=0.0):
    """|got − expected| in units in the last place of `expected` (at least of `floor`)."""
    found = []
    for z, e in zip(got, expected, strict=True):
        unit = np.spacing(got.dtype.type(max(abs(e), floor)))
        found.append(float(abs(mpmath.mpf(float(z)) - e)) / float(unit))
    return max(found)


def compute(reference, x):
    with mpmath.workdps(40):
        return [reference(mpmath.mpf(float(v))) for v in x]


def sample(low, high, dtype, n=700):
    return np.random.RandomState(0).uniform(low, high, n).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("name", "reference", "low", "high", "ulp", "floor"),
    [
        ("erf", "erf", -6, 6, 8, 0.0),
        ("erfc", "erfc", -4, 9, 10, 0.0),
        ("erfinv", "erfinv", -1, 1, 8, 0.0),
        ("lgamma", "loggamma", 1e-3, 20, 8, 0.0),
        ("lgamma", "loggamma", 20, 1e6, 8, 0.0),
        ("digamma", "digamma", 1e-3, 50, 8, 1.0),
    ],
)
def test_kernel_is_within_its_bound(name, reference, low, high, ulp, floor, dtype):
    x = sample(low, high, dtype)
    expected = compute(getattr(mpmath, reference), x)
    assert errors(getattr(special_kernels, name)(x), expected, floor) <= ulp


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_polygamma_is_within_its_bound(n):
    x = sample(0.01, 50, np.float64)
    expected = compute(lambda v: mpmath.psi(n, v), x)
    assert errors(special_kernels.polygamma(n, x), expected) <= 8


@pytest.mark.parametrize("n", [1, 2, 3])
def test_polygamma_of_negative_arguments(n):
    x = np.array([-0.5, -1.3, -7.9])
    expected = [float(v) for v in compute(lambda v: mpmath.psi(n, v), x)]
    np.testing.assert_allclose(special_kernels.polygamma(n, x), expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["lgamma", "digamma"])
def test_reflection_serves_negative_arguments(name):
    x = sample(-9.9, -0.1, np.float64)
    x = x[np.abs(x - np.rint(x)) > 1e-2]
    expected = {"lgamma": special.gammaln, "digamma": special.digamma}[name](x)
    np.testing.assert_allclose(getattr(special_kernels, name)(x), expected, rtol=1e-11, atol=1e-12)


def test_tiny_arguments_keep_all_digits():
    x = np.array([1e-300, 1e-30, 1e-8, -1e-8])
    np.testing.assert_allclose(special_kernels.erf(x), special.erf(x), rtol=5e-16)
    np.testing.assert_allclose(special_kernels.erfinv(x), special.erfinv(x), rtol=1e-15)


def test_special_points():
    ends = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0])
    np.testing.assert_array_equal(special_kernels.erf(ends), special.erf(ends))
    np.testing.assert_array_equal(special_kernels.erfc(ends), special.erfc(ends))
    np.testing.assert_array_equal(
        special_kernels.lgamma(ends),
        [np.inf, np.inf, np.nan, np.inf, np.inf],  # as C99 has it
    )
    np.testing.assert_array_equal(
        special_kernels.erfinv(np.array([1.0, -1.0, 1.5, np.nan])),
        [np.inf, -np.inf, np.nan, np.nan],
    )
    np.testing.assert_array_equal(
        special_kernels.digamma(np.array([0.0, -0.0, -3.0, np.inf])),
        [-np.inf, np.inf, np.nan, np.inf],
    )
    np.testing.assert_array_equal(special_kernels.lgamma(np.array([1.0, 2.0])), [0.0, 0.0])


@pytest.mark.parametrize("name", ["erf", "erfc", "erfinv", "lgamma", "digamma"])
def test_shapes_and_half_precision_are_kept(name):
    function = getattr(special_kernels, name)
    for shape in [(), (0,), (2, 0), (2, 3)]:
        assert function(np.full(shape, 0.5, np.float32)).shape == shape
    half = function(np.array([0.25, 0.75], np.float16))
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, function(np.array([0.25, 0.75])), rtol=1e-3)
