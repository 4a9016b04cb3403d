"""Loss scaling: gradients of float16 kept away from 0 by a factor on the loss."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError, ArgumentTypeError, StateError
from sangja.engine import Tensor
from sangja.engine.inplace import overwritten
from sangja.optim.optimizer import Optimizer

READY, UNSCALED, STEPPED = range(3)  # what was done for an optimizer since the last update


class GradScaler:
    """Multiplies losses by a factor and divides the gradients by it again before the step; skips a
    step whose gradients are not finite, and adapts the factor.

    The factor is multiplied by `backoff_factor` after a skipped step, and by `growth_factor` after
    `growth_interval` steps in a row that were not (Micikevicius et al., 2018, Mixed Precision
    Training). With `enabled=False`, and for a device that is not there, every method hands on what
    it got. Raises `ArgumentError` for factors on the wrong side of 1, `StateError` where its
    methods are called twice or in a wrong order.

    >>> import sangja
    >>> scaler = GradScaler("cpu", init_scale=8.0)
    >>> scaler.scale(sangja.tensor(0.5))
    tensor(4.)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if enabled and device != "cpu":
            warnings.warn(
                f"GradScaler is enabled, but {device.upper()} is not available.  Disabling.",
                UserWarning,
                stacklevel=2,
            )
        self._enabled = enabled and device == "cpu"
        if self._enabled and growth_factor <= 1.0:
            raise ArgumentError(f"The growth factor must be > 1.0, got {growth_factor}")
        if self._enabled and backoff_factor >= 1.0:
            raise ArgumentError(f"The backoff factor must be < 1.0, got {backoff_factor}")
        self._scale = float(init_scale)
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._steps_since_change = 0
        self._stages: dict[int, int] = {}  # by the optimizer's id
        self._overflowed: dict[int, bool] = {}

    def is_enabled(self) -> bool:
        """Whether anything is scaled."""
        return self._enabled

    def get_scale(self) -> float:
        """The factor; 1 where nothing is scaled."""
        return self._scale if self._enabled else 1.0

    def scale(self, outputs: Any) -> Any:
        """A loss, or a list or tuple of them, times the factor."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(x) for x in outputs)
        raise ArgumentTypeError(
            "GradScaler.scale: expected a Tensor or a list of Tensors, got "
            f"{type(outputs).__name__}"
        )

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of an optimizer's parameters by the factor, as before clipping."""
        if not self._enabled:
            return
        stage = self._stages.get(id(optimizer), READY)
        if stage == UNSCALED:
            raise StateError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if stage == STEPPED:
            raise StateError("unscale_() is being called after step().")
        overflowed = False
        for group in optimizer.param_groups:
            for p in group["params"]:
                grad = p._grad
                if grad is None:
                    continue
                if grad.array.dtype == np.float16:
                    raise ArgumentError(
                        "Attempting to unscale FP16 gradients; keep the parameters in float32."
                    )
                grad.array *= grad.array.dtype.type(1.0 / self._scale)
                overwritten(grad, "unscale_")
                overflowed = overflowed or not np.isfinite(grad.array).all()
        self._stages[id(optimizer)] = UNSCALED
        self._overflowed[id(optimizer)] = overflowed

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step()` with the gradients divided by the factor; None, and no step, where
        one of them is not finite."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise StateError("Closure use is not currently supported if GradScaler is enabled.")
        stage = self._stages.get(id(optimizer), READY)
        if stage == STEPPED:
            raise StateError("step() has already been called since the last update().")
        if stage == READY:
            self.unscale_(optimizer)
        self._stages[id(optimizer)] = STEPPED
        if self._overflowed[id(optimizer)]:
            return None
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """Adapt the factor to what the steps since the last call met, or set it."""
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not self._overflowed:
            raise StateError("No inf checks were recorded prior to update.")
        elif any(self._overflowed.values()):
            self._scale *= self._backoff_factor
            self._steps_since_change = 0
        else:
            self._steps_since_change += 1
            if self._steps_since_change == self._growth_interval:
                self._scale *= self._growth_factor
                self._steps_since_change = 0
        self._stages.clear()
        self._overflowed.clear()

    def state_dict(self) -> dict[str, Any]:
        """What to save to go on with the same factor; empty where nothing is scaled."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._steps_since_change,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where `state_dict()` was taken."""
        if not self._enabled:
            return
        if not state_dict:
            raise StateError(
                "The source state dict is empty, possibly because it was saved from a disabled "
                "instance of GradScaler."
            )
        self._scale = state_dict["scale"]
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._steps_since_change = state_dict["_growth_tracker"]


class CudaGradScaler(GradScaler):
    """`GradScaler("cuda", …)` under the name it had before."""

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        super().__init__(
            "cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled
        )
