"""How many threads computations may use, in compiled programs and in NumPy's matrix products."""

from __future__ import annotations

from sangja.backend.blas import set_matrix_threads
from sangja.backend.native import team
from sangja.core.errors import ArgumentError, ArgumentTypeError


def set_num_threads(count: int) -> None:
    """Compiled programs, kernels of eager operations, and matrix products of NumPy where it brings
    OpenBLAS, use `count` threads from now on. Raises `ArgumentError` for less than one.

    Products of tensors are divided among the threads of the kernels, each of which calls OpenBLAS
    for its part; OpenBLAS's own threads, which would wait in a loop beside them, stay out of it.
    They still serve NumPy's products of arrays that are no tensors, and decompositions. By default
    there are as many threads as this process may use processors, or as `OMP_NUM_THREADS` says;
    `OPENBLAS_NUM_THREADS` limits products alone.

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
    set_matrix_threads(count)


def get_num_threads() -> int:
    """How many threads compiled programs use: by default `OMP_NUM_THREADS`, or as many as this
    process may use processors."""
    return team.get_num_threads()
