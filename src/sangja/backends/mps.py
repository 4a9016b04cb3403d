"""`sangja.backends.mps`: Apple's graphics processor is not used."""

from sangja.core.accelerators import is_available, is_available as is_built

__all__ = ["is_available", "is_built"]
