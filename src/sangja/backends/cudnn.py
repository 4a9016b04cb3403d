"""`sangja.backends.cudnn`: NVIDIA's library is not used; its switches may be set."""

from sangja.core.accelerators import (
    current_accelerator as version,
    is_available,
)

enabled = True
benchmark = False
deterministic = False
allow_tf32 = True

__all__ = ["allow_tf32", "benchmark", "deterministic", "enabled", "is_available", "version"]
