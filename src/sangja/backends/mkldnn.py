"""`sangja.backends.mkldnn`: Intel's oneDNN is not used; its switch may be set."""

from sangja.core.accelerators import is_available

enabled = True

__all__ = ["enabled", "is_available"]
