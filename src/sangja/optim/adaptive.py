"""Optimizers with a rate per element, from the gradients seen so far."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.engine import Tensor, wrap
from sangja.optim.optimizer import (
    Group,
    Optimizer,
    check,
    count,
    scalar,
    step_count,
    zeros_like,
)
from sangja.optim.sgd import direction

Array = np.ndarray[Any, Any]


class Adagrad(Optimizer):
    """p ← p − lrₜ · g / (√s + ε), s ← s + g², lrₜ = lr / (1 + (t − 1) · lr_decay).
    Duchi et al., 2011."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check(scalar(lr) >= 0.0, "learning rate", lr)
        check(lr_decay >= 0.0, "lr_decay value", lr_decay)
        check(weight_decay >= 0.0, "weight_decay value", weight_decay)
        start = initial_accumulator_value
        check(start >= 0.0, "initial_accumulator_value value", start)
        check(eps >= 0.0, "epsilon value", eps)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": start,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                first = complex(start, start) if p.array.dtype.kind == "c" else start
                state = self.state[p]
                state["step"] = step_count()
                state["sum"] = wrap(np.full_like(p.array, first))

    def update_parameter(self, group: Group, p: Tensor, grad: Tensor) -> None:
        state = self.state[p]
        step = count(state)
        self.run(
            adagrad,
            p,
            grad,
            state["sum"],
            lr=scalar(group["lr"]) / (1 + (step - 1) * group["lr_decay"]),
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
        )


def adagrad(
    p: Array,
    total: Array,
    g: Array,
    *,
    lr: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    g = direction(p, g, weight_decay, maximize)
    total += g * g
    p -= lr * (g / (np.sqrt(total) + eps))


class Adadelta(Optimizer):
    """p ← p − lr · d, d = √(u + ε) / √(v + ε) · g, v and u being running means of g² and d².
    Zeiler, 2012."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check(scalar(lr) >= 0.0, "learning rate", lr)
        check(0.0 <= rho <= 1.0, "rho value", rho, "0 <= rho <= 1")
        check(eps >= 0.0, "epsilon value", eps)
        check(weight_decay >= 0.0, "weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def update_parameter(self, group: Group, p: Tensor, grad: Tensor) -> None:
        state = self.state[p]
        if not state:
            state["step"] = step_count()
            state["square_avg"] = zeros_like(p)
            state["acc_delta"] = zeros_like(p)
        count(state)
        self.run(
            adadelta,
            p,
            grad,
            state["square_avg"],
            state["acc_delta"],
            lr=scalar(group["lr"]),
            rho=group["rho"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
        )


def adadelta(
    p: Array,
    squares: Array,
    moves: Array,
    g: Array,
    *,
    lr: float,
    rho: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    g = direction(p, g, weight_decay, maximize)
    squares *= rho
    squares += (1 - rho) * (g * g)
    move = np.sqrt(moves + eps)
    move /= np.sqrt(squares + eps)
    move *= g
    moves *= rho
    moves += (1 - rho) * (move * move)
    p -= lr * move


class RMSprop(Optimizer):
    """p ← p − lr · g / (√v + ε), v a running mean of g²; `centered` subtracts the squared running
    mean of g from it; with `momentum` the quotients are gathered first. Hinton, 2012."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check(scalar(lr) >= 0.0, "learning rate", lr)
        check(eps >= 0.0, "epsilon value", eps)
        check(momentum >= 0.0, "momentum value", momentum)
        check(weight_decay >= 0.0, "weight_decay value", weight_decay)
        check(alpha >= 0.0, "alpha value", alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def update_parameter(self, group: Group, p: Tensor, grad: Tensor) -> None:
        state = self.state[p]
        names = ["square_avg"]
        names += ["momentum_buffer"] * (group["momentum"] > 0) + ["grad_avg"] * group["centered"]
        if not state:
            state["step"] = step_count()
            state.update({name: zeros_like(p) for name in names})
        count(state)
        self.run(
            rmsprop,
            p,
            grad,
            *[state[name] for name in names],
            lr=scalar(group["lr"]),
            alpha=group["alpha"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            centered=group["centered"],
            maximize=group["maximize"],
        )


def rmsprop(
    p: Array,
    squares: Array,
    *rest: Array,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    centered: bool,
    maximize: bool,
) -> None:
    *optional, g = rest
    g = direction(p, g, weight_decay, maximize)
    squares *= alpha
    squares += (1 - alpha) * (g * g)
    if centered:
        mean = optional[-1]
        mean += (1 - alpha) * (g - mean)
        root = np.sqrt(squares - mean * mean)
    else:
        root = np.sqrt(squares)
    root += eps
    if momentum > 0:
        velocity = optional[0]
        velocity *= momentum
        velocity += g / root
        p -= lr * velocity
    else:
        p -= lr * (g / root)


class Rprop(Optimizer):
    """Each element has a step size of its own, times etas[1] while the sign of its gradient
    stays, times etas[0] when it changes; p ← p − step · sign g. For whole batches. Riedmiller
    and Braun, 1993."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check(scalar(lr) >= 0.0, "learning rate", lr)
        check(
            0.0 < etas[0] < 1.0 < etas[1],
            "eta values",
            f"{etas[0]}, {etas[1]}",
            "0 < eta- < 1 < eta+",
        )
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def update_parameter(self, group: Group, p: Tensor, grad: Tensor) -> None:
        state = self.state[p]
        if not state:
            lr = scalar(group["lr"])
            state["step"] = step_count()
            state["prev"] = zeros_like(p)
            first = complex(lr, lr) if p.array.dtype.kind == "c" else lr
            state["step_size"] = wrap(np.full_like(p.array, first))
        count(state)
        self.run(
            rprop,
            p,
            grad,
            state["prev"],
            state["step_size"],
            etas=group["etas"],
            bounds=group["step_sizes"],
            maximize=group["maximize"],
        )


def rprop(
    p: Array,
    before: Array,
    size: Array,
    g: Array,
    *,
    etas: tuple[float, float],
    bounds: tuple[float, float],
    maximize: bool,
) -> None:
    g = -g if maximize else g
    same = g * before
    size *= np.where(same > 0, etas[1], np.where(same < 0, etas[0], 1.0)).astype(size.dtype)
    np.clip(size, *bounds, out=size)
    np.copyto(before, np.where(same < 0, 0, g))  # after a change of sign: wait one step
    p -= np.sign(before) * size


class ASGD(Optimizer):
    """SGD with decay λ and falling rate ηₜ = lr / (1 + λ·lr·t)^alpha; `ax` in the state is the
    mean of the parameters after step t0. Polyak and Juditsky, 1992."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check(scalar(lr) >= 0.0, "learning rate", lr)
        check(weight_decay >= 0.0, "weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def update_parameter(self, group: Group, p: Tensor, grad: Tensor) -> None:
        state, lr, lambd = self.state[p], scalar(group["lr"]), group["lambd"]
        if not state:
            state["step"] = step_count()
            state["eta"] = wrap(np.array(lr, np.float32))
            state["mu"] = wrap(np.ones((), np.float32))
            state["ax"] = zeros_like(p)
        step = count(state)
        self.run(
            asgd,
            p,
            grad,
            state["ax"],
            eta=float(state["eta"].array),
            mu=float(state["mu"].array),
            lambd=lambd,
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
        )
        state["eta"].array[...] = lr / ((1 + lambd * lr * step) ** group["alpha"])
        state["mu"].array[...] = 1 / max(1, step - group["t0"])


def asgd(
    p: Array,
    mean: Array,
    g: Array,
    *,
    eta: float,
    mu: float,
    lambd: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    g = direction(p, g, weight_decay, maximize)
    p *= 1 - lambd * eta
    p -= eta * g
    if mu == 1:
        np.copyto(mean, p)
    else:
        mean += mu * (p - mean)
