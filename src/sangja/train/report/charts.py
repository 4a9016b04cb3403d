"""Charts as SVG: lines over epochs, points on a plane, a histogram.

Each is one `<svg>` with a title and a description for those who cannot see it, and titles on its
parts for those who point at them. Colours, weights and the size of letters are the style sheet's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sangja.train.report.axes import LIMIT, Axis, linear_axis, log_axis, spans_decades, value_range
from sangja.train.report.markup import Html, join, tag
from sangja.train.report.numbers import number

WIDTH, HEIGHT = 480, 288
TOP, BOTTOM, RIGHT = 34, 46, 16
MOST_MARKERS = 40  # epochs up to which each is a marker of its own
MOST_STRIPS = 240  # places along the curve that answer to pointing: two units wide each
MOST_VERTICES = 1200  # of a drawn line; a longer one keeps each pixel's extremes
MOST_POINTS = 1500  # of a scatter


@dataclass(frozen=True)
class Series:
    """A line of a chart: `kind` ("train", "valid" or "lr") is its class in the style sheet."""

    label: str
    kind: str
    points: Sequence[tuple[float, float]]

    def finite(self) -> list[tuple[float, float]]:
        """The points that have a place on the chart."""
        return [(x, y) for x, y in self.points if math.isfinite(y)]


@dataclass(frozen=True)
class Frame:
    """The rectangle between the axes, in the units of the drawing."""

    x: Axis
    y: Axis
    left: float

    def px(self, value: float) -> float:
        """Where a value lies across."""
        return self.left + self.x.at(value) * (WIDTH - RIGHT - self.left)

    def py(self, value: float) -> float:
        """Where a value lies down the page."""
        return HEIGHT - BOTTOM - self.y.at(value) * (HEIGHT - TOP - BOTTOM)


def line_chart(
    series: Sequence[Series],
    *,
    name: str,
    title: str,
    description: str,
    x_label: str,
    best: tuple[float, str] | None = None,
    log: bool = False,
    log_label: str = "",
) -> Html:
    """Lines over epochs.

    `name` makes ids unique in the page; `best` is an epoch to mark and the text beside its line;
    with `log` the axis is logarithmic, under the name `log_label`, if the values span more than
    two decades.
    """
    values = [y for one in series for _, y in one.finite()]
    log = log and spans_decades(values)
    y_axis = log_axis(values) if log else linear_axis(values)
    epochs = [x for one in series for x, _ in one.points]
    frame = _frame(linear_axis(epochs, tight=True, whole=True), y_axis)
    parts: list[Html] = [_axes(frame, x_label, log_label if log else title)]
    if best is not None:
        parts.append(_best_line(frame, best[0], best[1]))
    for one in series:
        parts.append(_line(frame, one))
    if best is not None:
        parts += [_best_dot(frame, one, best[0]) for one in series if one.kind == "valid"]
    parts.append(_strips(frame, series, x_label))
    return _svg(name, title, description, parts)


def scatter_chart(
    true: np.ndarray,
    predicted: np.ndarray,
    *,
    name: str,
    title: str,
    description: str,
    x_label: str,
    y_label: str,
) -> Html:
    """Predicted against true values on equal axes, with the diagonal where they agree.

    Of more than `MOST_POINTS` rows an evenly spaced part is drawn.
    """
    axis = linear_axis(_padded([*true.tolist(), *predicted.tolist()]), tight=True)
    frame = _frame(axis, axis)
    diagonal = tag(
        "path",
        class_="rule",
        d=_path([(frame.px(v), frame.py(v)) for v in (axis.low, axis.high)]),
    )
    points = [
        tag(
            "circle",
            tag("title", f"{x_label} {number(x)} · {y_label} {number(y)}"),
            class_="point",
            cx=_n(frame.px(x)),
            cy=_n(frame.py(y)),
            r=3,
        )
        for x, y in thinned(true, predicted)
    ]
    return _svg(name, title, description, [_axes(frame, x_label, y_label), diagonal, *points])


def thinned(true: np.ndarray, predicted: np.ndarray) -> list[tuple[float, float]]:
    """At most `MOST_POINTS` pairs, evenly spaced over the rows."""
    count = min(true.size, MOST_POINTS)
    rows = np.linspace(0, true.size - 1, count).astype(np.int64) if count else np.zeros(0, np.int64)
    return list(zip(true[rows].tolist(), predicted[rows].tolist(), strict=True))


def histogram_bins(values: np.ndarray) -> int:
    """Bins by Freedman and Diaconis (1981), 2·IQR·n^(−1/3) wide, but 5 to 40 of them."""
    scaled = values / (np.abs(values).max() or 1.0)
    lower, upper = np.percentile(scaled, [25, 75])
    width = 2 * (upper - lower) / np.cbrt(values.size)
    spread = float(scaled.max() - scaled.min())
    return int(np.clip(math.ceil(spread / width), 5, 40)) if width * 40 > spread else 40


def histogram(
    values: np.ndarray,
    *,
    name: str,
    title: str,
    description: str,
    x_label: str,
    y_label: str,
    bin_text: str,
) -> Html:
    """How often values fall in each of equal bins, with a dashed line at 0.

    `bin_text` is the text on pointing at a bar, with {low}, {high} and {count} in it.
    """
    low, high = value_range(values.tolist())
    inside = np.clip(values, low, high)
    counts, edges = np.histogram(inside, bins=histogram_bins(values), range=(low, high))
    across = linear_axis(_padded([low, high, 0.0]), tight=True)
    frame = _frame(across, linear_axis([0.0, float(counts.max())], whole=True))
    floor = frame.py(0)
    bars = [
        tag(
            "rect",
            tag(
                "title",
                bin_text.format(low=number(a), high=number(b), count=number(int(count))),
            ),
            class_="bar",
            x=_n(frame.px(a) + 0.5),
            y=_n(frame.py(count)),
            width=_n(max(frame.px(b) - frame.px(a) - 1, 0.5)),
            height=_n(floor - frame.py(count)),
        )
        for count, a, b in zip(
            counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True
        )
    ]
    zero = tag("path", class_="rule", d=_path([(frame.px(0), floor), (frame.px(0), TOP)]))
    return _svg(name, title, description, [_axes(frame, x_label, y_label), *bars, zero])


def _padded(values: Sequence[float]) -> list[float]:
    """Smallest and largest value, moved apart by a fiftieth of their distance."""
    low, high = max(min(values), -LIMIT), min(max(values), LIMIT)
    pad = (high - low) / 50
    return [low - pad, high + pad]


def _svg(name: str, title: str, description: str, parts: Sequence[Html]) -> Html:
    return tag(
        "svg",
        tag("title", title, id=f"{name}-title"),
        tag("desc", description, id=f"{name}-desc"),
        *parts,
        class_="chart",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
    )


def _frame(x: Axis, y: Axis) -> Frame:
    """A frame whose left margin has room for the labels of the y axis."""
    return Frame(x, y, left=max(40.0, 18 + 7.6 * max(map(len, y.labels), default=0)))


def _axes(frame: Frame, x_label: str, y_label: str) -> Html:
    """Grid lines with labels, the base line, and the names of both axes."""
    base, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for value, label in zip(frame.y.ticks, frame.y.labels, strict=True):
        y = frame.py(value)
        parts.append(tag("path", class_="grid", d=_path([(frame.left, y), (right, y)])))
        parts.append(tag("text", label, class_="tick end", x=_n(frame.left - 8), y=_n(y + 4)))
    shown = _apart(frame)
    for value, label in zip(frame.x.ticks, frame.x.labels, strict=True):
        x = frame.px(value)
        parts.append(tag("path", class_="notch", d=_path([(x, base), (x, base + 4)])))
        if value in shown:
            edge = "tick end" if x > right - 12 else "tick middle"
            place = min(x + 8, WIDTH - 2) if edge == "tick end" else x
            parts.append(tag("text", label, class_=edge, x=_n(place), y=base + 18))
    parts.append(tag("path", class_="base", d=_path([(frame.left, base), (right, base)])))
    parts.append(tag("text", y_label, class_="axis", x=4, y=15))
    parts.append(tag("text", x_label, class_="axis end", x=right, y=HEIGHT - 8))
    return tag("g", *parts)


def _apart(frame: Frame) -> set[float]:
    """The ticks of the x axis whose labels fit side by side: every one, every second, …"""
    widest = 9.5 * max(map(len, frame.x.labels), default=0) + 10
    room = (WIDTH - RIGHT - frame.left) / max(1, len(frame.x.ticks) - 1)
    return set(frame.x.ticks[:: max(1, math.ceil(widest / room))])


def _line(frame: Frame, series: Series) -> Html:
    """A line that breaks where a value is not finite, markers if there are few epochs, and a ×
    at the top edge for each value that has no place."""
    runs: list[list[tuple[float, float]]] = [[]]
    lost = []
    for x, y in series.points:
        if math.isfinite(y):
            runs[-1].append((frame.px(x), frame.py(y)))
        else:
            lost.append(frame.px(x))
            runs.append([])
    runs = [run for run in runs if run]
    parts = [tag("path", class_="line", d="".join(_path(_thin(run)) for run in runs))]
    few = len(series.points) <= MOST_MARKERS
    parts += [_marker(series.kind, *at) for run in runs if few or len(run) == 1 for at in run]
    crosses = "".join(f"M{_n(x - 3)} {TOP - 3}l6 6m-6 0l6-6" for x in lost[:MOST_STRIPS])
    if crosses:
        parts.append(tag("path", class_="lost", d=crosses))
    return tag("g", *parts, class_=series.kind if few else f"{series.kind} many")


def _marker(kind: str, x: float, y: float) -> Html:
    """Validation is round, training square: they differ without colour."""
    if kind == "train":
        return tag("rect", class_="marker", x=_n(x - 2.2), y=_n(y - 2.2), width=4.4, height=4.4)
    return tag("circle", class_="marker", cx=_n(x), cy=_n(y), r=2.8)


def _thin(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of a line with more vertices than can be seen, the lowest and highest of each piece."""
    if len(points) <= MOST_VERTICES:
        return points
    size = math.ceil(len(points) / (MOST_VERTICES // 2))
    kept = []
    for start in range(0, len(points), size):
        piece = points[start : start + size]
        ends = {min(piece, key=lambda p: p[1]), max(piece, key=lambda p: p[1])}
        kept += sorted(ends)
    return kept


def _best_line(frame: Frame, epoch: float, label: str) -> Html:
    x = frame.px(epoch)
    late = x > (frame.left + WIDTH - RIGHT) / 2
    return tag(
        "g",
        tag("path", class_="rule", d=_path([(x, HEIGHT - BOTTOM), (x, TOP - 8)])),
        tag(
            "text",
            label,
            class_="best end" if late else "best",
            x=_n(x - 6 if late else x + 6),
            y=TOP - 1,
        ),
    )


def _best_dot(frame: Frame, series: Series, epoch: float) -> Html:
    at = [(x, y) for x, y in series.finite() if x == epoch]
    dots = [
        tag("circle", class_="best-dot", cx=_n(frame.px(x)), cy=_n(frame.py(y)), r=5)
        for x, y in at[:1]
    ]
    return tag("g", *dots, class_=series.kind)


def _strips(frame: Frame, series: Sequence[Series], x_label: str) -> Html:
    """Upright strips, unseen until pointed at, that tell the values of their epoch."""
    said: dict[float, list[str]] = {}
    for one in series:
        for x, y in one.points:
            said.setdefault(x, []).append(f"{one.label} {number(y)}")
    epochs = sorted(said)
    epochs = epochs[:: max(1, math.ceil(len(epochs) / MOST_STRIPS))]
    places = [frame.px(x) for x in epochs]
    between = [(a + b) / 2 for a, b in pairwise(places)]
    edges = [frame.left, *between, float(WIDTH - RIGHT)]
    return join(
        tag(
            "rect",
            tag("title", f"{x_label} {number(int(epoch))}\n" + "\n".join(said[epoch])),
            class_="strip",
            x=_n(a),
            y=TOP,
            width=_n(b - a),
            height=HEIGHT - TOP - BOTTOM,
        )
        for epoch, (a, b) in zip(epochs, pairwise(edges), strict=True)
    )


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points)


def _n(value: float) -> str:
    """A coordinate to a tenth of a unit, without a needless .0."""
    return f"{value:.1f}".removesuffix(".0")
