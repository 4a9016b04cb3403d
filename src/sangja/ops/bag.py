"""Bags: rows of an embedding picked together and summed, averaged or maximised."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError, ShapeError
from sangja.engine import Primitive, Tensor, apply, wrap
from sangja.ops.adaptive import TakeFlat
from sangja.ops.arguments import as_tensor
from sangja.ops.elementwise import where
from sangja.ops.embedding import EmbeddingTable, embedding
from sangja.ops.shape import reshape, transpose

Array = np.ndarray[Any, Any]


class BagArgmax(Primitive):
    """z[b, d] = the row of x of bag b with the largest x[row, d]; 0 for an empty bag. A nan is
    larger than nothing, but nothing is larger than one that comes first."""

    def forward(xp, x, bag, *, bags):
        z = xp.zeros((bags, x.shape[1]), xp.int64)
        for b in range(bags):
            rows = xp.flatnonzero(bag == b)
            if rows.size:
                values = x[rows]
                best = xp.where(values != values, -xp.inf, values).argmax(axis=0)
                z[b] = rows[xp.where(values[0] != values[0], 0, best)]
        return z


def bags_of(index: Tensor, offsets: Any, include_last_offset: bool) -> tuple[Array, int]:
    """For every index its bag, and how many bags there are."""
    if index.ndim == 2:
        if offsets is not None:
            raise ArgumentError(
                "embedding_bag: if input is 2D, then offsets has to be None, as input is treated "
                "is a mini-batch of fixed length sequences"
            )
        return np.repeat(np.arange(index.shape[0]), index.shape[1]), index.shape[0]
    if index.ndim != 1 or offsets is None:
        raise ArgumentError(
            "embedding_bag: input has to be 1D with offsets, or 2D, but got Tensor of dimension "
            f"{index.ndim}{' without offsets' if offsets is None else ''}"
        )
    starts = as_tensor(offsets, "offsets").array
    if starts.ndim != 1:
        raise ArgumentError(f"embedding_bag: offsets has to be a 1D Tensor, got {starts.ndim}D")
    if starts.size and (starts[0] != 0 or starts[-1] > index.array.size):
        raise ArgumentError(
            "embedding_bag: offsets[0] has to be 0 and offsets[-1] can not be greater than "
            f"input's length ({index.array.size}), got {int(starts[0])} and {int(starts[-1])}"
        )
    bags = len(starts) - 1 if include_last_offset else len(starts)
    ends = np.append(starts, index.array.size)[1 : bags + 1]
    return np.repeat(np.arange(bags), ends - starts[:bags]), bags


def embedding_bag(
    input: Any,
    weight: Any,
    offsets: Any = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Rows of `weight` (rows, features) picked by bags of indices, and their mean, sum or max per
    bag.

    Indices (B, n): B bags of n; or (n,) with `offsets` (B,) where each bag begins → (B, features).
    An empty bag gives 0. `per_sample_weights` (with mode 'sum'): a factor per index. The row
    `padding_idx` counts nothing.
    """
    if mode not in ("sum", "mean", "max"):
        raise ArgumentError(f"embedding_bag: mode has to be one of sum, mean or max, got {mode!r}")
    index, table = as_tensor(input), as_tensor(weight, "weight")
    bag, bags = bags_of(index, offsets, include_last_offset)
    factors: Any = None
    if per_sample_weights is not None:
        factors = as_tensor(per_sample_weights, "per_sample_weights")
        if mode != "sum":
            raise ArgumentError(
                "embedding_bag: per_sample_weights is only supported for mode='sum'"
            )
        if factors.shape != index.shape:
            raise ShapeError(
                f"embedding_bag: expected per_sample_weights {list(factors.shape)} to have the "
                f"shape of the input {list(index.shape)}"
            )
    picked = index.array.reshape(-1)[: len(bag)]
    rows = embedding(
        wrap(picked), table, None, max_norm, norm_type, scale_grad_by_freq and mode != "max"
    )
    factors = None if factors is None else reshape(factors, (-1, 1))[: len(bag)]
    if padding_idx is not None:
        counted = picked != padding_idx % table.shape[0]
        rows, bag = rows[counted], bag[counted]
        factors = None if factors is None else factors[counted]
    if factors is not None:
        rows = rows * factors
    if mode == "max":
        place = apply(BagArgmax, rows.detach(), bag, bags=bags)
        if not len(bag):
            return wrap(np.zeros((bags, table.shape[1]), table.array.dtype))
        z = transpose(apply(TakeFlat, transpose(rows, 0, 1), place.array.T, dims=1), 0, 1)
        return where(wrap(np.bincount(bag, minlength=bags)[:, None] > 0), z, 0.0)  # type: ignore[no-any-return]
    z = apply(EmbeddingTable, rows, bag, rows=bags, padding_idx=None)
    if mode == "mean":
        counts = np.maximum(np.bincount(bag, minlength=bags), 1)
        z = z / wrap(counts.astype(table.array.dtype)[:, None])
    return z  # type: ignore[no-any-return]
