"""`sangja.cuda.amp`: mixed precision under the names it had before `sangja.amp`."""

from sangja.core.accelerators import cuda_autocast as autocast
from sangja.optim.scaler import CudaGradScaler as GradScaler

__all__ = ["GradScaler", "autocast"]
