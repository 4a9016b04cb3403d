"""Seed 001: the dynamic graph of the UvA tutorial, through the ordinary API, as printed there."""

import pytest

import sangja


def test_the_graph_prints_what_the_seed_prints():
    x = sangja.arange(3, dtype=sangja.float32, requires_grad=True)
    assert str(x) == "tensor([0., 1., 2.], requires_grad=True)"
    a = x + 2
    b = a**2
    c = b + 3
    y = c.mean()
    assert str(y) == "tensor(12.6667, grad_fn=<MeanBackward0>)"
    y.backward()
    assert str(x.grad) == "tensor([1.3333, 2.0000, 2.6667])"


def test_what_the_seed_says_of_gradients_and_what_is_true():
    """Only floating tensors have gradients; those of a, b and c are not kept unless asked for."""
    with pytest.raises(RuntimeError, match="floating point dtype can require gradients"):
        sangja.arange(3, requires_grad=True)
    x = sangja.arange(3, dtype=sangja.float32, requires_grad=True)
    a = x + 2
    b = a**2
    b.retain_grad()
    y = (b + 3).mean()
    y.backward()
    assert a.grad is None
    assert [round(g, 4) for g in b.grad.tolist()] == [0.3333] * 3
    assert x.size() == sangja.Size([3])
