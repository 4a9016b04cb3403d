"""Gradients kept within bounds."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from sangja.core.errors import GradientError
from sangja.engine import Tensor, wrap
from sangja.engine.inplace import update


def gradients(parameters: Any) -> list[Tensor]:
    """The gradients there are, of one tensor or of several."""
    params = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p.grad for p in params if p.grad is not None]


def measure(total: Any, *grads: Any, norm_type: float) -> None:
    """total ← ‖x‖ₚ of all elements of all gradients together, from the norm of each."""
    norms = [np.linalg.norm(g.ravel(), norm_type) for g in grads]
    total[...] = np.linalg.norm(np.stack(norms), norm_type)


def scale_down(*arrays: Any, max_norm: float) -> None:
    """Every gradient ← itself · max_norm / total, where that is below 1; total comes last."""
    *grads, total = arrays
    factor = np.minimum(max_norm / (total + total.dtype.type(1e-6)), 1.0)
    for g in grads:
        g *= factor.astype(g.dtype)


def get_total_norm(
    tensors: Any, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: Any = None
) -> Tensor:
    """‖x‖ₚ of the elements of all tensors together."""
    several = (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)
    if not several:
        return wrap(np.zeros((), np.float32))
    kind = several[0].array.real.dtype
    total = wrap(np.zeros((), kind))
    update(measure, (total,), several, norm_type=float(norm_type))
    if error_if_nonfinite and not math.isfinite(total):
        raise GradientError(
            f"The total norm of order {norm_type} for gradients from `parameters` is "
            f"non-finite, so "
            "it cannot be clipped. To disable this error and scale the gradients by the non-finite "
            "norm anyway, set `error_if_nonfinite=False`"
        )
    return total


def clip_grads_with_norm_(
    parameters: Any, max_norm: float, total_norm: Tensor, foreach: Any = None
) -> None:
    """Multiply all gradients by max_norm / total_norm, if that is below 1."""
    grads = tuple(gradients(parameters))
    if grads:
        update(scale_down, grads, (total_norm,), max_norm=float(max_norm))


def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: Any = None,
) -> Tensor:
    """Scale all gradients together so that their norm is at most `max_norm`; returns the norm they
    had. Pascanu et al., 2012."""
    if not isinstance(parameters, Tensor):
        parameters = list(parameters)
    total = get_total_norm(gradients(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def clip_grad_norm(*args: Any, **kwargs: Any) -> Tensor:
    """`clip_grad_norm_` under the name it had before."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of "
        "`torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(*args, **kwargs)


def clip_grad_value_(parameters: Any, clip_value: float, foreach: Any = None) -> None:
    """Bring every element of every gradient into [−clip_value, clip_value]."""
    for grad in gradients(parameters):
        update(clamp_all, (grad,), (), bound=float(clip_value))


def clamp_all(g: Any, *, bound: float) -> None:
    """g ← g within [−bound, bound], in place."""
    np.minimum(np.maximum(g, -bound, out=g), bound, out=g)
