"""PyTorch's files: its safetensors in both directions, its pickles refused."""

from __future__ import annotations

from collections import OrderedDict

import ml_dtypes
import numpy as np
import pytest

from sangja.core.errors import ForeignFileError
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


@pytest.mark.parametrize("new", [True, False])
def test_pickles_of_pytorch_are_refused(tmp_path, new):
    path = tmp_path / "model.pt"
    torch.save(network().state_dict(), path, _use_new_zipfile_serialization=new)
    kind = "a PyTorch .pt file" if new else "an old PyTorch file"
    with pytest.raises(ForeignFileError, match=f"It looks like {kind}.*weights_only=True"):
        load(path)
