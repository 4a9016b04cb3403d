"""Recurrent layers by kernels, all steps in one program: PyTorch's and NumPy's numbers, to the
second derivative, whichever results are used, for every length and number of threads."""

import numpy as np
import pytest

import sangja
from sangja.backend.native import sequences, team
from sangja.backends import native

torch = pytest.importorskip("torch")
pytest.importorskip("llvmlite")
TOLERANCE = {"float32": 5e-6, "float64": 1e-13}  # of the largest number in a result
# Steps, samples, features, width: around the ends of vectors and tiles, one sample, one step.
SIZES = [
    (50, 32, 20, 64),
    (7, 3, 5, 100),
    (9, 1, 5, 300),
    (4, 33, 4, 37),
    (1, 64, 8, 65),
    (70, 5, 3, 7),
]


@pytest.fixture
def walks(monkeypatch):
    """How many programs have run."""
    count = []
    run = sequences.Walk.__call__

    def counted(self, *arrays):
        count.append(self)
        return run(self, *arrays)

    monkeypatch.setattr(sequences.Walk, "__call__", counted)
    return count


def draw(*shape, seed=0):
    return np.random.RandomState(seed).randn(*shape)


def layer_of(module, kind, size, dtype, **settings):
    """A layer with drawn weights, its input and its first states."""
    steps, samples, features, width = size
    dtype = getattr(module, dtype)
    layer = getattr(module.nn, kind)(features, width, dtype=dtype, **settings)
    with module.no_grad():
        for seed, p in enumerate(layer.parameters()):
            p.copy_(module.tensor(draw(*p.shape, seed=seed) / np.sqrt(width), dtype=dtype))
    many = settings.get("num_layers", 1) * (1 + settings.get("bidirectional", False))
    shapes = [(steps, samples, features)] + [(many, samples, width)] * (1 + (kind == "LSTM"))
    made = [
        module.tensor(draw(*shape, seed=50 + k), dtype=dtype, requires_grad=True)
        for k, shape in enumerate(shapes)
    ]
    return layer, made[0], tuple(made[1:]) if kind == "LSTM" else made[1]


def both_ways(module, kind, size, dtype="float64", use=(0, 1, 2), **settings):
    """Results and gradients where the loss uses some of output, last h and last c."""
    layer, x, state = layer_of(module, kind, size, dtype, **settings)
    z, last = layer(x, state)
    results = [z, *last] if kind == "LSTM" else [z, last]
    loss = sum((results[i] ** 2).sum() * (i + 1) for i in use if i < len(results))
    loss.backward()
    leaves = [x, *(state if kind == "LSTM" else [state]), *layer.parameters()]
    return [v.detach().numpy() for v in results], [
        np.zeros(v.shape) if v.grad is None else v.grad.numpy() for v in leaves
    ]


def close(found, expected, dtype):
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        bound = TOLERANCE[dtype] * max(np.abs(theirs).max(), 1e-3)
        assert np.abs(ours - theirs).max() <= bound


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_a_layer_as_pytorch_and_numpy_have_it(kind, dtype, size, walks):
    found = both_ways(sangja, kind, size, dtype)
    assert len(walks) == 2  # there and back
    with native.flags(False):
        plain = both_ways(sangja, kind, size, dtype)
    assert len(walks) == 2
    theirs = both_ways(torch, kind, size, dtype)
    for ours in (found, plain):
        close(ours[0], theirs[0], dtype)
        close(ours[1], theirs[1], dtype)


@pytest.mark.parametrize("use", [(0,), (1,), (2,), (0, 2)], ids=str)
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_what_nobody_used_has_no_gradient(kind, use, walks):
    if kind == "GRU" and use == (2,):
        use = (0, 1)
    size = (12, 6, 5, 40)
    found, theirs = (both_ways(m, kind, size, use=use) for m in (sangja, torch))
    assert len(walks) == 2
    close(found[1], theirs[1], "float64")


@pytest.mark.parametrize(
    "settings",
    [{"bias": False}, {"num_layers": 2}, {"bidirectional": True}],
    ids=lambda s: "".join(s),
)
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_layers_of_every_kind(kind, settings, walks):
    size = (12, 6, 5, 40)
    found, theirs = (both_ways(m, kind, size, **settings) for m in (sangja, torch))
    assert len(walks) == (2 if "bias" in settings else 4)
    close(found[0], theirs[0], "float64")
    close(found[1], theirs[1], "float64")


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_the_second_derivative(kind, walks):
    """Of a loss of first derivatives, which asks for those of the gates, too."""
    found = []
    for module in (sangja, torch):
        layer, x, state = layer_of(module, kind, (8, 6, 4, 43), "float64")
        leaves = [x, *(state if kind == "LSTM" else [state]), *layer.parameters()]
        z, _ = layer(x, state)
        first = module.autograd.grad((z**3).sum(), leaves, create_graph=True)
        second = module.autograd.grad(sum((g**2).sum() for g in first), leaves)
        found.append([v.detach().numpy() for v in (*first, *second)])
    assert walks  # the steps forward; derivatives that are remembered are single operations
    close(*found, "float64")


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_the_number_of_threads_changes_nothing(kind):
    before, found = team.get_num_threads(), set()
    gates = 4 if kind == "LSTM" else 3
    x, h, w = draw(9, 40, gates * 110), draw(40, 110, seed=1), draw(gates * 110, 110, seed=2)
    for threads in (1, 2, 3, 4):
        team.set_num_threads(threads)
        if kind == "LSTM":
            made = sequences.lstm(x, h, h, w)
            back = sequences.lstm_gradients(*made, h, w, *made[1:])
        else:
            made = sequences.gru(x, h, w, w[:, 0])
            back = sequences.gru_gradients(made[0], None, None, h, w, *made)
        found.add(b"".join(a.tobytes() for a in (*made, *back)))
    team.set_num_threads(before)
    assert len(found) == 1


def test_few_numbers_and_other_dtypes_stay_with_numpy(walks):
    for size, dtype in (((2, 3, 4, 10), "float32"), ((20, 8, 4, 20), "float16")):
        layer, x, state = layer_of(sangja, "GRU", size, "float32")
        if dtype == "float16":
            layer, x, state = layer.half(), x.half(), state.half()
        layer(x, state)[0].sum().backward()
    assert not walks


def test_operands_that_do_not_fit_each_other_are_refused():
    x, h, w = draw(20, 8, 160), draw(8, 40), draw(160, 40)
    assert sequences.lstm(x, h, h, w) is not None
    assert sequences.lstm(x, h, h, w[:, 1:]) is None
    assert sequences.lstm(x[:, 1:], h, h, w) is None
    assert sequences.lstm(x[..., 4:], h, h, w) is None


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_a_compiled_step_has_the_same_numbers(kind):
    layer, x, state = layer_of(sangja, kind, (6, 8, 5, 48), "float64")

    @sangja.compile
    def step(x):
        for p in layer.parameters():
            p.grad = None
        loss = (layer(x, state)[0] ** 2).sum()
        loss.backward()
        return loss

    step(x.detach())
    loss, grads = step(x.detach()).item(), [p.grad.numpy().copy() for p in layer.parameters()]
    for p in layer.parameters():
        p.grad = None
    eager = (layer(x.detach(), state)[0] ** 2).sum()
    eager.backward()
    close([np.array(loss)], [eager.detach().numpy()], "float64")
    close(grads, [p.grad.numpy() for p in layer.parameters()], "float64")
