"""The program of a step as a graph: a flat list of operations on arrays, each value made once.

    Input            given at every call: an argument, a parameter, a setting, drawn numbers
    Constant         a number or an array that is always the same
    a ufunc's name   one element at a time, inputs broadcast: add, exp, where, cast, …
    sum max min …    a reduction over `dims`, which stay with size 1
    view             another look at the same memory: `path` holds steps (index, reshape, …)
    put              `base` with `value` where the view at the end of `path` looks
    empty            memory without values
    matmul, conv, …  the few operations with a kernel of their own
    host             a Python function on arrays: what has no lowering
    item             one of a host function's several results

The operations are NumPy's, so that the graph is run by NumPy as it stands (`interpret`), and
nothing in it knows of tensors, gradients or a processor.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sangja.compile.views import Path, apply_path, view_shape

Shape = tuple[int, ...]
DType = np.dtype[Any]

REDUCTIONS = {"sum", "max", "min", "prod", "any", "all"}
ONE_BY_ONE = {
    name for name, value in vars(np).items() if isinstance(value, np.ufunc) and name != "matmul"
} | {"where", "cast", "erf"}
SIMPLIFIED = {"multiply", "divide", "power", "subtract", "where"}  # by `simplified`
SOURCES = {"input", "constant", "empty"}


class Node:
    """One value: the operation that makes it and what that takes.

    `params` says everything else about the operation and can be compared; `payload` holds what
    cannot (a host function, a constant array, where an input comes from).
    """

    __slots__ = ("dtype", "inputs", "number", "op", "params", "payload", "shape")

    def __init__(
        self,
        number: int,
        op: str,
        inputs: tuple[Node, ...],
        params: tuple[Any, ...],
        shape: Shape,
        dtype: DType,
        payload: Any = None,
    ) -> None:
        self.number = number
        self.op = op
        self.inputs = inputs
        self.params = params
        self.shape = shape
        self.dtype = dtype
        self.payload = payload

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def one_by_one(self) -> bool:
        return self.op in ONE_BY_ONE

    @property
    def reduction(self) -> bool:
        return self.op in REDUCTIONS

    def __repr__(self) -> str:
        inputs = ", ".join(f"%{x.number}" for x in self.inputs)
        params = ", ".join(map(repr, self.params))
        inside = "; ".join(part for part in (inputs, params) if part)
        return f"%{self.number} = {self.op}({inside}) : {self.dtype}{list(self.shape)}"


class Graph:
    """The nodes in the order in which they were made: every input comes before its user.

    The same operation on the same inputs is one node (common subexpressions are never made twice).
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.known: dict[Any, Node] = {}
        self.bounds: list[tuple[Node, int, Any]] = []  # indices, below what, which else is allowed

    def add(
        self,
        op: str,
        inputs: tuple[Node, ...],
        params: tuple[Any, ...],
        shape: Shape,
        dtype: Any,
        payload: Any = None,
        *,
        unique: bool = False,
    ) -> Node:
        """The node of this operation, new or known; one with a payload or `unique` is always
        new."""
        if not isinstance(dtype, np.dtype):
            dtype = np.dtype(dtype)
        key = (op, inputs, params, dtype)
        unique = unique or payload is not None
        found = None if unique else self.known.get(key)
        if found is None:
            found = Node(len(self.nodes), op, inputs, params, tuple(shape), dtype, payload)
            self.nodes.append(found)
            if not unique:
                self.known[key] = found
        return found

    # -- values from outside -------------------------------------------------------------------

    def input(self, source: Any, shape: Shape, dtype: Any) -> Node:
        """A value given at each call, from `source`."""
        return self.add("input", (), (), shape, dtype, payload=source)

    def constant(self, value: Any, dtype: Any = None) -> Node:
        """A number (with a dtype) or an array that does not change."""
        array = np.asarray(value, dtype)
        if array.ndim == 0:
            number = array.item()
            key: Any = repr(number) if isinstance(number, (float, complex)) else number
            node = self.add("constant", (), (key,), (), array.dtype)
            node.payload = array
            return node
        return self.add("constant", (), (), array.shape, array.dtype, payload=array)

    def empty(self, shape: Shape, dtype: Any) -> Node:
        """Memory without values yet; each a place of its own."""
        return self.add("empty", (), (), shape, dtype, unique=True)

    # -- element by element --------------------------------------------------------------------

    def cast(self, x: Node, dtype: Any) -> Node:
        if x.dtype is dtype or x.dtype == np.dtype(dtype):
            return x
        dtype = np.dtype(dtype)
        if x.op == "constant" and not x.shape:
            with np.errstate(all="ignore"):
                return self.constant(x.payload.astype(dtype))
        return self.add("cast", (x,), (), x.shape, dtype)

    def elementwise(self, op: str, inputs: tuple[Node, ...], dtype: Any) -> Node:
        """`op` on inputs that have the dtypes it computes in already, broadcast."""
        shape = broadcast(tuple(x.shape for x in inputs))
        simple = simplified(self, op, inputs, shape, dtype) if op in SIMPLIFIED else None
        return simple if simple is not None else self.add(op, inputs, (), shape, dtype)

    def reduce(self, op: str, x: Node, dims: tuple[int, ...]) -> Node:
        """`op` over `dims`, which stay with size 1."""
        dims = tuple(sorted(dims))
        if not dims or all(x.shape[d] == 1 for d in dims):
            return x
        shape = tuple(1 if d in dims else n for d, n in enumerate(x.shape))
        return self.add(op, (x,), (dims,), shape, x.dtype)

    # -- memory --------------------------------------------------------------------------------

    def view(self, x: Node, path: Path) -> Node:
        """`x` looked at along `path`."""
        path = tuple(step for step in path if not is_identity(step))
        if not path:
            return x
        if x.op == "view":
            return self.view_of(x.inputs[0], (*x.params[0], *path))
        return self.view_of(x, path)

    def view_of(self, x: Node, path: Path) -> Node:
        path = canonical(x.shape, path)
        shape = view_shape(x.shape, path)
        if shape == x.shape and all(step[0] == "reshape" for step in path):
            return x
        while x.op == "put":  # reading what was just written, or what lies beside it
            base, value = x.inputs
            if x.params[0] == path:
                return value
            inner = within(x.params[0], path)
            if inner is not None:
                return self.view(value, inner)
            if not apart(x.params[0], path):
                break
            x = base
        if x.op == "constant" and x.size <= 1:
            return self.add("view", (x,), (path,), shape, x.dtype)
        return self.add("view", (x,), (path,), shape, x.dtype)

    def put(self, base: Node, value: Node, path: Path) -> Node:
        """`base` with `value` where `path` looks: the value itself, if that is everywhere."""
        path = canonical(base.shape, path)
        if not path and value.shape == base.shape and value.dtype == base.dtype:
            return value
        if base.op == "put" and base.params[0] == path:
            base = base.inputs[0]
        return self.add("put", (base, value), (path,), base.shape, base.dtype)

    # -- the rest ------------------------------------------------------------------------------

    def host(
        self,
        function: Callable[..., Any],
        inputs: tuple[Node, ...],
        results: list[tuple[Shape, DType]],
        several: bool,
    ) -> list[Node]:
        """A Python function on arrays; `results` are the shapes and dtypes it gives."""
        if not several:
            return [self.add("host", inputs, (), *results[0], payload=function)]
        whole = self.add("host", inputs, (len(results),), (), np.dtype(bool), payload=function)
        return [
            self.add("item", (whole,), (i,), shape, dtype)
            for i, (shape, dtype) in enumerate(results)
        ]


@functools.lru_cache(maxsize=1024)
def broadcast(shapes: tuple[Shape, ...]) -> Shape:
    """The shape to which several are broadcast."""
    return np.broadcast_shapes(*shapes)


def is_identity(step: Any) -> bool:
    """Whether a step of a path changes nothing whatever it meets."""
    return bool(step[0] == "permute" and step[1] == tuple(range(len(step[1]))))


def canonical(shape: Shape, path: Path) -> Path:
    """The same path with neighbouring steps joined, so that equal looks have equal paths."""
    result: list[Any] = []
    shapes = [shape]
    for step in path:
        if result and step[0] == result[-1][0] == "index":
            result[-1] = join_index(result[-1], step)
            shapes[-1] = view_shape(shapes[-2], (result[-1],))
        elif result and step[0] == result[-1][0] == "reshape":
            result[-1] = step
            shapes[-1] = view_shape(shapes[-2], (step,))
        elif result and step[0] == result[-1][0] == "permute":
            result[-1] = ("permute", tuple(result[-1][1][i] for i in step[1]))
            shapes[-1] = view_shape(shapes[-2], (result[-1],))
        else:
            result.append(step)
            shapes.append(view_shape(shapes[-1], (step,)))
        before, after = shapes[-2], shapes[-1]
        last = result[-1]
        whole = last[0] == "index" and all(
            not isinstance(i, int) and i == (0, 1, n) for i, n in zip(last[1], before, strict=True)
        )
        if whole or is_identity(last) or (last[0] in ("reshape", "expand") and before == after):
            result.pop()
            shapes.pop()
    return tuple(result)


def join_index(first: Any, second: Any) -> Any:
    """One index that looks where `second` looks in what `first` shows."""
    later = iter(second[1])
    joined: list[Any] = []
    for i in first[1]:
        if isinstance(i, int):
            joined.append(i)
            continue
        start, step, _ = i
        j = next(later)
        if isinstance(j, int):
            joined.append(start + j * step)
        else:
            joined.append((start + j[0] * step, step * j[1], j[2]))
    return ("index", tuple(joined))


def apart(first: Path, second: Path) -> bool:
    """Whether two looks into the same memory certainly share no element."""
    if not (first and second and first[0][0] == second[0][0] == "index"):
        return False
    for a, b in zip(first[0][1], second[0][1], strict=True):
        a = (a, 1, 1) if isinstance(a, int) else a
        b = (b, 1, 1) if isinstance(b, int) else b
        low_a, high_a = sorted((a[0], a[0] + (a[2] - 1) * a[1]))
        low_b, high_b = sorted((b[0], b[0] + (b[2] - 1) * b[1]))
        if high_a < low_b or high_b < low_a:
            return True
        common = math.gcd(a[1] if a[2] > 1 else 0, b[1] if b[2] > 1 else 0)
        if common and (a[0] - b[0]) % common:
            return True
    return False


def within(outer: Path, path: Path) -> Path | None:
    """The path that shows of a part, seen along `outer`, what `path` shows of the whole; None if
    it shows more than that part."""
    if len(outer) != 1 or not path or outer[0][0] != "index" or path[0][0] != "index":
        return None
    entries: list[Any] = []
    for a, b in zip(outer[0][1], path[0][1], strict=True):
        if isinstance(a, int):
            if b != a:
                return None
            continue
        start, step, count = a
        first, stride, n = (b, 1, 1) if isinstance(b, int) else b
        k, rest = divmod(first - start, step)
        hop, odd = divmod(stride, step) if n > 1 else (1, 0)
        last = k + (n - 1) * hop
        if rest or odd or not (0 <= k < count and 0 <= last < count):
            return None
        entries.append(k if isinstance(b, int) else (k, hop, n))
    return (("index", tuple(entries)), *path[1:])


def simplified(
    graph: Graph, op: str, inputs: tuple[Node, ...], shape: Shape, dtype: Any
) -> Node | None:
    """An equal node that is simpler, for the cases in which every bit stays the same."""
    if op == "multiply":
        for x, y in (inputs, inputs[::-1]):
            if is_number(y, 1) and x.shape == shape:
                return x
    if op in ("divide", "power") and is_number(inputs[1], 1) and inputs[0].shape == shape:
        return inputs[0]
    if op == "subtract" and is_number(inputs[1], 0) and inputs[0].shape == shape:
        return inputs[0]
    if op == "power" and is_number(inputs[1], 2) and np.dtype(dtype).kind == "f":
        return graph.elementwise("square", inputs[:1], dtype)
    if op == "where" and inputs[1] is inputs[2] and inputs[1].shape == shape:
        return inputs[1]
    return None


def is_number(x: Node, value: float) -> bool:
    """Whether a node is this constant (0 is not −0)."""
    if x.op == "view" and x.inputs[0].op == "constant" and x.inputs[0].size == 1:
        x = x.inputs[0]
    if x.op != "constant" or x.size != 1:
        return False
    number = x.payload.item()
    return bool(number == value) and not (number == 0 and math.copysign(1, number) < 0)


def reachable(results: list[Node]) -> list[Node]:
    """What the results need, in order: everything else is dead."""
    seen: set[int] = set()
    stack = list(results)
    found: list[Node] = []
    while stack:
        node = stack.pop()
        if node.number not in seen:
            seen.add(node.number)
            found.append(node)
            stack.extend(node.inputs)
    return sorted(found, key=lambda node: node.number)


def users_of(nodes: list[Node]) -> dict[int, list[Node]]:
    """For each node the nodes that take it, in order."""
    users: dict[int, list[Node]] = {node.number: [] for node in nodes}
    for node in nodes:
        for x in dict.fromkeys(node.inputs):
            users[x.number].append(node)
    return users


def verify(nodes: list[Node]) -> None:
    """That a list of nodes is a program: inputs come first, shapes and dtypes agree."""
    seen: set[int] = set()
    for node in nodes:
        assert node.number not in seen, f"made twice: {node}"
        assert all(x.number in seen for x in node.inputs), f"an input comes later: {node}"
        seen.add(node.number)
        for complaint in complaints(node):
            raise AssertionError(f"{complaint}: {node}")


def complaints(node: Node) -> Iterator[str]:
    """What is wrong with one node."""
    shapes = [x.shape for x in node.inputs]
    if node.one_by_one:
        if np.broadcast_shapes(*shapes) != node.shape:
            yield "the shape is not that of the inputs broadcast"
    elif node.reduction:
        kept = tuple(1 if d in node.params[0] else n for d, n in enumerate(shapes[0]))
        if kept != node.shape or node.inputs[0].dtype != node.dtype:
            yield "a reduction keeps its dtype, and its dimensions with size 1"
    elif node.op == "view":
        if view_shape(shapes[0], node.params[0]) != node.shape:
            yield "the path leads to another shape"
    elif node.op == "put":
        if shapes[0] != node.shape or view_shape(shapes[0], node.params[0]) != shapes[1]:
            yield "the value does not fit where the path looks"
        if len({x.dtype for x in node.inputs} | {node.dtype}) != 1:
            yield "base and value must have one dtype"
    elif node.op == "constant" and node.payload.shape != node.shape:
        yield "the constant has another shape"


__all__ = ["Graph", "Node", "apply_path", "reachable", "users_of", "verify"]
