"""The book's chapter 2: gates, each one neuron with weights chosen by hand; and one of three."""

from __future__ import annotations

import numpy as np


def fires(x1: float, x2: float, w1: float, w2: float, b: float) -> int:
    """1 if w₁ x₁ + w₂ x₂ + b > 0, else 0."""
    return int(np.dot([w1, w2], [x1, x2]) + b > 0)


def AND(x1: float, x2: float) -> int:
    """Whether both are 1."""
    return fires(x1, x2, 0.5, 0.5, -0.7)


def NAND(x1: float, x2: float) -> int:
    """Whether not both are 1."""
    return fires(x1, x2, -0.5, -0.5, 0.7)


def OR(x1: float, x2: float) -> int:
    """Whether one or both are 1."""
    return fires(x1, x2, 0.5, 0.5, -0.2)


def XOR(x1: float, x2: float) -> int:
    """Whether just one is 1: no single neuron can tell, two layers can."""
    return AND(NAND(x1, x2), OR(x1, x2))
