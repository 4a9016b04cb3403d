"""Derivatives of and through complex numbers, beside PyTorch's: first and second."""

import numpy as np
import pytest

import sangja

torch = pytest.importorskip("torch")

random = np.random.RandomState(0)
X = random.randn(3, 3) + 1j * random.randn(3, 3)
Y = random.randn(3, 3) + 1j * random.randn(3, 3)
A, B = random.randn(3, 3), random.randn(3, 3)
FUNCTIONS = {
    "add": (lambda m, x, y: x + 2 * y, X, Y),
    "multiply": (lambda m, x, y: x * y, X, Y),
    "multiply by real": (lambda m, x, y: x * y, X, A),
    "divide": (lambda m, x, y: x / y, X, Y),
    "power": (lambda m, x: x**3, X),
    "matmul": (lambda m, x, y: x @ y, X, Y),
    "reciprocal": (lambda m, x: m.reciprocal(x), X),
    "square": (lambda m, x: m.square(x), X),
    "exp": (lambda m, x: m.exp(x), X),
    "log": (lambda m, x: m.log(x), X),
    "sqrt": (lambda m, x: m.sqrt(x), X),
    "sin": (lambda m, x: m.sin(x), X),
    "tanh": (lambda m, x: m.tanh(x), X),
    "abs": (lambda m, x: m.abs(x), X),
    "abs of a product": (lambda m, x, y: (x * y).abs(), X, Y),
    "angle": (lambda m, x: m.angle(x), X),
    "sgn": (lambda m, x: m.sgn(x), X),
    "real": (lambda m, x: x.real * 2, X),
    "imag": (lambda m, x: x.imag * 2, X),
    "conj": (lambda m, x, y: x.conj() * y, X, Y),
    "complex": (lambda m, a, b: m.complex(a, b) ** 2, A, B),
    "polar": (lambda m, a, b: m.polar(a, b) ** 2, np.abs(A), B),
    "view_as_real": (lambda m, x: m.view_as_real(x * x), X),
    "view_as_complex": (lambda m, a: m.view_as_complex(a) ** 2, random.randn(3, 2)),
    "sum": (lambda m, x: (x * x).sum(0), X),
    "mean": (lambda m, x: (x * x).mean(), X),
    "cat": (lambda m, x, y: m.cat([x, y * y]), X, Y),
    "index": (lambda m, x: x[[0, 0, 2]] * x[1], X),
    "transpose": (lambda m, x, y: x.mH @ y, X, Y),
    "cumsum": (lambda m, x: (x * x).cumsum(0), X),
    "norm": (lambda m, x: m.linalg.vector_norm(x * x), X),
    "einsum": (lambda m, x, y: m.einsum("ij,kj->ik", x, y), X, Y),
    "inv": (lambda m, x: m.linalg.inv(x), X),
    "det": (lambda m, x: m.linalg.det(x), X),
    "solve": (lambda m, x, y: m.linalg.solve(x, y), X, Y),
    "fft": (lambda m, x: m.fft.fft(x) ** 2, X),
    "fft of real": (lambda m, a: m.fft.fft(a, 5, 0, "ortho") ** 2, A),
    "ifft": (lambda m, x: m.fft.ifft(x, 2) ** 2, X),
    "fft2": (lambda m, x: m.fft.fft2(x, norm="forward") ** 2, X),
    "rfft": (lambda m, a: m.fft.rfft(a) ** 2, A),
    "rfft of even": (lambda m, a: m.fft.rfft(a, 4).abs(), A),
    "irfft": (lambda m, x: m.fft.irfft(x) ** 2, X),
    "irfft of odd": (lambda m, x: m.fft.irfft(x, 5) ** 2, X),
    "irfft cut": (lambda m, x: m.fft.irfft(x, 2) ** 2, X),
    "rfft2": (lambda m, a: m.fft.rfft2(a).real ** 2, A),
    "irfftn": (lambda m, x: m.fft.irfftn(x, (4, 3)) ** 2, X),
    "hfft": (lambda m, x: m.fft.hfft(x) ** 2, X),
    "ihfft": (lambda m, a: m.fft.ihfft(a, norm="ortho") ** 2, A),
    "a filter": (lambda m, a, b: m.fft.irfft(m.fft.rfft(a) * m.fft.rfft(b), 3), A, B),
}


def derivatives(module, function, arrays, weights):
    """The result, the first derivatives along `weights`, and those of their sum of squares."""
    inputs = [module.tensor(a.copy(), requires_grad=True) for a in arrays]
    z = function(module, *inputs)
    found = [z.detach().numpy(force=True)]
    first = module.autograd.grad(
        z, inputs, module.tensor(weights(z.detach().numpy(force=True))), create_graph=True
    )
    found += [d.detach().numpy(force=True) for d in first]
    total = sum((d.abs() ** 2).sum() for d in first)
    if total.requires_grad:
        total.backward()
        for x in inputs:
            found.append(np.zeros(x.shape) if x.grad is None else x.grad.numpy(force=True))
    return found


def weights(z):
    draw = np.random.RandomState(1)
    w = draw.randn(*z.shape) + 1j * draw.randn(*z.shape)
    return np.asarray(w if z.dtype.kind == "c" else w.real).astype(z.dtype)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_first_and_second_derivatives_equal_pytorch(name):
    function, *arrays = FUNCTIONS[name]
    got = derivatives(sangja, function, arrays, weights)
    expected = derivatives(torch, function, arrays, weights)
    assert len(got) == len(expected)
    for mine, theirs in zip(got, expected, strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-10)


def test_hooks_and_kept_gradients_see_what_pytorch_shows():
    seen = []
    for module in (sangja, torch):
        x = module.tensor(X.copy(), requires_grad=True)
        y = x * x
        y.retain_grad()
        y.register_hook(lambda g: g * 1j)
        x.register_hook(lambda g: seen.append(g.numpy(force=True)))
        (y * module.tensor(Y)).abs().sum().backward()
        seen.append(y.grad.numpy(force=True))
        seen.append(x.grad.numpy(force=True))
    for mine, theirs in zip(seen[:3], seen[3:], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-10)


def test_a_function_of_the_users_own_gets_and_gives_pytorchs_gradients():
    grads = []
    for module in (sangja, torch):

        class Product(module.autograd.Function):
            @staticmethod
            def forward(ctx, x, y):
                ctx.save_for_backward(x, y)
                return x * y

            @staticmethod
            def backward(ctx, g):
                x, y = ctx.saved_tensors
                return g * y.conj(), g * x.conj()

        x = module.tensor(X.copy(), requires_grad=True)
        y = module.tensor(Y.copy(), requires_grad=True)
        Product.apply(x, y).abs().sum().backward()
        grads.append((x.grad.numpy(force=True), y.grad.numpy(force=True)))
    for mine, theirs in zip(*grads, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-10)


def test_the_slope_of_abs_and_sgn_at_zero():
    for name in ("abs", "sgn"):
        grads = []
        for module in (sangja, torch):
            x = module.tensor(np.zeros(2, complex), requires_grad=True)
            getattr(module, name)(x).abs().sum().backward()
            grads.append(x.grad.numpy(force=True))
        np.testing.assert_array_equal(grads[0], grads[1])
