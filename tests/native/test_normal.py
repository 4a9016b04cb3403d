"""Normals by the kernel: the bits of the NumPy rule, and of PyTorch."""

import threading

import numpy as np
import pytest

import sangja
from sangja.backend.native import llvm, normal
from sangja.backend.normals import fill_normal
from sangja.core.settings import settings

pytestmark = pytest.mark.skipif(not llvm.available(), reason="needs llvmlite")


def filled(words, mean, std, native, monkeypatch):
    monkeypatch.setattr(settings, "native", native)
    out, place = np.empty(words.size, "f4"), [0]

    def draw(n):
        place[0] += n
        return words[place[0] - n : place[0]].copy()

    fill_normal(out, draw, mean, std)
    return out


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.0, 0.02), (3.0, 1.0), (-1.5, 2.25)])
def test_the_kernel_gives_the_bits_of_the_rule(mean, std, monkeypatch):
    words = np.random.default_rng(0).integers(0, 2**32, 1 << 16, np.uint32)
    words[:16] = [0, 1, 2**24 - 1, 2**24, 6601320, 2**23, 2**22, 3 * 2**22] * 2
    words[16:32] = words[:16][::-1]
    found = [filled(words, mean, std, native, monkeypatch) for native in (True, False)]
    np.testing.assert_array_equal(found[0].view("i4"), found[1].view("i4"))


def test_every_first_word_and_many_angles_give_the_same_bits(monkeypatch):
    k = np.arange(0, 2**24, 97, dtype=np.uint32)
    k = k[: k.size // 16 * 16]
    words = np.stack([k.reshape(-1, 8), k[::-1].reshape(-1, 8)], 1).reshape(-1)
    found = [filled(words, 0.0, 1.0, native, monkeypatch) for native in (True, False)]
    np.testing.assert_array_equal(found[0].view("i4"), found[1].view("i4"))


def test_few_or_scattered_words_stay_with_numpy():
    words, out = np.zeros(normal.LEAST, np.uint32), np.zeros(normal.LEAST, "f4")
    assert normal.usable(words, out)
    assert not normal.usable(words[:-16], out[:-16])
    assert not normal.usable(np.zeros(2 * normal.LEAST, np.uint32)[::2], out)


def test_threads_of_python_draw_side_by_side():
    expected = sangja.randn(50_000, generator=sangja.Generator().manual_seed(5)).numpy()
    wrong = []

    def work():
        for _ in range(20):
            z = sangja.randn(50_000, generator=sangja.Generator().manual_seed(5)).numpy()
            wrong.extend([1] if not np.array_equal(z, expected) else [])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
