"""How good a regression is; the book's chapters 2 and 3."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from sangja.books.lincoln.network import NeuralNetwork


def mae(y_true: ndarray, y_pred: ndarray) -> float:
    """The mean absolute error."""
    return float(np.mean(np.abs(y_true - y_pred)))


def rmse(y_true: ndarray, y_pred: ndarray) -> float:
    """The root of the mean squared error."""
    return float(np.sqrt(np.mean(np.power(y_true - y_pred, 2))))


def eval_regression_model(model: NeuralNetwork, X_test: ndarray, y_test: ndarray) -> None:
    """Print both errors of a model's predictions."""
    predictions = model.forward(X_test, inference=True).reshape(-1, 1)
    print(f"Mean absolute error: {mae(predictions, y_test):.2f}")
    print()
    print(f"Root mean squared error {rmse(predictions, y_test):.2f}")
