"""`sangja.utils`: where PyTorch keeps its data loading."""

from sangja.utils import data

__all__ = ["data"]
