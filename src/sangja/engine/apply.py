"""The hottest path of the library: compute one operation and remember it."""

from __future__ import annotations

import contextvars
import functools
import threading
from typing import Any

import numpy as np

from sangja.core import dtypes
from sangja.core.errors import OperandError
from sangja.core.settings import settings
from sangja.engine.explain import explain
from sangja.engine.mode import MODE
from sangja.engine.primitive import Primitive
from sangja.engine.tensor import (
    NOTHING,
    RESULTS,
    SEVERAL,
    Node,
    Tensor,
    View,
    create,
    node_of,
    version_of,
    wrap,
)
from sangja.engine.version import INFERENCE

ndarray = np.ndarray
NUMBERS = -8  # marks, in a count of dtypes, that an operand is no tensor


class Quiet(threading.local):
    """Runs a function with NumPy's floating-point warnings off, as PyTorch computes.

    A context of its own per thread costs 15 ns a call, where `np.errstate` costs 350.
    """

    def __init__(self) -> None:
        context = contextvars.Context()
        context.run(np.seterr, all="ignore")
        self.run = context.run


quiet = Quiet()


def apply(primitive: type[Primitive], *inputs: Any, **static: Any) -> Any:
    """The result of a primitive. On arrays alone an array; if any input is a tensor, a tensor that
    remembers how it was made, when an input requires a gradient."""
    arrays = []
    needs, bit, dtype, dtype_count = 0, 1, None, 0
    for x in inputs:
        if isinstance(x, Tensor):
            if x._view is not None:
                node_of(x)
            if x._requires_grad:
                needs |= bit
            array = x.array
            arrays.append(array)
            if array.dtype is not dtype:
                dtype = array.dtype
                dtype_count += 1
        else:
            arrays.append(x)
            if dtype_count >= 0:
                dtype_count += NUMBERS
        bit <<= 1
    if dtype is None:
        return quiet.run(primitive.forward, np, *arrays, **static)
    if primitive.promotes and dtype_count != 1:
        whole = primitive.floats and dtype.kind not in "fcV"
        if whole or dtype_count != NUMBERS + 1 or not plain_numbers(arrays, dtype):
            arrays = promote(primitive, arrays)
    elif primitive.floats and dtype.kind not in "fcV":
        arrays = [a.astype(settings.default_dtype) for a in arrays]
    forward = primitive.forward
    mixed = dtype_count not in (1, NUMBERS + 1)
    if (dtype.kind == "V" or (mixed and any(map(is_short, arrays)))) and not primitive.views:
        forward = in_float32(forward, dtypes.bfloat16.dtype)
    try:
        out = quiet.run(forward, np, *arrays, **static)
    except Exception as error:
        raise explain(error, primitive, arrays) from error
    if out.__class__ is tuple:
        return remember_several(primitive, needs & primitive.differentiable, inputs, static, out)
    z = create(Tensor)
    z.array = out if out.__class__ is ndarray else np.asarray(out)
    z._node = z._grad = z._counter = z._view = z._hooks = None
    mode = MODE.get()
    needs &= primitive.differentiable
    if needs and mode.grad:
        z._requires_grad = True
        remember(primitive, needs, inputs, static, z)
    else:
        z._requires_grad = False
        if mode.inference:
            z._counter = INFERENCE
    if primitive.views:
        link_view(z, inputs[0], apply, primitive, static)
    if mode.watch is not None:
        mode.watch(primitive, inputs, static, z)
    return z


def in_float32(forward: Any, short: np.dtype[Any]) -> Any:
    """A forward rule for bfloat16: computes in float32 and rounds the result, as PyTorch does."""

    def compute(xp: Any, *arrays: Any, **static: Any) -> Any:
        wide = [a.astype(np.float32) if is_short(a) else a for a in arrays]
        wanted = static.get("dtype", short)
        if wanted == short and "dtype" in static:
            static = {**static, "dtype": np.dtype(np.float32)}
        out = forward(xp, *wide, **static)
        if wanted not in (None, short) or not any(map(is_short, arrays)):
            return out
        several = out if out.__class__ is tuple else (out,)
        rounded = tuple(z.astype(short) if z.dtype == np.float32 else z for z in several)
        return rounded if out.__class__ is tuple else rounded[0]

    return compute


def is_short(value: Any) -> bool:
    """Whether it is an array of bfloat16."""
    return value.__class__ is ndarray and value.dtype.kind == "V"


def remember(
    primitive: type[Primitive],
    needs: int,
    inputs: tuple[Any, ...],
    static: dict[str, Any],
    z: Tensor,
) -> None:
    """Give `z` a node that holds what the rules name, and no more."""
    plan = primitive.plans.get(needs) or primitive.plan(needs)
    node = z._node = Node()
    node.plan = plan
    node.static = static
    node.versions = node.extra = None
    node.edges = edges = []
    node.targets = targets = []
    for i in plan.needs:
        x = inputs[i]
        edges.append(x._node or x)
        targets.append((x.array.shape, x.array.dtype))
    if not (plan.keep or plan.keeps_out or plan.extras or plan.keeps_rest):
        node.kept = NOTHING
        return
    kept: list[Any] = []
    node.kept = kept
    for i in plan.keep:
        x = inputs[i]
        if isinstance(x, Tensor) and x._counter is not None:
            node.versions = node.versions or {}
            node.versions[len(kept)] = x._counter.token(x.array)
        kept.append(x)
    if plan.keeps_out:
        kept.append(z.array)
    for name, position in plan.extras:
        kept.append(extra_value(name, position, plan, inputs, static))
    if plan.keeps_rest:
        for x in inputs[len(primitive.inputs) :]:
            if isinstance(x, Tensor) and x._counter is not None:
                node.versions = node.versions or {}
                node.versions[len(kept)] = x._counter.token(x.array)
            kept.append(x)


def extra_value(
    name: str, position: int | None, plan: Any, inputs: tuple[Any, ...], static: dict[str, Any]
) -> Any:
    """A rule's parameter that is neither input nor result (see `Primitive`)."""
    if position is not None:
        return np.shape(array_of(inputs[position]))
    if name == "needs":
        return tuple(bool(plan.mask >> i & 1) for i in range(len(inputs)))
    if name == "shapes":
        return tuple(np.shape(array_of(x)) for x in inputs)
    return static[name]


def array_of(x: Any) -> Any:
    """The array in a tensor; anything else as it is."""
    return x.array if isinstance(x, Tensor) else x


class Pick(Primitive):
    """One of the results of an operation with several; its edge leads to the shared node, where the
    engine collects the gradients of all of them."""

    def forward(xp, several, *, index):
        return several[index]

    def dseveral(g):
        return g


def remember_several(
    primitive: type[Primitive],
    needs: int,
    inputs: tuple[Any, ...],
    static: dict[str, Any],
    arrays: tuple[Any, ...],
) -> tuple[Tensor, ...]:
    """The results of an operation that has several; `dall` gets the tuple of their gradients."""
    results = tuple(wrap(a) for a in arrays)
    mode = MODE.get()
    if needs and mode.grad:
        whole = wrap(np.empty(0))
        remember(primitive, needs, inputs, static, whole)
        node = whole._node
        assert node is not None and node.kept is not None
        if node.plan.keeps_out:
            node.kept[len(node.plan.keep)] = arrays
        node.static = {**static, RESULTS: [(a.shape, a.dtype) for a in arrays]}
        for index, z in enumerate(results):
            remember_pick(whole, index, z)
    elif mode.inference:
        for z in results:
            z._counter = INFERENCE
    if primitive.views:
        for index, z in enumerate(results):
            link_view(z, inputs[0], apply_and_pick, index, primitive, static)
    if mode.watch is not None:
        mode.watch(primitive, inputs, static, results)
    return results


def remember_pick(whole: Tensor, index: int, z: Tensor) -> None:
    """Let `z` be the result number `index` of the operation that `whole` stands for."""
    if dtypes.is_differentiable(z.array.dtype):
        z._requires_grad = True
        remember(Pick, 1, (whole,), {"index": index}, z)
        z._node.targets = [SEVERAL]  # type: ignore[union-attr]


def apply_and_pick(index: int, primitive: type[Primitive], x: Any, **static: Any) -> Any:
    """One of several results: how a view among them is found again in another base."""
    return apply(primitive, x, **static)[index]


def link_view(z: Tensor, x: Any, look: Any, *given: Any) -> None:
    """If `z` looks into the memory of `x`, note it: they share a version, and writes through one
    are seen in the other's history. `look` with what is `given` (static arguments last) finds
    it."""
    if not isinstance(x, Tensor):
        return
    owner = x.array.base if isinstance(x.array.base, ndarray) else x.array
    if z.array is x.array:
        z.array = x.array.view()
    elif z.array.base is not owner and z.array.base is not x.array:
        return
    version = z._counter = version_of(x)
    look = functools.partial(look, *given[:-1], **given[-1])
    if x._view is None:
        z._view = View(x, (look,), version.number)
    else:
        z._view = View(x._view.base, (*x._view.path, look), version.number)


def promote(primitive: type[Primitive], operands: list[Any]) -> list[Any]:
    """The operands brought to one dtype by PyTorch's rule. Python numbers stay as they are where
    NumPy treats them alike."""
    names = primitive.promotes
    chosen = [
        i
        for i in range(len(operands))
        if names is True or primitive.inputs[i] in names  # type: ignore[operator]
    ]
    values = [operands[i] for i in chosen]
    for i, value in zip(chosen, values, strict=True):
        if value.__class__ is not ndarray and dtypes.scalar_dtype(value) is None:
            raise OperandError(
                f"{primitive.__name__.lower()}: operand {i + 1} is a {type(value).__name__}; "
                "expected a tensor, a NumPy array or a number"
            )
    dtype = dtypes.result_dtype(values)
    if primitive.floats and dtype.kind not in "fcV":
        dtype = settings.default_dtype
    result = list(operands)
    for i, value in zip(chosen, values, strict=True):
        if value.__class__ is not ndarray:
            result[i] = np.asarray(value).astype(np.float32 if dtype.kind == "V" else dtype)
        elif value.dtype != dtype:
            result[i] = value.astype(dtype)
    return result


def plain_numbers(operands: list[Any], dtype: np.dtype[Any]) -> bool:
    """Whether all operands but tensors of one dtype are Python numbers that do not change it."""
    for value in operands:
        kind = value.__class__
        if kind is not ndarray and not (
            (kind is float and dtype.kind == "f")
            or (kind is int and (dtype.kind == "f" or dtype == np.int64))
        ):
            return False
    return True
