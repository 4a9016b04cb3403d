"""The special functions' kernels against SciPy, in units in the last place."""

import numpy as np
import pytest

from sangja.ops import special_kernels

special = pytest.importorskip("scipy.special")

DTYPES = (np.float32, np.float64)


def errors(got, expected, floor=0.0):
    """|got − expected| in units in the last place of `expected` (at least of `floor`)."""
    spacing = np.spacing(np.maximum(np.abs(expected), floor).astype(got.dtype))
    return np.abs(got.astype(np.float64) - expected) / spacing


def sample(low, high, dtype, n=20000):
    return np.random.RandomState(0).uniform(low, high, n).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "reference", "low", "high", "ulp"),
    [
        ("erf", special.erf, -6, 6, 2),
        ("erfc", special.erfc, -4, 9, 6),
        ("erfinv", special.erfinv, -1, 1, 4),
        ("lgamma", special.gammaln, 1e-3, 20, 8),
        ("lgamma", special.gammaln, 20, 1e6, 8),
    ],
)
def test_kernel_is_within_its_bound(name, reference, low, high, ulp, dtype):
    x = sample(low, high, dtype)
    assert errors(getattr(special_kernels, name)(x), reference(x.astype(np.float64))).max() <= ulp


@pytest.mark.parametrize("dtype", DTYPES)
def test_digamma_is_within_its_bound_for_positive_arguments(dtype):
    x = sample(1e-3, 50, dtype)
    found = errors(special_kernels.digamma(x), special.digamma(x.astype(np.float64)), floor=1.0)
    assert found.max() <= 8


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_polygamma_is_within_its_bound_for_positive_arguments(n):
    x = sample(0.01, 50, np.float64)
    assert errors(special_kernels.polygamma(n, x), special.polygamma(n, x)).max() <= 16


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
    np.testing.assert_array_equal(special_kernels.lgamma(ends), special.gammaln(ends))
    np.testing.assert_array_equal(
        special_kernels.erfinv(np.array([1.0, -1.0, 1.5, np.nan])), [np.inf, -np.inf, np.nan, np.nan]
    )
    np.testing.assert_array_equal(
        special_kernels.digamma(np.array([0.0, -0.0, -3.0, np.inf])), [-np.inf, np.inf, np.nan, np.inf]
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
