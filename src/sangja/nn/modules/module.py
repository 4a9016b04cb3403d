"""`sangja.nn.modules.module`: the base of modules, where PyTorch keeps them."""

from sangja.nn.module import (
    Module,
)

__all__ = [
    "Module",
]
