"""The chapter's functions on arrays."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from sangja.books.lincoln.utils.np_utils import softmax
from sangja.books.pullback import evaluate
from sangja.ops import activation, trigonometry


def sigmoid(x: ndarray) -> ndarray:
    """1 / (1 + e⁻ˣ)."""
    return evaluate(activation.Sigmoid, x)


def dsigmoid(x: ndarray) -> ndarray:
    """The derivative of `sigmoid` at x."""
    return activation.Sigmoid.dx(1.0, sigmoid(x))


def tanh(x: ndarray) -> ndarray:
    """tanh x."""
    return evaluate(trigonometry.Tanh, x)


def dtanh(x: ndarray) -> ndarray:
    """The derivative of `tanh` at x."""
    return trigonometry.Tanh.dx(1.0, tanh(x))


def batch_softmax(input_array: ndarray) -> ndarray:
    """The softmax of every step of every sequence: (batch, steps, classes)."""
    return softmax(np.asarray(input_array), axis=-1)
