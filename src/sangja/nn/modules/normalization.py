"""`sangja.nn.modules.normalization`: other normalisations, where PyTorch keeps them."""

from sangja.nn.norm import (
    GroupNorm,
    LayerNorm,
    LocalResponseNorm,
    RMSNorm,
)

__all__ = [
    "GroupNorm",
    "LayerNorm",
    "LocalResponseNorm",
    "RMSNorm",
]
