"""Anomaly detection: the operation and the line that made a NaN."""

import numpy as np
import pytest

import sangja
from sangja import nn
from sangja.autograd import detect_anomaly, set_detect_anomaly
from sangja.engine.anomaly import is_anomaly_check_nan_enabled, is_anomaly_enabled


def nan_gradient(x):
    return (x.sqrt() * 0).sum()  # at 0 the derivative of √x is infinite, times 0: NaN


def test_backward_names_the_operation_and_the_line():
    x = sangja.zeros(2, requires_grad=True)
    with detect_anomaly(), pytest.raises(RuntimeError) as caught:
        nan_gradient(x).backward()
    text = str(caught.value)
    assert "Function 'SqrtBackward0' returned nan values in its 0th output" in text
    assert "return (x.sqrt() * 0).sum()" in text and "test_anomaly.py" in text
    assert x.grad is None
    nan_gradient(x).backward()
    assert np.isnan(x.grad.tolist()).all()


def test_modules_on_the_way_are_named():
    class Root(nn.Module):
        def forward(self, x):
            return nan_gradient(x)

    x = sangja.zeros(2, requires_grad=True)
    model = nn.Sequential(nn.Identity(), Root())
    with detect_anomaly(), pytest.raises(RuntimeError, match="in Sequential → Root"):
        model(x).backward()


def test_forward_is_stopped_at_the_first_nan_if_asked():
    x = sangja.tensor([0.0, 1.0])
    with detect_anomaly(forward=True), pytest.raises(RuntimeError) as caught:
        sangja.log(x - 1) * 2
    assert "log made nan values out of inputs without any" in str(caught.value)
    with detect_anomaly():
        assert np.isnan(sangja.log(x - 1).tolist()[0])


def test_a_graph_made_before_says_so():
    x = sangja.zeros(2, requires_grad=True)
    y = nan_gradient(x)
    with detect_anomaly(), pytest.raises(RuntimeError, match="before anomaly detection was"):
        y.backward()


def test_the_switch_and_gradients_without_nan():
    x = sangja.tensor([1.0, 4.0], requires_grad=True)
    with set_detect_anomaly(True):
        assert is_anomaly_enabled() and is_anomaly_check_nan_enabled()
        x.sqrt().sum().backward()
        x.sqrt().sum().backward()
    assert not is_anomaly_enabled()
    assert x.grad.tolist() == [1.0, 0.5]
    with detect_anomaly(check_nan=False):
        assert is_anomaly_enabled() and not is_anomaly_check_nan_enabled()
        nan_gradient(sangja.zeros(1, requires_grad=True)).backward()
