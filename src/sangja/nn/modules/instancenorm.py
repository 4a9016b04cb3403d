"""`sangja.nn.modules.instancenorm`: instance normalisation, where PyTorch keeps them."""

from sangja.nn.norm import (
    InstanceNorm as _InstanceNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
)

__all__ = [
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "_InstanceNorm",
]
