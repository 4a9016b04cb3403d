"""Metrics against scikit-learn, however the rows are cut into batches."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn import metrics as sklearn_metrics

import sangja
from sangja.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from sangja.train import MAE, R2, RMSE, Accuracy, Metric
from sangja.train.metrics import make_metrics


def measure(metric: Metric, output: np.ndarray, target: np.ndarray, cuts: list[int]) -> float:
    """The metric over batches cut at the given rows, its sums saved and loaded between them."""
    for some_output, some_target in zip(
        np.split(output, cuts), np.split(target, cuts), strict=True
    ):
        sums = metric.state_dict()
        metric.reset()
        metric.load_state_dict(sums)
        metric.update(sangja.tensor(some_output), sangja.tensor(some_target))
    return metric.compute()


cuts = st.lists(st.integers(0, 40), max_size=5).map(sorted)


@given(cuts, st.integers(0, 2**32 - 1))
def test_accuracy_is_exact_over_any_batches(cuts, seed):
    random = np.random.RandomState(seed)
    scores, target = random.randn(40, 4), random.randint(0, 4, 40)
    expected = sklearn_metrics.accuracy_score(target, scores.argmax(1))
    assert measure(Accuracy(), scores, target, cuts) == expected


def test_accuracy_of_yes_or_no_logits():
    output, target = (
        np.array([[0.5], [-1.0], [2.0], [-3.0]]),
        np.array([[1.0], [1.0], [1.0], [0.0]]),
    )
    assert measure(Accuracy(), output, target, []) == 0.75


def test_accuracy_of_every_pixel():
    random = np.random.RandomState(1)
    scores, target = random.randn(3, 5, 4, 6), random.randint(0, 5, (3, 4, 6))
    expected = (scores.argmax(1) == target).mean()
    assert measure(Accuracy(), scores, target, [1]) == pytest.approx(expected, abs=0)


@given(cuts, st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e6]))
def test_errors_agree_with_scikit_learn(cuts, seed, mean):
    random = np.random.RandomState(seed)
    target = random.randn(40, 1) + mean
    output = target + 0.3 * random.randn(40, 1)
    for metric, reference in (
        (MAE(), sklearn_metrics.mean_absolute_error),
        (RMSE(), sklearn_metrics.root_mean_squared_error),
        (R2(), sklearn_metrics.r2_score),
    ):
        # float64 tensors: the differences of 1e6-sized numbers keep ten digits
        assert measure(metric, output, target, cuts) == pytest.approx(
            reference(target, output), rel=1e-9
        )


def test_a_scale_gives_the_error_in_its_unit():
    output, target = np.zeros((2, 1)), np.array([[3.0], [4.0]])
    assert measure(MAE(scale=10.0), output, target, []) == 35.0
    assert measure(RMSE(scale=10.0), output, target, []) == pytest.approx(10 * math.sqrt(12.5))


def test_without_rows_or_spread_the_value_is_nan():
    assert all(math.isnan(metric.compute()) for metric in (Accuracy(), MAE(), RMSE(), R2()))
    same = np.ones((3, 1))
    assert math.isnan(measure(R2(), same, same, []))


def test_shapes_that_would_broadcast_in_silence_are_refused():
    with pytest.raises(ShapeError) as error:
        MAE().update(sangja.zeros(3, 1), sangja.zeros(3))
    assert str(error.value) == (
        "MAE: output has shape (3, 1) but target has shape (3,); expected one shape. Bring one to "
        "the other's with reshape()."
    )
    with pytest.raises(ShapeError) as error:
        Accuracy().update(sangja.zeros(3, 4), sangja.zeros(2))
    assert str(error.value) == (
        "Accuracy: output of shape (3, 4) and target of shape (2,) do not fit; expected (N, C, …) "
        "scores with (N, …) class numbers, or logits and 0/1 targets of one shape."
    )


def test_metrics_by_name_and_what_is_none():
    mine = MAE(scale=2.0)
    assert [type(m) for m in make_metrics(["accuracy", mine, "r2"])] == [Accuracy, MAE, R2]
    with pytest.raises(ArgumentError) as error:
        make_metrics(["acuracy"])
    assert str(error.value) == (
        "Trainer: there is no metric 'acuracy'; expected one of 'accuracy', 'mae', 'rmse', 'r2'."
    )
    with pytest.raises(ArgumentError) as error:
        make_metrics(["mae", mine])
    assert str(error.value) == "Trainer: metrics holds 'mae' twice; leave one out."
    with pytest.raises(ArgumentTypeError) as error:
        make_metrics([3])
    assert str(error.value) == (
        "Trainer: metrics holds 3; expected names or objects of sangja.train.Metric."
    )
