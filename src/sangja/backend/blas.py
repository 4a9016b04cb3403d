"""How many threads NumPy's matrix products use: OpenBLAS, asked through its own functions.

NumPy's wheels bring OpenBLAS, which divides even small products among all cores and lets its
threads wait in a loop. For small matrices that brings nothing, and on a machine that has other work
it costs ten times the time: the threads that should meet wait for the one that has no core.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
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
    package = Path(np.__file__).parent
    for folder in (package.with_name("numpy.libs"), package / ".dylibs"):
        for path in sorted(folder.glob("*openblas*")):
            with suppress(OSError):
                library = ctypes.CDLL(str(path))
                for name in _GET:
                    if hasattr(library, name):
                        return library, name
    return None


def matrix_threads() -> int | None:
    """The threads a matrix product may use; None where that cannot be asked."""
    found = _library()
    return None if found is None else int(getattr(*found)())


@contextmanager
def few_matrix_threads(count: int) -> Iterator[None]:
    """Inside `with`, matrix products use at most `count` threads, if the user set no number.

    Where NumPy has another library than OpenBLAS nothing changes.
    """
    found, before = _library(), matrix_threads()
    if found is None or before is None or any(os.environ.get(name) for name in VARIABLES):
        yield
        return
    library, get = found
    put = getattr(library, get.replace("_get_", "_set_"))
    put(ctypes.c_int(min(count, before)))
    try:
        yield
    finally:
        put(ctypes.c_int(before))
