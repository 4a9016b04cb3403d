"""The graph run by NumPy, one node after the other: the reference of all kernels, and what runs
where there is no llvmlite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sangja.compile.graph import Node
from sangja.compile.views import apply_path, write_path
from sangja.engine.apply import quiet
from sangja.ops import conv, embedding, special_kernels

REDUCE = {
    "sum": np.add, "max": np.maximum, "min": np.minimum, "prod": np.multiply,
    "any": np.logical_or, "all": np.logical_and,
}  # fmt: skip


Values = dict[int, Any]
Write = tuple[Any, Node]  # where a new value belongs, and its node


class Interpreted:
    """A graph that NumPy runs.

    `nodes`: the graph in order; `wanted`: the values to be returned; `writes`: values that belong
    into arrays outside (a program may compute them there itself: then they are not returned).
    """

    def __init__(self, nodes: list[Node], wanted: list[Node], writes: list[Write]) -> None:
        self.nodes = nodes
        self.inputs = [node for node in nodes if node.op == "input"]
        self.wanted = [*wanted, *[node for _, node in writes]]
        self.copied = writes  # whose values the caller brings where they belong
        self.spare: set[int] = set()  # results whose memory could be used again

    def execute(self, given: list[Any]) -> Values:
        """The wanted values by number, from those of the inputs in order."""
        arrays = {n.number: np.asarray(x) for n, x in zip(self.inputs, given, strict=True)}
        values = run(self.nodes, lambda node: arrays[node.number])
        return {node.number: np.array(values[node.number]) for node in self.wanted}

    def report(self) -> list[str]:
        """What `explain` says of it."""
        return [f"{len(self.nodes)} operations, one after the other by NumPy"]


def run(nodes: list[Node], given: Callable[[Node], Any]) -> dict[int, Any]:
    """The values of all nodes by number; `given` gives those of the inputs."""
    values: dict[int, Any] = {}
    quiet.run(run_all, nodes, given, values)
    return values


def run_all(nodes: list[Node], given: Callable[[Node], Any], values: dict[int, Any]) -> None:
    for node in nodes:
        if node.op == "input":
            values[node.number] = given(node)
        else:
            values[node.number] = evaluate(node, [values[x.number] for x in node.inputs])


def evaluate(node: Node, inputs: list[Any]) -> Any:
    """The value of one node from the values of its inputs."""
    op, params = node.op, node.params
    if op == "constant":
        return node.payload
    if op == "empty":
        return np.zeros(node.shape, node.dtype)
    if node.reduction:
        return REDUCE[op].reduce(inputs[0], axis=params[0], keepdims=True, dtype=node.dtype)
    if op == "view":
        return apply_path(inputs[0], params[0])
    if op == "put":
        z = np.array(inputs[0])
        write_path(z, params[0], inputs[1])
        return z
    if op == "host":
        return node.payload(*inputs)
    if op == "item":
        return inputs[0][params[0]]
    if op in SPECIAL:
        return SPECIAL[op](node, *inputs)
    return getattr(np, op)(*inputs)


def convolution(node: Node, x: Any, y: Any) -> Any:
    """One of the three convolutions, by the eager rule."""
    rule: Any = CONVOLUTIONS[node.op].forward
    stride, padding, dilation, groups = node.params
    static = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    shapes = {"conv": "windows", "conv_image": "sizes", "conv_weight": "kernel"}
    more = () if node.op == "conv_weight" else (None,)
    return rule(np, x, y, *more, **{shapes[node.op]: node.shape[2:]}, **static)


def scatter_add(node: Node, values: Any, at: Any) -> Any:
    rule: Any = embedding.EmbeddingTable.forward
    return rule(np, values, at, rows=node.shape[0], padding_idx=None)


CONVOLUTIONS: dict[str, Any] = {
    "conv": conv.Convolve,
    "conv_image": conv.ConvolveImage,
    "conv_weight": conv.ConvolveWeight,
}
SPECIAL: dict[str, Callable[..., Any]] = {
    "cast": lambda node, x: x.astype(node.dtype),
    "erf": lambda node, x: special_kernels.erf(x),
    "matmul": lambda node, x, y: np.matmul(x, y),
    "conv": convolution,
    "conv_image": convolution,
    "conv_weight": convolution,
    "take": lambda node, table, at: table[at],
    "scatter_add": scatter_add,
}
