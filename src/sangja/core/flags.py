"""PyTorch's switches for determinism and for the precision of matrix products.

Here every result is deterministic and computed in the precision of its dtype, whatever they say:
they keep what was asked, so that a script that sets and reads them goes on.
"""

from __future__ import annotations

from sangja.core.errors import ArgumentError, ArgumentTypeError
from sangja.core.settings import settings

PRECISIONS = ("highest", "high", "medium")


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for the same result in every run; here it always is.

    >>> use_deterministic_algorithms(True)
    >>> are_deterministic_algorithms_enabled()
    True
    >>> use_deterministic_algorithms(False)
    """
    if not isinstance(mode, bool):
        raise ArgumentTypeError(
            f"use_deterministic_algorithms: expected True or False, got {type(mode).__name__}"
        )
    settings.deterministic, settings.warn_only = mode, mode and bool(warn_only)


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` was last told."""
    return settings.deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether `use_deterministic_algorithms` was last told `warn_only`."""
    return settings.warn_only


def set_float32_matmul_precision(precision: str) -> None:
    """Allow less precise products of float32 matrices ("high", "medium"); here they never are.

    Raises `ArgumentError` for another word than "highest", "high" and "medium".
    """
    if precision not in PRECISIONS:
        raise ArgumentError(
            f"set_float32_matmul_precision: {precision!r} is no precision; "
            f"expected one of {', '.join(PRECISIONS)}"
        )
    settings.matmul_precision = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was last told; "highest" before."""
    return settings.matmul_precision
