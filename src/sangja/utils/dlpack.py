"""`sangja.utils.dlpack`: memory shared with other libraries."""

from sangja.ops.interchange import from_dlpack, to_dlpack

__all__ = ["from_dlpack", "to_dlpack"]
