"""The book's `common/gradient.py` and chapter 4: derivatives by central differences.

    ∂f/∂xᵢ ≈ (f(x + h eᵢ) − f(x − h eᵢ)) / 2h,  h = 10⁻⁴

What differs: an array of integers is refused (h would vanish in it); for float32 the step is larger
and measured after rounding, so that about four digits are right rather than one or two; the array
is put back as it was also when `f` raises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from sangja.core.errors import DTypeError


def numerical_diff(f: Callable[[Any], Any], x: float) -> float:
    """The derivative of a function of one number.

    >>> numerical_diff(lambda x: 0.01 * x**2 + 0.1 * x, 5)
    0.1999999999990898
    """
    h = 1e-4
    return (f(x + h) - f(x - h)) / (2 * h)


def numerical_gradient(f: Callable[[ndarray], Any], x: ndarray) -> ndarray:
    """The derivative of a number f(x) for every element of x, changed in place and back."""
    step = step_of(x)
    grad = np.zeros_like(x)
    for idx in np.ndindex(x.shape):
        value = x[idx]
        try:
            x[idx] = value + step
            above, up = f(x), float(x[idx])
            x[idx] = value - step
            below, down = f(x), float(x[idx])
        finally:
            x[idx] = value
        grad[idx] = (above - below) / (2 * step if step == 1e-4 else up - down)
    return grad


def numerical_gradient_2d(f: Callable[[ndarray], Any], X: ndarray) -> ndarray:
    """`numerical_gradient` of a vector, or of each row of a matrix with f of that row."""
    if X.ndim == 1:
        return numerical_gradient(f, X)
    return np.stack([numerical_gradient(f, x) for x in X])


def gradient_descent(
    f: Callable[[ndarray], Any], init_x: ndarray, lr: float = 0.01, step_num: int = 100
) -> tuple[ndarray, ndarray]:
    """`step_num` steps down from `init_x`, which stays as it is; the last point, and every point
    that a step was taken from."""
    x = np.array(init_x)
    history = []
    for _ in range(step_num):
        history.append(x.copy())
        x -= lr * numerical_gradient(f, x)
    return x, np.array(history)


def step_of(x: ndarray) -> float:
    """How far to go to each side. Raises `DTypeError` unless x holds floats."""
    if x.dtype.kind != "f":
        raise DTypeError(
            f"numerical_gradient changes its array by small steps, and {x.dtype} has no room for "
            "them. Convert it first: x.astype(float)"
        )
    return 1e-4 if x.dtype == np.float64 else float(np.cbrt(np.finfo(x.dtype).eps))
