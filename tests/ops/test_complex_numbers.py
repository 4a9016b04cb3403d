"""Complex tensors: views of their parts, writes through them, gradients."""

import numpy as np
import pytest

import sangja

torch = pytest.importorskip("torch")

VALUES = np.array([[1 + 2j, -3 - 1j, 0.5j], [2.0, -1 + 1j, 4 - 2j]])
FUNCTIONS = {
    "real": lambda t, x: x.real,
    "imag": lambda t, x: x.imag * x.imag,
    "view_as_real": lambda t, x: t.view_as_real(x).pow(2),
    "round trip": lambda t, x: t.view_as_complex(t.view_as_real(x) * 2).real,
    "transposed": lambda t, x: t.view_as_real(x.t()).sin(),
    "angle": lambda t, x: x.angle(),
    "conj": lambda t, x: x.conj().imag.pow(2),
    "conj_physical": lambda t, x: x.conj_physical().imag,
    "complex": lambda t, x: t.complex(x.real, x.imag.sin()).imag,
    "polar": lambda t, x: t.view_as_real(t.polar(x.real.exp(), x.imag)).pow(2)[..., 0],
    "resolve_conj": lambda t, x: x.conj().resolve_conj().imag,
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_values_and_gradients_equal_pytorch(function):
    found = []
    for module in (sangja, torch):
        x = module.tensor(VALUES, requires_grad=True)
        y = function(module, x)
        weight = module.arange(1.0, y.numel() + 1, dtype=module.float64).reshape(y.shape)
        (y * weight).sum().backward()
        found.append((y.detach().numpy(), x.grad.resolve_conj().numpy()))
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)


def test_the_angle_of_zero_has_no_gradient():
    for module in (sangja, torch):
        x = module.zeros(2, dtype=module.complex64, requires_grad=True)
        x.angle().sum().backward()
        assert x.grad.tolist() == [0, 0]


def test_parts_share_memory():
    x = sangja.tensor(VALUES)
    x.real.zero_()
    sangja.view_as_real(x)[0, 0, 1] = 7.0
    np.testing.assert_array_equal(x.numpy(), [[7j, -1j, 0.5j], [0, 1j, -2j]])
    assert x._version == 2
    pairs = sangja.zeros(3, 2)
    sangja.view_as_complex(pairs).fill_(1 + 2j)
    assert pairs.tolist() == [[1.0, 2.0]] * 3


def test_writes_through_a_part_are_differentiated():
    found = []
    for module in (sangja, torch):
        x = module.tensor(VALUES, requires_grad=True)
        y = x * 1
        y.real.mul_(3)
        (y.real * y.imag).sum().backward()
        found.append(x.grad.numpy())
    np.testing.assert_allclose(*found)


def test_views_refuse_what_pytorch_refuses():
    for module in (sangja, torch):
        with pytest.raises(RuntimeError, match="last dimension with stride 1"):
            module.view_as_complex(module.zeros(2, 3).t())
        with pytest.raises(RuntimeError, match="stride divisible by 2"):
            module.view_as_complex(module.zeros(9).as_strided((2, 2), (3, 1)))


ON_COMPLEX = {
    "mul": lambda t, x, y: x * y,
    "div": lambda t, x, y: x / y,
    "add": lambda t, x, y: x + 2 * y,
    "times i": lambda t, x, y: x * 3j,
    "with real": lambda t, x, y: x * y.real,
    "square": lambda t, x, y: x**2,
    "exp": lambda t, x, y: x.exp(),
    "log": lambda t, x, y: x.log(),
    "sqrt": lambda t, x, y: x.sqrt(),
    "sin": lambda t, x, y: x.sin(),
    "tanh": lambda t, x, y: x.tanh(),
    "reciprocal": lambda t, x, y: y.reciprocal(),
    "matmul": lambda t, x, y: x @ y.t(),
    "mean": lambda t, x, y: x.mean(0),
    "cumsum": lambda t, x, y: x.cumsum(1),
    "prod": lambda t, x, y: x.prod(1),
    "index": lambda t, x, y: x[t.tensor([1, 0, 1])] * y[:1],
    "cat": lambda t, x, y: t.cat([x, y]) * 2j,
    "where": lambda t, x, y: t.where(x.real > 0, x * y, y),
    "in place": lambda t, x, y: (x * 1).mul_(y),
    "conj": lambda t, x, y: x.conj() * y,
    "abs": lambda t, x, y: (x * y).abs() * x,
}


@pytest.mark.parametrize("function", ON_COMPLEX.values(), ids=ON_COMPLEX)
def test_gradients_of_functions_of_complex_numbers_equal_pytorch(function):
    found = []
    for module in (sangja, torch):
        x = module.tensor(VALUES, requires_grad=True)
        y = module.tensor(VALUES[::-1] * (1 + 0.5j) + 1, requires_grad=True)
        z = function(module, x, y)
        weight = module.arange(1.0, z.numel() + 1, dtype=module.float64).reshape(z.shape)
        ((z.real - 2 * z.imag) * weight).sum().backward()
        grads = [None if v.grad is None else v.grad.resolve_conj().numpy() for v in (x, y)]
        found.append((z.detach().resolve_conj().numpy(), *grads))
    for mine, theirs in zip(*found, strict=True):
        assert (mine is None) == (theirs is None)
        if mine is not None:
            np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-12)


def test_second_derivatives_of_functions_of_complex_numbers():
    found = []
    for module in (sangja, torch):
        x = module.tensor(VALUES, requires_grad=True)
        loss = (x**3 * (1 + 2j)).imag.sum()
        (first,) = module.autograd.grad(loss, x, create_graph=True)
        (second,) = module.autograd.grad((first.real * first.imag).sum(), x)
        found.append(second.resolve_conj().numpy())
    np.testing.assert_allclose(*found, rtol=1e-10)
