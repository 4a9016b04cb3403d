"""Losses: one number for how far predictions are from targets, and its gradient.

Seed 002, from «Loss에 대해서 조사를 해야한다»; the book's chapter 4. What differs: the engine
makes the gradients, so they are those of the number that `forward` returned. The book's own are
not: with `MeanSquaredError(normalize=True)`, and for `SoftmaxCrossEntropy`, whose p − t belongs to
another loss than the one it computes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from sangja.books.lincoln.utils.np_utils import assert_same_shape, normalize, softmax
from sangja.books.pullback import pullback
from sangja.core.errors import ForwardMissingError, GradientError
from sangja.engine import Tensor
from sangja.ops.exponential import square
from sangja.ops.join import cat
from sangja.ops.reduce import logsumexp, sum
from sangja.ops.softmax import log_softmax


class Loss:
    """Base of all losses: a subclass writes `_output()` and `_input_grad()`, from `prediction` and
    `target`."""

    prediction: Any = None

    def __init__(self) -> None:
        pass

    def forward(self, prediction: ndarray, target: ndarray) -> float:
        """The loss. Raises `ShapeError` unless both have one shape."""
        assert_same_shape(prediction, target)
        self.prediction = prediction
        self.target = target
        self.output = self._output()
        return self.output

    def backward(self) -> ndarray:
        """The gradient of the predictions."""
        if self.prediction is None:
            raise GradientError(
                f"{type(self).__name__}.backward() was called before forward(): there is no loss "
                "yet whose gradient could be taken. Call forward(prediction, target) first"
            )
        self.input_grad = self._input_grad()
        assert_same_shape(self.prediction, self.input_grad)
        return self.input_grad

    def _output(self) -> float:
        raise ForwardMissingError(f"{type(self).__name__} must define _output(self)")

    def _input_grad(self) -> ndarray:
        raise ForwardMissingError(f"{type(self).__name__} must define _input_grad(self)")


class EngineLoss(Loss):
    """A loss that is a `_formula` of the predictions, written with sangja's operations."""

    def _output(self) -> float:
        value, self._back = pullback(self._formula, self.prediction)
        return float(value)

    def _input_grad(self) -> ndarray:
        return self._back(1.0)[0]

    def _formula(self, prediction: Tensor) -> Tensor:
        raise ForwardMissingError(f"{type(self).__name__} must define _formula(self, prediction)")


class MeanSquaredError(EngineLoss):
    """L = Σ (p − t)² / batch: the mean over rows, but the sum within each (PyTorch's `MSELoss` is
    the mean over all elements).

    With `normalize` every row of predictions is divided by its sum first.
    """

    def __init__(self, normalize: bool = False) -> None:
        super().__init__()
        self.normalize = normalize

    def _formula(self, prediction: Tensor) -> Tensor:
        if self.normalize:
            prediction = prediction / sum(prediction, 1, keepdim=True)
        return sum(square(prediction - self.target)) / len(self.target)


class SoftmaxCrossEntropy(EngineLoss):
    """L = Σ −t ln p − (1 − t) ln(1 − p) / batch, where p = softmax(prediction) row by row.

    One column stands for the score p of one class, with 1 − p for the other. `softmax_preds` are
    the probabilities, clipped to [eps, 1 − eps] as in the book; the loss itself needs no clipping
    here (it goes through logarithms of sums), so a confident mistake keeps its gradient.
    """

    def __init__(self, eps: float = 1e-9) -> None:
        super().__init__()
        self.eps = eps
        self.single_class = False

    def _output(self) -> float:
        self.single_class = self.target.shape[1] == 1
        scores = normalize(self.prediction) if self.single_class else self.prediction
        self.softmax_preds = np.clip(softmax(scores, axis=1), self.eps, 1 - self.eps)
        return super()._output()

    def _formula(self, prediction: Tensor) -> Tensor:
        target = self.target
        if self.single_class:
            prediction = cat([prediction, 1 - prediction], 1)
            target = normalize(target)
        return each_against_the_rest(prediction, target) / len(target)


def each_against_the_rest(scores: Tensor, target: ndarray) -> Tensor:
    """Σ −t ln p − (1 − t) ln(1 − p), with p = softmax(scores) along the last dimension.

    1 − p is the softmax of all the other scores together, so ln(1 − p) needs no difference of
    numbers close to 1: ln(1 − pᵢ) = ln Σ_{j≠i} exp(xⱼ) − ln Σⱼ exp(xⱼ).
    """
    classes = scores.shape[-1]
    itself = np.diag(np.full(classes, -np.inf))  # (K, K)
    others = logsumexp(scores[..., None, :] + itself, -1)  # (…, K)
    rest = others - logsumexp(scores, -1, keepdim=True)
    return -sum(log_softmax(scores, -1) * target + rest * (1 - target))
