"""Corners that PyTorch's own test database found: nan, infinities, zeros of both signs and ties."""

import numpy as np
import pytest

import sangja

torch = pytest.importorskip("torch")

NAN, INF = np.nan, np.inf


def of(module, value):
    """An array as a tensor of the module, floats to be differentiated unless in a list of one;
    anything else as it is."""
    if isinstance(value, list):
        return module.tensor(value[0].copy())
    if not isinstance(value, np.ndarray):
        return value
    return module.tensor(value.copy(), requires_grad=value.dtype.kind == "f")


def outcome(module, path, args, kwargs):
    """The results, and the gradients of the sum of the first, as arrays."""
    function = module
    for name in path.split("."):
        function = getattr(function, name)
    tensors = [of(module, a) for a in args]
    named = {k: of(module, v) for k, v in kwargs.items()}
    results = function(*tensors, **named)
    results = results if isinstance(results, tuple) else (results,)
    found = [r.detach().numpy() for r in results]
    if results[0].requires_grad:
        weights = np.cos(np.arange(results[0].detach().numpy().size)).reshape(results[0].shape)
        (results[0] * module.tensor(weights)).sum().backward()
    inputs = [*tensors, *named.values()]
    return found + [x.grad.numpy() for x in inputs if getattr(x, "grad", None) is not None]


def array(*values, dtype="float64"):
    return np.array(values, dtype)


SCORES = array([0.2, NAN, -1.0, 0.2], [0.5, 0.5, -INF, 0.1])
CASES = [
    ("nansum", [array([1, NAN, 3])], {"dim": 1}),
    ("nanmean", [array(NAN, NAN)], {}),
    ("nanmean", [array([1.0, NAN], [NAN, NAN])], {"dim": 1}),
    ("searchsorted", [array(3.0, 1.0, NAN, 2.0, 5.0), array(-1.0, 2.0, 4.0, NAN)], {}),
    ("searchsorted", [array(3.0, 1.0, 4.0, 2.0, 5.0), array(2.5, 9.0, 0.0)], {"side": "right"}),
    ("bucketize", [array(0.0, NAN, 9.0), array(1.0, 5.0, 2.0)], {"right": True}),
    ("bucketize", [array(0.0, NAN, 1.0), array(1.0, 5.0, 7.0)], {}),
    ("unique", [[array([0.0, 1.0], [-0.0, 1.0], [0.0, -1.0])]], {"dim": 0, "return_inverse": True}),
    ("unique", [array([3, 1, 3], [1, 2, 1], dtype="int64")], {"dim": 1, "return_counts": True}),
    ("dist", [array(1.0, 2.0), array(1.0, 2.0)], {}),
    ("nn.functional.normalize", [array([1.0, INF, 0.0])], {"p": 0.0}),
    ("nn.functional.cosine_similarity", [array([1e-10, 0.0]), array([1e-9, 2e-9])], {}),
    (
        "nn.functional.gaussian_nll_loss",
        [array(1.0, 2.0, 3.0), array(0.0, 5.0, 1.0), array(INF, 1e-9, 2.0)],
        {"reduction": "none"},
    ),
    (
        "nn.functional.binary_cross_entropy_with_logits",
        [array([800.0, -800.0, 0.3]), array([0.0, 1.0, 0.4])],
        {"pos_weight": [array(2.0, 3.0, 0.5)]},
    ),
    ("nn.functional.multi_margin_loss", [SCORES, array(0, 1, dtype="int64")], {}),
    ("nn.functional.multi_margin_loss", [SCORES, array(3, 1, dtype="int64")], {"p": 2}),
    (
        "nn.functional.multilabel_margin_loss",
        [array([0.0, 1.0, 1.0, NAN]), array([1, 0, -1, 0], dtype="int64")],
        {},
    ),
    (
        "nn.functional.embedding_bag",
        [array([0, 2, 1], [1, 0, 2], dtype="int64"), array([NAN, 1.0], [2.0, NAN], [0.0, 5.0])],
        {"mode": "max"},
    ),
    (
        "nn.functional.instance_norm",
        [array([[1.0, 2.0, 4.0], [0.0, 3.0, 1.0]])],
        {"weight": array(INF, 2.0), "bias": array(0.0, 1.0)},
    ),
    ("nn.functional.feature_alpha_dropout", [array(1.0, 2.0)], {"training": False}),
]


@pytest.mark.parametrize(("path", "args", "kwargs"), CASES, ids=[c[0] for c in CASES])
def test_a_corner_equals_pytorch(path, args, kwargs):
    got = outcome(sangja, path, args, kwargs)
    expected = outcome(torch, path, args, kwargs)
    assert len(got) == len(expected)
    for mine, theirs in zip(got, expected, strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


def test_infinite_per_sample_weights_leave_the_padding_row_alone():
    """PyTorch's gradient of the row is 0, whatever the weight is."""
    index = array([0, 2], dtype="int64")
    weight, factors = np.eye(3), array([2.0, INF])
    grads = []
    for module in (sangja, torch):
        table = module.tensor(weight.copy(), requires_grad=True)
        bag = module.nn.functional.embedding_bag(
            module.tensor(index), table, mode="sum",
            per_sample_weights=module.tensor(factors), padding_idx=2,
        )  # fmt: skip
        bag.sum().backward()
        grads.append(table.grad.numpy())
    np.testing.assert_array_equal(grads[0], grads[1])


def test_weights_of_another_dtype_are_used_as_they_are():
    x = np.random.RandomState(0).randn(3, 4)
    weights = np.array([0.1, 0.2, 0.3, 0.7], "float32")
    got = sangja.cov(sangja.tensor(x), aweights=sangja.tensor(weights))
    expected = torch.cov(torch.tensor(x), aweights=torch.tensor(weights))
    np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-12)


def test_the_gradient_of_the_length_of_nothing_can_be_differentiated():
    results = []
    for module in (sangja, torch):
        x = module.zeros(0, 5, requires_grad=True)
        g = module.ones((), requires_grad=True)
        (d,) = module.autograd.grad(module.linalg.norm(x) * g, x, create_graph=True)
        results.append(module.autograd.grad(d.sum(), g)[0].numpy())
    np.testing.assert_array_equal(results[0], results[1])


def test_trigamma_has_no_value_at_minus_infinity():
    x = array(-INF, -2.5)
    got = sangja.polygamma(1, sangja.tensor(x)).numpy()
    np.testing.assert_allclose(got, torch.polygamma(1, torch.tensor(x)).numpy(), rtol=1e-10)
