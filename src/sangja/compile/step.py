"""`compile`: a step or a model that is recorded at its first calls and then replayed."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from sangja.backend.native import llvm
from sangja.compile.differentiable import DifferentiableReplay
from sangja.compile.graph import Node
from sangja.compile.interpret import Interpreted
from sangja.compile.native import NativeProgram
from sangja.compile.record import Box, Recorder, Recording
from sangja.compile.replay import MakeProgram, Replay
from sangja.core.errors import ArgumentError, ArgumentTypeError
from sangja.engine import Tensor
from sangja.engine.mode import MODE, ModeGuard

ATTEMPTS = 6  # calls that are recorded for each replay that came of it, before one gives up
MOST_REPLAYS = 8  # kept for one kind of arguments: for modules in training and in evaluation, …
GUARDS = "the replays did not fit the state of the modules or gradients they were called in"


class Variant:
    """The step for one kind of arguments: recordings until two agree, then the replays of them.

    `reason`: what kept the last two recordings from being the same; `plain`: it is not tried again.
    """

    def __init__(self) -> None:
        self.recordings: list[tuple[Recording, Any]] = []
        self.replays: list[tuple[Replay, Any]] = []
        self.calls = 0
        self.reason = ""
        self.plain = False


class CompiledStep:
    """What `compile` returns: called as the function itself.

    `explain()` tells what became of it, `reset()` forgets everything recorded.
    """

    def __init__(self, function: Callable[..., Any], make: MakeProgram) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function = function
        self.make = make
        self.variants: dict[Any, Variant] = {}

    def __getattr__(self, name: str) -> Any:
        if name == "function":  # not made yet: nothing to ask
            raise AttributeError(name)
        return getattr(self.function, name)

    def __repr__(self) -> str:
        return f"compile({self.function!r})"

    def reset(self) -> None:
        """Forget all recordings: the next calls record anew."""
        self.variants.clear()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        mode = MODE.get()
        if mode.watch is not None:  # inside of another compiled step, or of a detector
            return self.function(*args, **kwargs)
        tensors: list[Tensor] = []
        key = (mode.grad, *[describe(x, tensors) for x in args])
        if kwargs:
            key = (key, describe(kwargs, tensors))
        variant = self.variants.get(key)
        if variant is None:
            variant = self.variants[key] = Variant()
        for replay, shape in variant.replays:
            if replay.fits():
                return rebuild(shape, replay(tensors))
        if variant.plain:
            return self.function(*args, **kwargs)
        return self.record(variant, tensors, args, kwargs)

    def record(self, variant: Variant, tensors: list[Tensor], args: Any, kwargs: Any) -> Any:
        """One call as it is, written down; two in a row that agree become a replay."""
        last = variant.recordings[-1] if variant.recordings else None
        recorder = Recorder(tensors, set() if last is None else last[0].boxes())
        with ModeGuard(watch=recorder.watch):
            output = self.function(*args, **kwargs)
            results: list[Tensor] = []
            shape = outline(output, results)
            outside = not recorder.leaves and any(z.requires_grad for z in results)
            if outside:
                recorder.differentiate(results)
        recording = recorder.finish(results)
        variant.calls += 1
        if recorder.broken:
            self.give_up(variant, recorder.broken)
            return output
        variant.recordings = [(recording, shape)]
        difference = "" if last is None else reconcile(last[0], recording)
        if last is not None and not difference:
            kind = DifferentiableReplay if outside else Replay
            variant.replays = [
                *variant.replays[-MOST_REPLAYS:],
                (kind(recording, self.make), shape),
            ]
            variant.recordings = []
        elif difference:
            variant.reason = difference
        if variant.calls >= ATTEMPTS * (1 + len(variant.replays)):
            self.give_up(
                variant,
                f"{variant.calls} calls did not settle on one program: {variant.reason or GUARDS}. "
                "What changes from call to call must be an argument or a setting of the optimizer",
            )
        return output

    def give_up(self, variant: Variant, reason: str) -> None:
        """From now on the function runs as it is written; says so once."""
        if not variant.plain:
            variant.plain, variant.reason = True, reason
            warnings.warn(
                f"compile: {name_of(self.function)} runs as it is written from now on: {reason}",
                stacklevel=4,
            )

    def explain(self) -> str:
        """What was recorded, what was fused, what runs how, and how long it takes.

        The kernels are timed one by one in a run of the last call, whose effects are undone.
        """
        lines = [name_of(self.function)]
        for number, variant in enumerate(self.variants.values()):
            state = "replayed" if variant.replays else "plain" if variant.plain else "recorded"
            lines.append(f"arguments {number}: {state} after {variant.calls} recorded calls")
            for replay, _ in variant.replays:
                lines += ["  " + line for line in replay.report()]
            if variant.reason and not variant.replays:
                lines.append(f"  not compiled: {variant.reason}")
        return "\n".join(lines if self.variants else [*lines, "not called yet"])


def name_of(function: Any) -> str:
    """A function or a module, as a report names it."""
    return str(getattr(function, "__qualname__", type(function).__name__))


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
    if value.__class__ is float and (not value or value != value):
        return float, repr(value)  # −0 equals 0, and nan nothing
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
        if isinstance(node.payload, Box):
            before, node.payload.before = node.payload.before, None
            if node.op == "constant":
                node.payload = before
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


# -- public ---------------------------------------------------------------------------------------


def compile(function: Any = None, *, backend: str | None = None, **options: Any) -> Any:
    """A function that records what it does at its first calls, and then replays it as one program.

    `function` may be a whole training step (zero_grad, forward, backward, clipping, optimizer), a
    function of tensors, or a module; used as `@compile` or `compile(model)`. Its first calls run as
    they are; when two in a row did the same, the operations become a graph, and the graph machine
    code. Arguments that are tensors may have other values at each call; other shapes, dtypes and
    other arguments make another program. Results agree with the uncompiled ones to rounding; random
    numbers are the same.

    What Python does beside operations on tensors happens in recorded calls only. So a step must
    not read values (`.item()`, `if loss > 3`): that raises `RecordingError`. Optimizers, schedulers
    and random draws within the step take part with their settings of each call.

    `backend`: "native" (machine code by LLVM) or "numpy" (the same graph run by NumPy); by default
    native where llvmlite is installed. Other options of PyTorch are accepted and change nothing.

    >>> import sangja
    >>> @sangja.compile
    ... def f(x):
    ...     return (x * 2 + 1).sum()
    >>> for _ in range(3):
    ...     z = f(sangja.ones(3))
    >>> z
    tensor(9.)
    """
    if function is None:
        return functools.partial(compile, backend=backend, **options)
    if not callable(function):
        raise ArgumentTypeError(
            f"compile expects a function, a step or a module, got {type(function).__name__}"
        )
    if backend not in (None, "native", "numpy", "inductor", "eager", "aot_eager"):
        raise ArgumentError(f"compile: backend must be 'native' or 'numpy', got {backend!r}")
    return CompiledStep(function, chosen(backend))


def chosen(backend: str | None) -> MakeProgram:
    """What makes programs of graphs; a word, once, where there is no llvmlite."""
    if backend == "numpy":
        return Interpreted
    if llvm.available():
        return NativeProgram
    if not _said:
        _said.append(True)
        warnings.warn(
            "compile: llvmlite is not installed (or switched off by SANGJA_NATIVE=0), so compiled "
            "steps are run by NumPy, operation by operation. pip install llvmlite makes them fast",
            stacklevel=3,
        )
    return Interpreted


_said: list[bool] = []

__all__ = ["CompiledStep", "compile"]
