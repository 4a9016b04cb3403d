"""Layers that are one product: linear, bilinear; and rearrangements of channels; similarities."""

from __future__ import annotations

import math
from typing import Any

from sangja.backend.native.products import product
from sangja.core.errors import DTypeError, ShapeError
from sangja.engine import Primitive, Tensor, apply, named
from sangja.ops.arguments import as_tensor
from sangja.ops.linalg import multiply
from sangja.ops.reduce import sum as total
from sangja.ops.shape import permute, reshape


class Linear(Primitive):
    """z = x · wᵀ + b; a primitive for speed, the heart of every multilayer perceptron"""

    grad_name = "AddmmBackward0"
    shown = (2, 0, 1)

    def forward(xp, x, w, b):
        z = product(x, w.T)
        if z is None:
            z = xp.matmul(x, w.T)
        if b is not None:
            z += b
        return z

    def dx(g, w):
        return multiply(g, w)

    def dw(g, x):
        return apply(LinearWeight, g, x)

    def db(g):
        return g


class LinearWeight(Primitive):
    """z = gᵀ · x over all leading dimensions: ∂(x · wᵀ)/∂w applied to g"""

    def forward(xp, g, x):
        left, right = g.reshape(-1, g.shape[-1]).T, x.reshape(-1, x.shape[-1])
        made = product(left, right)
        return xp.matmul(left, right) if made is None else made

    def dg(h, x):
        return apply(Linear, x, h, None)

    def dx(h, g):
        return multiply(g, h)


def misfit(x: tuple[int, ...], w: tuple[int, ...]) -> str:
    """What is wrong with an input for `linear`, and how to mend it."""
    if not x or len(w) != 2:
        return (
            f"linear: input {list(x)} and weight {list(w)}: the input needs at least one "
            "dimension, its features, and the weight is (out_features, in_features)"
        )
    wanted, got = w[1], x[-1]
    if len(x) > 2 and math.prod(x[1:]) == wanted:
        fix = "Flatten the input first, x.flatten(1) or nn.Flatten()"
    elif math.prod(x) == wanted:
        fix = "Flatten the input first, x.flatten()"
    else:
        fix = f"Make the layer with in_features={got}, or give it {wanted} features"
    return (
        f"linear: mat1 and mat2 shapes cannot be multiplied ({math.prod(x[:-1])}x{got} and "
        f"{wanted}x{w[0]}): the last dimension of the input {list(x)} must be the in_features of "
        f"the weight (out_features, in_features) = {list(w)}, {wanted}, but it is {got}. {fix}"
    )


def linear(input: Any, weight: Any, bias: Any = None) -> Tensor:
    """z = x · wᵀ + b.

    x (…, in), w (out, in) or (in,), b (out,) → (…, out) or (…,). Raises `ShapeError` where x has
    not as many features as w expects, `DTypeError` where their dtypes differ.

    >>> import sangja
    >>> sangja.nn.functional.linear(sangja.tensor([1.0, 2.0]), sangja.tensor([[3.0, 4.0]]))
    tensor([11.])
    """
    x, w = as_tensor(input), as_tensor(weight, "weight")
    a, m = x.array, w.array
    if m.ndim == 1:
        z = linear(x, w.reshape(1, -1)).reshape(a.shape[:-1])
        return z if bias is None else z + bias
    if m.ndim != 2 or not a.ndim or a.shape[-1] != m.shape[1]:
        raise ShapeError(misfit(a.shape, m.shape))
    if a.dtype != m.dtype:
        raise DTypeError(
            f"linear: input and weight must have the same dtype, but got {x.dtype} and {w.dtype}; "
            "convert the input with .to(weight.dtype)"
        )
    if bias is not None:
        bias = as_tensor(bias, "bias")
        if bias.array.ndim > 1 or bias.array.shape not in ((m.shape[0],), (1,), ()):
            raise ShapeError(
                f"linear: the bias {list(bias.array.shape)} must have one element for each of the "
                f"{m.shape[0]} out_features of the weight {list(m.shape)}"
            )
    z = apply(Linear, x, w, bias)
    if a.ndim > 2 or bias is None:
        name = "MmBackward0" if a.ndim == 2 else "UnsafeViewBackward0" if bias is None else ""
        return named(z, name or "ViewBackward0")
    return z  # type: ignore[no-any-return]


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Tensor:
    """z[…, o] = Σ_ij x₁[…, i] · w[o, i, j] · x₂[…, j] + b[o].

    x₁ (…, I), x₂ (…, J), w (O, I, J), b (O,) → (…, O).
    """
    x1, x2, w = (
        as_tensor(input1, "input1"),
        as_tensor(input2, "input2"),
        as_tensor(weight, "weight"),
    )
    if w.ndim != 3 or x1.shape[:-1] != x2.shape[:-1] or (x1.shape[-1], x2.shape[-1]) != w.shape[1:]:
        raise ShapeError(
            "bilinear: input1 (…, I), input2 (…, J) and weight (O, I, J) must agree, got "
            f"{list(x1.shape)}, {list(x2.shape)} and {list(w.shape)}"
        )
    outputs, n, m = w.shape
    half = linear(x1, reshape(permute(w, (0, 2, 1)), (outputs * m, n)))
    half = reshape(half, (*x1.shape[:-1], outputs, m))
    z = total(half * reshape(x2, (*x2.shape[:-1], 1, m)), dim=-1)
    return z if bias is None else z + bias
