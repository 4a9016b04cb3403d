"""What a trained model does on rows it never saw: numbers, a sentence, and the report's parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sangja.train.display import measured
from sangja.train.jobs.job import Job
from sangja.train.report import WrongImage


@dataclass(frozen=True, eq=False)
class Outcome:
    """The test results of a job.

    Attributes:
        values: loss and metrics by name.
        sentence: the same for a reader.
        details: the fields of a RunReport that show the results.
    """

    values: dict[str, float]
    sentence: str
    details: dict[str, Any] = field(default_factory=dict)


def softmax(scores: np.ndarray) -> np.ndarray:
    """exp(s) / Σ exp(s) along the last dimension, for any finite scores."""
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


def classification_outcome(
    job: Job, values: dict[str, float], scores: np.ndarray, true: np.ndarray
) -> Outcome:
    """Shapes: scores (rows, classes), true (rows,) class codes."""
    said = scores.argmax(1)
    confusion = np.zeros((len(job.classes), len(job.classes)), np.int64)
    np.add.at(confusion, (true, said), 1)
    right = int((said == true).sum())
    sentence = (
        f"Test: accuracy {measured('accuracy', values['accuracy'])} "
        f"({right:,} of {len(true):,} right), on data that had no part in training"
    )
    details: dict[str, Any] = {"class_names": list(job.classes), "confusion": confusion}
    if job.images is not None:
        details["wrong_images"] = _wrong_images(job, job.images, scores, true)
    return Outcome(values, sentence, details)


def _wrong_images(
    job: Job, images: np.ndarray, scores: np.ndarray, true: np.ndarray
) -> list[WrongImage]:
    """The images it got wrong, the surest mistakes first."""
    chances = softmax(scores)
    said = scores.argmax(1)
    wrong = np.flatnonzero(said != true)
    surest = wrong[np.argsort(-chances[wrong, said[wrong]], kind="stable")]
    # Ink is dark on light paper, as it was written.
    return [
        WrongImage(
            1.0 - images[i] / images.max(),
            job.classes[true[i]],
            job.classes[said[i]],
            float(chances[i, said[i]]),
        )
        for i in surest
    ]


def regression_outcome(
    job: Job, values: dict[str, float], outputs: np.ndarray, true: np.ndarray
) -> Outcome:
    """Shapes: outputs (rows, 1) and true (rows, 1), both standardised."""
    said = outputs[:, 0].astype(np.float64) * job.std + job.mean
    real = true[:, 0].astype(np.float64) * job.std + job.mean
    mae, r2 = values["mae"], values["r2"]
    sentence = (
        f"Test: predictions of {job.target!r} are off by {measured('mae', mae)} on average, "
        f"R² = {r2:.3f}, on {len(real):,} rows that had no part in training"
    )
    return Outcome(values, sentence, {"true": real, "predicted": said})
