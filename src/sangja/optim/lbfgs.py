"""L-BFGS: Newton's method with a curvature guessed from the last gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError
from sangja.engine import Tensor, enable_grad, wrap
from sangja.engine.inplace import update
from sangja.optim.optimizer import Optimizer, State, as_real, check, scalar
from sangja.optim.wolfe import Point, strong_wolfe

Array = np.ndarray[Any, Any]
LEAST_CURVATURE = 1e-10  # yᵀs below this is not remembered: the guess must stay positive definite


class LBFGS(Optimizer):
    """p ← p + t · d, d = −H g, H the inverse curvature that the last `history_size` steps s and
    changes y of the gradient suggest. Liu and Nocedal, 1989.

    One `step(closure)` makes up to `max_iter` such moves and calls the closure, which computes the
    loss and its gradient anew, up to about `max_eval` times (1¼ · `max_iter` by default). t is lr
    (at first lr / Σ|g|, if that is less), or comes from a line search with
    `line_search_fn="strong_wolfe"`. It ends early when no element of the gradient is above
    `tolerance_grad`, or none of a move (or the change of the loss) above `tolerance_change`. All
    parameters are one group.
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check(scalar(lr) >= 0.0, "learning rate", lr)
        if line_search_fn not in (None, "strong_wolfe"):
            raise ArgumentError(
                f"LBFGS: only 'strong_wolfe' is supported as line_search_fn, got {line_search_fn!r}"
            )
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ArgumentError("LBFGS doesn't support per-parameter options (parameter groups)")

    # -- all parameters as one vector --------------------------------------------------------

    @property
    def members(self) -> list[Tensor]:
        """The parameters, in order."""
        return list(self.param_groups[0]["params"])

    def gradient(self) -> Array:
        """The gradients of all parameters in a row; 0 where there is none."""
        parts = []
        for p in self.members:
            grad = np.zeros_like(p.array) if p._grad is None else p._grad.array
            parts.append(as_real(wrap(np.ascontiguousarray(grad))).array.reshape(-1))
        return np.concatenate(parts)

    def move(self, t: Any, direction: Array) -> None:
        """p ← p + t · d"""
        begin = 0
        for p in self.members:
            shape = as_real(p).array.shape
            end = begin + int(np.prod(shape))
            self.run(add_scaled, p, wrap(direction[begin:end].reshape(shape)), t=t)
            begin = end

    def measure(self, closure: Callable[[], Any], direction: Array, t: Any) -> Point:
        """Loss and gradient at t · d from here, without staying there."""
        before = [wrap(p.array.copy()) for p in self.members]
        self.move(t, direction)
        with enable_grad():
            loss = float(closure())
        for p, value in zip(self.members, before, strict=True):
            update(put_back, (p,), (value,))
        gradient = self.gradient()
        return Point(t, loss, gradient, gradient @ direction)

    # -- one step --------------------------------------------------------------------------

    def step(self, closure: Any) -> Any:  # type: ignore[override]
        """Move the parameters several times; the loss before. `closure` clears the gradients,
        computes the loss, calls its `backward()` and returns it."""
        settings = self.param_groups[0]
        state = self.state[self.members[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        with enable_grad():
            first_loss = closure()
        loss, gradient = float(first_loss), self.gradient()
        evaluations = 1
        state["func_evals"] += 1
        if largest(gradient) <= settings["tolerance_grad"]:
            return first_loss
        for iteration in range(1, settings["max_iter"] + 1):
            state["n_iter"] += 1
            direction = next_direction(state, gradient, settings["history_size"])
            state["prev_flat_grad"], state["prev_loss"] = wrap(gradient), loss
            slope = gradient @ direction
            t = scalar(settings["lr"])
            if state["n_iter"] == 1:
                t = min(1.0, 1.0 / np.abs(gradient).sum()) * t
            state["d"], state["t"] = wrap(direction), float(t)
            if slope > -settings["tolerance_change"]:
                break
            start = Point(0, loss, gradient, slope)
            last = iteration == settings["max_iter"]
            point, used = self.advance(closure, direction, start, t, evaluations, last)
            loss, gradient, state["t"] = point.loss, point.gradient, float(point.t)
            evaluations += used
            state["func_evals"] += used
            if (
                evaluations >= settings["max_eval"]
                or largest(gradient) <= settings["tolerance_grad"]
                or largest(direction * point.t) <= settings["tolerance_change"]
                or abs(loss - start.loss) < settings["tolerance_change"]
            ):
                break
        return first_loss

    def advance(
        self,
        closure: Callable[[], Any],
        direction: Array,
        start: Point,
        t: Any,
        evaluations: int,
        last: bool,
    ) -> tuple[Point, int]:
        """Move along the direction; the point reached and how often the closure was called. The
        `last` move of a step measures nothing: the next step begins with that."""
        settings = self.param_groups[0]
        if settings["line_search_fn"] is not None:
            point, used = strong_wolfe(
                lambda t: self.measure(closure, direction, t),
                start,
                t,
                largest(direction),
                settings["max_eval"] - evaluations,
            )
            self.move(point.t, direction)
            return point, used
        self.move(t, direction)
        if last:
            return start._replace(t=t), 0
        with enable_grad():
            loss = float(closure())
        return Point(t, loss, self.gradient(), None), 1


def next_direction(state: State, gradient: Array, history_size: int) -> Array:
    """−H g by the two-loop recursion, after the last step entered the history."""
    if state["n_iter"] == 1:
        state["old_dirs"], state["old_stps"], state["ro"], state["H_diag"] = [], [], [], 1
        return -gradient
    change = gradient - state["prev_flat_grad"].array
    step = state["d"].array * state["t"]
    curvature = change @ step
    changes, steps, inverses = state["old_dirs"], state["old_stps"], state["ro"]
    if curvature > LEAST_CURVATURE:
        if len(changes) == history_size:
            for history in (changes, steps, inverses):
                history.pop(0)
        changes.append(wrap(change))
        steps.append(wrap(step))
        inverses.append(wrap(np.asarray(1.0 / curvature)))
        state["H_diag"] = wrap(np.asarray(curvature / (change @ change)))
    scale = scalar(state["H_diag"])
    direction = -gradient
    past = [(y.array, s.array, r.array) for y, s, r in zip(changes, steps, inverses, strict=True)]
    shares = []
    for y, s, r in reversed(past):
        share = (s @ direction) * r
        shares.append(share)
        direction -= share * y
    direction *= scale
    for y, s, r in past:
        direction += (shares.pop() - (y @ direction) * r) * s
    return direction


def largest(x: Array) -> float:
    """The largest |element|."""
    return float(np.abs(x).max(initial=0))


def add_scaled(p: Array, d: Array, *, t: Any) -> None:
    p += t * d


def put_back(p: Array, value: Array) -> None:
    p[...] = value
