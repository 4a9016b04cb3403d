"""Where a NaN came from: `detect_anomaly`.

While it is on, every operation notes the lines of the program that called it, and the backward pass
stops at the first derivative with a NaN in it, naming the operation and those lines. PyTorch's
behaviour; with `forward=True` also an operation that makes a NaN out of finite inputs is stopped.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable
from itertools import pairwise
from types import FrameType
from typing import Any

import numpy as np

from sangja.core.errors import AnomalyError
from sangja.engine.apply import array_of
from sangja.engine.hooks import extra_of
from sangja.engine.mode import MODE, ModeGuard, ModeSwitch
from sangja.engine.tensor import Node, Tensor

PACKAGE = os.path.dirname(os.path.dirname(__file__))
SHOWN = 4  # lines of the program in a message, the innermost last


class detect_anomaly(ModeGuard):
    """A context manager: find the operation that makes a NaN.

    The message names the operation, the lines of the program and the module's path
    (`module 'layers.2.attention' (GPT → Block → Attention)`) of the forward call, and the shape,
    minimum, maximum, mean and number of NaN and infinities of the operation's inputs.

    Each operation costs some 20 µs more, and its inputs live as long as the graph, so use it to
    look for an error, not to train.

    Raises `AnomalyError` from `backward()` (with `check_nan`), and with `forward` from the
    operation itself.

    >>> import sangja
    >>> x = sangja.tensor(0.0, requires_grad=True)
    >>> with detect_anomaly():
    ...     (x.sqrt() * 0).backward()
    Traceback (most recent call last):
        ...
    sangja.core.errors.AnomalyError: Function 'SqrtBackward0' returned nan values...
    """

    def __init__(self, check_nan: bool = True, forward: bool = False) -> None:
        super().__init__(**changes(True, check_nan, forward))


class set_detect_anomaly(ModeSwitch):
    """Switch anomaly detection on or off from here on; as a context manager, until its end."""

    def __init__(self, mode: bool, check_nan: bool = True, forward: bool = False) -> None:
        super().__init__(**changes(mode, check_nan, forward))


def changes(on: bool, check_nan: bool, forward: bool) -> dict[str, Any]:
    """What anomaly detection changes in the mode."""
    if not on:
        return {"watch": None, "check": None}
    watch = note_and_check if forward else note
    return {"watch": watch, "check": check_gradient if check_nan else passes}


def note(primitive: Any, inputs: Any, static: Any, output: Any) -> None:
    """Write down which lines of the program called an operation that is remembered, and with
    what."""
    lines = None
    for z in output if isinstance(output, tuple) else (output,):
        if not isinstance(z, Tensor) or type(z._node) is not Node:
            continue
        node = z._node
        if node.primitive.grad_name == "PickBackward0":  # the rule is that of the shared node
            node = node.edges[0]
        lines = lines or program_lines()
        extra = extra_of(node)
        extra.made_at = lines
        extra.made_from = [(name, array_of(x)) for name, x in named(primitive, inputs)]


def note_and_check(primitive: Any, inputs: Any, static: Any, output: Any) -> None:
    """`note`, and refuse a NaN that no input had."""
    note(primitive, inputs, static, output)
    for z in output if isinstance(output, tuple) else (output,):
        if has_nan(z) and not any(has_nan(x) for x in inputs):
            lines = "".join(program_lines())
            raise AnomalyError(
                f"{primitive.__name__.lower()} made nan values out of inputs without any:\n{lines}"
                f"{table('inputs', named(primitive, inputs))}"
                f"{table('result', [('', z)])}"
            )


def named(primitive: Any, inputs: Any) -> list[tuple[str, Any]]:
    """The inputs with their names in the operation's rule."""
    names = getattr(primitive, "inputs", ())
    return [(names[i] if i < len(names) else str(i), x) for i, x in enumerate(inputs)]


def has_nan(value: Any) -> bool:
    array = array_of(value)
    floating = isinstance(array, (np.ndarray, np.generic)) and array.dtype.kind in "fcV"
    return floating and bool(np.isnan(array).any())


def table(title: str, values: Iterable[tuple[str, Any]]) -> str:
    """Lines of a message with the statistics of some arrays; nothing if there are none."""
    lines = [statistics(name, array_of(x)) for name, x in values]
    lines = [f"    {line}\n" for line in lines if line]
    return f"  {title}:\n{''.join(lines)}" if lines else ""


def statistics(name: str, value: Any) -> str:
    """Shape, range and mean of the finite values, and how many are not."""
    if isinstance(value, (bool, int, float, complex)):
        return f"{name} {value!r}".strip()
    if not isinstance(value, (np.ndarray, np.generic)):
        return ""
    array = np.asarray(value)
    text = f"{name} {array.dtype}{list(array.shape)}".strip()
    real = np.abs(array) if array.dtype.kind == "c" else array
    real = real.astype(np.float64)
    nan, infinite = int(np.isnan(real).sum()), int(np.isinf(real).sum())
    finite = real[np.isfinite(real)]
    if finite.size:
        of = "magnitudes " if array.dtype.kind == "c" else ""
        text += f": {of}min {finite.min():.4g}, max {finite.max():.4g}, mean {finite.mean():.4g}"
        return f"{text}, {nan} nan, {infinite} inf"
    return f"{text}: {nan} nan, {infinite} inf" if array.size else f"{text}: empty"


def program_lines() -> list[str]:
    """The lines outside of sangja that led here, the innermost last, and the module they are
    in."""
    frames: list[tuple[FrameType, int]] = []
    modules: list[Any] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code.co_name == "forward" and code.co_argcount:
            owner = frame.f_locals.get(code.co_varnames[0])
            if children_of(owner) is not None and not (modules and modules[-1] is owner):
                modules.append(owner)
        if not code.co_filename.startswith(PACKAGE):
            frames.append((frame, frame.f_lineno))
        frame = frame.f_back
    summary = traceback.StackSummary.extract(iter(reversed(frames[:SHOWN])))
    inside = [f"  in {module_path(modules[::-1])}\n"] if modules else []
    return [*summary.format(), *inside]


def children_of(value: Any) -> dict[str, Any] | None:
    """The table of children if the value is a module (which this rank does not know), else None."""
    children = getattr(value, "__dict__", {}).get("_modules")
    return children if isinstance(children, dict) else None


def module_path(modules: list[Any]) -> str:
    """`module 'layers.2.attention' (GPT → Block → Attention)`: the names of the attributes that
    lead from the outermost called module to the innermost, and the classes of those called."""
    parts = []
    for parent, child in pairwise(modules):
        parts.append(path_to(child, parent) or f"<{type(child).__name__}>")
    classes = " → ".join(type(m).__name__ for m in modules)
    return f"module '{'.'.join(parts)}' ({classes})" if parts else f"module {classes}"


def path_to(wanted: Any, module: Any) -> str:
    """The path of a descendant, found by identity: direct children before theirs; "" if none."""
    seen, level = set(), [("", module)]
    while level:
        below = []
        for prefix, parent in level:
            for name, child in (children_of(parent) or {}).items():
                if child is wanted:
                    return prefix + name
                if child is not None and id(child) not in seen:
                    seen.add(id(child))
                    below.append((f"{prefix}{name}.", child))
        level = below
    return ""


def check_gradient(node: Node, edge: Any, d: Any, g: Any) -> None:
    """Refuse a NaN in a derivative `d` that the rule made out of the gradient `g`, with the place
    of the forward call."""
    if not has_nan(d):
        return
    made_at = node.extra.made_at if node.extra is not None else None
    where = (
        "The operation was called here:\n" + "".join(made_at)
        if made_at
        else "It was called before anomaly detection was switched on.\n"
    )
    if node.extra is not None and node.extra.made_from:
        where += table("inputs of the operation", node.extra.made_from)
    gradients = g if isinstance(g, (tuple, list)) else (g,)
    where += table("gradient that came in", [("", x) for x in gradients])
    where += table("gradient that came out", [("", d)])
    index = next(i for i, e in enumerate(node.edges) if e is edge)
    raise AnomalyError(
        f"Function '{node.name()}' returned nan values in its {index}th output. {where}"
    )


def passes(node: Node, edge: Any, d: Any, g: Any) -> None:
    """The check that finds nothing: lines are noted, derivatives not looked at."""


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on here."""
    return MODE.get().check is not None


def is_anomaly_check_nan_enabled() -> bool:
    """Whether it looks for NaN in derivatives."""
    return MODE.get().check is check_gradient
