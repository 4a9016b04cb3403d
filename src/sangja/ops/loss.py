"""Losses of one element against another: squared, absolute and their relatives; and what all losses
share."""

from __future__ import annotations

import warnings
from typing import Any

from sangja.core.errors import ArgumentError, ShapeError
from sangja.core.shapes import broadcast_shapes
from sangja.engine import Primitive, Tensor, apply, binary, named
from sangja.ops.arguments import as_tensor
from sangja.ops.comparison import clamp
from sangja.ops.elementwise import absolute
from sangja.ops.reduce import mean, sum as total

REDUCTIONS = ("none", "mean", "sum")


def reduction_of(
    reduction: str, size_average: bool | None = None, reduce: bool | None = None
) -> str:
    """'none', 'mean' or 'sum', also from PyTorch's deprecated `size_average` and `reduce`."""
    if size_average is not None or reduce is not None:
        reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{reduction}' "
            "instead.",
            UserWarning,
            stacklevel=3,
        )
    if reduction not in REDUCTIONS:
        raise ArgumentError(
            f"{reduction!r} is not a valid value for reduction; expected 'none', 'mean' or 'sum'"
        )
    return reduction


def reduced(z: Any, reduction: str) -> Tensor:
    """The losses themselves, their mean or their sum."""
    if reduction == "mean":
        return mean(z)
    return total(z) if reduction == "sum" else z


def pair(input: Any, target: Any) -> tuple[Tensor, Tensor]:
    """Input and target as tensors; a warning if they would be broadcast against each other."""
    x, y = as_tensor(input), as_tensor(target, "target")
    if x.array.shape != y.array.shape:
        warnings.warn(
            f"Using a target size ({y.shape}) that is different to the input size ({x.shape}). "
            "This will likely lead to incorrect results due to broadcasting. Please ensure they "
            "have the same size, e.g. with target.reshape(input.shape) or input.squeeze(-1).",
            UserWarning,
            stacklevel=3,
        )
        broadcast_shapes(x.shape, y.shape)
    return x, y


class SquaredError(Primitive):
    """z = (x − y)²; a primitive for speed"""

    promotes = True
    grad_name = "MseLossBackward0"

    def forward(xp, x, y):
        d = xp.subtract(x, y)
        return xp.multiply(d, d)

    def dx(g, x, y):
        return (x - y) * (2 * g)

    def dy(g, x, y):
        return (y - x) * (2 * g)


def mse_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Tensor:
    """z = (x − y)², averaged (or summed, or as it is: `reduction`); times `weight` if given.

    >>> import sangja
    >>> sangja.nn.functional.mse_loss(sangja.tensor([1.0, 3.0]), sangja.tensor([1.0, 1.0]))
    tensor(2.)
    """
    how = reduction_of(reduction, size_average, reduce)
    x, y = pair(input, target)
    z = weighted(binary(SquaredError, x, y), weight, how)
    return z if weight is not None else named(z, "MseLossBackward0", x, y)


def l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Tensor:
    """z = |x − y|, averaged (or summed, or as it is: `reduction`); times `weight` if given."""
    how = reduction_of(reduction, size_average, reduce)
    x, y = pair(input, target)
    return weighted(absolute(x - y), weight, how)


class Huber(Primitive):
    """z = d²/2 where |d| ≤ δ, else δ·(|d| − δ/2), with d = x − y; a primitive because its
    derivative, d limited to ±δ, is right also where d² overflows"""

    promotes = True
    grad_name = "HuberLossBackward0"

    def forward(xp, x, y, *, delta):
        d = xp.abs(xp.subtract(x, y))
        return xp.where(d <= delta, 0.5 * d * d, delta * (d - 0.5 * delta))

    def dx(g, x, y, delta):
        return clamp(x - y, -delta, delta) * g

    def dy(g, x, y, delta):
        return clamp(y - x, -delta, delta) * g


def huber_loss(
    input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None
) -> Tensor:
    """z = d²/2 where |d| ≤ δ, else δ·(|d| − δ/2), with d = x − y. Source: Huber, 1964."""
    how = reduction_of(reduction)
    if delta <= 0:
        raise ShapeError(f"huber_loss does not support non-positive values for delta, got {delta}")
    x, y = pair(input, target)
    z = apply(Huber, x, y, delta=float(delta))
    if weight is None:
        return named(reduced(z, how), "HuberLossBackward0", x, y)
    return reduced(z * check_weight(weight, z), how)


def smooth_l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """z = d²/(2β) where |d| < β, else |d| − β/2, with d = x − y: the Huber loss over β; for β = 0
    |d|.

    Source: Girshick, 2015, https://arxiv.org/abs/1504.08083.
    """
    how = reduction_of(reduction, size_average, reduce)
    if beta < 0:
        raise ShapeError(f"smooth_l1_loss does not support negative values for beta, got {beta}")
    x, y = pair(input, target)
    if beta == 0:
        return reduced(absolute(x - y), how)
    z = reduced(apply(Huber, x, y, delta=float(beta)) / beta, how)
    return named(z, "SmoothL1LossBackward0", x, y)


def check_weight(weight: Any, z: Tensor) -> Tensor:
    """Weights, one for each loss."""
    w = as_tensor(weight, "weight")
    if w.shape != z.shape:
        raise ArgumentError(
            f"Weights and input must have the same size: {list(w.shape)} and {list(z.shape)}"
        )
    return w


def weighted(z: Any, weight: Any, reduction: str) -> Tensor:
    """Losses times weights (if any), reduced: the mean is then over the sum of the weights."""
    if weight is None:
        return reduced(z, reduction)
    w = check_weight(weight, z)
    return total(z * w) / total(w) if reduction == "mean" else reduced(z * w, reduction)
