"""How primitives are written down whose own rule on arrays would not do.

Most primitives need no entry: their `forward` is called with symbols. Here stand those that have a
kernel of their own (convolution, embedding), those whose rule leaves NumPy's arithmetic or asks for
a value on the way, and those that draw random numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from sangja.compile.functions import Namespace
from sangja.compile.setting import Untraceable
from sangja.compile.symbolic import Cell, Symbol, as_node, call_ufunc, where
from sangja.engine.apply import quiet
from sangja.ops import (
    activation,
    classification,
    conv,
    dropout,
    elementwise,
    embedding,
    index,
    pool,
    random,
    special,
)

Rule = Callable[..., Any]


def new(xp: Namespace, op: str, inputs: Any, params: Any, shape: Any, dtype: Any) -> Any:
    """The result of an operation with a kernel of its own."""
    nodes = tuple(as_node(xp.graph, x) for x in inputs)
    return Symbol(Cell(xp.graph, xp.graph.add(op, nodes, params, tuple(shape), dtype)))


# -- element by element ---------------------------------------------------------------------------


def erf(xp: Namespace, x: Any) -> Any:
    return Symbol(Cell(xp.graph, xp.graph.elementwise("erf", (x.node,), x.dtype)))


def gelu(xp: Namespace, x: Any) -> Any:
    return x * (0.5 * (1 + erf(xp, x * activation.ROOT_HALF)))


def masked(xp: Namespace, x: Any, condition: Any, *, holds: bool) -> Any:
    zero = x.dtype.type(0)
    return where(condition, x, zero) if holds else where(condition, zero, x)


# -- convolution ----------------------------------------------------------------------------------


def convolve(xp: Namespace, x: Any, w: Any, b: Any, *, windows: Any, **static: Any) -> Any:
    check_float(x, w)
    shape = (len(x), len(w), *windows)
    z = new(xp, "conv", (x, w), geometry(**static), shape, x.dtype)
    return z if b is None else z + b.reshape(-1, *[1] * len(windows))


def convolve_image(xp: Namespace, g: Any, w: Any, b: Any, *, sizes: Any, **static: Any) -> Any:
    check_float(g, w)
    shape = (len(g), w.shape[1] * static["groups"], *sizes)
    z = new(xp, "conv_image", (g, w), geometry(**static), shape, g.dtype)
    return z if b is None else z + b.reshape(-1, *[1] * len(sizes))


def convolve_weight(xp: Namespace, g: Any, x: Any, *, kernel: Any, **static: Any) -> Any:
    check_float(g, x)
    shape = (g.shape[1], x.shape[1] // static["groups"], *kernel)
    return new(xp, "conv_weight", (g, x), geometry(**static), shape, x.dtype)


def geometry(stride: Any, padding: Any, dilation: Any, groups: int) -> tuple[Any, ...]:
    """What a convolution needs to know beside the shapes."""
    return tuple(stride), tuple(padding), tuple(dilation), groups


def check_float(*arrays: Any) -> None:
    if any(a.dtype.kind != "f" or a.dtype.itemsize < 4 for a in arrays):
        raise Untraceable(f"a convolution of {arrays[0].dtype}")


# -- pooling --------------------------------------------------------------------------------------


def chosen(xp: Namespace, x: Any, best: Any, **static: Any) -> Any:
    """The first place in each window that equals the maximum, or the last nan there."""
    places = list(pool.window_taps(x, **static))
    dtype = np.min_scalar_type(math.prod(static["kernel"]))
    z = xp.full(best.shape, 0, dtype)
    for i, (_, out, into) in reversed(list(enumerate(places))):
        key = (..., *out)
        z[key] = where(x[(..., *into)] == best[key], dtype.type(i), z[key])
    for i, (_, out, into) in enumerate(places):
        key, part = (..., *out), x[(..., *into)]
        z[key] = where(part != part, dtype.type(i), z[key])
    return z


def put_chosen(xp: Namespace, x: Any, chosen: Any, *, shape: Any, **static: Any) -> Any:
    z = xp.zeros(shape, x.dtype)
    stride, kernel, dilation = static["stride"], static["kernel"], static["dilation"]
    apart = all(s >= d * (k - 1) + 1 for s, k, d in zip(stride, kernel, dilation, strict=True))
    for i, (_, out, into) in enumerate(pool.window_taps(z, **static)):
        part = where(chosen[(..., *out)] == i, x[(..., *out)], x.dtype.type(0))
        if apart:
            z[(..., *into)] = part
        else:
            z[(..., *into)] += part
    return z


def take_chosen(xp: Namespace, x: Any, chosen: Any, **static: Any) -> Any:
    z = xp.zeros(chosen.shape, x.dtype)
    for i, (_, out, into) in enumerate(pool.window_taps(x, **static)):
        z[(..., *out)] += where(chosen[(..., *out)] == i, x[(..., *into)], x.dtype.type(0))
    return z


# -- picking by integers --------------------------------------------------------------------------


def is_class(xp: Namespace, x: Any, target: Any) -> Any:
    """For each row n of x a mask of its columns: where the column is target[n]."""
    columns = np.arange(x.shape[1], dtype=target.dtype)
    return call_ufunc(np.equal, (target.reshape(-1, 1), columns))


def pick(xp: Namespace, x: Any, target: Any) -> Any:
    """x[n, target[n]] for each row n; 0 where the target is no class."""
    return where(is_class(xp, x, target), x, x.dtype.type(0)).sum(axis=1)


def labels(xp: Namespace, target: Any, classes: int, ignored: int) -> None:
    """Note that these labels must be classes, or the one that is ignored."""
    xp.graph.bounds.append((target.node, classes, ignored))


def cross_entropy(
    xp: Namespace, x: Any, lse: Any, target: Any, scale: Any, *, ignore_index: int, total: bool
) -> Any:
    labels(xp, target, x.shape[1], ignore_index)
    z = lse[:, 0] - pick(xp, x, target)
    if not isinstance(scale, float):
        z = where(target == ignore_index, x.dtype.type(0), z)
    z = z * scale if total is False or not isinstance(scale, float) else z
    if not total:
        return z
    return z.sum() * scale if isinstance(scale, float) else z.sum()


def softmax_minus_one_hot(xp: Namespace, x: Any, lse: Any, target: Any) -> Any:
    z = xp.exp(x - lse)
    one = x.dtype.type(1)
    return z - where(is_class(xp, x, inside(xp, target, x)), one, x.dtype.type(0))


def inside(xp: Namespace, target: Any, x: Any) -> Any:
    return xp.minimum(xp.maximum(target, 0), x.shape[1] - 1)


def pick_class(xp: Namespace, x: Any, target: Any, *, ignore_index: int) -> Any:
    labels(xp, target, x.shape[1], ignore_index)
    z = pick(xp, x, inside(xp, target, x))
    return where(target == ignore_index, x.dtype.type(0), z)


def put_class(xp: Namespace, x: Any, target: Any, *, classes: int, ignore_index: int) -> Any:
    zero = x.dtype.type(0)
    kept = where(target == ignore_index, zero, x).reshape(-1, 1)
    columns = np.arange(classes, dtype=target.dtype)
    at = xp.minimum(xp.maximum(target, 0), classes - 1).reshape(-1, 1)
    return where(call_ufunc(np.equal, (at, columns)), kept, zero)


def look_up(xp: Namespace, table: Any, at: Any, *, padding_idx: Any, by_frequency: Any) -> Any:
    xp.graph.bounds.append((at.node, len(table), None))
    return take(xp, table, at)


def take(xp: Namespace, table: Any, at: Any) -> Any:
    """table[at], rows picked by an array of integers."""
    last = len(table) - 1
    at = xp.minimum(xp.maximum(at, 0), last)
    return new(xp, "take", (table, at), (), (*at.shape, *table.shape[1:]), table.dtype)


def embedding_table(xp: Namespace, x: Any, at: Any, *, rows: int, padding_idx: int | None) -> Any:
    flat = at.reshape(-1)
    values = x.reshape(-1, x.shape[-1])
    flat = xp.minimum(xp.maximum(flat, 0), rows - 1)
    z = new(xp, "scatter_add", (values, flat), (), (rows, x.shape[-1]), x.dtype)
    if padding_idx is not None:
        z[padding_idx] = 0
    return z


def pick_rows(xp: Namespace, x: Any, *indices: Any, places: Any) -> Any:
    """`Index` with one array of integers."""
    if len(places) != 1 or not isinstance(indices[0], Symbol) or indices[0].dtype.kind not in "iu":
        raise Untraceable("elements are picked by masks or several arrays")
    (at,), (axis,) = indices, places
    xp.graph.bounds.append((at.node, x.shape[axis], "wrap"))
    at = where(at < 0, at + x.shape[axis], at)
    found = take(xp, xp.moveaxis(x, axis, 0), at)
    order = list(range(at.ndim, at.ndim + axis))
    order += list(range(at.ndim))
    order += list(range(at.ndim + axis, found.ndim))
    return found.transpose(tuple(order))


# -- random numbers -------------------------------------------------------------------------------


def keep_mask(static: dict[str, Any], made: Any) -> Callable[[], Any]:
    """How to draw a dropout mask again."""
    like = np.empty(0, made.dtype)
    rule: Any = dropout.Keep.forward
    return lambda: quiet.run(rule, np, like, **static)


def same_draw(static: dict[str, Any], made: Any) -> Callable[[], Any]:
    """How to draw again what a sampler drew."""
    draw, dtype = static["draw"], made.dtype
    return lambda: np.asarray(draw()).astype(dtype, copy=False)


# Primitives that draw without looking at a value: their numbers are made before the step runs.
DRAWS: dict[Any, Callable[[dict[str, Any], Any], Callable[[], Any]]] = {
    dropout.Keep: keep_mask,
    random.Draw: same_draw,
}


def by_the_host(xp: Namespace, *operands: Any, **static: Any) -> Any:
    raise Untraceable("it draws random numbers that depend on values")


LOWERINGS: dict[Any, Rule] = {
    activation.Gelu: gelu,
    activation.RandomSlopes: by_the_host,
    random.Sample: by_the_host,
    special.Erf: erf,
    elementwise.Masked: masked,
    conv.Convolve: convolve,
    conv.ConvolveImage: convolve_image,
    conv.ConvolveWeight: convolve_weight,
    pool.Chosen: chosen,
    pool.PutChosen: put_chosen,
    pool.TakeChosen: take_chosen,
    classification.CrossEntropy: cross_entropy,
    classification.SoftmaxMinusOneHot: softmax_minus_one_hot,
    classification.PickClass: pick_class,
    classification.PutClass: put_class,
    embedding.Embedding: look_up,
    embedding.EmbeddingTable: embedding_table,
    index.Index: pick_rows,
}
