"""Losses of probabilities and distributions: binary cross-entropy, Kullback–Leibler, Poisson,
Gaussian."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError, DTypeError, ShapeError
from sangja.core.shapes import broadcast_shapes
from sangja.engine import Primitive, Tensor, apply, named
from sangja.ops.activation import logsigmoid, sigmoid
from sangja.ops.arguments import as_tensor
from sangja.ops.comparison import clamp_min
from sangja.ops.elementwise import where
from sangja.ops.exponential import exp, log, log1p, xlogy
from sangja.ops.loss import REDUCTIONS, reduced, reduction_of
from sangja.ops.reduce import sum as total


class BinaryCrossEntropy(Primitive):
    """z = −y · ln x − (1 − y) · ln(1 − x), no logarithm below −100"""

    def forward(xp, x, y):
        yes = xp.maximum(xp.log(x), -100)
        no = xp.maximum(xp.log1p(-x), -100)
        return (y - 1) * no - y * yes

    def dx(g, x, y):
        return g * (x - y) / clamp_min(x * (1 - x), 1e-12)

    def dy(g, x):
        return g * (log1p(-x) - log(x))


def same_shape(name: str, x: Tensor, y: Tensor) -> None:
    """Refuse to broadcast a target."""
    if x.shape != y.shape:
        raise ArgumentError(
            f"{name}: Target size ({y.shape}) must be the same as input size ({x.shape}); reshape "
            "one of them, e.g. input.squeeze(-1)"
        )


def binary_cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """z = −w · (y · ln x + (1 − y) · ln(1 − x)), for a probability x; logarithms end at −100.

    From scores rather than probabilities use `binary_cross_entropy_with_logits`. Raises
    `ShapeError` (a `RuntimeError`) for an x outside [0, 1].
    """
    how = reduction_of(reduction, size_average, reduce)
    x, y = as_tensor(input), as_tensor(target, "target")
    same_shape("binary_cross_entropy", x, y)
    if x.dtype != y.dtype:
        raise DTypeError(
            f"binary_cross_entropy: Found dtype {y.dtype} but expected {x.dtype}: the target must "
            f"have the dtype of the input; use target.to(input.dtype)"
        )
    outside = (x.array < 0) | (x.array > 1)
    if outside.any():
        place = tuple(int(i) for i in np.argwhere(outside)[0])
        raise ShapeError(
            f"binary_cross_entropy: all elements of input should be between 0 and 1, got "
            f"{float(x.array[place]):.6g} at {list(place)}. For scores (without sigmoid) use "
            "binary_cross_entropy_with_logits"
        )
    z = apply(BinaryCrossEntropy, x, y)
    if weight is not None:
        broadcast_shapes(as_tensor(weight, "weight").shape, y.shape)
        z = z * weight
    return named(reduced(z, how), "BinaryCrossEntropyBackward0", x, y)


class BinaryCrossEntropyWithLogits(Primitive):
    """z = max(x, 0) − x · y + ln(1 + exp(−|x|)): −ln of the probability sigmoid(x) for y; a
    primitive for its derivative, sigmoid(x) − y"""

    def forward(xp, x, y):
        return xp.log1p(xp.exp(-xp.abs(x))) + xp.maximum(x, 0) - x * y

    def dx(g, x, y):
        return g * (sigmoid(x) - y)

    def dy(g, x):
        return -g * x


class WeighedCrossEntropyWithLogits(Primitive):
    """z = (1 − y) · x + (1 + (p − 1) · y) · (ln(1 + exp(−|x|)) + max(−x, 0)): as
    `BinaryCrossEntropyWithLogits`, positive targets weighed by p; a primitive for its derivative"""

    promotes = True

    def forward(xp, x, y, p):
        softplus = xp.log1p(xp.exp(-xp.abs(x))) + xp.maximum(-x, 0)
        return (1 - y) * x + ((p - 1) * y + 1) * softplus

    def dx(g, x, y, p):
        yes = p * y
        return g * ((yes + 1 - y) * sigmoid(x) - yes)

    def dy(g, x, p):
        return g * (logsigmoid(-x) - p * logsigmoid(x))

    def dp(g, x, y):
        return -g * y * logsigmoid(x)


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Tensor:
    """z = −w · (p · y · ln σ(x) + (1 − y) · ln(1 − σ(x))), for a score x, without overflow.

    `pos_weight` p (broadcast) weighs the positive targets.

    >>> import sangja
    >>> x, y = sangja.tensor([0.0]), sangja.tensor([1.0])
    >>> sangja.binary_cross_entropy_with_logits(x, y, reduction="sum")
    tensor(0.6931)
    """
    how = reduction_of(reduction, size_average, reduce)
    x, y = as_tensor(input), as_tensor(target, "target")
    same_shape("binary_cross_entropy_with_logits", x, y)
    if pos_weight is None:
        z = apply(BinaryCrossEntropyWithLogits, x, y)
    else:
        z = apply(WeighedCrossEntropyWithLogits, x, y, pos_weight)
    z = reduced(z if weight is None else z * weight, how)
    return named(z, "BinaryCrossEntropyWithLogitsBackward0", x, y)


def kl_div(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """z = y · (ln y − x): how far the distribution y is from the one whose logarithm is x.

    With `log_target` y is given as its logarithm. reduction='batchmean' divides the sum by the
    batch size, which is the divergence itself; 'mean' divides by the number of elements.
    """
    x, y = as_tensor(input), as_tensor(target, "target")
    how = reduction if reduction == "batchmean" else reduction_of(reduction, size_average, reduce)
    if how == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next "
            "major release.",
            UserWarning,
            stacklevel=2,
        )
    z = exp(y) * (y - x) if log_target else xlogy(y, y) - y * x
    if how == "batchmean":
        return total(z) / x.shape[0] if x.ndim else total(z)
    return reduced(z, how)


def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-08,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """z = eˣ − y · x, for the logarithm x of a Poisson rate; x − y · ln(x + ε) for the rate itself.

    `full` adds Stirling's y · ln y − y + ½ ln(2πy) where y > 1.
    """
    how = reduction_of(reduction, size_average, reduce)
    x, y = as_tensor(input), as_tensor(target, "target")
    z = exp(x) - y * x if log_input else x - y * log(x + eps)
    if full:
        z = z + where(y > 1, y * log(y) - y + 0.5 * log(2 * math.pi * y), 0.0)
    return reduced(z, how)


def gaussian_nll_loss(
    input: Any,
    target: Any,
    var: Any,
    full: bool = False,
    eps: float = 1e-06,
    reduction: str = "mean",
) -> Tensor:
    """z = ½ · (ln v + (x − y)² / v), for a Gaussian of mean x and variance v (not below ε).

    `var` has the shape of the input, or lacks its last dimension, or has 1 there; or is one number.
    `full` adds ½ ln 2π. The gradient of v passes its lower limit unchanged.
    """
    x, y = as_tensor(input), as_tensor(target, "target")
    v = as_tensor(var, "var")
    if v.shape != x.shape and v.ndim:
        if x.shape[:-1] == v.shape:
            v = v[..., None]
        elif v.ndim != x.ndim or any(
            a not in (b, 1) for a, b in zip(v.shape, x.shape, strict=True)
        ):
            raise ArgumentError(
                f"gaussian_nll_loss: var is of incorrect size: {list(v.shape)} for an input of "
                f"size {list(x.shape)}"
            )
    if reduction not in REDUCTIONS:
        raise ArgumentError(f"{reduction} is not valid; expected 'none', 'mean' or 'sum'")
    if (v.array < 0).any():
        raise ArgumentError("gaussian_nll_loss: var has negative entry/entries")
    v = where(v < eps, v + (eps - v).detach(), v)
    d = x - y
    z = 0.5 * (log(v) + d * d / v)
    return reduced(z + 0.5 * math.log(2 * math.pi) if full else z, reduction)
