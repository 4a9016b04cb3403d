"""Learning rates that change from epoch to epoch: the base, and the schedules of one formula.

Most formulas are recursive, each rate from the one before, as PyTorch computes them: rates that
a user or another schedule changed in between are taken into account, and rounding is the same.
"""

from __future__ import annotations

import math
import types
import warnings
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sangja.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    ForwardMissingError,
    MissingSettingError,
)
from sangja.engine import Tensor, wrap
from sangja.engine.inplace import overwritten
from sangja.engine.mode import announce
from sangja.optim.optimizer import Optimizer

Rates = list[Any]
HOW_TO = "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"


def settings_of(optimizer: Optimizer, name: str) -> list[Any]:
    """One setting of all groups; tensors as copies."""
    return [copied(group[name]) for group in optimizer.param_groups]


def copied(value: Any) -> Any:
    return wrap(value.array.copy()) if isinstance(value, Tensor) else value


def set_group(group: dict[str, Any], name: str, value: Any) -> None:
    """Change one setting of a group; a tensor keeps being the same."""
    old = group[name]
    if isinstance(old, Tensor):
        old.array[...] = value.array if isinstance(value, Tensor) else value
        overwritten(old, "a scheduler")
    else:
        group[name] = value


class LRScheduler:
    """Base: `step()` after each epoch gives every group of the optimizer its next rate.

    A subclass says the rates in `get_lr()`, from `last_epoch` and the groups' present `lr`.
    Making a scheduler sets the first rates.
    """

    _get_lr_called_within_step = False
    _is_initial = False
    _last_lr: Rates

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ArgumentTypeError(
                f"{type(optimizer).__name__} is not an Optimizer; a scheduler takes the optimizer "
                "whose learning rate it sets"
            )
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise MissingSettingError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming "
                    "scheduler with last_epoch >= 0. Load the optimizer's state first, or start "
                    "with last_epoch=-1"
                )
        self.base_lrs = settings_of(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        if "_opt_called" in optimizer.__dict__ and not hasattr(optimizer, "_scheduled"):
            optimizer._opt_called = False
        optimizer._scheduled = True  # type: ignore[attr-defined]
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return {name: value for name, value in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict()` gave."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> Rates:
        """The rates set last, one per group."""
        return self._last_lr

    def get_lr(self) -> Rates:
        """The rates for `last_epoch`, one per group. Every subclass says them."""
        raise ForwardMissingError(f"{type(self).__name__} has no get_lr")

    def step(self, epoch: int | None = None) -> None:
        """Set the next rates. `epoch` (deprecated): those of that epoch, by closed form if any."""
        if self._step_count == 1 and not self.optimizer._opt_called:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In "
                "PyTorch 1.1.0 "
                "and later, you should call them in the opposite order: `optimizer.step()` before "
                "`lr_scheduler.step()`.  Failure to do this will result in PyTorch skipping the "
                f"first value of the learning rate schedule. See more details at {HOW_TO}",
                UserWarning,
                stacklevel=2,
            )
        announce("host", self.step, epoch)
        self._step_count += 1
        if epoch is not None:
            warnings.warn(
                "The epoch parameter in `scheduler.step()` was not necessary and is being "
                "deprecated "
                "where possible. Please use `scheduler.step()` to step the scheduler. During the "
                "deprecation, if epoch is different from None, the closed form is used instead of "
                "the new chainable form, where available.",
                UserWarning,
                stacklevel=2,
            )
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self._get_lr_called_within_step = True
        closed = getattr(self, "_get_closed_form_lr", None)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        rates = self.get_lr() if epoch is None or closed is None else closed()
        self._get_lr_called_within_step = False
        self._set_rates(rates)

    def _set_rates(self, rates: Iterable[Any]) -> None:
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            set_group(group, "lr", lr)
        self._last_lr = settings_of(self.optimizer, "lr")

    def _present(self) -> Rates:
        """The rates as they are; warns a user who asks `get_lr()` between steps."""
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use "
                "`get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )
        return settings_of(self.optimizer, "lr")


class Factors(LRScheduler):
    """What LambdaLR and MultiplicativeLR share: a function of the epoch, one for all groups or one
    for each. Callable objects are saved by their attributes, functions not."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1) -> None:
        n = len(optimizer.param_groups)
        several = isinstance(lr_lambda, (list, tuple))
        self.lr_lambdas: list[Callable[[int], float]] = (
            list(lr_lambda) if several else [lr_lambda] * n
        )
        if len(self.lr_lambdas) != n:
            raise ArgumentError(f"Expected {n} lr_lambdas, but got {len(self.lr_lambdas)}")
        for function in self.lr_lambdas:
            if not callable(function):
                raise ArgumentTypeError(
                    f"lr_lambda should be a function, but got {type(function).__name__}"
                )
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer; of `lr_lambdas` the attributes of callable objects."""
        state = super().state_dict()
        state["lr_lambdas"] = [
            None if isinstance(function, types.FunctionType) else dict(function.__dict__)
            for function in self.lr_lambdas
        ]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict()` gave."""
        self.__dict__.update({k: v for k, v in state_dict.items() if k != "lr_lambdas"})
        for function, saved in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if saved is not None:
                function.__dict__.update(saved)


class LambdaLR(Factors):
    """lrₜ = lr₀ · λ(t)"""

    def get_lr(self) -> Rates:
        self._present()
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [base * function(self.last_epoch) for base, function in pairs]


class MultiplicativeLR(Factors):
    """lrₜ = lrₜ₋₁ · λ(t)"""

    def get_lr(self) -> Rates:
        present = self._present()
        if self._is_initial:
            return present
        pairs = zip(present, self.lr_lambdas, strict=True)
        return [lr * function(self.last_epoch) for lr, function in pairs]


class StepLR(LRScheduler):
    """The rate times `gamma` every `step_size` epochs: lrₜ = lr₀ · gamma^⌊t / step_size⌋"""

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        present = self._present()
        if self.last_epoch == 0 or self.last_epoch % self.step_size:
            return present
        return [lr * self.gamma for lr in present]

    def _get_closed_form_lr(self) -> Rates:
        return [base * self.gamma ** (self.last_epoch // self.step_size) for base in self.base_lrs]


class MultiStepLR(LRScheduler):
    """The rate times `gamma` at each of the epochs `milestones`."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        present = self._present()
        if self.last_epoch not in self.milestones:
            return present
        return [lr * self.gamma ** self.milestones[self.last_epoch] for lr in present]

    def _get_closed_form_lr(self) -> Rates:
        passed = bisect_right(sorted(self.milestones.elements()), self.last_epoch)
        return [base * self.gamma**passed for base in self.base_lrs]


class ConstantLR(LRScheduler):
    """The rate times `factor` for the first `total_iters` epochs."""

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if factor > 1.0 or factor < 0:
            raise ArgumentError("Constant multiplicative factor expected to be between 0 and 1.")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        present = self._present()
        if self.last_epoch == 0:
            return [lr * self.factor for lr in present]
        if self.last_epoch != self.total_iters:
            return present
        return [lr * (1.0 / self.factor) for lr in present]

    def _get_closed_form_lr(self) -> Rates:
        factor = 1.0 if self.last_epoch >= self.total_iters else self.factor
        return [base * factor for base in self.base_lrs]


class LinearLR(LRScheduler):
    """The rate times a factor that goes in a straight line from `start_factor` to `end_factor` in
    `total_iters` epochs: a warm-up."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if start_factor > 1.0 or start_factor <= 0:
            raise ArgumentError(
                "Starting multiplicative factor expected to be greater than 0 and less or "
                "equal to 1."
            )
        if end_factor > 1.0 or end_factor < 0:
            raise ArgumentError("Ending multiplicative factor expected to be between 0 and 1.")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        present = self._present()
        if self.last_epoch == 0:
            return [lr * self.start_factor for lr in present]
        if self._is_initial or self.last_epoch > self.total_iters:
            return present
        rise = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * rise
        return [lr * (1.0 + rise / before) for lr in present]

    def _get_closed_form_lr(self) -> Rates:
        rise = self.end_factor - self.start_factor
        done = min(self.total_iters, self.last_epoch)
        factor = self.start_factor + rise * done / self.total_iters
        return [base * factor for base in self.base_lrs]


class ExponentialLR(LRScheduler):
    """lrₜ = lr₀ · gammaᵗ"""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        present = self._present()
        return present if self._is_initial else [lr * self.gamma for lr in present]

    def _get_closed_form_lr(self) -> Rates:
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class PolynomialLR(LRScheduler):
    """lrₜ = lr₀ · (1 − t / total_iters)^power, 0 from `total_iters` on"""

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        present = self._present()
        if self._is_initial or self.last_epoch > self.total_iters:
            return present
        now = 1.0 - self.last_epoch / self.total_iters
        before = 1.0 - (self.last_epoch - 1) / self.total_iters
        return [lr * (now / before) ** self.power for lr in present]

    def _get_closed_form_lr(self) -> Rates:
        left = 1.0 - min(self.total_iters, self.last_epoch) / self.total_iters
        return [base * left**self.power for base in self.base_lrs]


class CosineAnnealingLR(LRScheduler):
    """lrₜ = eta_min + ½(lr₀ − eta_min)(1 + cos(πt / T_max)). Loshchilov and Hutter, 2016."""

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        present = self._present()
        t, half, low = self.last_epoch, self.T_max, self.eta_min
        if self._is_initial:
            return present
        if self._step_count == 1 and t > 0:
            wave = 1 + math.cos(t * math.pi / half)
            return [low + (base - low) * wave / 2 for base in self.base_lrs]
        if (t - 1 - half) % (2 * half) == 0:  # the rate before was eta_min: a ratio would be 0 / 0
            rise = 1 - math.cos(math.pi / half)
            pairs = zip(present, self.base_lrs, strict=True)
            return [lr + (base - low) * rise / 2 for lr, base in pairs]
        ratio = (1 + math.cos(math.pi * t / half)) / (1 + math.cos(math.pi * (t - 1) / half))
        return [ratio * (lr - low) + low for lr in present]

    def _get_closed_form_lr(self) -> Rates:
        wave = 1 + math.cos(math.pi * self.last_epoch / self.T_max)
        return [self.eta_min + (base - self.eta_min) * wave / 2 for base in self.base_lrs]


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """One value for all groups, or one for each."""
    n = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * n
    if len(value) != n:
        raise ArgumentError(
            f"{name} must have the same length as optimizer.param_groups. "
            f"{name} has {len(value)} values, param_groups has {n}."
        )
    return list(value)


Schedulers = Sequence[LRScheduler]
