"""What a confusion matrix and a list of predictions say in one number each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ClassScores:
    """Precision, recall and F1 of each class, and how many rows are truly of it."""

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray


def class_scores(confusion: np.ndarray) -> ClassScores:
    """Scores per class of a confusion matrix (true class down, predicted class across).

    precision = TP / (TP + FP),  recall = TP / (TP + FN),  F1 = 2 TP / (2 TP + FP + FN);
    NaN where the denominator is 0.

    >>> class_scores(np.array([[8, 2], [0, 10]])).precision.round(3).tolist()
    [1.0, 0.833]
    """
    confusion = np.asarray(confusion, dtype=np.float64)
    hits = np.diagonal(confusion)
    said, support = confusion.sum(axis=0), confusion.sum(axis=1)
    return ClassScores(
        precision=_ratio(hits, said),
        recall=_ratio(hits, support),
        f1=_ratio(2 * hits, said + support),
        support=support,
    )


def accuracy(confusion: np.ndarray) -> float:
    """Share of the rows on the diagonal; NaN without rows."""
    confusion = np.asarray(confusion, dtype=np.float64)
    return float(_ratio(np.trace(confusion), confusion.sum()))


def mean(values: np.ndarray) -> float:
    """Mean of the values that are defined; NaN if none is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


@dataclass(frozen=True)
class RegressionScores:
    """R², mean absolute error and root mean squared error."""

    r2: float
    mae: float
    rmse: float


def regression_scores(true: np.ndarray, predicted: np.ndarray) -> RegressionScores:
    """R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)²,  MAE = mean |y − ŷ|,  RMSE = √mean (y − ŷ)².

    R² is NaN where all true values are equal; all three are NaN without rows.
    """
    true, predicted = np.asarray(true, np.float64), np.asarray(predicted, np.float64)
    if not true.size:
        return RegressionScores(float("nan"), float("nan"), float("nan"))
    # Divided by the largest magnitude first, so that squares of huge numbers do not overflow.
    scale = max(float(np.abs(true).max()), float(np.abs(predicted).max())) or 1.0
    scaled = true / scale
    residual = scaled - predicted / scale
    spread = np.sum((scaled - scaled.mean()) ** 2)
    constant = bool(np.all(true == true[0]))
    r2 = float("nan") if constant else float(1 - np.sum(residual**2) / spread)
    with np.errstate(over="ignore"):  # an error beyond the floats is shown as ∞
        mae = np.multiply(np.mean(np.abs(residual)), scale)
        rmse = np.multiply(np.sqrt(np.mean(residual**2)), scale)
    return RegressionScores(r2, float(mae), float(rmse))


def _ratio(part: np.ndarray | float, whole: np.ndarray | float) -> np.ndarray:
    """part / whole, NaN where whole is 0."""
    whole = np.asarray(whole, np.float64)
    return np.asarray(np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole != 0))
