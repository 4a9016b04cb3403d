"""Addresses, steps, storages, versions: what PyTorch answers."""

import re

import numpy as np
import pytest

import sangja
from sangja.core.errors import ArgumentTypeError, GradientError, OutOfRangeError

torch = pytest.importorskip("torch")

LAYOUTS = {
    "whole": lambda t: t.arange(24.0).reshape(2, 3, 4),
    "transposed": lambda t: t.arange(24.0).reshape(2, 3, 4).transpose(0, 2),
    "slice": lambda t: t.arange(24.0).reshape(2, 3, 4)[:, 1:, 1::2],
    "slice of a slice": lambda t: t.arange(24.0)[2:][3:].detach()[1:],
    "select": lambda t: t.arange(24.0).reshape(2, 3, 4)[1, 2],
    "expanded": lambda t: t.arange(3.0).expand(4, 3),
    "diagonal": lambda t: t.arange(12.0).reshape(3, 4).diagonal(1),
    "by hand": lambda t: t.arange(12.0).as_strided((2, 2), (3, 2), 1),
    "result": lambda t: (t.arange(6.0).reshape(2, 3) * 2)[1:],
    "product": lambda t: (t.ones(2, 3) @ t.ones(3, 4)).t()[1:],
    "long": lambda t: t.arange(5)[2:],
    "empty": lambda t: t.zeros(0, 3),
    "number": lambda t: t.tensor(2.0),
    "flipped": lambda t: t.arange(6.0).flip(0)[1:],
    "of NumPy": lambda t: t.from_numpy(np.arange(12.0)[2:])[1:],
    "of strided NumPy": lambda t: t.from_numpy(np.arange(12.0)[::2])[1:],
}


def facts(x):
    return {
        "stride": x.stride(),
        "offset": x.storage_offset(),
        "contiguous": x.is_contiguous(),
        "nbytes": x.untyped_storage().nbytes(),
        "numbers": x.storage().size(),
        "element_size": x.element_size(),
        "dim_order": x.dim_order() if x.numel() and 0 not in x.stride() else None,
    }


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts_equal_pytorch(layout):
    mine, theirs = layout(sangja), layout(torch)
    assert facts(mine) == facts(theirs)
    assert mine.storage().tolist() == theirs.storage().tolist()
    if mine.numel():
        first = mine.untyped_storage().data_ptr()
        assert mine.data_ptr() - first == theirs.data_ptr() - theirs.untyped_storage().data_ptr()


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_as_strided_counts_from_the_storage(layout):
    mine, theirs = layout(sangja), layout(torch)
    for args in [((2, 2), (1, 1)), ((2, 2), (1, 1), 0), ((3,), (2,), 1)]:
        try:
            expected = theirs.as_strided(*args)
        except RuntimeError as error:
            with pytest.raises(RuntimeError, match=re.escape(str(error))):
                mine.as_strided(*args)
        else:
            np.testing.assert_array_equal(mine.as_strided(*args), expected)


@pytest.mark.parametrize("shape", ["t", "expand", "slice", "overlap"])
def test_gradients_through_views_by_hand(shape):
    looks = {
        "t": lambda x: x.t().as_strided((2, 3), (3, 1)),
        "expand": lambda x: x[:, :1].expand(4, 3).as_strided((2, 2), (3, 0), 1),
        "slice": lambda x: x[1:, 1:].as_strided((2, 2), (1, 2)),
        "overlap": lambda x: x.reshape(12).as_strided((4, 4), (2, 1)),
    }
    found = []
    for module in (sangja, torch):
        x = module.arange(12.0).reshape(4, 3).requires_grad_()
        y = looks[shape](x)
        (y * module.arange(1.0, y.numel() + 1).reshape(y.shape)).sum().backward()
        found.append(x.grad.numpy())
    np.testing.assert_array_equal(*found)


WRITES = [
    lambda t, x: x.add_(1),
    lambda t, x: x[1:].mul_(2),
    lambda t, x: x.detach().zero_(),
    lambda t, x: x.__setitem__(0, 5.0),
    lambda t, x: x.view(2, 2).t().copy_(t.ones(2, 2)),
    lambda t, x: x.as_strided((2,), (2,)).fill_(3),
]


def test_versions_count_writes_to_the_memory():
    for module in (sangja, torch):
        x = module.zeros(4)
        assert x._version == 0
        for number, write in enumerate(WRITES, start=1):
            write(module, x)
            assert x._version == number
        assert x[1:]._version == 6
        assert x[1:]._is_view()
        assert not x._is_view()
        assert x.tolist() == [3.0, 1.0, 3.0, 1.0]


def test_which_tensors_are_the_same():
    for module in (sangja, torch):
        x = module.zeros(2, 3)
        assert x.is_set_to(x.view(2, 3))
        assert not x.is_set_to(x.view(3, 2))
        assert not x.is_set_to(x.clone())
        assert x.data_ptr() == x.t().data_ptr()


def test_resize_keeps_what_fits():
    for module in (sangja, torch):
        x = module.arange(6.0)
        assert x.resize_(2, 2).tolist() == [[0.0, 1.0], [2.0, 3.0]]
        assert x.resize_(5).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
        assert x.resize_(4, 3).shape == (4, 3)
        assert x.flatten()[:6].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
        assert x.resize_as_(module.zeros(1, 2)).tolist() == [[0.0, 1.0]]
        with pytest.raises(RuntimeError, match="cannot resize variables that require grad"):
            module.zeros(2, requires_grad=True).resize_(3)


def test_set_puts_a_tensor_over_other_memory():
    for module in (sangja, torch):
        x, y = module.zeros(2), module.arange(6.0)
        assert x.set_(y) is x
        x.add_(1)
        assert y.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
        assert x.set_(y, 1, (2, 2), (2, 1)).tolist() == [[2.0, 3.0], [4.0, 5.0]]
        assert x.set_(y.untyped_storage(), 2, (3,), (1,)).tolist() == [3.0, 4.0, 5.0]
        assert x.set_().shape == (0,)
    with pytest.raises(ArgumentTypeError, match=r"expected a tensor of sangja\.float32"):
        sangja.zeros(2).set_(sangja.arange(2))
    with pytest.raises(GradientError, match="cannot be put over other memory"):
        sangja.zeros(2, requires_grad=True).set_(sangja.zeros(2))


def test_data_takes_the_storage_of_the_other():
    for module in (sangja, torch):
        x = module.zeros(2)
        x.data = module.arange(6.0)[2:]
        assert (x.storage_offset(), x.untyped_storage().nbytes()) == (2, 24)


def test_storages_are_sequences():
    storage = sangja.tensor([1, 2, 3])[1:].storage()
    assert (len(storage), storage[0], storage[1:], list(storage)) == (3, 1, [2, 3], [1, 2, 3])
    assert (storage.nbytes(), storage.element_size(), storage.dtype) == (24, 8, sangja.int64)
    storage[0] = 9
    assert storage.tolist() == [9, 2, 3]
    with pytest.raises(OutOfRangeError, match="index 3 is out of range for storage of size 3"):
        storage[3]
    raw = storage.untyped()
    assert (len(raw), raw[0], raw.element_size(), raw.tolist()[:2]) == (24, 9, 1, [9, 0])
    assert raw[8:16].tolist() == [2, 0, 0, 0, 0, 0, 0, 0]
    assert raw.data_ptr() == storage.data_ptr()
    assert sangja.is_storage(raw)
    assert str(raw.device) == str(storage.device) == "cpu"


def test_empty_tensors_with_steps():
    for module in (sangja, torch):
        x = module.empty_strided((2, 3), (1, 2), dtype=module.float64)
        assert (x.stride(), x.shape, x.dtype) == ((1, 2), (2, 3), module.float64)
        assert module.empty_strided((0, 3), (3, 1)).shape == (0, 3)


def test_memory_is_shared_by_threads_and_pinned_for_nobody():
    x = sangja.zeros(3)
    assert x.share_memory_() is x
    assert x.is_shared()
    assert x.untyped_storage().is_shared()
    assert not x.is_pinned()
