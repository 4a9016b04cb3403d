"""Elements picked along one dimension by fixed positions: what padding and resampling are made
of."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.engine import Primitive, apply

Array = np.ndarray[Any, Any]


class TakeAlong(Primitive):
    """z[…, i, …] = x[…, index[i], …] along `dim`"""

    grad_name = "IndexSelectBackward0"

    def forward(xp, x, *, index, dim):
        return xp.take(x, index, axis=dim)

    def dx(g, x_shape, index, dim):
        return apply(AddAlong, g, index=index, size=x_shape[dim], dim=dim)


class AddAlong(Primitive):
    """z[…, j, …] = Σ x[…, i, …] over all i with index[i] = j, along `dim` of `size`"""

    grad_name = "IndexAddBackward0"

    def forward(xp, x, *, index, size, dim):
        x = xp.moveaxis(x, dim, -1)
        z = xp.zeros((*x.shape[:-1], size), x.dtype)
        for places in rounds(index):  # no position twice in one round, so that += counts each
            z[..., index[places]] += x[..., places]
        return xp.moveaxis(z, -1, dim)

    def dx(g, index, dim):
        return apply(TakeAlong, g, index=index, dim=dim)


def rounds(index: Array) -> list[Array]:
    """The places 0 … len(index) − 1 in groups, none of which has two places with the same index."""
    order = np.argsort(index, kind="stable")
    found = index[order]
    first = np.searchsorted(found, found)  # where the run of equal indices begins
    rank = np.arange(len(index)) - first
    return [order[rank == r] for r in range(int(rank.max(initial=-1)) + 1)]


def take_along(x: Any, index: Array, dim: int) -> Any:
    """z[…, i, …] = x[…, index[i], …] along `dim`."""
    return apply(TakeAlong, x, index=index, dim=dim)
