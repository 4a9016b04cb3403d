"""Gives `Tensor` its methods, from the table in `methods.py`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from sangja.core.errors import OperandError
from sangja.engine import Primitive, Tensor, binary, named, rearrange
from sangja.engine.inplace import check_writable, past, write
from sangja.engine.operations import Operations
from sangja.ops import exponential
from sangja.ops.inplace import INPLACE
from sangja.ops.methods import COMPARISONS, METHODS, OPERATORS, PROPERTIES, REARRANGE


def operator_of(primitive: type[Primitive], name: str) -> Callable[..., Any]:
    """`x ∘ y`; an operand we cannot take is left to its own operator."""

    def operate(x: Any, y: Any) -> Tensor:
        try:
            return binary(primitive, x, y)
        except OperandError:
            return NotImplemented

    operate.__name__ = operate.__qualname__ = name
    return operate


# The backward functions that PyTorch prints for `1 - x` and `1 / x`.
REFLECTED = {"__rsub__": "RsubBackward1", "__rtruediv__": "MulBackward0"}


def reflected_of(primitive: type[Primitive], name: str) -> Callable[..., Any]:
    """`y ∘ x` where y is no tensor."""
    grad_name = REFLECTED.get(name)

    def operate(x: Any, y: Any) -> Tensor:
        try:
            z = binary(primitive, y, x)
        except OperandError:
            return NotImplemented
        return z if grad_name is None else named(z, grad_name)

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


def rearranging(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """`x.name(…)`: x becomes the view `function(x, …)` of itself."""

    @functools.wraps(function)
    def operate(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return rearrange(x, lambda old: function(old, *args, **kwargs), name)

    operate.__name__ = operate.__qualname__ = name
    operate.__doc__ = f"`{name.rstrip('_')}` in place."
    return operate


def bind() -> None:
    """Give `Tensor` its methods."""
    for name, function in METHODS.items():
        setattr(Operations, name, function)
    for name, function in PROPERTIES.items():
        setattr(Operations, name, property(function))
    for name in INPLACE:
        setattr(Operations, name + "_", inplace_of(METHODS[name], name + "_"))
    for name in REARRANGE:
        setattr(Operations, name + "_", rearranging(METHODS[name], name + "_"))
    for name, primitive in OPERATORS.items():
        setattr(Operations, f"__{name}__", operator_of(primitive, f"__{name}__"))
        setattr(Operations, f"__r{name}__", reflected_of(primitive, f"__r{name}__"))
        compute = functools.partial(binary, primitive)
        setattr(Operations, f"__i{name}__", inplace_of(compute, f"__i{name}__"))
    setattr(Operations, "__ipow__", inplace_of(exponential.pow, "__ipow__"))  # noqa: B010
    for name, primitive in COMPARISONS.items():
        setattr(Operations, f"__{name}__", operator_of(primitive, f"__{name}__"))


bind()
