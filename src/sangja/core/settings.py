"""The few switches a user may set for the whole process, in one visible place."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np


@dataclass
class Settings:
    """`default_dtype`: the float dtype of new tensors; `language`: "en" or "ko" for messages;
    `deterministic`, `warn_only` and `matmul_precision`: what `core.flags` was asked for; `native`:
    whether eager operations may use kernels."""

    default_dtype: np.dtype[np.floating]
    language: str
    deterministic: bool = False
    warn_only: bool = False
    matmul_precision: str = "highest"
    native: bool = True


settings = Settings(
    default_dtype=np.dtype(np.float32),
    language="ko" if os.environ.get("SANGJA_LANG", "").lower().startswith("ko") else "en",
    native=os.environ.get("SANGJA_NATIVE", "1") != "0",
)
