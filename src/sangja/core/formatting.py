"""Text of a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np


def format_tensor(array: Any, default_dtype: Any, notes: list[str]) -> str:
    body = np.array2string(array, separator=", ", prefix="tensor(", precision=4)
    return f"tensor({', '.join([body, *notes])})"
