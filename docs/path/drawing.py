"""The pictures of the course: graphs of boxes and functions, curves, digits, as inline SVG.

The colours are those of the page, so that a picture is light or dark as the page is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from sangja import Tensor

Point = tuple[float, float]
SYMBOLS = {"Add": "+", "Sub": "−", "Mul": "×", "Div": "÷", "Pow": "xⁿ", "Neg": "−x"}
SUPERSCRIPTS = str.maketrans("-.0123456789", "⁻·⁰¹²³⁴⁵⁶⁷⁸⁹")
COLUMN, ROW, BOX_WIDTH, BOX_HEIGHT, RADIUS = 62, 76, 74, 54, 21
COLOURS = ("var(--color-brand-content)", "#d9730d", "#2a9d5c", "#a06be0")
DASHES = ("", "7 4", "2 4", "10 3 2 3")
MARKS = 30  # of a series with up to so many points, each is shown
SHRINK = 0.72


class Picture:
    """An SVG picture that a page shows and a person who cannot see it is told of."""

    def __init__(self, width: float, height: float, parts: Sequence[str], label: str) -> None:
        self.width, self.height, self.parts, self.label = width, height, parts, label

    def _repr_html_(self) -> str:
        # On a narrow screen a picture shrinks as far as it can be read, then it is scrolled.
        style = f"width:{self.width:.0f}px;min-width:{self.width * SHRINK:.0f}px"
        size = f'viewBox="0 0 {self.width:.0f} {self.height:.0f}" style="{style}"'
        svg = (
            f'<svg {size} role="img" aria-label="{escape(self.label)}">{"".join(self.parts)}</svg>'
        )
        return f'<div class="drawing" tabindex="0">{svg}</div>'

    def __repr__(self) -> str:
        return f"<picture: {self.label}>"


# -- graphs -------------------------------------------------------------------------------------


def graph(result: Tensor, **names: Tensor) -> Picture:
    """What `result` remembers: functions as circles, leaves and the named tensors as boxes."""
    named = {id(t if t.grad_fn is None else t.grad_fn): (n, t) for n, t in names.items()}
    depth, inputs = _depths(result.grad_fn)
    places = _places(depth, inputs)
    lines, shapes = [], []
    for key, (x, y) in places.items():
        for source in inputs.get(key, ()):
            a, b = places[source]
            lines.append(_edge(a + _reach(source, inputs, named), b, x - RADIUS, y))
        if key in inputs:
            shapes.append(_function(_symbol(depth[key][1]), x, y))
            if key in named:
                lines.append(_edge(x + RADIUS, y, x + COLUMN + 8 - BOX_WIDTH / 2, y))
                shapes.append(_box(*named[key], x + COLUMN + 8, y))
        else:
            shapes.append(_box(*named.get(key, ("", depth[key][1])), x, y))
    width = max(x + _reach(k, inputs, named) for k, (x, _) in places.items()) + 6
    height = max(y for _, y in places.values()) + BOX_HEIGHT / 2 + 6
    said = " → ".join(_symbol(d[1]) for k, d in depth.items() if k in inputs)
    return Picture(width, height, lines + shapes, f"{', '.join(names)}: {said}")


def _depths(root: Any) -> tuple[dict[int, tuple[int, Any]], dict[int, list[int]]]:
    """(steps from the leaves, node or leaf) of everything remembered, and what leads to it."""
    depth: dict[int, tuple[int, Any]] = {}
    inputs: dict[int, list[int]] = {}

    def visit(node: Any) -> int:
        if id(node) in depth:
            return id(node)
        if isinstance(node, Tensor):
            depth[id(node)] = (0, node)
            return id(node)
        ends = [getattr(f, "variable", f) for f, _ in node.next_functions]
        keys = [visit(end) for end in ends]
        depth[id(node)] = (1 + max(depth[k][0] for k in keys), node)
        inputs[id(node)] = keys
        return id(node)

    visit(root)
    return depth, inputs


def _places(depth: Any, inputs: dict[int, list[int]]) -> dict[int, Point]:
    """A column per depth; in it each function at the height of what leads to it, none overlap."""
    heights: dict[int, float] = {}
    for level in range(max(d for d, _ in depth.values()) + 1):
        keys = [k for k, (d, _) in depth.items() if d == level]
        wish = {
            k: sum(heights[i] for i in inputs[k]) / len(inputs[k]) if k in inputs else float(i)
            for i, k in enumerate(keys)
        }
        keys.sort(key=wish.__getitem__)
        taken: list[float] = []
        for k in keys:
            taken.append(max(wish[k], taken[-1] + 1) if taken else wish[k])
        shift = sum(t - wish[k] for t, k in zip(taken, keys, strict=True)) / len(keys)
        heights |= {k: t - shift for t, k in zip(taken, keys, strict=True)}
    top = min(heights.values())
    left, step = BOX_WIDTH / 2 + 3, 2 * COLUMN + 18
    return {
        k: (
            left + (d * step - COLUMN - 4 if d else 0),
            (heights[k] - top) * ROW + BOX_HEIGHT / 2 + 4,
        )
        for k, (d, _) in depth.items()
    }


def _reach(key: int, inputs: Any, named: Any) -> float:
    """How far what stands for `key` goes to the right of its place."""
    if key not in inputs:
        return BOX_WIDTH / 2
    return COLUMN + 8 + BOX_WIDTH / 2 if key in named else RADIUS


def _symbol(node: Any) -> str:
    short = node.name().removesuffix("Backward0")
    if "exponent" in node.static:
        return f"x{node.static['exponent']:g}".translate(SUPERSCRIPTS)
    return SYMBOLS.get(short, short.lower())


def _edge(x1: float, y1: float, x2: float, y2: float) -> str:
    middle = (x1 + x2) / 2
    path = f"M{x1:.1f} {y1:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2 - 5:.1f} {y2:.1f}"
    head = f"M{x2 - 6:.1f} {y2 - 4:.1f}l6 4l-6 4z"
    return f'<path class="edge" d="{path}"/><path class="head" d="{head}"/>'


def _function(symbol: str, x: float, y: float) -> str:
    size = 15 if len(symbol) < 4 else 11
    return (
        f'<circle class="function" cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}"/>'
        f'<text x="{x:.1f}" y="{y + 4.5:.1f}" style="font-size:{size}px">{escape(symbol)}</text>'
    )


def _box(name: str, tensor: Tensor, x: float, y: float) -> str:
    left, top = x - BOX_WIDTH / 2, y - BOX_HEIGHT / 2
    lines = [name, _short(tensor)]
    # Asking an intermediate tensor for a gradient that was not retained would warn.
    if (tensor.is_leaf or tensor.retains_grad) and tensor.grad is not None:
        lines.append(f"∂ {_short(tensor.grad)}")
    classes = ("name", "value", "gradient")
    first = y + 5 - 8.5 * (len(lines) - 1)
    texts = "".join(
        f'<text class="{kind}" x="{x:.1f}" y="{first + 17 * i:.1f}">{escape(line)}</text>'
        for i, (kind, line) in enumerate(zip(classes, lines, strict=False))
    )
    frame = f'x="{left:.1f}" y="{top:.1f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="7"'
    return f'<rect class="box" {frame}/>{texts}'


def _short(tensor: Tensor) -> str:
    return f"{tensor.item():.5g}" if tensor.numel() == 1 else "×".join(map(str, tensor.shape))


# -- curves -------------------------------------------------------------------------------------


def chart(
    series: Mapping[str, Sequence[Point]],
    x: str,
    y: str,
    *,
    log: str = "",
    rings: Sequence[Sequence[Point]] = (),
) -> Picture:
    """Lines through points, faint `rings` behind them; `log` names the logarithmic axes: "xy"."""
    width, height, left, right, top, bottom = 500, 310, 58, 12, 34, 44
    points = [p for line in series.values() for p in line]
    logs = ("x" in log, "y" in log)
    axes = [_axis([p[i] for p in points], logs[i]) for i in (0, 1)]

    def place(p: Point) -> Point:
        u, v = map(_share, p, axes, logs)
        return left + u * (width - left - right), height - bottom - v * (height - top - bottom)

    parts = []
    for tick in axes[0]:
        across = place((tick, axes[1][0]))[0]
        parts.append(f'<path class="grid" d="M{across:.1f} {top}V{height - bottom}"/>')
        parts.append(_text(_tick(tick, logs[0]), across, height - bottom + 17))
    for tick in axes[1]:
        up = place((axes[0][0], tick))[1]
        parts.append(f'<path class="grid" d="M{left} {up:.1f}H{width - right}"/>')
        parts.append(_text(_tick(tick, logs[1]), left - 7, up + 4, "end"))
    parts.append(_text(x, (left + width - right) / 2, height - 7))
    parts.append(_text(y, left - 7, top - 14, "end"))
    inside = (left, top, width - left - right, height - top - bottom)
    frame = 'x="{}" y="{}" width="{}" height="{}"'.format(*inside)
    faint = "".join(f'<path class="ring" d="{_path(map(place, ring))}"/>' for ring in rings)
    parts.append(f'<svg {frame} viewBox="{" ".join(map(str, inside))}">{faint}</svg>')
    for i, (name, line) in enumerate(series.items()):
        style = f'stroke="{COLOURS[i]}" stroke-dasharray="{DASHES[i]}"'
        parts.append(f'<path class="line" {style} d="{_path(map(place, line))}"/>')
        marked = line if len(line) <= MARKS else line[-1:]
        for a, b in map(place, marked):
            parts.append(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{COLOURS[i]}"/>')
        start = left + 4 + i * 110
        parts.append(f'<path class="line" {style} d="M{start} {top - 18}h24"/>')
        parts.append(_text(name, start + 29, top - 14, "start"))
    return Picture(width, height, parts, f"{', '.join(series)}: {y} / {x}")


def _axis(values: Sequence[float], log: bool) -> list[float]:
    """The ticks, the first and the last of which are the ends of the axis."""
    low, high = min(values), max(values)
    if log:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        stride = max(1, math.ceil((last - first) / 6))
        return [10.0**e for e in range(first, last + stride, stride)]
    step = next(s for s in _steps() if (high - low) / s <= 6)
    return [i * step for i in range(math.floor(low / step), math.ceil(high / step) + 1)]


def _steps() -> Any:
    for exponent in range(-12, 12):
        for factor in (1, 2, 5):
            yield factor * 10.0**exponent


def _share(value: float, axis: Sequence[float], log: bool) -> float:
    low, high = axis[0], axis[-1]
    if log:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def _tick(value: float, log: bool) -> str:
    if not log:
        return f"{value:g}".replace("-", "−")
    digits = str(round(math.log10(value)))
    return "10" + digits.translate(SUPERSCRIPTS)


def _path(points: Any) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _text(text: str, x: float, y: float, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" style="text-anchor:{anchor}">{escape(text)}</text>'


# -- images -------------------------------------------------------------------------------------


def images(pixels: Any, captions: Sequence[object]) -> Picture:
    """Small grey images side by side, each with a caption; the largest value is the darkest."""
    size, gap, per_row = 8, 14, 8
    parts = []
    tall, wide = len(pixels[0]), len(pixels[0][0])
    for i, (image, caption) in enumerate(zip(pixels, captions, strict=True)):
        left = i % per_row * (wide * size + gap)
        top = i // per_row * (tall * size + 30)
        for r, line in enumerate(image):
            for c, ink in enumerate(line):
                place = f'x="{left + c * size}" y="{top + r * size}"'
                shade = f'fill-opacity="{float(ink) / 16:.2f}"'
                parts.append(f'<rect class="ink" {place} width="8" height="8" {shade}/>')
        parts.append(_text(str(caption), left + wide * size / 2, top + tall * size + 17))
    rows = -(-len(captions) // per_row)
    width = min(len(captions), per_row) * (wide * size + gap) - gap
    return Picture(width, rows * (tall * size + 30), parts, f"{', '.join(map(str, captions))}")
