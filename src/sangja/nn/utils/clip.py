"""Gradients kept within bounds."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from sangja.core.errors import GradientError
from sangja.engine import Tensor, wrap
from sangja.engine.inplace import overwritten


def gradients(parameters: Any) -> list[Tensor]:
    """The gradients there are, of one tensor or of several."""
    params = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p._grad for p in params if p._grad is not None]


def norm_of(arrays: Iterable[Any], p: float) -> Any:
    """‖x‖ₚ of all elements of all arrays together, from the norm of each."""
    norms = [np.linalg.norm(a.ravel(), p) for a in arrays]
    dtype = norms[0].dtype if norms else np.float32
    return np.asarray(np.linalg.norm(np.array(norms, dtype), p) if norms else 0.0, dtype)


def get_total_norm(
    tensors: Any, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: Any = None
) -> Tensor:
    """‖x‖ₚ of the elements of all tensors together."""
    several = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    total = norm_of([t.array for t in several], float(norm_type))
    if error_if_nonfinite and not math.isfinite(total):
        raise GradientError(
            f"The total norm of order {norm_type} for gradients from `parameters` is "
            f"non-finite, so "
            "it cannot be clipped. To disable this error and scale the gradients by the non-finite "
            "norm anyway, set `error_if_nonfinite=False`"
        )
    return wrap(total)


def clip_grads_with_norm_(
    parameters: Any, max_norm: float, total_norm: Tensor, foreach: Any = None
) -> None:
    """Multiply all gradients by max_norm / total_norm, if that is below 1."""
    factor = float(max_norm) / (total_norm.array + total_norm.array.dtype.type(1e-6))
    factor = np.minimum(factor, 1.0)
    for grad in gradients(parameters):
        grad.array *= factor.astype(grad.array.dtype)
        overwritten(grad, "clip_grad_norm_")


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
    bound = float(clip_value)
    for grad in gradients(parameters):
        np.clip(grad.array, -bound, bound, out=grad.array)
        overwritten(grad, "clip_grad_value_")
