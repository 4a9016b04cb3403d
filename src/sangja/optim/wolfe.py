"""A line search: how far to go in a direction so that the loss and its slope fall enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

FALL = 1e-4  # the loss must fall by this part of what the slope at the start promises (c₁)
FLATTEN = 0.9  # and the slope to this part of that at the start (c₂)


class Point(NamedTuple):
    """A place on the line: how far, the loss there, its gradient and its slope along the line."""

    t: Any
    loss: float
    gradient: Any
    slope: Any


Measure = Callable[[Any], Point]


def cubic_minimum(a: Point, b: Point, bounds: tuple[Any, Any] | None = None) -> Any:
    """Where the cubic through two points with their slopes is least, within the bounds (by default
    between them); the middle of those if it has no minimum. Nocedal and Wright, eq. 3.59."""
    left, right = (a, b) if a.t <= b.t else (b, a)
    low, high = bounds or (left.t, right.t)
    with np.errstate(all="ignore"):  # a line without curvature has no minimum: nan
        d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
        square = d1 * d1 - a.slope * b.slope
        if not square >= 0:
            return (low + high) / 2.0
        d2 = square**0.5
        step = (right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2)
        return min(max(right.t - (right.t - left.t) * step, low), high)


def falls_too_little(new: Point, start: Point) -> bool:
    return bool(new.loss > start.loss + FALL * new.t * start.slope)


def is_flat(new: Point, start: Point) -> bool:
    return bool(abs(new.slope) <= -FLATTEN * start.slope)


def strong_wolfe(
    measure: Measure, start: Point, t: Any, length: Any, most: int, tolerance: float = 1e-9
) -> tuple[Point, int]:
    """A point that satisfies the strong Wolfe conditions, and how often `measure` was called.

    `start` is the point 0, `t` the first to try, `length` the largest element of the direction:
    a bracket shorter than `tolerance` is not searched further. At most about `most` tries.
    Nocedal and Wright, Numerical Optimization, algorithms 3.5 and 3.6.
    """
    bracket, tries = bracketed(measure, start, t, most)
    if len(bracket) == 1:
        return bracket[0], tries + 1
    return zoomed(measure, start, bracket, tries, length, most, tolerance)


def bracketed(measure: Measure, start: Point, t: Any, most: int) -> tuple[list[Point], int]:
    """Two points between which there is a good one (or a good one alone), going ever further."""
    before, new = start, measure(t)
    for tries in range(most):
        if falls_too_little(new, start) or (tries > 1 and new.loss >= before.loss):
            return [before, new], tries
        if is_flat(new, start):
            return [new], tries
        if new.slope >= 0:
            return [before, new], tries
        bounds = (new.t + 0.01 * (new.t - before.t), new.t * 10)
        before, new = new, measure(cubic_minimum(before, new, bounds))
    return [start, new], most


def zoomed(
    measure: Measure,
    start: Point,
    bracket: list[Point],
    tries: int,
    length: Any,
    most: int,
    tolerance: float,
) -> tuple[Point, int]:
    """The lower end of the bracket after it was made smaller around a good point."""
    low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
    stuck = False
    while tries < most and not abs(bracket[1].t - bracket[0].t) * length < tolerance:
        t, stuck = inner(bracket, stuck)
        new = measure(t)
        tries += 1
        if falls_too_little(new, start) or new.loss >= bracket[low].loss:
            bracket[high] = new
            low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
            continue
        if is_flat(new, start):
            return new, tries + 1
        if new.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = new
    return bracket[low], tries + 1


def inner(bracket: list[Point], stuck: bool) -> tuple[Any, bool]:
    """The next place to try, and whether it lies so near an end that the next must not."""
    t = cubic_minimum(bracket[0], bracket[1])
    first, last = sorted((bracket[0].t, bracket[1].t))
    margin = 0.1 * (last - first)
    if not min(last - t, t - first) < margin:
        return t, False
    if stuck or t >= last or t <= first:
        return (last - margin if abs(t - last) < abs(t - first) else first + margin), False
    return t, True
