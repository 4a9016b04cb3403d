"""The cache of machine code: whatever lies in its folder, kernels are made and right."""

import ctypes
import os

import numpy as np
import pytest

from sangja.backend.native import llvm

pytest.importorskip("llvmlite")
TEXT = """
define void @put(ptr %args, i64 %tid, i64 %threads) {{
entry:
  %p = load ptr, ptr %args
  store i64 {number}, ptr %p
  ret void
}}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SANGJA_CACHE_DIR", str(tmp_path / "kernels"))
    monkeypatch.setattr(llvm, "_known", {})
    return tmp_path / "kernels"


def made(number):
    return llvm.compile_kernel("put", TEXT.format(number=number))


def result(kernel):
    out = np.zeros(1, np.int64)
    table = np.array([out.ctypes.data], np.uint64)
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    function(kernel.address)(table.ctypes.data, 0, 1)
    return int(out[0])


def test_a_text_is_compiled_once_and_then_loaded(folder, monkeypatch):
    first = made(41)
    assert result(first) == 41
    assert first.seconds > 0
    assert made(41) is first
    (entry,) = folder.glob("*.o")
    monkeypatch.setattr(llvm, "_known", {})
    monkeypatch.setattr(llvm, "machine_code", None)  # a second compilation would fail
    again = made(41)
    assert again is not first
    assert again.seconds == 0
    assert result(again) == 41
    assert entry.exists()


def test_texts_are_told_apart(folder):
    assert [result(made(n)) for n in (1, 2, 1)] == [1, 2, 1]
    assert len(list(folder.glob("*.o"))) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:5],
        lambda data: data[: len(data) // 2],
        lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:],
        lambda data: b"rubbish" * 100,
    ],
)
def test_a_damaged_entry_is_made_again(folder, monkeypatch, damage):
    made(42)
    (entry,) = folder.glob("*.o")
    good = entry.read_bytes()
    entry.write_bytes(damage(good))
    monkeypatch.setattr(llvm, "_known", {})
    assert result(made(42)) == 42
    assert entry.read_bytes() == good


def test_a_folder_that_cannot_be_used_is_no_error(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("no folder")
    monkeypatch.setenv("SANGJA_CACHE_DIR", str(file / "below"))
    assert result(made(43)) == 43
    assert file.read_text() == "no folder"


def test_an_entry_that_is_a_folder_is_no_error(folder, monkeypatch):
    made(44)
    (entry,) = folder.glob("*.o")
    entry.unlink()
    entry.mkdir()
    monkeypatch.setattr(llvm, "_known", {})
    assert result(made(44)) == 44
    assert not list(folder.glob("*.tmp"))


def test_the_oldest_go_when_there_is_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(llvm, "CACHE_BYTES", 250)
    for age in range(4):
        path = tmp_path / f"{age}.o"
        path.write_bytes(bytes(100))
        os.utime(path, (1000 - age, 1000 - age))
    llvm.shrink_cache(tmp_path)
    assert sorted(p.name for p in tmp_path.glob("*.o")) == ["0.o", "1.o"]


def test_the_processor_and_its_registers_are_part_of_the_key(monkeypatch):
    key = llvm.digest("put", "text")
    assert llvm.digest("put", "other") != key
    assert llvm.digest("get", "text") != key
    monkeypatch.setattr(llvm, "cpu_features", lambda: "-everything")
    assert llvm.digest("put", "text") != key


def test_registers_are_known_by_features(monkeypatch):
    widths = {}
    for feature in ("+avx512f,+avx2", "+avx2", "+neon", "+sse2"):
        llvm.has_feature.cache_clear()
        llvm.vector_bytes.cache_clear()
        llvm.vector_registers.cache_clear()
        monkeypatch.setattr(llvm, "cpu_features", lambda feature=feature: feature)
        widths[feature] = llvm.vector_bytes(), llvm.vector_registers()
    for cached in (llvm.has_feature, llvm.vector_bytes, llvm.vector_registers):
        cached.cache_clear()
    assert widths == {
        "+avx512f,+avx2": (64, 32), "+avx2": (32, 16), "+neon": (16, 32), "+sse2": (16, 16),
    }  # fmt: skip


def test_without_llvmlite_there_are_no_kernels(monkeypatch):
    llvm.available.cache_clear()
    monkeypatch.setattr(llvm, "find_spec", lambda name: None)
    assert not llvm.available()
    llvm.available.cache_clear()
    monkeypatch.undo()
    assert llvm.available()
    llvm.available.cache_clear()
