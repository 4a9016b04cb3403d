"""Derivatives of and through complex matrices, beside PyTorch's: first and second."""

import numpy as np
import pytest

import sangja
from sangja.core.errors import GradientError

torch = pytest.importorskip("torch")

random = np.random.RandomState(0)
X = random.randn(3, 3) + 1j * random.randn(3, 3)
Y = random.randn(3, 2) + 1j * random.randn(3, 2)
Y4 = random.randn(4, 2) + 1j * random.randn(4, 2)
TALL = random.randn(2, 4, 3) + 1j * random.randn(2, 4, 3)
WIDE = TALL.swapaxes(-1, -2).copy()
V = random.randn(2, 3) + 1j * random.randn(2, 3)


def hermitian(x):
    return x @ x.mH + (x + x.mH)


def positive(x):
    return x @ x.mH


def vectors_of(pair):
    """What does not change with the phases of the eigenvectors."""
    values, v = pair
    return (v * values**2) @ v.mH, v.abs()


def eigenvectors_of(pair):
    values, v = pair
    return values, v.abs()


def older(triple):
    u, s, v = triple
    return u, s, v.mH


def singular_vectors_of(triple):
    u, s, vh = triple
    return (u * s.exp()[..., None, :]) @ vh, u.abs(), vh.abs()


FUNCTIONS = {
    "cholesky": (lambda m, x: m.linalg.cholesky(positive(x)), X),
    "cholesky of itself": (lambda m, x: m.linalg.cholesky(x), X @ X.conj().T),
    "upper cholesky": (lambda m, x: m.linalg.cholesky(positive(x), upper=True), X),
    "upper cholesky of itself": (lambda m, x: m.linalg.cholesky(x, upper=True), X @ X.conj().T),
    "eigh": (lambda m, x: vectors_of(m.linalg.eigh(hermitian(x))), X),
    "eigh values": (lambda m, x: m.linalg.eigh(hermitian(x))[0], X),
    "eigvalsh": (lambda m, x: m.linalg.eigvalsh(x), X + X.conj().T),
    "upper eigvalsh": (lambda m, x: m.linalg.eigvalsh(x, UPLO="U"), X + X.conj().T),
    "eig": (lambda m, x: eigenvectors_of(m.linalg.eig(x)), X),
    "eig of real": (lambda m, x: eigenvectors_of(m.linalg.eig(x)), TALL.real[0, :3]),
    "eigvals": (lambda m, x: m.linalg.eigvals(x), X),
    "eigvals of real": (lambda m, x: m.linalg.eigvals(x), TALL.real[0, :3]),
    "cond": (lambda m, x: m.linalg.cond(x), TALL),
    "lstsq": (lambda m, x, y: m.linalg.lstsq(x, y)[0], TALL[0], Y4),
    "svd in the older order": (lambda m, x: singular_vectors_of(older(m.svd(x))), TALL),
    "qr in the older order": (lambda m, x: tuple(m.qr(x)), TALL),
    "svd": (lambda m, x: singular_vectors_of(m.linalg.svd(x, full_matrices=False)), X),
    "svd of tall": (lambda m, x: singular_vectors_of(m.linalg.svd(x, full_matrices=False)), TALL),
    "svd of wide": (lambda m, x: singular_vectors_of(m.linalg.svd(x, full_matrices=False)), WIDE),
    "svdvals": (lambda m, x: m.linalg.svdvals(x), TALL),
    "qr": (lambda m, x: tuple(m.linalg.qr(x)), X),
    "qr of tall": (lambda m, x: tuple(m.linalg.qr(x)), TALL),
    "qr of wide": (lambda m, x: tuple(m.linalg.qr(x)), WIDE),
    "pinv": (lambda m, x: m.linalg.pinv(x), X),
    "pinv of tall": (lambda m, x: m.linalg.pinv(x), TALL),
    "pinv of wide": (lambda m, x: m.linalg.pinv(x), WIDE),
    "pinv of hermitian": (lambda m, x: m.linalg.pinv(x @ x.mH, hermitian=True), X),
    "inv": (lambda m, x: m.linalg.inv(x), X),
    "solve": (lambda m, x, y: m.linalg.solve(x, y), X, Y),
    "solve from the right": (lambda m, x, y: m.linalg.solve(x, y.mH, left=False), X, Y),
    "solve_triangular": (lambda m, x, y: m.linalg.solve_triangular(x, y, upper=True), X, Y),
    "det": (lambda m, x: m.linalg.det(x), X),
    "slogdet": (lambda m, x: tuple(m.linalg.slogdet(x)), X),
    "sign of det": (lambda m, x: m.linalg.slogdet(x)[0], X),
    "logdet": (lambda m, x: m.logdet(x), X),
    "matrix_exp": (lambda m, x: m.linalg.matrix_exp(x), X),
    "matrix_power": (lambda m, x: m.linalg.matrix_power(x, -2), X),
    "cross": (lambda m, x: m.linalg.cross(x, x.mH), X),
    "vecdot": (lambda m, x: m.linalg.vecdot(x, x.mT), X),
    "cov": (lambda m, x: m.cov(x), TALL[0]),
    "corrcoef": (lambda m, x: m.corrcoef(x), WIDE[0]),
    "dist": (lambda m, x, y: m.dist(x, y), X[:2], V),
    "var": (lambda m, x: m.var(x, 0), X),
    "var of all": (lambda m, x: m.var(x * x, correction=0), X),
    "std": (lambda m, x: m.std(x * x, 1), X),
    "var_mean": (lambda m, x: tuple(m.var_mean(x, 0)), X),
    "std_mean": (lambda m, x: tuple(m.std_mean(x, -1, keepdim=True)), X),
}
for p in (0.5, 1, 2, 3, np.inf, -np.inf):
    FUNCTIONS[f"vector norm {p}"] = (lambda m, x, p=p: m.linalg.vector_norm(x, p, 0), X)
for p in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
    FUNCTIONS[f"matrix norm {p}"] = (lambda m, x, p=p: m.linalg.matrix_norm(x, p), TALL)


def derivatives(module, function, arrays):
    """The results, the first derivatives along fixed weights, and those of their squares' sum."""
    inputs = [module.tensor(a.copy(), requires_grad=True) for a in arrays]
    results = function(module, *inputs)
    results = results if isinstance(results, tuple) else (results,)
    draw = np.random.RandomState(1)
    weights = []
    for z in results:
        w = draw.randn(*z.shape) + 1j * draw.randn(*z.shape)
        w = w if z.detach().numpy(force=True).dtype.kind == "c" else w.real
        weights.append(module.tensor(np.asarray(w)))
    first = module.autograd.grad(results, inputs, weights, create_graph=True)
    found = [z.detach().numpy(force=True) for z in (*results, *first)]
    total = sum((d.abs() ** 2).sum() for d in first)
    if total.requires_grad:
        total.backward()
        for x in inputs:
            found.append(np.zeros(x.shape) if x.grad is None else x.grad.numpy(force=True))
    return found


@pytest.mark.filterwarnings("ignore:torch.qr is deprecated")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_first_and_second_derivatives_equal_pytorch(name):
    function, *arrays = FUNCTIONS[name]
    got = derivatives(sangja, function, arrays)
    expected = derivatives(torch, function, arrays)
    assert len(got) == len(expected)
    for mine, theirs in zip(got, expected, strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_allclose(mine, theirs, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", ["eigh", "svd"])
def test_a_loss_that_feels_the_phase_of_the_vectors_is_refused(name):
    for module, error in ((sangja, GradientError), (torch, RuntimeError)):
        x = module.tensor(X + X.conj().T, requires_grad=True)
        vectors = module.linalg.eigh(x)[1] if name == "eigh" else module.linalg.svd(x)[0]
        weights = module.tensor(X * 1j)
        with pytest.raises(error, match=r"specified up to multiplication by e\^"):
            (vectors * weights).real.sum().backward()
