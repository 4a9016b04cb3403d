"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.backend.native import updates
from sangja.core.errors import ArgumentError
from sangja.engine import Tensor
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

Array = np.ndarray[Any, Any]


class Adam(Optimizer):
    """p ← p − lr · m̂ / (√v̂ + ε), m and v being running means of g and g²:

    m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ).
    g has weight_decay · p added, or with `decoupled_weight_decay` p shrinks first (AdamW).
    `amsgrad` takes the largest v so far. Kingma and Ba, 2014; Reddi et al., 2018.
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check(scalar(lr) >= 0.0, "learning rate", lr)
        check(eps >= 0.0, "epsilon value", eps)
        if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
            raise ArgumentError("betas must be either both floats or both Tensors")
        betas = (scalar(betas[0]), scalar(betas[1]))
        check_betas(betas)
        check(weight_decay >= 0.0, "weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def update_parameter(self, group: Group, p: Tensor, grad: Tensor) -> None:
        state = self.state[p]
        if not state:
            state["step"] = step_count()
            state["exp_avg"] = zeros_like(p)
            state["exp_avg_sq"] = zeros_like(p)
            if group["amsgrad"]:
                state["max_exp_avg_sq"] = zeros_like(p)
        largest = (state["max_exp_avg_sq"],) if group["amsgrad"] else ()
        step = count(state)
        beta1, beta2 = group["betas"]
        self.run(
            adam_amsgrad if group["amsgrad"] else adam,
            p,
            grad,
            state["exp_avg"],
            state["exp_avg_sq"],
            *largest,
            lr=scalar(group["lr"]),
            beta1=scalar(beta1),
            beta2=scalar(beta2),
            step=step,
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            decoupled=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )


class AdamW(Adam):
    """Adam with decoupled weight decay: p ← (1 − lr · weight_decay) · p before each step.
    Loshchilov and Hutter, 2017."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True


def adam(p: Array, m: Array, v: Array, g: Array, **settings: Any) -> None:
    done = by_kernels(p, m, v, g, **settings)
    if done:
        p, m, v, g = updates.rest((p, m, v, g), done)
    move(p, m, v, moments(p, m, v, g, **settings), **settings)


def by_kernels(
    p: Array,
    m: Array,
    v: Array,
    g: Array,
    *,
    lr: float,
    beta1: float,
    beta2: float,
    step: int,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> int:
    """How many of the elements a kernel has moved."""
    if p.size < updates.ENOUGH or maximize or (weight_decay != 0 and not decoupled):
        return 0
    shrink = 1 - lr * weight_decay if decoupled else 1.0
    root, rate = (1 - beta2**step) ** 0.5, lr / (1 - beta1**step)
    numbers = (shrink, 1 - beta1, beta2, 1 - beta2, root, eps, rate)
    return updates.run("adam", (p, m, v, g), numbers)


def adam_amsgrad(p: Array, m: Array, v: Array, largest: Array, g: Array, **settings: Any) -> None:
    spare = moments(p, m, v, g, **settings)
    np.maximum(largest, v, out=largest)
    move(p, m, largest, spare, **settings)


def moments(
    p: Array,
    m: Array,
    v: Array,
    g: Array,
    *,
    lr: float,
    beta1: float,
    beta2: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
    **_: Any,
) -> Array:
    """Update the running means; returns memory of their shape that is free to use."""
    if maximize:
        g = -g
    if weight_decay != 0:
        if decoupled:
            p *= 1 - lr * weight_decay
        else:
            g = g + weight_decay * p
    spare = np.subtract(g, m, out=np.empty_like(m))  # m moves towards g, as PyTorch's lerp does
    spare *= 1 - beta1
    m += spare
    np.multiply(g, g, out=spare)
    spare *= 1 - beta2
    v *= beta2
    v += spare
    return spare


def move(
    p: Array,
    m: Array,
    v: Array,
    spare: Array,
    *,
    lr: float,
    beta1: float,
    beta2: float,
    step: int,
    eps: float,
    **_: Any,
) -> None:
    """p ← p − lr · m̂ / (√v̂ + ε)"""
    np.sqrt(v, out=spare)
    spare /= (1 - beta2**step) ** 0.5
    spare += eps
    np.divide(m, spare, out=spare)
    spare *= lr / (1 - beta1**step)
    p -= spare
