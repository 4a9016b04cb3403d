"""Files by someone who means harm: each ends in our error or a right load, and in nothing else."""

from __future__ import annotations

import ast
import io
import random
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hostile_files import FILES, LOADS
from hostile_runs import outcomes

from sangja.core.errors import CheckpointError
from sangja.io import load, read_tensor_file, save
from sangja.io.foreign import HEAD_BYTES, looks_like


def test_every_hostile_file_ends_as_it_should(tmp_path):
    names = list(FILES)
    results = outcomes(tmp_path, [FILES[name][0] for name in names], timeout=100)
    for number, (kind, text, seconds) in results.items():
        name = names[number]
        _, expected, part = FILES[name]
        assert kind == expected, (name, kind, text[:300])
        assert part in text, (name, text[:300])
        assert "\x1b" not in text or expected == LOADS
        assert len(text) < 1000 or expected == LOADS
        assert seconds < 1.0, name


def test_every_error_names_the_file(tmp_path):
    for name, (content, expected, _) in FILES.items():
        if expected != LOADS:
            path = tmp_path / "model.safetensors"
            path.write_bytes(content)
            with pytest.raises(CheckpointError) as caught:
                load(path)
            assert str(path) in str(caught.value), name
            assert str(caught.value).endswith("."), name


def mutated(content: bytes, rng: random.Random) -> bytes:
    """One to three bit flips, splices, cuts, repetitions or numbers in the place of others."""
    result = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(result) + 1)
        other = rng.randrange(len(result) + 1)
        low, high = min(place, other), max(place, other)
        match rng.randrange(7):
            case 0 if result:
                result[place % len(result)] ^= 1 << rng.randrange(8)
            case 1:
                del result[low:high]
            case 2:
                result[low:high] = rng.randbytes(high - low)
            case 3:
                result[place:place] = result[low : low + 40]
            case 4:
                result[place:place] = rng.choice([b'"', b"[", b"{", b"0", b"-", b"\\u0000", b"e9"])
            case 5:
                result[:8] = struct.pack("<Q", rng.choice([0, 1, len(result), 2**40, 2**63]))
            case _:
                digits = [i for i, byte in enumerate(result) if 48 <= byte <= 57]
                if digits:
                    result[rng.choice(digits)] = rng.randint(48, 57)
    return bytes(result)


def ours() -> bytes:
    buffer = io.BytesIO()
    layer = {
        "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
        "mask": np.array([True, False]),
    }
    save({"model": layer, "step": 7, "lr": 0.1, "tags": ("a", None)}, buffer)
    return buffer.getvalue()


def test_mutations_of_our_files_end_in_our_error_or_the_right_values():
    content, rng = ours(), random.Random(20240607)
    right = load(io.BytesIO(content))
    errors = 0
    for _ in range(10_000):
        try:
            found = load(io.BytesIO(mutated(content, rng)))
        except CheckpointError:
            errors += 1
            continue
        assert repr(found) == repr(right)
    assert errors > 9_000


def test_mutations_of_plain_files_are_never_read_otherwise_than_by_safetensors():
    tensors = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.arange(4)}
    content, rng = safetensors.numpy.save(tensors, {"by": "them"}), random.Random(7)
    loads = 0
    for _ in range(10_000):
        changed = mutated(content, rng)
        try:
            found = read_tensor_file(io.BytesIO(changed))
        except CheckpointError:
            continue
        loads += 1
        theirs = dict(safetensors.deserialize(changed))
        assert theirs.keys() == found.tensors.keys()
        for name, tensor in theirs.items():
            assert list(found.tensors[name].shape) == tensor["shape"]
            assert found.tensors[name].tobytes() == bytes(tensor["data"])
    assert loads > 100


def test_random_bytes_are_no_checkpoint():
    rng = random.Random(3)
    for _ in range(3_000):
        with pytest.raises(CheckpointError):
            load(io.BytesIO(rng.randbytes(rng.randrange(200))))


def test_what_a_file_looks_like_where_the_head_cuts_a_character():
    for shift in range(4):
        head = (b"x" * shift + "상".encode() * HEAD_BYTES)[:HEAD_BYTES]
        assert looks_like(head) == "a text file"
    assert looks_like(b"\x00\x01\x02 words") is None
    assert looks_like(b"\x80\x01") is None
    assert looks_like(b"\xff\xfe\xfd") is None


def test_no_module_of_the_package_can_run_code_from_a_file():
    forbidden = {"pickle", "marshal", "shelve", "subprocess", "eval", "exec", "__import__"}
    modules = list(Path(sys.modules["sangja.io"].__file__).parent.glob("*.py"))
    assert len(modules) > 5
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = {getattr(node, "id", None), getattr(node, "module", None)}
            if isinstance(node, ast.Import | ast.ImportFrom):
                names |= {alias.name for alias in node.names}
            assert not names & forbidden, path
