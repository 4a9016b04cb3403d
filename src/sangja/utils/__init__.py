"""`sangja.utils`: where PyTorch keeps its data loading, and the sharing of memory."""

from sangja.utils import data, dlpack

__all__ = ["data", "dlpack"]
