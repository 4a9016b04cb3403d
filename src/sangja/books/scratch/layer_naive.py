"""The two simplest layers: a sum and a product.

Seed 003 whole; the book's chapter 5. What differs: Python's numbers stay Python's numbers, and a
layer object used at two places, or backward before forward, is refused.
"""

from __future__ import annotations

from typing import Any

from sangja.books.pullback import evaluate
from sangja.books.turns import Turns
from sangja.ops.elementwise import Add, Multiply


class AddLayer:
    """z = x + y. Both inputs get the gradient as it comes, so nothing need be remembered.

    >>> layer = AddLayer()
    >>> layer.forward(10, 5), layer.backward(1.3)
    (15, (1.3, 1.3))
    """

    def __init__(self) -> None:
        pass

    def forward(self, x: Any, y: Any) -> Any:
        """x + y."""
        return evaluate(Add, x, y)

    def backward(self, dout: Any) -> tuple[Any, Any]:
        """(dout, dout)."""
        return Add.dx(dout), Add.dy(dout)


class MulLayer(Turns):
    """z = x · y. Each input gets the gradient times the other one.

    >>> layer = MulLayer()
    >>> layer.forward(10, 5), layer.backward(1.3)
    (50, (6.5, 13.0))
    """

    def __init__(self) -> None:
        self.x = None
        self.y = None

    def forward(self, x: Any, y: Any) -> Any:
        """x · y."""
        self.x, self.y = x, y
        out = evaluate(Multiply, x, y)
        self.went_forward(x, y)
        return out

    def backward(self, dout: Any) -> tuple[Any, Any]:
        """(dout · y, dout · x)."""
        self.goes_backward()
        return Multiply.dx(dout, self.y), Multiply.dy(dout, self.x)
