"""Splitting rows into parts that each hold the classes in the same proportions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sangja.core.errors import ArgumentError

Counts = NDArray[np.int64]


def stratified_split(
    labels: ArrayLike, fractions: Sequence[float], seed: int = 0
) -> list[NDArray[np.int64]]:
    """Row numbers of each part, sorted; every row is in exactly one part.

    The sizes of the parts are exactly n · fraction, rounded by largest remainder; within each part
    every class has its share, to within a row or so. A class with at least as many rows as there
    are parts is found in every part that has room for all classes; a rarer one goes to the largest
    parts first. The same seed gives the same parts on every machine.

    Args:
        labels: one label per row, numbers or strings, shape (n,).
        fractions: one positive share per part, together 1.

    Raises:
        ArgumentError: labels that are not one-dimensional, fractions that are not positive or do
            not sum to 1, or so few rows that a part would be empty.

    >>> [part.size for part in stratified_split([0] * 6 + [1] * 4, [0.5, 0.3, 0.2])]
    [5, 3, 2]
    """
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ArgumentError(
            f"stratified_split expects one label per row, shape (n,), not shape {labels.shape}"
        )
    sizes = part_sizes(labels.size, fractions)
    classes, codes = np.unique(labels, return_inverse=True)
    counts = _counts(np.bincount(codes, minlength=classes.size), sizes)
    random = np.random.RandomState(seed)
    parts: list[list[NDArray[np.int64]]] = [[] for _ in sizes]
    for code, row_counts in enumerate(counts):
        rows = random.permutation(np.flatnonzero(codes == code))
        for part, chosen in zip(parts, np.split(rows, np.cumsum(row_counts)[:-1]), strict=True):
            part.append(chosen)
    return [np.sort(np.concatenate(part)) for part in parts]


def part_sizes(rows: int, fractions: Sequence[float]) -> Counts:
    """How many of `rows` rows each part gets: the largest remainders are rounded up."""
    if not fractions or not all(f > 0 for f in fractions):
        raise ArgumentError(f"the fractions of a split must be positive, got {list(fractions)}")
    if not math.isclose(sum(fractions), 1.0, abs_tol=1e-6):
        raise ArgumentError(
            f"the fractions of a split must sum to 1, but {list(fractions)} sum to "
            f"{sum(fractions):g}"
        )
    # The rounding to 9 digits keeps 0.1 + 0.2 noise from deciding between equal remainders.
    exact = np.round(rows * np.asarray(fractions, np.float64), 9)
    sizes = np.floor(exact).astype(np.int64)
    largest_first = np.argsort(sizes - exact, kind="stable")
    sizes[largest_first[: rows - int(sizes.sum())]] += 1
    if not sizes.all():
        raise ArgumentError(
            f"{rows} rows are too few to be split by {list(fractions)}: part "
            f"{int(np.argmin(sizes))} would be empty; give more rows or fewer parts"
        )
    return sizes


def _counts(class_sizes: NDArray[Any], sizes: Counts) -> Counts:
    """Rows of each class in each part, shape (classes, parts), summing to both kinds of sizes.

    Every class gives each part the whole rows of its share; the few that remain go one at a time to
    the part that is furthest behind. No part can then fall a whole row too low or too high at the
    end: what they are behind sums to zero, and only a part that is behind is dealt to.
    """
    counts = np.zeros((class_sizes.size, sizes.size), np.int64)
    behind = np.zeros(sizes.size)
    share = sizes / sizes.sum()
    for code, rows in enumerate(class_sizes):
        counts[code] = np.floor(rows * share)
        behind += rows * share - counts[code]
        for _ in range(int(rows - counts[code].sum())):
            part = int(np.argmax(behind))
            behind[part] -= 1
            counts[code, part] += 1
    _fill_gaps(counts, sizes)
    return counts


def _fill_gaps(counts: Counts, sizes: Counts) -> None:
    """Bring classes into parts that lack them, by swapping rows so that no size changes."""
    largest_first = np.argsort(-sizes, kind="stable")
    owed = np.zeros(counts.shape, bool)
    for code, rows in enumerate(counts.sum(1)):
        owed[code, largest_first[: int(rows)]] = True
    for part in largest_first.tolist():
        for code in np.flatnonzero(owed[:, part] & (counts[:, part] == 0)).tolist():
            spare = counts - owed
            donor = int(np.argmax(spare[code]))
            exchanged = int(np.argmax(spare[:, part]))
            if spare[code, donor] > 0 and spare[exchanged, part] > 0:
                counts[code, [donor, part]] += -1, 1
                counts[exchanged, [donor, part]] += 1, -1
