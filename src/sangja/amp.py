"""`sangja.amp`: mixed precision. On the CPU every operation keeps the dtype of its inputs."""

from sangja.core.accelerators import autocast, is_autocast_available
from sangja.optim.scaler import GradScaler

__all__ = ["GradScaler", "autocast", "is_autocast_available"]
