"""Where a NaN came from: `detect_anomaly`.

While it is on, every operation notes the lines of the program that called it, and the backward pass
stops at the first derivative with a NaN in it, naming the operation and those lines. PyTorch's
behaviour; with `forward=True` also an operation that makes a NaN out of finite inputs is stopped.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from sangja.core.errors import AnomalyError
from sangja.engine.apply import array_of
from sangja.engine.hooks import extra_of
from sangja.engine.mode import MODE, ModeGuard, ModeSwitch
from sangja.engine.tensor import Node, Tensor

PACKAGE = str(Path(__file__).parents[1])
SHOWN = 4  # lines of the program in a message, the innermost last


class detect_anomaly(ModeGuard):
    """A context manager: find the operation that makes a NaN.

    Each operation costs some 20 µs more, so use it to look for an error, not to train.

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

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        super().__init__(**changes(mode, check_nan, False))


def changes(on: bool, check_nan: bool, forward: bool) -> dict[str, Any]:
    """What anomaly detection changes in the mode."""
    if not on:
        return {"watch": None, "check": None}
    watch = note_and_check if forward else note
    return {"watch": watch, "check": check_gradient if check_nan else passes}


def note(primitive: Any, inputs: Any, static: Any, output: Any) -> None:
    """Write down which lines of the program called an operation that is remembered."""
    for z in output if isinstance(output, tuple) else (output,):
        if isinstance(z, Tensor) and z._node is not None and type(z._node) is Node:
            extra_of(z._node).made_at = program_lines()


def note_and_check(primitive: Any, inputs: Any, static: Any, output: Any) -> None:
    """`note`, and refuse a NaN that no input had."""
    note(primitive, inputs, static, output)
    for z in output if isinstance(output, tuple) else (output,):
        if has_nan(z) and not any(has_nan(x) for x in inputs):
            lines = "".join(program_lines())
            raise AnomalyError(
                f"{primitive.__name__.lower()} made nan values out of inputs without any:\n{lines}"
            )


def has_nan(value: Any) -> bool:
    array = array_of(value)
    floating = isinstance(array, (np.ndarray, np.generic)) and array.dtype.kind in "fcV"
    return floating and bool(np.isnan(array).any())


def program_lines() -> list[str]:
    """The lines outside of sangja that led here, the innermost last, and the modules they are
    in."""
    frames, modules = [], []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "forward" and "self" in frame.f_locals:
            modules.append(type(frame.f_locals["self"]).__name__)
        if not frame.f_code.co_filename.startswith(PACKAGE):
            frames.append((frame, frame.f_lineno))
        frame = frame.f_back
    summary = traceback.StackSummary.extract(iter(reversed(frames[:SHOWN])))
    inside = [f"  in {' → '.join(reversed(modules))}\n"] if modules else []
    return [*summary.format(), *inside]


def check_gradient(node: Node, edge: Any, d: Any) -> None:
    """Refuse a NaN in a derivative, with the place of the forward call."""
    if not has_nan(d):
        return
    made_at = node.extra.made_at if node.extra is not None else None
    where = (
        "The operation was called here:\n" + "".join(made_at)
        if made_at
        else "It was called before anomaly detection was switched on."
    )
    index = next(i for i, e in enumerate(node.edges) if e is edge)
    raise AnomalyError(
        f"Function '{node.name()}' returned nan values in its {index}th output. {where}"
    )


def passes(node: Node, edge: Any, d: Any) -> None:
    """The check that finds nothing: lines are noted, derivatives not looked at."""


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on here."""
    return MODE.get().check is not None


def is_anomaly_check_nan_enabled() -> bool:
    """Whether it looks for NaN in derivatives."""
    return MODE.get().check is check_gradient
