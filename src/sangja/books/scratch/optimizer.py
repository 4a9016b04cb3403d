"""The book's `common/optimizer.py`: rules that change a dictionary of parameters, arrays or not.

What differs: `Nesterov` uses the velocity before it changes it. The book's changes it first, so
that its steps are not those of the method.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Values = dict[str, Any]


def zeros_like(params: Values) -> Values:
    """A zero for every parameter, of floats also where a number is an integer."""
    return {key: np.zeros_like(np.multiply(value, 1.0)) for key, value in params.items()}


class SGD:
    """p ← p − lr · g."""

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = lr

    def update(self, params: Values, grads: Values) -> None:
        for key in params:
            params[key] -= self.lr * grads[key]


class Momentum:
    """v ← μ v − lr · g; p ← p + v."""

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        self.lr = lr
        self.momentum = momentum
        self.v: Values | None = None

    def update(self, params: Values, grads: Values) -> None:
        if self.v is None:
            self.v = zeros_like(params)
        for key in params:
            self.v[key] = self.momentum * self.v[key] - self.lr * grads[key]
            params[key] += self.v[key]


class Nesterov:
    """p ← p + μ² v − (1 + μ) lr · g; v ← μ v − lr · g.

    Source: Bengio et al., http://arxiv.org/abs/1212.0901, equations 6 and 7.
    """

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        self.lr = lr
        self.momentum = momentum
        self.v: Values | None = None

    def update(self, params: Values, grads: Values) -> None:
        if self.v is None:
            self.v = zeros_like(params)
        for key in params:
            params[key] += self.momentum * self.momentum * self.v[key]
            params[key] -= (1 + self.momentum) * self.lr * grads[key]
            self.v[key] = self.momentum * self.v[key] - self.lr * grads[key]


class AdaGrad:
    """h ← h + g²; p ← p − lr · g / (√h + 10⁻⁷). Source: Duchi et al., 2011."""

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = lr
        self.h: Values | None = None

    def update(self, params: Values, grads: Values) -> None:
        if self.h is None:
            self.h = zeros_like(params)
        for key in params:
            self.h[key] += grads[key] * grads[key]
            params[key] -= self.lr * grads[key] / (np.sqrt(self.h[key]) + 1e-7)


class RMSprop:
    """h ← ρ h + (1 − ρ) g²; p ← p − lr · g / (√h + 10⁻⁷)."""

    def __init__(self, lr: float = 0.01, decay_rate: float = 0.99) -> None:
        self.lr = lr
        self.decay_rate = decay_rate
        self.h: Values | None = None

    def update(self, params: Values, grads: Values) -> None:
        if self.h is None:
            self.h = zeros_like(params)
        for key in params:
            self.h[key] *= self.decay_rate
            self.h[key] += (1 - self.decay_rate) * grads[key] * grads[key]
            params[key] -= self.lr * grads[key] / (np.sqrt(self.h[key]) + 1e-7)


class Adam:
    """m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², p ← p − lr √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v +
    10⁻⁷). (In PyTorch ε stands inside the correction.)

    Source: Kingma and Ba, http://arxiv.org/abs/1412.6980v8.
    """

    def __init__(self, lr: float = 0.001, beta1: float = 0.9, beta2: float = 0.999) -> None:
        self.lr = lr
        self.beta1 = beta1
        self.beta2 = beta2
        self.iter = 0
        self.m: Values | None = None
        self.v: Values | None = None

    def update(self, params: Values, grads: Values) -> None:
        if self.m is None or self.v is None:
            self.m, self.v = zeros_like(params), zeros_like(params)
        self.iter += 1
        lr_t = self.lr * np.sqrt(1.0 - self.beta2**self.iter) / (1.0 - self.beta1**self.iter)
        for key in params:
            self.m[key] += (1 - self.beta1) * (grads[key] - self.m[key])
            self.v[key] += (1 - self.beta2) * (grads[key] ** 2 - self.v[key])
            params[key] -= lr_t * self.m[key] / (np.sqrt(self.v[key]) + 1e-7)
