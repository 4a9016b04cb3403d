"""Softmax and the losses (steps 42, 47, 48), dropout and batch normalization (step 54)."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.books.dezero.core import Config, Operation, Variable, as_array, as_variable
from sangja.books.dezero.functions_tensor import alike, clip, exp, log, reshape, sum
from sangja.core.errors import ShapeError
from sangja.engine import Tensor, wrap
from sangja.ops import (
    classification,
    exponential,
    norm,
    probability,
    reduce,
    shape as shapes,
    softmax as rows,
)

ROOM = 1e-15  # how near to 0 a probability may come before its logarithm is taken


class Softmax(Operation):
    """y = exp(x) / Σ exp(x) along `axis`"""

    makes_floats = True

    def __init__(self, axis: int = 1) -> None:
        self.axis = axis

    def compute(self, x: Any) -> Tensor:
        return rows.softmax(x, self.axis)


class LogSoftmax(Operation):
    """y = x − ln Σ exp(x) along `axis`"""

    makes_floats = True

    def __init__(self, axis: int = 1) -> None:
        self.axis = axis

    def compute(self, x: Any) -> Tensor:
        return rows.log_softmax(x, self.axis)


def softmax_simple(x: Any, axis: int = 1) -> Variable:
    """`softmax` of several functions; overflows for large x."""
    y = exp(x)
    return y / sum(y, axis=axis, keepdims=True)


def softmax(x: Any, axis: int = 1) -> Variable:
    """y = exp(x) / Σ exp(x) along `axis`, without overflow."""
    return Softmax(axis)(x)


def log_softmax(x: Any, axis: int = 1) -> Variable:
    """y = x − ln Σ exp(x) along `axis`, without overflow."""
    return LogSoftmax(axis)(x)


# -- losses -----------------------------------------------------------------------------------


class MeanSquaredError(Operation):
    """y = Σ (x0 − x1)² / N, N the size of the first axis"""

    makes_floats = True

    def compute(self, x0: Any, x1: Any) -> Tensor:
        difference = x0 - x1
        return reduce.sum(exponential.square(difference)) / len(difference)


def mean_squared_error_simple(x0: Any, x1: Any) -> Variable:
    """`mean_squared_error` of several functions."""
    difference = as_variable(x0) - as_variable(x1)
    return sum(difference**2) / len(difference)


def mean_squared_error(x0: Any, x1: Any) -> Variable:
    """y = Σ (x0 − x1)² / N, N the size of the first axis (PyTorch divides by all elements)."""
    return MeanSquaredError()(x0, x1)


class SoftmaxCrossEntropy(Operation):
    """y = −mean of ln softmax(x)[t]"""

    def __init__(self, t: Any) -> None:
        self.t = t

    def compute(self, x: Any) -> Tensor:
        return classification.cross_entropy(x, wrap(self.t))


def labels_of(t: Any) -> Any:
    """Class numbers as a flat array of int64."""
    return np.ravel(as_variable(as_array(t)).data).astype(np.int64)


def softmax_cross_entropy_simple(x: Any, t: Any) -> Variable:
    """`softmax_cross_entropy` of several functions."""
    x, t = as_variable(x), labels_of(t)
    log_p = log(clip(softmax(x), ROOM, 1.0))
    return -1 * sum(log_p[np.arange(x.shape[0]), t]) / x.shape[0]


def softmax_cross_entropy(x: Any, t: Any) -> Variable:
    """y = −mean of ln softmax(x)[t]: x (N, classes), t N class numbers → a number."""
    return SoftmaxCrossEntropy(labels_of(t))(x)


class BinaryCrossEntropy(Operation):
    """y = −Σ (t ln p + (1 − t) ln(1 − p)) / N, p or its score x"""

    makes_floats = True

    def __init__(self, from_scores: bool) -> None:
        self.from_scores = from_scores

    def compute(self, x: Any, t: Any) -> Tensor:
        x, t = alike(x, t)
        if self.from_scores:
            loss = probability.binary_cross_entropy_with_logits(x, t, reduction="sum")
        else:
            loss = probability.binary_cross_entropy(x, t, reduction="sum")
        return loss / len(x)


def like(x: Any, t: Any) -> tuple[Variable, Variable]:
    """Both as Variables, `t` in the shape of `x`."""
    x, t = as_variable(x), as_variable(t)
    return x, t if x.ndim == t.ndim else reshape(t, x.shape)


def sigmoid_cross_entropy(x: Any, t: Any) -> Variable:
    """y = −Σ (t ln p + (1 − t) ln(1 − p)) / N with p = sigmoid(x), without overflow."""
    return BinaryCrossEntropy(from_scores=True)(*like(x, t))


def binary_cross_entropy(p: Any, t: Any) -> Variable:
    """y = −Σ (t ln p + (1 − t) ln(1 − p)) / N; logarithms end at −100. (The book's code cut p off
    at 0.999, where a better p had no gradient and no lower loss.)"""
    return BinaryCrossEntropy(from_scores=False)(*like(p, t))


def accuracy(y: Any, t: Any) -> Variable:
    """The share of rows of y whose largest element is the one that t names; not
    differentiable."""
    y, t = as_variable(y), as_variable(t)
    pred = y.data.argmax(axis=1).reshape(t.shape)
    return Variable(as_array((pred == t.data).mean()))


# -- what differs between training and use ----------------------------------------------------


def dropout(x: Any, dropout_ratio: float = 0.5) -> Variable:
    """In training y = x · mask / (1 − ratio), the mask 0 with probability `dropout_ratio`; under
    `test_mode` x itself."""
    x = as_variable(x)
    if not Config.train:
        return x
    mask = np.random.rand(*x.shape) > dropout_ratio
    scale = np.array(1.0 - dropout_ratio).astype(x.dtype)
    return x * mask.astype(x.dtype) / scale


class BatchNorm(Operation):
    """y = γ (x − μ) / √(σ² + ε) + β per column or channel

    μ and σ² are those of the batch in training, and `avg_mean` and `avg_var` follow them, in place:
    avg ← decay · avg + (1 − decay) · batch's (the variance without bias). Under `test_mode` μ and
    σ² are these averages.
    """

    def __init__(self, mean: Any, var: Any, decay: float, eps: float) -> None:
        self.avg_mean = mean
        self.avg_var = var
        self.decay = decay
        self.eps = eps

    def __call__(self, *inputs: Any) -> Variable:
        y = super().__call__(*inputs)
        if Config.train:
            self.follow(as_variable(inputs[0]).data)
        return y

    def follow(self, x: Any) -> None:
        """Move the averages towards the batch's."""
        axes = (0, 2, 3) if x.ndim == 4 else (0,)
        n = x.size // x.shape[1]
        for average, value in (
            (self.avg_mean, x.mean(axes)),
            (self.avg_var, x.var(axes) * (n / (n - 1) if n > 2 else n)),
        ):
            average *= self.decay
            average += ((1 - self.decay) * value).astype(average.dtype)

    def compute(self, x: Any, gamma: Any, beta: Any) -> Tensor:
        x, gamma, beta = alike(x, gamma, beta)
        gamma, beta = (reshape_to_channels(a, x) for a in (gamma, beta))
        if Config.train:
            axes = (0, *range(2, x.ndim))
            return norm.batch_statistics_norm(x, None, None, gamma, beta, axes, 0.0, self.eps)
        averages = (wrap(a.astype(x.array.dtype)) for a in (self.avg_mean, self.avg_var))
        mean, var = (reshape_to_channels(a, x) for a in averages)
        return norm.running_norm(x, mean, var, gamma, beta, self.eps)


def reshape_to_channels(a: Tensor, x: Tensor) -> Tensor:
    """One value per channel, shaped to broadcast over x: (C,) → (1, C, 1, …)."""
    return shapes.reshape(a, (1, -1, *[1] * (x.ndim - 2)))


def batch_nrom(
    x: Any,
    gamma: Any,
    beta: Any,
    mean: Any,
    var: Any,
    decay: float = 0.9,
    eps: float = 2e-5,
) -> Variable:
    """Batch normalization of (N, C) or (N, C, H, W); `mean` and `var` are arrays, written to in
    training. (The name is DeZero's.)"""
    x = as_variable(x)
    if x.ndim not in (2, 4):
        raise ShapeError(f"batch_nrom: expected an input (N, C) or (N, C, H, W), but got {x.shape}")
    return BatchNorm(mean, var, decay, eps)(x, gamma, beta)
