"""Arrays that write down what is done to them.

A rule written for NumPy arrays, `forward(xp, x, y)` of a primitive or an optimizer's update, is
called with `Symbol`s and the namespace `XP` in place of arrays and NumPy. It computes nothing:
every operation becomes a node of the graph. So the rule that runs in eager mode is also the
lowering, and there is no second one to keep in step with it.

A symbol is a look (`path`) into a `Cell`, which stands for memory. Writing through a symbol gives
the cell a new value, which every other look into it sees, as NumPy's views do.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from sangja.compile.graph import Graph, Node
from sangja.compile.setting import Setting, Untraceable
from sangja.compile.views import Path, view_shape
from sangja.core.shapes import normalize_dim

NUMBERS = (bool, int, float, complex)


class Cell:
    """Memory: the node that is its value now."""

    __slots__ = ("graph", "value")

    def __init__(self, graph: Graph, value: Node) -> None:
        self.graph = graph
        self.value = value


class Symbol:
    """An array that is known by shape and dtype only, and notes what is done to it."""

    __slots__ = ("cell", "dtype", "path", "shape")
    __hash__ = object.__hash__

    def __init__(self, cell: Cell, path: Path = ()) -> None:
        self.cell = cell
        self.path = path
        self.shape = view_shape(cell.value.shape, path)
        self.dtype = cell.value.dtype

    # -- what it is ----------------------------------------------------------------------------

    @property
    def node(self) -> Node:
        """Its value now."""
        value = self.cell.value
        return self.cell.graph.view(value, self.path) if self.path else value

    @property
    def graph(self) -> Graph:
        return self.cell.graph

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        """As if every dimension were the fastest: what depends on it are NumPy's ways to keep sums
        accurate and fast, which are the kernels' own matter here."""
        return (self.itemsize,) * self.ndim

    @property
    def flags(self) -> Any:
        return SimpleNamespace(c_contiguous=True, f_contiguous=False, writeable=True)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        raise Untraceable("the way it goes depends on a value")

    def __float__(self) -> float:
        raise Untraceable("a value is read as a number")

    __int__ = __index__ = __complex__ = __float__  # type: ignore[assignment]

    def item(self, *args: Any) -> Any:
        raise Untraceable("a value is read as a number")

    tolist = item

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise Untraceable("a value is read as an array")

    def __getattr__(self, name: str) -> Any:
        raise Untraceable(f"array.{name} has no lowering")

    # -- looks ---------------------------------------------------------------------------------

    def look(self, *steps: Any) -> Symbol:
        return Symbol(self.cell, (*self.path, *steps))

    def reshape(self, *shape: Any, order: str = "C") -> Symbol:
        if order != "C":
            raise Untraceable("reshape in another order")
        wanted = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        wanted = (wanted,) if isinstance(wanted, int) else tuple(int(n) for n in wanted)
        if -1 in wanted:
            rest = math.prod(n for n in wanted if n != -1)
            wanted = tuple(self.size // max(rest, 1) if n == -1 else n for n in wanted)
        return self.look(("reshape", wanted))

    def transpose(self, *dims: Any) -> Symbol:
        order = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
        if not order:
            order = tuple(reversed(range(self.ndim)))
        return self.look(("permute", tuple(normalize_dim(d, self.ndim) for d in order)))

    @property
    def T(self) -> Symbol:
        return self.transpose()

    def swapaxes(self, a: int, b: int) -> Symbol:
        order = list(range(self.ndim))
        a, b = normalize_dim(a, self.ndim), normalize_dim(b, self.ndim)
        order[a], order[b] = order[b], order[a]
        return self.transpose(tuple(order))

    def squeeze(self, axis: Any = None) -> Symbol:
        dims = range(self.ndim) if axis is None else axes_of(axis, self.ndim)
        return self.reshape(tuple(n for d, n in enumerate(self.shape) if d not in dims or n != 1))

    def ravel(self, order: str = "C") -> Symbol:
        return self.reshape(-1)

    flatten = ravel

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Symbol:
        a, b = normalize_dim(axis1, self.ndim), normalize_dim(axis2, self.ndim)
        return self.look(("diagonal", (offset, a, b)))

    def expand(self, shape: tuple[int, ...]) -> Symbol:
        return self.look(("expand", tuple(shape)))

    def __getitem__(self, key: Any) -> Symbol:
        return self.look(*index_steps(self.shape, key))

    # -- new values ----------------------------------------------------------------------------

    def new(self, node: Node) -> Symbol:
        return Symbol(Cell(self.graph, node))

    def astype(self, dtype: Any, copy: bool = True, **_: Any) -> Symbol:
        if not copy and self.dtype == dtype:
            return self
        return self.new(self.graph.cast(self.node, dtype))

    def copy(self, order: str = "C") -> Symbol:
        return self.new(self.node)

    def write(self, value: Any) -> None:
        """Put a value (number, array or symbol) into this part of the memory."""
        node = as_node(self.graph, value, self.dtype)
        node = self.graph.cast(node, self.dtype)
        if node.shape != self.shape:
            shape = node.shape
            while len(shape) > self.ndim and shape[0] == 1:
                shape = shape[1:]
            node = self.graph.view(node, (("reshape", shape), ("expand", self.shape)))
        graph, cell = self.graph, self.cell
        cell.value = graph.put(cell.value, node, self.path) if self.path else node

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, Symbol):
            if key.dtype != bool or key.shape != self.shape:
                raise Untraceable("elements are written where an array of indices says")
            self.write(where(key, value, self))
            return
        self[key].write(value)

    def fill(self, value: Any) -> None:
        self.write(value)

    # -- reductions ----------------------------------------------------------------------------

    def sum(self, axis: Any = None, dtype: Any = None, keepdims: bool = False, **rest: Any) -> Any:
        return reduce(self, np.add, axis, dtype, keepdims, **rest)

    def mean(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        dims = axes_of(axis, self.ndim)
        dtype = dtype or (self.dtype if self.dtype.kind == "f" else np.dtype(float))
        total = reduce(self, np.add, dims, dtype, keepdims)
        return total / total.dtype.type(math.prod(self.shape[d] for d in dims))  # type: ignore[no-any-return]

    def max(self, axis: Any = None, keepdims: bool = False, **rest: Any) -> Any:
        return reduce(self, np.maximum, axis, None, keepdims, **rest)

    def min(self, axis: Any = None, keepdims: bool = False, **rest: Any) -> Any:
        return reduce(self, np.minimum, axis, None, keepdims, **rest)

    def prod(self, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
        return reduce(self, np.multiply, axis, dtype, keepdims)

    def any(self, axis: Any = None, keepdims: bool = False) -> Any:
        return reduce(self, np.logical_or, axis, None, keepdims)

    def all(self, axis: Any = None, keepdims: bool = False) -> Any:
        return reduce(self, np.logical_and, axis, None, keepdims)

    # -- NumPy's protocols ---------------------------------------------------------------------

    def __array_ufunc__(self, function: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        if method == "__call__":
            return call_ufunc(function, args, **kwargs)
        if method == "reduce":
            kwargs.setdefault("axis", 0)
            out = kwargs.pop("out", None)
            found = reduce(args[0], function, kwargs.pop("axis"), kwargs.pop("dtype", None),
                           kwargs.pop("keepdims", False), **kwargs)  # fmt: skip
            return into(out, found)
        raise Untraceable(f"{function.__name__}.{method} has no lowering")

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        handler = FUNCTIONS.get(function)
        if handler is None:
            raise Untraceable(f"np.{function.__name__} has no lowering")
        return handler(*args, **kwargs)


def _bind_operators() -> None:
    """Python's operators on symbols, each NumPy's ufunc."""
    table = {
        "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide,
        "pow": np.power, "mod": np.remainder, "floordiv": np.floor_divide, "and": np.bitwise_and,
        "or": np.bitwise_or, "xor": np.bitwise_xor, "lshift": np.left_shift,
        "rshift": np.right_shift, "matmul": np.matmul,
    }  # fmt: skip
    for name, ufunc in table.items():

        def forward(self: Any, other: Any, ufunc: Any = ufunc) -> Any:
            return call_ufunc(ufunc, (self, other))

        def backward(self: Any, other: Any, ufunc: Any = ufunc) -> Any:
            return call_ufunc(ufunc, (other, self))

        def inside(self: Any, other: Any, ufunc: Any = ufunc) -> Any:
            return call_ufunc(ufunc, (self, other), out=(self,))

        setattr(Symbol, f"__{name}__", forward)
        setattr(Symbol, f"__r{name}__", backward)
        setattr(Symbol, f"__i{name}__", inside)
    compares = {
        "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
        "eq": np.equal, "ne": np.not_equal,
    }  # fmt: skip
    for name, ufunc in compares.items():

        def compare(self: Any, other: Any, ufunc: Any = ufunc) -> Any:
            return call_ufunc(ufunc, (self, other))

        setattr(Symbol, f"__{name}__", compare)
    for name, ufunc in {"neg": np.negative, "abs": np.absolute, "invert": np.invert}.items():

        def alone(self: Any, ufunc: Any = ufunc) -> Any:
            return call_ufunc(ufunc, (self,))

        setattr(Symbol, f"__{name}__", alone)
    setattr(Symbol, "__hash__", object.__hash__)  # noqa: B010 (defining == takes it away)


_bind_operators()


# -- operations ---------------------------------------------------------------------------------


def graph_of(values: Any) -> Graph:
    """The graph that the symbols among the values write to."""
    for value in values:
        if isinstance(value, Symbol):
            return value.graph
    raise Untraceable("no array takes part")


def as_node(graph: Graph, value: Any, dtype: Any = None) -> Node:
    """The node of a symbol, setting, number or array; `dtype` for what is not bound to one."""
    if isinstance(value, Symbol):
        return value.node
    if isinstance(value, Setting):
        node = graph.input(value, (), np.float64)
        return graph.cast(node, dtype or np.float64)
    if isinstance(value, NUMBERS) and dtype is not None:
        return graph.constant(value, dtype)
    return graph.constant(value)


def type_of(value: Any) -> Any:
    """What a value counts as in NumPy's promotion: a dtype, or a Python type."""
    if isinstance(value, Symbol):
        return value.dtype
    if isinstance(value, Setting):
        value = value.value
    if isinstance(value, bool):
        return np.dtype(bool)
    if isinstance(value, NUMBERS):
        return type(value)
    return np.asarray(value).dtype


def call_ufunc(
    function: Any, args: Any, out: Any = None, where: Any = True, dtype: Any = None, **rest: Any
) -> Any:
    """A ufunc on symbols, numbers and arrays."""
    if (rest and rest.keys() - {"casting", "order", "subok"}) or function.nout != 1:
        raise Untraceable(f"np.{function.__name__} is called in a way that has no lowering")
    graph = graph_of((*args, *(out or ())))
    if function is np.matmul:
        return into(out, product(graph, *args))
    types = (*map(type_of, args), None if out is None else type_of(out[0]))
    if dtype is not None:
        types = (*[np.dtype(dtype)] * len(args), np.dtype(dtype))
    *loops, result = loop_of(function, types, rest.get("casting", "same_kind"))
    inputs = tuple(
        graph.cast(as_node(graph, a, loop), loop) for a, loop in zip(args, loops, strict=True)
    )
    name = "divide" if function is np.true_divide else function.__name__
    node = graph.elementwise(name, inputs, result)
    if where is not True:
        if out is None:
            raise Untraceable("a ufunc with where= leaves elements without a value")
        kept = as_node(graph, out[0])
        node = graph.elementwise(
            "where", (as_node(graph, where), graph.cast(node, kept.dtype), kept), kept.dtype
        )
    return into(out, Symbol(Cell(graph, node)))


@functools.lru_cache(maxsize=1024)
def loop_of(function: Any, types: tuple[Any, ...], casting: str) -> tuple[Any, ...]:
    """The dtypes in which a ufunc takes inputs of these types, and that of its result."""
    try:
        return tuple(function.resolve_dtypes(types, casting=casting))
    except TypeError as error:
        raise Untraceable(str(error)) from None


def into(out: Any, found: Symbol) -> Any:
    """`found`, or `out` after it was written there."""
    if out is None:
        return found
    target = out[0] if isinstance(out, tuple) else out
    if not isinstance(target, Symbol):
        raise Untraceable("a result is written into an array that is not known")
    target.write(found)
    return target


def product(graph: Graph, a: Any, b: Any) -> Symbol:
    """A product of matrices."""
    x, y = as_node(graph, a), as_node(graph, b)
    if x.dtype != y.dtype or x.dtype.kind != "f" or x.dtype.itemsize < 4:
        raise Untraceable(f"a product of {x.dtype} and {y.dtype}")
    if len(x.shape) < 2 or len(y.shape) < 2:
        raise Untraceable("a product with a vector")
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    shape = (*batch, x.shape[-2], y.shape[-1])
    return Symbol(Cell(graph, graph.add("matmul", (x, y), (), shape, x.dtype)))


NAMES = {
    np.add: "sum", np.maximum: "max", np.minimum: "min", np.multiply: "prod",
    np.logical_or: "any", np.logical_and: "all",
}  # fmt: skip


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """Axes as NumPy takes them, as sorted dimensions."""
    if axis is None:
        return tuple(range(ndim))
    several = axis if isinstance(axis, (tuple, list)) else (axis,)
    return tuple(sorted(normalize_dim(d, ndim) for d in several))


def reduce(
    x: Any,
    function: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = None,
    out: Any = None,
    where: Any = True,
) -> Any:
    """A reduction, as `function.reduce` does it."""
    name = NAMES.get(function)
    if name is None or where is not True:
        raise Untraceable(f"np.{function.__name__}.reduce has no lowering")
    graph, dims = x.graph, axes_of(axis, x.ndim)
    node = x.node
    if name in ("any", "all"):
        node = graph.cast(node, bool)
    elif name in ("sum", "prod"):
        found = function.reduce(np.zeros(1, node.dtype), dtype=dtype).dtype
        node = graph.cast(node, found)
    empty = any(x.shape[d] == 0 for d in dims)
    if empty:
        raise Untraceable("a reduction of no elements")
    node = graph.reduce(name, node, dims)
    neutral = {"max": -math.inf, "min": math.inf, "sum": 0, "prod": 1}.get(name)
    if initial is not None and initial != neutral:
        raise Untraceable("a reduction that starts from a number of its own")
    if not keepdims:
        kept = tuple(n for d, n in enumerate(node.shape) if d not in dims)
        node = graph.view(node, (("reshape", kept),))
    return into(out, Symbol(Cell(graph, node)))


def where(condition: Any, x: Any, y: Any) -> Symbol:
    """np.where(condition, x, y)"""
    graph = graph_of((condition, x, y))
    types = [type_of(x), type_of(y)]
    samples = [np.empty(0, t) if isinstance(t, np.dtype) else t(0) for t in types]
    dtype = np.result_type(*samples)
    inputs = tuple(graph.cast(as_node(graph, v, dtype), dtype) for v in (x, y))
    test = graph.cast(as_node(graph, condition), bool)
    return Symbol(Cell(graph, graph.elementwise("where", (test, *inputs), dtype)))


def index_steps(shape: tuple[int, ...], key: Any) -> tuple[Any, ...]:
    """NumPy's basic indexing as steps of a path."""
    keys = list(key) if isinstance(key, tuple) else [key]
    for k in keys:
        if not (
            k is None or k is Ellipsis or isinstance(k, (int, np.integer, slice))
        ) or isinstance(k, bool):
            raise Untraceable("elements are picked by an array")
    given = sum(k is not None and k is not Ellipsis for k in keys)
    if Ellipsis not in keys:
        keys.append(Ellipsis)
    i = keys.index(Ellipsis)
    keys[i : i + 1] = [slice(None)] * (len(shape) - given)
    entries: list[Any] = []
    result: list[int] = []
    dims = iter(shape)
    for k in keys:
        if k is None:
            result.append(1)
            continue
        n = next(dims)
        if isinstance(k, slice):
            span = range(n)[k]
            entries.append((span.start if len(span) else 0, span.step, len(span)))
            result.append(len(span))
        else:
            k = int(k)
            if not -n <= k < n:
                raise IndexError(f"index {k} is out of bounds for a dimension of size {n}")
            entries.append(k % n)
    steps: list[Any] = [("index", tuple(entries))]
    if None in keys:
        steps.append(("reshape", tuple(result)))
    return tuple(steps)


# NumPy's functions by themselves; `functions` fills it.
FUNCTIONS: dict[Any, Callable[..., Any]] = {}
