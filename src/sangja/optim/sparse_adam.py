"""Adam for gradients that are zero nearly everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError
from sangja.engine import Tensor
from sangja.optim.adam import adam
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


class SparseAdam(Optimizer):
    """Adam that leaves alone what the gradient does not mention: a row whose gradient is 0 keeps
    its place and its running means, which in `Adam` would fade and move it.

    Meant for embeddings, of which a batch uses a few rows. There are no sparse tensors here: a row
    (an element of a vector) counts as mentioned where its gradient is not 0.
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        check(scalar(lr) > 0.0, "learning rate", lr, "a number > 0")
        check(eps > 0.0, "epsilon value", eps, "a number > 0")
        check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        found = [
            [i, j]
            for i, group in enumerate(self.param_groups)
            for j, p in enumerate(group["params"])
            if p.array.dtype.kind == "c"
        ]
        if found:
            raise ArgumentError(
                f"Complex params at indices {found}: SparseAdam does not support complex "
                "parameters; use Adam"
            )

    def update_parameter(self, group: Group, p: Tensor, grad: Tensor) -> None:
        state = self.state[p]
        if not state:
            state["step"] = step_count()
            state["exp_avg"] = zeros_like(p)
            state["exp_avg_sq"] = zeros_like(p)
        beta1, beta2 = group["betas"]
        self.run(
            sparse_adam,
            p,
            grad,
            state["exp_avg"],
            state["exp_avg_sq"],
            lr=scalar(group["lr"]),
            beta1=beta1,
            beta2=beta2,
            step=count(state),
            eps=group["eps"],
            maximize=group["maximize"],
        )


def sparse_adam(p: Array, m: Array, v: Array, g: Array, **settings: Any) -> None:
    """Adam's step of the rows in which the gradient is not 0."""
    used = (g != 0).reshape(len(g), -1).any(axis=1) if g.ndim else g != 0
    rows = p[used], m[used], v[used]
    # PyTorch adds ε here before √v is corrected, elsewhere after.
    settings["eps"] /= (1 - settings["beta2"] ** settings["step"]) ** 0.5
    adam(*rows, g[used], weight_decay=0, decoupled=False, **settings)
    p[used], m[used], v[used] = rows
