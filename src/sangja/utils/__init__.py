"""`sangja.utils`: where PyTorch keeps its data loading, the sharing of memory, and the saving of
it."""

from sangja.utils import checkpoint, data, dlpack

__all__ = ["checkpoint", "data", "dlpack"]
