"""`sangja.utils.checkpoint`: memory for time, under PyTorch's names."""

from sangja.nn.checkpoint import checkpoint, checkpoint_sequential

__all__ = ["checkpoint", "checkpoint_sequential"]
