"""A recorded function whose results are differentiated outside of it.

The recording holds the way forward and the way back: the derivatives of all leaves for given
gradients of the results. It becomes two programs. What the second needs of the first is saved, as
the rules of a primitive save what they name.
"""

from __future__ import annotations

from typing import Any

from sangja.compile.graph import Node, reachable
from sangja.compile.record import Box, Seed
from sangja.compile.replay import Replay
from sangja.core.errors import GradientError
from sangja.engine import Function, Tensor, wrap
from sangja.engine.mode import is_grad_enabled


class DifferentiableReplay(Replay):
    """Runs a function forward, and leaves a node behind that runs it back."""

    def prepare(self, wanted: list[Node]) -> None:
        recording = self.recording
        gradients = [node for _, node in recording.derivatives if node is not None]
        everything = reachable([*wanted, *[node for _, node in self.writes]])
        back = reachable(gradients)
        self.saved = saved_nodes(back, {node.number for node in everything})
        super().prepare(list(dict.fromkeys([*recording.results, *self.saved])))
        self.back_nodes, self.given_back = with_inputs(back, {n.number for n in self.saved})
        by_number = {n.number: n for n in self.back_nodes}
        self.back = self.make(
            self.back_nodes, [by_number[n.number] for n in dict.fromkeys(gradients)], []
        )

    def __call__(self, arguments: list[Tensor]) -> list[Tensor]:
        leaves = [self.leaf(source, arguments) for source, _ in self.recording.derivatives]
        if not is_grad_enabled():
            return list(self.forward(arguments)[0])
        return list(Replayed.apply(self, arguments, *leaves))

    def leaf(self, source: Any, arguments: list[Tensor]) -> Tensor:
        return source.tensor if isinstance(source, Box) else arguments[source.place]

    def forward(self, arguments: list[Tensor]) -> tuple[tuple[Tensor, ...], Any]:
        """The results, and what the way back needs."""
        with self.lock:
            self.check_bounds(arguments)
            drawn: dict[int, Any] = {}
            self.act(drawn)
            given = self.read(arguments, drawn)
            values = self.program.execute(given)
            results = self.leave_behind(values, arguments, self.program.copied, self.writes)
            sources = dict(zip([n.number for n in self.inputs], given, strict=True))
            kept = {n.number: values.get(n.number, sources.get(n.number)) for n in self.saved}
            for node in self.given_back:
                if node.number not in kept and not isinstance(node.payload, Seed):
                    known = sources.get(node.number)
                    kept[node.number] = (
                        self.fetch(node, arguments, drawn) if known is None else known
                    )
            return tuple(results), kept

    def backward(self, kept: Any, seeds: list[Any]) -> list[Any]:
        """The derivatives of the leaves for the gradients of the results."""
        given = [
            seeds[n.payload.place] if isinstance(n.payload, Seed) else kept[n.number]
            for n in self.given_back
        ]
        with self.lock:
            values = self.back.execute(given)
            return [
                None if node is None else wrap(values[node.number])
                for _, node in self.recording.derivatives
            ]


class Replayed(Function):
    """One call of a differentiable replay, as an operation of the tape."""

    @staticmethod
    def forward(ctx: Any, replay: DifferentiableReplay, arguments: Any, *leaves: Tensor) -> Any:
        results, ctx.kept = replay.forward(arguments)
        ctx.replay = replay
        ctx.save_for_backward(*leaves)
        places = [i for i, need in enumerate(replay.recording.needs) if not need]
        ctx.mark_non_differentiable(*[results[i] for i in places])
        return results

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        if is_grad_enabled():
            raise GradientError(
                "a compiled function cannot be differentiated twice: its derivative is a program "
                "without history. Call the function itself, uncompiled, for create_graph=True"
            )
        ctx.saved_tensors  # noqa: B018 (refuses leaves that were changed in between)
        return (None, None, *ctx.replay.backward(ctx.kept, [g.array for g in grads]))


def saved_nodes(back: list[Node], forward: set[int]) -> list[Node]:
    """The values of the way forward that the way back begins with."""
    found: dict[int, Node] = {}
    for node in back:
        if node.number in forward:
            continue
        for x in node.inputs:
            base = x.inputs[0] if x.op == "view" and x.inputs[0].number in forward else x
            if base.number in forward and base.op not in ("constant", "input", "empty"):
                found[base.number] = base
    return list(found.values())


def with_inputs(nodes: list[Node], given: set[int]) -> tuple[list[Node], list[Node]]:
    """The same nodes with those of `given` as inputs, without what only they needed; and all
    inputs."""
    made: dict[int, Node] = {}
    wanted = {n.number for n in nodes}

    def copy(node: Node) -> Node:
        known = made.get(node.number)
        if known is None:
            if node.number in given:
                known = Node(node.number, "input", (), (), node.shape, node.dtype, Saved())
            else:
                inputs = tuple(made[x.number] for x in node.inputs)
                known = Node(
                    node.number, node.op, inputs, node.params, node.shape, node.dtype, node.payload
                )
            made[node.number] = known
        return known

    for node in nodes:
        if node.number in wanted:
            copy(node)
    users = {n.number: 0 for n in made.values()}
    for node in made.values():
        for x in node.inputs:
            users[x.number] += 1
    kept = reachable([n for n in made.values() if not users[n.number]])
    return kept, [n for n in kept if n.op == "input"]


class Saved:
    """Stands for a value of the way forward."""
