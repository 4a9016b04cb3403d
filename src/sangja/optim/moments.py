"""Adam's relatives: Adamax, NAdam, RAdam."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sangja.engine import Tensor, wrap
from sangja.optim.optimizer import (
    Group,
    Optimizer,
    check,
    check_betas,
    count,
    scalar,
    step_count,
    zeros_like,
)
from sangja.optim.sgd import direction

Array = np.ndarray[Any, Any]


def check_settings(lr: Any, betas: tuple[float, float], eps: float, weight_decay: float) -> None:
    """Refuse what none of these can work with."""
    check(scalar(lr) >= 0.0, "learning rate", lr)
    check(eps >= 0.0, "epsilon value", eps)
    check_betas(betas)
    check(weight_decay >= 0.0, "weight_decay value", weight_decay)


class Adamax(Optimizer):
    """p ← p − lr / (1 − β₁ᵗ) · m / u, m a running mean of g, u ← max(β₂u, |g| + ε).
    Kingma and Ba, 2014."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_settings(lr, betas, eps, weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def update_parameter(self, group: Group, p: Tensor, grad: Tensor) -> None:
        state = self.state[p]
        if not state:
            state["step"] = step_count()
            state["exp_avg"] = zeros_like(p)
            state["exp_inf"] = zeros_like(p)
        step = count(state)
        beta1, beta2 = group["betas"]
        self.run(
            adamax,
            p,
            grad,
            state["exp_avg"],
            state["exp_inf"],
            rate=scalar(group["lr"]) / (1 - beta1**step),
            beta1=beta1,
            beta2=beta2,
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
        )


def adamax(
    p: Array,
    m: Array,
    largest: Array,
    g: Array,
    *,
    rate: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    g = direction(p, g, weight_decay, maximize)
    m += (1 - beta1) * (g - m)
    largest *= beta2
    np.maximum(largest, np.abs(g) + eps, out=largest)
    p -= rate * (m / largest)


def running_means(m: Array, v: Array, g: Array, beta1: float, beta2: float) -> None:
    """m and v move towards g and g²."""
    m += (1 - beta1) * (g - m)
    v *= beta2
    v += (1 - beta2) * (g * g)


def decayed(
    p: Array, g: Array, lr: float, weight_decay: float, decoupled: bool, maximize: bool
) -> Array:
    """The gradient to follow; decoupled weight decay shrinks p at once instead."""
    if weight_decay != 0 and decoupled:
        p *= 1 - lr * weight_decay
        weight_decay = 0
    return direction(p, g, weight_decay, maximize)


class NAdam(Optimizer):
    """Adam that looks ahead as Nesterov's momentum does, with a momentum μₜ = β₁(1 −
    ½·0.96^(t·decay)) that grows. Dozat, 2016."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(lr, betas, eps, weight_decay)
        check(momentum_decay >= 0.0, "momentum_decay value", momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def update_parameter(self, group: Group, p: Tensor, grad: Tensor) -> None:
        state = self.state[p]
        if not state:
            state["step"] = step_count()
            state["mu_product"] = wrap(np.ones((), np.float32))
            state["exp_avg"] = zeros_like(p)
            state["exp_avg_sq"] = zeros_like(p)
        step, lr = count(state), scalar(group["lr"])
        beta1, beta2 = group["betas"]
        decay = group["momentum_decay"]
        now = beta1 * (1.0 - 0.5 * (0.96 ** (step * decay)))
        following = beta1 * (1.0 - 0.5 * (0.96 ** ((step + 1) * decay)))
        product = state["mu_product"].array
        product *= now
        self.run(
            nadam,
            p,
            grad,
            state["exp_avg"],
            state["exp_avg_sq"],
            lr=lr,
            gradient_rate=lr * (1.0 - now) / (1.0 - float(product)),
            mean_rate=lr * following / (1.0 - float(product) * following),
            beta1=beta1,
            beta2=beta2,
            correction=1 - beta2**step,
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            decoupled=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )


def nadam(
    p: Array,
    m: Array,
    v: Array,
    g: Array,
    *,
    lr: float,
    gradient_rate: float,
    mean_rate: float,
    beta1: float,
    beta2: float,
    correction: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None:
    g = decayed(p, g, lr, weight_decay, decoupled, maximize)
    running_means(m, v, g, beta1, beta2)
    root = np.sqrt(v / correction)
    root += eps
    p -= gradient_rate * (g / root)
    p -= mean_rate * (m / root)


class RAdam(Optimizer):
    """Adam that divides by √v̂ only once v̂'s variance is tractable (ρₜ > 5), and then by a rectified
    amount; before, a step of momentum. Liu et al., 2019."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(lr, betas, eps, weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def update_parameter(self, group: Group, p: Tensor, grad: Tensor) -> None:
        state = self.state[p]
        if not state:
            state["step"] = step_count()
            state["exp_avg"] = zeros_like(p)
            state["exp_avg_sq"] = zeros_like(p)
        step = count(state)
        beta1, beta2 = group["betas"]
        self.run(
            radam,
            p,
            grad,
            state["exp_avg"],
            state["exp_avg_sq"],
            lr=scalar(group["lr"]),
            beta1=beta1,
            beta2=beta2,
            correction=1 - beta1**step,
            rectified=rectification(step, beta2),
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            decoupled=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )


def rectification(step: int, beta2: float) -> float | None:
    """What to multiply the adaptive step by; None while the variance is not tractable."""
    correction = 1 - beta2**step
    most = 2 / (1 - beta2) - 1
    now = most - 2 * step * (beta2**step) / correction
    if now <= 5.0:
        return None
    ratio = (now - 4) * (now - 2) * most / ((most - 4) * (most - 2) * now)
    return math.sqrt(ratio) * math.sqrt(correction)


def radam(
    p: Array,
    m: Array,
    v: Array,
    g: Array,
    *,
    lr: float,
    beta1: float,
    beta2: float,
    correction: float,
    rectified: float | None,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None:
    g = decayed(p, g, lr, weight_decay, decoupled, maximize)
    running_means(m, v, g, beta1, beta2)
    move = m / correction
    move *= lr
    if rectified is not None:
        move *= rectified / (np.sqrt(v) + eps)
    p -= move
