"""Activations, each one primitive of sangja whose rule `_input_grad` calls by hand.

Seed 002, «다음은 활성화함수». What differs: the book's ReLU lets every gradient through, since its
output is never negative; here the sign of the input decides, with the book's slope 1 at 0.
"""

from __future__ import annotations

from numpy import ndarray

from sangja.books.lincoln.base import Operation
from sangja.books.pullback import evaluate
from sangja.ops import activation, comparison, trigonometry


class Linear(Operation):
    """z = x."""

    def _output(self) -> ndarray:
        return self.input_

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return output_grad


class Sigmoid(Operation):
    """z = 1 / (1 + e⁻ˣ); ∂z/∂x = z (1 − z)."""

    def _output(self) -> ndarray:
        return evaluate(activation.Sigmoid, self.input_)

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return activation.Sigmoid.dx(output_grad, self.output)


class Tanh(Operation):
    """z = tanh x; ∂z/∂x = 1 − z²."""

    def _output(self) -> ndarray:
        return evaluate(trigonometry.Tanh, self.input_)

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return trigonometry.Tanh.dx(output_grad, self.output)


class ReLU(Operation):
    """z = max(x, 0); ∂z/∂x = 1 where x ≥ 0, else 0."""

    def _output(self) -> ndarray:
        return evaluate(comparison.ClampMin, self.input_, 0)

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return comparison.ClampMin.dx(output_grad, self.input_, 0)
