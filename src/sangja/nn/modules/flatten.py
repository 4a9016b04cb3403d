"""`sangja.nn.modules.flatten`: flattening, where PyTorch keeps them."""

from sangja.nn.flatten import (
    Flatten,
    Unflatten,
)

__all__ = [
    "Flatten",
    "Unflatten",
]
