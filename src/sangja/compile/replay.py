"""A recorded step run again: what the host does around the graph.

In this order: the guards (is this still the program that was recorded?), the host's own actions in
the order of the recording (random draws, settings of the optimizers, schedulers), the inputs, the
graph, and then everything that the step leaves behind (written tensors, gradients, results).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from sangja.compile import interpret
from sangja.compile.bounds import Bounds
from sangja.compile.graph import Node, reachable
from sangja.compile.interpret import Values, Write
from sangja.compile.record import Argument, Box, Drawn, Gradient, Recording, Update
from sangja.compile.setting import Setting
from sangja.core.errors import RecordingError
from sangja.core.references import FIELD, LOCAL, getrefcount
from sangja.engine import Tensor, wrap
from sangja.engine.apply import quiet
from sangja.engine.mode import ModeGuard, Structure

MakeProgram = Callable[[list[Node], list[Node], list[Write]], Any]


class Changed(Exception):
    """The settings of an optimizer now lead another way through its rule than was recorded."""


class Replay:
    """One recording and how to run it again; `make` makes a program of a graph."""

    def __init__(self, recording: Recording, make: MakeProgram) -> None:
        self.recording = recording
        self.writes = recording.writes
        self.make = make
        self.lock = threading.Lock()  # one call at a time: the memory of the step is one
        self.grads = [(leaf, node) for leaf, node in recording.grads if node is not None]
        self.prepare([*recording.results, *[node for _, node in self.grads]])
        known = {(origin(node), *rest): None for node, *rest in recording.graph.bounds}
        self.bounds = [(node, Bounds(node, *rest)) for node, *rest in known if node.op == "input"]
        self.with_grads = [n.payload.leaf for n in self.inputs if isinstance(n.payload, Gradient)]
        self.modules = [(m, m.training, members(m)) for m in recording.modules.values()]
        self.version = Structure.version  # of the modules, when they were last looked at
        self.left: dict[int, Tensor] = {}  # the gradients that the last call left
        self.signatures: dict[int, Any] = {}  # of optimizers whose settings are known

    def prepare(self, wanted: list[Node]) -> None:
        """Make the program that computes `wanted`, and sort its inputs by where they come from."""
        self.nodes = reachable([*wanted, *[node for _, node in self.writes]])
        self.program = self.make(self.nodes, wanted, self.writes)
        self.inputs = [node for node in self.nodes if node.op == "input"]
        self.given: list[Any] = [None] * len(self.inputs)  # their values at the last call
        self.new_settings = True  # since they were last read
        payloads = [node.payload for node in self.inputs]
        self.arguments = [(i, x.place) for i, x in enumerate(payloads) if isinstance(x, Argument)]
        self.boxes = [(i, x.tensor) for i, x in enumerate(payloads) if isinstance(x, Box)]
        self.drawn = [(i, id(x)) for i, x in enumerate(payloads) if isinstance(x, Drawn)]
        self.settings = [(i, x) for i, x in enumerate(payloads) if isinstance(x, Setting)]
        self.old_grads = [(i, x.leaf) for i, x in enumerate(payloads) if isinstance(x, Gradient)]

    # -- is it still the same program? ---------------------------------------------------------

    def fits(self) -> bool:
        """Whether all modules are in the mode they were recorded in, and leaves have or lack
        gradients as they did then. Raises `RecordingError` if a module has other members."""
        if self.version != Structure.version:
            for module, training, inside in self.modules:
                if module.training is not training:
                    return False
                if members(module) != inside:
                    raise RecordingError(
                        f"the structure of a {type(module).__name__} changed since the step was "
                        "compiled: a parameter, buffer or module was added, taken away or "
                        "replaced. Call .reset() on the compiled step (its optimizer must know new "
                        "parameters as well), or change values in place (load_state_dict, copy_)"
                    )
            self.version = Structure.version
        for leaf in self.recording.no_grads:
            if leaf._grad is not None:
                return False
        for leaf in self.with_grads:  # noqa: SIM110 (a generator would cost more than the look)
            if leaf._grad is None:
                return False
        return True

    def check_bounds(self, arguments: list[Tensor]) -> None:
        """Refuse a label or an index that is out of range, before any work."""
        for node, bounds in self.bounds:
            bounds.check(self.fetch(node, arguments))

    def report(self) -> list[str]:
        """What `explain` says of it."""
        opaque = [f"{name} by NumPy: {why}" for name, why in self.recording.opaque.items()]
        return [*self.program.report(), *opaque]

    # -- one call ------------------------------------------------------------------------------

    def __call__(self, arguments: list[Tensor]) -> list[Tensor]:
        with self.lock:
            if self.bounds:
                self.check_bounds(arguments)
            drawn: dict[int, Any] = {}
            if self.recording.actions:
                try:
                    self.act(drawn)
                except Changed as change:
                    return self.run_updates_eagerly(arguments, drawn, change.args[0])
            if self.grads:
                self.find_spare()
            values = self.program.execute(self.read(arguments, drawn))
            return self.leave_behind(values, arguments, self.program.copied, self.writes)

    def find_spare(self) -> None:
        """Gradients of the last call that only their leaf holds: their memory is used again."""
        spare, left = self.program.spare, self.left
        spare.clear()
        for leaf, node in self.grads:
            grad = leaf._grad
            # Held by the leaf, `left` and this name; the array by the tensor and, in three places,
            # by the program.
            if (
                grad is not None
                and grad is left.get(node.number)
                and getrefcount(grad) - LOCAL <= 3
                and getrefcount(grad.array) - FIELD <= 4
            ):
                spare.add(node.number)

    def act(self, drawn: dict[int, Any]) -> None:
        """What the host does itself. Raises `Changed` with the updates that were to be made."""
        changed: list[Any] | None = None
        for kind, what in self.recording.actions:
            if kind == "draw":
                drawn[id(what)] = what.draw()
            elif kind == "call":
                what[0](*what[1])
            else:
                optimizer, updates = what
                signature = optimizer.signature()
                if signature is not None and signature == self.signatures.get(id(optimizer)):
                    continue
                self.signatures[id(optimizer)] = signature
                self.new_settings = True
                found = self.collect(optimizer)
                if changed is not None or not take_settings(updates, found):
                    changed = [*(changed or []), (updates, found)]
        if changed is not None:
            raise Changed(changed)

    def collect(self, optimizer: Any) -> list[Any]:
        """The updates that the optimizer would make now, with their settings."""
        found: list[Any] = []

        def note(rule: Any, written: Any, read: Any, settings: Any) -> None:
            found.append((rule, written, settings))

        for leaf, node in self.recording.grads:
            if leaf._grad is None:
                leaf._grad = leaf if node is None else PLACEHOLDER
        with ModeGuard(grad=False, watch=None, collect=note):
            optimizer.step()
        return found

    def read(self, arguments: list[Tensor], drawn: dict[int, Any]) -> list[Any]:
        """The values of all inputs now."""
        given = self.given
        for i, place in self.arguments:
            given[i] = arguments[place].array
        for i, tensor in self.boxes:
            given[i] = tensor.array
        for i, key in self.drawn:
            given[i] = drawn[key]
        for i, leaf in self.old_grads:
            given[i] = leaf._grad.array  # type: ignore[union-attr]  # there, as `fits` saw
        if self.new_settings:
            self.new_settings = False
            for i, setting in self.settings:
                given[i] = setting.again()
        return given

    def fetch(self, node: Node, arguments: list[Tensor], drawn: Any = None) -> Any:
        """The value of an input now."""
        source = node.payload
        if isinstance(source, Argument):
            return arguments[source.place].array
        if isinstance(source, Box):
            return source.tensor.array
        if isinstance(source, Setting):
            return source.again()
        if isinstance(source, Drawn):
            return drawn[id(source)]
        return source.leaf._grad.array

    def leave_behind(
        self, values: Values, arguments: list[Tensor], copied: list[Write], writes: list[Write]
    ) -> list[Tensor]:
        """Put everything where the step would have left it; returns the results. `copied`: the
        writes whose values are not there yet."""
        for source, node in copied:
            written(source, arguments).array[...] = values[node.number]
        for source, _ in writes:
            tensor = source.tensor if source.__class__ is Box else arguments[source.place]
            if tensor._counter is not None:
                tensor._counter.bump("a compiled step")
        for leaf, gradient in self.recording.grads:
            if gradient is None:
                leaf._grad = None
            elif leaf._grad is None or leaf._grad.array is not values[gradient.number]:
                leaf._grad = self.left[gradient.number] = wrap(values[gradient.number])
        return [wrap(values[node.number]) for node in self.recording.results]

    def run_updates_eagerly(
        self, arguments: list[Tensor], drawn: dict[int, Any], changed: list[Any]
    ) -> list[Tensor]:
        """One call in which the optimizers go another way than was recorded: their updates are
        run as in eager mode, with the gradients of the graph."""
        updates: list[Update] = [
            u for kind, what in self.recording.actions if kind == "optimizer" for u in what[1]
        ]
        known = {id(u): f for us, found in changed for u, f in zip(us, found, strict=True)}
        moved = {id(x) for u in updates for x in u.written}
        writes = [w for w in self.writes if id(getattr(w[0], "tensor", None)) not in moved]
        wanted = [*self.recording.results, *[n for _, n in writes]]
        wanted += [n for _, n in self.recording.grads if n is not None]
        wanted += [n for u in updates for n in u.read]
        given = {n.number: self.fetch(n, arguments, drawn) for n in reachable(wanted)
                 if n.op == "input"}  # fmt: skip
        found = interpret.run(reachable(wanted), lambda node: np.asarray(given[node.number]))
        values = {n.number: np.array(found[n.number]) for n in wanted}
        results = self.leave_behind(values, arguments, writes, writes)
        for update in updates:
            rule, written, settings = known.get(
                id(update), (update.rule, update.written, update.settings)
            )
            read = [values[n.number] for n in update.read]
            quiet.run(rule, *[x.array for x in written], *read, **settings)
        return results


PLACEHOLDER = wrap(np.zeros(()))  # stands for a gradient while settings are collected


def take_settings(updates: list[Update], found: list[Any]) -> bool:
    """Give each recorded update its new settings; whether all still lead the same way."""
    if len(updates) != len(found):
        raise RecordingError(
            f"the optimizer makes {len(found)} updates now and made {len(updates)} when the step "
            "was compiled: parameters were frozen, added or have no gradient any more. Call "
            ".reset() on the compiled step"
        )
    same = True
    for update, (rule, _, settings) in zip(updates, found, strict=True):
        update.settings = settings
        settled = rule is update.rule and all(settings[n] == v for n, v in update.fixed.items())
        same = same and settled and all(again() == value for again, value in update.guards)
    return same


def written(source: Any, arguments: list[Tensor]) -> Tensor:
    """The tensor that a write goes to."""
    tensor: Tensor = arguments[source.place] if isinstance(source, Argument) else source.tensor
    return tensor


def members(module: Any) -> list[Any]:
    """What a module holds, to be compared by identity."""
    return [
        *map(id, module._parameters.values()),
        *map(id, module._modules.values()),
        *map(id, module._buffers.values()),
    ]


def origin(node: Node) -> Node:
    """What a value is a look at, or a bounded copy of."""
    while node.op in ("view", "cast") or (
        node.op in ("maximum", "minimum") and len(node.inputs) == 2
    ):
        node = node.inputs[0]
    return node
