"""Checkpoints: what goes in comes out; what is no data is refused by its path."""

from __future__ import annotations

import doctest
import importlib
import io
import json
import math
import os
import pkgutil
from collections import Counter, OrderedDict, defaultdict, namedtuple
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
import safetensors
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

import sangja
import sangja.io
from sangja.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    CheckpointError,
    DamagedFileError,
    DTypeError,
    ForeignFileError,
    MissingFileError,
)
from sangja.io import Checkpoints, load, load_latest, read_tensor_file, save, write_tensor_file


def round_trip(value):
    buffer = io.BytesIO()
    save(value, buffer)
    buffer.seek(0)
    return load(buffer)


def same(x, y) -> bool:
    """Of one type and one value, to the bit; dicts in one order."""
    if type(x) is not type(y):
        return False
    if isinstance(x, dict):
        pairs = zip(x.items(), y.items(), strict=False)
        return len(x) == len(y) and all(same(a, b) for a, b in pairs)
    if isinstance(x, list | tuple):
        return len(x) == len(y) and all(same(a, b) for a, b in zip(x, y, strict=False))
    if isinstance(x, np.ndarray | np.generic):
        return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()
    if isinstance(x, float):
        return x.hex() == y.hex()
    if isinstance(x, complex):
        return same(x.real, y.real) and same(x.imag, y.imag)
    return x == y


KINDS = ["bool", "int8", "int64", "uint16", "uint64", "float16", "float32", "float64"]
KINDS += ["complex64", "complex128"]
arrays = st.sampled_from(KINDS).flatmap(
    lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=0, min_side=0, max_side=3))
)
scalars = st.sampled_from(KINDS).flatmap(lambda kind: hnp.from_dtype(np.dtype(kind)))
any_text = st.text(st.characters(), max_size=8) | st.sampled_from(
    ["$tensor", "$dict", "__metadata__", "", "a.b", "\ud800", "\x00", "sangja.format", "0"]
)
any_int = st.integers() | st.integers(-(2**70), 2**70)
keys = any_text | any_int | st.none() | st.booleans() | st.floats(allow_nan=False) | st.binary()
keys |= st.tuples(any_text, any_int)
leaves = keys | st.floats() | st.complex_numbers() | arrays | scalars
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
        | st.dictionaries(any_text, inner, max_size=4)
        | st.dictionaries(keys, inner, max_size=4).map(OrderedDict)
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(values)
def test_what_goes_in_comes_out(value):
    assert same(round_trip(value), value)


@settings(max_examples=50, deadline=None)
@given(values)
def test_other_programs_can_read_every_file(value):
    buffer = io.BytesIO()
    save(value, buffer)
    named = dict(safetensors.deserialize(buffer.getvalue()))
    buffer.seek(0)
    ours = read_tensor_file(buffer).tensors
    assert named.keys() == ours.keys()
    for name, tensor in named.items():
        assert bytes(tensor["data"]) == ours[name].tobytes()


def test_integers_of_any_length():
    huge = 7**9000
    value = {huge: [np.ones(2), -huge], 2**64: 2**64, 2**64 - 1: -(2**63), -(2**63) - 1: 0}
    assert same(round_trip(value), value)
    with pytest.raises(ArgumentTypeError, match=r"checkpoint\[0x.*…\] is of type object"):
        round_trip({huge: object()})


def test_an_optimizer_and_a_random_state():
    rng = np.random.default_rng(1).bit_generator.state
    value = {
        "model": OrderedDict(weight=np.ones((2, 3), np.float32), bias=np.zeros(2, np.float32)),
        "optimizer": {
            "state": {0: {"step": np.float32(3), "exp_avg": np.ones((2, 3))}, 1: {}},
            "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999), "params": [0, 1]}],
        },
        "epoch": 3,
        "best": math.inf,
        "losses": [0.1, math.nan, -0.0],
        "numpy": rng,  # integers of 128 bits
        "rng": np.arange(5056, dtype=np.uint8),
    }
    assert same(round_trip(value), value)


def test_state_dicts_are_tensor_files_of_the_same_names(tmp_path):
    path = tmp_path / "model.safetensors"
    save({"0.weight": np.ones(2), "0.bias": np.zeros(1)}, path)
    assert list(read_tensor_file(path).tensors) == ["0.weight", "0.bias"]
    with safetensors.safe_open(path, "numpy") as opened:
        assert opened.metadata()["format"] == "pt"  # what transformers asks for
    save({"model": {"a": np.ones(1)}, "rest": [np.ones(1), {"model.a": np.ones(1)}]}, path)
    assert list(read_tensor_file(path).tensors) == ["model.a", "rest.0", "rest.1.model.a"]
    save({"a": {"b": np.ones(1)}, "a.b": np.zeros(1), "__metadata__": np.ones(2)}, path)
    assert list(read_tensor_file(path).tensors) == ["a.b", "a.b#2", "__metadata__#2"]
    save(np.ones(3), path)
    assert list(read_tensor_file(path).tensors) == ["value"]


def test_tensors_come_back_as_tensors():
    value = {
        "model": {"weight": sangja.tensor([[1.5, 2.0]], requires_grad=True)},
        "state": [(sangja.tensor(3), sangja.tensor([True, False])), np.ones(2)],
        "complex": sangja.tensor([1 + 2j, 3.0], dtype=sangja.complex128),
        "empty": sangja.zeros(0, 3),
        "dtype": sangja.float64,
        "shape": sangja.zeros(2, 3).shape,
    }
    found = round_trip(value)
    pairs = [
        (found["model"]["weight"], value["model"]["weight"]),
        *zip(found["state"][0], value["state"][0], strict=True),
        (found["complex"], value["complex"]),
        (found["empty"], value["empty"]),
    ]
    for ours, theirs in pairs:
        assert type(ours) is sangja.Tensor
        assert same(ours.array, theirs.array)
        assert ours.is_leaf
        assert not ours.requires_grad
    assert type(found["state"][1]) is np.ndarray
    assert found["dtype"] is sangja.float64
    assert type(found["shape"]) is sangja.Size
    assert found["shape"] == (2, 3)


def test_a_view_a_result_and_a_loaded_tensor_go_on_living():
    x = sangja.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    found = round_trip({"turned": x.t(), "product": x * x, "x": x})
    assert np.array_equal(found["turned"].array, [[1.0, 3.0], [2.0, 4.0]])
    assert np.array_equal(found["product"].array, [[1.0, 4.0], [9.0, 16.0]])
    again = found["x"]
    again.requires_grad = True
    (again * again).sum().backward()
    assert np.array_equal(again.grad.array, [[2.0, 4.0], [6.0, 8.0]])


def test_tied_tensors_load_as_one_and_an_array_beside_them_apart():
    weight = sangja.ones(2, 3)
    found = round_trip({"a": weight, "b": weight, "detached": weight.data, "array": weight.array})
    assert found["a"] is found["b"] is found["detached"]
    assert type(found["array"]) is np.ndarray
    assert not np.shares_memory(found["array"], found["a"].array)


def test_a_plain_file_of_a_dtype_that_no_tensor_has(tmp_path):
    x = np.ones(3).astype(ml_dtypes.float8_e5m2)
    save({"raw": x}, tmp_path / "ours")
    assert load(tmp_path / "ours")["raw"].dtype == x.dtype
    write_tensor_file(tmp_path / "plain", {"w": x})
    with pytest.raises(
        CheckpointError, match=r"'w' is float8_e5m2, .*read_tensor_file\(path\)"
    ) as caught:
        load(tmp_path / "plain")
    assert isinstance(caught.value.__cause__, DTypeError)


def test_one_array_twice_is_written_once_and_loads_as_one():
    tied = np.arange(6.0).reshape(2, 3)
    empty = np.zeros(0)
    value = {"encoder": tied, "decoder": tied[:], "half": tied[:1], "turned": tied.T, "e": empty}
    buffer = io.BytesIO()
    save(value, buffer)
    buffer.seek(0)
    assert list(read_tensor_file(buffer).tensors) == ["encoder", "half", "turned", "e"]
    buffer.seek(0)
    found = load(buffer)
    assert same(found, value | {"turned": tied.T.copy()})
    assert found["encoder"] is found["decoder"]
    assert not np.shares_memory(found["encoder"], found["half"])


def test_arrays_on_disk_and_writes_after_loading(tmp_path):
    mapped = np.memmap(tmp_path / "raw", np.float32, "w+", shape=(3,))
    mapped[:] = [1, 2, 3]
    found = round_trip([mapped])[0]
    assert type(found) is np.ndarray
    found += 1
    assert found.tolist() == [2, 3, 4]


def test_the_file_is_read_from_where_it_stands():
    buffer = io.BytesIO(b"before")
    buffer.seek(0, os.SEEK_END)
    save([1], buffer)
    buffer.seek(6)
    assert load(buffer) == [1]


class Model:
    def forward(self):
        return None


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (lambda: 1, "is a function. A checkpoint holds tensors, .*, never code; save its name or"),
        (len, "is a method. A checkpoint holds .*, never code"),
        (Model().forward, "is a method. A checkpoint holds .*, never code"),
        (Model, "is the class Model. A checkpoint holds .*, never code; save its name instead"),
        (Model(), r"is of type test_checkpoint.Model. .* save its state_dict\(\)"),
        (Fraction(1, 2), "is of type fractions.Fraction. .* the values that build it anew"),
        ({1, 2}, "is of type set. A checkpoint holds"),
        (Point(1, 2), r"is of type test_checkpoint.Point. .*; convert it with tuple\(\)"),
        (defaultdict(int), r"is of type collections.defaultdict. .*; convert it with dict\(\)"),
        (Counter("a"), r"is of type collections.Counter. .*; convert it with dict\(\)"),
        (np.str_("a"), r"is of type numpy.str_. .*; convert it with str\(\)"),
        (np.datetime64(0, "s"), "is of type numpy.datetime64. A checkpoint holds"),
        (np.ma.array([1.0]), r"is of type numpy.ma.MaskedArray. .*; convert it with numpy.asarray"),
        (memoryview(b""), "is of type memoryview. A checkpoint holds"),
    ],
)
def test_what_is_no_data_is_refused_by_its_path(value, text, tmp_path):
    path = r"^checkpoint\['model'\]\['layers'\]\[1\]\['fn'\] "
    with pytest.raises(ArgumentTypeError, match=path + text):
        save({"model": {"layers": (0, {"fn": value})}}, tmp_path / "file")
    assert os.listdir(tmp_path) == []


def test_other_refusals(tmp_path):
    with pytest.raises(ArgumentTypeError, match=r"^checkpoint\['a'\] has the key .* of type froz"):
        save({"a": {frozenset(): 1}}, tmp_path / "file")
    with pytest.raises(ArgumentTypeError, match=r"\['a'\] has the key .*numbers, bytes, None or"):
        save({"a": {np.float32(1): 1}}, tmp_path / "file")
    with pytest.raises(ArgumentTypeError, match=r"\[\(1, <object.*>\)\]\[1\] is of type"):
        save({(1, object()): 1}, tmp_path / "file")
    with pytest.raises(DTypeError, match=r"tensor 'names.0' has dtype object"):
        save({"names": [np.array([print])]}, tmp_path / "file")
    ring = {"a": []}
    ring["a"].append(ring)
    with pytest.raises(ArgumentError, match=r"checkpoint\['a'\]\[0\] is a dict that contains itse"):
        save(ring, tmp_path / "file")
    assert os.listdir(tmp_path) == []


def test_nesting():
    def nested(wrap, levels):
        value = 1j
        for _ in range(levels):
            value = wrap(value)
        return value

    for wrap in (lambda x: [x], lambda x: (x,), lambda x: {1: x}, lambda x: OrderedDict(a=x)):
        assert same(round_trip(nested(wrap, 100)), nested(wrap, 100))
        with pytest.raises(
            ArgumentError, match=r"nested more than 100 levels deep. Save it flatter"
        ):
            round_trip(nested(wrap, 101))
        with pytest.raises(ArgumentError, match="nested more than 100 levels deep"):
            round_trip(nested(wrap, 5000))


def test_the_words_of_torch_load():
    buffer = io.BytesIO()
    save([1], buffer)
    for options in (
        {"map_location": {"cuda:0": "cpu"}},
        {"map_location": lambda storage, location: storage},
        {"map_location": "cpu"},
        {"weights_only": True},
        {"weights_only": False},
    ):
        buffer.seek(0)
        assert load(buffer, **options) == [1]
    with pytest.raises(ArgumentError, match="map_location='cuda'; a checkpoint loads to the CPU"):
        load(buffer, "cuda")


# Documents by a stranger --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("", "its JSON is not valid"),
        ("[1", "its JSON is not valid"),
        ("NaN", "its JSON has the number 'NaN'"),
        ("[-Infinity]", "its JSON has the number '-Infinity'"),
        ('{"a":1,"a":2}', "its JSON has the key 'a' twice"),
        ("1" * 5000, "its JSON has a number of 5,000 digits"),
        ("[" * 100_000, "its JSON is nested too deeply"),
        ("[" * 150 + "]" * 150, "its values are nested more than 100 levels"),
        ('{"$tensor":"x","a":1}', r"its values have '\$tensor' among other keys"),
        ('{"$tensor":"y"}', "its values name the tensor 'y', which it lacks"),
        ('{"$tensor":3}', "its values name the tensor 3, which it lacks"),
        ('{"$tensor":["x","object"]}', "its values name the tensor 'x', which it lacks"),
        ('{"$tensor":["x","complex128"]}', "its tensor 'x' does not hold complex numbers"),
        ('{"$tensor":[[],[]]}', r"its values name the tensor \[\], which it lacks"),
        ('{"$class":"os.system"}', r"its values have the unknown mark '\$class'"),
        ('{"$float":"1.5"}', r"its values have '\$float' with '1.5'"),
        ('{"$float":[]}', r"its values have '\$float' with \[\]"),
        ('{"$int":"zz"}', r"its values have '\$int' with 'zz'"),
        ('{"$int":5}', r"its values have '\$int' with 5"),
        ('{"$complex":[1.0]}', r"its values have '\$complex' with \[1.0\]"),
        ('{"$complex":["a","b"]}', r"its values have '\$complex'"),
        ('{"$bytes":"0"}', r"its values have '\$bytes' with '0'"),
        ('{"$bytes":null}', r"its values have '\$bytes' with None"),
        ('{"$scalar":["object","00"]}', r"its values have '\$scalar'"),
        ('{"$scalar":[["float32"],"00"]}', r"its values have '\$scalar'"),
        ('{"$scalar":["float32","00"]}', r"its values have '\$scalar'"),
        ('{"$scalar":["bool","07"]}', r"its values have '\$scalar'"),
        ('{"$scalar":"float32"}', r"its values have '\$scalar'"),
        ('{"$dtype":"object"}', r"its values have '\$dtype' with 'object'"),
        ('{"$dtype":[]}', r"its values have '\$dtype' with \[\]"),
        ('{"$size":[2.5]}', r"its values have '\$size' with \[2.5\]"),
        ('{"$size":3}', r"its values have '\$size' with 3"),
        ('{"$tuple":1}', r"its values have '\$tuple' with 1"),
        ('{"$dict":{}}', r"its values have '\$dict'"),
        ('{"$dict":[[1]]}', r"its values have '\$dict' with \[1\]"),
        ('{"$dict":[[[],1]]}', r"its values have '\$dict' with \[\]"),
        ('{"$ordered":[[1,2],[1,3]]}', "its values have a dict with one key twice"),
        ("1", "its tensor 'x' is named nowhere in its values"),
    ],
)
def test_a_document_that_describes_nothing(document, text, tmp_path):
    path = tmp_path / "file"
    write_tensor_file(path, {"x": np.ones(3)}, document=document)
    with pytest.raises(DamagedFileError, match=f"is damaged: {text}"):
        load(path)


# Numbered checkpoints -----------------------------------------------------------------------------


def damage(path) -> None:
    with open(path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))


def test_the_newest_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path / "run" / "a", keep=2)
    assert checkpoints.steps() == []
    for step in (9, 10, 100, 1_000_000_000):
        path = checkpoints.save({"step": step, "x": np.ones(3)}, step)
        assert load(path)["step"] == step
    assert checkpoints.steps() == [100, 1_000_000_000]
    assert checkpoints.load_latest()["step"] == 1_000_000_000
    assert sorted(os.listdir(checkpoints.folder)) == [
        "checkpoint-00000100.safetensors",
        "checkpoint-1000000000.safetensors",
    ]
    everything = Checkpoints(tmp_path / "all", keep=None)
    for step in range(5):
        everything.save(step, step)
    assert everything.steps() == [0, 1, 2, 3, 4]


def test_the_one_just_saved_is_kept_whatever_its_step(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=1)
    checkpoints.save("first run", 300)
    checkpoints.save("after the fall back to 200", 250)
    assert checkpoints.steps() == [250]


def test_a_damaged_newest_falls_back_and_says_so(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2, 3):
        checkpoints.save({"step": step, "x": np.ones(3)}, step)
    damage(checkpoints.path(3))
    for call in (checkpoints.load_latest, lambda: load_latest(tmp_path)):
        with pytest.warns(UserWarning) as caught:
            assert call()["step"] == 2
        assert len(caught) == 1
        text = str(caught[0].message)
        assert text.startswith(f"tensor 'x' in {checkpoints.path(3)} is damaged")
        assert text.endswith(f"Loaded {checkpoints.path(2)} instead.")
        assert caught[0].filename == __file__
    open(checkpoints.path(2), "wb").close()
    with pytest.warns(UserWarning, match=r"checkpoint-00000002.*looks like empty.*Loaded .*0001"):
        assert load_latest(tmp_path)["step"] == 1
    damage(checkpoints.path(1))
    with pytest.raises(DamagedFileError, match=r"none of the 3 checkpoints in .* is whole"):
        load_latest(tmp_path)


def test_a_whole_newest_is_taken_in_silence(tmp_path):
    Checkpoints(tmp_path).save([1], 5)
    (tmp_path / "checkpoint-99999999.safetensors.bak").write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"")
    assert load_latest(tmp_path) == [1]


def test_no_fall_back_from_other_troubles(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save([1], 1)
    checkpoints.save([2], 2)

    def refuse(path, *args):
        raise CheckpointError("permission")

    monkeypatch.setattr(sangja.io.numbered, "load", refuse)
    with pytest.raises(CheckpointError, match=r"^permission$"):
        load_latest(tmp_path)


def test_arguments_and_missing_folders(tmp_path):
    with pytest.raises(ArgumentError, match="keep=0, expected at least 1, or None for all"):
        Checkpoints(tmp_path, keep=0)
    with pytest.raises(ArgumentError, match="step=-1, expected 0 or more"):
        Checkpoints(tmp_path).save([], -1)
    with pytest.raises(MissingFileError, match=r"there is no checkpoint in .*none. Check the path"):
        load_latest(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match=r"file cannot be read: Not a directory. Check"):
        load_latest(tmp_path / "file")
    with pytest.raises(CheckpointError, match="a part of its folder's path is a file"):
        Checkpoints(tmp_path / "file").save([], 1)


def test_docstrings():
    names = [module.name for module in pkgutil.iter_modules(sangja.io.__path__)]
    assert "tensorfile" in names
    results = [doctest.testmod(importlib.import_module(f"sangja.io.{name}")) for name in names]
    assert sum(result.attempted for result in results) > 15
    assert sum(result.failed for result in results) == 0


def test_the_document_can_be_read_by_eye():
    buffer = io.BytesIO()
    save({"epoch": 3, "model": {"w": np.ones(1)}, "betas": (0.9, 0.999)}, buffer)
    buffer.seek(0)
    assert json.loads(read_tensor_file(buffer).document or "") == {
        "epoch": 3,
        "model": {"w": {"$array": "model.w"}},
        "betas": {"$tuple": [0.9, 0.999]},
    }


def test_foreign_files_are_no_checkpoints(tmp_path):
    np.save(tmp_path / "x.npy", np.ones(3))
    with pytest.raises(ForeignFileError, match=r"It looks like a NumPy .npy file"):
        load(tmp_path / "x.npy")
