"""Channels last: asked for, given, and reported as PyTorch does."""

import numpy as np
import pytest

import sangja
from sangja.core.errors import ArgumentTypeError, ShapeError

torch = pytest.importorskip("torch")

ASKED = {
    "to": lambda t, x: x.to(memory_format=t.channels_last),
    "to a dtype": lambda t, x: x.to(t.float64, memory_format=t.channels_last),
    "contiguous": lambda t, x: x.contiguous(memory_format=t.channels_last),
    "clone": lambda t, x: x.clone(memory_format=t.channels_last),
    "and back": lambda t, x: x.to(memory_format=t.channels_last).contiguous(),
    "clone back": lambda t, x: x.to(memory_format=t.channels_last).clone(
        memory_format=t.contiguous_format
    ),
    "kept by a clone": lambda t, x: x.to(memory_format=t.channels_last).clone(),
    "kept by arithmetic": lambda t, x: x.to(memory_format=t.channels_last) * 2 + 1,
    "kept by a cast": lambda t, x: x.to(memory_format=t.channels_last).double(),
    "empty": lambda t, x: t.empty(2, 3, 4, 5, memory_format=t.channels_last).zero_(),
    "empty_like": lambda t, x: t.empty_like(x.to(memory_format=t.channels_last)).zero_(),
    "zeros_like": lambda t, x: t.zeros_like(x.transpose(0, 2)),
    "ones_like": lambda t, x: t.ones_like(x, memory_format=t.channels_last),
    "sliced": lambda t, x: t.zeros_like(x[:, :, 1:, ::2]),
    "one channel": lambda t, x: x[:, :1].contiguous(memory_format=t.channels_last),
    "float": lambda t, x: x.transpose(1, 2).half().float(),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_steps_and_answers_equal_pytorch(ask):
    found = []
    for module in (sangja, torch):
        x = module.arange(120.0).reshape(2, 3, 4, 5)
        y = ask(module, x)
        answers = [y.is_contiguous(), y.is_contiguous(memory_format=module.channels_last)]
        found.append((y.stride(), tuple(y.shape), answers, y.sum().item()))
    assert found[0] == found[1]


def test_three_spatial_dimensions():
    for module in (sangja, torch):
        x = module.zeros(2, 3, 4, 5, 6).to(memory_format=module.channels_last_3d)
        assert x.stride() == (360, 1, 90, 18, 3)
        assert x.is_contiguous(memory_format=module.channels_last_3d)
        assert not x.is_contiguous(memory_format=module.channels_last)


def test_the_gradient_passes():
    for module in (sangja, torch):
        x = module.ones(1, 2, 2, 2, requires_grad=True)
        y = x.contiguous(memory_format=module.channels_last)
        (y * module.arange(8.0).reshape(1, 2, 2, 2)).sum().backward()
        np.testing.assert_array_equal(x.grad.flatten(), np.arange(8.0))


def test_wrong_formats_are_refused():
    with pytest.raises(ShapeError, match="required rank 4 tensor to use channels_last format"):
        sangja.zeros(2, 3).contiguous(memory_format=sangja.channels_last)
    with pytest.raises(ArgumentTypeError, match=r"expected one such as sangja\.channels_last"):
        sangja.zeros(2, 3).clone(memory_format="channels_last")


def test_convolutions_take_it():
    for module in (sangja, torch):
        module.manual_seed(0)
        layer = module.nn.Conv2d(3, 4, 3)
        x = module.arange(96.0).reshape(1, 3, 4, 8)
        expected = layer(x)
        found = layer(x.to(memory_format=module.channels_last))
        np.testing.assert_allclose(found.detach(), expected.detach(), rtol=1e-5)
