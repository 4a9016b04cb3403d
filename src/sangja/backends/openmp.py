"""`sangja.backends.openmp`: threads are not OpenMP's."""

from sangja.core.accelerators import is_available

__all__ = ["is_available"]
