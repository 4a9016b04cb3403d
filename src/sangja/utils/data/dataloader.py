"""`sangja.utils.data.dataloader`: PyTorch's place for loaders."""

from sangja.data import DataLoader, default_collate, default_convert, get_worker_info

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]
