"""`autograd.functional`: Jacobians, Hessians and products with them, as values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sangja.core.errors import GradientError
from sangja.engine import Tensor, enable_grad
from sangja.func.derivatives import Call, Push, checked, columns_of, rows_of
from sangja.ops.create import ones_like

Func = Callable[..., Any]


def call_of(name: str, func: Func, inputs: Any, create_graph: bool) -> Call:
    """`func` called on `inputs`, a tensor or a tuple of tensors."""
    args = inputs if isinstance(inputs, tuple) else (inputs,)
    call = Call(name, func, args, {}, tuple(range(len(args))), False)
    call.create_graph = create_graph
    return call


def unpacked(values: Any, like: Any) -> Any:
    """As many values as `like` has: one for a tensor."""
    return tuple(values) if isinstance(like, tuple) else values[0]


def scalar(call: Call, name: str) -> Tensor:
    if len(call.outputs) != 1 or call.outputs[0].numel() != 1:
        raise GradientError(
            f"The function given to {name} should return a single element tensor: got shapes "
            f"{[list(z.shape) for z in call.outputs]}"
        )
    return call.outputs[0]


def cotangents(v: Any, call: Call, name: str) -> list[Tensor]:
    if v is not None:
        return checked(v, call.outputs, name, "v", "output")
    if len(call.outputs) != 1 or call.outputs[0].numel() != 1:
        raise GradientError(
            f"{name}: The vector v can only be None if the user-provided function returns a single "
            "Tensor with a single element."
        )
    return [ones_like(call.outputs[0])]


def tangents(v: Any, call: Call, name: str) -> list[Tensor]:
    if v is not None:
        return checked(v, call.inputs, name, "v", "inputs")
    if len(call.inputs) != 1 or call.inputs[0].numel() != 1:
        raise GradientError(
            f"{name}: The vector v can only be None if the input to the user-provided function is "
            "a single Tensor with a single element."
        )
    return [ones_like(call.inputs[0])]


def jacobian(
    func: Func,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """∂func/∂inputs, of shape output.shape + input.shape; tuples of them for tuples.

    `strict` and `vectorize` are taken and change nothing.

    >>> import sangja
    >>> jacobian(lambda x: x * x, sangja.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    call = call_of("jacobian", func, inputs, create_graph)
    blocks = columns_of(call) if strategy == "forward-mode" else rows_of(call)
    return call.shape([unpacked(row, inputs) for row in blocks])


def hessian(
    func: Func,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """∂²func/∂inputs² of a function that returns one number; tuples of tuples for a tuple."""

    def first(*args: Tensor) -> tuple[Tensor, ...]:
        call = call_of("hessian", func, args, True)
        return tuple(call.pull([ones_like(scalar(call, "hessian"))]))

    rows = jacobian(first, inputs, create_graph, strategy=outer_jacobian_strategy)
    return rows if isinstance(inputs, tuple) else rows[0]


def vjp(
    func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """`func(inputs)` and vᵀJ."""
    call = call_of("vjp", func, inputs, create_graph)
    return call.value(), unpacked(call.pull(cotangents(v, call, "vjp")), inputs)


def jvp(
    func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """`func(inputs)` and Jv."""
    call = call_of("jvp", func, inputs, create_graph)
    return call.value(), call.shape(Push(call)(tangents(v, call, "jvp")))


def vhp(
    func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """`func(inputs)` and vᵀH, for a function that returns one number."""
    call = call_of("vhp", func, inputs, create_graph)
    z = scalar(call, "vhp")
    with enable_grad():
        first = call.pull([ones_like(z)], create_graph=True)
    directions = tangents(v, call, "vhp")
    value = call.value()
    call.outputs = first
    return value, unpacked(call.pull(directions), inputs)


def hvp(
    func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> Any:
    """`func(inputs)` and Hv; H is symmetric, so `vhp` under its other name."""
    return vhp(func, inputs, v, create_graph, strict)
