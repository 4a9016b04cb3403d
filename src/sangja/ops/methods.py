"""Which function is which method of `Tensor`: one table, the same function objects."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from sangja.core.errors import OperandError
from sangja.engine import Primitive, Tensor, backward, binary, copy_, hooks
from sangja.engine.inplace import check_writable, past, write
from sangja.ops import create, elementwise, index, linalg, protocols, reduce, shape

METHODS: dict[str, Callable[..., Any]] = {
    "add": elementwise.add,
    "sub": elementwise.subtract,
    "subtract": elementwise.subtract,
    "mul": elementwise.multiply,
    "multiply": elementwise.multiply,
    "div": elementwise.divide,
    "truediv": elementwise.divide,
    "neg": elementwise.negative,
    "exp": elementwise.exp,
    "log": elementwise.log,
    "tanh": elementwise.tanh,
    "sum": reduce.sum,
    "mean": reduce.mean,
    "reshape": shape.reshape,
    "view": shape.reshape,
    "permute": shape.permute,
    "transpose": shape.transpose,
    "t": shape.t,
    "matmul": linalg.matmul,
    "backward": backward,
    "copy_": copy_,
    "register_hook": hooks.register_hook,
    "register_post_accumulate_grad_hook": hooks.register_post_accumulate_grad_hook,
    "retain_grad": hooks.retain_grad,
    "__getitem__": index.getitem,
    "__setitem__": index.setitem,
    "__neg__": elementwise.negative,
    "__matmul__": linalg.matmul,
}
METHODS |= {name: getattr(protocols, name) for name in protocols.__all__}

PROPERTIES: dict[str, Callable[[Tensor], Any]] = {
    "retains_grad": hooks.retains_grad,
}

# In place: `x.add_(y)` computes add(x, y) and writes it into x.
INPLACE = ("add", "sub", "mul", "div", "neg", "exp", "log", "tanh")

OPERATORS: dict[str, type[Primitive]] = {
    "add": elementwise.Add,
    "sub": elementwise.Subtract,
    "mul": elementwise.Multiply,
    "truediv": elementwise.Divide,
}
COMPARISONS: dict[str, type[Primitive]] = {"lt": elementwise.Less}


def operator_of(primitive: type[Primitive], name: str) -> Callable[..., Any]:
    """`x ∘ y`; an operand we cannot take is left to its own operator."""

    def operate(x: Any, y: Any) -> Any:
        try:
            return binary(primitive, x, y)
        except OperandError:
            return NotImplemented

    operate.__name__ = operate.__qualname__ = name
    return operate


def reflected_of(primitive: type[Primitive], name: str) -> Callable[..., Any]:
    """`y ∘ x` where y is no tensor."""

    def operate(x: Any, y: Any) -> Any:
        try:
            return binary(primitive, y, x)
        except OperandError:
            return NotImplemented

    operate.__name__ = operate.__qualname__ = name
    return operate


def inplace_of(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """`x.name(…)`: the value and the history of `function(x, …)` written into x."""

    @functools.wraps(function)
    def operate(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        check_writable(x, name)
        return write(x, function(past(x), *args, **kwargs), name)

    operate.__name__ = operate.__qualname__ = name
    operate.__doc__ = f"`{name.rstrip('_')}` in place."
    return operate


def bind() -> None:
    """Give `Tensor` its methods."""
    for name, function in METHODS.items():
        setattr(Tensor, name, function)
    for name, function in PROPERTIES.items():
        setattr(Tensor, name, property(function))
    for name in INPLACE:
        setattr(Tensor, name + "_", inplace_of(METHODS[name], name + "_"))
    for name, primitive in OPERATORS.items():
        setattr(Tensor, f"__{name}__", operator_of(primitive, f"__{name}__"))
        setattr(Tensor, f"__r{name}__", reflected_of(primitive, f"__r{name}__"))
        method = METHODS[name]
        setattr(Tensor, f"__i{name}__", inplace_of(method, f"__i{name}__"))
    for name, primitive in COMPARISONS.items():
        setattr(Tensor, f"__{name}__", operator_of(primitive, f"__{name}__"))


bind()
