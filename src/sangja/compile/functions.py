"""NumPy's functions on symbols, and the namespace that rules get in place of NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from sangja.compile.graph import Graph
from sangja.compile.setting import Untraceable
from sangja.compile.symbolic import (
    FUNCTIONS,
    Cell,
    Symbol,
    as_node,
    axes_of,
    call_ufunc,
    graph_of,
    into,
    type_of,
    where,
)
from sangja.core.shapes import normalize_dim


def concatenate(arrays: Any, axis: int = 0, **rest: Any) -> Any:
    """Arrays end to end: memory, and each put in its place."""
    graph = graph_of(arrays)
    nodes = [as_node(graph, a) for a in arrays]
    axis = normalize_dim(axis, len(nodes[0].shape))
    dtype = np.result_type(*[n.dtype for n in nodes])
    total = sum(n.shape[axis] for n in nodes)
    shape = tuple(total if d == axis else n for d, n in enumerate(nodes[0].shape))
    if len(nodes) == 1:
        return Symbol(Cell(graph, graph.cast(nodes[0], dtype)))
    whole = Symbol(Cell(graph, graph.empty(shape, dtype)))
    start = 0
    for node in nodes:
        stop = start + node.shape[axis]
        key = (slice(None),) * axis + (slice(start, stop),)
        if node.size:
            whole[key].write(Symbol(Cell(graph, node)))
        start = stop
    return whole


def stack(arrays: Any, axis: int = 0, **rest: Any) -> Any:
    graph = graph_of(arrays)
    symbols = [Symbol(Cell(graph, as_node(graph, a))) for a in arrays]
    axis = normalize_dim(axis, symbols[0].ndim + 1)
    key = (slice(None),) * axis + (None,)
    return concatenate([s[key] for s in symbols], axis)


def moveaxis(x: Symbol, source: Any, destination: Any) -> Any:
    sources = [source] if isinstance(source, int) else list(source)
    targets = [destination] if isinstance(destination, int) else list(destination)
    sources = [normalize_dim(d, x.ndim) for d in sources]
    targets = [normalize_dim(d, x.ndim) for d in targets]
    order = [d for d in range(x.ndim) if d not in sources]
    for target, d in sorted(zip(targets, sources, strict=True)):
        order.insert(target, d)
    return x.transpose(tuple(order))


def clip(x: Any, low: Any = None, high: Any = None, out: Any = None, **_: Any) -> Any:
    found = x
    if low is not None:
        found = call_ufunc(np.maximum, (found, low))
    if high is not None:
        found = call_ufunc(np.minimum, (found, high))
    return into(out, found)


def copyto(target: Any, source: Any, casting: str = "same_kind", where: Any = True) -> None:
    if not isinstance(target, Symbol) or where is not True:
        raise Untraceable("np.copyto into an array that is not known")
    target.write(source)


def filled(value: Any) -> Callable[..., Symbol]:
    def like(x: Symbol, fill: Any = value, dtype: Any = None, **_: Any) -> Any:
        dtype = np.dtype(dtype or x.dtype)
        shape = _.get("shape", x.shape)
        return full(x.graph, shape if shape is not None else x.shape, fill, dtype)

    return like


def full(graph: Graph, shape: Any, value: Any, dtype: Any) -> Any:
    """New memory with one number everywhere, or without values (None)."""
    shape = (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape)
    if value is None:
        return Symbol(Cell(graph, graph.empty(shape, dtype)))
    number = graph.cast(as_node(graph, value, dtype), dtype)
    return Symbol(Cell(graph, graph.view(number, (("expand", shape),))))


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """np.linalg.norm of vectors, for the usual orders."""
    if axis is None and x.ndim > 1 and ord is not None:
        raise Untraceable("the norm of a matrix")
    size = call_ufunc(np.absolute, (x,))
    if ord in (None, 2, 2.0):
        return call_ufunc(np.sqrt, (call_ufunc(np.square, (x,)).sum(axis, keepdims=keepdims),))
    if ord == math.inf:
        return size.max(axis, keepdims=keepdims)
    if ord == 1:
        return size.sum(axis, keepdims=keepdims)
    return call_ufunc(np.power, ((size**ord).sum(axis, keepdims=keepdims), 1 / ord))


def array(x: Any, dtype: Any = None, copy: Any = True, order: str = "K", **_: Any) -> Any:
    if isinstance(x, (list, tuple)):
        x = stack(x)
    return x.copy() if dtype is None else x.astype(dtype)


def expand_dims(x: Symbol, axis: Any) -> Any:
    count = x.ndim + (len(axis) if isinstance(axis, tuple) else 1)
    new = axes_of(axis, count)
    old = iter(x.shape)
    return x.reshape(tuple(1 if d in new else next(old) for d in range(count)))


FUNCTIONS |= {
    np.concatenate: concatenate,
    np.stack: stack,
    np.moveaxis: moveaxis,
    np.expand_dims: expand_dims,
    np.clip: clip,
    np.copyto: copyto,
    np.where: where,
    np.sum: Symbol.sum,
    np.mean: Symbol.mean,
    np.max: Symbol.max,
    np.min: Symbol.min,
    np.amax: Symbol.max,
    np.amin: Symbol.min,
    np.prod: Symbol.prod,
    np.any: Symbol.any,
    np.all: Symbol.all,
    np.reshape: lambda x, shape, **_: x.reshape(shape),
    np.transpose: lambda x, axes=None: x.transpose(*([] if axes is None else [axes])),
    np.diagonal: Symbol.diagonal,
    np.swapaxes: Symbol.swapaxes,
    np.squeeze: Symbol.squeeze,
    np.ravel: Symbol.ravel,
    np.broadcast_to: lambda x, shape, **_: x.expand(
        (shape,) if isinstance(shape, int) else tuple(shape)
    ),
    np.flip: lambda x, axis=None: x[
        tuple(
            slice(None, None, -1) if d in axes_of(axis, x.ndim) else slice(None)
            for d in range(x.ndim)
        )
    ],
    np.copy: Symbol.copy,
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x: x.size,
    np.iscomplexobj: lambda x: x.dtype.kind == "c",
    np.may_share_memory: lambda *_: True,
    np.empty_like: filled(None),
    np.zeros_like: filled(0),
    np.ones_like: filled(1),
    np.full_like: lambda x, value, dtype=None, **_: filled(value)(x, dtype=dtype),
    np.linalg.norm: norm,
}


class Namespace:
    """What a rule gets as `xp`: NumPy, with new memory that belongs to the graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def empty(self, shape: Any, dtype: Any = float, **_: Any) -> Any:
        return full(self.graph, shape, None, dtype)

    def zeros(self, shape: Any, dtype: Any = float, **_: Any) -> Any:
        return full(self.graph, shape, 0, dtype)

    def ones(self, shape: Any, dtype: Any = float, **_: Any) -> Any:
        return full(self.graph, shape, 1, dtype)

    def full(self, shape: Any, value: Any, dtype: Any = None, **_: Any) -> Any:
        return full(self.graph, shape, value, type_of(value) if dtype is None else dtype)

    def array(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        several = isinstance(x, (list, tuple)) and any(isinstance(v, Symbol) for v in x)
        return array(x, *args, **kwargs) if several or isinstance(x, Symbol) else np.array(x, *args)

    def asarray(self, x: Any, dtype: Any = None, **_: Any) -> Any:
        if isinstance(x, Symbol):
            return x if dtype is None else x.astype(dtype, copy=False)
        return self.array(x, dtype)
