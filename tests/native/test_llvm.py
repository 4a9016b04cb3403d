"""The cache of machine code: whatever lies in its folder, kernels are made and right."""

import ctypes
import os
import subprocess
import sys

import numpy as np
import pytest

from sangja.backend.native import cache, llvm, loader

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
    monkeypatch.setattr(cache, "CACHE_BYTES", 250)
    for age in range(4):
        path = tmp_path / f"{age}.o"
        path.write_bytes(bytes(100))
        os.utime(path, (1000 - age, 1000 - age))
    cache.shrink(tmp_path)
    assert sorted(p.name for p in tmp_path.glob("*.o")) == ["0.o", "1.o"]


def test_the_processor_and_its_registers_are_part_of_the_key(monkeypatch):
    key = llvm.digest("put", "text")
    assert llvm.digest("put", "other") != key
    assert llvm.digest("get", "text") != key
    monkeypatch.setattr(llvm, "cpu_features", lambda: "-everything")
    assert llvm.digest("put", "text") != key


def test_a_description_stands_for_its_text(folder, monkeypatch):
    written = []

    def text(number):
        written.append(number)
        return TEXT.format(number=number)

    assert [result(llvm.compile_kernel("put", text, n)) for n in (5, 6, 5)] == [5, 6, 5]
    assert written == [5, 6]
    monkeypatch.setattr(llvm, "_known", {})
    assert result(llvm.compile_kernel("put", text, 6)) == 6
    assert written == [5, 6]  # found on disk, without its text
    monkeypatch.setattr(llvm, "_known", {})
    monkeypatch.setattr(llvm, "generator", lambda: "another version")
    assert result(llvm.compile_kernel("put", text, 6)) == 6
    assert written == [5, 6, 6]
    monkeypatch.setattr(llvm, "generator", lambda: "")  # not known: the text is the key
    assert result(llvm.compile_kernel("put", text, 6)) == 6
    assert written == [5, 6, 6, 6]


def test_files_changed_since_they_were_imported_are_no_version(monkeypatch):
    assert len(llvm.generator()) == 64
    name, size, changed = llvm.STAMPS[0]
    later = [(name, size, changed - 1), *llvm.STAMPS[1:]]
    monkeypatch.setattr(llvm, "STAMPS", later)
    llvm.generator.cache_clear()
    assert llvm.generator() == ""
    monkeypatch.setattr(llvm, "STAMPS", [])
    llvm.generator.cache_clear()
    assert llvm.generator() == ""
    llvm.generator.cache_clear()


@pytest.mark.skipif(not loader.SUPPORTED, reason="object files of another system")
def test_a_process_that_finds_its_kernels_on_disk_does_not_load_llvm(folder):
    script = """
import sys
import sangja
x = sangja.rand(64, 128, requires_grad=True)
f = sangja.compile(lambda x: (x @ x.T).relu().sum())
for _ in range(4):
    f(x)
print("llvmlite.binding" in sys.modules)
"""
    said = [
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout.strip()
        for _ in range(2)
    ]
    assert said == ["True", "False"]


# A table, a number that is written to, functions of the C library and of its mathematics.
RICH = """
declare double @fmod(double, double)
declare ptr @memset(ptr, i32, i64)
@calls = internal global i64 5
@table = internal constant [4 x double] [double 1.5, double 2.5, double 3.5, double 4.5]
define void @rich(ptr %args, i64 %tid, i64 %threads) {
entry:
  %p = load ptr, ptr %args
  %r = call ptr @memset(ptr %p, i32 0, i64 64)
  %c = load i64, ptr @calls
  %c1 = add i64 %c, 1
  store i64 %c1, ptr @calls
  %last = getelementptr double, ptr %p, i64 7
  %f = sitofp i64 %c1 to double
  store double %f, ptr %last
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%i1, %loop]
  %from = getelementptr [4 x double], ptr @table, i64 0, i64 %i
  %x = load double, ptr %from
  %m = call double @fmod(double %x, double 2.0)
  %s = fadd double %m, 0x3FB999999999999A
  %to = getelementptr double, ptr %p, i64 %i
  store double %s, ptr %to
  %i1 = add i64 %i, 1
  %go = icmp slt i64 %i1, 4
  br i1 %go, label %loop, label %end
end:
  ret void
}
"""


@pytest.mark.skipif(not loader.SUPPORTED, reason="object files of another system")
def test_both_loaders_load_the_same():
    code = llvm.machine_code(RICH)
    for loaded in (loader.load(code), llvm.load_by_llvm(code)):
        out = np.full(8, 7.0)
        table = np.array([out.ctypes.data], np.uint64)
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
        for count in (6, 7):
            function(loaded.address("rich"))(table.ctypes.data, 0, 1)
            np.testing.assert_allclose(out, [1.6, 0.6, 1.6, 0.6, 0, 0, 0, count], rtol=1e-15)


def test_what_the_loader_does_not_know_is_left_to_llvm(monkeypatch):
    code = llvm.machine_code(TEXT.format(number=45))
    with pytest.raises(loader.UnknownFormatError, match="no object file of Linux on x86-64"):
        loader.load(b"MZ" + code)
    monkeypatch.setattr(loader, "SUPPORTED", False)
    loaded = llvm.load(code)
    assert isinstance(loaded, llvm.Engine)
    assert result(llvm.Kernel("put", loaded.address("put"), 0.0, loaded)) == 45


@pytest.mark.skipif(not loader.SUPPORTED, reason="object files of another system")
def test_memory_that_may_not_be_run_is_left_to_llvm(monkeypatch):
    def refused(base, size):
        raise OSError("memory cannot be made runnable")

    monkeypatch.setattr(loader, "protect", refused)
    assert result(made(46)) == 46


@pytest.mark.skipif(not loader.SUPPORTED, reason="object files of another system")
def test_functions_that_nobody_has_are_left_to_llvm():
    text = """
declare void @nobody_has_this(i64)
define void @put(ptr %args, i64 %tid, i64 %threads) {
  call void @nobody_has_this(i64 1)
  ret void
}
"""
    with pytest.raises(loader.UnknownFormatError, match="nobody_has_this is not known"):
        loader.load(llvm.machine_code(text))


def test_processes_may_write_one_entry_at_once(folder):
    script = """
import sys
from sangja.backend.native import llvm
sys.stdin.readline()
kernel = llvm.compile_kernel("put", sys.argv[1])
print(kernel.seconds > 0)
"""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script, TEXT.format(number=47)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    for process in running:  # all have started, and begin together
        process.stdin.write("\n")
        process.stdin.flush()
    for process in running:
        process.communicate()
        assert process.returncode == 0
    assert len(list(folder.glob("*.o"))) == 1
    assert not list(folder.glob("*.tmp"))
    assert made(47).seconds == 0
    assert result(made(47)) == 47


def test_a_folder_that_may_only_be_read_serves_and_stays(folder, monkeypatch):
    made(48)
    (entry,) = folder.glob("*.o")
    good = entry.read_bytes()
    monkeypatch.setattr(llvm, "_known", {})

    def refused(*args, **kwargs):
        raise PermissionError("read-only file system")

    monkeypatch.setattr("tempfile.mkstemp", refused)
    assert made(48).seconds == 0
    assert result(made(49)) == 49
    assert list(folder.glob("*.o")) == [entry]
    assert entry.read_bytes() == good


@pytest.mark.skipif(not loader.SUPPORTED, reason="LLVM is asked in each process there")
def test_the_processor_is_asked_once(folder, monkeypatch):
    llvm.processor.cache_clear()
    name, features = llvm.processor()
    (entry,) = folder.glob("*.cpu")
    with monkeypatch.context() as patch:
        patch.setattr(llvm, "binding", None)  # asking again would fail
        llvm.processor.cache_clear()
        assert llvm.processor() == (name, features)
    entry.write_bytes(b"rubbish")
    llvm.processor.cache_clear()
    assert llvm.processor() == (name, features)


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
