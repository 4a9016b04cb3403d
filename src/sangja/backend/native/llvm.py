"""From LLVM's text to a function in memory, with machine code kept on disk.

A kernel is `void NAME(ptr args, i64 tid, i64 nthreads)`: `args` points to the addresses of its
operands, and a call does the share of thread `tid`. What was compiled is kept by content: the same
description of a kernel, by the same version of what writes it down, for the same processor is
compiled once on a machine and loaded after that; then neither is its text written nor LLVM loaded.
"""

from __future__ import annotations

import ctypes
import functools
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from sangja.backend.native import cache, loader

FORMAT = 2  # of the cache and of what kernels may assume
KERNEL_TYPE = "void (ptr, i64, i64)"


@dataclass(slots=True, eq=False)
class Kernel:
    """A compiled function: where it is; `seconds` is what its compilation took, 0 if it came from
    the cache; `code` holds its memory. `flops` and `bytes` are what a call computes and moves,
    where its maker knows; `short`: it takes less time than to call other threads, though not than
    to meet them where they are called anyway."""

    name: str
    address: int
    seconds: float
    code: Any
    flops: int = 0
    bytes: int = 0
    short: bool = False


@functools.cache
def available() -> bool:
    """Whether llvmlite is installed and can make code for this processor."""
    if os.environ.get("SANGJA_NATIVE", "1") == "0" or find_spec("llvmlite") is None:
        return False
    try:
        processor()
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
    return new_machine(cpu_name(), cpu_features())


def new_machine(name: str, features: str) -> Any:
    target = binding().Target.from_default_triple()
    return target.create_target_machine(opt=3, cpu=name, features=features)


# -- the processor --------------------------------------------------------------------------------


@functools.cache
def processor() -> tuple[str, str]:
    """Name and features of this processor in LLVM's words. LLVM is asked once on a machine."""
    key = digest_of(processor_key())
    kept = cache.read(key, ".cpu")
    if kept is not None:
        name, features = kept.decode().split("\n")
        return name, features
    name = str(binding().get_host_cpu_name())
    features = str(binding().get_host_cpu_features().flatten())
    new_machine(name, features)  # raises where LLVM cannot make code
    if processor_key():
        cache.write(key, f"{name}\n{features}".encode(), ".cpu")
    return name, features


@functools.cache
def processor_key() -> str:
    """What tells this processor and LLVM's version from others; '' where the system does not say,
    or LLVM is needed anyway."""
    if not loader.SUPPORTED:
        return ""
    try:
        with open("/proc/cpuinfo") as file:
            first = file.read(1 << 14).split("\n\n")[0]
    except OSError:
        return ""
    named = ("vendor_id", "cpu family", "model", "stepping", "flags")
    about = [line for line in first.splitlines() if line.startswith(named)]
    return "\0".join([llvm_version(), *about])


@functools.cache
def llvm_version() -> str:
    import llvmlite

    return f"{llvmlite.__version__} {llvmlite.__file__}"


def cpu_name() -> str:
    return processor()[0]


def cpu_features() -> str:
    return processor()[1]


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


# -- what a kernel is known by --------------------------------------------------------------------


def stamps() -> list[tuple[str, int, int]]:
    """Name, size and time of change of the files that write kernels down."""
    with suppress(OSError), os.scandir(os.path.dirname(__file__)) as entries:
        found = [(e.name, e.stat()) for e in entries if e.name.endswith(".py")]
        return sorted((name, s.st_size, s.st_mtime_ns) for name, s in found)
    return []


STAMPS = stamps()  # when they were imported


@functools.cache
def generator() -> str:
    """What tells this version of the files that write kernels down from others; '' where that is
    not known: they are not there, or were changed after they were imported."""
    if not STAMPS:
        return ""
    here, texts = os.path.dirname(__file__), []
    for name, _, _ in STAMPS:
        try:
            with open(os.path.join(here, name), "rb") as file:
                texts.append(file.read())
        except OSError:
            return ""
    return sha256(b"\0".join(texts)) if stamps() == STAMPS else ""


def digest(name: str, content: str) -> str:
    """What a kernel is known by: `content` is its text, or describes it."""
    return digest_of(name, content, cpu_name(), cpu_features(), llvm_version(), str(FORMAT))


def digest_of(*parts: str) -> str:
    return sha256("\0".join(parts).encode())


def sha256(content: bytes) -> str:
    import hashlib  # at the first kernel: with OpenSSL it takes 4 ms of an import

    return hashlib.sha256(content).hexdigest()


# -- compiling ------------------------------------------------------------------------------------

_known: dict[str, Kernel] = {}


def compile_kernel(name: str, text: str | Callable[..., str], *described: Any) -> Kernel:
    """The kernel `name` of a module in LLVM's language, from memory, from disk, or compiled.

    `text` may be a function that writes it for what is `described`, values whose `repr` says all;
    it is called only where the kernel is not known yet.
    """
    if not isinstance(text, str) and not generator():
        text = text(*described)
    if isinstance(text, str):
        key = digest(name, text)
    else:
        key = digest(name, "\0".join([generator(), text.__name__, *map(repr, described)]))
    kernel = _known.get(key)
    if kernel is None:
        kernel = _known[key] = made(name, key, text, described)
    return kernel


def made(name: str, key: str, text: str | Callable[..., str], described: Any) -> Kernel:
    """The kernel from disk, or compiled and kept there."""
    code = cache.read(key)
    if code is not None:
        loaded = load(code)
        return Kernel(name, loaded.address(name), 0.0, loaded)
    begin = time.perf_counter()
    code = machine_code(text if isinstance(text, str) else text(*described))
    loaded = load(code)
    cache.write(key, code)
    return Kernel(name, loaded.address(name), time.perf_counter() - begin, loaded)


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


@dataclass(slots=True, eq=False)
class Engine:
    """Code loaded by LLVM."""

    engine: Any

    def address(self, name: str) -> int:
        return int(self.engine.get_function_address(name))


def load(code: bytes) -> loader.Image | Engine:
    """An object file made part of this process: without LLVM where that is possible."""
    try:
        return loader.load(code)
    except (loader.UnknownFormatError, OSError):
        return load_by_llvm(code)


def load_by_llvm(code: bytes) -> Engine:
    llvm = binding()
    # Every engine owns its target machine, so each needs one of its own.
    engine = llvm.create_mcjit_compiler(
        llvm.parse_assembly(""), new_machine(cpu_name(), cpu_features())
    )
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    # Never given back: when the interpreter ends, workers still wait within such code.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine))
    return Engine(engine)
