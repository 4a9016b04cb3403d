"""Dropout, as the book has it.

The book's convention is not PyTorch's: `keep_prob` is the share that stays, and instead of scaling
up in training it scales down at inference. What differs: a backward pass after an inference uses
that scale, where the book's uses the mask of some earlier training step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from sangja.books.lincoln.base import Operation
from sangja.books.pullback import evaluate
from sangja.core.errors import ArgumentError
from sangja.ops.elementwise import Multiply


class Dropout(Operation):
    """z = x · mask, where each element of the mask is 1 with probability `keep_prob`, else 0; at
    inference z = x · keep_prob.

    Masks come from `random`, by default NumPy's own stream. Source: Srivastava et al., 2014.
    """

    def __init__(self, keep_prob: float = 0.8, random: np.random.RandomState | None = None) -> None:
        super().__init__()
        if not 0 <= keep_prob <= 1:
            raise ArgumentError(f"Dropout: keep_prob must lie between 0 and 1, got {keep_prob}")
        self.keep_prob = keep_prob
        self.random = random

    def _output(self) -> ndarray:
        self.mask: Any = self.keep_prob
        if not self.inference:
            self.mask = (self.random or np.random).binomial(
                1, self.keep_prob, size=self.input_.shape
            )
        return evaluate(Multiply, self.input_, self.mask)

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return Multiply.dx(output_grad, self.mask)
