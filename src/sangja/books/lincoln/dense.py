"""The two operations of a dense layer.

Seed 002, from «먼저 Weight에 관한 연산». Both are sangja's primitives: `_output` evaluates one,
`_input_grad` and `_param_grad` call its derivative rules by hand.
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from sangja.books.language import text
from sangja.books.lincoln.base import ParamOperation
from sangja.books.lincoln.utils.np_utils import assert_dim
from sangja.books.pullback import evaluate
from sangja.core.errors import ShapeError
from sangja.engine import sum_to
from sangja.ops.elementwise import Add
from sangja.ops.linalg import Matmul


class WeightMultiply(ParamOperation):
    """z = x · W, (batch, in) · (in, out) → (batch, out)."""

    def __init__(self, W: ndarray) -> None:
        super().__init__(W)

    def _output(self) -> ndarray:
        assert_dim(self.input_, 2)
        return evaluate(Matmul, self.input_, self.param)

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return Matmul.dx(output_grad, self.param)  # g · Wᵀ

    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return Matmul.dy(output_grad, self.input_)  # xᵀ · g


class BiasAdd(ParamOperation):
    """z = x + B, where B is one row, (1, out), added to every row of x."""

    def __init__(self, B: ndarray) -> None:
        if np.ndim(B) != 2 or B.shape[0] != 1:
            raise ShapeError(
                text(
                    f"BiasAdd: the bias must be one row, (1, neurons); got {np.shape(B)}",
                    f"BiasAdd: 편향은 한 행, (1, 뉴런 수)이어야 하는데 {np.shape(B)}이다",
                )
            )
        super().__init__(B)

    def _output(self) -> ndarray:
        return evaluate(Add, self.input_, self.param)

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        return Add.dx(output_grad)

    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return sum_to(Add.dy(output_grad), self.param.shape)  # the sum of every column
