"""Convolution with the book's layout of weights, (in, out, k, k).

What differs: the book's gradients are wrong for a batch of more than one, and its images must be
square; here the engine differentiates.
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from sangja.books.lincoln.base import ParamOperation
from sangja.books.lincoln.utils.np_utils import assert_dim
from sangja.books.pullback import pullback
from sangja.core.errors import ShapeError
from sangja.engine import Tensor
from sangja.ops.conv import conv2d
from sangja.ops.shape import transpose


class Conv2D_Op(ParamOperation):
    """z[n, o, i] = Σ_c Σ_k W[c, o, k] · x[n, c, i + k − p]: "same" padding p = k // 2, stride 1.

    (batch, in, h, w) → (batch, out, h, w). Raises `ShapeError` unless the kernel is square and odd.
    """

    def __init__(self, W: ndarray) -> None:
        assert_dim(W, 4)
        if W.shape[2] != W.shape[3] or W.shape[2] % 2 == 0:
            raise ShapeError(
                "Conv2D_Op: the kernel must be square and of odd size, so that the result is as "
                f"large as the image; got weights {W.shape}, expected (in, out, k, k)"
            )
        super().__init__(W)
        self.param_size = W.shape[2]
        self.param_pad = self.param_size // 2

    def _output(self) -> ndarray:
        assert_dim(self.input_, 4)
        output, self._back = pullback(self._convolve, self.input_, self.param)
        return np.ascontiguousarray(output)

    def _convolve(self, x: Tensor, w: Tensor) -> Tensor:
        return conv2d(x, transpose(w, 0, 1), padding=self.param_pad)

    def _input_grad(self, output_grad: ndarray) -> ndarray:
        input_grad, self._weight_grad = self._back(output_grad)
        return input_grad

    def _param_grad(self, output_grad: ndarray) -> ndarray:
        return self._weight_grad
