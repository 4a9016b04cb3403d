"""`sangja.nn.modules.batchnorm`: batch normalisation, where PyTorch keeps them."""

from sangja.nn.norm import (
    BatchNorm as _BatchNorm,
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    Normalization as _NormBase,
)

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "_BatchNorm",
    "_NormBase",
]
