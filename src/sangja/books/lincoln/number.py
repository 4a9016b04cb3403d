"""The book's chapter 6: a number that remembers where it came from.

What differs: the book sends every gradient on as soon as it comes, so that a number used twice
sends its first one on twice; here the engine waits until all have come.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.books.pullback import evaluate
from sangja.engine import Primitive, Tensor, apply, backward, wrap
from sangja.ops.elementwise import Add, Multiply


class NumberWithGrad:
    """A number, `num`; the numbers it depends on, `depends_on`, and how, `creation_op`; and after a
    `backward()` of what came of it, `grad`.

    >>> a = NumberWithGrad(3)
    >>> b = a * 4
    >>> c = b + 5
    >>> c.backward()
    >>> c.num, a.grad, b.grad
    (17, 4, 1)
    """

    def __init__(
        self,
        num: Any,
        depends_on: list[NumberWithGrad] | None = None,
        creation_op: str = "",
    ) -> None:
        self.num = num
        self.depends_on = depends_on or []
        self.creation_op = creation_op
        self._box: Tensor = wrap(np.asarray(num, np.float64))
        self._box.requires_grad = True

    @property
    def grad(self) -> Any:
        """The sum of the gradients so far; None before the first. Of whole numbers a whole one."""
        if self._box.grad is None:
            return None
        value = self._box.grad.array.item()
        return int(value) if isinstance(self.num, int) and value.is_integer() else value

    def __add__(self, other: Any) -> NumberWithGrad:
        return self._combine(Add, other, "add")

    def __mul__(self, other: Any) -> NumberWithGrad:
        return self._combine(Multiply, other, "mul")

    __radd__ = __add__
    __rmul__ = __mul__

    def _combine(self, primitive: type[Primitive], other: Any, name: str) -> NumberWithGrad:
        other = ensure_number(other)
        value = evaluate(primitive, self.num, other.num)
        result = NumberWithGrad(value, [self, other], name)
        result._box = apply(primitive, self._box, other._box)
        result._box.retain_grad()
        return result

    def backward(self, backward_grad: Any = None) -> None:
        """Add to `grad`, here and of all numbers this one depends on: 1 here, or the number
        given."""
        seed = 1 if backward_grad is None else ensure_number(backward_grad).num
        backward(self._box, wrap(np.asarray(seed, np.float64)), retain_graph=True)


def ensure_number(num: Any) -> NumberWithGrad:
    """The number as it is, or in a box."""
    return num if isinstance(num, NumberWithGrad) else NumberWithGrad(num)
