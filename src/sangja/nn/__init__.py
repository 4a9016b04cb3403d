"""Rank 4: layers and losses as modules."""

from sangja.nn import functional

__all__ = ["functional"]
