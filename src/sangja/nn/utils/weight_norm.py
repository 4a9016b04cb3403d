"""Weights split into length and direction, or divided by their largest singular value."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.backend.generator import default_generator
from sangja.core.errors import ArgumentError, GradientError
from sangja.engine import wrap
from sangja.engine.mode import Structure
from sangja.nn.module import Module
from sangja.nn.parameter import Parameter


def norm_except(v: Any, dim: int) -> Any:
    """‖v‖ over all dimensions but `dim` (−1: over all), keeping them."""
    dims = [d for d in range(v.ndim) if dim == -1 or d != dim % v.ndim]
    return ((v * v).sum(dims, True)).sqrt()


class WeightNorm:
    """The hook that computes w = g · v / ‖v‖ before every call."""

    def __init__(self, name: str, dim: int) -> None:
        self.name = name
        self.dim = dim

    def compute(self, module: Module) -> Any:
        v = getattr(module, self.name + "_v")
        return v * (getattr(module, self.name + "_g") / norm_except(v, self.dim))

    def __call__(self, module: Module, args: Any) -> None:
        setattr(module, self.name, self.compute(module))


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Learn the length g (one per index of `dim`) and the direction v of a weight apart:
    w = g · v / ‖v‖. Salimans and Kingma, 2016."""
    for present in module._forward_pre_hooks.values():
        if isinstance(present.function, WeightNorm) and present.function.name == name:
            raise GradientError(
                f"Cannot register two weight_norm hooks on the same parameter {name}"
            )
    weight = getattr(module, name)
    hook = WeightNorm(name, -1 if dim is None else dim)
    length = norm_except(weight.detach(), hook.dim)
    del module._parameters[name]
    Structure.change()
    module.register_parameter(
        name + "_g", Parameter(length if dim is not None else length.reshape(()))
    )
    module.register_parameter(name + "_v", Parameter(wrap(weight.array)))
    setattr(module, name, hook.compute(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight one parameter again, of its present value."""
    hook = taken_off(module, WeightNorm, name, "weight_norm")
    value = hook.compute(module).detach()
    delattr(module, name)
    del module._parameters[name + "_g"], module._parameters[name + "_v"]
    Structure.change()
    setattr(module, name, Parameter(value))
    return module


def taken_off(module: Module, kind: type, name: str, words: str) -> Any:
    """The hook of this kind and name, no longer registered."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook.function, kind) and hook.function.name == name:  # type: ignore[attr-defined]
            del module._forward_pre_hooks[key]  # type: ignore[attr-defined]
            return hook.function
    raise ArgumentError(f"{words} of '{name}' not found in {module}")


class SpectralNorm:
    """The hook that divides a weight by its largest singular value σ before every call.

    σ ≈ uᵀWv; u and v are improved by `n_power_iterations` of the power method in training.
    """

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        if n_power_iterations <= 0:
            raise ArgumentError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.name = name
        self.n_power_iterations = n_power_iterations
        self.dim = dim
        self.eps = eps

    def matrix(self, weight: Any) -> Any:
        """The weight with `dim` first and the others flattened."""
        order = [self.dim, *[d for d in range(weight.ndim) if d != self.dim]]
        return weight.permute(*order).reshape(weight.shape[self.dim], -1)

    def normalized(self, x: Any) -> Any:
        return x / max(float(np.linalg.norm(x)), self.eps)

    def compute(self, module: Module, improve: bool) -> Any:
        weight = getattr(module, self.name + "_orig")
        u, v = getattr(module, self.name + "_u").array, getattr(module, self.name + "_v").array
        matrix = self.matrix(weight)
        for _ in range(self.n_power_iterations if improve else 0):
            v[...] = self.normalized(matrix.array.T @ u)
            u[...] = self.normalized(matrix.array @ v)
        rank_one = wrap(np.outer(u, v))  # a copy: u and v change at the next call
        return weight / (matrix * rank_one).sum()

    def __call__(self, module: Module, args: Any) -> None:
        setattr(module, self.name, self.compute(module, module.training))


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Keep the largest singular value of a weight at 1: w = w_orig / σ. Miyato et al., 2018."""
    if dim is None:
        dim = 1 if getattr(module, "transposed", False) else 0
    hook = SpectralNorm(name, n_power_iterations, dim, eps)
    weight = module._parameters[name]
    assert weight is not None
    rows, columns = hook.matrix(weight.detach()).shape
    del module._parameters[name]
    Structure.change()
    module.register_parameter(name + "_orig", weight)
    setattr(module, name, wrap(weight.array))
    for suffix, n in (("_u", rows), ("_v", columns)):
        drawn = default_generator.normal((n,), 0.0, 1.0, weight.array.dtype)
        module.register_buffer(name + suffix, wrap(hook.normalized(drawn)))
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight one parameter again, of its present value."""
    hook = taken_off(module, SpectralNorm, name, "spectral_norm")
    value = hook.compute(module, False).detach()
    delattr(module, name)
    for suffix in ("_orig", "_u", "_v"):
        delattr(module, name + suffix)
    setattr(module, name, Parameter(value))
    return module
