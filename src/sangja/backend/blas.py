"""How many threads NumPy's matrix products use: OpenBLAS, asked through its own functions.

NumPy's wheels bring OpenBLAS, which divides even small products among all cores and lets its
threads wait in a loop. For small matrices that brings nothing, and on a machine that has other work
it costs ten times the time: the threads that should meet wait for the one that has no core.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import numpy as np

# The user's own word on threads; where one is set it stands.
VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
# Names of one function in OpenBLAS as NumPy, SciPy and distributions build it.
_GET = (
    "scipy_openblas_get_num_threads64_",
    "scipy_openblas_get_num_threads",
    "openblas_get_num_threads64_",
    "openblas_get_num_threads",
)


@cache
def _library() -> tuple[Any, str] | None:
    """OpenBLAS as NumPy loaded it, and the name of its function; None with another library."""
    package = os.path.dirname(np.__file__)
    for folder in (package + ".libs", os.path.join(package, ".dylibs")):
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        for name in (n for n in names if "openblas" in n):
            with suppress(OSError):
                library = ctypes.CDLL(os.path.join(folder, name))
                for get in _GET:
                    if hasattr(library, get):
                        return library, get
    return None


class Alone:
    """Who has asked that OpenBLAS use one thread, and how many it uses otherwise. The number is one
    for the whole process, so that the first who asks sets it and the last one sets it back."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.before = 1

    def after_fork(self) -> None:
        """Threads of the parent that had asked, or held the lock, are not in the child."""
        if self.users:
            setter()(self.before)
        self.__init__()  # type: ignore[misc]


_alone = Alone()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_alone.after_fork)


@cache
def setter() -> Any:
    """OpenBLAS's function that sets how many threads it uses."""
    library, get = _library()  # type: ignore[misc]
    return getattr(library, get.replace("_get_", "_set_"))


def matrix_threads() -> int | None:
    """The threads a matrix product may use; None where that cannot be asked."""
    found = _library()
    if found is None:
        return None
    return _alone.before if _alone.users else int(getattr(*found)())


def set_matrix_threads(count: int) -> None:
    """Let matrix products use `count` threads; where NumPy has another library nothing changes."""
    found = _library()
    if found is not None:
        with _alone.lock:
            _alone.before = count
            if not _alone.users:
                setter()(count)


@contextmanager
def few_matrix_threads(count: int) -> Iterator[None]:
    """Inside `with`, matrix products use at most `count` threads, if the user set no number.

    Where NumPy has another library than OpenBLAS nothing changes.
    """
    before = matrix_threads()
    if before is None or any(os.environ.get(name) for name in VARIABLES):
        yield
        return
    set_matrix_threads(min(count, before))
    try:
        yield
    finally:
        set_matrix_threads(before)


@contextmanager
def alone() -> Iterator[None]:
    """Inside `with`, OpenBLAS computes with the thread that calls it and wakes no other."""
    mine, put = _alone, setter()
    with mine.lock:
        if not mine.users:
            mine.before = matrix_threads() or 1
            put(1)
        mine.users += 1
    try:
        yield
    finally:
        with mine.lock:
            mine.users -= 1
            if not mine.users:
                put(mine.before)


def product_name(kind: str) -> tuple[str, bool]:
    """The name of OpenBLAS's product of matrices, `kind` "s" or "d", as NumPy has it, and whether
    it counts in 64 bits."""
    _, get = _library()  # type: ignore[misc]
    before, after = get.split("openblas_get_num_threads")
    return f"{before}cblas_{kind}gemm{after}", after.startswith("64")


def address_of(name: str) -> int:
    """Where a function of OpenBLAS is."""
    library, _ = _library()  # type: ignore[misc]
    return int(ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0)
