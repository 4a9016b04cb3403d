"""Element-wise work done in the tail of a product: when, and that it changes no value."""

from __future__ import annotations

import numpy as np
import pytest

import sangja
from sangja import nn
from sangja.compile import compile
from sangja.nn import functional as F


def program_of(function, *arguments):
    """The program of a function after its first calls."""
    step = compile(function, backend="native")
    with sangja.no_grad():
        for _ in range(3):
            step(*arguments)
    (variant,) = step.variants.values()
    return variant.replays[0][0].program


def tails(program):
    return [t.tail for t in program.tasks if getattr(t, "tail", None)]


FUNCTIONS = {
    "bias and relu": lambda x, w, b, r: F.relu(x @ w + b),
    "a sum with what was there": lambda x, w, b, r: r + x @ w,
    "a mask": lambda x, w, b, r: sangja.where(r > 0, x @ w, 0.0),
    "two results": lambda x, w, b, r: (x @ w * 2, (x @ w * 2 + b).abs()),
    "a bool": lambda x, w, b, r: (x @ w > r, x @ w - r),
    "a row of factors": lambda x, w, b, r: x @ w * r[..., :1] - b,
    "the weight along the reduction": lambda x, w, b, r: F.relu(F.linear(x, w.mT.contiguous(), b)),
    "written into the other operand's place": lambda x, w, b, r: r.mul_(0.5).add_(x @ w),
    "the product is needed as well": lambda x, w, b, r: (x @ w, (x @ w + b).tanh()),
}


@pytest.mark.parametrize("dtype", [sangja.float32, sangja.float64])
@pytest.mark.parametrize(
    ("batch", "m", "k", "n"),
    [((), 5, 3, 4), ((), 64, 100, 20), ((), 33, 1700, 35), ((2, 3), 7, 5, 9), ((2,), 1, 40, 17),
     ((), 6, 0, 3), ((), 9, 20, 1)],
)  # fmt: skip
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_tail_changes_no_value(name, batch, m, k, n, dtype):
    pytest.importorskip("llvmlite")
    sangja.manual_seed(0)
    if name == "the weight along the reduction" and batch:
        batch = ()
    x = sangja.randn(*batch, m, k, dtype=dtype)
    w = sangja.randn(*batch, k, n, dtype=dtype)
    b, r = sangja.randn(n, dtype=dtype), sangja.randn(*batch, m, n, dtype=dtype)
    found = []
    for backend in ("native", "numpy"):
        step = compile(FUNCTIONS[name], backend=backend)
        with sangja.no_grad():
            mine = r.clone()
            for _ in range(4):
                result = step(x, w, b, mine)
        found.append([*(result if isinstance(result, tuple) else (result,)), mine])
    for a, e in zip(*found, strict=True):
        if a.dtype is not sangja.bool:
            tolerance = 1e-4 if dtype is sangja.float32 else 1e-10
            np.testing.assert_allclose(a.numpy(), e.numpy(), tolerance, tolerance * max(k, 1))
        else:
            assert (a.numpy() != e.numpy()).mean() < 0.01  # a sum next to its bound


def test_bias_and_activation_are_the_tail_of_a_layer_and_explain_says_so():
    pytest.importorskip("llvmlite")
    layer = nn.Sequential(nn.Linear(6, 5), nn.ReLU())
    x = sangja.rand(4, 6)
    program = program_of(layer, x)
    (tail,) = tails(program)
    assert [s.op for s in tail.steps if s.args] == ["add", "maximum", "result"]
    assert len(program.tasks) == 1
    step = compile(layer)
    with sangja.no_grad():
        for _ in range(3):
            step(x)
    assert "then add maximum" in step.explain()


def test_what_others_need_is_written_and_no_tail():
    pytest.importorskip("llvmlite")
    x, w = sangja.rand(4, 6), sangja.rand(6, 5)
    assert not tails(program_of(lambda x, w: (x @ w, x @ w + 1), x, w))
    assert not tails(program_of(lambda x, w: (x @ w).exp(), x, w))  # too long for a tile
    assert not tails(program_of(lambda x, w: (x @ w).sum(1), x, w))


def test_a_tail_that_writes_what_the_product_reads_is_none():
    pytest.importorskip("llvmlite")
    x, w = sangja.rand(4, 4), sangja.rand(4, 4)
    expected = x.numpy() * 0.5 + x.numpy() @ w.numpy()
    program = program_of(lambda x, w: x.mul_(0.5), x.clone(), w)
    assert not tails(program)

    def step(x, w):
        z = x @ w
        x.mul_(0.5).add_(z)

    mine = [x.clone() for _ in range(3)]
    run = compile(step)
    with sangja.no_grad():
        for y in mine:
            run(y, w)
    for y in mine:
        np.testing.assert_allclose(y.numpy(), expected, 1e-5)


@pytest.mark.parametrize("dtype", [sangja.float32, sangja.float64])
@pytest.mark.parametrize(
    ("image", "kernels", "window", "static"),
    [((2, 3, 9, 8), 5, (3, 3), {"padding": 1}), ((2, 20, 12, 12), 50, (5, 5), {}),
     ((3, 16, 7, 7), 16, (1, 1), {}), ((2, 4, 9, 9), 8, (3, 2), {"stride": 2, "groups": 2}),
     ((2, 6, 8, 8), 6, (3, 3), {"groups": 6, "dilation": 2}), ((2, 3, 20), 7, (4,), {"stride": 3}),
     ((1, 2, 4, 5, 5), 3, (2, 2, 2), {})],
)  # fmt: skip
@pytest.mark.parametrize("back", [False, True])
def test_a_tail_of_a_convolution_changes_no_value(back, image, kernels, window, static, dtype):
    pytest.importorskip("llvmlite")
    sangja.manual_seed(0)
    dims, groups = len(window), static.get("groups", 1)
    name = ("conv_transpose" if back else "conv") + f"{dims}d"
    rows = image[1] if back else kernels
    columns = (kernels if back else image[1]) // groups
    x = sangja.randn(image, dtype=dtype)
    w = sangja.randn(rows, columns, *window, dtype=dtype)
    b = sangja.randn(kernels, dtype=dtype)
    function = getattr(F, name)
    found = []
    for backend in ("native", "numpy"):
        first = compile(lambda x, w, b: F.relu(function(x, w, b, **static)), backend=backend)
        second = compile(lambda x, w, b: function(x, w, **static) * 2 - 1, backend=backend)
        with sangja.no_grad():
            for _ in range(3):
                results = first(x, w, b), second(x, w, b)
        found.append(results)
    tolerance = 1e-4 if dtype is sangja.float32 else 1e-10
    for a, e in zip(*found, strict=True):
        np.testing.assert_allclose(a.numpy(), e.numpy(), tolerance, 100 * tolerance)


def test_bias_and_activation_are_the_tail_of_a_convolution():
    pytest.importorskip("llvmlite")
    layer = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.MaxPool2d(2))
    program = program_of(layer, sangja.rand(2, 3, 8, 8))
    (tail,) = tails(program)
    assert [s.op for s in tail.steps if s.args] == ["add", "maximum", "result"]
