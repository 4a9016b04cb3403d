"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sangja.core.errors import ArgumentTypeError
from sangja.engine import Tensor
from sangja.engine.inplace import overwritten
from sangja.ops.join import cat


def parameters_to_vector(parameters: Iterable[Any]) -> Any:
    """The elements of all parameters, one after another; differentiable."""
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Any]) -> None:
    """Write the elements of a vector into the parameters, one after another."""
    if not isinstance(vec, Tensor):
        raise ArgumentTypeError(f"expected sangja.Tensor, but got: {type(vec).__name__}")
    begin = 0
    for p in parameters:
        end = begin + p.array.size
        p.array[...] = vec.array[begin:end].reshape(p.array.shape)
        overwritten(p, "vector_to_parameters")
        begin = end
