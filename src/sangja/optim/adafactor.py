"""Adafactor: second moments of a matrix kept as one row and one column."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError, DTypeError
from sangja.engine import Tensor, wrap
from sangja.optim.optimizer import Group, Optimizer, count, scalar, step_count, zeros_like

Array = np.ndarray[Any, Any]


class Adafactor(Optimizer):
    """p ← (1 − lr · weight_decay) · p − α · u / max(1, RMS(u) / d), u = g / √v.

    For matrices v = r cᵀ / mean(r), r and c running means of g² over rows and columns, which takes
    the memory of a vector; for vectors v is the running mean of g² itself. Old values are kept to
    1 − t^beta2_decay. The step is α = max(ε₂, RMS(p)) · min(lr, 1/√t); `eps` = (ε₁, ε₂), where ε₁
    bounds √v and mean(r) from below and is by default the precision of the dtype.
    Shazeer and Stern, 2018.
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        eps1, eps2 = eps
        for valid, text in (
            (scalar(lr) >= 0.0, f"Learning rate should be >= 0 but is: {lr}"),
            (beta2_decay <= 0.0, f"beta2_decay should be <= 0 but is: {beta2_decay}"),
            (eps1 is None or eps1 >= 0.0, f"epsilon1 should be >= 0 but is: {eps1}"),
            (eps2 >= 0.0, f"epsilon2 should be >= 0 but is: {eps2}"),
            (d >= 1.0, f"Clipping threshold d should be >= 1 but is: {d}"),
            (weight_decay >= 0.0, f"weight_decay should be >= 0 but is: {weight_decay}"),
        ):
            if not valid:
                raise ArgumentError(text)
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def update_parameter(self, group: Group, p: Tensor, grad: Tensor) -> None:
        if p.array.dtype.kind == "c":
            raise DTypeError(f"Adafactor does not support complex parameters, got {p.dtype}")
        state = self.state[p]
        if not state:
            state["step"] = step_count()
            if grad.ndim > 1:
                shape = tuple(grad.shape)
                state["row_var"] = wrap(np.zeros((*shape[:-1], 1), p.array.dtype))
                state["col_var"] = wrap(np.zeros((*shape[:-2], 1, shape[-1]), p.array.dtype))
            else:
                state["variance"] = zeros_like(p)
        step = count(state)
        eps1, eps2 = group["eps"]
        moments = [value for name, value in state.items() if name != "step"]
        self.run(
            adafactor if len(moments) == 2 else adafactor_of_vector,
            p,
            grad,
            *moments,
            rate=step ** group["beta2_decay"],
            lr=min(scalar(group["lr"]), 1 / math.sqrt(step)),
            shrink=1 - scalar(group["lr"]) * group["weight_decay"],
            eps1=float(np.finfo(p.array.dtype).eps) if eps1 is None else eps1,
            eps2=eps2,
            d=group["d"],
            maximize=group["maximize"],
        )


def rms(x: Array) -> float:
    """√ of the mean of x²."""
    return float(np.linalg.norm(x)) / math.sqrt(x.size)


def adafactor(
    p: Array, rows: Array, columns: Array, g: Array, *, rate: float, eps1: float, **settings: Any
) -> None:
    squares = g * g
    rows += rate * (squares.mean(axis=-1, keepdims=True) - rows)
    columns += rate * (squares.mean(axis=-2, keepdims=True) - columns)
    v = rows @ columns / np.maximum(rows.mean(axis=-2, keepdims=True), eps1)
    clipped_step(p, v, g, eps1=eps1, **settings)


def adafactor_of_vector(
    p: Array, variance: Array, g: Array, *, rate: float, eps1: float, **settings: Any
) -> None:
    variance += rate * (g * g - variance)
    clipped_step(p, variance, g, eps1=eps1, **settings)


def clipped_step(
    p: Array,
    v: Array,
    g: Array,
    *,
    lr: float,
    shrink: float,
    eps1: float,
    eps2: float,
    d: float,
    maximize: bool,
) -> None:
    """Move p by g / √v, if that is long only as far as its size allows."""
    alpha = max(eps2, rms(p)) * lr
    update = g / np.sqrt(np.maximum(v, eps1 * eps1))
    alpha = alpha / max(1.0, rms(update) / d)
    p *= shrink
    p -= (-alpha if maximize else alpha) * update
