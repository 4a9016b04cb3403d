"""Seed 004: step 9 of DeZero, every printed value, and the errors."""

import numpy as np
import pytest

from sangja.books.dezero import Function, Variable, as_array, core_simple, exp, square
from sangja.core.settings import settings


def test_functions_as_python_functions_and_a_gradient_set_by_hand(capsys):
    x = core_simple.Variable(np.array(0.5))
    y = square(exp(square(x)))
    y.grad = np.array(1.0)
    y.backward()
    print(x.grad)
    assert capsys.readouterr().out == "3.297442541400256\n"


def test_backward_seeds_itself(capsys):
    x = core_simple.Variable(np.array(0.5))
    y = square(exp(square(x)))
    y.backward()
    print(x.grad)
    assert capsys.readouterr().out == "3.297442541400256\n"


@pytest.mark.parametrize("by_hand", [True, False])
def test_the_gradient_of_the_full_core_is_a_variable(by_hand):
    x = Variable(np.array(0.5))
    y = square(exp(square(x)))
    if by_hand:
        y.grad = np.array(1.0)
    y.backward()
    assert repr(x.grad) == "variable(3.297442541400256)"


def test_the_seed_has_the_shape_and_dtype_of_the_data():
    x = Variable(np.array([1.0, 2.0], dtype=np.float32))
    y = square(x)
    y.backward(retain_grad=True)
    assert y.grad.dtype == np.float32
    assert y.grad.data.tolist() == [1.0, 1.0]


def test_arrays_and_none_are_taken():
    assert Variable(np.array(1.0)).data == 1.0
    assert Variable(None).data is None


@pytest.mark.parametrize(
    "language, text",
    [
        ("ko", "<class 'float'>은(는) 지원하지 않습니다."),
        ("en", "<class 'float'> is not supported"),
    ],
)
def test_nothing_else_is_taken(monkeypatch, language, text):
    monkeypatch.setattr(settings, "language", language)
    with pytest.raises(TypeError) as error:
        Variable(1.0)
    assert str(error.value) == text


def test_results_of_zero_dimensional_arrays_are_arrays():
    class Double(Function):
        def forward(self, x):
            return x * 2  # NumPy makes a np.float64 of it

    assert isinstance(Double()(Variable(np.array(1.0))).data, np.ndarray)
    assert isinstance(as_array(np.float64(1.0)), np.ndarray)
    array = np.ones(2)
    assert as_array(array) is array
