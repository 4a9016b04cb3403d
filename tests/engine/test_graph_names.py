"""`grad_fn` and `next_functions` print what PyTorch prints, so that scripts which look at the graph
read the same names."""

import re

import pytest

import sangja

torch = pytest.importorskip("torch")

CASES = [
    lambda t, x, y, k: t.nn.functional.mse_loss(x, y),
    lambda t, x, y, k: t.nn.functional.mse_loss(x, y, reduction="none"),
    lambda t, x, y, k: t.nn.functional.l1_loss(x, y),
    lambda t, x, y, k: t.nn.functional.smooth_l1_loss(x, y),
    lambda t, x, y, k: t.nn.functional.huber_loss(x, y),
    lambda t, x, y, k: t.nn.functional.binary_cross_entropy(x.sigmoid(), y.sigmoid()),
    lambda t, x, y, k: t.nn.functional.binary_cross_entropy_with_logits(x, y),
    lambda t, x, y, k: t.nn.functional.cross_entropy(x, k),
    lambda t, x, y, k: t.nn.functional.cross_entropy(x, y.softmax(1)),
    lambda t, x, y, k: t.nn.functional.nll_loss(x, k),
    lambda t, x, y, k: t.nn.functional.nll_loss(x.view(1, 3, 2, 2), t.zeros(1, 2, 2).long()),
    lambda t, x, y, k: t.nn.functional.soft_margin_loss(x, y),
    lambda t, x, y, k: t.nn.functional.linear(x, y),
    lambda t, x, y, k: t.nn.functional.linear(x, y, y[:, 0]),
    lambda t, x, y, k: t.nn.Linear(4, 3)(x[None]),
    lambda t, x, y, k: t.nn.functional.linear(x[None], y),
    lambda t, x, y, k: t.nn.BatchNorm1d(4)(x),
    lambda t, x, y, k: t.nn.LayerNorm(4)(x),
    lambda t, x, y, k: t.nn.GroupNorm(1, 3)(x[None]),
    lambda t, x, y, k: t.nn.InstanceNorm1d(3)(x[None]),
    lambda t, x, y, k: t.nn.MaxPool1d(2)(x[None]),
    lambda t, x, y, k: t.nn.AvgPool2d(2)(x[None]),
    lambda t, x, y, k: t.nn.AdaptiveAvgPool2d(1)(x[None]),
    lambda t, x, y, k: t.nn.AdaptiveAvgPool2d(2)(x[None]),
    lambda t, x, y, k: t.nn.Upsample(scale_factor=2)(x[None, None]),
    lambda t, x, y, k: t.nn.Upsample(scale_factor=2, mode="bilinear")(x[None, None]),
    lambda t, x, y, k: t.nn.functional.glu(x),
    lambda t, x, y, k: t.nn.LSTM(4, 3)(x[None])[0],
    lambda t, x, y, k: t.nn.LSTM(4, 3)(x[None])[1][0],
    lambda t, x, y, k: t.nn.LSTM(4, 3, batch_first=True)(x[None])[0],
    lambda t, x, y, k: t.nn.LSTM(4, 3, bidirectional=True)(x[None])[0],
    lambda t, x, y, k: t.nn.GRU(4, 3)(x[None])[0],
    lambda t, x, y, k: t.nn.GRU(4, 3)(x)[0],
    lambda t, x, y, k: x.sum(),
    lambda t, x, y, k: x.sum(0),
    lambda t, x, y, k: x.mean(dim=1, keepdim=True),
    lambda t, x, y, k: x.clamp(min=0),
    lambda t, x, y, k: x.clamp(0, 1),
    lambda t, x, y, k: x.max(0).values,
    lambda t, x, y, k: x.min(1, keepdim=True)[0],
    lambda t, x, y, k: x.median(1)[0],
    lambda t, x, y, k: x.prod(),
    lambda t, x, y, k: x.prod(0),
    lambda t, x, y, k: t.nn.functional.pixel_shuffle(x.view(4, 1, 3), 2),
    lambda t, x, y, k: 1 - x,
    lambda t, x, y, k: y - x,
    lambda t, x, y, k: 2 / x,
    lambda t, x, y, k: y / x,
    lambda t, x, y, k: x.t(),
    lambda t, x, y, k: x[:1].squeeze(),
    lambda t, x, y, k: x[:1].squeeze(0),
    lambda t, x, y, k: x.T,
    lambda t, x, y, k: x[0],
    lambda t, x, y, k: x[0, 1],
    lambda t, x, y, k: x[:, 1],
    lambda t, x, y, k: x[1, :],
    lambda t, x, y, k: x[1:],
    lambda t, x, y, k: x[None],
    lambda t, x, y, k: x[..., 0],
    lambda t, x, y, k: x[0, 1:],
    lambda t, x, y, k: x[k],
    lambda t, x, y, k: x.masked_fill(y > 0, 0.0),
    lambda t, x, y, k: x @ y.T,
    lambda t, x, y, k: x @ y[0],
    lambda t, x, y, k: x[0] @ y[0],
    lambda t, x, y, k: y[0] @ x.T,
    lambda t, x, y, k: t.addmm(y[:, :3], x, y.T),
    lambda t, x, y, k: t.bmm(x[None], y.T[None]),
    lambda t, x, y, k: x.log1p(),
]


def run(t, case):
    t.manual_seed(0)
    x, y = t.randn(3, 4, requires_grad=True), t.randn(3, 4)
    return case(t, x, y, t.tensor([0, 1, 2]))


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_the_name_of_a_backward_function(case):
    assert run(sangja, case).grad_fn.name() == run(torch, case).grad_fn.name()


def test_the_way_back_through_a_network():
    seen = []
    for t in (sangja, torch):
        model = t.nn.Sequential(t.nn.Linear(2, 3), t.nn.ReLU(), t.nn.Linear(3, 1))
        node = t.nn.functional.mse_loss(model(t.ones(4, 2)), t.ones(4, 1)).grad_fn
        texts = []
        while node is not None:
            texts.append(re.sub("0x[0-9a-f]+", "0x", repr(node)))
            place = 1 if len(texts) == 2 else 0  # of addmm the input; the bias comes first
            node = node.next_functions[place][0] if node.next_functions else None
        seen.append(texts)
    assert seen[0] == seen[1]


def test_an_input_without_a_gradient_has_no_function():
    for t in (sangja, torch):
        x = t.ones(2, requires_grad=True)
        (first, _), second = (x * t.ones(2)).grad_fn.next_functions
        assert first.variable is x
        assert second == (None, 0)


def test_next_functions_of_what_was_made_of_an_indexed_tensor_are_those_of_pytorch():
    found = []
    for t in (sangja, torch):
        x = t.ones(2, 3, requires_grad=True)
        y = x[[0, 1], [2, 0]] * 2
        found.append([(f.name(), i) for f, i in y.grad_fn.next_functions if f is not None])
    assert found[0] == found[1]
