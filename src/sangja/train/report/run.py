"""What a report is made of: plain data about one training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sangja.core.errors import ArgumentError

TASKS = ("classification", "regression")


@dataclass(frozen=True)
class LayerRow:
    """One line of a model's summary."""

    name: str
    output_shape: Sequence[int] | str
    parameters: int


@dataclass(frozen=True, eq=False)
class WrongImage:
    """An image whose class was predicted wrongly.

    `image` is (height, width) grey or (height, width, channels); see `sangja.train.report.png`.
    `probability` is the one the model gave to `predicted`.
    """

    image: np.ndarray
    true: str
    predicted: str
    probability: float


@dataclass(frozen=True, eq=False)
class RunReport:
    """One training run, as `render_report` shows it. Only the first two fields are required; what
    is left empty is left out of the page.

    Attributes:
        title: what the run is called.
        task: "classification" or "regression".
        lede: a first sentence of the caller's own in place of the one about the test rows.
        created: when, in the caller's words ("2026-11-21 14:03").
        metric: name of the metric whose values are `train_metric` and `valid_metric`.
        history: one mapping per epoch with any of `epoch`, `train_loss`, `valid_loss`,
            `train_metric`, `valid_metric`, `lr`, `seconds`; further keys become table columns.
        best_epoch: the epoch whose weights were kept (a value of `epoch`).
        early_stop: a sentence on why the run ended early.
        test: final metrics by name.
        class_names, confusion: classification; (classes, classes), true down, predicted across.
        wrong_images: classification of images; the first 60 are shown.
        true, predicted: regression; (rows,) each.
        layers, parameters: the model; `parameters` is the sum of the layers if not given.
        splits: rows by split ("train", "valid", "test", or names of the caller's own).
        data_lines: what was said about the data, a line each.
        settings: epochs, batch_size, lr, seed and whatever else was set.
        seconds: time by part.
        machine: cpu, cores, memory, os, python, numpy, sangja.

    Raises:
        ArgumentError: fields that contradict each other.
    """

    title: str
    task: str
    lede: str = ""
    created: str = ""
    metric: str = "accuracy"
    history: Sequence[Mapping[str, float | None]] = ()
    best_epoch: int | None = None
    early_stop: str = ""
    test: Mapping[str, float] = field(default_factory=dict)
    class_names: Sequence[str] = ()
    confusion: np.ndarray | None = None
    wrong_images: Sequence[WrongImage] = ()
    true: np.ndarray | None = None
    predicted: np.ndarray | None = None
    layers: Sequence[LayerRow] = ()
    parameters: int | None = None
    splits: Mapping[str, int] = field(default_factory=dict)
    data_lines: Sequence[str] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    machine: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ArgumentError(
                f"RunReport: there is no task {self.task!r}; expected one of "
                f"{', '.join(map(repr, TASKS))}."
            )
        if self.confusion is not None:
            self._check_confusion(np.asarray(self.confusion))
        if (self.true is None) != (self.predicted is None):
            raise ArgumentError(
                "RunReport: only one of true and predicted is given; give both or neither."
            )
        if self.true is None or self.predicted is None:
            return
        if np.shape(self.true) != np.shape(self.predicted):
            raise ArgumentError(
                f"RunReport: true has shape {np.shape(self.true)} but predicted has shape "
                f"{np.shape(self.predicted)}; expected one value of each per row."
            )

    def _check_confusion(self, confusion: np.ndarray) -> None:
        classes = len(self.class_names)
        if confusion.shape != (classes, classes):
            raise ArgumentError(
                f"RunReport: confusion has shape {confusion.shape} for {classes} class names; "
                f"expected {(classes, classes)}: one row per true class, one column per "
                "predicted class, named in class_names."
            )
        if not np.all(confusion >= 0):
            raise ArgumentError(
                "RunReport: confusion holds a negative count or NaN; expected how often each "
                "class was predicted for each true class."
            )

    @property
    def total_parameters(self) -> int:
        """Parameters of the model: as given, else the sum of its layers."""
        if self.parameters is not None:
            return self.parameters
        return sum(layer.parameters for layer in self.layers)

    @property
    def epochs(self) -> list[int]:
        """The number of each epoch in the history, counted from 1 where it is not given."""
        numbers = (row.get("epoch") for row in self.history)
        return [i if n is None else int(n) for i, n in enumerate(numbers, start=1)]
