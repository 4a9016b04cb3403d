"""Functions under names that PyTorch has given up, with its warnings."""

from __future__ import annotations

import warnings
from typing import Any

from sangja.engine import Tensor
from sangja.ops.resample import interpolate


def upsample(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """`interpolate` under the name it had before."""
    warnings.warn(
        "`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.",
        UserWarning,
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode, align_corners)
