"""`sangja.backends.native`: kernels made through LLVM, which eager operations on large arrays use
where llvmlite is installed. `enabled()` asks whether they may, `set_flags` says so."""

from collections.abc import Iterator
from contextlib import contextmanager

from sangja.backend.native.llvm import available
from sangja.core.settings import settings

__all__ = ["enabled", "flags", "is_available", "set_flags"]


def is_available() -> bool:
    """Whether llvmlite is installed and makes code for this processor."""
    return available()


def enabled() -> bool:
    """Whether eager operations may use kernels; `SANGJA_NATIVE=0` in the environment says no."""
    return settings.native


def set_flags(enabled: bool) -> bool:
    """Let eager operations use kernels, or leave everything to NumPy; returns what was before.

    >>> before = set_flags(False)
    >>> enabled()
    False
    >>> set_flags(before)
    False
    """
    before, settings.native = settings.native, bool(enabled)
    return before


@contextmanager
def flags(enabled: bool) -> Iterator[None]:
    """Inside `with`, kernels may be used, or not."""
    before = set_flags(enabled)
    try:
        yield
    finally:
        set_flags(before)
