"""The book's `common/functions.py`: functions of arrays.

What differs: `step_function` and `relu_grad` work on a current NumPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from sangja.books.pullback import evaluate
from sangja.core.errors import OutOfRangeError, ShapeError
from sangja.ops import activation
from sangja.ops.softmax import Softmax


def identity_function(x: Any) -> Any:
    """x."""
    return x


def step_function(x: Any) -> ndarray:
    """1 where x > 0, else 0; integers."""
    return np.array(np.asarray(x) > 0, dtype=int)


def sigmoid(x: Any) -> Any:
    """1 / (1 + e⁻ˣ)."""
    return evaluate(activation.Sigmoid, floats(x))


def sigmoid_grad(x: Any) -> Any:
    """The derivative of `sigmoid` at x."""
    return activation.Sigmoid.dx(1.0, sigmoid(x))


def relu(x: Any) -> Any:
    """max(x, 0)."""
    return evaluate(activation.Relu, np.asarray(x))


def relu_grad(x: Any) -> ndarray:
    """1 where x ≥ 0, else 0. (The layer `Relu` has slope 0 at 0.)"""
    return np.where(np.asarray(x) >= 0, 1.0, 0.0)


def softmax(x: Any) -> ndarray:
    """exp(xᵢ) / Σⱼ exp(xⱼ) along the last axis."""
    return evaluate(Softmax, floats(x), dim=-1)


def sum_squared_error(y: Any, t: Any) -> float:
    """½ Σ (y − t)²."""
    return 0.5 * float(np.sum(np.square(np.asarray(y) - t)))


mean_squared_error = sum_squared_error  # as the book's first editions call it


def cross_entropy_error(y: Any, t: Any) -> float:
    """−Σ ln(y[label] + 10⁻⁷) / batch, for probabilities y, (batch, classes) or one row.

    `t` has a label (an integer) or a one-hot row for each row of y. Raises `ShapeError` for another
    number of rows, `OutOfRangeError` for a label that is no class.
    """
    y = np.atleast_2d(y)
    labels = labels_of(t, y.shape)
    return float(-np.sum(np.log(y[np.arange(len(y)), labels] + 1e-7)) / len(y))


def softmax_loss(X: Any, t: Any) -> float:
    """`cross_entropy_error` of the softmax of scores."""
    return cross_entropy_error(softmax(X), t)


def labels_of(t: Any, shape: tuple[int, ...]) -> ndarray:
    """The label of each row, of labels or of one-hot rows, for probabilities of that shape."""
    t = np.asarray(t)
    rows, classes = shape
    if t.size == rows * classes and t.size != rows:
        return t.reshape(rows, classes).argmax(axis=1)
    if t.size != rows:
        raise ShapeError(
            f"cross entropy of {rows} rows with {classes} classes each: expected {rows} labels or "
            f"one-hot targets of shape [{rows}, {classes}], got targets of shape {list(t.shape)}"
        )
    labels = t.reshape(rows).astype(int)
    if rows and not 0 <= labels.min() <= labels.max() < classes:
        raise OutOfRangeError(
            f"cross entropy: labels must lie between 0 and {classes - 1}, got "
            f"{labels.min()} to {labels.max()}"
        )
    return labels


def floats(x: Any) -> ndarray:
    """An array of floats: integers and lists become float64."""
    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x.astype(np.float64)
