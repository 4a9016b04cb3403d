"""`sangja.version`: the version, and those of CUDA and ROCm, which are not used."""

from sangja.core.version import __version__

cuda = None
hip = None

__all__ = ["__version__", "cuda", "hip"]
