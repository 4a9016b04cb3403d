"""What is measured besides the loss: sums over batches, exact however the rows were cut."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from sangja.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from sangja.engine import Tensor


class Metric:
    """Base of metrics: `update` adds a batch to float64 sums, `compute` makes one number of them.

    A subclass names itself in `name`, says in `higher_is_better` which way is up, and lists in
    `zero` what its sums are before the first row.
    """

    name: ClassVar[str]
    higher_is_better: ClassVar[bool]
    zero: ClassVar[dict[str, float]]

    def __init__(self) -> None:
        self.sums = dict(self.zero)

    def reset(self) -> None:
        """Forget all rows."""
        self.sums = dict(self.zero)

    def update(self, output: Tensor, target: Tensor) -> None:
        """Add the rows of one batch."""
        raise NotImplementedError

    def compute(self) -> float:
        """The metric over all rows since `reset`; NaN without rows."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, float]:
        """The sums so far."""
        return dict(self.sums)

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go on from sums that `state_dict` gave."""
        self.sums = dict(state)


class Accuracy(Metric):
    """Share of rows whose largest score stands at the target class.

    accuracy = (1/N) · |{i : argmax_c output[i, c] = target[i]}|

    Shapes: output (N, C) or (N, C, d₁, …) with target (N,) or (N, d₁, …) of class numbers; or both
    of one shape, then output holds logits of "yes" and target 0 or 1.

    >>> import sangja
    >>> accuracy = Accuracy()
    >>> accuracy.update(sangja.tensor([[2.0, 1.0], [0.0, 3.0]]), sangja.tensor([0, 0]))
    >>> accuracy.compute()
    0.5
    """

    name = "accuracy"
    higher_is_better = True
    zero: ClassVar[dict[str, float]] = {"hits": 0.0, "rows": 0.0}

    def update(self, output: Tensor, target: Tensor) -> None:
        scores, truth = output.array, target.array
        if scores.shape == truth.shape:
            said = scores > 0
            truth = truth > 0.5
        elif scores.ndim >= 2 and (scores.shape[0], *scores.shape[2:]) == truth.shape:
            said = scores.argmax(1)
        else:
            raise ShapeError(
                f"Accuracy: output of shape {scores.shape} and target of shape {truth.shape} do "
                "not fit; expected (N, C, …) scores with (N, …) class numbers, or logits and 0/1 "
                "targets of one shape."
            )
        self.sums["hits"] += int(np.count_nonzero(said == truth))
        self.sums["rows"] += truth.size

    def compute(self) -> float:
        return _ratio(self.sums["hits"], self.sums["rows"])


class _ErrorMetric(Metric):
    """Base of metrics of output − target, which must have one shape."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale

    def _pair(self, output: Tensor, target: Tensor) -> tuple[np.ndarray, np.ndarray]:
        if output.shape != target.shape:
            raise ShapeError(
                f"{type(self).__name__}: output has shape {tuple(output.shape)} but target has "
                f"shape {tuple(target.shape)}; expected one shape. Bring one to the other's with "
                "reshape()."
            )
        return output.array.astype(np.float64), target.array.astype(np.float64)


class MAE(_ErrorMetric):
    """Mean absolute error, mean |y − ŷ| · scale.

    `scale` brings standardised values back to their unit (the target's standard deviation).
    """

    name = "mae"
    higher_is_better = False
    zero: ClassVar[dict[str, float]] = {"error": 0.0, "rows": 0.0}

    def update(self, output: Tensor, target: Tensor) -> None:
        said, truth = self._pair(output, target)
        self.sums["error"] += float(np.abs(said - truth).sum())
        self.sums["rows"] += truth.size

    def compute(self) -> float:
        return self.scale * _ratio(self.sums["error"], self.sums["rows"])


class RMSE(_ErrorMetric):
    """Root of the mean squared error, √mean (y − ŷ)² · scale."""

    name = "rmse"
    higher_is_better = False
    zero: ClassVar[dict[str, float]] = {"squares": 0.0, "rows": 0.0}

    def update(self, output: Tensor, target: Tensor) -> None:
        said, truth = self._pair(output, target)
        self.sums["squares"] += float(np.square(said - truth).sum())
        self.sums["rows"] += truth.size

    def compute(self) -> float:
        return self.scale * math.sqrt(_ratio(self.sums["squares"], self.sums["rows"]))


class R2(_ErrorMetric):
    """Coefficient of determination, 1 − Σ(y − ŷ)² / Σ(y − ȳ)²; NaN where all targets are equal.

    The spread of the targets is merged batch by batch without losing digits to a large mean
    (Chan, Golub and LeVeque, "Updating formulae … for computing sample variances", 1979, eq. 2.1).
    """

    name = "r2"
    higher_is_better = True
    zero: ClassVar[dict[str, float]] = {"squares": 0.0, "rows": 0.0, "mean": 0.0, "spread": 0.0}

    def update(self, output: Tensor, target: Tensor) -> None:
        said, truth = self._pair(output, target)
        if not truth.size:
            return
        sums, rows = self.sums, self.sums["rows"]
        mean = float(truth.mean())
        apart, together = mean - sums["mean"], rows + truth.size
        sums["squares"] += float(np.square(said - truth).sum())
        sums["spread"] += float(np.square(truth - mean).sum())
        sums["spread"] += apart * apart * rows * truth.size / together
        sums["mean"] += apart * truth.size / together
        sums["rows"] = together

    def compute(self) -> float:
        return 1.0 - _ratio(self.sums["squares"], self.sums["spread"])


METRICS: dict[str, type[Metric]] = {metric.name: metric for metric in (Accuracy, MAE, RMSE, R2)}


def make_metrics(wanted: Iterable[Any]) -> list[Metric]:
    """Metrics from names ("accuracy", "mae", "rmse", "r2") and objects, in the order given.

    Raises:
        ArgumentError: an unknown name, or one name twice.
        ArgumentTypeError: something that is neither.
    """
    made: list[Metric] = []
    for one in wanted:
        if isinstance(one, str) and one not in METRICS:
            names = ", ".join(map(repr, METRICS))
            raise ArgumentError(f"Trainer: there is no metric {one!r}; expected one of {names}.")
        metric = METRICS[one]() if isinstance(one, str) else one
        if not isinstance(metric, Metric):
            raise ArgumentTypeError(
                f"Trainer: metrics holds {metric!r}; expected names or objects of "
                "sangja.train.Metric."
            )
        if metric.name in {other.name for other in made}:
            raise ArgumentError(f"Trainer: metrics holds {metric.name!r} twice; leave one out.")
        made.append(metric)
    return made


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
