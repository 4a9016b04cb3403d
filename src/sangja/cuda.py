"""`sangja.cuda`: what a script asks before it chooses a device. The answer is no."""

from sangja.core.device import cuda_device_count as device_count, cuda_is_available as is_available

__all__ = ["device_count", "is_available"]
