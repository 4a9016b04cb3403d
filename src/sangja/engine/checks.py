"""Differentiation held against its definition: central differences.

    f'(x) ≈ (f(x + ε) − f(x − ε)) / 2ε,   error O(ε²) + O(rounding / ε)

`numerical_diff` is that definition. `gradcheck` compares it with what `backward` computes, for
every input and every output; `gradgradcheck` does so for the derivative of the derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError, GradientError
from sangja.engine.backward import grad
from sangja.engine.mode import ModeGuard
from sangja.engine.tensor import Tensor, wrap

Array = np.ndarray[Any, Any]


class GradcheckError(GradientError):
    """An analytic derivative that differs from the numerical one."""


def numerical_diff(function: Callable[[Any], Any], x: Any, eps: float = 1e-4) -> Tensor:
    """The derivative of `function` at `x` by central differences, for every element of `x` on its
    own: ∂(Σ function(x))/∂xᵢ. Use float64: in float32 rounding leaves about three digits.

    >>> import sangja
    >>> numerical_diff(lambda x: x * x, sangja.tensor(2.0, dtype=sangja.float64))
    tensor(4.0000, dtype=sangja.float64)
    """
    if eps <= 0:
        raise ArgumentError(f"numerical_diff: eps must be positive, got {eps}")
    array = x.array if isinstance(x, Tensor) else np.asarray(x)
    if array.dtype.kind not in "fcV":
        array = array.astype(np.float64)
    result = np.empty_like(array)
    with ModeGuard(grad=False):
        for i in np.ndindex(array.shape):
            result[i] = difference(lambda a: total(function(wrap(a))), array, i, eps)
    return wrap(result)


def total(value: Any) -> Any:
    return value.array.sum() if isinstance(value, Tensor) else np.sum(value)


def difference(function: Callable[[Array], Any], array: Array, i: Any, eps: float) -> Any:
    """(f(x + ε eᵢ) − f(x − ε eᵢ)) / 2ε."""
    above, below = array.copy(), array.copy()
    above[i] += eps
    below[i] -= eps
    return (function(above) - function(below)) / (2 * eps)


def outputs_of(function: Callable[..., Any], inputs: tuple[Any, ...]) -> list[Tensor]:
    """The differentiable results of a call, as a list."""
    found = function(*inputs)
    several = found if isinstance(found, (tuple, list)) else (found,)
    return [z for z in several if isinstance(z, Tensor) and z.array.dtype.kind in "fcV"]


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    fast_mode: bool = False,
) -> bool:
    """Whether the derivatives of `func` agree with central differences.

    `inputs`: a tensor or a tuple; those that require a gradient (float64, please) are checked.
    Compares the Jacobian of every output element by element, |analytic − numerical| ≤ atol +
    rtol·|numerical|; in `fast_mode` only uᵀJv for random u and v. Computes twice and compares to
    within `nondet_tol`. Raises `GradcheckError`, or returns False with `raise_exception=False`.
    """
    args = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    wanted = [i for i, x in enumerate(args) if isinstance(x, Tensor) and x.requires_grad]
    if not wanted:
        raise ArgumentError(
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )
    try:
        check = check_projection if fast_mode else check_jacobian
        check(func, args, wanted, eps, atol, rtol, nondet_tol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def analytic_rows(func: Any, args: Any, wanted: list[int], k: int, seed: Array) -> list[Array]:
    """seedᵀ · Jacobian of output k, for each wanted input."""
    outputs = outputs_of(func, args)
    if not outputs[k].requires_grad:
        return [np.zeros_like(args[i].array) for i in wanted]
    found = grad(outputs[k], [args[i] for i in wanted], wrap(seed), allow_unused=True)
    return [
        np.zeros_like(args[i].array) if d is None else d.array
        for i, d in zip(wanted, found, strict=True)
    ]


def perturbed(func: Any, args: Any, i: int, k: int) -> Callable[[Array], Array]:
    """Output k as a function of the array of input i alone."""

    def evaluate(array: Array) -> Array:
        changed = list(args)
        changed[i] = wrap(array)
        changed[i].requires_grad = True
        return outputs_of(func, tuple(changed))[k].array.copy()

    return evaluate


def check_jacobian(
    func: Any, args: Any, wanted: list[int], eps: float, atol: float, rtol: float, nondet: float
) -> None:
    for k, output in enumerate(outputs_of(func, args)):
        rows = []
        for j in np.ndindex(output.array.shape):
            seed = np.zeros_like(output.array)
            seed[j] = 1
            rows.append(analytic_rows(func, args, wanted, k, seed))
            if not rows[1:]:
                compare_runs(rows[0], analytic_rows(func, args, wanted, k, seed), nondet)
        for n, i in enumerate(wanted):
            evaluate = perturbed(func, args, i, k)
            x = args[i].array
            for at in np.ndindex(x.shape):
                numerical = difference(evaluate, x, at, eps).reshape(-1)
                analytic = np.array([row[n][at] for row in rows])
                report(analytic, numerical, atol, rtol, f"output {k} with respect to input {i}{at}")


def check_projection(
    func: Any, args: Any, wanted: list[int], eps: float, atol: float, rtol: float, nondet: float
) -> None:
    random = np.random.RandomState(0)
    for k, output in enumerate(outputs_of(func, args)):
        seed = np.asarray(random.standard_normal(output.array.shape), output.array.dtype)
        found = analytic_rows(func, args, wanted, k, seed)
        compare_runs(found, analytic_rows(func, args, wanted, k, seed), nondet)
        for n, i in enumerate(wanted):
            x = args[i].array
            direction = random.standard_normal(x.shape)
            direction /= max(np.linalg.norm(direction), 1e-30)
            evaluate = perturbed(func, args, i, k)
            change = (evaluate(x + eps * direction) - evaluate(x - eps * direction)) / (2 * eps)
            numerical = np.sum(change * seed)
            analytic = np.sum(found[n] * direction)
            report(analytic, numerical, atol, rtol, f"output {k} with respect to input {i} (uᵀJv)")


def compare_runs(first: list[Array], second: list[Array], tolerance: float) -> None:
    for a, b in zip(first, second, strict=True):
        if a.size and np.abs(a - b).max() > tolerance:
            raise GradcheckError(
                "Backward is not reentrant, i.e., running backward with same input and "
                f"grad_output multiple times gives different values (by {np.abs(a - b).max()})"
            )


def report(analytic: Any, numerical: Any, atol: float, rtol: float, where: str) -> None:
    if not np.allclose(analytic, numerical, rtol=rtol, atol=atol):
        raise GradcheckError(
            f"Jacobian mismatch for {where}:\nnumerical:{numerical}\nanalytical:{analytic}"
        )


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    fast_mode: bool = False,
) -> bool:
    """`gradcheck` of the derivative of `func`: with respect to the inputs and to the gradients that
    arrive (random ones unless given)."""
    args = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    outputs = outputs_of(func, args)
    if grad_outputs is None:
        random = np.random.RandomState(1)
        seeds = [
            wrap(np.asarray(random.standard_normal(z.array.shape), z.array.dtype)) for z in outputs
        ]
        for seed in seeds:
            seed.requires_grad = True
    else:
        seeds = [grad_outputs] if isinstance(grad_outputs, Tensor) else list(grad_outputs)

    def first_derivative(*values: Any) -> tuple[Any, ...]:
        xs, gs = values[: len(args)], values[len(args) :]
        wanted = [x for x in xs if isinstance(x, Tensor) and x.requires_grad]
        found = grad(
            [z for z in outputs_of(func, xs) if z.requires_grad],
            wanted,
            [g for g, z in zip(gs, outputs, strict=True) if z.requires_grad],
            create_graph=True,
            allow_unused=True,
        )
        return tuple(d for d in found if d is not None)

    return gradcheck(
        first_derivative,
        (*args, *seeds),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        fast_mode=fast_mode,
    )
