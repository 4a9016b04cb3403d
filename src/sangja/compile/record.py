"""A step as it runs, written down: every operation, forward, backward and of the optimizer.

The recorder is a watch (`engine.mode`): it sees each primitive with its inputs and its result, and
traces the primitive's rule with symbols in place of the arrays (`symbolic`). Arrays are known again
by where they lie in memory, for as long as that memory lives. What was not made by a recorded
operation comes from outside: an argument, a tensor that exists before and after (a parameter, a
buffer), or a constant.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sangja.backend.native.address import address_of
from sangja.compile.functions import Namespace
from sangja.compile.graph import Graph, Node
from sangja.compile.lowerings import DRAWS, LOWERINGS
from sangja.compile.setting import Setting, Untraceable
from sangja.compile.symbolic import Cell, Symbol
from sangja.compile.views import snapshot
from sangja.core.errors import RecordingError
from sangja.core.settings import settings as defaults
from sangja.engine import Primitive, Tensor, wrap
from sangja.engine.apply import array_of, plain_numbers, promote
from sangja.engine.backward import grad

PACKAGE = __file__.rsplit("compile", 1)[0]

# -- where a value from outside comes from --------------------------------------------------------


@dataclass(eq=False)
class Argument:
    """The tensor number `place` among the arguments."""

    place: int


@dataclass(eq=False)
class Box:
    """A tensor that lives outside of the step, and what it held when it was first seen."""

    tensor: Tensor
    before: Any = None


@dataclass(eq=False)
class Gradient:
    """The `.grad` that a leaf has when the step begins."""

    leaf: Tensor


@dataclass(eq=False)
class Drawn:
    """New random numbers, drawn at each call in the recorded order."""

    draw: Callable[[], Any]


@dataclass(eq=False)
class Seed:
    """The gradient that arrives at result number `place`."""

    place: int


@dataclass(eq=False)
class Update:
    """One `update(rule, written, read, **settings)` of an optimizer, with its latest settings."""

    rule: Callable[..., None]
    written: tuple[Tensor, ...]
    read: list[Node]  # what it reads, before it runs
    settings: dict[str, Any]
    fixed: dict[str, Any] = field(default_factory=dict)
    guards: list[Any] = field(default_factory=list)


@dataclass(eq=False)
class Recording:
    """What was written down of one call."""

    graph: Graph
    results: list[Node] = field(default_factory=list)
    writes: list[tuple[Any, Node]] = field(default_factory=list)  # (source, its value afterwards)
    grads: list[tuple[Tensor, Node | None]] = field(default_factory=list)
    no_grads: list[Tensor] = field(default_factory=list)  # leaves that must have no .grad before
    actions: list[tuple[str, Any]] = field(default_factory=list)  # of the host, in order
    modules: dict[int, Any] = field(default_factory=dict)
    needs: list[bool] = field(default_factory=list)  # which results are differentiated outside
    derivatives: list[tuple[Any, Node | None]] = field(default_factory=list)  # of the leaves
    opaque: dict[str, str] = field(default_factory=dict)  # operation: why it has no lowering

    def boxes(self) -> set[int]:
        """The tensors from outside, by identity; they live as long as the recording."""
        payloads = (node.payload for node in self.graph.nodes)
        return {id(x.tensor) for x in payloads if isinstance(x, Box)}


class Recorder:
    """Writes down one call of a step. `watch` is what the engine calls."""

    def __init__(self, arguments: list[Tensor], known: Collection[int] = ()) -> None:
        self.known = known  # tensors that the last call took as well: what they held is not asked
        self.graph = Graph()
        self.arguments = arguments
        self.namespace = Namespace(self.graph)
        self.recording = Recording(self.graph)
        self.symbols: dict[Any, tuple[Symbol, Any]] = {}  # and a reference to the memory
        self.outside: list[tuple[Any, Symbol, Node]] = []
        self.held: list[Any] = []  # arrays from outside
        self.sharing: dict[int, list[int]] = {}  # memory: which values from outside look at it
        self.lost: list[tuple[Cell, Cell, str]] = []  # share memory, and the graph does not know
        self.broken = ""  # why the rest of the call is not recorded
        self.zeroed: set[int] = set()
        self.leaves: dict[int, Tensor] = {}
        self.collecting: list[Update] = []
        for place, tensor in enumerate(arguments):
            if self.find(tensor.array) is None:
                self.adopt(tensor.array, Argument(place))

    # -- arrays and their symbols --------------------------------------------------------------

    def bind(self, array: Any, symbol: Symbol) -> None:
        self.symbols[key_of(array)] = symbol, weakref.ref(owner_of(array))

    def find(self, array: Any) -> Symbol | None:
        """The symbol of an array, if it is known and its memory was not given back since."""
        known = self.symbols.get(key_of(array))
        return None if known is None or known[1]() is None else known[0]

    def adopt(self, array: Any, source: Any) -> Symbol:
        """A symbol for an array from outside."""
        owner = owner_of(array)
        self.sharing.setdefault(id(owner), []).append(len(self.outside))
        node = self.graph.input(source, array.shape, array.dtype)
        symbol = Symbol(Cell(self.graph, node))
        self.outside.append((source, symbol, node))
        self.bind(array, symbol)
        self.held.append(array)
        return symbol

    def symbol(self, x: Any) -> Any:
        """The symbol of a tensor or an array; other values as they are."""
        if isinstance(x, Tensor):
            found = self.find(x.array)
            if found is None:
                before = None
                small = x.array.size <= 1 << 20
                if small and not x._requires_grad and id(x) not in self.known:
                    before = snapshot(x.array)
                found = self.adopt(x.array, Box(x, before))
            return found
        if isinstance(x, np.ndarray):
            found = self.find(x)
            if found is None:
                found = Symbol(Cell(self.graph, self.graph.constant(snapshot(x))))
                self.bind(x, found)
            return found
        return x

    # -- events --------------------------------------------------------------------------------

    def watch(self, what: Any, inputs: Any, static: dict[str, Any], out: Any) -> None:
        """One event of the engine."""
        if self.broken:
            return
        if isinstance(what, str):
            getattr(self, "on_" + what.replace("host", "host_action"), ignore)(*inputs)
        elif isinstance(what, type) and issubclass(what, Primitive):
            self.on_primitive(what, inputs, static, out)
        else:
            self.on_update(what, inputs, static, out)

    def on_primitive(self, primitive: Any, inputs: Any, static: Any, out: Any) -> None:
        several = isinstance(out, tuple)
        arrays = [array_of(z) for z in out] if several else [array_of(out)]
        if primitive in DRAWS:
            source = Drawn(DRAWS[primitive](static, arrays[0]))
            self.recording.actions.append(("draw", source))
            node = self.graph.input(source, arrays[0].shape, arrays[0].dtype)
            self.bind(arrays[0], Symbol(Cell(self.graph, node)))
            return
        symbols = [self.symbol(x) for x in inputs]
        operands = self.promoted(primitive, inputs, symbols)
        found = self.traced(primitive, operands, static, arrays, several)
        given = [
            (array_of(x), s.cell) for x, s in zip(inputs, symbols, strict=True) if is_symbol(s)
        ]
        for array, symbol in zip(arrays, found, strict=True):
            self.bind(array, self.with_memory(array, symbol, given, primitive.__name__))

    def traced(
        self, primitive: Any, operands: list[Any], static: Any, arrays: list[Any], several: bool
    ) -> list[Symbol]:
        """The results of a primitive as symbols: by its rule, or as a call of the host."""
        rule = LOWERINGS.get(primitive, primitive.forward)
        try:
            if any(a.dtype.kind not in "biuf" for a in arrays):
                raise Untraceable(f"{arrays[0].dtype} is computed by NumPy")
            found = rule(self.namespace, *operands, **static)
            results = list(found) if several else [found]
            return [self.as_symbol(s, a) for s, a in zip(results, arrays, strict=True)]
        except Untraceable as reason:
            self.recording.opaque.setdefault(primitive.__name__, str(reason))
            return self.on_host(host_call(primitive, operands, static), operands, arrays, several)

    def as_symbol(self, found: Any, array: Any) -> Any:
        if not isinstance(found, Symbol):
            found = Symbol(Cell(self.graph, self.graph.constant(np.asarray(found))))
        if found.shape != array.shape or found.dtype != array.dtype:
            raise Untraceable(
                f"its rule gives {found.dtype}{list(found.shape)} of symbols, and of arrays "
                f"{array.dtype}{list(array.shape)}"
            )
        return found

    def on_host(
        self, function: Any, operands: list[Any], arrays: list[Any], several: bool
    ) -> list[Symbol]:
        nodes = tuple(x.node for x in operands if isinstance(x, Symbol))
        made = self.graph.host(function, nodes, [(a.shape, a.dtype) for a in arrays], several)
        return [Symbol(Cell(self.graph, node)) for node in made]

    def with_memory(self, array: Any, symbol: Symbol, given: Any, name: str) -> Symbol:
        """The symbol of a result, sharing memory with an input exactly if the array does; `given`
        are the inputs' arrays and cells."""
        for known, cell in given:
            shares = array is known or np.may_share_memory(array, known)
            if cell is symbol.cell:
                return symbol if shares else symbol.copy()
            if shares and array.size:
                self.lost.append((cell, symbol.cell, name))
        return symbol

    def promoted(self, primitive: Any, inputs: Any, operands: list[Any]) -> list[Any]:
        """Operands brought to one dtype as `apply` does it."""
        arrays = [array_of(x) for x in inputs]
        kinds = {a.dtype for x, a in zip(inputs, arrays, strict=True) if isinstance(x, Tensor)}
        if not kinds:
            return operands
        first = next(a.dtype for x, a in zip(inputs, arrays, strict=True) if isinstance(x, Tensor))
        whole = primitive.floats and first.kind not in "fc"
        if primitive.promotes:
            others = any(not isinstance(x, Tensor) for x in inputs)
            if len(kinds) == 1 and not others and not whole:
                return operands
            if len(kinds) == 1 and not whole and plain_numbers(arrays, first):
                return operands
            changed = promote(primitive, arrays)
        elif whole:
            changed = [a.astype(defaults.default_dtype) for a in arrays]
        else:
            return operands
        return [
            s if new is old else s.astype(new.dtype) if isinstance(s, Symbol) else new
            for s, old, new in zip(operands, arrays, changed, strict=True)
        ]

    def on_write(self, x: Tensor, z: Any) -> None:
        """`x` was overwritten in place by `z`."""
        cell = self.symbol(x).cell
        for one, other, name in self.lost:
            if cell is one or cell is other:
                self.broken = (
                    f"memory that {name} shares between two tensors is written to, at "
                    f"{user_line()}, and {name} has no lowering; write to a clone() instead"
                )
        self.symbol(x).write(self.symbol(z) if isinstance(z, (Tensor, np.ndarray)) else z)

    def on_update(self, rule: Any, inputs: Any, static: dict[str, Any], written: Any) -> None:
        symbols = [self.symbol(x) for x in inputs]
        read = [s.node for s in symbols[len(written) :]]
        update = Update(rule, tuple(written), read, dict(static))
        self.collecting.append(update)
        settings = {name: as_setting(update, name) for name in static}
        cells = [s.cell.value for s in symbols]
        try:
            rule(*symbols, **settings)
        except Untraceable as reason:
            self.recording.opaque.setdefault(rule.__name__, str(reason))
            for symbol, value in zip(symbols, cells, strict=True):
                symbol.cell.value = value
            update.fixed, update.guards = {}, []
            arrays = [x.array for x in written]
            found = self.on_host(host_update(update), symbols, arrays, True)
            for target, value in zip(symbols, found, strict=False):
                target.write(value)

    def on_accumulate(self, leaf: Tensor, known: Any) -> None:
        self.leaves[id(leaf)] = leaf
        if known is None:
            if id(leaf) not in self.zeroed:
                self.recording.no_grads.append(leaf)
        elif self.find(known.array) is None:
            self.adopt(known.array, Gradient(leaf))
        self.zeroed.add(id(leaf))

    def on_grad(self, leaf: Tensor) -> None:
        """`leaf.grad` is asked for: what was there before the step is an input of it."""
        grad = leaf._grad
        if grad is not None and self.find(grad.array) is None:
            self.leaves[id(leaf)] = leaf
            self.adopt(grad.array, Gradient(leaf))

    def on_zero_grad(self, *leaves: Tensor) -> None:
        for leaf in leaves:
            self.leaves[id(leaf)] = leaf
            self.zeroed.add(id(leaf))
            if leaf._grad is not None and self.find(leaf._grad.array) is None:
                self.adopt(leaf._grad.array, Gradient(leaf))

    def on_optimizer(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if args or kwargs:
            raise RecordingError(
                f"{type(optimizer).__name__}.step(closure) runs the model inside of the optimizer, "
                "which cannot be recorded. Compute loss and backward() in the step itself and call "
                "optimizer.step() without arguments, or leave this step uncompiled"
            )
        for group in optimizer.param_groups:  # gradients that were there before the step
            for p in group["params"]:
                self.on_grad(p)
        self.collecting = []
        self.recording.actions.append(("optimizer", (optimizer, self.collecting)))

    def on_optimizer_done(self) -> None:
        self.collecting = []

    def on_host_action(self, function: Any, *args: Any) -> None:
        self.recording.actions.append(("call", (function, args)))

    def on_module(self, module: Any) -> None:
        self.recording.modules.setdefault(id(module), module)

    def on_read(self, x: Tensor) -> None:
        symbol = self.find(x.array)
        if symbol is None or symbol.node.op in ("constant", "input"):
            return
        raise RecordingError(
            "a value is read inside of a compiled step, at "
            f"{user_line()}: the step is replayed without Python, so that `.item()`, float(), "
            "`if loss > 3` or printing would see one call only. Return the tensor from the step "
            "and read it outside; use where() in place of if"
        )

    # -- the end -------------------------------------------------------------------------------

    def check_alone(self, symbol: Symbol, node: Node) -> None:
        """A value that shares its memory with another one from outside must not be written."""
        if symbol.cell.value is not node:
            self.broken = (
                "a tensor and a view of it both come from outside of the step, and one is written "
                "to; make the view inside of the step, or pass a clone()"
            )

    def differentiate(self, results: list[Tensor]) -> None:
        """Record the way back as well, from gradients of the results to all leaves."""
        recording = self.recording
        recording.needs = [z.requires_grad for z in results]
        outputs = [z for z in results if z.requires_grad]
        seeds = []
        for place, z in enumerate(results):
            if z.requires_grad:
                seed = wrap(np.ones_like(z.array))
                self.adopt(seed.array, Seed(place))
                seeds.append(seed)
        sources = [
            (source, source.tensor if isinstance(source, Box) else self.arguments[source.place])
            for source, _, _ in self.outside
            if isinstance(source, (Box, Argument))
        ]
        leaves = [(s, t) for s, t in sources if t._requires_grad]
        grads = grad(outputs, [t for _, t in leaves], seeds, retain_graph=True, allow_unused=True)
        recording.derivatives = [
            (source, None if d is None else self.symbol(d).node)
            for (source, _), d in zip(leaves, grads, strict=True)
        ]

    def finish(self, results: list[Tensor]) -> Recording:
        """Close the recording: what the call returned, what it left in tensors and gradients."""
        recording = self.recording
        recording.results = [self.symbol(z).node for z in results]
        for leaf in self.leaves.values():
            grad = leaf._grad
            recording.grads.append((leaf, None if grad is None else self.symbol(grad).node))
        several = [places for places in self.sharing.values() if len(places) > 1]
        for source, symbol, node in self.outside:
            if symbol.cell.value is not node and not isinstance(source, Gradient):
                recording.writes.append((source, symbol.cell.value))
            for places in several:
                if any(self.outside[i][1].cell is symbol.cell for i in places):
                    self.check_alone(symbol, node)
        self.symbols.clear()
        self.held.clear()
        self.graph.known.clear()
        return recording


def ignore(*_: Any) -> None:
    """An event that does not concern the recorder."""


def is_symbol(x: Any) -> bool:
    return isinstance(x, Symbol)


def key_of(array: Any) -> Any:
    """Where an array lies: equal for two looks at the same elements."""
    return address_of(array), array.shape, array.strides, array.dtype.num


def owner_of(array: Any) -> Any:
    """The array that owns the memory."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def as_setting(update: Update, name: str) -> Any:
    """A setting of an update: numbers may change from call to call, everything else may not."""
    value = update.settings[name]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Setting(value, lambda: update.settings[name], update.guards)
    update.fixed[name] = value
    return value


def host_call(primitive: Any, operands: list[Any], static: dict[str, Any]) -> Callable[..., Any]:
    """A primitive's rule on arrays, with what is no array filled in."""

    def call(*arrays: Any) -> Any:
        given = iter(arrays)
        values = [next(given) if isinstance(x, Symbol) else x for x in operands]
        return primitive.forward(np, *values, **static)

    call.__name__ = primitive.__name__
    return call


def host_update(update: Update) -> Callable[..., Any]:
    """An optimizer's rule on copies of what it writes, which it returns."""

    def call(*arrays: Any) -> Any:
        count = len(update.written)
        written = [np.array(a) for a in arrays[:count]]
        update.rule(*written, *arrays[count:], **update.settings)
        return tuple(written)

    call.__name__ = update.rule.__name__
    return call


def user_line() -> str:
    """The innermost line of the program that is not sangja's own."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return "an unknown line"
