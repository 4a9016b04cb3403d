"""Small methods that PyTorch's tensors have."""

import numpy as np
import pytest

import sangja
from sangja.core.errors import ArgumentTypeError, DeviceError, ShapeError

torch = pytest.importorskip("torch")

FLAGS = ["is_cpu", "is_cuda", "is_meta", "is_mkldnn", "is_mps", "is_nested", "is_quantized"]
FLAGS += ["is_sparse", "is_sparse_csr", "is_xpu", "name", "output_nr", "retains_grad", "is_leaf"]


@pytest.mark.parametrize("flag", FLAGS)
def test_flags(flag):
    assert getattr(sangja.ones(2), flag) == getattr(torch.ones(2), flag)


def test_counts_and_copies():
    for module in (sangja, torch):
        x = module.ones(2, 3)
        assert (x.nelement(), x.ndimension(), x.is_signed()) == (6, 2, True)
        assert x.is_same_size(module.zeros(2, 3))
        assert x.new(2).shape == (2,)
        assert x.new([1, 2]).dtype == module.float32
        assert x.new(x.shape).shape == (2, 3)
        assert x.new().shape == (0,)
        assert module.ones(4).unbind()[2].output_nr == 0
        assert module.ones(4, requires_grad=True).unbind()[2].output_nr == 2


def test_python_in_place():
    for module in (sangja, torch):
        x = module.tensor([[1.0, 4.0], [9.0, 16.0]])
        assert x.apply_(lambda n: n**0.5).tolist() == [[1.0, 2.0], [3.0, 4.0]]
        assert x.map_(module.ones(2), lambda a, b: a + 2 * b).tolist() == [[3.0, 4.0], [5.0, 6.0]]
        with pytest.raises(RuntimeError, match="requires grad"):
            module.ones(2, requires_grad=True).apply_(lambda n: n)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (7, 3), (2, 2, 2)])
@pytest.mark.parametrize("wrap", [False, True])
def test_fill_diagonal(shape, wrap):
    found = [m.zeros(*shape).fill_diagonal_(5, wrap).numpy() for m in (sangja, torch)]
    np.testing.assert_array_equal(*found)


def test_fill_diagonal_refuses():
    with pytest.raises(ShapeError, match="dimensions must larger than 1"):
        sangja.zeros(3).fill_diagonal_(1)
    with pytest.raises(ShapeError, match="must be of equal length"):
        sangja.zeros(2, 3, 2).fill_diagonal_(1)


def test_subclasses():
    for module in (sangja, torch):

        class Mine(module.Tensor):
            pass

        x = module.ones(2, requires_grad=True)
        y = (x * 2).as_subclass(Mine)
        assert type(y) is Mine
        y.sum().backward()
        assert x.grad.tolist() == [2.0, 2.0]
    with pytest.raises(ArgumentTypeError, match="expected a subclass of Tensor"):
        sangja.ones(2).as_subclass(int)


def test_membership_order_and_deletion():
    for module in (sangja, torch):
        x = module.arange(6).reshape(3, 2)
        assert reversed(x).tolist() == [[4, 5], [2, 3], [0, 1]]
        assert 3 in x
        assert module.tensor(7) not in x
        with pytest.raises(RuntimeError, match="only supports Tensor or scalar"):
            "a" in x  # noqa: B015
        with pytest.raises(TypeError, match="does not support deleting items"):
            del x[0]
        with pytest.raises(RuntimeError, match="cannot be converted to type"):
            float(module.tensor(1 + 1j))
        assert float(module.tensor(2 + 0j)) == 2.0


def test_sizes_are_tuples_that_stay_sizes():
    for module in (sangja, torch):
        size = module.Size([2, 3])
        for found, expected in [
            (size + (1,), (2, 3, 1)),  # noqa: RUF005
            ((1,) + size, (1, 2, 3)),  # noqa: RUF005
            (size * 2, (2, 3, 2, 3)),
            (2 * size, (2, 3, 2, 3)),
            (size[1:], (3,)),
            (module.Size(), ()),
        ]:
            assert type(found) is module.Size
            assert found == expected
        with pytest.raises(TypeError, match="takes an iterable of 'int'"):
            module.Size([2.5])


def test_the_default_device_is_the_cpu():
    for module in (sangja, torch):
        module.set_default_device("cpu")
        assert str(module.get_default_device()) == "cpu"
        with module.device("cpu"):
            assert module.ones(2).device.type == "cpu"
    torch.set_default_device(None)
    sangja.set_default_device(None)
    with pytest.raises(DeviceError, match="sangja computes on the CPU"):
        sangja.set_default_device("cuda")
