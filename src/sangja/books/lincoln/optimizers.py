"""Optimizers: how parameters move along their gradients, and how fast as epochs pass.

Seed 002, from «여기선 Optimizer라고 한다»; the book's chapter 4. What differs: a `step()` before
the first backward pass is refused (the book's does nothing, silently); a rate may decay linearly to
0; AdaGrad's decays reach the arguments they are meant for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from sangja.core.errors import (
    ArgumentError,
    ForwardMissingError,
    GradientError,
    MissingAttributeError,
)

Update = tuple[ndarray, ndarray]


class Optimizer:
    """Base of all optimizers: a subclass writes `_update_rule(param=…, grad=…)`, in place.

    Args:
        lr: the learning rate.
        final_lr: what it shall be in the last epoch.
        decay_type: None, "linear" or "exponential": how it gets there, one step per epoch.

    A `Trainer` sets `net` and `max_epochs`.
    """

    net: Any = None
    max_epochs = 1

    def __init__(
        self, lr: float = 0.01, final_lr: float = 0, decay_type: str | None = None
    ) -> None:
        if decay_type not in (None, "linear", "exponential"):
            raise ArgumentError(
                f'decay_type must be None, "linear" or "exponential", got {decay_type!r}'
            )
        if decay_type == "exponential" and final_lr <= 0:
            raise ArgumentError(
                f"a rate that decays exponentially needs a final_lr above 0, got {final_lr}"
            )
        self.lr = lr
        self.final_lr = final_lr
        self.decay_type = decay_type
        self.first = True
        self._began_at = self._decayed_to = lr

    def restart(self) -> None:
        """Forget what earlier steps left: velocities, sums of squares, the decay of the rate."""
        self.first = True
        if self.lr == self._decayed_to:  # else somebody set another rate since
            self.lr = self._began_at

    def _setup_decay(self) -> None:
        self._began_at = self._decayed_to = self.lr
        steps = max(self.max_epochs - 1, 1)
        if self.decay_type == "exponential":
            self.decay_per_epoch = (self.final_lr / self.lr) ** (1.0 / steps)
        elif self.decay_type == "linear":
            self.decay_per_epoch = (self.lr - self.final_lr) / steps

    def _decay_lr(self) -> None:
        if self.decay_type == "exponential":
            self.lr *= self.decay_per_epoch
        elif self.decay_type == "linear":
            self.lr -= self.decay_per_epoch
        self._decayed_to = self.lr

    def _updates(self) -> list[Update]:
        """Every parameter with its gradient. Raises before there are any."""
        name = type(self).__name__
        if self.net is None:
            raise MissingAttributeError(
                f"{name}.step(): the optimizer has no network. Give both to a Trainer, or set "
                "optimizer.net = network"
            )
        params, grads = list(self.net.params()), list(self.net.param_grads())
        if not params or len(params) != len(grads):
            raise GradientError(
                f"{name}.step(): the network has {len(params)} parameters and {len(grads)} "
                "gradients; layers are set up by their first forward(), and gradients come from "
                "backward(). Call net.train_batch(X, y) first"
            )
        return list(zip(params, grads, strict=True))

    def step(self) -> None:
        """Change every parameter in place."""
        for param, grad in self._updates():
            self._update_rule(param=param, grad=grad)

    def _update_rule(self, **kwargs: Any) -> None:
        raise ForwardMissingError(f"{type(self).__name__} must define _update_rule(self, **kwargs)")


class SGD(Optimizer):
    """p ← p − lr · g."""

    def _update_rule(self, **kwargs: Any) -> None:
        kwargs["param"] -= self.lr * kwargs["grad"]


class SGDMomentum(Optimizer):
    """v ← μ v + lr · g; p ← p − v. (PyTorch keeps lr out of v: the two differ when lr changes.)"""

    def __init__(
        self,
        lr: float = 0.01,
        final_lr: float = 0,
        decay_type: str | None = None,
        momentum: float = 0.9,
    ) -> None:
        super().__init__(lr, final_lr, decay_type)
        self.momentum = momentum

    def step(self) -> None:
        """Change every parameter, and its velocity, in place."""
        updates = self._updates()
        if self.first:
            self.velocities = [np.zeros_like(param) for param, _ in updates]
            self.first = False
        for (param, grad), velocity in zip(updates, self.velocities, strict=True):
            self._update_rule(param=param, grad=grad, velocity=velocity)

    def _update_rule(self, **kwargs: Any) -> None:
        kwargs["velocity"] *= self.momentum
        kwargs["velocity"] += self.lr * kwargs["grad"]
        kwargs["param"] -= kwargs["velocity"]


class AdaGrad(Optimizer):
    """s ← s + ε + g²; p ← p − lr · g / √s.

    Args:
        lr: the learning rate.
        final_lr_exp: if given, what the rate decays to exponentially.
        final_lr_linear: if given, what it decays to linearly.

    Source: Duchi et al., 2011.
    """

    def __init__(
        self, lr: float = 0.01, final_lr_exp: float = 0, final_lr_linear: float = 0
    ) -> None:
        if final_lr_exp and final_lr_linear:
            raise ArgumentError("AdaGrad: give final_lr_exp or final_lr_linear, not both")
        decay = "exponential" if final_lr_exp else "linear" if final_lr_linear else None
        super().__init__(lr, final_lr_exp or final_lr_linear, decay)
        self.eps = 1e-7

    def step(self) -> None:
        """Change every parameter, and its sum of squares, in place."""
        updates = self._updates()
        if self.first:
            self.sum_squares = [np.zeros_like(param) for param, _ in updates]
            self.first = False
        for (param, grad), sum_square in zip(updates, self.sum_squares, strict=True):
            self._update_rule(param=param, grad=grad, sum_square=sum_square)

    def _update_rule(self, **kwargs: Any) -> None:
        kwargs["sum_square"] += self.eps + np.power(kwargs["grad"], 2)
        kwargs["param"] -= self.lr / np.sqrt(kwargs["sum_square"]) * kwargs["grad"]


class RegularizedSGD(Optimizer):
    """p ← p − lr · g − α p."""

    def __init__(self, lr: float = 0.01, alpha: float = 0.1) -> None:
        super().__init__(lr)
        self.alpha = alpha

    def _update_rule(self, **kwargs: Any) -> None:
        kwargs["param"] -= self.lr * kwargs["grad"] + self.alpha * kwargs["param"]
