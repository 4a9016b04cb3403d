"""Files like PyTorch's by someone who means harm: each ends in our error or in plain data."""

from __future__ import annotations

import io
import random
import re

import pytest
from hostile_runs import outcomes
from hostile_torch import FILES, GOOD, archive, pickled, tensor, text

from sangja.core.errors import CheckpointError
from sangja.io import load, save

KINDS = ("CheckpointError", "DamagedFileError", "ForeignFileError")


def test_every_hostile_file_is_refused_without_events_in_bounded_memory(tmp_path):
    names = list(FILES)
    results = outcomes(tmp_path, [FILES[name][0] for name in names], timeout=200)
    for number, (kind, words, _) in results.items():
        name = names[number]
        assert kind in KINDS and re.search(FILES[name][1], words), (name, kind, words[:300])
        assert re.search(FILES[name][1], words), (name, words[:300])
        assert str(tmp_path / str(number)) in words, name
        assert len(words) < 1000


def test_the_files_that_the_hostile_ones_are_made_of_load():
    for content in GOOD:
        assert load(io.BytesIO(content)).tolist() == [0.0] * 4


def mutated(content: bytes, rng: random.Random) -> bytes:
    """One to three bit flips, cuts, splices, repetitions and numbers in the place of others."""
    result = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        low, high = sorted(rng.randrange(len(result) + 1) for _ in range(2))
        match rng.randrange(6):
            case 0 if result:
                result[low % len(result)] ^= 1 << rng.randrange(8)
            case 1:
                del result[low : min(high, low + 30)]
            case 2:
                del result[low:]
            case 3:
                result[low:low] = result[high : high + 40]
            case 4:
                result[low : low + 4] = rng.choice([b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\xff" * 4])
            case _:
                result[low : low + 1] = bytes([rng.choice(b"cR(tQ]}eub.\x93\x81\x86\x88J\x8aXhq")])
    return bytes(result)


def seeds() -> list[bytes]:
    buffer = io.BytesIO()
    save({"a": [1, (2.5, "x")], "b": {3: None, "c": {True}}}, buffer, format="torch")
    return [*GOOD, buffer.getvalue()]


def attempt(content: bytes) -> bool:
    try:
        load(io.BytesIO(content))
    except CheckpointError:
        return False
    return True


@pytest.mark.parametrize("seed", range(4))
def test_mutations_end_in_our_error_or_in_plain_data(seed):
    rng = random.Random(seed)
    good = seeds()
    for _ in range(1500):
        attempt(mutated(rng.choice(good), rng))


@pytest.mark.parametrize("seed", range(4))
def test_mutations_of_the_pickle_alone_get_past_the_checksum_and_no_further(seed):
    rng = random.Random(100 + seed)
    body = pickled(
        b"}" + text("a") + tensor() + b"s" + text("b") + b"(K\x01G" + bytes(8) + b"t" + b"\x86"
    )
    loaded = 0
    for _ in range(1500):
        loaded += attempt(archive(mutated(body, rng)))
    assert loaded < 1500


def test_every_cut_of_a_file_is_found():
    for content in seeds():
        for length in range(1, len(content)):
            assert not attempt(content[:length]), length
