"""Copies, deep copies and journeys through pickle, by PyTorch's rules."""

import copy
import pickle

import numpy as np
import pytest

import sangja

torch = pytest.importorskip("torch")

MODULES = pytest.mark.parametrize("module", [sangja, torch], ids=["sangja", "torch"])
WAYS = {"deepcopy": copy.deepcopy, "pickle": lambda x: pickle.loads(pickle.dumps(x))}
by_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@pytest.mark.parametrize(
    ("module", "way"),
    [(sangja, copy.deepcopy), (torch, copy.deepcopy), (sangja, WAYS["pickle"])],  # torch.save only
    ids=["sangja-deepcopy", "torch-deepcopy", "sangja-pickle"],
)
def test_tensors_over_one_memory_stay_so(module, way):
    x = module.arange(6.0).reshape(2, 3)
    a, row, transposed, other = way([x, x[1], x.t(), module.ones(2)])
    row.add_(10)
    assert a.tolist() == [[0.0, 1.0, 2.0], [13.0, 14.0, 15.0]]
    assert transposed.tolist() == [[0.0, 13.0], [1.0, 14.0], [2.0, 15.0]]
    assert (row.storage_offset(), transposed.stride()) == (3, (1, 3))
    assert x.sum() == 15
    assert other.tolist() == [1.0, 1.0]


@MODULES
@by_way
def test_what_comes_along(module, way):
    x = module.nn.Parameter(module.ones(2))
    (x * 3).sum().backward()
    x.note = "mine"
    y = way(x)
    assert type(y) is module.nn.Parameter
    assert y.requires_grad
    assert y.is_leaf
    assert y.grad is None or y.grad.tolist() == [3.0, 3.0]
    layer = module.nn.Linear(2, 2)
    np.testing.assert_array_equal(way(layer).weight.detach(), layer.weight.detach())


@MODULES
def test_a_shallow_copy_shares_memory(module):
    x = module.ones(2, requires_grad=True)
    x.note = "mine"
    y = copy.copy(x)
    assert (y.note, y.requires_grad, y.is_leaf) == ("mine", True, True)
    y.detach().add_(1)
    assert x.tolist() == [2.0, 2.0]
    z = copy.copy(x * 2)
    assert z.requires_grad
    assert z.is_leaf


@MODULES
def test_a_result_is_no_leaf_and_cannot_be_copied_deeply(module):
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(module.ones(2, requires_grad=True) * 2)


def test_a_write_after_a_deep_copy_is_noticed():
    x = sangja.ones(4)
    whole, part = copy.deepcopy([x, x[:2]])
    w = sangja.ones(4, requires_grad=True)
    z = (w * whole).sum()
    part.mul_(5)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


def test_a_tensor_with_history_stays_here():
    with pytest.raises(RuntimeError, match=r"send x\.detach\(\)"):
        pickle.dumps(sangja.ones(2, requires_grad=True) * 2)
