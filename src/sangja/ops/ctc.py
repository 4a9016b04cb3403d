"""Connectionist temporal classification: the loss of a sequence whose alignment is not known.

A target a b is reached by every path of labels that reads a b once repeats are merged and blanks
dropped. With the target spread to l = ∅ a ∅ b ∅ the probability of all paths is a sum over time
(Graves et al., 2006):

    α[t, s] = p[t, l[s]] · (α[t−1, s] + α[t−1, s−1] + α[t−1, s−2])

where the last is for labels l[s] alone that are no blank and not l[s−2],

and its derivative needs the same sum from the end, β. Both are in logarithms here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core.errors import OutOfRangeError, ShapeError
from sangja.engine import Primitive, Tensor, apply
from sangja.ops.arguments import as_tensor
from sangja.ops.comparison import clamp_min
from sangja.ops.loss import reduced, reduction_of
from sangja.ops.reduce import mean
from sangja.ops.shape import reshape

Array = np.ndarray[Any, Any]


def spread_labels(xp: Any, targets: Array, blank: int) -> tuple[Array, Array]:
    """Targets (N, S) with blanks between, (N, 2S + 1), and where two steps at once are allowed."""
    labels = xp.full((len(targets), 2 * targets.shape[1] + 1), blank, xp.int64)
    labels[:, 1::2] = targets
    jumps = xp.zeros(labels.shape, bool)
    jumps[:, 3::2] = targets[:, 1:] != targets[:, :-1]
    return labels, jumps


def log_paths(xp: Any, scores: Array, jumps: Array) -> Array:
    """α[t, n, s] in logarithms, from the scores (T, N, 2S + 1) of the labels."""
    alpha = xp.full(scores.shape, -xp.inf, scores.dtype)
    alpha[0, :, :2] = scores[0, :, :2]
    for t in range(1, len(scores)):
        before = alpha[t - 1]
        z = before.copy()
        z[:, 1:] = xp.logaddexp(z[:, 1:], before[:, :-1])
        z[:, 2:] = xp.logaddexp(z[:, 2:], xp.where(jumps[:, 2:], before[:, :-2], -xp.inf))
        alpha[t] = z + scores[t]
    return alpha


def path_ends(alpha: Array, input_lengths: Array, target_lengths: Array) -> Array:
    """ln of the probability that each path has ended in the last label or the blank after it:
    (N,)."""
    n = np.arange(alpha.shape[1])
    last = alpha[input_lengths - 1, n]
    end = last[n, 2 * target_lengths]
    before = np.where(target_lengths > 0, last[n, np.maximum(2 * target_lengths - 1, 0)], -np.inf)
    z = np.logaddexp(end, before)
    return np.where(input_lengths > 0, z, np.where(target_lengths > 0, -np.inf, 0.0))


class CTC(Primitive):
    """z[n] = −ln of the probability of target n; 0 instead of infinity with `zero_infinity`

    A primitive for its kernel, a recursion over time.
    """

    grad_name = "CtcLossBackward0"

    def forward(xp, log_probs, targets, input_lengths, target_lengths, *, blank, zero_infinity):
        labels, jumps = spread_labels(xp, targets, blank)
        scores = xp.take_along_axis(log_probs, labels[None], axis=2)
        z = -path_ends(log_paths(xp, scores, jumps), input_lengths, target_lengths)
        z = xp.where(xp.isinf(z), 0, z) if zero_infinity else z
        return z.astype(log_probs.dtype)

    def dlog_probs(g, log_probs, targets, input_lengths, target_lengths, blank, zero_infinity):
        static = {"blank": blank, "zero_infinity": zero_infinity}
        d = apply(CTCGradient, log_probs, targets, input_lengths, target_lengths, **static)
        return d * reshape(g, (1, -1, 1))


class CTCGradient(Primitive):
    """z[t, n, c] = p[t, n, c] − (probability that path n is at a label c at time t)

    where p = exp(log_probs): as in PyTorch the gradient for scores before a log-softmax. It has no
    derivative itself.
    """

    def forward(xp, log_probs, targets, input_lengths, target_lengths, *, blank, zero_infinity):
        labels, jumps = spread_labels(xp, targets, blank)
        scores = xp.take_along_axis(log_probs, labels[None], axis=2)
        alpha = log_paths(xp, scores, jumps)
        loss = -path_ends(alpha, input_lengths, target_lengths)
        z = xp.zeros_like(log_probs)
        for n in range(log_probs.shape[1]):
            steps, size = int(input_lengths[n]), 2 * int(target_lengths[n]) + 1
            if not steps or (zero_infinity and xp.isinf(loss[n])):
                continue
            # backwards the recursion is the same, with the jumps of the reversed target
            back, reverse = scores[:steps, n : n + 1, :size][::-1, :, ::-1], labels[n, :size][::-1]
            leaps = xp.zeros((1, size), bool)
            leaps[0, 2:] = (reverse[2:] != blank) & (reverse[2:] != reverse[:-2])
            beta = log_paths(xp, back, leaps)[::-1, 0, ::-1]
            both = xp.exp(alpha[:steps, n, :size] + beta - scores[:steps, n, :size] + loss[n])
            z[:steps, n] = xp.exp(log_probs[:steps, n])
            for s in range(size):
                z[:steps, n, labels[n, s]] -= both[:, s]
        return z


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """z = −ln of the probability that `log_probs` spell out `targets`, over all alignments.

    `log_probs` (T, N, C) from `log_softmax`, or (T, C); `targets` (N, S) padded, or all one after
    the other in one dimension; lengths (N,). 'mean' divides each loss by its target's length first.
    `zero_infinity` makes impossible targets (longer than the input) cost nothing. Source: Graves et
    al., 2006.
    """
    how = reduction_of(reduction)
    x, y = as_tensor(log_probs, "log_probs"), as_tensor(targets, "targets")
    if x.ndim not in (2, 3):
        raise ShapeError(f"ctc_loss: log_probs must be (T, N, C) or (T, C), got {list(x.shape)}")
    batched = x.ndim == 3
    x = x if batched else x[:, None]
    steps = np.asarray(as_lengths(input_lengths)).reshape(-1)
    sizes = np.asarray(as_lengths(target_lengths)).reshape(-1)
    check_lengths(x, y, steps, sizes, blank)
    rows = pad_targets(y.array, sizes)
    wrong = (rows < 0) | (rows >= x.shape[2])
    if wrong.any():
        n, s = (int(i) for i in np.argwhere(wrong)[0])
        raise OutOfRangeError(
            f"ctc_loss: target {int(rows[n, s])} at row {n}, place {s} is no class: there are "
            f"{x.shape[2]}, so labels go from 0 to {x.shape[2] - 1}"
        )
    z = apply(CTC, x, rows, steps, sizes, blank=blank, zero_infinity=zero_infinity)
    if how == "mean":
        return mean(z / clamp_min(as_tensor(sizes.astype(x.array.dtype)), 1))
    return reduced(z if batched or how == "sum" else z[0], how)


def as_lengths(value: Any) -> Any:
    return value.array if isinstance(value, Tensor) else np.asarray(value, np.int64)


def check_lengths(x: Tensor, y: Tensor, steps: Array, sizes: Array, blank: int) -> None:
    """Refuse lengths that do not fit the inputs."""
    time, batch, classes = x.shape
    if not 0 <= blank < classes:
        raise ShapeError(f"ctc_loss: blank must be in label range 0 to {classes - 1}, got {blank}")
    if len(steps) != batch or len(sizes) != batch:
        raise ShapeError(
            f"ctc_loss: input_lengths and target_lengths must be of size batch_size {batch}, got "
            f"{len(steps)} and {len(sizes)}"
        )
    if (steps < 0).any() or (steps > time).any() or (sizes < 0).any():
        raise ShapeError(
            f"ctc_loss: Expected input_lengths to have value at most {time} (the time of "
            f"log_probs) and no length to be negative, got {steps.tolist()} and {sizes.tolist()}"
        )
    room = int(y.shape[-1]) if y.ndim == 2 else y.array.size
    needed = int(sizes.max(initial=0)) if y.ndim == 2 else int(sizes.sum())
    if room < needed:
        raise ShapeError(
            f"ctc_loss: Expected tensor to have size at least {needed} at dimension {y.ndim - 1}, "
            f"but got targets of size {list(y.shape)}"
        )


def pad_targets(targets: Array, sizes: Array) -> Array:
    """Targets as (N, longest), padded with 0, from either form."""
    rows = np.zeros((len(sizes), int(sizes.max(initial=0))), np.int64)
    flat = targets.ndim == 1
    starts = np.cumsum(sizes) - sizes
    for n, size in enumerate(sizes):
        rows[n, :size] = targets[starts[n] : starts[n] + size] if flat else targets[n, :size]
    return rows
