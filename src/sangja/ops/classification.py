"""Losses of scores for classes: cross-entropy and the negative log-likelihood."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError, DTypeError, OutOfRangeError, ShapeError
from sangja.engine import Primitive, Tensor, apply, at_once, named, single
from sangja.ops.arguments import as_tensor
from sangja.ops.elementwise import where
from sangja.ops.exponential import exp
from sangja.ops.layers import linear
from sangja.ops.loss import reduced, reduction_of
from sangja.ops.reduce import sum as total
from sangja.ops.shape import permute, reshape

# The dtype of the same bits without a sign, by the code of an integer dtype.
UNSIGNED = {code: np.dtype(code.upper()) for code in "bhilqBHILQ"}


class RowLogSumExp(Primitive):
    """z = ln Σ exp(x) over the last dimension, which stays with size 1"""

    grad_name = "LogsumexpBackward0"

    def forward(xp, x):
        top = xp.maximum.reduce(x, axis=-1, keepdims=True)
        z = xp.subtract(x, top)
        z = xp.add.reduce(xp.exp(z, out=z), axis=-1, keepdims=True)
        return xp.add(xp.log(z, out=z), top, out=z)

    def dx(g, x, out):
        return g * exp(x - out)


class CrossEntropy(Primitive):
    """z = scale · (lse − x[target]) for each row x, where lse = ln Σ exp(x); summed up with
    `total`. `scale` is one number for all rows, where none is ignored or weighted, or an array.

    A primitive for speed, and because its derivative, softmax(x) − one-hot(target), is short. That
    derivative counts in how lse depends on x, and sends nothing to lse itself.
    """

    grad_name = "NllLossBackward0"

    def forward(xp, x, lse, target, scale, *, ignore_index, total):
        if isinstance(scale, float):
            z = lse[:, 0] - x[xp.arange(len(x)), target]
            return xp.add.reduce(z) * scale if total else z * scale
        z = lse[:, 0] - pick(xp, x, target)
        z[target == ignore_index] = 0
        z *= scale  # nan where all rows are ignored and their mean is wanted
        return z.sum() if total else z

    def dx(g, x, lse, target, scale, ignore_index):
        share = g * scale
        if not isinstance(scale, float):
            share = where(target == ignore_index, 0, share)
        return apply(SoftmaxMinusOneHot, x, lse, target) * reshape(share, (-1, 1))


def summed_losses(xp: Any, x: Any, target: Any, *, scale: float) -> Any:
    """`RowLogSumExp` and `CrossEntropy` on arrays, where all rows count alike."""
    lse = RowLogSumExp.forward(xp, x)
    return CrossEntropy.forward(xp, x, lse, target, scale, ignore_index=-1, total=True)


class SoftmaxMinusOneHot(Primitive):
    """z = exp(x − lse), minus 1 in each row at `target` (if it is a class)"""

    def forward(xp, x, lse, target):
        z = xp.subtract(x, lse)
        xp.exp(z, out=z)
        z[xp.arange(len(x)), inside(xp, target, x)] -= 1
        return z

    def dx(g, x, lse):
        return g * exp(x - lse)

    def dlse(g, x, lse):
        return -g * exp(x - lse)


class PickClass(Primitive):
    """z[n] = x[n, target[n]]; 0 where `target` is `ignore_index`"""

    grad_name = "NllLossBackward0"

    def forward(xp, x, target, *, ignore_index):
        z = pick(xp, x, target)
        z[target == ignore_index] = 0
        return z

    def dx(g, target, x_shape, ignore_index):
        return apply(PutClass, g, target, classes=x_shape[1], ignore_index=ignore_index)


class PutClass(Primitive):
    """z[n, target[n]] = x[n], else 0; nothing where `target` is `ignore_index`"""

    def forward(xp, x, target, *, classes, ignore_index):
        z = xp.zeros((len(x), classes), x.dtype)
        z[xp.arange(len(x)), inside(xp, target, z)] = xp.where(target == ignore_index, 0, x)
        return z

    def dx(g, target, ignore_index):
        return apply(PickClass, g, target, ignore_index=ignore_index)


class ClassScale(Primitive):
    """z[n] = weight[target[n]] (1 without weights), 0 where `target` is `ignore_index`; divided by
    the sum of all with `average`. With `plain` the weights count in that sum only"""

    def forward(xp, target, weight, *, ignore_index, average, plain, dtype):
        counts = (target != ignore_index).astype(dtype)
        z = counts if weight is None else counts * weight[xp.clip(target, 0, len(weight) - 1)]
        sum_of_all = z.sum() if average else 1
        return xp.divide(counts if plain else z, sum_of_all)


def inside(xp: Any, target: Any, x: Any) -> Any:
    """Targets as indices of columns of x; an ignored one may point anywhere."""
    return xp.minimum(xp.maximum(target, 0), x.shape[1] - 1)


def pick(xp: Any, x: Any, target: Any) -> Any:
    """x[n, target[n]] for every row n."""
    return x[xp.arange(len(x)), inside(xp, target, x)]


def all_labels(target: Any, classes: int) -> bool:
    """Whether every target is a class: none too high, or below 0 (huge, read without a sign)."""
    unsigned = target.view(UNSIGNED[target.dtype.char])
    return not target.size or bool(np.maximum.reduce(unsigned, axis=None) < classes)


def check_labels(name: str, target: Any, classes: int, ignore_index: int) -> bool:
    """Refuse a label that is no class, by value and place, before any work. Returns whether every
    row counts: none is to be ignored."""
    if all_labels(target, classes):
        return ignore_index < 0
    wrong = ((target < 0) | (target >= classes)) & (target != ignore_index)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        row = f": at row {place[0] if len(place) == 1 else place} of the target" if place else ""
        raise OutOfRangeError(
            f"{name}: Target {int(target[place])} is out of bounds{row}; the input has {classes} "
            f"classes, so labels go from 0 to {classes - 1} (or {ignore_index}, which is "
            "ignored). Labels that begin at 1 need target - 1"
        )
    return False


def rows_and_labels(name: str, x: Tensor, target: Tensor, weight: Any, ignore_index: int) -> Any:
    """(N, C, d₁, …) and labels (N, d₁, …) as rows (N·d₁…, C) and flat labels, checked, and whether
    every row counts."""
    a, t = x.array, target.array
    if a.ndim == 2 and t.shape == a.shape[:1] and t.dtype.kind in "iu" and weight is None:
        return x, target, check_labels(name, t, a.shape[1], ignore_index)  # the usual case
    classes = x.shape[1] if x.ndim > 1 else x.shape[0] if x.ndim else 0
    expected = (x.shape[0], *x.shape[2:]) if x.ndim > 1 else ()
    if x.ndim > 1 and target.ndim and len(target) != len(x):
        raise ArgumentError(
            f"{name}: Expected input batch_size ({len(x)}) to match target batch_size "
            f"({len(target)}): input {list(x.shape)}, target {list(target.shape)}"
        )
    if not x.ndim or target.array.shape != expected:
        raise ShapeError(
            f"{name}: input {list(x.shape)} is (N, C, d1, …) and needs a target {list(expected)} "
            f"of class indices, (N, d1, …), got {list(target.shape)}"
        )
    if target.array.dtype.kind not in "iu":
        raise DTypeError(
            f"{name}: expected class indices of an integer dtype such as int64, got "
            f"{target.dtype}; use target.long()"
        )
    if weight is not None and weight.shape != (classes,):
        raise ShapeError(
            f"{name}: weight tensor should be defined either for all {classes} classes or no "
            f"classes, but got weight tensor of shape: {list(weight.shape)}"
        )
    if weight is not None and weight.dtype != x.dtype:
        raise DTypeError(
            f"{name}: expected scalar type {x.dtype} but found {weight.dtype}: the weights and the "
            "input must have the same dtype"
        )
    all_count = check_labels(name, target.array, classes, ignore_index)
    if x.ndim != 2:
        if x.ndim > 2:
            x = permute(x, (0, *range(2, x.ndim), 1))
        x, target = reshape(x, (target.array.size, classes)), reshape(target, (target.array.size,))
    return x, target, all_count


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """z = −w[t] · ln softmax(x)[t]: the loss of scores x (logits, without softmax) for the class t.

    x (N, C), (C,) or (N, C, d₁, …); the target class indices (N,), (), (N, d₁, …), or, floating and
    of the shape of x, a probability for each class: z = −Σ w · p · ln softmax(x). `weight` (C,):
    one factor per class. Targets equal to `ignore_index` count nothing. The mean is over the
    weights of the targets. With `label_smoothing` ε the target is 1 − ε of itself and ε of a
    uniform distribution. Raises `OutOfRangeError` for a label that is no class.

    >>> import sangja
    >>> sangja.nn.functional.cross_entropy(sangja.tensor([[0.0, 0.0]]), sangja.tensor([1]))
    tensor(0.6931)
    """
    how = reduction_of(reduction, size_average, reduce)
    x, t = as_tensor(input), as_tensor(target, "target")
    w = None if weight is None else as_tensor(weight, "weight")
    if not 0 <= label_smoothing <= 1:
        raise ShapeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if t.array.dtype.kind in "fV":
        if ignore_index >= 0:
            raise DTypeError(
                "cross_entropy: ignore_index is not supported for floating point target: it names "
                f"a class ({ignore_index}), and this target is a probability for each"
            )
        return soft_cross_entropy(x, t, w, how, label_smoothing)
    rows, labels, all_count = rows_and_labels("cross_entropy", x, t, w, ignore_index)
    static = {"ignore_index": ignore_index, "average": how == "mean", "dtype": x.array.dtype}
    if w is None and not label_smoothing and all_count:
        count = labels.array.size  # the usual case: every row counts alike
        scale = (1 / count if count else math.nan) if how == "mean" else 1.0
    else:
        scale = apply(ClassScale, labels, w, plain=False, **static)
    if isinstance(scale, float) and not label_smoothing and how != "none":
        plain = at_once(summed_losses, rows, labels, scale=scale)
        if plain is not None:
            return plain
    lse = single(RowLogSumExp, rows, {})
    z = apply(
        CrossEntropy, rows, lse, labels, scale, ignore_index=ignore_index, total=how != "none"
    )
    if label_smoothing:
        uniform = lse - rows if w is None else (lse - rows) * w
        spread = total(uniform, dim=1) * apply(ClassScale, labels, w, plain=True, **static)
        spread = spread if how == "none" else total(spread)
        z = z * (1 - label_smoothing) + spread * (label_smoothing / rows.shape[1])
    if how == "none" and x.ndim != 2:
        z = reshape(z, t.shape)
    return named(z, "NllLoss2DBackward0") if x.ndim > 2 else z  # type: ignore[no-any-return]


def soft_cross_entropy(
    x: Tensor, p: Tensor, w: Any, reduction: str, label_smoothing: float
) -> Tensor:
    """z = −Σ w · p · ln softmax(x), for a probability p of each class."""
    if x.ndim > 1 and p.ndim and p.shape[0] != x.shape[0]:
        raise ArgumentError(
            f"cross_entropy: Expected input batch_size ({x.shape[0]}) to match target batch_size "
            f"({p.shape[0]})."
        )
    if p.shape != x.shape:
        raise ShapeError(
            "cross_entropy: a floating target holds a probability for each class and must have "
            f"the shape of the input {list(x.shape)}, got {list(p.shape)}; for class indices use "
            "target.long()"
        )
    place = 1 if x.ndim > 1 else 0
    classes = x.shape[place]
    if label_smoothing:
        p = p * (1 - label_smoothing) + label_smoothing / classes
    if x.ndim > 2:
        order = (0, *range(2, x.ndim), 1)
        x, p = permute(x, order), permute(p, order)
    losses = (apply(RowLogSumExp, x) - x) * p
    z = total(losses if w is None else losses * w, dim=-1)
    if reduction == "mean":
        return named(total(z) / max(z.array.size, 1), "DivBackward1")
    return reduced(z, reduction)


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """z = −w[t] · x[t]: the loss of log-probabilities x (from `log_softmax`) for the class t.

    Shapes, weights, `ignore_index` and errors as in `cross_entropy`, which takes scores instead.
    """
    how = reduction_of(reduction, size_average, reduce)
    x, t = as_tensor(input), as_tensor(target, "target")
    w = None if weight is None else as_tensor(weight, "weight")
    rows, labels, _ = rows_and_labels("nll_loss", x, t, w, ignore_index)
    static = {"ignore_index": ignore_index, "average": how == "mean", "dtype": x.array.dtype}
    scale = apply(ClassScale, labels, w, plain=False, **static)
    z = -(apply(PickClass, rows, labels, ignore_index=ignore_index) * scale)
    name = "NllLossBackward0" if x.ndim < 3 else "NllLoss2DBackward0"
    return named(total(z) if how != "none" else reshape(z, t.shape), name, x)


def linear_cross_entropy(
    input: Any,
    linear_weight: Any,
    target: Any,
    *,
    linear_bias: Any = None,
    weight: Any = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """z = `cross_entropy` of the scores x · Wᵀ + b: a last layer and its loss.

    x (N, features) or (features,); W (C, features), or (C, d₁, …, features) for losses at d₁ × …
    places; b as W without its last dimension. `options` say how PyTorch saves memory, and change
    nothing here. Raises `ShapeError` for shapes that do not fit.
    """
    x, w = as_tensor(input), as_tensor(linear_weight, "linear_weight")
    name = "linear_cross_entropy"
    if x.ndim not in (1, 2):
        raise ShapeError(f"{name}: expected input with dimensionality 1 or 2, got {x.ndim}")
    if w.ndim < 2:
        raise ShapeError(
            f"{name}: expected linear_weight with dimensionality at least 2, got {w.ndim}"
        )
    if x.shape[-1] != w.shape[-1]:
        raise ShapeError(
            f"{name}: expected equal input and linear_weight last dimensions (in_features), got "
            f"{x.shape[-1]} and {w.shape[-1]}, respectively"
        )
    places = tuple(w.shape[:-1])
    b = None if linear_bias is None else as_tensor(linear_bias, "linear_bias")
    if b is not None and tuple(b.shape) != places:
        raise ShapeError(f"{name}: expected linear_bias shape {places}, got {tuple(b.shape)}")
    if len(places) > 1 and x.ndim == 1:
        raise ShapeError(
            f"{name}: K-dimensional loss defined by linear_weight shape {tuple(w.shape)} requires "
            f"batched input, (N, {x.shape[-1]}), got unbatched input with shape {tuple(x.shape)}"
        )
    shape = (*x.shape[:-1], *places)
    if tuple(as_tensor(target, "target").shape) == shape and ignore_index is not None:
        raise ShapeError(
            f"{name}: ignore_index cannot be specified when target contains probabilities"
        )
    scores = linear(
        x, reshape(w, (-1, w.shape[-1])), b if b is None else reshape(b, (b.array.size,))
    )
    return cross_entropy(
        reshape(scores, shape),
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )
