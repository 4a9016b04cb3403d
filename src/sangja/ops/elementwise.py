"""Arithmetic, comparison and the elementary functions, one element at a time.

Every function takes tensors, numbers and arrays, broadcasts, and promotes dtypes by PyTorch's rule.
"""

from __future__ import annotations

from typing import Any

from sangja.engine import Primitive, Tensor, apply, binary, unary

# -- arithmetic -------------------------------------------------------------------------------


class Add(Primitive):
    """z = x + y"""

    promotes = True

    def forward(xp, x, y):
        return xp.add(x, y)

    def dx(g):
        return g

    def dy(g):
        return g


class Subtract(Primitive):
    """z = x − y"""

    promotes = True
    grad_name = "SubBackward0"

    def forward(xp, x, y):
        return xp.subtract(x, y)

    def dx(g):
        return g

    def dy(g):
        return -g


class Multiply(Primitive):
    """z = x · y"""

    promotes = True
    grad_name = "MulBackward0"

    def forward(xp, x, y):
        return xp.multiply(x, y)

    def dx(g, y):
        return g * y

    def dy(g, x):
        return g * x


class Divide(Primitive):
    """z = x / y"""

    promotes = True
    floats = True
    grad_name = "DivBackward0"

    def forward(xp, x, y):
        return xp.true_divide(x, y)

    def dx(g, y):
        return g / y

    def dy(g, x, y):
        return -g * (x / y) / y


class Negative(Primitive):
    """z = −x"""

    grad_name = "NegBackward0"

    def forward(xp, x):
        return xp.negative(x)

    def dx(g):
        return -g


def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """z = x + α·y.

    >>> import sangja
    >>> sangja.add(sangja.tensor([1.0, 2.0]), 1)
    tensor([2., 3.])
    """
    return binary(Add, input, other if alpha == 1 else multiply(other, alpha))


def subtract(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """z = x − α·y."""
    return binary(Subtract, input, other if alpha == 1 else multiply(other, alpha))


def multiply(input: Any, other: Any) -> Tensor:
    """z = x · y."""
    return binary(Multiply, input, other)


def divide(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """z = x / y, in floating point."""
    return binary(Divide, input, other)


def negative(input: Any) -> Tensor:
    """z = −x."""
    return unary(Negative, input)


# -- exponentials and hyperbolic functions ----------------------------------------------------


class Exp(Primitive):
    """z = eˣ"""

    floats = True

    def forward(xp, x):
        return xp.exp(x)

    def dx(g, out):
        return g * out


class Log(Primitive):
    """z = ln x"""

    floats = True

    def forward(xp, x):
        return xp.log(x)

    def dx(g, x):
        return g / x


class Tanh(Primitive):
    """z = tanh x"""

    floats = True

    def forward(xp, x):
        return xp.tanh(x)

    def dx(g, out):
        return g - g * out * out


def exp(input: Any) -> Tensor:
    """z = eˣ."""
    return unary(Exp, input)


def log(input: Any) -> Tensor:
    """z = ln x; −∞ at 0, nan below."""
    return unary(Log, input)


def tanh(input: Any) -> Tensor:
    """z = tanh x."""
    return unary(Tanh, input)


# -- comparison -------------------------------------------------------------------------------


class Less(Primitive):
    """z = x < y"""

    promotes = True

    def forward(xp, x, y):
        return xp.less(x, y)


def less(input: Any, other: Any) -> Tensor:
    """z = x < y, a bool tensor."""
    return binary(Less, input, other)


class Where(Primitive):
    """z = x where the condition holds, else y"""

    promotes = True

    def forward(xp, condition, x, y):
        return xp.where(condition, x, y)

    def dx(g, condition):
        return where(condition, g, 0)

    def dy(g, condition):
        return where(condition, 0, g)


def where(condition: Any, input: Any, other: Any) -> Tensor:
    """z = x where `condition`, else y."""
    return apply(Where, condition, input, other)
