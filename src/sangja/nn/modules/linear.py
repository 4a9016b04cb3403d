"""`sangja.nn.modules.linear`: linear layers, where PyTorch keeps them."""

from sangja.nn.linear import (
    Bilinear,
    Identity,
    LazyLinear,
    Linear,
)

__all__ = [
    "Bilinear",
    "Identity",
    "LazyLinear",
    "Linear",
]
