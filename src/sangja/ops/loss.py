"""Losses of one element against another: squared, absolute and their relatives; and what all losses share."""

from __future__ import annotations

import warnings
from typing import Any

from sangja.core.errors import ArgumentError
from sangja.core.shapes import broadcast_shapes
from sangja.engine import Primitive, Tensor, binary
from sangja.ops.arguments import as_tensor
from sangja.ops.reduce import mean, sum as total

REDUCTIONS = ("none", "mean", "sum")


def reduction_of(
    reduction: str, size_average: bool | None = None, reduce: bool | None = None
) -> str:
    """'none', 'mean' or 'sum', also from PyTorch's deprecated `size_average` and `reduce`."""
    if size_average is not None or reduce is not None:
        if reduce is False:
            reduction = "none"
        else:
            reduction = "sum" if size_average is False else "mean"
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{reduction}' "
            "instead.",
            UserWarning,
            stacklevel=4,
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
            "This will likely lead to incorrect results due to broadcasting. Please ensure they have "
            "the same size, e.g. with target.reshape(input.shape) or input.squeeze(-1).",
            UserWarning,
            stacklevel=4,
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
    return weighted(binary(SquaredError, *pair(input, target)), weight, how)


def weighted(z: Any, weight: Any, reduction: str) -> Tensor:
    """Losses times weights (if any), reduced: the mean is then over the sum of the weights."""
    if weight is None:
        return reduced(z, reduction)
    w = as_tensor(weight, "weight")
    if w.shape != z.shape:
        raise ArgumentError(
            f"Weights and input must have the same size: {list(w.shape)} and {list(z.shape)}"
        )
    return total(z * w) / total(w) if reduction == "mean" else reduced(z * w, reduction)
