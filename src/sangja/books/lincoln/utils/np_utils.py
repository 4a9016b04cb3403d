"""What the book does to arrays on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from sangja.books.language import text
from sangja.books.pullback import evaluate
from sangja.core.errors import ArgumentError, ShapeError
from sangja.ops.softmax import Softmax


def to_2d(a: ndarray, type: str = "col") -> ndarray:
    """A vector as a column (n, 1), or with `type="row"` as a row (1, n)."""
    assert_dim(a, 1)
    if type not in ("col", "row"):
        raise ArgumentError(f'to_2d: type must be "col" or "row", got {type!r}')
    return a.reshape(-1, 1) if type == "col" else a.reshape(1, -1)


def normalize(a: ndarray) -> ndarray:
    """The probabilities p of one class, (n, 1), as those of two: [p, 1 − p], (n, 2)."""
    return np.concatenate([a, 1 - a], axis=1)


def unnormalize(a: ndarray) -> ndarray:
    """The reverse of `normalize`: the first column, (n, 1). (The book returns the first row.)"""
    return a[:, :1]


def permute_data(X: ndarray, y: ndarray, random: Any = np.random) -> tuple[ndarray, ndarray]:
    """The rows of both in one random order, drawn from NumPy's own stream or from `random`."""
    perm = random.permutation(X.shape[0])
    return X[perm], y[perm]


def generate_batch(
    X: ndarray, y: ndarray, start: int = 0, batch_size: int = 10
) -> tuple[ndarray, ndarray]:
    """`batch_size` rows from `start` on; fewer at the end. (The book's check is `X.dim()`, which
    arrays do not have.)"""
    assert_dim(X, 2)
    assert_dim(y, 2)
    return X[start : start + batch_size], y[start : start + batch_size]


def assert_same_shape(output: ndarray, output_grad: ndarray) -> None:
    """Raises `ShapeError` unless both have one shape; the book's assertion."""
    first, second = np.shape(output), np.shape(output_grad)
    if first != second:
        raise ShapeError(
            text(
                f"two arrays should have the same shape; instead, the first's is {first} and the "
                f"second's is {second}",
                f"두 배열의 모양이 같아야 하는데, 첫 번째는 {first}, 두 번째는 {second}이다",
            )
        )


def assert_dim(t: ndarray, dim: int) -> None:
    """Raises `ShapeError` unless the array has `dim` dimensions."""
    if np.ndim(t) != dim:
        raise ShapeError(
            text(
                f"an array of {dim} dimensions was expected, got {np.ndim(t)}: shape {np.shape(t)}",
                f"{dim}차원 배열이어야 하는데, {np.ndim(t)}차원이다: 모양 {np.shape(t)}",
            )
        )


def softmax(x: ndarray, axis: int | None = None) -> ndarray:
    """exp(xᵢ) / Σⱼ exp(xⱼ) along `axis`, or over all elements."""
    x = np.asarray(x)
    if axis is None:
        return evaluate(Softmax, x.reshape(-1), dim=0).reshape(x.shape)
    return evaluate(Softmax, x, dim=axis)
