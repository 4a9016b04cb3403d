"""Optimizers and what may be done to gradients before a step (steps 46 and 58)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from sangja.books.dezero import cuda
from sangja.books.dezero.core import Parameter
from sangja.books.dezero.layers import Layer
from sangja.core.errors import ArgumentTypeError, GradientError


class Optimizer:
    """Base of optimizers: `setup(target)` takes a layer or model, `update()` makes one step with
    the gradients that `backward` left. A subclass writes `update_one(param)`."""

    def __init__(self) -> None:
        self.target: Any = None
        self.hooks: list[Callable[[list[Parameter]], None]] = []

    def setup(self, target: Any) -> Optimizer:
        self.target = target
        return self

    def update(self) -> None:
        if self.target is None:
            raise GradientError(
                f"{type(self).__name__}.update() before setup(); tell it what to learn: "
                "optimizer.setup(model)"
            )
        params = [p for p in self.target.params() if p.grad is not None]
        for hook in self.hooks:
            hook(params)
        for param in params:
            if param.grad is not None:  # a hook may have taken it away
                self.update_one(param)

    def update_one(self, param: Parameter) -> None:
        raise NotImplementedError(f"{type(self).__name__}.update_one is missing")

    def add_hook(self, f: Callable[[list[Parameter]], None]) -> None:
        """Call `f` with the list of parameters that have a gradient, before each step."""
        self.hooks.append(f)


# -- hooks ------------------------------------------------------------------------------------


class WeightDecay:
    """grad ← grad + rate · param"""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __call__(self, params: list[Parameter]) -> None:
        for param in params:
            param.grad.data += self.rate * param.data


class ClipGrad:
    """All gradients shrunk together so that their common norm is at most `max_norm`."""

    def __init__(self, max_norm: float) -> None:
        self.max_norm = max_norm

    def __call__(self, params: list[Parameter]) -> None:
        total_norm = math.sqrt(sum(float((p.grad.data**2).sum()) for p in params))
        rate = self.max_norm / (total_norm + 1e-6)
        if rate < 1:
            for param in params:
                param.grad.data *= rate


class FreezeParam:
    """Takes the gradients of the given layers and parameters away: they stay as they are."""

    def __init__(self, *layers: Any) -> None:
        self.freeze_params: list[Parameter] = []
        for one in layers:
            if isinstance(one, Parameter):
                self.freeze_params.append(one)
            elif isinstance(one, Layer):
                self.freeze_params.extend(one.params())
            else:
                raise ArgumentTypeError(
                    f"FreezeParam: expected layers and parameters, got a {type(one).__name__}"
                )

    def __call__(self, params: list[Parameter]) -> None:
        for param in self.freeze_params:
            param.grad = None


# -- optimizers -------------------------------------------------------------------------------


def state_of(states: dict[int, Any], param: Parameter) -> Any:
    """An array of zeros for each parameter, kept from step to step."""
    if id(param) not in states:
        states[id(param)] = cuda.get_array_module(param.data).zeros_like(param.data)
    return states[id(param)]


class SGD(Optimizer):
    """p ← p − lr · g"""

    def __init__(self, lr: float = 0.01) -> None:
        super().__init__()
        self.lr = lr

    def update_one(self, param: Parameter) -> None:
        param.data -= self.lr * param.grad.data


class MomentumSGD(Optimizer):
    """v ← momentum · v − lr · g;  p ← p + v"""

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        super().__init__()
        self.lr = lr
        self.momentum = momentum
        self.vs: dict[int, Any] = {}

    def update_one(self, param: Parameter) -> None:
        v = state_of(self.vs, param)
        v *= self.momentum
        v -= self.lr * param.grad.data
        param.data += v


class AdaGrad(Optimizer):
    """h ← h + g²;  p ← p − lr · g / (√h + eps)"""

    def __init__(self, lr: float = 0.001, eps: float = 1e-8) -> None:
        super().__init__()
        self.lr = lr
        self.eps = eps
        self.hs: dict[int, Any] = {}

    def update_one(self, param: Parameter) -> None:
        h, grad = state_of(self.hs, param), param.grad.data
        h += grad * grad
        param.data -= self.lr * grad / (np.sqrt(h) + self.eps)


class AdaDelta(Optimizer):
    """m ← ρm + (1−ρ)g²;  d = g · √(s + eps) / √(m + eps);  s ← ρs + (1−ρ)d²;  p ← p − d"""

    def __init__(self, rho: float = 0.95, eps: float = 1e-6) -> None:
        super().__init__()
        self.rho = rho
        self.eps = eps
        self.msg: dict[int, Any] = {}
        self.msdx: dict[int, Any] = {}

    def update_one(self, param: Parameter) -> None:
        msg, msdx = state_of(self.msg, param), state_of(self.msdx, param)
        grad = param.grad.data
        msg *= self.rho
        msg += (1 - self.rho) * grad * grad
        dx = np.sqrt((msdx + self.eps) / (msg + self.eps)) * grad
        msdx *= self.rho
        msdx += (1 - self.rho) * dx * dx
        param.data -= dx


class Adam(Optimizer):
    """m ← m + (1−β₁)(g−m);  v ← v + (1−β₂)(g²−v);  p ← p − lr · m / (√v + eps)

    with lr = alpha · √(1−β₂ᵗ) / (1−β₁ᵗ). Source: Kingma and Ba, 2015, section 2, last paragraph
    (PyTorch adds eps after the correction, not before).
    """

    def __init__(
        self,
        alpha: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
    ) -> None:
        super().__init__()
        self.t = 0
        self.alpha = alpha
        self.beta1 = beta1
        self.beta2 = beta2
        self.eps = eps
        self.ms: dict[int, Any] = {}
        self.vs: dict[int, Any] = {}

    def update(self) -> None:
        self.t += 1
        super().update()

    @property
    def lr(self) -> float:
        """The rate of this step, with the correction of both means."""
        return self.alpha * math.sqrt(1.0 - self.beta2**self.t) / (1.0 - self.beta1**self.t)

    def update_one(self, param: Parameter) -> None:
        m, v = state_of(self.ms, param), state_of(self.vs, param)
        grad = param.grad.data
        m += (1 - self.beta1) * (grad - m)
        v += (1 - self.beta2) * (grad * grad - v)
        param.data -= self.lr * m / (np.sqrt(v) + self.eps)
