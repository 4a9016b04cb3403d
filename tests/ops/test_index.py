"""Indexing, held against PyTorch with random index expressions: values, gradients, assignment."""

import re

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import sangja
from sangja.core.errors import ArgumentError, GradientError, OutOfRangeError, ShapeError

torch = pytest.importorskip("torch")

SHAPES = [(5,), (3, 4), (2, 3, 4), (2, 1, 3, 2), (1,), (0, 3)]
PICKED = (2, 3)  # the shape that several index arrays of one expression broadcast to


@st.composite
def expressions(draw):
    """A shape, and an index into it as a list of (kind, argument) that both libraries can build."""
    shape = draw(st.sampled_from(SHAPES))
    items, d, dots = [], 0, False
    while d < len(shape):
        n = shape[d]
        kinds = ["slice", "slice", "none"]
        kinds += ["int", "int tensor", "array", "array", "list"] if n else []
        kinds += ["mask"] + ["dots"] * (not dots) + ["end"]
        kind = draw(st.sampled_from(kinds))
        if kind == "end":
            break
        step = 1
        if kind == "slice":
            bound = st.none() | st.integers(-n - 2, n + 2)
            items.append((kind, (draw(bound), draw(bound), draw(st.none() | st.integers(1, 3)))))
        elif kind in ("none", "dots"):
            items.append((kind, None))
            dots = dots or kind == "dots"
            step = 0 if kind == "none" else draw(st.integers(0, len(shape) - d))
        elif kind in ("int", "int tensor"):
            items.append((kind, draw(st.integers(-n, n - 1))))
        elif kind in ("array", "list"):
            size = draw(
                st.sampled_from([PICKED, (3,), (1,), (2, 1)] if kind == "array" else [(3,)])
            )
            count = int(np.prod(size))
            numbers = draw(st.lists(st.integers(-n, n - 1), min_size=count, max_size=count))
            items.append((kind, np.array(numbers).reshape(size)))
        else:  # exactly three are true, or one, so that masks broadcast with arrays
            mask = np.zeros(n, bool)
            mask[: draw(st.sampled_from([k for k in (1, 3) if k <= n] or [0]))] = True
            items.append((kind, mask))
        d += step
        if len(items) > 6:
            break
    return shape, items


def build(module, items):
    make = {
        "slice": lambda a: slice(*a),
        "none": lambda a: None,
        "dots": lambda a: ...,
        "int": lambda a: a,
        "int tensor": lambda a: module.tensor(a),
        "array": lambda a: module.tensor(a),
        "list": lambda a: a.tolist(),
        "mask": lambda a: module.tensor(a),
    }
    index = tuple(make[kind](argument) for kind, argument in items)
    return index[0] if len(index) == 1 else index


def outcome(function):
    """What a function returns, or the builtin that its error is."""
    try:
        return function()
    except (IndexError, RuntimeError, ValueError) as error:
        return next(k for k in (IndexError, ValueError, RuntimeError) if isinstance(error, k))


@settings(max_examples=400, deadline=None)
@given(expressions())
def test_getitem_and_its_gradient_are_pytorchs(expression):
    shape, items = expression

    def run(module):
        x = module.arange(float(np.prod(shape))).reshape(shape).requires_grad_()
        z = x[build(module, items)]
        weights = module.arange(float(z.numel())).reshape(z.shape) + 1
        (z * z * weights).sum().backward()
        return z.detach().numpy(), x.grad.numpy()

    got, wanted = outcome(lambda: run(sangja)), outcome(lambda: run(torch))
    if isinstance(wanted, type):
        assert got is wanted
        return
    for ours, theirs in zip(got, wanted, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_array_equal(ours, theirs)


@settings(max_examples=400, deadline=None)
@given(expressions(), st.sampled_from(["number", "whole", "last", "recorded"]))
def test_assignment_and_its_gradient_are_pytorchs(expression, kind):
    shape, items = expression
    # Which of several values for one element wins is open: each element is named once.
    items = [(k, a.reshape(-1)[:1] * 0 if k in ("array", "list") else a) for k, a in items]

    def run(module):
        x = module.arange(float(np.prod(shape))).reshape(shape)
        index = build(module, items)
        picked = x[index].shape
        leaf = module.ones(()).requires_grad_()
        value = {"number": 7.5, "last": module.ones(picked[-1:]) * 2}.get(kind)
        if value is None:
            value = -module.arange(float(np.prod(picked))).reshape(picked)
        if kind == "recorded":
            x, value = x * leaf, value * leaf
        x[index] = value
        if kind != "recorded":
            return (x.numpy(),)
        (x * x).sum().backward()
        return x.detach().numpy(), leaf.grad.numpy()

    got, wanted = outcome(lambda: run(sangja)), outcome(lambda: run(torch))
    if isinstance(wanted, type):
        assert got is wanted
        return
    for ours, theirs in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "index",
    [True, False, (0, True), np.array([1, 0]), range(2), [], [True, False], (..., None), ((), 0)],
    ids=repr,
)
def test_unusual_indices(index):
    x = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
    np.testing.assert_array_equal(sangja.tensor(x)[index].numpy(), torch.tensor(x)[index].numpy())


def test_bytes_are_masks():
    x = sangja.arange(3)
    np.testing.assert_array_equal(x[sangja.tensor([1, 0, 1], dtype=sangja.uint8)], [0, 2])


@pytest.mark.parametrize(
    ("index", "error", "text"),
    [
        (5, OutOfRangeError, "index 5 is out of bounds"),
        ((0, -4), OutOfRangeError, "index -4 is out of bounds"),
        ([0, 2], OutOfRangeError, "index 2 is out of bounds for dimension 0 with size 2"),
        ((0, 0, 0), OutOfRangeError, "too many indices"),
        (
            (0, 0, [0]),
            OutOfRangeError,
            "too many indices for tensor of dimension 2: the index has 3",
        ),
        (slice(None, None, -1), ArgumentError, "step must be greater than zero; use flip()"),
        (1.5, OutOfRangeError, "only integers, slices (`:`), ellipsis (`...`), None"),
        ([0.5], OutOfRangeError, "tensors used as indices must be long, int, byte or bool"),
        (
            [True, False, True],
            OutOfRangeError,
            "The shape of the mask [3] at index 0 does not match",
        ),
        (([0, 1], [0, 1, 2]), OutOfRangeError, "could not be broadcast"),
    ],
    ids=repr,
)
def test_what_cannot_be_indexed_is_refused(index, error, text):
    x = sangja.zeros(2, 3)
    with pytest.raises(error, match=re.escape(text)):
        x[index]
    with pytest.raises(error, match=re.escape(text)):
        x[index] = 1.0


def test_values_that_do_not_fit_are_refused():
    x = sangja.zeros(2, 3)
    with pytest.raises(ShapeError, match=re.escape("the value has shape [2], the tensor [2, 3]")):
        x[0] = sangja.ones(2)
    with pytest.raises(GradientError, match="more than one element of the written-to tensor"):
        sangja.zeros(1).expand(3)[0] = 1.0
    with pytest.raises(GradientError, match="read-only"):
        frozen = np.zeros(3)
        frozen.flags.writeable = False
        sangja.from_numpy(frozen)[0] = 1.0


def test_an_int_gives_a_view_down_to_the_last_element():
    x = sangja.zeros(2, 2)
    x[0][1].add_(3)
    x[1, 0].add_(2)
    np.testing.assert_array_equal(x, [[0, 3], [2, 0]])


def test_a_write_between_use_and_backward_is_noticed():
    x = sangja.ones(3)
    w = sangja.ones(3, requires_grad=True)
    z = (w * x).sum()
    x[0] = 5.0
    with pytest.raises(GradientError, match="__setitem__"):
        z.backward()


def test_an_index_changed_before_backward_is_noticed():
    i = sangja.tensor([0, 1])
    w = sangja.ones(3, requires_grad=True)
    z = w[i].sum()
    i[0] = 2
    with pytest.raises(GradientError, match="modified by an inplace operation"):
        z.backward()


def test_adding_many_rows_at_once_equals_pytorch():
    rng = np.random.default_rng(0)
    i, g = rng.integers(-50, 50, (30, 40)), rng.standard_normal((30, 40, 7))

    def run(module):
        x = module.zeros(50, 7, dtype=module.float64).requires_grad_()
        (x[module.tensor(i)] * module.tensor(g)).sum().backward()
        return x.grad.numpy()

    np.testing.assert_allclose(run(sangja), run(torch), rtol=1e-12)
