"""`sangja.utils`: where PyTorch keeps its data loading."""

from sangja.utils import checkpoint, data

__all__ = ["checkpoint", "data"]
