"""Every optimizer beside PyTorch's, with the settings with which PyTorch tests its own."""

from __future__ import annotations

import numpy as np
import pytest

import sangja
from sangja import optim
from sangja.core.errors import SangjaError

torch = pytest.importorskip("torch")
common_optimizers = pytest.importorskip("torch.testing._internal.common_optimizers")

DATABASE = {info.optim_cls.__name__: info for info in common_optimizers.optim_db}
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
# PyTorch keeps a factor of ASGD and NAdam in float32, computes SparseAdam's step from a learning
# rate in float32 there, and iterates Muon in bfloat16.
LEAST = {"ASGD": 1e-6, "NAdam": 1e-6, "SparseAdam": 1e-8, "Muon": 0.05}
SLACK = {"LBFGS": 1000}
STEPS = {"LBFGS": 1}  # of 20 moves, each led by the roundings of the last


def settings_of(value):
    """A setting of PyTorch's as one of ours."""
    if isinstance(value, torch.Tensor):
        return sangja.tensor(value.numpy())
    if isinstance(value, tuple):
        return tuple(settings_of(item) for item in value)
    return value


def shapes_for(name):
    return ((5, 4), (3, 6)) if name == "Muon" else ((5, 4), (3,), (2, 3, 2), ())


def twins(name, kwargs, dtype):
    """Both optimizers over the same parameters."""
    random = np.random.RandomState(0)
    data = [np.asarray(random.uniform(-1, 1, s)).astype(dtype) for s in shapes_for(name)]
    mine = [sangja.nn.Parameter(sangja.tensor(d)) for d in data]
    theirs = [torch.nn.Parameter(torch.tensor(d)) for d in data]
    ours = {key: settings_of(value) for key, value in kwargs.items()}
    a, b = getattr(optim, name)(mine, **ours), getattr(torch.optim, name)(theirs, **kwargs)
    return mine, theirs, a, b


def closure_of(params, optimizer):
    """A loss with a valley that bends, like Rosenbrock's, and its gradient: of PyTorch's parameters
    a sparse one where the optimizer takes no other."""
    sparse = isinstance(optimizer, torch.optim.SparseAdam)

    def closure():
        optimizer.zero_grad()
        loss = sum(((1 - p) ** 2).sum() for p in params)
        loss = loss + sum(5 * ((p[..., :1] - p**2) ** 2).sum() for p in params if p.ndim)
        loss = (1 + loss).log()  # gradients stay small where it is maximised
        loss.backward()
        for p in params if sparse else ():
            p.grad = p.grad.to_sparse(min(p.ndim, 1)) if p.ndim else p.grad.to_sparse()
        return loss.detach()

    return closure


CASES = [
    (name, given.kwargs, given.desc)
    for name, info in DATABASE.items()
    for given in info.optim_inputs_func("cpu")
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "kwargs", "desc"), CASES, ids=lambda v: v if isinstance(v, str) else ""
)
def test_ten_steps_in_a_valley(name, kwargs, desc, dtype):
    mine, theirs, a, b = twins(name, kwargs, dtype)
    for _ in range(STEPS.get(name, 10)):
        loss, wanted = a.step(closure_of(mine, a)), b.step(closure_of(theirs, b))
    tolerance = max(TOLERANCE[dtype] * SLACK.get(name, 1), LEAST.get(name, 0))
    np.testing.assert_allclose(float(loss), float(wanted), rtol=tolerance, atol=tolerance)
    for p, q in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(p.array, q.detach().numpy(), rtol=tolerance, atol=tolerance)
    ours, wanted = a.state_dict()["state"], b.state_dict()["state"]
    assert ours.keys() == wanted.keys()
    for key in wanted:
        assert set(ours[key]) == set(wanted[key]) - {"al"}  # room for L-BFGS to compute in


def params_of(value, known):
    """Parameters, groups and names of PyTorch's as ours, with their gradients; `known` says which
    of them were seen already."""
    if isinstance(value, torch.Tensor):
        if value not in known:
            p = known[value] = sangja.nn.Parameter(sangja.tensor(value.detach().numpy()))
            p.grad = None if value.grad is None else sangja.tensor(value.grad.numpy())
        return known[value]
    if isinstance(value, (list, tuple)):
        return type(value)(params_of(item, known) for item in value)
    if isinstance(value, dict):
        return {name: params_of(item, known) for name, item in value.items()}
    return value


@pytest.mark.parametrize("name", DATABASE)
def test_what_pytorch_refuses(name):
    """The same class of error; the texts say more than PyTorch's."""
    for refused in DATABASE[name].optim_error_inputs_func("cpu", torch.float32):
        given = refused.optimizer_error_input
        if "foreach" in given.kwargs:  # how PyTorch computes, of no consequence here
            continue
        if "dense params required" in given.desc:  # no parameter here is sparse
            continue
        if given.params is None:
            params = [sangja.nn.Parameter(sangja.ones(2, 3))]
        else:
            params = params_of(given.params, {})
        kwargs = {key: settings_of(value) for key, value in given.kwargs.items()}
        expected = pytest.raises if refused.error_type is not UserWarning else pytest.warns
        with expected(refused.error_type) as caught:
            optimizer = getattr(optim, name)(params, **kwargs)
            if refused.error_on is common_optimizers.OptimizerErrorEnum.STEP_ERROR:
                optimizer.step()
        if expected is pytest.raises:
            assert isinstance(caught.value, SangjaError), given.desc


def test_every_optimizer_has_a_case():
    classes = {name for name in optim.__all__ if name[0].isupper()} - {"Optimizer"}
    assert classes == set(DATABASE)


def test_sparse_adam_moves_only_the_rows_of_an_embedding_that_were_used():
    results = []
    for module, made in ((sangja, sangja.tensor), (torch, torch.tensor)):
        table = np.random.RandomState(0).randn(6, 3).astype("float32")
        layer = module.nn.Embedding.from_pretrained(made(table), freeze=False, sparse=True)
        optimizer = module.optim.SparseAdam(layer.parameters(), lr=0.1)
        for index in ([0, 2, 2], [5, 2], [0]):
            optimizer.zero_grad()
            (layer(made(np.array(index))) ** 2).sum().backward()
            optimizer.step()
        results.append(layer.weight.detach().numpy())
        np.testing.assert_array_equal(results[-1][[1, 3, 4]], table[[1, 3, 4]])
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5, atol=1e-7)


def test_sparse_adam_refuses_complex_parameters():
    with pytest.raises(ValueError, match=r"Complex params at indices \[\[0, 0\]\]"):
        optim.SparseAdam([sangja.nn.Parameter(sangja.zeros(2, dtype=sangja.complex64))])
