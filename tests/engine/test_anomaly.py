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


class Attention(nn.Module):
    def forward(self, x):
        return nan_gradient(x)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = Attention()

    def forward(self, x):
        return self.attention(x)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Identity(), nn.Identity(), Block()])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def test_the_path_of_the_module_is_named():
    x = sangja.zeros(2, requires_grad=True)
    path = r"in module 'layers\.2\.attention' \(Model → Block → Attention\)"
    with detect_anomaly(), pytest.raises(RuntimeError, match=path):
        Model()(x).backward()
    with detect_anomaly(), pytest.raises(RuntimeError, match=r"in module '1' \(Sequential → Att"):
        nn.Sequential(nn.Identity(), Attention())(x).backward()
    with detect_anomaly(), pytest.raises(RuntimeError, match="in module Attention\n"):
        Attention()(x).backward()


def test_the_path_is_named_in_forward_too():
    class Logarithm(nn.Module):
        def forward(self, x):
            return (x - 3).log()

    model = nn.Sequential(nn.Identity(), nn.Sequential(Logarithm()))
    with detect_anomaly(forward=True), pytest.raises(RuntimeError) as caught:
        model(sangja.tensor([5.0, 4.0, 1.0]))
    text = str(caught.value)
    assert "log made nan values" in text and "return (x - 3).log()" in text
    assert "in module '1.0' (Sequential → Sequential → Logarithm)" in text
    assert "x float32[3]: min -2, max 2, mean 0.3333, 0 nan, 0 inf" in text
    assert "float32[3]: min 0, max 0.6931, mean 0.3466, 1 nan, 0 inf" in text


def test_a_module_that_hangs_nowhere_is_named_by_its_class():
    class Loose(nn.Module):
        def forward(self, x):
            return Attention()(x)

    x = sangja.zeros(2, requires_grad=True)
    with detect_anomaly(), pytest.raises(RuntimeError, match=r"'<Attention>' \(Loose → Attention"):
        Loose()(x).backward()


def test_statistics_of_the_inputs_and_gradients():
    x = sangja.tensor([4.0, 0.0, 9.0], requires_grad=True)
    with detect_anomaly(), pytest.raises(RuntimeError) as caught:
        nan_gradient(x).backward()
    text = str(caught.value)
    inputs = "inputs of the operation:\n    x float32[3]: min 0, max 9, mean 4.333, 0 nan, 0 inf\n"
    assert inputs in text
    assert "came in:\n    float32[3]: min 0, max 0, mean 0, 0 nan, 0 inf" in text
    assert "came out:\n    float32[3]: min 0, max 0, mean 0, 1 nan, 0 inf" in text


def test_an_operation_with_several_results_says_its_line():
    x = sangja.ones(3, requires_grad=True)
    with detect_anomaly(), pytest.raises(RuntimeError, match=r"values, _ = x\.sort") as caught:
        values, _ = x.sort()
        values.register_hook(lambda g: g * float("nan"))
        values.sum().backward()
    assert "before anomaly detection" not in str(caught.value)


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
