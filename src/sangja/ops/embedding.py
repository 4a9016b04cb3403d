"""Rows picked from a table by integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core import dtypes
from sangja.core.errors import ArgumentError, DTypeError, OutOfRangeError, ShapeError
from sangja.engine import Primitive, Tensor, apply
from sangja.ops.arguments import as_tensor


class Embedding(Primitive):
    """z[…, :] = table[index[…], :]"""

    def forward(xp, table, index, *, padding_idx, by_frequency):
        return table[index]

    def dtable(g, index, table_shape, padding_idx, by_frequency):
        if by_frequency:
            g = g / apply(Frequency, index, dtype=g.dtype)
        return apply(EmbeddingTable, g, index, rows=table_shape[0], padding_idx=padding_idx)


class Frequency(Primitive):
    """z[…, 0] = how often x[…] occurs in all of x"""

    def forward(xp, x, *, dtype):
        _, place, count = xp.unique(x, return_inverse=True, return_counts=True)
        return count[place].reshape(*x.shape, 1).astype(dtypes.to_numpy(dtype))


class EmbeddingTable(Primitive):
    """z[r, :] = Σ x[…, :] over the places where `index` is r; 0 for the row `padding_idx`"""

    grad_name = "EmbeddingDenseBackward0"

    def forward(xp, x, index, *, rows, padding_idx):
        flat, x = index.reshape(-1), x.reshape(-1, x.shape[-1])
        z = xp.zeros((rows, x.shape[1]), x.dtype)
        if flat.size:  # sorted, so that equal indices are one run, summed at once
            order = xp.argsort(flat, kind="stable")
            found = flat[order]
            starts = xp.flatnonzero(xp.concatenate(([True], found[1:] != found[:-1])))
            z[found[starts]] = xp.add.reduceat(x[order], starts, axis=0)
        if padding_idx is not None:
            z[padding_idx] = 0
        return z

    def dx(g, index, padding_idx):
        return apply(EmbeddingSkip, g, index, padding_idx=padding_idx)


class EmbeddingSkip(Primitive):
    """z[…, :] = table[index[…], :], 0 where the index is `padding_idx`: the transpose of
    `EmbeddingTable`"""

    def forward(xp, table, index, *, padding_idx):
        z = table[index]
        if padding_idx is not None:
            z[index == padding_idx] = 0
        return z

    def dtable(g, index, table_shape, padding_idx):
        return apply(EmbeddingTable, g, index, rows=table_shape[0], padding_idx=padding_idx)


class Renorm(Primitive):
    """z = table, its rows named by `index` scaled down to a norm of at most `max_norm`"""

    def forward(xp, table, index, *, max_norm, norm_type):
        z = xp.array(table)
        used = xp.unique(index)
        norms = xp.linalg.norm(table[used], norm_type, axis=1)
        long = norms > max_norm
        z[used[long]] *= (max_norm / (norms[long] + 1e-7)).astype(z.dtype)[:, None]
        return z


def check_index(name: str, index: Any, rows: int) -> None:
    """Refuse an index outside the table, by value and place, before any work."""
    if index.dtype.kind not in "iu":
        raise DTypeError(
            f"{name}: expected indices of an integer dtype such as int64, got {index.dtype}; use "
            ".long()"
        )
    if index.size and (index.min() < 0 or index.max() >= rows):
        place = tuple(int(i) for i in np.argwhere((index < 0) | (index >= rows))[0])
        raise OutOfRangeError(
            f"{name}: index out of range in self: {int(index[place])} at position {list(place)}; "
            f"the table has {rows} rows, so indices go from 0 to {rows - 1}"
        )


def embedding(
    input: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """z[…, :] = weight[input[…], :].

    Indices (…), weight (rows, features) → (…, features). The row `padding_idx` gets no gradient.
    With `max_norm` the rows used are first scaled down to that norm, in place; with
    `scale_grad_by_freq` the gradient of a row is divided by how often it was picked. Raises
    `OutOfRangeError` for an index that is no row.
    """
    index, table = as_tensor(input), as_tensor(weight, "weight")
    if table.ndim != 2:
        raise ShapeError(
            f"embedding: 'weight' must be 2-D (rows, features), got {list(table.shape)}"
        )
    rows = table.shape[0]
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise ArgumentError(
                f"embedding: padding_idx must be within num_embeddings: -{rows} to {rows - 1}, "
                f"got {padding_idx}"
            )
        padding_idx %= rows
    check_index("embedding", index.array, rows)
    if max_norm is not None:
        table.detach().copy_(
            apply(Renorm, table.detach(), index, max_norm=max_norm, norm_type=norm_type)
        )
    static = {"padding_idx": padding_idx, "by_frequency": scale_grad_by_freq}
    return apply(Embedding, table, index, **static)  # type: ignore[no-any-return]


class OneHot(Primitive):
    """z[…, c] = 1 where x[…] is c, else 0"""

    def forward(xp, x, *, classes):
        z = xp.zeros((x.size, classes), xp.int64)
        z[xp.arange(x.size), x.reshape(-1)] = 1
        return z.reshape(*x.shape, classes)


def one_hot(input: Any, num_classes: int = -1) -> Tensor:
    """z[…, c] = 1 where the input is c, else 0; int64. (…) → (…, num_classes), by default the
    largest + 1.

    >>> import sangja
    >>> sangja.nn.functional.one_hot(sangja.tensor([1, 0]))
    tensor([[0, 1],
            [1, 0]])
    """
    x = as_tensor(input)
    if x.array.dtype.kind not in "iu":
        raise DTypeError(
            f"one_hot is only applicable to index tensors such as int64, got {x.dtype}"
        )
    if not x.array.size and num_classes < 1:
        raise ShapeError("one_hot: Can not infer total number of classes from empty tensor.")
    if num_classes == -1:
        num_classes = int(x.array.max()) + 1
        check_index("one_hot", x.array, num_classes)
    elif num_classes < 1:
        raise ShapeError(f"one_hot: num_classes should be positive, got {num_classes}")
    elif x.array.size and (x.array.min() < 0 or x.array.max() >= num_classes):
        low, high = int(x.array.min()), int(x.array.max())
        raise ShapeError(
            "one_hot: Class values must be smaller than num_classes and not negative: they go "
            f"from {low} to {high}, num_classes is {num_classes}"
        )
    return apply(OneHot, x, classes=num_classes)  # type: ignore[no-any-return]
