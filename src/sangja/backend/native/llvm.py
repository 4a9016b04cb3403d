"""From LLVM's text to a function in memory, and a cache of machine code on disk.

A kernel is `void NAME(ptr args, i64 tid, i64 nthreads)`: `args` points to the addresses of its
operands, and a call does the share of thread `tid`. What was compiled is kept by content: the
same text for the same processor is compiled once on a machine, and loaded after that.
"""

from __future__ import annotations

import functools
import hashlib
import os
import struct
import tempfile
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

FORMAT = 1  # of the cache and of what kernels may assume
CACHE_BYTES = 256 << 20  # the oldest entries go when there is more
MAGIC = b"SNGJ"
KERNEL_TYPE = "void (ptr, i64, i64)"


@dataclass(slots=True, eq=False)
class Kernel:
    """A compiled function: where it is, and from which text it was made (`ir`); `seconds` is what
    its compilation took, 0 if it came from the cache. `flops` and `bytes` are what a call computes
    and moves, where its maker knows."""

    name: str
    address: int
    ir: str
    seconds: float
    engine: Any
    flops: int = 0
    bytes: int = 0


@functools.cache
def available() -> bool:
    """Whether llvmlite is installed and can make code for this processor."""
    if os.environ.get("SANGJA_NATIVE", "1") == "0" or find_spec("llvmlite") is None:
        return False
    try:
        machine()
    except Exception:  # llvmlite raises plain RuntimeErrors and OSErrors of many kinds
        return False
    return True


@functools.cache
def binding() -> Any:
    """llvmlite's binding, made ready."""
    import llvmlite.binding as llvm

    with suppress(RuntimeError):  # newer versions do this themselves
        llvm.initialize()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


@functools.cache
def machine() -> Any:
    """The target machine: this processor with all its features."""
    llvm = binding()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(opt=3, cpu=cpu_name(), features=cpu_features())


@functools.cache
def cpu_name() -> str:
    return str(binding().get_host_cpu_name())


@functools.cache
def cpu_features() -> str:
    return str(binding().get_host_cpu_features().flatten())


@functools.cache
def has_feature(name: str) -> bool:
    return f"+{name}" in cpu_features().split(",")


@functools.cache
def vector_bytes() -> int:
    """The size of a vector register."""
    if has_feature("avx512f"):
        return 64
    return 32 if has_feature("avx2") or has_feature("avx") else 16


@functools.cache
def vector_registers() -> int:
    """How many vector registers there are."""
    return 32 if has_feature("avx512f") or has_feature("neon") else 16


# -- compiling ------------------------------------------------------------------------------------

_known: dict[str, Kernel] = {}


def compile_kernel(name: str, text: str) -> Kernel:
    """The kernel `name` of a module in LLVM's language, from memory, from disk, or compiled."""
    key = digest(name, text)
    kernel = _known.get(key)
    if kernel is None:
        begin = time.perf_counter()
        code = read_cache(key)
        fresh = code is None
        if code is None:
            code = machine_code(text)
            write_cache(key, code)
        engine, address = load(name, code)
        seconds = time.perf_counter() - begin if fresh else 0.0
        kernel = _known[key] = Kernel(name, address, text, seconds, engine)
    return kernel


def digest(name: str, text: str) -> str:
    """What a kernel is known by."""
    import llvmlite

    parts = (name, text, cpu_name(), cpu_features(), llvmlite.__version__, str(FORMAT))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def machine_code(text: str) -> bytes:
    """An object file for this processor."""
    llvm = binding()
    module = llvm.parse_assembly(text)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = False  # kernels are written in vectors already
    options.slp_vectorization = False
    options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine(), options)
    builder.getModulePassManager().run(module, builder)
    return bytes(machine().emit_object(module))


def load(name: str, code: bytes) -> tuple[Any, int]:
    """An object file made part of this process."""
    llvm = binding()
    # Every engine owns its target machine, so each needs one of its own.
    own = llvm.Target.from_default_triple().create_target_machine(
        opt=3, cpu=cpu_name(), features=cpu_features()
    )
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), own)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine, int(engine.get_function_address(name))


# -- the cache on disk ----------------------------------------------------------------------------


def cache_folder() -> Path:
    """Where machine code is kept: `SANGJA_CACHE_DIR`, or the user's cache folder."""
    given = os.environ.get("SANGJA_CACHE_DIR")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "sangja" / "kernels"


def read_cache(key: str) -> bytes | None:
    """The machine code kept under a key; None if there is none or its bytes are damaged."""
    try:
        data = (cache_folder() / f"{key}.o").read_bytes()
    except (OSError, RuntimeError):
        return None
    if len(data) < 8 or data[:4] != MAGIC:
        return None
    (checksum,) = struct.unpack("<I", data[4:8])
    code = data[8:]
    return code if zlib.crc32(code) == checksum else None


def write_cache(key: str, code: bytes) -> None:
    """Keep machine code; where the folder cannot be written to, nothing is kept."""
    with suppress(OSError, RuntimeError):
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(MAGIC + struct.pack("<I", zlib.crc32(code)) + code)
            os.replace(name, folder / f"{key}.o")
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise
        if int(key[:2], 16) == 0:  # a look at the size now and then
            shrink_cache(folder)


def shrink_cache(folder: Path) -> None:
    """Take the oldest entries away until the folder is within its bounds."""
    entries = []
    for path in folder.glob("*.o"):
        with suppress(OSError):
            status = path.stat()
            entries.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if total <= CACHE_BYTES:
            break
        with suppress(OSError):
            path.unlink()
            total -= size
