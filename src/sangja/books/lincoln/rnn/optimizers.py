"""The chapter's optimizers, for parameters that live in dictionaries."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core.errors import ForwardMissingError, MissingAttributeError


class RNNOptimizer:
    """Base of the chapter's optimizers; a trainer sets `model`.

    With `gradient_clipping` every gradient is first cut to [−2, 2].
    """

    model: Any = None

    def __init__(self, lr: float = 0.01, gradient_clipping: bool = True) -> None:
        self.lr = lr
        self.gradient_clipping = gradient_clipping
        self.first = True

    def step(self) -> None:
        """Change the parameters of every layer in place."""
        if self.model is None:
            raise MissingAttributeError(
                f"{type(self).__name__}.step(): the optimizer has no model. Give both to an "
                "RNNTrainer, or set optimizer.model = model"
            )
        for i, layer in enumerate(self.model.layers):
            for key, param in layer.params.items():
                if self.gradient_clipping:
                    np.clip(param["deriv"], -2, 2, param["deriv"])
                self._update(i, key, param)

    def _update(self, i: int, key: str, param: dict[str, Any]) -> None:
        self._update_rule(param=param["value"], grad=param["deriv"])

    def _update_rule(self, **kwargs: Any) -> None:
        raise ForwardMissingError(f"{type(self).__name__} must define _update_rule(self, **kwargs)")


class SGD(RNNOptimizer):
    """p ← p − lr · g."""

    def _update_rule(self, **kwargs: Any) -> None:
        kwargs["param"] -= self.lr * kwargs["grad"]


class AdaGrad(RNNOptimizer):
    """s ← s + ε + g²; p ← p − lr · g / √s. `sum_squares[i][key]` is s for a layer's parameter."""

    def __init__(self, lr: float = 0.01, gradient_clipping: bool = True) -> None:
        super().__init__(lr, gradient_clipping)
        self.eps = 1e-7

    def _update(self, i: int, key: str, param: dict[str, Any]) -> None:
        if self.first:
            self.sum_squares: dict[int, dict[str, Any]] = {}
            self.first = False
        sums = self.sum_squares.setdefault(i, {})
        if key not in sums:
            sums[key] = np.zeros_like(param["value"])
        self._update_rule(param=param["value"], grad=param["deriv"], sum_square=sums[key])

    def _update_rule(self, **kwargs: Any) -> None:
        kwargs["sum_square"] += self.eps + np.power(kwargs["grad"], 2)
        kwargs["param"] -= self.lr / np.sqrt(kwargs["sum_square"]) * kwargs["grad"]
