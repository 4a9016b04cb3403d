"""The book's `common/layers.py`.

Each layer keeps what the book's keeps, under the same names. What differs: gradients are those of
sangja's rules and engine, also where the book's fail (`Pooling` with padding; `Dropout` and
`BatchNormalization` after a prediction; `Relu`, which overwrites the gradient that it is given;
`SoftmaxWithLoss`, which ignores it). Backward before forward, or with another shape, is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from sangja.books.pullback import evaluate, pullback
from sangja.books.scratch.functions import cross_entropy_error, floats, labels_of, softmax
from sangja.books.turns import Turns, check_same_shape
from sangja.core.errors import ShapeError
from sangja.engine import Tensor, sum_to
from sangja.ops import activation
from sangja.ops.classification import RowLogSumExp, SoftmaxMinusOneHot
from sangja.ops.conv import conv2d
from sangja.ops.elementwise import Add, Multiply
from sangja.ops.exponential import sqrt, square
from sangja.ops.linalg import Matmul
from sangja.ops.pad import pad
from sangja.ops.pool import max_pool2d
from sangja.ops.reduce import mean


class Layer(Turns):
    """What every layer does around its arithmetic."""

    def _forward(self, out: Any, *inputs: Any) -> Any:
        self.went_forward(*inputs)
        self._out = out
        return out

    def _backward(self, dout: Any) -> None:
        self.goes_backward()
        check_same_shape(f"{type(self).__name__}.backward()", self._out, dout)


class Relu(Layer):
    """z = max(x, 0); `mask` is where the gradient stops: x ≤ 0."""

    def __init__(self) -> None:
        self.mask: ndarray | None = None

    def forward(self, x: ndarray) -> ndarray:
        self.mask = x <= 0
        return self._forward(evaluate(activation.Relu, x), x)

    def backward(self, dout: ndarray) -> ndarray:
        self._backward(dout)
        return activation.Relu.dx(dout, self._out)


class Sigmoid(Layer):
    """z = 1 / (1 + e⁻ˣ), kept as `out`."""

    def __init__(self) -> None:
        self.out: ndarray | None = None

    def forward(self, x: ndarray) -> ndarray:
        self.out = self._forward(evaluate(activation.Sigmoid, floats(x)), x)
        return self.out

    def backward(self, dout: ndarray) -> ndarray:
        self._backward(dout)
        return activation.Sigmoid.dx(dout, self.out)


class Affine(Layer):
    """z = x · W + b, with W (in, out); images are taken as rows. Leaves `dW` and `db`."""

    def __init__(self, W: ndarray, b: ndarray) -> None:
        self.W = W
        self.b = b
        self.x: Any = None
        self.original_x_shape: Any = None
        self.dW: ndarray | None = None
        self.db: ndarray | None = None

    def forward(self, x: ndarray) -> ndarray:
        self.original_x_shape = x.shape
        self.x = x.reshape(x.shape[0], -1)
        return self._forward(evaluate(Add, evaluate(Matmul, self.x, self.W), self.b), x)

    def backward(self, dout: ndarray) -> ndarray:
        self._backward(dout)
        self.dW = Matmul.dy(dout, self.x)
        self.db = sum_to(Add.dy(dout), self.b.shape)
        return Matmul.dx(dout, self.W).reshape(self.original_x_shape)


class SoftmaxWithLoss(Layer):
    """L = −Σ ln y[label] / batch, where y = softmax(x); `t` are labels or one-hot rows.

    Leaves `y`, `t` and `loss`. The gradient is (y − one-hot) / batch, as in the book; the 10⁻⁷ that
    `cross_entropy_error` adds within the logarithm is not in it.
    """

    def __init__(self) -> None:
        self.loss: float | None = None
        self.y: Any = None
        self.t: Any = None

    def forward(self, x: ndarray, t: ndarray) -> float:
        self.t = np.asarray(t)
        self.x = floats(x)
        self.y = softmax(x)
        self.loss = self._forward(cross_entropy_error(self.y, self.t), x, t)
        return self.loss

    def backward(self, dout: float = 1) -> ndarray:
        self._backward(dout)
        rows = np.atleast_2d(self.x)
        labels = labels_of(self.t, rows.shape)
        lse = evaluate(RowLogSumExp, rows)
        dx = evaluate(SoftmaxMinusOneHot, rows, lse, labels)
        return (dx * dout / len(rows)).reshape(self.x.shape)


class Dropout(Layer):
    """z = x · mask in training, where `dropout_ratio` of the mask is 0; x · (1 − ratio) otherwise.

    PyTorch scales up in training instead. Source: Hinton et al., http://arxiv.org/abs/1207.0580.
    """

    def __init__(self, dropout_ratio: float = 0.5) -> None:
        self.dropout_ratio = dropout_ratio
        self.mask: ndarray | None = None

    def forward(self, x: ndarray, train_flg: bool = True) -> ndarray:
        self._factor: Any = 1.0 - self.dropout_ratio
        if train_flg:
            self._factor = self.mask = np.random.rand(*x.shape) > self.dropout_ratio
        return self._forward(evaluate(Multiply, x, self._factor), x)

    def backward(self, dout: ndarray) -> ndarray:
        self._backward(dout)
        return Multiply.dx(dout, self._factor)


class BatchNormalization(Layer):
    """z = γ (x − μ) / √(σ² + 10⁻⁶) + β, feature by feature: of an image every pixel is one.

    In training μ and σ² (over N, not N − 1) are the batch's, and are mixed into `running_mean` and
    `running_var` with weight 1 − momentum; otherwise those two are used. Leaves `dgamma`, `dbeta`,
    `batch_size`, `xc`, `xn`, `std`. Source: Ioffe and Szegedy, http://arxiv.org/abs/1502.03167.
    """

    eps = 10e-7

    def __init__(
        self,
        gamma: ndarray,
        beta: ndarray,
        momentum: float = 0.9,
        running_mean: ndarray | None = None,
        running_var: ndarray | None = None,
    ) -> None:
        self.gamma = gamma
        self.beta = beta
        self.momentum = momentum
        self.input_shape: Any = None
        self.running_mean: Any = running_mean
        self.running_var: Any = running_var
        self.batch_size: int | None = None
        self.xc: ndarray | None = None
        self.std: ndarray | None = None
        self.dgamma: ndarray | None = None
        self.dbeta: ndarray | None = None

    def forward(self, x: ndarray, train_flg: bool = True) -> ndarray:
        self.input_shape = x.shape
        rows = x.reshape(x.shape[0], -1)
        if self.running_mean is None or self.running_var is None:
            self.running_mean = np.zeros(rows.shape[1])
            self.running_var = np.zeros(rows.shape[1])
        formula = self._train if train_flg else self._predict
        gamma, beta = (np.broadcast_to(v, rows.shape[1:]) for v in (self.gamma, self.beta))
        out, self._back = pullback(formula, rows, gamma, beta)
        return self._forward(out.reshape(self.input_shape), x)

    def _train(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        mu = mean(x, 0)
        xc = x - mu
        var = mean(square(xc), 0)
        std = sqrt(var + self.eps)
        xn = xc / std
        self.batch_size = len(x)
        self.xc, self.xn, self.std = xc.array, xn.array, std.array
        keep, mix = self.momentum, 1 - self.momentum
        self.running_mean = keep * self.running_mean + mix * mu.array
        self.running_var = keep * self.running_var + mix * var.array
        return gamma * xn + beta

    def _predict(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        xn = (x - self.running_mean) / np.sqrt(self.running_var + self.eps)
        return gamma * xn + beta

    def backward(self, dout: ndarray) -> ndarray:
        self._backward(dout)
        dx, self.dgamma, self.dbeta = self._back(dout.reshape(dout.shape[0], -1))
        return dx.reshape(self.input_shape)


class Convolution(Layer):
    """z = x ∗ W + b: images (N, C, H, W), filters (FN, C, FH, FW). Leaves `dW` and `db`."""

    def __init__(self, W: ndarray, b: ndarray, stride: int = 1, pad: int = 0) -> None:
        self.W = W
        self.b = b
        self.stride = stride
        self.pad = pad
        self.x: ndarray | None = None
        self.dW: ndarray | None = None
        self.db: ndarray | None = None

    def forward(self, x: ndarray) -> ndarray:
        self.x = x
        out, self._back = pullback(self._convolve, x, self.W, self.b)
        return self._forward(out, x)

    def _convolve(self, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return conv2d(x, w, b, stride=self.stride, padding=self.pad)

    def backward(self, dout: ndarray) -> ndarray:
        self._backward(dout)
        dx, self.dW, self.db = self._back(dout)
        return dx


class Pooling(Layer):
    """z = the maximum of each window; `pad` rows and columns of zeros are around the image (in
    PyTorch: of −∞). Of equal maxima the first gets the gradient."""

    def __init__(self, pool_h: int, pool_w: int, stride: int = 1, pad: int = 0) -> None:
        self.pool_h = pool_h
        self.pool_w = pool_w
        self.stride = stride
        self.pad = pad
        self.x: ndarray | None = None

    def forward(self, x: ndarray) -> ndarray:
        if x.ndim != 4:
            raise ShapeError(f"Pooling: expected images (N, C, H, W), got shape {list(x.shape)}")
        self.x = x
        out, self._back = pullback(self._pool, x)
        return self._forward(out, x)

    def _pool(self, x: Tensor) -> Tensor:
        padded = pad(x, (self.pad,) * 4) if self.pad else x
        return max_pool2d(padded, (self.pool_h, self.pool_w), self.stride)

    def backward(self, dout: ndarray) -> ndarray:
        self._backward(dout)
        return self._back(dout)[0]
