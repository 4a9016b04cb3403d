"""What a workload is: data, first weights, a model in PyTorch's words, the same in JAX and, where
that is sensible, in NumPy by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Workload:
    """One training step.

    `bar` and `goal`: what the best peer's time divided by ours is to be; `flops`: multiplications
    and additions of forward and backward, without the gradient of the data; `data()` the inputs;
    `shapes` of the weights by PyTorch's names; `model(module)`; `loss(module, model, *data)`;
    `optimizer`: its name in PyTorch and its settings; `jax_loss(weights, buffers, *data)` gives the
    loss and the new buffers; `numpy_step(weights, *data)` gives a function that makes one step.
    """

    name: str
    bar: float
    goal: float
    flops: int
    data: Callable[[], tuple[np.ndarray, ...]]
    shapes: dict[str, tuple[int, ...]]
    model: Callable[[Any], Any]
    loss: Callable[..., Any]
    optimizer: tuple[str, dict[str, Any]]
    jax_loss: Callable[..., Any]
    numpy_step: Callable[..., Any] | None = None
    buffers: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def weights(self) -> Arrays:
        """The first weights: uniform within 1/√(inputs of a unit); norms begin at 1 and 0."""
        random = np.random.RandomState(0)
        drawn = {}
        for name, shape in self.shapes.items():
            if "norm" in name:
                drawn[name] = np.full(shape, float(name.endswith("weight")), "f4")
                continue
            bound = 1 / math.sqrt(math.prod(shape[1:]) if len(shape) > 1 else shape[0])
            drawn[name] = random.uniform(-bound, bound, shape).astype("f4")
        return drawn

    def first_buffers(self) -> Arrays:
        """Running means at 0 and variances at 1."""
        return {n: np.full(s, float("var" in n), "f4") for n, s in self.buffers.items()}
