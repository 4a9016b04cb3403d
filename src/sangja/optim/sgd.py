"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.backend.native import updates
from sangja.core.errors import ArgumentError
from sangja.engine import Tensor, wrap
from sangja.optim.optimizer import Group, Optimizer, check, scalar

Array = np.ndarray[Any, Any]


class SGD(Optimizer):
    """p ← p − lr · v, with v ← momentum · v + (1 − dampening) · g and v = g at the first step.

    g has weight_decay · p added; `nesterov` moves by g + momentum · v instead of v; `maximize`
    climbs. Sutskever et al., 2013.
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check(not scalar(lr) < 0.0, "learning rate", lr)
        check(not momentum < 0.0, "momentum value", momentum)
        check(not weight_decay < 0.0, "weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ArgumentError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def signature(self) -> Any:
        """The groups' settings, and how many parameters have a velocity."""
        settings = [[v for k, v in group.items() if k != "params"] for group in self.param_groups]
        return len(self.state), settings

    def update_parameter(self, group: Group, p: Tensor, grad: Tensor) -> None:
        lr, decay, maximize = scalar(group["lr"]), group["weight_decay"], group["maximize"]
        if group["momentum"] == 0:
            self.run(sgd, p, grad, lr=lr, weight_decay=decay, maximize=maximize)
            return
        state = self.state[p]
        velocity = state.get("momentum_buffer")
        first = velocity is None
        if first:
            velocity = state["momentum_buffer"] = wrap(np.empty_like(p.array))
        self.run(
            sgd_with_momentum,
            p,
            grad,
            velocity,
            lr=lr,
            momentum=group["momentum"],
            dampening=group["dampening"],
            weight_decay=decay,
            nesterov=group["nesterov"],
            maximize=maximize,
            first=first,
        )


def direction(p: Array, g: Array, weight_decay: float, maximize: bool) -> Array:
    """The gradient to follow: of the loss, or against it, with weight decay."""
    if maximize:
        g = -g
    return g + weight_decay * p if weight_decay != 0 else g


def sgd(p: Array, g: Array, *, lr: float, weight_decay: float, maximize: bool) -> None:
    p -= lr * direction(p, g, weight_decay, maximize)


def sgd_with_momentum(
    p: Array,
    velocity: Array,
    g: Array,
    *,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
    first: bool,
) -> None:
    if p.size >= updates.ENOUGH and not (first or maximize or nesterov or dampening):
        done = updates.run("momentum", (p, velocity, g), (weight_decay, momentum, lr))
        if done:
            p, velocity, g = updates.rest((p, velocity, g), done)
    g = direction(p, g, weight_decay, maximize)
    if first:
        np.copyto(velocity, g)
    else:
        velocity *= momentum
        velocity += g if dampening == 0 else (1 - dampening) * g
    p -= lr * (g + momentum * velocity if nesterov else velocity)
