"""Optimizers beside PyTorch's over ten steps, and against their formulas."""

import copy

import numpy as np
import pytest

import sangja
from sangja import optim
from sangja.core.errors import ArgumentError, ArgumentTypeError, DTypeError, InplaceError

torch = pytest.importorskip("torch")

BOUND = (
    8 * np.finfo(np.float32).eps
)  # PyTorch's fused multiply-add rounds once where we round twice
CASES = [
    ("SGD", {}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.1, "amsgrad": True}),
    ("Adam", {"betas": (0.5, 0.6), "eps": 1e-3, "maximize": True}),
    ("AdamW", {"lr": 0.1}),
    ("AdamW", {"lr": 0.1, "amsgrad": True, "maximize": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5}),
    ("Adadelta", {}),
    ("Adadelta", {"weight_decay": 0.1, "maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.9}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"centered": True, "momentum": 0.9, "weight_decay": 0.1}),
    ("Adamax", {"weight_decay": 0.1}),
    ("NAdam", {"weight_decay": 0.1}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {}),
    ("RAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True, "betas": (0.9, 0.9)}),
    ("ASGD", {"t0": 2, "lambd": 0.1}),
    ("Rprop", {}),
]


def pair(name, settings, dtype=np.float32):
    random = np.random.RandomState(0)
    data = [random.uniform(-1, 1, shape).astype(dtype) for shape in ((5, 7), (7,))]
    mine = [sangja.nn.Parameter(sangja.tensor(d)) for d in data]
    theirs = [torch.nn.Parameter(torch.tensor(d)) for d in data]
    return (
        mine,
        theirs,
        getattr(optim, name)(mine, **settings),
        getattr(torch.optim, name)(theirs, **settings),
    )


def give_gradients(mine, theirs, random):
    for p, q in zip(mine, theirs, strict=True):
        g = random.uniform(-1, 1, p.shape).astype(p.array.dtype)
        p.grad, q.grad = sangja.tensor(g), torch.tensor(g)


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_ten_steps(name, settings):
    mine, theirs, a, b = pair(name, settings)
    assert repr(a) == repr(b)
    random = np.random.RandomState(1)
    for _ in range(10):
        give_gradients(mine, theirs, random)
        a.step()
        b.step()
    for p, q in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(p.array, q.detach().numpy(), rtol=BOUND, atol=BOUND)
    ours, wanted = a.state_dict(), b.state_dict()
    assert ours["param_groups"] == wanted["param_groups"]
    assert ours["state"].keys() == wanted["state"].keys()
    for key, entries in wanted["state"].items():
        assert list(ours["state"][key]) == list(entries)
        for entry, value in entries.items():
            got = ours["state"][key][entry]
            assert got.array.dtype.name == str(value.dtype).removeprefix("torch.")
            np.testing.assert_allclose(got.array, value.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "NAdam", "Rprop", "ASGD"])
def test_float64_agrees_to_the_last_bits(name):
    mine, theirs, a, b = pair(name, {"lr": 0.05}, np.float64)
    random = np.random.RandomState(1)
    for _ in range(10):
        give_gradients(mine, theirs, random)
        a.step()
        b.step()
    tolerance = 1e-6 if name in ("NAdam", "ASGD") else 1e-14  # those keep a factor in float32
    for p, q in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(p.array, q.detach().numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_state_goes_over_from_pytorch(name, settings):
    mine, theirs, a, b = pair(name, settings)
    random = np.random.RandomState(1)
    for _ in range(3):
        give_gradients(mine, theirs, random)
        b.step()
    saved = b.state_dict()
    saved["state"] = {
        key: {entry: sangja.tensor(value.numpy()) for entry, value in entries.items()}
        for key, entries in saved["state"].items()
    }
    a.load_state_dict(saved)
    for p, q in zip(mine, theirs, strict=True):
        p.array[...] = q.detach().numpy()
    give_gradients(mine, theirs, random)
    a.step()
    b.step()
    for p, q in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(p.array, q.detach().numpy(), rtol=BOUND, atol=BOUND)


def test_loading_copies_the_state():
    mine, theirs, a, _ = pair("Adam", {})
    give_gradients(mine, theirs, np.random.RandomState(0))
    a.step()
    saved = a.state_dict()
    before = copy.deepcopy(saved["state"][0]["exp_avg"].array)
    other = optim.Adam(mine)
    other.load_state_dict(saved)
    other.step()
    np.testing.assert_array_equal(saved["state"][0]["exp_avg"].array, before)


def test_sgd_closed_form():
    """On f(p) = p²/2 gradient descent is pₜ = (1 − lr)ᵗ p₀."""
    p = sangja.nn.Parameter(sangja.tensor([2.0], dtype=sangja.float64))
    optimizer = optim.SGD([p], lr=0.1)
    for _ in range(20):
        optimizer.zero_grad()
        (p * p * 0.5).sum().backward()
        optimizer.step()
    np.testing.assert_allclose(p.array, 2 * 0.9**20, rtol=1e-12)


def test_first_step_of_adam_is_the_rate():
    """Bias correction makes the first step lr · g / (|g| + ε)."""
    p = sangja.nn.Parameter(sangja.zeros(3, dtype=sangja.float64))
    p.grad = sangja.tensor([1e-3, -5.0, 100.0], dtype=sangja.float64)
    optim.Adam([p], lr=0.1, eps=0.0).step()
    np.testing.assert_allclose(p.array, [-0.1, 0.1, -0.1], rtol=1e-12)


def test_muon_moves_by_nearly_orthogonal_matrices():
    """Five Newton-Schulz steps bring the singular values into [0.6, 1.3] (Jordan, 2024)."""
    p = sangja.nn.Parameter(sangja.zeros(6, 4))
    p.grad = sangja.tensor(np.random.RandomState(0).randn(6, 4).astype(np.float32))
    optim.Muon([p], lr=1.0, weight_decay=0.0).step()
    values = np.linalg.svd(p.array / np.sqrt(6 / 4), compute_uv=False)
    assert values.min() > 0.6 and values.max() < 1.3
    with pytest.raises(ArgumentError, match="Muon only supports 2D parameters"):
        optim.Muon([sangja.nn.Parameter(sangja.zeros(3))])


def test_groups_have_settings_of_their_own():
    a, b = (sangja.nn.Parameter(sangja.ones(2)) for _ in range(2))
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1)
    a.grad, b.grad = sangja.ones(2), sangja.ones(2)
    optimizer.step()
    np.testing.assert_allclose(a.array, 0.9)
    np.testing.assert_allclose(b.array, 0.5)
    optimizer.zero_grad(set_to_none=False)
    assert a.grad.array.tolist() == [0, 0]
    optimizer.zero_grad()
    assert a.grad is None


def test_closure_and_hooks():
    p = sangja.nn.Parameter(sangja.ones(2))
    optimizer = optim.SGD([("weight", p)], lr=0.1)
    seen = []
    before = optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append("before"))
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append("after"))

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with sangja.no_grad():
        assert float(optimizer.step(closure)) == 2.0
    before.remove()
    optimizer.step()
    assert seen == ["before", "after", "after"]
    assert optimizer.param_groups[0]["param_names"] == ["weight"]


def test_a_step_counts_as_a_write():
    p = sangja.nn.Parameter(sangja.ones(2))
    loss = (p * p).sum()
    p.grad = sangja.ones(2)
    optim.SGD([p], lr=0.1).step()
    with pytest.raises(InplaceError, match="changed last by sgd"):
        loss.backward()


def test_a_user_can_write_one():
    class Signs(optim.Optimizer):
        @sangja.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.array[...] -= group["lr"] * np.sign(p.grad.array)

    p = sangja.nn.Parameter(sangja.zeros(2))
    p.grad = sangja.tensor([3.0, -4.0])
    optimizer = Signs([p], {"lr": 0.5})
    seen = []
    optimizer.register_step_post_hook(lambda *args: seen.append(1))
    optimizer.step()
    assert p.array.tolist() == [-0.5, 0.5] and seen == [1]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda p: optim.SGD(p), ArgumentTypeError, "should be an iterable of Tensors or dicts"),
        (lambda p: optim.SGD([]), ArgumentError, "optimizer got an empty parameter list"),
        (lambda p: optim.SGD([p * 1]), ArgumentError, "can't optimize a non-leaf Tensor"),
        (lambda p: optim.SGD([3]), ArgumentTypeError, "one of the params is int"),
        (lambda p: optim.SGD([{"params": {p}}]), ArgumentTypeError, "ordered collections"),
        (
            lambda p: optim.SGD([{"params": p}, {"params": p}]),
            ArgumentError,
            "some parameters appear in more than one parameter group",
        ),
        (lambda p: optim.SGD([p], lr=-1), ArgumentError, "Invalid learning rate: -1"),
        (lambda p: optim.SGD([p], momentum=-1), ArgumentError, "Invalid momentum value: -1"),
        (lambda p: optim.SGD([p], nesterov=True), ArgumentError, "Nesterov momentum requires"),
        (
            lambda p: optim.Adam([p], betas=(1.0, 0.9)),
            ArgumentError,
            "Invalid beta parameter at index 0: 1.0",
        ),
        (lambda p: optim.Adam([p], eps=-1), ArgumentError, "Invalid epsilon value: -1"),
        (lambda p: optim.Rprop([p], etas=(2, 3)), ArgumentError, "Invalid eta values: 2, 3"),
        (
            lambda p: optim.SGD([p]).load_state_dict({"state": {}, "param_groups": []}),
            ArgumentError,
            "different number of parameter groups",
        ),
        (
            lambda p: optim.SGD([p]).load_state_dict(
                {"state": {}, "param_groups": [{"params": [0, 1]}]}
            ),
            ArgumentError,
            "doesn't match the size of optimizer's group",
        ),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call(sangja.nn.Parameter(sangja.ones(2)))


def minimum_of(optimizer, p, steps):
    """Where the optimizer takes `p` on Rosenbrock's function, whose minimum 0 lies at (1, 1)."""

    def closure():
        optimizer.zero_grad()
        x, y = p[0], p[1]
        loss = (1 - x) ** 2 + 100 * (y - x * x) ** 2
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    return p.array


def test_lbfgs_finds_the_minimum_of_rosenbrocks_function():
    p = sangja.nn.Parameter(sangja.tensor([-1.2, 1.0], dtype=sangja.float64))
    optimizer = optim.LBFGS(
        [p], line_search_fn="strong_wolfe", history_size=5, tolerance_change=1e-15
    )
    np.testing.assert_allclose(minimum_of(optimizer, p, 6), [1.0, 1.0], atol=1e-6)
    assert len(optimizer.state[p]["old_dirs"]) == 5


def test_lbfgs_goes_on_from_pytorchs_state():
    data = np.random.RandomState(0).uniform(-1, 1, (2, 3))
    p, q = sangja.nn.Parameter(sangja.tensor(data)), torch.nn.Parameter(torch.tensor(data))
    a = optim.LBFGS([p], max_iter=3, line_search_fn="strong_wolfe")
    b = torch.optim.LBFGS([q], max_iter=3, line_search_fn="strong_wolfe")

    def closure(optimizer, p):
        optimizer.zero_grad()
        loss = ((p - 1) ** 4).sum() + (p.sum() - 2) ** 2
        loss.backward()
        return loss.detach()

    b.step(lambda: closure(b, q))

    def converted(value):
        if isinstance(value, torch.Tensor):
            return sangja.tensor(value.numpy())
        if isinstance(value, dict):
            return {key: converted(item) for key, item in value.items()}
        return [converted(item) for item in value] if isinstance(value, list) else value

    a.load_state_dict(converted(b.state_dict()))
    p.array[...] = q.detach().numpy()
    for _ in range(2):
        assert float(a.step(lambda: closure(a, p))) == pytest.approx(
            float(b.step(lambda: closure(b, q))), rel=1e-10
        )
    np.testing.assert_allclose(p.array, q.detach().numpy(), rtol=1e-10)


def test_lbfgs_moves_complex_parameters():
    """The minimum of |p − (2 + i)|², in the real and the imaginary part."""
    p = sangja.nn.Parameter(sangja.zeros(2, dtype=sangja.complex128))
    optimizer = optim.LBFGS([p], line_search_fn="strong_wolfe")

    def closure():
        distance = p.array - (2 + 1j)
        p.grad = sangja.tensor(2 * distance)
        return (np.abs(distance) ** 2).sum()

    optimizer.step(closure)
    np.testing.assert_allclose(p.array, 2 + 1j, rtol=1e-9)


def test_lbfgs_refuses_groups_and_other_searches():
    p, q = (sangja.nn.Parameter(sangja.ones(2)) for _ in range(2))
    with pytest.raises(ArgumentError, match="doesn't support per-parameter options"):
        optim.LBFGS([{"params": [p]}, {"params": [q]}])
    with pytest.raises(ArgumentError, match="only 'strong_wolfe' is supported"):
        optim.LBFGS([p], line_search_fn="armijo")


def test_adafactor_remembers_a_matrix_as_a_row_and_a_column():
    p = sangja.nn.Parameter(sangja.ones(4, 6))
    p.grad = sangja.tensor(np.outer(np.arange(1.0, 5), np.arange(1.0, 7)).astype(np.float32))
    optimizer = optim.Adafactor([p])
    optimizer.step()
    state = optimizer.state[p]
    assert state["row_var"].shape == (4, 1) and state["col_var"].shape == (1, 6)
    # Of g = a bᵀ the estimate of g² is exact, so every element moves by lr · max(ε₂, RMS(p)).
    np.testing.assert_allclose(p.array, 1 - 0.01, rtol=1e-5)
    with pytest.raises(DTypeError, match="Adafactor does not support complex parameters"):
        z = sangja.nn.Parameter(sangja.ones(2, dtype=sangja.complex64))
        z.grad = sangja.ones(2, dtype=sangja.complex64)
        optim.Adafactor([z]).step()
