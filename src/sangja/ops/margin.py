"""Losses with a margin: what is far enough on the right side costs nothing."""

from __future__ import annotations

from typing import Any

from sangja.core.errors import ArgumentError, ShapeError
from sangja.engine import Primitive, Tensor, apply, named
from sangja.ops.activation import logsigmoid
from sangja.ops.arguments import as_tensor
from sangja.ops.classification import PickClass, check_labels
from sangja.ops.comparison import clamp_min, minimum
from sangja.ops.elementwise import where
from sangja.ops.exponential import exp, log1p, sqrt
from sangja.ops.loss import reduced, reduction_of
from sangja.ops.reduce import mean, sum as total
from sangja.ops.shape import reshape
from sangja.ops.similarity import pairwise_distance


def hinge_embedding_loss(
    input: Any,
    target: Any,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """z = x where y = 1, max(0, margin − x) where y = −1, for a distance x."""
    how = reduction_of(reduction, size_average, reduce)
    x, y = as_tensor(input), as_tensor(target, "target")
    z = where(y != 1, clamp_min(margin - x, 0), 0.0) + where(y != -1, x, 0.0)
    return reduced(z, how)


def margin_ranking_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """z = max(0, margin − y · (x₁ − x₂)): y = 1 wants x₁ larger, −1 wants x₂ larger."""
    how = reduction_of(reduction, size_average, reduce)
    x1, x2, y = (
        as_tensor(input1, "input1"),
        as_tensor(input2, "input2"),
        as_tensor(target, "target"),
    )
    if not x1.ndim == x2.ndim == y.ndim:
        raise ShapeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {list(x1.shape)}, input2: {list(x2.shape)}, target: {list(y.shape)}"
        )
    return reduced(clamp_min(margin - y * (x1 - x2), 0), how)


def soft_margin_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """z = ln(1 + exp(−y · x)), for targets y of 1 or −1."""
    how = reduction_of(reduction, size_average, reduce)
    x, y = as_tensor(input), as_tensor(target, "target")
    return named(reduced(log1p(exp(-y * x)), how), "SoftMarginLossBackward0")


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-06,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """z = max(0, |a − p| − |a − n| + margin), with the distances of `pairwise_distance`.

    With `swap` the negative is compared with the nearer of anchor and positive. Source: Balntas et
    al., 2016.
    """

    def distance(x: Tensor, y: Tensor) -> Tensor:
        return pairwise_distance(x, y, p, eps)

    how = reduction_of(reduction, size_average, reduce)
    return triplet(distance, anchor, positive, negative, margin, swap, how)


def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Any = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with any function of two tensors as the distance."""
    how = reduction_of(reduction)
    distance = distance_function or pairwise_distance
    return triplet(distance, anchor, positive, negative, margin, swap, how)


def triplet(
    distance: Any, anchor: Any, positive: Any, negative: Any, margin: float, swap: bool, how: str
) -> Tensor:
    a, p, n = as_tensor(anchor), as_tensor(positive, "positive"), as_tensor(negative, "negative")
    if not a.ndim == p.ndim == n.ndim:
        raise ShapeError(
            "triplet_margin_loss: The anchor, positive, and negative tensors are expected to have "
            f"the same number of dimensions, but got: anchor {a.ndim}D, positive {p.ndim}D, and "
            f"negative {n.ndim}D inputs"
        )
    if margin <= 0:
        raise ArgumentError(f"triplet_margin_loss: margin must be greater than 0, got {margin}")
    near, far = distance(a, p), distance(a, n)
    if swap:
        far = minimum(far, distance(p, n))
    return reduced(clamp_min(margin + near - far, 0), how)


def cosine_embedding_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """z = 1 − cos(x₁, x₂) where y = 1, max(0, cos(x₁, x₂) − margin) where y = −1.

    (N, D) and (N, D) with targets (N,); or (D,) and (D,) with ().
    """
    how = reduction_of(reduction, size_average, reduce)
    x1, x2, y = (
        as_tensor(input1, "input1"),
        as_tensor(input2, "input2"),
        as_tensor(target, "target"),
    )
    if y.ndim not in (0, 1) or x1.ndim != y.ndim + 1 or x2.ndim != y.ndim + 1:
        raise ShapeError(
            f"cosine_embedding_loss: a {y.ndim}D target tensor expects {y.ndim + 1}D input "
            f"tensors (targets () or (N,)), but found inputs with sizes {list(x1.shape)} and "
            f"{list(x2.shape)}"
        )
    tiny = 1e-12
    square1, square2 = total(x1 * x1, dim=-1) + tiny, total(x2 * x2, dim=-1) + tiny
    cosine = total(x1 * x2, dim=-1) / sqrt(square1 * square2)
    z = where(y == 1, 1 - cosine, 0.0) + where(y == -1, clamp_min(cosine - margin, 0), 0.0)
    return reduced(z, how)


# -- several classes --------------------------------------------------------------------------


def scores_and_labels(name: str, input: Any, target: Any, several: bool) -> tuple[Tensor, Tensor]:
    """Scores (N, C) and labels (N,), or `several` per row (N, C); each may lack N."""
    x, y = as_tensor(input), as_tensor(target, "target")
    if not x.ndim:
        x, y = reshape(x, (1,)), reshape(y, (1,)) if several else y
    expected = x.shape if several else x.shape[:-1]
    if x.ndim not in (1, 2) or (y.shape != expected and not (x.ndim == 1 and y.shape == (1,))):
        raise ShapeError(
            f"{name}: inconsistent target size: {list(y.shape)} for an input (N, C) or (C,) of "
            f"size {list(x.shape)}; expected {list(expected)}"
        )
    rows = reshape(x, (-1, x.shape[-1]))
    return rows, reshape(y, (rows.shape[0], -1) if several else (-1,))


def multi_margin_loss(
    input: Any,
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """z = (1/C) · Σ over i ≠ y of w[y] · max(0, margin − x[y] + x[i])ᵖ, for scores x and the class
    y.

    (N, C) and (N,), or (C,) and (). p is 1 or 2.
    """
    how = reduction_of(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ArgumentError(f"multi_margin_loss: only p == 1 and p == 2 supported, got {p}")
    x, y = scores_and_labels("multi_margin_loss", input, target, several=False)
    check_labels("multi_margin_loss", y.array, x.shape[1], -100)
    right = reshape(apply(PickClass, x, y, ignore_index=-100), (-1, 1))
    z = margin - right + x
    costs = (z > 0) & apply(OtherClasses, y, classes=x.shape[1])  # nan costs nothing
    z = where(costs, z, 0.0)
    if p == 2:
        z = z * z
    z = total(z, dim=1) / x.shape[1]
    if weight is not None:
        z = z * as_tensor(weight, "weight")[y]
    return reduced(z if as_tensor(input).ndim == 2 else z[0], how)


class OtherClasses(Primitive):
    """z[n, c] = whether class c is not x[n]"""

    def forward(xp, x, *, classes):
        return x[:, None] != xp.arange(classes)


class NamedClasses(Primitive):
    """z[n, c] = how often c is among the labels x[n, 0], x[n, 1], … (−1 is none)"""

    def forward(xp, x, *, dtype):
        z = xp.zeros(x.shape, dtype)
        row, place = xp.nonzero(x >= 0)
        xp.add.at(z, (row, x[row, place]), 1)
        return z


class ListedFirst(Primitive):
    """z = x where it and all before it in its row are at least 0, else −1"""

    def forward(xp, x):
        return xp.where(xp.logical_and.accumulate(x >= 0, axis=1), x, -1)


def multilabel_margin_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """z = (1/C) · Σ over labels y and classes i that are no label of max(0, 1 − x[y] + x[i]).

    (N, C) scores with (N, C) targets: each row lists its labels, ended by −1. Or (C,) with (C,).
    """
    how = reduction_of(reduction, size_average, reduce)
    x, y = scores_and_labels("multilabel_margin_loss", input, target, several=True)
    listed = apply(ListedFirst, y)
    check_labels("multilabel_margin_loss", listed.array, x.shape[1], -1)
    named = apply(NamedClasses, listed, dtype=x.array.dtype)
    pairs = 1 - reshape(x, (*x.shape, 1)) + reshape(x, (x.shape[0], 1, -1))
    times, free = reshape(named, (*x.shape, 1)), reshape(named == 0, (x.shape[0], 1, -1))
    z = where((pairs > 0) & (times != 0) & free, pairs * times, 0.0)
    z = total(z, dim=(1, 2)) / x.shape[1]
    return reduced(z if as_tensor(input).ndim == 2 else z[0], how)


def multilabel_soft_margin_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """z = −(1/C) · Σ w · (y · ln σ(x) + (1 − y) · ln σ(−x)): one binary cross-entropy per class,
    averaged."""
    how = reduction_of(reduction, size_average, reduce)
    x, y = as_tensor(input), as_tensor(target, "target")
    z = -(y * logsigmoid(x) + (1 - y) * logsigmoid(-x))
    return reduced(mean(z if weight is None else z * weight, dim=-1), how)
