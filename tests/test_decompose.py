"""Decompositions: they multiply back, and what does not depend on signs has the right
derivatives."""

import numpy as np
import pytest

import sangja
from sangja.autograd import gradcheck, gradgradcheck
from sangja.linalg import LinAlgError


def drawn(*shape):
    array = np.random.RandomState(3).standard_normal(shape)
    return sangja.tensor(array, requires_grad=True)


def symmetric(x):
    return x + x.mT


def positive(x):
    return x @ x.mT + sangja.eye(x.shape[-1], dtype=sangja.float64)


def cholesky_of(x):
    return sangja.linalg.cholesky(positive(x))


def upper_cholesky_of(x):
    return sangja.linalg.cholesky(positive(x), upper=True)


def qr_of(x):
    return tuple(sangja.linalg.qr(x))


def projectors(x):
    """Of every eigenvector v the matrix v vᵀ, whatever its sign, and the eigenvalues."""
    values, vectors = sangja.linalg.eigh(symmetric(x))
    return values, vectors[..., :, None, :] * vectors[..., None, :, :]


def dyads(x):
    """Of every singular value s its u vᵀ, and s."""
    u, s, vh = sangja.linalg.svd(x, full_matrices=False)
    return s, u[..., :, :, None] * vh[..., None, :, :]


def eigenvalues(x):
    return sangja.linalg.eigvalsh(symmetric(x))


CASES = [
    (cholesky_of, (3, 3)),
    (cholesky_of, (2, 3, 3)),
    (upper_cholesky_of, (3, 3)),
    (qr_of, (3, 3)),
    (qr_of, (2, 4, 3)),
    (qr_of, (3, 5)),
    (projectors, (3, 3)),
    (projectors, (2, 3, 3)),
    (dyads, (3, 3)),
    (dyads, (2, 4, 3)),
    (dyads, (3, 5)),
    (eigenvalues, (2, 3, 3)),
]


@pytest.mark.parametrize(("function", "shape"), CASES)
def test_derivatives_of_decompositions(function, shape):
    x = drawn(*shape)
    assert gradcheck(function, (x,), fast_mode=True)
    assert gradgradcheck(function, (x,), fast_mode=True)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 3), (3, 5), (0, 3)])
def test_factors_multiply_back(shape):
    x = drawn(*shape)
    q, r = sangja.linalg.qr(x)
    u, s, vh = sangja.linalg.svd(x, full_matrices=False)
    for product in (q @ r, (u * s[..., None, :]) @ vh):
        np.testing.assert_allclose(product.detach().numpy(), x.detach().numpy(), atol=1e-12)
    whole = sangja.linalg.svd(x)
    assert whole.U.shape[-1] == shape[-2]
    assert whole.Vh.shape[-1] == shape[-1]


def test_eigenvectors_and_cholesky_multiply_back():
    a = positive(drawn(2, 3, 3)).detach()
    values, vectors = sangja.linalg.eigh(a)
    lower = sangja.linalg.cholesky(a)
    for product in ((vectors * values[..., None, :]) @ vectors.mT, lower @ lower.mT):
        np.testing.assert_allclose(product.numpy(), a.numpy(), atol=1e-12)
    np.testing.assert_allclose(sangja.linalg.eigvalsh(a).numpy(), values.numpy(), rtol=1e-12)


def test_matrices_that_cannot_be_taken_apart():
    with pytest.raises(LinAlgError, match="not positive-definite"):
        sangja.linalg.cholesky(sangja.tensor([[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(RuntimeError, match="unrecognized mode 'full'"):
        sangja.linalg.qr(drawn(2, 2), mode="full")
    with pytest.raises(RuntimeError, match="UPLO argument to be 'L' or 'U'"):
        sangja.linalg.eigh(drawn(2, 2), UPLO="D")
    with pytest.raises(RuntimeError, match="mode='reduced'"):
        sangja.linalg.qr(drawn(3, 2), mode="complete").Q.sum().backward()


def test_results_print_their_names():
    pair = sangja.tensor([1.0, 3.0]).max(0)
    assert repr(pair) == "sangja.return_types.max(\nvalues=tensor(3.),\nindices=tensor(1))"
    assert isinstance(pair, sangja.return_types.max)
    assert pair.values.item() == 3
    with pytest.raises(AttributeError):
        pair.median  # noqa: B018


@pytest.mark.parametrize(
    ("shape", "dim"),
    [((1_000_000, 4), 0), ((200_000, 3, 2), (0, 2)), ((20, 50_000), 1), ((1000, 1000), 0)],
)
def test_float32_sums_are_as_accurate_as_pairwise_ones(shape, dim):
    """NumPy's own sum errs by 10⁻⁵ along the first dimension here."""
    x = (np.random.RandomState(0).random_sample(shape) + 0.1).astype(np.float32)
    exact = x.sum(axis=dim, dtype=np.float64)
    for mean, scale in ((False, 1), (True, x.size / exact.size)):
        z = getattr(sangja.tensor(x), "mean" if mean else "sum")(dim).numpy() * scale
        assert np.max(np.abs(z - exact) / exact) < 6e-7


def test_gradients_of_broadcast_inputs_are_summed_as_accurately():
    x = sangja.ones(1_000_000, 1) * 0.1
    b = sangja.zeros(3, requires_grad=True)
    (x + b).backward(x.expand(-1, 3).contiguous())
    np.testing.assert_allclose(b.grad.numpy(), 1e5, rtol=6e-7)


@pytest.mark.parametrize("driver", [None, "gels", "gelsy", "gelsd", "gelss"])
@pytest.mark.parametrize("shape", [(5, 3), (3, 3), (2, 5, 3)])
def test_least_squares_equal_pytorch(driver, shape):
    torch = pytest.importorskip("torch")
    draw = np.random.RandomState(0)
    a, b = draw.randn(*shape), draw.randn(*shape[:-1], 2)
    found = []
    for module in (sangja, torch):
        x = module.tensor(a, requires_grad=True)
        y = module.tensor(b, requires_grad=True)
        got = module.linalg.lstsq(x, y, driver=driver)
        (got.solution**2).sum().backward()
        found.append([part.detach().numpy() for part in got] + [x.grad.numpy(), y.grad.numpy()])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-10)


def test_the_older_singular_values_without_vectors():
    x = sangja.tensor([[3.0, 0.0], [0.0, 4.0]])
    u, s, v = sangja.svd(x, compute_uv=False)
    assert s.tolist() == [4.0, 3.0]
    assert u.tolist() == v.tolist() == [[0.0, 0.0], [0.0, 0.0]]
