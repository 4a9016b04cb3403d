"""How many threads computations may use, in compiled programs and in NumPy's matrix products."""

from __future__ import annotations

import ctypes

from sangja.backend.blas import _library
from sangja.backend.native import team
from sangja.core.errors import ArgumentError, ArgumentTypeError


def set_num_threads(count: int) -> None:
    """Compiled programs, and matrix products of NumPy where it brings OpenBLAS, use `count` threads
    from now on. Raises `ArgumentError` for less than one.

    >>> import sangja
    >>> sangja.set_num_threads(1)
    >>> sangja.get_num_threads()
    1
    """
    if not isinstance(count, int) or isinstance(count, bool):
        raise ArgumentTypeError(
            f"set_num_threads expects an int, but got {type(count).__name__}: the number of threads"
        )
    if count < 1:
        raise ArgumentError(f"set_num_threads expects a positive integer, got {count}")
    team.set_num_threads(count)
    found = _library()
    if found is not None:
        library, get = found
        getattr(library, get.replace("_get_", "_set_"))(ctypes.c_int(count))


def get_num_threads() -> int:
    """How many threads compiled programs use: by default `OMP_NUM_THREADS`, or as many as this
    process may use processors."""
    return team.get_num_threads()
