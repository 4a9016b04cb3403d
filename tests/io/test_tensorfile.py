"""Tensor files: read by others, others' read here, and every changed byte found."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import zlib

import ml_dtypes
import numpy as np
import pytest
import safetensors
import safetensors.numpy

from sangja.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    CheckpointError,
    DamagedFileError,
    DTypeError,
    ForeignFileError,
    MissingFileError,
)
from sangja.io import load, read_tensor_file, save, tensorfile, write_tensor_file
from sangja.io.header import DTYPES

NUMPY_DTYPES = [dtype.numpy_name for dtype in DTYPES.values() if not dtype.of_ml_dtypes]
ML_DTYPES = ["bfloat16", "float8_e5m2", "float8_e4m3fn"]


def to_bytes(tensors, metadata=None, document=None) -> bytes:
    buffer = io.BytesIO()
    write_tensor_file(buffer, tensors, metadata, document)
    return buffer.getvalue()


def from_bytes(content: bytes):
    return read_tensor_file(io.BytesIO(content))


def assert_same(x: np.ndarray, y: np.ndarray) -> None:
    assert x.dtype == y.dtype
    assert x.shape == y.shape
    assert x.tobytes() == y.tobytes()


def sample(dtype: str) -> np.ndarray:
    rng = np.random.default_rng(3)
    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    return rng.integers(0, 2 if dtype == "bool" else 100, (3, 5)).astype(kind)


def all_dtypes() -> dict[str, np.ndarray]:
    return {name: sample(name) for name in NUMPY_DTYPES}


@pytest.mark.parametrize("dtype", NUMPY_DTYPES + ML_DTYPES)
def test_every_dtype_comes_back(dtype):
    x = sample(dtype)
    found = from_bytes(to_bytes({"x": x}))
    assert found.verified
    assert_same(found.tensors["x"], x)


def test_shapes_orders_and_byte_orders():
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    tensors = {
        "0-d": np.array(2.5),
        "empty": np.zeros((0, 3), np.int16),
        "large empty": np.zeros((2**60, 0), np.int8),
        "fortran": np.asfortranarray(x),
        "strided": x[:, ::-2, 1:],
        "broadcast": np.broadcast_to(x[0, 0], (5, 4)),
        "big-endian": x.astype(">f4"),
        "read-only": np.frombuffer(b"abcd", np.uint8),
        "": np.ones(64 * (1,)),
        "\x00/../../x\x1b[31m": np.ones(1),
    }
    found = from_bytes(to_bytes(tensors)).tensors
    assert list(found) == list(tensors)
    for name, y in tensors.items():
        assert_same(found[name], y.astype(y.dtype.newbyteorder("=")))
        assert found[name].flags.writeable


def test_metadata_and_document_come_back():
    metadata = {"": "", "상자": '"sangja.header":"00000000"', "\x00": "\u2028\\"}
    found = from_bytes(to_bytes({}, metadata, '{"a": [1.5]}'))
    assert (found.metadata, found.document, found.tensors) == (metadata, '{"a": [1.5]}', {})
    assert from_bytes(to_bytes({})).document is None


def test_the_safetensors_package_reads_ours(tmp_path):
    tensors = all_dtypes() | {"empty": np.zeros((0, 2)), "0-d": np.array(1.0)}
    path = tmp_path / "ours.safetensors"
    write_tensor_file(path, tensors, {"by": "상자"})
    theirs = safetensors.numpy.load_file(path)
    assert theirs.keys() == tensors.keys()
    for name, x in tensors.items():
        assert_same(theirs[name], x)
    with safetensors.safe_open(path, "numpy") as opened:
        assert opened.metadata()["by"] == "상자"
    header = struct.unpack("<Q", path.read_bytes()[:8])[0]
    assert header % 8 == 0, "the tensors are aligned"


def test_ours_reads_the_safetensors_package(tmp_path):
    tensors = all_dtypes() | {"empty": np.zeros((0, 2)), "0-d": np.array(1.0)}
    path = tmp_path / "theirs.safetensors"
    safetensors.numpy.save_file(tensors, path, {"by": "them"})
    found = read_tensor_file(path)
    assert not found.verified
    assert found.metadata == {"by": "them"}
    assert found.document is None
    for name, x in tensors.items():
        assert_same(found.tensors[name], x)
    for name, x in load(path).items():
        assert_same(x.array, tensors[name])


# Damage -------------------------------------------------------------------------------------------


def small_file() -> bytes:
    buffer = io.BytesIO()
    rng = np.random.default_rng(0)
    layer = {"weight": rng.random((2, 3), np.float32), "mask": np.array([True, False, True])}
    save({"layer1": layer, "empty": np.zeros((0, 2)), "epoch": 3, "lr": 0.1}, buffer)
    return buffer.getvalue()


def changed(content: bytes, position: int, value: int) -> bytes:
    return content[:position] + bytes([value]) + content[position + 1 :]


def test_every_flip_of_a_byte_is_found_and_names_the_tensor():
    content = small_file()
    data_begins = 8 + struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:data_begins])
    del header["__metadata__"]
    for position, old in enumerate(content):
        names = [
            name
            for name, entry in header.items()
            if entry["data_offsets"][0] <= position - data_begins < entry["data_offsets"][1]
        ]
        assert (len(names) == 1) == (position >= data_begins)
        for value in set(range(256)) - {old}:
            with pytest.raises(CheckpointError) as caught:
                load(io.BytesIO(changed(content, position, value)))
            for name in names:
                assert type(caught.value) is DamagedFileError
                assert f"tensor '{name}' in the given file is damaged" in str(caught.value)


def test_every_truncation_is_found():
    content = small_file()
    for length in range(len(content)):
        with pytest.raises(DamagedFileError if length > 8 else CheckpointError):
            load(io.BytesIO(content[:length]))
    with pytest.raises(DamagedFileError, match="something was added"):
        load(io.BytesIO(content + b"\x00"))


def test_texts_of_damage(tmp_path):
    path = tmp_path / "model.safetensors"
    content = small_file()
    path.write_bytes(changed(content, len(content) - 1, 7))
    with pytest.raises(DamagedFileError) as caught:
        load(path)
    wrong = zlib.crc32(b"\x01\x00\x07")
    right = zlib.crc32(b"\x01\x00\x01")
    assert str(caught.value) == (
        f"tensor 'layer1.mask' in {path} is damaged: its bytes have the checksum {wrong:08x}, and "
        f"'{right:08x}' was written down. Load an earlier checkpoint, or copy the file again from "
        "where it is whole."
    )
    path.write_bytes(content[:100])
    with pytest.raises(
        DamagedFileError, match=r"only 92 follow: it was cut short. Load an earlier"
    ):
        load(path)
    path.write_bytes(content.replace(b"epoch", b"epocH"))
    with pytest.raises(DamagedFileError, match="is damaged: its header has the checksum"):
        load(path)


def resealed(content: bytes) -> bytes:
    """The same header with the checksum that fits it, as a later version would write it."""
    position = content.index(b'"sangja.header":"') + len(b'"sangja.header":"')
    end = 8 + struct.unpack("<Q", content[:8])[0]
    blank = content[:position] + b"00000000" + content[position + 8 : end]
    return blank.replace(b"00000000", b"%08x" % zlib.crc32(blank), 1) + content[end:]


def test_a_newer_version_is_refused_by_its_number():
    content = small_file()
    assert resealed(content) == content
    newer = resealed(content.replace(b'"sangja.format":"1"', b'"sangja.format":"2"'))
    with pytest.raises(
        CheckpointError, match=r"version '2' of the format; .*Update sangja"
    ) as caught:
        load(io.BytesIO(newer))
    assert type(caught.value) is CheckpointError


def test_checksums_that_do_not_fit_the_tensors():
    content = to_bytes({"a": np.zeros(1), "b": np.zeros(1)})
    crc = b"%08x" % zlib.crc32(bytes(8))
    fewer = resealed(content.replace(crc + b" " + crc, crc + b"-" + crc))
    with pytest.raises(DamagedFileError, match="1 checksums for its 2 tensors"):
        from_bytes(fewer)
    with pytest.raises(DamagedFileError, match=r"its header lacks 'sangja.tensors'"):
        from_bytes(content.replace(b'"sangja.tensors"', b'"Sangja.tensors"'))


def test_the_header_kept_by_another_program_is_named_as_such():
    ours = from_bytes(small_file())
    with io.BytesIO(small_file()) as file:
        length = struct.unpack("<Q", file.read(8))[0]
        metadata = json.loads(file.read(length))["__metadata__"]
    rewritten = safetensors.numpy.save(dict(reversed(ours.tensors.items())), metadata)
    with pytest.raises(DamagedFileError, match="another program wrote the file anew"):
        from_bytes(rewritten)


def test_a_file_that_ends_while_it_is_read():
    class Shrinking(io.BytesIO):
        def readinto(self, target):
            return 0

    with pytest.raises(DamagedFileError, match="the file ended while it was read"):
        read_tensor_file(Shrinking(to_bytes({"x": np.ones(3)})))


# What the system refuses --------------------------------------------------------------------------


def test_what_cannot_be_read(tmp_path, monkeypatch):
    with pytest.raises(MissingFileError, match=r"does not exist. Check the path") as caught:
        load(tmp_path / "none")
    assert isinstance(caught.value, FileNotFoundError)
    with pytest.raises(ForeignFileError, match="is a folder, not a file with tensors"):
        load(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(ForeignFileError, match="is a device or a pipe, not a file"):
            load(path)
    path = tmp_path / "file"
    path.write_bytes(small_file())
    for error, kind, text in [
        (PermissionError(13, "Permission denied"), CheckpointError, "Check its path and its perm"),
        (OSError(5, "Input/output error"), DamagedFileError, "Load an earlier checkpoint"),
    ]:

        def fail(*args, error=error):
            raise error

        monkeypatch.setattr(tensorfile, "open", fail, raising=False)
        with pytest.raises(kind, match=f"cannot be read: {error.strerror}. {text}") as caught:
            load(path)
        assert type(caught.value) is kind
        assert caught.value.__cause__ is error


def test_a_tensor_larger_than_memory(monkeypatch):
    content = to_bytes({"x": np.ones(3)})

    def refuse(*args):
        raise MemoryError

    monkeypatch.setattr(np, "empty", refuse)
    with pytest.raises(CheckpointError, match="needs 24 bytes of memory, more than can be had"):
        from_bytes(content)


def test_bfloat16_without_its_package(monkeypatch):
    content = to_bytes({"x": sample("bfloat16")})
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(CheckpointError, match=r"is bfloat16, .*pip install ml_dtypes") as caught:
        from_bytes(content)
    assert isinstance(caught.value.__cause__, ImportError)


def test_loading_needs_the_memory_of_the_file_and_little_more(tmp_path):
    path = tmp_path / "model.safetensors"
    save({"x": np.ones(25_000_000, np.float32), "y": np.ones(5_000_000, np.float64)}, path)
    code = """
import resource, sys
from sangja.io import load
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
value = load(sys.argv[1])
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""
    command = [sys.executable, "-c", code, str(path)]
    grown = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert grown < os.path.getsize(path) + 8_000_000


# What cannot be written ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "error", "text"),
    [
        (
            np.array([print]),
            DTypeError,
            r"tensor 'x' has dtype object, .*Convert it to one of: bool",
        ),
        (np.array(["text"]), DTypeError, "tensor 'x' has dtype <U4"),
        (np.zeros(2, "datetime64[s]"), DTypeError, "datetime64"),
        (np.zeros(2, "complex128"), DTypeError, "complex128"),
        (np.zeros(2, [("a", "f4")]), DTypeError, "has dtype"),
        (np.ma.array([1.0], mask=[True]), ArgumentTypeError, "'x' is MaskedArray; a tensor file"),
        ([1.0], ArgumentTypeError, r"tensor 'x' is list; .*numpy.asarray"),
    ],
)
def test_arrays_without_a_place_in_the_format(x, error, text, tmp_path):
    with pytest.raises(error, match=text):
        write_tensor_file(tmp_path / "file", {"x": x})
    assert os.listdir(tmp_path) == []


def test_names_and_strings_without_a_place_in_the_format():
    x = np.ones(1)
    for name in ("__metadata__", "\ud800"):
        with pytest.raises(ArgumentError, match=r"cannot be named .* Choose another name"):
            to_bytes({name: x})
    with pytest.raises(ArgumentTypeError, match="named by strings, got the name 3"):
        to_bytes({3: x})
    with pytest.raises(ArgumentTypeError, match=r"metadata\['epoch'\] is int; .*str\(\)"):
        to_bytes({}, {"epoch": 3})
    with pytest.raises(ArgumentError, match=r"begin with 'sangja.' belong to the format"):
        to_bytes({}, {"sangja.header": ""})
    with pytest.raises(ArgumentError, match=r"metadata\['a'\] is not valid Unicode"):
        to_bytes({}, {"a": "\ud800"})
    with pytest.raises(ArgumentError, match="the document is not valid Unicode"):
        to_bytes({}, None, "\ud800")


def test_a_header_longer_than_the_format_allows(monkeypatch):
    monkeypatch.setattr(tensorfile, "LONGEST_HEADER", 1000)
    with pytest.raises(ArgumentError, match=r"the format allows 1,000. Keep long lists of numbers"):
        to_bytes({}, {}, "x" * 1000)
