"""Central differences, written out here so that the tests do not lean on what they test."""

import numpy as np


def derivative(f, x: np.ndarray, h: float = 1e-6) -> np.ndarray:
    """∂f/∂x for a number f(), element by element; x is changed in place and put back."""
    grad = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        value = x[place]
        x[place] = value + h
        above = f()
        x[place] = value - h
        below = f()
        x[place] = value
        grad[place] = (above - below) / (2 * h)
    return grad


def assert_close(found, expected, tolerance: float = 1e-6) -> None:
    assert np.shape(found) == np.shape(expected)
    assert np.max(np.abs(np.asarray(found) - expected), initial=0) < tolerance
