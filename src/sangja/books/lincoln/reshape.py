"""From images to rows."""

from __future__ import annotations

from numpy import ndarray

from sangja.books.lincoln.base import Operation
from sangja.books.pullback import evaluate
from sangja.ops.shape import Reshape


class Flatten(Operation):
    """(batch, …) → (batch, everything else)."""

    def _output(self) -> ndarray:
        return evaluate(Reshape, self.input_, shape=(self.input_.shape[0], -1))

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return Reshape.dx(output_grad, self.input_.shape)
