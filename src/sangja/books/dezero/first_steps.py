"""Steps 1 to 9: the square, the exponential, the central difference.

    >>> import numpy as np
    >>> f = Square()
    >>> print(numerical_diff(f, Variable(np.array(2.0))))
    4.000000000004

(The listing of step 4 shows 4.00000000004, with a zero lost.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sangja.books.dezero.core import Operation, Variable, as_array
from sangja.books.dezero.functions_tensor import Exp, exp
from sangja.engine import Tensor
from sangja.ops import exponential

__all__ = ["Exp", "Square", "exp", "numerical_diff", "square"]


class Square(Operation):
    """y = x²"""

    def compute(self, x: Any) -> Tensor:
        return exponential.square(x)


def square(x: Any) -> Variable:
    """y = x²"""
    return Square()(x)


def numerical_diff(f: Callable[[Any], Any], x: Variable, eps: float = 1e-4) -> Any:
    """(f(x + eps) − f(x − eps)) / 2eps, the derivative by central differences. The error is of
    order eps², that of the forward difference of order eps."""
    y0 = f(type(x)(as_array(x.data - eps)))
    y1 = f(type(x)(as_array(x.data + eps)))
    return (y1.data - y0.data) / (2 * eps)
