"""Sequences of different lengths in one batch: padded, or packed without the padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sangja.core.errors import ArgumentError, ShapeError
from sangja.engine import Tensor, wrap
from sangja.ops.join import cat, stack


class PackedSequence(NamedTuple):
    """The steps of all sequences, one after another: `data` has first the `batch_sizes[0]` rows of
    step 0, longest sequence first, then those of step 1 …"""

    data: Any
    batch_sizes: Any
    sorted_indices: Any = None
    unsorted_indices: Any = None


def runs(sizes: list[int], backwards: bool) -> list[tuple[int, int]]:
    """Where the rows of each step begin, and how many there are."""
    begins = np.cumsum([0, *sizes[:-1]]).tolist()
    found = list(zip(begins, sizes, strict=True))
    return found[::-1] if backwards else found


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """A batch (L, N, …) padded to the longest, packed. `lengths` must fall unless
    `enforce_sorted=False`."""
    counts = np.asarray(lengths.array if isinstance(lengths, Tensor) else lengths, np.int64)
    x: Any = input.transpose(0, 1) if batch_first else input
    order = back = None
    if not enforce_sorted:
        permutation = np.argsort(-counts, kind="stable")
        order, back = wrap(permutation), wrap(np.argsort(permutation))
        counts = counts[permutation]
        x = x[:, order]
    if len(counts) != x.shape[1]:
        raise ShapeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(counts)} "
            f"(batch_size={x.shape[1]})"
        )
    if counts.min() <= 0:
        raise ShapeError("Length of all samples has to be greater than 0, but found one <= 0")
    if (np.diff(counts) > 0).any():
        raise ShapeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You "
            "can pass `enforce_sorted=False` to pack_padded_sequence"
        )
    sizes = [int((counts > t).sum()) for t in range(int(counts[0]))]
    data = cat([x[t, :n] for t, n in enumerate(sizes)])
    return PackedSequence(data, wrap(np.array(sizes, np.int64)), order, back)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Any, Tensor]:
    """The padded batch of a packed one, and the lengths."""
    sizes = sequence.batch_sizes.array.tolist()
    total = len(sizes) if total_length is None else total_length
    if total < len(sizes):
        raise ArgumentError(
            "Expected total_length to be at least the length of the longest sequence in input, but "
            f"got total_length={total} and max sequence length being {len(sizes)}"
        )
    tail = tuple(sequence.data.shape[1:])
    filler = np.full((sizes[0], *tail), padding_value, sequence.data.array.dtype)
    rows = []
    for begin, n in runs(sizes, False):
        live = sequence.data[begin : begin + n]
        rows.append(live if n == sizes[0] else cat([live, wrap(filler[n:])]))
    z: Any = stack([*rows, *[wrap(filler)] * (total - len(sizes))])  # (L, N, …)
    lengths = (np.array(sizes)[:, None] > np.arange(sizes[0])).sum(0)
    if sequence.unsorted_indices is not None:
        z = z[:, sequence.unsorted_indices]
        lengths = lengths[sequence.unsorted_indices.array]
    return (z.transpose(0, 1) if batch_first else z), wrap(lengths.astype(np.int64))


def pad_sequence(
    sequences: Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Any:
    """Sequences (Lᵢ, …) as one batch (L, N, …), the shorter ones padded."""
    if padding_side not in ("right", "left"):
        raise ArgumentError(f"padding_side should be 'right' or 'left', got {padding_side!r}")
    longest = max(len(s) for s in sequences)
    padded = []
    for s in sequences:
        shape = (longest - len(s), *s.shape[1:])
        filler = wrap(np.full(shape, padding_value, s.array.dtype))
        parts = [filler, s] if padding_side == "left" else [s, filler]
        padded.append(cat(parts) if len(s) < longest else s)
    return stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded: Any, lengths: Any, batch_first: bool = False) -> list[Any]:
    """The sequences of a padded batch."""
    rows = padded if batch_first else padded.transpose(0, 1)
    counts = lengths.array.tolist() if isinstance(lengths, Tensor) else list(lengths)
    return [rows[i, :n] for i, n in enumerate(counts)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences (Lᵢ, …) packed."""
    lengths = np.array([len(s) for s in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Any]:
    """The sequences of a packed batch."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
