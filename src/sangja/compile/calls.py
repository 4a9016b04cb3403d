"""The operations that have kernels of their own: products, convolutions, sums by index."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sangja.compile.schedule import Call, Place


@dataclass
class Made:
    """Kernels for a call, in order: each with the places of its operands (None: the workspace)
    and whether one thread runs it; and the bytes of the workspace."""

    stages: list[tuple[Any, list[Place | None], bool]] = field(default_factory=list)
    workspace: int = 0


def kernels_for(call: Call) -> Made | None:
    """The kernels of a call; None if NumPy computes it."""
    return None
