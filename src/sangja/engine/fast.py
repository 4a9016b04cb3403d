"""Short cuts of `apply` for the shapes of operation that programs on small tensors are made of.

`unary` and `binary` do what `apply` does, without loops and argument packing, when the inputs are
tensors of one dtype, or such a tensor and a Python number, and there are no static arguments; in
every other case they call it. `single` is for one tensor and static arguments, `look` for views of
one; `at_once` computes several primitives where nothing is remembered. They take a recorded 8×8
operation from 1.8 to 1.2 µs (`benchmarks/chain.py`); a test holds them against `apply`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.engine.apply import apply, link_view, quiet, remember
from sangja.engine.explain import explain
from sangja.engine.mode import MODE, Mode
from sangja.engine.primitive import Primitive
from sangja.engine.tensor import NOTHING, Node, Tensor, create, node_of
from sangja.engine.version import INFERENCE

NO_STATIC: dict[str, Any] = {}


def unary(primitive: type[Primitive], x: Any) -> Any:
    """`apply(primitive, x)`."""
    mode = MODE.get()
    if (x.__class__ is not Tensor and not isinstance(x, Tensor)) or mode.watch is not None:
        return apply(primitive, x)
    array = x.array
    kind = array.dtype.kind
    if kind != "f" and (primitive.floats or kind == "V"):
        return apply(primitive, x)
    try:
        out = quiet.run(primitive.forward, np, array)
    except Exception as error:
        raise explain(error, primitive, [array]) from error
    z = create(Tensor)
    z.array = out if out.__class__ is np.ndarray else np.asarray(out)
    z._node = z._grad = z._counter = z._view = z._hooks = None
    z._requires_grad = False
    if x._view is not None:
        node_of(x)
    if x._requires_grad and mode.grad and primitive.differentiable:
        z._requires_grad = True
        plan = primitive.plans.get(1) or primitive.plan(1)
        node = z._node = Node()
        node.plan = plan
        node.static = NO_STATIC
        node.targets = node.versions = node.extra = None
        node.edges = [x._node or x]
        if plan.keep:
            node.kept = [x, z.array] if plan.keeps_out else [x]
            if x._counter is not None:
                node.versions = {0: x._counter.token(array)}
        else:
            node.kept = [z.array] if plan.keeps_out else NOTHING
    elif mode.inference:
        z._counter = INFERENCE
    return z


def with_history(
    primitive: type[Primitive], x: Tensor, static: dict[str, Any], out: Any, mode: Mode
) -> Tensor:
    """The result `out` of a primitive as a tensor that remembers where it comes from."""
    z = create(Tensor)
    z.array = out if out.__class__ is np.ndarray else np.asarray(out)
    z._node = z._grad = z._counter = z._view = z._hooks = None
    z._requires_grad = False
    if x._view is not None:
        node_of(x)
    if x._requires_grad and mode.grad and primitive.differentiable:
        z._requires_grad = True
        remember(primitive, 1, (x,), static, z)
    elif mode.inference:
        z._counter = INFERENCE
    return z


def single(primitive: type[Primitive], x: Any, static: dict[str, Any]) -> Any:
    """`apply(primitive, x, **static)`, for primitives with one result that is no view."""
    mode = MODE.get()
    if (x.__class__ is not Tensor and not isinstance(x, Tensor)) or mode.watch is not None:
        return apply(primitive, x, **static)
    array = x.array
    kind = array.dtype.kind
    if kind != "f" and (primitive.floats or kind == "V"):
        return apply(primitive, x, **static)
    try:
        out = quiet.run(primitive.forward, np, array, **static)
    except Exception as error:
        raise explain(error, primitive, [array]) from error
    return with_history(primitive, x, static, out, mode)


def look(primitive: type[Primitive], x: Any, static: dict[str, Any]) -> Any:
    """`apply(primitive, x, **static)`, for primitives that are views: they compute nothing that
    NumPy could warn of."""
    mode = MODE.get()
    if (x.__class__ is not Tensor and not isinstance(x, Tensor)) or mode.watch is not None:
        return apply(primitive, x, **static)
    array = x.array
    try:
        out = primitive.forward(np, array, **static)
    except Exception as error:
        raise explain(error, primitive, [array]) from error
    z = with_history(primitive, x, static, out, mode)
    link_view(z, x, apply, primitive, static)
    return z


def at_once(rule: Any, *inputs: Tensor | None, **static: Any) -> Tensor | None:
    """`rule(xp, *arrays, **static)` as a tensor, where no history would be kept: what otherwise
    are several primitives, in one call. None where it is to be those: a gradient may be wanted,
    somebody watches, or the rule fails, which one of them can say better."""
    mode = MODE.get()
    if mode.watch is not None:
        return None
    arrays: list[Any] = []
    for x in inputs:
        if x is None:
            arrays.append(None)
            continue
        if x._view is not None:
            node_of(x)
        if (x._requires_grad and mode.grad) or x.array.dtype.kind == "V":
            return None
        arrays.append(x.array)
    try:
        out = quiet.run(rule, np, *arrays, **static)
    except Exception:
        return None
    z = create(Tensor)
    z.array = out if out.__class__ is np.ndarray else np.asarray(out)
    z._node = z._grad = z._counter = z._view = z._hooks = None
    z._requires_grad = False
    if mode.inference:
        z._counter = INFERENCE
    return z


def binary(primitive: type[Primitive], x: Any, y: Any) -> Any:
    """`apply(primitive, x, y)`."""
    mode = MODE.get()
    if (
        (x.__class__ is not Tensor and not isinstance(x, Tensor))  # the first test is the cheaper
        or (y.__class__ is not Tensor and not isinstance(y, Tensor))
        or mode.watch is not None
    ):
        if mode.watch is None:
            if y.__class__ is float or y.__class__ is int:
                return with_number(primitive, x, y, x, 1)
            if x.__class__ is float or x.__class__ is int:
                return with_number(primitive, x, y, y, 2)
        return apply(primitive, x, y)
    a, b = x.array, y.array
    if a.dtype is not b.dtype or a.shape != b.shape or (primitive.floats and a.dtype.kind != "f"):
        return apply(primitive, x, y)
    try:
        out = quiet.run(primitive.forward, np, a, b)
    except Exception as error:
        raise explain(error, primitive, [a, b]) from error
    z = create(Tensor)
    z.array = out if out.__class__ is np.ndarray else np.asarray(out)
    z._node = z._grad = z._counter = z._view = z._hooks = None
    z._requires_grad = False
    if x._view is not None:
        node_of(x)
    if y._view is not None:
        node_of(y)
    if x._requires_grad:
        needs, edges = (
            (3, [x._node or x, y._node or y]) if y._requires_grad else (1, [x._node or x])
        )
    elif y._requires_grad:
        needs, edges = 2, [y._node or y]
    else:
        if mode.inference:
            z._counter = INFERENCE
        return z
    if mode.grad and primitive.differentiable:
        z._requires_grad = True
        plan = primitive.plans.get(needs) or primitive.plan(needs)
        node = z._node = Node()
        node.plan = plan
        node.static = NO_STATIC
        node.targets = node.versions = node.extra = None
        node.edges = edges
        keep = plan.keep
        if not keep:
            node.kept = [z.array] if plan.keeps_out else NOTHING
        else:
            kept: list[Any] = [x, y] if len(keep) == 2 else [y] if keep[0] else [x]
            node.kept = kept
            for i, value in enumerate(kept):
                if value._counter is not None:
                    node.versions = node.versions or {}
                    node.versions[i] = value._counter.token(value.array)
            if plan.keeps_out:
                kept.append(z.array)
    elif mode.inference:
        z._counter = INFERENCE
    return z


def with_number(primitive: type[Primitive], x: Any, y: Any, tensor: Any, needs: int) -> Any:
    """`binary` of a tensor (the first operand if `needs` is 1, the second if 2) and a number."""
    if tensor.__class__ is not Tensor or tensor.array.dtype.kind != "f" or not primitive.promotes:
        return apply(primitive, x, y)
    array = tensor.array
    a, b = (array, y) if needs == 1 else (x, array)
    try:
        out = quiet.run(primitive.forward, np, a, b)
    except Exception as error:
        raise explain(error, primitive, [a, b]) from error
    z = create(Tensor)
    z.array = out if out.__class__ is np.ndarray else np.asarray(out)
    z._node = z._grad = z._counter = z._view = z._hooks = None
    z._requires_grad = False
    if tensor._view is not None:
        node_of(tensor)
    if tensor._requires_grad and needs & primitive.differentiable and MODE.get().grad:
        z._requires_grad = True
        plan = primitive.plans.get(needs) or primitive.plan(needs)
        node = z._node = Node()
        node.plan = plan
        node.static = NO_STATIC
        node.versions = node.extra = None
        node.targets = [(array.shape, array.dtype)]  # functions of a number alone are float64
        node.edges = [tensor._node or tensor]
        if not plan.keep and not plan.keeps_out:
            node.kept = NOTHING
            return z
        node.kept = [(x, y)[i] for i in plan.keep]
        if tensor._counter is not None and needs - 1 in plan.keep:
            node.versions = {plan.keep.index(needs - 1): tensor._counter.token(array)}
        if plan.keeps_out:
            node.kept.append(z.array)
    elif MODE.get().inference:
        z._counter = INFERENCE
    return z
