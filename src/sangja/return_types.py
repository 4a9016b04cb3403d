"""`sangja.return_types`: the named tuples that operations with several results return."""

from sangja.ops.return_types import TYPES as _TYPES

globals().update(_TYPES)
__all__ = sorted(_TYPES)
