"""Elements that an order or a comparison chose along a dimension."""

from __future__ import annotations

from typing import Any

from sangja.engine import apply
from sangja.ops.pick import Gather

NAMES = (
    "cummax",
    "cummin",
    "gather",
    "kthvalue",
    "median",
    "nanmedian",
    "sort",
    "topk",
)
# One subclass per operation, so that a tensor prints the one that made it (`SortBackward0`).
CHOICES = {
    name: type(name.capitalize(), (Gather,), {"__doc__": Gather.__doc__, "__module__": __name__})
    for name in NAMES
}


def take_along(x: Any, indices: Any, dim: int, name: str) -> Any:
    """The elements of `x` at `indices` along `dim`, remembered as a result of operation `name`."""
    return apply(CHOICES[name], x, indices, dim=dim)
