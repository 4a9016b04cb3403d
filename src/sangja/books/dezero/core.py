"""The core of DeZero: `Variable` with the operators of arithmetic (steps 20–22)."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.books.dezero import cuda
from sangja.books.dezero.configuration import Config, no_grad, test_mode, using_config
from sangja.books.dezero.primitives import as_array
from sangja.books.dezero.variable import Function, Operation, Parameter, Variable, as_variable
from sangja.core.errors import ArgumentTypeError
from sangja.engine import Tensor
from sangja.ops import elementwise, exponential

__all__ = [
    "Add",
    "Config",
    "Div",
    "Function",
    "Mul",
    "Neg",
    "Operation",
    "Parameter",
    "Pow",
    "Sub",
    "Variable",
    "add",
    "as_array",
    "as_variable",
    "div",
    "mul",
    "neg",
    "no_grad",
    "pow",
    "rdiv",
    "rsub",
    "setup_variable",
    "sub",
    "test_mode",
    "using_config",
]


class Add(Operation):
    """y = x0 + x1"""

    def compute(self, x0: Any, x1: Any) -> Tensor:
        return elementwise.add(x0, x1)


class Mul(Operation):
    """y = x0 · x1"""

    def compute(self, x0: Any, x1: Any) -> Tensor:
        return elementwise.multiply(x0, x1)


class Neg(Operation):
    """y = −x"""

    def compute(self, x: Any) -> Tensor:
        return elementwise.negative(x)


class Sub(Operation):
    """y = x0 − x1"""

    def compute(self, x0: Any, x1: Any) -> Tensor:
        return elementwise.subtract(x0, x1)


class Div(Operation):
    """y = x0 / x1"""

    makes_floats = True

    def compute(self, x0: Any, x1: Any) -> Tensor:
        return elementwise.divide(x0, x1)


class Pow(Operation):
    """y = xᶜ for a number c"""

    def __init__(self, c: float) -> None:
        if isinstance(c, (Variable, Tensor)):
            raise ArgumentTypeError(
                f"the exponent of ** must be a number, not a {type(c).__name__}; write "
                "exp(c * log(x)) to differentiate with respect to it"
            )
        self.c = c
        self.makes_floats = not isinstance(c, (int, np.integer)) or c < 0

    def compute(self, x: Any) -> Tensor:
        return exponential.pow(x, self.c)


def add(x0: Any, x1: Any) -> Variable:
    """y = x0 + x1"""
    return Add()(x0, x1)


def mul(x0: Any, x1: Any) -> Variable:
    """y = x0 · x1"""
    return Mul()(x0, x1)


def neg(x: Any) -> Variable:
    """y = −x"""
    return Neg()(x)


def sub(x0: Any, x1: Any) -> Variable:
    """y = x0 − x1"""
    return Sub()(x0, x1)


def rsub(x0: Any, x1: Any) -> Variable:
    """y = x1 − x0"""
    return Sub()(x1, x0)


def div(x0: Any, x1: Any) -> Variable:
    """y = x0 / x1"""
    return Div()(x0, x1)


def rdiv(x0: Any, x1: Any) -> Variable:
    """y = x1 / x0"""
    return Div()(x1, x0)


def pow(x: Any, c: float) -> Variable:
    """y = xᶜ for a number c"""
    return Pow(c)(x)


OF_UFUNC: dict[Any, Any] = {
    np.add: add,
    np.subtract: sub,
    np.multiply: mul,
    np.true_divide: div,
    np.negative: neg,
}


def array_ufunc(self: Variable, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """`array + variable` is a Variable; `array -= variable` changes the array."""
    if method != "__call__":
        return NotImplemented
    if "out" in kwargs:
        return ufunc(*map(cuda.array_of, inputs), **kwargs)
    function = OF_UFUNC.get(ufunc)
    return NotImplemented if function is None or kwargs else function(*inputs)


def setup_variable() -> None:
    """Give `Variable` its operators."""
    operators = {
        "__array_ufunc__": array_ufunc,
        "__add__": add,
        "__radd__": add,
        "__mul__": mul,
        "__rmul__": mul,
        "__neg__": neg,
        "__sub__": sub,
        "__rsub__": rsub,
        "__truediv__": div,
        "__rtruediv__": rdiv,
        "__pow__": pow,
    }
    for name, function in operators.items():
        setattr(Variable, name, function)
