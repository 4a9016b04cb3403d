"""`sangja.backends.mkl`: Intel's library is not used."""

from sangja.core.accelerators import is_available

__all__ = ["is_available"]
