"""Forward first, then backward: the order that the books leave to the reader's care."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core.errors import GradientError, ShapeError


class Turns:
    """Base of every layer: it keeps the inputs of one `forward`, and says when that is too little.

    A layer object that stands at two places of a graph is called forward twice and backward twice;
    the second forward overwrites what the first one kept, and the books' own layers then return a
    wrong gradient without a word. Here the second backward raises `GradientError`.
    """

    _waiting: int | None = None  # forwards since the last backward; None before the first forward
    _overwritten = False  # whether the last backward left forwards behind that nobody remembers
    _latest: tuple[Any, ...] = ()

    def went_forward(self, *inputs: Any) -> None:
        """To be called at the end of `forward`. The same inputs again overwrite nothing."""
        again = bool(self._waiting) and same(inputs, self._latest)
        self._waiting = (self._waiting or 0) + (not again)
        self._latest = inputs

    def goes_backward(self) -> None:
        """To be called at the beginning of `backward`."""
        name = type(self).__name__
        if self._waiting is None:
            raise GradientError(
                f"{name}.backward() was called before {name}.forward(): the gradient depends on "
                "what went forward, and nothing did. Call forward() first"
            )
        if self._waiting:
            self._overwritten = self._waiting > 1
            self._waiting = 0
        elif self._overwritten:
            raise GradientError(
                f"{name}.backward() was called a second time, after forward() had been called more "
                "than once with different inputs: a layer object remembers its last forward() "
                f"alone. Use a {name} object of its own for each place in the graph"
            )


def same(inputs: tuple[Any, ...], others: tuple[Any, ...]) -> bool:
    """Whether two calls had equal inputs."""
    pairs = zip(inputs, others, strict=True)
    return all(x is y or np.array_equal(x, y) for x, y in pairs)


def check_same_shape(name: str, value: Any, gradient: Any) -> None:
    """Raises `ShapeError` for a gradient that is not shaped like its value."""
    if np.shape(value) != np.shape(gradient):
        raise ShapeError(
            f"{name}: a gradient has the shape of its value: expected {list(np.shape(value))}, "
            f"got {list(np.shape(gradient))}"
        )
