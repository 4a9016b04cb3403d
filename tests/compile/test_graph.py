"""The graph of a recording: what it says of well-known programs, that it is a program, and that
random programs give what they give uncompiled."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import sangja
from sangja import nn
from sangja.compile import compile
from sangja.compile.graph import Graph, apart, canonical, verify, within
from sangja.compile.views import (
    Strided,
    apply_path,
    contiguous,
    snapshot,
    view_shape,
    write_path,
)
from sangja.nn import functional as F


def recorded(function, *arguments):
    """The lines of the graph of a function, and its tasks."""
    step = compile(function)
    for _ in range(3):
        step(*arguments)
    (variant,) = step.variants.values()
    ((replay, _),) = variant.replays
    verify(replay.nodes)
    return [repr(node) for node in replay.nodes], replay.program


def test_the_graph_of_softmax_is_its_rule():
    lines, program = recorded(lambda x: F.softmax(x, 1), sangja.rand(3, 5))
    assert lines == [
        "%0 = input() : float32[3, 5]",
        "%1 = max(%0; (1,)) : float32[3, 1]",
        "%2 = subtract(%0, %1) : float32[3, 5]",
        "%3 = exp(%2) : float32[3, 5]",
        "%4 = sum(%3; (1,)) : float32[3, 1]",
        "%5 = divide(%3, %4) : float32[3, 5]",
    ]
    assert len(program.tasks) == 1  # one kernel


def test_the_graph_of_a_perceptron_step_has_no_more_than_it_needs():
    sangja.manual_seed(0)
    layer = nn.Linear(4, 3)
    optimizer = sangja.optim.SGD(layer.parameters(), lr=0.1)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.mse_loss(layer(x), y)
        loss.backward()
        optimizer.step()
        return loss

    lines, program = recorded(step, sangja.rand(8, 4), sangja.rand(8, 3))
    operations = [line.split(" = ")[1].split("(")[0] for line in lines]
    assert operations.count("matmul") == 2  # forward, and the weight's gradient
    assert not program.copied  # the parameters are written where they are
    assert sum(part.host is not None for part in program.parts) == 0


@pytest.mark.parametrize("rule", [F.gelu, F.silu])
def test_a_derivative_is_computed_where_its_parts_are(rule):
    sangja.manual_seed(0)
    first, second = nn.Linear(16, 64), nn.Linear(64, 8)

    def step(x):
        first.zero_grad()
        second.zero_grad()
        loss = second(rule(first(x))).square().sum()
        loss.backward()
        return loss

    x = sangja.rand(32, 16)
    step(x)
    expected = [p.grad.numpy().copy() for p in first.parameters()]
    _, program = recorded(step, x)
    makers = [t for t in program.tasks if any(p.strided.shape == (32, 64) for p in t.writes)]
    read = [[p for p in t.reads if p.strided.shape == (32, 64)] for t in makers]
    # The product; its value and its derivative, made of it alone; the product that gives the
    # gradient, with that derivative as a factor.
    assert [len(places) for places in read] == [0, 1, 1]
    for p, g in zip(first.parameters(), expected, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), g, rtol=1e-5, atol=1e-5)


def test_a_value_that_is_needed_again_is_not_replaced_by_its_derivative():
    weight = sangja.rand(8, 8, requires_grad=True)

    def step(x):
        weight.grad = None
        h = x @ weight
        z = F.gelu(h)
        loss = (z @ z.t()).sum() + (h @ h.t()).sum()
        loss.backward()
        return loss

    x = sangja.rand(4, 8)
    loss = step(x).item()
    expected = weight.grad.numpy().copy()
    recorded(step, x)
    assert step(x).item() == pytest.approx(loss, rel=1e-5)
    np.testing.assert_allclose(weight.grad.numpy(), expected, rtol=1e-5)


def test_equal_operations_are_one_node_and_dead_ones_none():
    def f(x):
        unused = x.exp()
        del unused
        return (x + 1) * (x + 1)

    lines, _ = recorded(f, sangja.rand(3))
    assert sum("add" in line for line in lines) == 1
    assert not any("exp" in line for line in lines)


def test_verify_finds_what_is_no_program():
    graph = Graph()
    x = graph.input("x", (2, 3), np.float32)
    y = graph.reduce("sum", x, (1,))
    with pytest.raises(AssertionError, match="comes later"):
        verify([y, x])
    y.shape = (2, 3)
    with pytest.raises(AssertionError, match="keeps its dtype"):
        verify([x, y])


# -- looks into memory ----------------------------------------------------------------------------

SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


def draw_index(draw, shape):
    """An index of some dimensions by numbers, of the others by slices."""
    how = []
    for n in shape:
        if draw(st.booleans()) and len(shape) > 1:
            how.append(draw(st.integers(0, n - 1)))
        else:
            a, b = sorted(draw(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))))
            step = draw(st.sampled_from([1, 2, -1]))
            how.append((b if step < 0 else a, step, (b - a) // abs(step) + 1))
    return ("index", tuple(how))


@st.composite
def looks(draw):
    """A shape and a path of steps that fit each other."""
    shape = start = draw(SHAPES)
    path = []
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["index", "permute", "expand", "reshape"]))
        if kind == "index":
            step = draw_index(draw, shape)
        elif kind == "permute":
            step = ("permute", tuple(draw(st.permutations(range(len(shape))))))
        elif kind == "expand":
            step = ("expand", (draw(st.integers(1, 3)), *shape))
        else:
            step = ("reshape", (int(np.prod(shape)),))
        path.append(step)
        shape = view_shape(shape, (step,))
    return start, tuple(path)


@st.composite
def two_indices(draw):
    """A shape and two indices of it."""
    shape = draw(SHAPES)
    return shape, (draw_index(draw, shape),), (draw_index(draw, shape),)


@given(looks())
@settings(deadline=None, max_examples=200)
def test_a_path_looks_where_numpy_looks(look):
    shape, path = look
    x = np.arange(np.prod(shape)).reshape(shape)
    expected = apply_path(x, path)
    np.testing.assert_array_equal(apply_path(x, canonical(shape, path)), expected)
    place = Strided(0, shape, contiguous(shape)).look(path)
    if place is not None:
        steps = tuple(s * x.itemsize for s in place.strides)
        seen = np.ndarray(place.shape, x.dtype, x, place.offset * x.itemsize, steps)
        np.testing.assert_array_equal(seen, expected)


@given(two_indices())
@settings(deadline=None, max_examples=300)
def test_looks_that_are_apart_share_nothing_and_one_within_another_is_found(given_looks):
    shape, first, second = given_looks
    x = np.arange(np.prod(shape)).reshape(shape)
    a, b = apply_path(x, first), apply_path(x, second)
    if apart(first, second):
        assert not set(np.ravel(a)) & set(np.ravel(b))
    inner = within(first, second)
    if inner is not None:
        np.testing.assert_array_equal(apply_path(np.asarray(a), inner), b)


def test_a_write_along_a_path_that_has_to_copy_lands_where_it_looks():
    x = np.zeros((2, 3))
    path = (("permute", (1, 0)), ("reshape", (6,)), ("index", ((1, 2, 3),)))
    write_path(x, path, np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(apply_path(x, path), [1, 2, 3])
    assert x.sum() == 6


# -- random programs ------------------------------------------------------------------------------

UNARY = ["exp", "tanh", "sigmoid", "sin", "abs", "neg", "square"]
BINARY = ["add", "sub", "mul", "maximum", "minimum"]
SHRINK = ["sum", "mean", "amax"]


KINDS = ["unary", "binary", "shrink", "turn", "product", "write", "cut"]


@st.composite
def programs(draw, kinds=KINDS):
    """A list of instructions on a growing list of (rows, columns) matrices."""
    steps = []
    count = 2
    for _ in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(kinds))
        a, b = draw(st.integers(0, count - 1)), draw(st.integers(0, count - 1))
        names = {"unary": UNARY, "binary": BINARY, "shrink": SHRINK}.get(kind, [""])
        steps.append((kind, draw(st.sampled_from(names)), a, b, draw(st.integers(0, 1))))
        count += 1
    return steps


def run_program(steps, values):
    """The program on square matrices, the first two of which are overwritten by "replace"; every
    result is brought back to that shape."""
    values = list(values)
    n = values[0].shape[0]
    for kind, name, a, b, dim in steps:
        x, y = values[a], values[b]
        if kind == "unary":
            z = getattr(sangja, name)(x * 0.5)
        elif kind == "binary":
            z = getattr(sangja, name)(x, y)
        elif kind == "shrink":
            z = getattr(sangja, name)(x, dim, keepdim=True) * 0.3 + y
        elif kind == "turn":
            z = x.T + y.flip(dim)
        elif kind == "product":
            z = (x @ y) * (1 / n)
        elif kind == "write":
            z = x.clone()
            z[:, ::2] = y[:, ::2] * 2
            z[0] += 1
        elif kind == "share":
            z = x / (x.square().sum(dim, keepdim=True) + 1)
        elif kind == "replace":
            z = values[dim].copy_((x * 0.5).clamp(-2, 2))
        else:
            z = sangja.cat([x[: n // 2], y[n // 2 :]], 0).reshape(-1).reshape(n, n)
        values.append(z)
    return values


@given(
    programs(["unary", "binary", "share", "product", "replace"]),
    st.sampled_from([1, 5, 16, 40]),
    st.integers(0, 5),
)
@settings(deadline=None, max_examples=120)
def test_random_programs_may_overwrite_their_arguments(steps, n, seed):
    random = np.random.RandomState(seed)
    first = [random.uniform(-1, 1, (n, n)) for _ in range(2)]

    def f(x, y):
        values = run_program(steps, (x, y))
        last, middle = values[-1], values[len(values) // 2]
        return last * 1, middle * 1, last - values[-2]

    arguments = [sangja.tensor(a) for a in first]
    expected = [t.numpy().copy() for t in (*f(*arguments), *arguments)]
    g = compile(f)
    for _ in range(4):
        arguments = [sangja.tensor(a) for a in first]
        found = g(*arguments)
    assert all(v.replays for v in g.variants.values()), g.explain()
    for a, e in zip((*found, *arguments), expected, strict=True):
        np.testing.assert_allclose(a.numpy(), e, 1e-9, 1e-10)


@given(programs(), st.sampled_from([1, 2, 5, 16, 17]), st.integers(0, 5))
@settings(deadline=None, max_examples=60)
def test_random_programs_compiled_equal_themselves(steps, n, seed):
    random = np.random.RandomState(seed)
    x, y = (sangja.tensor(random.uniform(-1, 1, (n, n)), requires_grad=True) for _ in range(2))

    def f(x, y):
        z = run_program(steps, (x, y))[-1]
        grads = sangja.autograd.grad(z.sum() + (x * y).sum() * 0, [x, y])
        return z.detach(), *grads

    expected = [t.numpy() for t in f(x, y)]
    for backend in ("native", "numpy"):
        g = compile(f, backend=backend)
        for _ in range(3):
            found = g(x, y)
        assert all(v.replays for v in g.variants.values()), g.explain()
        for a, e in zip(found, expected, strict=True):
            np.testing.assert_allclose(a.numpy(), e, 1e-9, 1e-10)


def test_equal_numbers_are_kept_as_one():
    for kept in (np.zeros((3, 4), "f4"), np.full((2, 2), np.nan), np.ones(5, bool).T):
        found = snapshot(kept)
        assert not any(found.strides)
        np.testing.assert_array_equal(found, kept)
    for kept in (np.array([0.0, -0.0]), np.array([1, 2, 1]), np.arange(6.0).reshape(2, 3).T):
        found = snapshot(kept)
        assert any(found.strides)
        assert not np.shares_memory(found, kept)
        np.testing.assert_array_equal(found, kept)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(kept))


@pytest.mark.parametrize("use", ["add", "matmul", "conv", "scatter", "put", "result", "host"])
def test_constants_of_equal_numbers_go_wherever_arrays_go(use):
    images, index = sangja.rand(2, 3, 6, 6), sangja.tensor([0, 2, 2, 1])

    def step(x):
        ones = sangja.from_numpy(np.full((4, 6), 0.5, "f4"))
        if use == "add":
            return x + ones
        if use == "matmul":
            return x @ ones + ones.t() @ x.t()
        if use == "conv":
            kernel = sangja.from_numpy(np.full((2, 3, 3, 3), 0.25, "f4"))
            blank = sangja.from_numpy(np.full((2, 3, 6, 6), 2.0, "f4"))
            return F.conv2d(images, kernel).sum() * x + F.conv2d(blank, kernel).sum()
        if use == "scatter":
            return sangja.zeros(4, 6).index_add(0, index, ones) + x.sum()
        if use == "put":
            ones[1, 2:] = x[0, 2:]
            return ones * 2
        if use == "result":
            return x.sum(), ones
        return ones.sort()[0] + x.sum()

    x = sangja.rand(6, 4) if use == "matmul" else sangja.rand(4, 6)
    expected = step(x)
    compiled = compile(step)
    for _ in range(4):
        found = compiled(x)
    several = found if isinstance(found, tuple) else (found,)
    for a, b in zip(several, expected if isinstance(expected, tuple) else (expected,), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)
    (variant,) = compiled.variants.values()
    assert variant.replays


@pytest.mark.parametrize("number", [0.0, -0.0])
def test_minus_zero_is_no_zero(number):
    x = sangja.tensor([-0.0] * 40)
    step = compile(lambda x: (x + number, sangja.copysign(x * 0 + 2, sangja.tensor(number))))
    for _ in range(4):
        z, w = step(x)
    assert np.signbit(z.numpy()).all() == np.signbit(number)  # −0 + 0 is 0
    assert w.tolist() == [np.copysign(2, number)] * 40


def test_arguments_are_told_apart_as_python_prints_them():
    step = compile(lambda x, number: sangja.copysign(x, sangja.tensor(number)))
    x = sangja.ones(2)
    for number in [0.0, -0.0, math.nan] * 4:
        assert step(x, number).tolist() == [np.copysign(1, number)] * 2
        step(x, float("nan"))
    assert len(step.variants) == 3
