"""`sangja.nn.modules.upsampling`: upsampling, where PyTorch keeps them."""

from sangja.nn.upsampling import (
    Upsample,
    UpsamplingBilinear2d,
    UpsamplingNearest2d,
)

__all__ = [
    "Upsample",
    "UpsamplingBilinear2d",
    "UpsamplingNearest2d",
]
