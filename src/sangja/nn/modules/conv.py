"""`sangja.nn.modules.conv`: convolutions, where PyTorch keeps them."""

from sangja.nn.conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvNd as _ConvNd,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    TransposedConvolution as _ConvTransposeNd,
)

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "_ConvNd",
    "_ConvTransposeNd",
]
