"""The operations that have kernels of their own: products, convolutions, sums by index."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sangja.backend.native import convolution, matmul, scatter
from sangja.backend.native.image import Conv
from sangja.backend.native.spec import Gemm
from sangja.backend.native.steps import Unsupported
from sangja.compile.tasks import Call, Place, over, short


@dataclass
class Made:
    """Kernels for a call, in order: each with the places of its operands (None: the workspace)
    and whether one thread runs it; and the bytes of the workspace. `packs`: the first kernel does
    nothing but bring its operand into the workspace, which others may use as well."""

    stages: list[tuple[Any, list[Place | None], bool]] = field(default_factory=list)
    workspace: int = 0
    packs: bool = False


def kernels_for(call: Call) -> Made | None:
    """The kernels of a call; None if NumPy computes it."""
    maker = MAKERS.get(call.nodes[0].op)
    if maker is None or not all(math.prod(p.strided.shape) for p in (*call.reads, *call.writes)):
        return None
    try:
        return maker(call)
    except Unsupported:
        return None


def made(plan: Any, roles: dict[str, Place]) -> Made:
    """A native plan with its roles filled in."""
    stages = [
        (kernel, [roles.get(name) for name in names], serial)
        for kernel, names, serial in plan.stages
    ]
    return Made(stages, plan.workspace)


def product(call: Call) -> Made:
    """A product of matrices, with its tail."""
    node = call.nodes[0]
    a, b, c = *call.reads[:2], call.writes[0]
    full = (*node.shape[:-2], 1, 1)
    strides = []
    for place in (a, b, c):
        lead = over(place.strided, (*full[:-2], *place.strided.shape[-2:]))
        assert lead is not None
        strides.append((*lead[:-2], *place.strided.strides[-2:]))
    (*batch, m, n), k, (sa, sb, sc), tail = node.shape, a.strided.shape[-1], strides, call.tail
    gemm = Gemm(tuple(batch), m, n, k, sa, sb, sc, short(node.dtype))
    if tail:
        gemm = replace(gemm, epilogue=tail.steps, operands=tail.operands)
    plan = matmul.plan(gemm)
    found = made(plan, {"a": a, "b": b, "c": c, **(tail.roles if tail else {})})
    found.packs = plan.packs
    return found


def convolve(call: Call) -> Made:
    """One of the three convolutions, channels last."""
    node = call.nodes[0]
    x, y, out = *call.reads[:2], call.writes[0]
    stride, padding, dilation, groups = node.params
    names = {
        "conv": ("x", "w", "out"),
        "conv_image": ("g", "w", "dx"),
        "conv_weight": ("g", "x", "dw"),
    }
    first, second, third = names[node.op]
    image = {"conv": x, "conv_image": out, "conv_weight": y}[node.op]
    outer = {"conv": out, "conv_image": x, "conv_weight": x}[node.op]
    weight = {"conv": y, "conv_image": y, "conv_weight": out}[node.op]
    spec = Conv(
        node.op, image.strided.shape, outer.strided.shape, weight.strided.shape, stride, padding,
        dilation, groups, short(node.dtype),
    )  # fmt: skip
    tail = call.tail
    if tail:
        operands = tuple((d, (s[0], *s[2:], s[1])) for d, s in tail.operands)
        spec = replace(spec, epilogue=tail.steps, operands=operands)
    roles = {first: x, second: y, third: out, **(tail.roles if tail else {})}
    return made(convolution.plan(spec), roles)


def scatter_add(call: Call) -> Made:
    """Rows added up where an index says."""
    values, at = call.reads
    (out,) = call.writes
    spec = scatter.ScatterAdd(
        out.strided.shape[0], values.strided.shape, values.strided.strides,
        at.strided.strides[0], short(at.buffer.dtype), short(values.buffer.dtype),
    )  # fmt: skip
    return made(scatter.plan(spec), {"values": values, "at": at, "out": out})


MAKERS: dict[str, Callable[[Call], Made]] = {
    "matmul": product,
    "conv": convolve,
    "conv_image": convolve,
    "conv_weight": convolve,
    "scatter_add": scatter_add,
}
