"""Where an array's first element lies in memory."""

from __future__ import annotations

import ctypes
from typing import Any

_first = ctypes.c_char.from_buffer
_address = ctypes.addressof


def address_of(array: Any) -> int:
    """The address. NumPy's own `array.ctypes.data` makes objects on its way and takes five times as
    long; it is asked where there is no plain memory to be written: read-only, empty, with gaps."""
    try:
        return _address(_first(array))
    except (TypeError, ValueError):
        return int(array.ctypes.data)
