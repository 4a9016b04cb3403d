"""Writes into memory: through the tensor, its views, `.data` and NumPy: found, or right."""

import numpy as np
import pytest

import sangja

F64 = sangja.float64


def leaf(*values):
    return sangja.tensor(values, dtype=F64, requires_grad=True)


def square_of(x):
    return (x * x).sum()


WRITES = {
    "in place": lambda x: x.mul_(0.0),
    "an item": lambda x: x.__setitem__(0, 0.0),
    "through a view": lambda x: x[:1].mul_(0.0),
    "through detach()": lambda x: x.detach().mul_(0.0),
    "through .data": lambda x: x.data.mul_(0.0),
    "through numpy()": lambda x: x.detach().numpy().__setitem__(0, 0.0),
    "through a part of numpy()": lambda x: x.detach().numpy()[:1].__setitem__(0, 0.0),
    "through np.asarray": lambda x: np.asarray(x.detach()).__setitem__(0, 0.0),
    "by a new .data": lambda x: setattr(x, "data", sangja.tensor([0.0, 0.0], dtype=F64)),
    "by copy_": lambda x: x.copy_(sangja.tensor([0.0, 0.0], dtype=F64)),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_a_kept_value_overwritten_before_backward_is_found(write):
    x = leaf(3.0, 4.0)
    y = square_of(x)
    with sangja.no_grad():
        write(x)
    with pytest.raises(RuntimeError, match="modified by an inplace operation") as caught:
        y.backward()
    assert "MulBackward0" in str(caught.value)
    assert x.grad is None


def test_an_array_taken_before_the_operation_and_written_after_is_found():
    x = leaf(3.0, 4.0)
    array = x.detach().numpy()
    y = square_of(x)
    array[0] = 0.0
    with pytest.raises(RuntimeError, match=r"write through the array that numpy\(\) returned"):
        y.backward()


def test_an_array_that_is_only_read_changes_nothing():
    x = leaf(3.0, 4.0)
    array = x.detach().numpy()
    square_of(x).backward()
    assert array.tolist() == [3.0, 4.0] and x.grad.tolist() == [6.0, 8.0]


def test_memory_borrowed_from_numpy_is_watched_too():
    array = np.array([3.0, 4.0])
    w = leaf(1.0, 1.0)
    y = (w * sangja.from_numpy(array)).sum()
    array[0] = 0.0
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_a_kept_result_overwritten_is_found():
    x = leaf(1.0)
    y = x.exp()
    z = y * 1.0
    y.mul_(2.0)
    with pytest.raises(RuntimeError, match="kept for ExpBackward0"):
        z.backward()


def test_writes_that_disturb_nothing_are_allowed():
    x = leaf(1.0, 2.0)
    y = x + 1
    y.mul_(3)
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_history_of_a_base_written_through_a_view():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1.0
    y[1:].mul_(10.0)
    y[0] = x[2] * 5
    other = y[:2]
    assert y.tolist() == [15.0, 20.0, 30.0]
    (y.sum() + other.sum()).backward()
    assert x.grad.tolist() == [0.0, 20.0, 10.0 + 10.0]


def test_a_view_taken_before_sees_the_write_in_value_and_history():
    x = leaf(1.0, 2.0)
    y = x * 1.0
    view = y[0]
    y.mul_(7.0)
    assert view.item() == 7.0
    view.backward()
    assert x.grad.tolist() == [7.0, 0.0]


def test_a_plain_tensor_that_receives_a_recorded_value_gets_its_history():
    x = leaf(2.0)
    buffer = sangja.zeros(3, dtype=F64)
    buffer[1] = x[0] * 3
    (buffer * buffer).sum().backward()
    assert x.grad.tolist() == [36.0]


def test_second_derivative_through_an_in_place_write():
    x = leaf(0.5, 3.0)
    y = x * x
    y[0].exp_()
    (g,) = sangja.autograd.grad(y.sum(), x, create_graph=True)
    (gg,) = sangja.autograd.grad(g.sum(), x)  # y = (exp(x0²), x1²)
    np.testing.assert_allclose(g.tolist(), [np.exp(0.25), 6.0])
    np.testing.assert_allclose(gg.tolist(), [3 * np.exp(0.25), 2.0])


def test_what_pytorch_refuses_is_refused_by_name():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"a leaf Variable that requires grad .*\(mul_\)"):
        x.mul_(2)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad"):
        x[:1].mul_(2)
    with pytest.raises(RuntimeError, match="refers to a single memory location"):
        sangja.engine.broadcast_to(sangja.ones(1), (3,)).mul_(2)
    with pytest.raises(RuntimeError, match=r"output with shape \[2\] doesn't match .* \[3, 2\]"):
        sangja.ones(2).mul_(sangja.ones(3, 2))
    with pytest.raises(RuntimeError, match="can't be cast to the desired output type"):
        sangja.tensor([1, 2]).mul_(1.5)


def test_numpy_refuses_a_tensor_with_gradient():
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match=r"Use tensor.detach\(\).numpy\(\) instead"):
        x.numpy()
    assert x.numpy(force=True).tolist() == [1.0]
    with pytest.raises(RuntimeError, match="requires grad"):
        np.asarray(x)


def test_fill_and_zero_write_one_number_everywhere():
    x = leaf(1.0, 2.0)
    y = x * 3
    y[:1].zero_()
    assert y.tolist() == [0.0, 6.0]
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 3.0]
    assert sangja.zeros(2).fill_(sangja.tensor(7)).tolist() == [7.0, 7.0]
    with pytest.raises(RuntimeError, match="0-dimension value tensor but got tensor with 1"):
        sangja.zeros(2).fill_(sangja.ones(2))


def test_the_result_of_max_pooling_may_be_written_to():
    """PyTorch keeps where the maxima were, not the maxima: pooling, then ReLU in place, is what
    many networks do."""
    layer = sangja.nn.Sequential(sangja.nn.MaxPool2d(2), sangja.nn.ReLU(inplace=True))
    x = sangja.tensor([[[[1.0, -2.0], [3.0, 0.5]]], [[[-1.0, -2.0], [-3.0, -0.5]]]])
    x.requires_grad_()
    z = layer(x)
    assert z.tolist() == [[[[3.0]]], [[[0.0]]]]
    (d,) = sangja.autograd.grad(z.sum() ** 2, x, create_graph=True)
    assert d.tolist() == [[[[0.0, 0.0], [6.0, 0.0]]], [[[0.0, 0.0], [0.0, 0.0]]]]
    (second,) = sangja.autograd.grad(d.sum(), x)
    assert second.tolist() == [[[[0.0, 0.0], [2.0, 0.0]]], [[[0.0, 0.0], [0.0, 0.0]]]]


@pytest.mark.parametrize("write", ["fill_", "zero_", "copy_"])
def test_a_result_written_over_still_requires_a_gradient_which_is_zero(write):
    torch = pytest.importorskip("torch")
    for module in (sangja, torch):
        x = module.ones(3, requires_grad=True)
        y = x * 2
        source = module.tensor([1.0, 2.0, 3.0], requires_grad=True)
        getattr(y, write)(*{"fill_": (5.0,), "zero_": (), "copy_": (source,)}[write])
        assert y.requires_grad
        (y * y).sum().backward()
        assert x.grad.tolist() == [0.0, 0.0, 0.0]
        if write == "copy_":
            assert source.grad.tolist() == [2.0, 4.0, 6.0]


def test_a_view_of_the_result_of_max_pooling_may_be_written_to():
    x = sangja.tensor([[[[1.0, -2.0], [3.0, 0.5]]]], requires_grad=True)
    z = sangja.nn.functional.max_pool2d(x, 2).flatten(1)
    z += 1
    z.square().sum().backward()
    assert x.grad.tolist() == [[[[0.0, 0.0], [8.0, 0.0]]]]
