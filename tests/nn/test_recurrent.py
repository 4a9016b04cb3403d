"""Recurrent layers beside PyTorch's: first and second derivatives of every argument."""

import numpy as np
import pytest

import sangja
from sangja import nn
from sangja.autograd import grad, gradcheck, gradgradcheck
from sangja.core.errors import ShapeError
from sangja.ops.recurrent import gru_steps, lstm_steps, rnn_steps

torch = pytest.importorskip("torch")
KINDS = ["RNN", "RNN-relu", "LSTM", "GRU"]


def made(kind, **kwargs):
    """Both layers, in float64, of the same values."""
    name, _, nonlinearity = kind.partition("-")
    kwargs |= {"nonlinearity": nonlinearity} if nonlinearity else {}
    torch.manual_seed(0)
    theirs = getattr(torch.nn, name)(3, 4, **kwargs).double()
    mine = getattr(nn, name)(3, 4, **kwargs).double()
    mine.load_state_dict({k: sangja.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    return mine, theirs


def inputs(kind, rows, random):
    """x and the states to begin with, for both."""
    arrays = [random.uniform(-1, 1, (5, 2, 3))]
    arrays += [random.uniform(-1, 1, (rows, 2, 4)) for _ in range(2 if kind == "LSTM" else 1)]
    return (
        [sangja.tensor(a, requires_grad=True) for a in arrays],
        [torch.tensor(a, requires_grad=True) for a in arrays],
    )


def results(layer, given):
    """All results of a layer in one list."""
    z, last = layer(given[0], given[1] if len(given) == 2 else tuple(given[1:]))
    return [z, *(last if isinstance(last, tuple) else (last,))]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_first_and_second_derivative(kind, bias):
    mine, theirs = made(kind, bias=bias, num_layers=2, bidirectional=True)
    random = np.random.RandomState(0)
    x, y = inputs(kind, 4, random)
    p, q = [*x, *mine.parameters()], [*y, *theirs.parameters()]
    loss, wanted = 0, 0
    for a, b in zip(results(mine, x), results(theirs, y), strict=True):
        np.testing.assert_allclose(a.array, b.detach().numpy(), rtol=1e-12, atol=1e-14)
        g = random.uniform(-1, 1, a.shape)
        loss, wanted = loss + (a * sangja.tensor(g)).sum(), wanted + (b * torch.tensor(g)).sum()
    first = grad(loss, p, create_graph=True)
    first_wanted = torch.autograd.grad(wanted, q, create_graph=True)
    twice, twice_wanted = 0, 0
    for a, b in zip(first, first_wanted, strict=True):
        np.testing.assert_allclose(a.array, b.detach().numpy(), rtol=1e-10, atol=1e-12)
        twice, twice_wanted = twice + (a * a).sum(), twice_wanted + (b * b).sum()
    second, second_wanted = grad(twice, p), torch.autograd.grad(twice_wanted, q)
    for a, b in zip(second, second_wanted, strict=True):
        np.testing.assert_allclose(a.array, b.numpy(), rtol=1e-9, atol=1e-11)


def draws(*shapes):
    random = np.random.RandomState(0)
    return [sangja.tensor(random.uniform(-1, 1, s), requires_grad=True) for s in shapes]


STEPS = {
    "rnn": (lambda *a: rnn_steps(*a, rectified=False), [(3, 2, 2), (2, 2), (2, 2)]),
    "lstm": (lstm_steps, [(3, 1, 8), (1, 2), (1, 2), (8, 2)]),
    "gru": (gru_steps, [(3, 1, 6), (1, 2), (6, 2), (6,)]),
}


@pytest.mark.parametrize("name", STEPS)
def test_steps_by_finite_differences(name):
    function, shapes = STEPS[name]

    def flat(*args):
        z, last = function(*args)
        return (z, *last)

    assert gradcheck(flat, draws(*shapes))
    assert gradgradcheck(flat, draws(*shapes))


@pytest.mark.parametrize("kind", KINDS)
def test_equal_lengths_in_a_packed_sequence_are_the_layer(kind):
    layer, _ = made(kind)
    x = sangja.tensor(np.random.RandomState(0).randn(5, 2, 3))
    packed = nn.utils.rnn.pack_padded_sequence(x, [5, 5])
    z, _ = nn.utils.rnn.pad_packed_sequence(layer(packed)[0])
    np.testing.assert_array_equal(z.array, layer(x)[0].array)


def test_a_sequence_of_no_steps_is_refused():
    with pytest.raises(ShapeError, match="Expected sequence length to be larger than 0"):
        nn.LSTM(3, 4)(sangja.zeros(0, 2, 3))
