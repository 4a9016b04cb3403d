"""`sangja.accelerator`: what a script asks before it chooses a device. There is none."""

from sangja.core.accelerators import (
    current_accelerator,
    device_count,
    is_available,
    refuse as set_device_index,
    refuse as synchronize,
)

__all__ = [
    "current_accelerator",
    "device_count",
    "is_available",
    "set_device_index",
    "synchronize",
]
