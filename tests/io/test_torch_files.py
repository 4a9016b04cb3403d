"""PyTorch's files: its safetensors in both directions, its own files in both directions."""

from __future__ import annotations

import io
from collections import OrderedDict

import ml_dtypes
import numpy as np
import pytest

import sangja
from sangja.core.errors import ArgumentError, ArgumentTypeError, CheckpointError
from sangja.io import load, read_tensor_file, save, write_tensor_file

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Flatten(), torch.nn.Linear(4, 2)
    )


def test_a_state_of_pytorch_loads_here(tmp_path):
    state = network().state_dict()
    path = tmp_path / "theirs.safetensors"
    safetensors_torch.save_file(state, path)
    found = load(path)
    assert found.keys() == state.keys()
    for name, tensor in state.items():
        assert np.array_equal(found[name].array, tensor.numpy())
        assert found[name].array.dtype == tensor.numpy().dtype
    assert not read_tensor_file(path).verified


def test_a_state_of_ours_loads_into_pytorch(tmp_path):
    state = OrderedDict((name, x.numpy()) for name, x in network().state_dict().items())
    path = tmp_path / "ours.safetensors"
    save(state, path)
    torch.manual_seed(1)
    other = network()
    with torch.no_grad():
        other[0].weight.zero_()
    other.load_state_dict(safetensors_torch.load_file(path))
    for name, tensor in other.state_dict().items():
        assert np.array_equal(tensor.numpy(), state[name])


def test_bfloat16_and_float8_are_the_same_bits_in_both(tmp_path):
    kinds = {"bfloat16": torch.bfloat16, "float8_e5m2": torch.float8_e5m2}
    kinds["float8_e4m3fn"] = torch.float8_e4m3fn
    values = np.array([0.5, -2.0, 3.0, 0.0], np.float32)
    arrays = {name: values.astype(getattr(ml_dtypes, name)) for name in kinds}
    write_tensor_file(tmp_path / "ours", arrays)
    theirs = safetensors_torch.load_file(tmp_path / "ours")
    for name, dtype in kinds.items():
        assert theirs[name].dtype == dtype
        assert theirs[name].float().tolist() == values.tolist()
    safetensors_torch.save_file(theirs, tmp_path / "theirs")
    found = read_tensor_file(tmp_path / "theirs").tensors
    for name, x in arrays.items():
        assert found[name].dtype == x.dtype
        assert found[name].tobytes() == x.tobytes()


def checkpoint():
    """What training scripts save: weights, an optimizer's state and plain values of every kind."""
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    model(torch.ones(2, 3, 3, 3)).sum().backward()
    optimizer.step()
    base = torch.arange(12.0)
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "values": [
            1,
            -2.5,
            None,
            True,
            "x",
            (1, 2),
            {"a": [2**100, float("inf")]},
            b"ab\xff",
            1 + 2j,
        ],
        "set": {1, 2},
        "size": torch.Size([2, 3]),
        "dtype": torch.float32,
        "device": torch.device("cuda", 1),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "tail": base[2:],
        "turned": base.view(3, 4).t(),
        "empty": torch.empty(0, 3),
        "scalar": torch.tensor(3),
        **{
            str(dtype): torch.tensor([0, 1, 1]).to(dtype)
            for dtype in (
                *(torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.int16),
                *(torch.int32, torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.bool),
                *(torch.complex64, torch.complex128),
            )
        },
    }


def bits(tensor):
    if isinstance(tensor, torch.Tensor):
        return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return np.ascontiguousarray(tensor.array).tobytes()


def assert_same(mine, theirs):
    """Equal in kind, dtype, shape, strides and every bit."""
    if isinstance(theirs, torch.Tensor):
        assert tuple(mine.shape) == tuple(theirs.shape)
        assert tuple(mine.stride()) == tuple(theirs.stride())
        assert str(mine.dtype).split(".")[1] == str(theirs.dtype).split(".")[1]
        assert mine.requires_grad == theirs.requires_grad
        assert bits(mine) == bits(theirs)
    elif isinstance(theirs, dict):
        assert type(mine) is type(theirs)
        assert list(mine) == list(theirs)
        for key, value in theirs.items():
            assert_same(mine[key], value)
    elif isinstance(theirs, (list, tuple)) and type(theirs) is not torch.Size:
        assert type(mine) is type(theirs)
        for a, b in zip(mine, theirs, strict=True):
            assert_same(a, b)
    elif isinstance(theirs, (torch.Size, torch.dtype, torch.device)):
        assert repr(mine).replace("sangja", "torch") == repr(theirs)
    else:
        assert mine == theirs
        assert type(mine) is type(theirs)


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("how", ["path", "buffer", "mapped"])
def test_a_checkpoint_of_pytorch_loads_here_bit_for_bit(tmp_path, new, how):
    theirs = checkpoint()
    path = tmp_path / "model.pth.tar"
    torch.save(theirs, path, _use_new_zipfile_serialization=new)
    if how == "buffer":
        mine = load(io.BytesIO(path.read_bytes()), map_location="cpu")
    else:
        mine = load(path, map_location=lambda storage, place: storage, mmap=how == "mapped")
    assert_same(mine, theirs)
    mine["tail"][0] = 99.0  # element 2 of the shared memory
    assert mine["turned"][2, 0].item() == 99.0


@pytest.mark.parametrize("how", ["path", "buffer"])
def test_a_checkpoint_saved_here_loads_in_pytorch_bit_for_bit(tmp_path, how):
    theirs = checkpoint()
    path = tmp_path / "first.pt"
    torch.save(theirs, path)
    mine = load(path)
    if how == "path":
        save(mine, tmp_path / "second.pt")
        back = torch.load(tmp_path / "second.pt", weights_only=True)
    else:
        buffer = io.BytesIO()
        save(mine, buffer, format="torch")
        buffer.seek(0)
        back = torch.load(buffer, weights_only=True)
    assert_same(mine, back)
    assert_same(mine, theirs)
    back["tail"][0] = 5.0
    assert back["turned"][2, 0].item() == 5.0


def test_a_model_of_ours_goes_to_pytorch_and_back(tmp_path):
    sangja.manual_seed(0)
    ours = sangja.nn.Sequential(sangja.nn.Linear(3, 4), sangja.nn.BatchNorm1d(4))
    save(ours.state_dict(), tmp_path / "ours.pt")
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    theirs.load_state_dict(torch.load(tmp_path / "ours.pt", weights_only=True))
    torch.save(theirs.state_dict(), tmp_path / "theirs.pt")
    again = sangja.nn.Sequential(sangja.nn.Linear(3, 4), sangja.nn.BatchNorm1d(4))
    again.load_state_dict(load(tmp_path / "theirs.pt"))
    for name, value in ours.state_dict().items():
        assert bits(value) == bits(again.state_dict()[name]) == bits(theirs.state_dict()[name])


def test_tied_weights_and_transposed_and_flipped_arrays_are_written_right(tmp_path):
    weight = sangja.arange(6.0).reshape(2, 3)
    values = {"a": weight, "b": weight, "t": weight.T, "row": weight[1], "cols": weight[:, ::2]}
    values["flipped"] = sangja.arange(6.0).flip(0)
    save(values, tmp_path / "x.pt")
    back = torch.load(tmp_path / "x.pt", weights_only=True)
    assert back["a"] is back["b"]
    for name, value in values.items():
        assert back[name].tolist() == value.tolist()
    back["a"][1, 0] = -1.0
    assert back["row"][0].item() == back["t"][0, 1].item() == -1.0


def test_what_pytorchs_safe_loader_would_refuse_is_not_written(tmp_path):
    with pytest.raises(ArgumentTypeError, match=r"the value\['a'\]\[0\] is a ndarray.*from_numpy"):
        save({"a": [np.ones(2)]}, tmp_path / "x.pt")
    with pytest.raises(ArgumentTypeError, match=r"a key in the value is a Size|a frozenset"):
        save({frozenset([1]): 1}, tmp_path / "x.pt")
    loop = []
    loop.append(loop)
    with pytest.raises(ArgumentError, match="contains itself"):
        save(loop, tmp_path / "x.pt")
    deep = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(ArgumentError, match="deeper than 100"):
        save(deep, tmp_path / "x.pt")
    with pytest.raises(ArgumentError, match="'torch' or 'safetensors', got 'zip'"):
        save(1, tmp_path / "x.pt", format="zip")
    with pytest.raises(ArgumentTypeError, match="unexpected keyword argument 'modus'"):
        save(1, tmp_path / "x.pt", modus=1)
    assert not list(tmp_path.iterdir())


def test_the_extension_says_the_format(tmp_path):
    for name in ("a.pt", "a.PTH", "a.pth.tar", "a.bin", "a.ckpt"):
        save({"x": 1}, tmp_path / name)
        assert (tmp_path / name).read_bytes()[:2] == b"PK"
        assert load(tmp_path / name) == {"x": 1}
    for name in ("a.safetensors", "a", "a.sangja"):
        save({"x": 1}, tmp_path / name)
        assert (tmp_path / name).read_bytes()[8:9] == b"{"


def test_a_whole_module_is_refused_with_what_to_do(tmp_path):
    for new in (True, False):
        torch.save(network(), tmp_path / "model.pt", _use_new_zipfile_serialization=new)
        with pytest.raises(
            CheckpointError, match=r"whole .*torch.save\(model.state_dict\(\), path\)"
        ):
            load(tmp_path / "model.pt", weights_only=False)


def test_numpy_numbers_of_old_checkpoints_load(tmp_path):
    values = {"best": np.float64(0.25), "epoch": np.int64(3)}
    torch.save(values, tmp_path / "x.pt")
    found = load(tmp_path / "x.pt")
    assert found == values
    assert type(found["best"]) is np.float64
    assert type(found["epoch"]) is np.int64
