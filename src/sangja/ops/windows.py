"""Sliding windows: the arithmetic that convolution, pooling, unfold and fold share.

A window of `kernel` elements, `dilation` apart, moves in steps of `stride` over an axis of `size`
elements with `padding` imaginary ones before and after. Element k of window o lies at o·stride +
k·dilation − padding. Instead of padding a copy, each offset k is turned into the windows for which
it lies inside and the positions where it then lies: two slices of equal length (`taps`).
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sangja.core.errors import ArgumentTypeError, ShapeError

Ints = tuple[int, ...]
Slices = tuple[slice, ...]


class Tap(NamedTuple):
    """One offset in the kernel: `k` its place, `out` the windows where it is inside, `into`
    where."""

    k: Ints
    out: Slices
    into: Slices


def ints(value: Any, count: int, name: str) -> Ints:
    """`count` ints from one int or a sequence of one or `count` of them."""
    try:
        found = (
            tuple(map(operator.index, value))
            if isinstance(value, Sequence)
            else (operator.index(value),)
        )
    except TypeError:
        raise ArgumentTypeError(
            f"{name} must be an int or a tuple of {count} ints, not {value!r}"
        ) from None
    if len(found) not in (1, count):
        raise ShapeError(
            f"{name} must be an int or a tuple of {count} ints (one per spatial dimension), "
            f"got {len(found)}: {value!r}"
        )
    return found * count if len(found) == 1 else found


def axis_taps(
    size: int, windows: int, kernel: int, stride: int, padding: int, dilation: int
) -> list[Any]:
    """For each offset along one axis (windows, positions), as slices of equal length."""
    found = []
    for k in range(kernel):
        shift = k * dilation - padding
        first = max(0, -(shift // stride))  # the least o with o·stride + shift ≥ 0
        last = max(first, min(windows, (size - 1 - shift) // stride + 1))
        begin = first * stride + shift
        end = begin + (last - first - 1) * stride + 1 if last > first else begin
        found.append(
            (slice(first, last), slice(begin, end, stride) if last > first else slice(0, 0))
        )
    return found


def taps(
    sizes: Sequence[int],
    windows: Sequence[int],
    kernel: Ints,
    stride: Ints,
    padding: Sequence[int],
    dilation: Ints,
) -> Iterator[Tap]:
    """Every offset of a window over several axes, in row-major order."""
    axes = [
        axis_taps(*each)
        for each in zip(sizes, windows, kernel, stride, padding, dilation, strict=True)
    ]
    for k in itertools.product(*map(range, kernel)):
        pairs = [axis[i] for axis, i in zip(axes, k, strict=True)]
        yield Tap(k, tuple(p[0] for p in pairs), tuple(p[1] for p in pairs))


def count_windows(
    name: str,
    sizes: Sequence[int],
    kernel: Ints,
    stride: Ints,
    padding: Sequence[tuple[int, int]],
    dilation: Ints,
    ceil_mode: bool = False,
) -> Ints:
    """How many windows fit along each axis: ⌊(size + padding − reach) / stride⌋ + 1.

    With `ceil_mode` a last window may hang over the end, if it begins inside or in the padding
    before.
    """
    counts = []
    for n, k, s, (before, after), d in zip(sizes, kernel, stride, padding, dilation, strict=True):
        reach = d * (k - 1) + 1
        room = n + before + after - reach
        count = room // s + 1
        if ceil_mode:
            count = -(-room // s) + 1
            if (count - 1) * s >= n + before:
                count -= 1
        if count < 1:
            raise ShapeError(
                f"{name}: the kernel does not fit: its reach is dilation·(kernel_size − 1) + 1 = "
                f"{reach}, but the padded input has size {n + before + after} (shape "
                f"{list(sizes)}, padding {before} and {after}). Kernel size can't be greater than "
                "actual input size: use a smaller kernel, or more padding"
            )
        counts.append(count)
    return tuple(counts)


def check_positive(name: str, **arguments: Ints) -> None:
    """Refuse kernel sizes, strides and dilations below 1."""
    for argument, values in arguments.items():
        if any(v < 1 for v in values):
            raise ShapeError(
                f"{name}: {argument} must be greater than zero in every dimension, got {values}"
            )
