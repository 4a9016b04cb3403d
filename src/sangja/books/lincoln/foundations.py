"""The book's chapter 1: functions, their derivatives, and chains of them.

The reader's own functions of arrays are differentiated by `deriv`, a difference; products of
matrices by the rules of sangja's primitive, called by hand; and the chain rule joins the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from sangja.books.pullback import evaluate
from sangja.core.errors import ArgumentError
from sangja.ops.elementwise import Add
from sangja.ops.linalg import Matmul

Function = Callable[[Any], Any]


def square(x: Any) -> Any:
    """x²."""
    return np.power(x, 2)


def leaky_relu(x: Any) -> Any:
    """The larger of 0.2 x and x."""
    return np.maximum(0.2 * x, x)


def sigmoid(x: Any) -> Any:
    """1 / (1 + e⁻ˣ)."""
    return 1 / (1 + np.exp(-x))


def deriv(func: Function, input_: ndarray, diff: float = 0.001) -> ndarray:
    """(f(x + d) − f(x − d)) / 2d, element by element."""
    return (func(input_ + diff) - func(input_ - diff)) / (2 * diff)


def chain_length_2(chain: Sequence[Function], a: Any) -> Any:
    """f₂(f₁(a))."""
    return steps(chain, a, 2)[-1]


def chain_length_3(chain: Sequence[Function], a: Any) -> Any:
    """f₃(f₂(f₁(a)))."""
    return steps(chain, a, 3)[-1]


def chain_deriv_2(chain: Sequence[Function], input_range: ndarray) -> ndarray:
    """f₂′(f₁(x)) · f₁′(x), element by element."""
    return chain_deriv(chain, input_range, 2)


def chain_deriv_3(chain: Sequence[Function], input_range: ndarray) -> ndarray:
    """f₃′(f₂(f₁(x))) · f₂′(f₁(x)) · f₁′(x), element by element."""
    return chain_deriv(chain, input_range, 3)


def chain_deriv(chain: Sequence[Function], x: ndarray, length: int) -> ndarray:
    """The product of the derivatives of all functions, each at what the ones before it gave."""
    inputs = steps(chain, x, length)
    slopes = [deriv(f, z) for f, z in zip(chain, inputs[:-1], strict=True)]
    return math.prod(slopes, start=np.ones_like(x, dtype=float))


def steps(chain: Sequence[Function], x: Any, length: int) -> list[Any]:
    """x, f₁(x), f₂(f₁(x)), …. Raises `ArgumentError` unless the chain has `length` functions."""
    if len(chain) != length:
        raise ArgumentError(
            f"a chain of {length} functions was expected, got one of {len(chain)}; give them in "
            "the order of their application"
        )
    values = [x]
    for function in chain:
        values.append(function(values[-1]))
    return values


def multiple_inputs_add(x: ndarray, y: ndarray, sigma: Function) -> ndarray:
    """σ(x + y)."""
    return sigma(evaluate(Add, x, y))


def multiple_inputs_add_backward(
    x: ndarray, y: ndarray, sigma: Function
) -> tuple[ndarray, ndarray]:
    """The derivatives of σ(x + y) for x and for y."""
    g = deriv(sigma, evaluate(Add, x, y))
    return Add.dx(g), Add.dy(g)


def matmul_forward(X: ndarray, W: ndarray) -> ndarray:
    """N = X · W."""
    return evaluate(Matmul, X, W)


def matmul_backward_first(X: ndarray, W: ndarray) -> ndarray:
    """∂(Σ N)/∂X of N = X · W: for a row X and a column W it is Wᵀ."""
    return Matmul.dx(np.ones((X.shape[0], W.shape[1])), W)


def matrix_forward_extra(X: ndarray, W: ndarray, sigma: Function) -> ndarray:
    """S = σ(X · W)."""
    return sigma(matmul_forward(X, W))


def matrix_function_backward_1(X: ndarray, W: ndarray, sigma: Function) -> ndarray:
    """∂(Σ S)/∂X of S = σ(X · W)."""
    return Matmul.dx(deriv(sigma, matmul_forward(X, W)), W)


def matrix_function_forward_sum(X: ndarray, W: ndarray, sigma: Function) -> float:
    """L = Σ σ(X · W)."""
    return float(np.sum(matrix_forward_extra(X, W, sigma)))


def matrix_function_backward_sum_1(X: ndarray, W: ndarray, sigma: Function) -> ndarray:
    """∂L/∂X of L = Σ σ(X · W)."""
    return matrix_function_backward_1(X, W, sigma)
