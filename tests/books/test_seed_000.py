"""Seed 000: steps 1 to 4 of DeZero, every printed value."""

import numpy as np
import pytest

from sangja.books.dezero import Exp, Function, Square, Variable, numerical_diff


def test_step_1_a_variable_is_a_box(capsys):
    x = Variable(np.array(1.0))
    print(x.data)
    assert capsys.readouterr().out == "1.0\n"


def test_step_1_a_vector_of_three_is_an_array_of_one_dimension():
    assert Variable(np.array([1, 2, 3])).ndim == 1


def test_step_2_a_function_bears_a_variable(capsys):
    class MySquare(Function):
        def forward(self, x):
            return x**2

    y = MySquare()(Variable(np.array(10)))
    print(type(y).__name__, y.data)
    assert capsys.readouterr().out == "Variable 100\n"
    assert type(y) is Variable


def test_step_2_a_function_without_forward_says_so():
    class Empty(Function):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty.forward is missing: write forward\(self"):
        Empty()(Variable(np.array(1.0)))


def test_step_3_functions_in_a_row(capsys):
    A, B, C = Square(), Exp(), Square()
    print(C(B(A(Variable(np.array(0.5))))).data)
    assert capsys.readouterr().out == "1.648721270700128\n"


def test_step_4_numerical_differentiation(capsys):
    """The listing shows 4.00000000004; its code gives 4.000000000004."""
    print(numerical_diff(Square(), Variable(np.array(2.0))))
    assert capsys.readouterr().out == "4.000000000004\n"


def test_step_4_of_a_composition(capsys):
    def f(x):
        return Square()(Exp()(Square()(x)))

    print(numerical_diff(f, Variable(np.array(0.5))))
    assert capsys.readouterr().out == "3.2974426293330694\n"


def test_step_4_the_central_difference_beats_the_forward_difference():
    eps = 1e-4
    forward = (np.exp(1.0 + eps) - np.exp(1.0)) / eps
    central = numerical_diff(Exp(), Variable(np.array(1.0)), eps)
    assert abs(central - np.e) < abs(forward - np.e) / 1000
