"""`compile`: a step or a model that is recorded at its first calls and then replayed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from sangja.compile.graph import Graph, Node
from sangja.compile.record import Box, Recorder, Recording
from sangja.compile.replay import Replay
from sangja.core.errors import ArgumentTypeError, RecordingError
from sangja.engine import Tensor
from sangja.engine.mode import MODE, ModeGuard, is_grad_enabled

ATTEMPTS = 4  # calls that are recorded until two in a row agree


class Variant:
    """The step for one kind of arguments: recordings until two agree, then the replay of them."""

    def __init__(self) -> None:
        self.recordings: list[tuple[Recording, Any]] = []
        self.replays: list[tuple[Replay, Any]] = []
        self.reason = ""


class CompiledStep:
    """What `compile` returns: called as the function itself.

    `explain()` tells what became of it, `reset()` forgets everything recorded.
    """

    def __init__(self, function: Callable[..., Any], make: Callable[[Recording], Replay]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.make = make
        self.variants: dict[Any, Variant] = {}

    def reset(self) -> None:
        """Forget all recordings: the next calls record anew."""
        self.variants.clear()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if MODE.get().watch is not None:  # inside of another compiled step, or of a detector
            return self.function(*args, **kwargs)
        tensors: list[Tensor] = []
        key = (describe((args, kwargs), tensors), is_grad_enabled())
        variant = self.variants.get(key)
        if variant is None:
            variant = self.variants[key] = Variant()
        for replay, shape in variant.replays:
            if replay.fits():
                return rebuild(shape, replay(tensors))
        return self.record(variant, tensors, args, kwargs)

    def record(self, variant: Variant, tensors: list[Tensor], args: Any, kwargs: Any) -> Any:
        """One call as it is, written down; two that agree become a replay."""
        recorder = Recorder(tensors)
        with ModeGuard(watch=recorder.watch):
            output = self.function(*args, **kwargs)
        results: list[Tensor] = []
        shape = outline(output, results)
        recording = recorder.finish(results)
        last = variant.recordings[-1] if variant.recordings else None
        variant.recordings = [*variant.recordings[-ATTEMPTS:], (recording, shape)]
        if last is not None:
            difference = reconcile(last[0], recording)
            if difference:
                variant.reason = difference
                if len(variant.recordings) > ATTEMPTS:
                    raise RecordingError(
                        f"compile: {ATTEMPTS + 1} calls in a row recorded different programs: "
                        f"{difference}. What changes from call to call must be an argument of the "
                        "step or a setting of its optimizer"
                    )
            else:
                variant.replays.append((self.make(recording), shape))
                variant.recordings = []
        return output

    def explain(self) -> str:
        """What was recorded, and what runs how."""
        lines = []
        for number, variant in enumerate(self.variants.values()):
            lines.append(f"variant {number}: " + ("replayed" if variant.replays else "recorded"))
            lines += [line for replay, _ in variant.replays for line in report(replay)]
            if variant.reason and not variant.replays:
                lines.append(f"  not compiled yet: {variant.reason}")
        return "\n".join(lines) or "not called yet"


def report(replay: Replay) -> list[str]:
    nodes = replay.nodes
    lines = [f"  {len(nodes)} operations on arrays"]
    lines += [f"  {name}: by NumPy, {why}" for name, why in replay.recording.opaque.items()]
    return lines


# -- arguments and results ------------------------------------------------------------------------


def describe(value: Any, tensors: list[Tensor]) -> Any:
    """What of the arguments makes another program: shapes and dtypes of tensors, and the values of
    all others. Fills `tensors`."""
    if isinstance(value, Tensor):
        tensors.append(value)
        return Tensor, value.array.shape, value.array.dtype.num, value._requires_grad
    if isinstance(value, (list, tuple)):
        return value.__class__, *[describe(v, tensors) for v in value]
    if isinstance(value, dict):
        return dict, *[(k, describe(v, tensors)) for k, v in value.items()]
    if isinstance(value, np.ndarray):
        raise ArgumentTypeError(
            "a compiled step got a NumPy array, whose values it could not tell from constants; "
            "pass from_numpy(array)"
        )
    try:
        hash(value)
    except TypeError:
        return id(value)
    return value.__class__, value


def outline(value: Any, tensors: list[Tensor]) -> Any:
    """The structure of a result, with places for its tensors, which are appended to `tensors`."""
    if isinstance(value, Tensor):
        tensors.append(value)
        return Place(len(tensors) - 1)
    if isinstance(value, (list, tuple)):
        parts = [outline(v, tensors) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        return {k: outline(v, tensors) for k, v in value.items()}
    return value


class Place(int):
    """Where in a result a tensor stands."""


def rebuild(shape: Any, tensors: list[Tensor]) -> Any:
    """A result of the structure that `outline` gave."""
    if shape.__class__ is Place:
        return tensors[shape]
    if isinstance(shape, (list, tuple)):
        parts = [rebuild(v, tensors) for v in shape]
        return type(shape)(*parts) if hasattr(shape, "_fields") else type(shape)(parts)
    if isinstance(shape, dict):
        return {k: rebuild(v, tensors) for k, v in shape.items()}
    return shape


# -- two recordings -------------------------------------------------------------------------------


def reconcile(first: Recording, second: Recording) -> str:
    """Whether two recordings are the same program: '' or what differs. Tensors that were made anew
    in each call with the same values become constants of `second`."""
    a, b = first.graph.nodes, second.graph.nodes
    for x, y in zip(a, b, strict=False):
        if (x.op, x.params, x.shape, x.dtype) != (y.op, y.params, y.shape, y.dtype) or [
            i.number for i in x.inputs
        ] != [i.number for i in y.inputs]:
            return f"once {x}, then {y}"
        difference = compare_sources(x, y)
        if difference:
            return difference
    if len(a) != len(b):
        return f"{len(a)} operations, then {len(b)}"
    fresh = {id(n.payload) for n in b if n.op == "constant"}
    second.writes = [w for w in second.writes if id(w[0]) not in fresh]
    for node in b:
        if node.op == "constant" and isinstance(node.payload, Box):
            node.payload = node.payload.before
    return ""


def compare_sources(x: Node, y: Node) -> str:
    """What differs between where two nodes come from."""
    if x.op == "constant" and not np.array_equal(x.payload, y.payload, equal_nan=is_float(x)):
        return f"a constant array of shape {list(x.shape)} has other values at each call"
    if x.op != "input":
        return ""
    if type(x.payload) is not type(y.payload):
        return f"an input was once {x.payload}, then {y.payload}"
    if isinstance(x.payload, Box) and x.payload.tensor is not y.payload.tensor:
        same = (
            x.payload.before is not None
            and y.payload.before is not None
            and np.array_equal(x.payload.before, y.payload.before, equal_nan=is_float(x))
        )
        if not same:
            return (
                f"a tensor of shape {list(x.shape)} is made in each call, outside of recorded "
                "operations, with other values"
            )
        y.op = "constant"
    return ""


def is_float(node: Node) -> bool:
    return node.dtype.kind in "fc"


def compile(function: Any = None, **options: Any) -> Any:
    """placeholder"""
    return CompiledStep(function, Replay)


__all__ = ["CompiledStep", "Graph", "compile"]
