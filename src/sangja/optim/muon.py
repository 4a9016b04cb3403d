"""Muon: momentum made orthogonal, for the matrices of hidden layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError, DTypeError
from sangja.engine import Tensor
from sangja.optim.optimizer import Group, Optimizer, scalar, zeros_like

Array = np.ndarray[Any, Any]
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


class Muon(Optimizer):
    """p ← (1 − lr · weight_decay) · p − lr' · O, O the nearly orthogonal matrix closest to the
    momentum.

    O comes from `ns_steps` Newton-Schulz iterations, x ← ax + (b xxᵀ + c(xxᵀ)²)x; lr' is lr times
    √max(1, rows / columns), or with `adjust_lr_fn="match_rms_adamw"` 0.2·√max(rows, columns).
    Only for matrices; others go to AdamW. Iterates in the parameter's precision, where PyTorch
    rounds to bfloat16. Jordan et al., 2024.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = COEFFICIENTS,
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        for name, value in (("Learning rate", scalar(lr)), ("momentum", momentum)):
            if not value >= 0.0:
                raise ArgumentError(f"{name} should be >= 0 but is: {value}")
        if not weight_decay >= 0.0:
            raise ArgumentError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ArgumentError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ArgumentError(
                        "Muon only supports 2D parameters whereas we found a parameter with size: "
                        f"{p.shape}"
                    )

    def update_parameter(self, group: Group, p: Tensor, grad: Tensor) -> None:
        if p.array.dtype.kind == "c":
            raise DTypeError(f"Muon does not support complex parameters, got {p.dtype}")
        state = self.state[p]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = zeros_like(p)
        lr = scalar(group["lr"])
        rows, columns = p.array.shape
        if group["adjust_lr_fn"] == "match_rms_adamw":
            factor = 0.2 * math.sqrt(max(rows, columns))
        else:
            factor = math.sqrt(max(1, rows / columns))
        self.run(
            muon,
            p,
            grad,
            state["momentum_buffer"],
            lr=lr * factor,
            shrink=1 - lr * group["weight_decay"],
            momentum=group["momentum"],
            nesterov=group["nesterov"],
            coefficients=group["ns_coefficients"],
            steps=group["ns_steps"],
            eps=group["eps"],
        )


def muon(
    p: Array,
    velocity: Array,
    g: Array,
    *,
    lr: float,
    shrink: float,
    momentum: float,
    nesterov: bool,
    coefficients: tuple[float, float, float],
    steps: int,
    eps: float,
) -> None:
    velocity += (1 - momentum) * (g - velocity)
    x = g + momentum * (velocity - g) if nesterov else velocity
    p *= shrink
    p -= lr * orthogonalized(x, coefficients, steps, eps)


def orthogonalized(
    x: Array, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Array:
    """The matrix with its singular values brought close to 1, by Newton-Schulz iterations."""
    a, b, c = coefficients
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / max(float(np.linalg.norm(x)), eps)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.T if tall else x
