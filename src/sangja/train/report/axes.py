"""Axes: where round numbers lie, and how a value becomes a place on the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sangja.train.report.numbers import number, power

LIMIT = 1e300  # beyond it, sums of two values overflow; such values are drawn at the edge
LOG_LIMIT = 1e200  # the same for a logarithmic axis, whose last tick may lie far beyond


@dataclass(frozen=True)
class Axis:
    """A range of values, its ticks and their labels; `at` maps a value into 0…1."""

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    log: bool = False

    def at(self, value: float) -> float:
        """The place of a value between the ends of the axis, 0…1."""
        low, high = self.low, self.high
        value = min(max(value, low), high)
        if self.log:
            return (math.log10(value) - math.log10(low)) / (math.log10(high) - math.log10(low))
        return (value - low) / (high - low)


def linear_axis(
    values: Sequence[float], *, count: int = 5, tight: bool = False, whole: bool = False
) -> Axis:
    """An axis that ends on ticks; the steps are 1, 2 or 5 times a power of ten.

    With `tight` it ends on the values instead; with `whole` the steps are whole numbers.

    >>> linear_axis([0.12, 0.91]).labels
    ('0.0', '0.2', '0.4', '0.6', '0.8', '1.0')
    >>> linear_axis([1, 20], tight=True, whole=True).labels
    ('5', '10', '15', '20')
    """
    low, high = value_range(values)
    step = nice_step((high - low) / count)
    if whole:
        step = max(1.0, step)
    if tight:
        first, last = math.ceil(low / step), math.floor(high / step)
    else:
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        low, high = first * step, last * step
    ticks = tuple(i * step for i in range(first, last + 1))
    return Axis(low, high, ticks, tuple(_label(tick, step) for tick in ticks))


def log_axis(values: Sequence[float]) -> Axis:
    """A logarithmic axis over positive values, labelled at powers of ten (and 2, 5 if few).

    >>> log_axis([0.02, 3.0]).labels
    ('0.02', '0.05', '0.1', '0.2', '0.5', '1', '2', '5')
    """
    low, high = min(max(min(values), 1 / LOG_LIMIT), LOG_LIMIT), min(max(values), LOG_LIMIT)
    decades = math.log10(high) - math.log10(low)
    factors = (1, 2, 5) if decades < 3 else (1,)
    stride = max(1, math.ceil(decades / 6))
    first = math.floor(math.log10(low))
    exponents = range(first - first % stride, math.ceil(math.log10(high)) + stride, stride)
    places = [float(f"{factor}e{exponent}") for exponent in exponents for factor in factors]
    below = [p for p in places if p <= low * (1 + 1e-9)]
    above = [p for p in places if p >= high * (1 - 1e-9)]
    ticks = tuple(p for p in places if below[-1] <= p <= above[0])
    labels = tuple(f"{t:g}" if 1e-4 <= t < 1e6 else power(t, 0).removeprefix("1×") for t in ticks)
    return Axis(ticks[0], ticks[-1], ticks, labels, log=True)


def nice_step(step: float) -> float:
    """The smallest of 1, 2, 5 × 10ⁿ that is no smaller than `step`."""
    exponent = math.floor(math.log10(step))
    for factor in (1, 2, 5, 10):
        candidate = float(f"{factor}e{exponent}")
        if candidate >= step * (1 - 1e-9):
            return candidate
    return float(f"1e{exponent + 1}")


def spans_decades(values: Sequence[float]) -> bool:
    """Whether positive values differ so much that only a logarithmic axis shows them all."""
    return len(values) > 1 and min(values) > 0 and max(values) / min(values) > 100


def value_range(values: Sequence[float]) -> tuple[float, float]:
    """Smallest and largest value, within `LIMIT` and a little apart."""
    clipped = [min(max(v, -LIMIT), LIMIT) for v in values] or [0.0, 1.0]
    low, high = min(clipped), max(clipped)
    size = max(abs(low), abs(high))
    if high - low <= max(1e-9 * size, 1 / LIMIT):
        pad = size * 0.1 if size > 1 / LIMIT else 0.5
        return low - pad, high + pad
    return low, high


def _label(tick: float, step: float) -> str:
    if tick == 0 and step >= 1:
        return "0"
    if step >= 1e6 or step < 1e-4:
        lead = math.floor(math.log10(abs(tick))) if tick else 0
        digits = max(0, lead - math.floor(math.log10(step) + 1e-9))
        return power(tick, min(digits, 6)) if tick else "0"
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return number(int(tick)) if decimals == 0 else f"{tick:,.{decimals}f}".replace("-", "−")
