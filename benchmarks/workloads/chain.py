"""60 operations on 8×8 arrays, forward and backward: what an operation costs beyond arithmetic."""

from __future__ import annotations

import numpy as np

from workloads.workload import Workload

LENGTH = 20


def data():
    return ()


def model(module):
    class Chain(module.nn.Module):
        def __init__(self):
            super().__init__()
            self.x = module.nn.Parameter(module.zeros(8, 8))
            self.y = module.nn.Parameter(module.zeros(8, 8))

    return Chain()


def loss(module, model):
    x, y = model.x, model.y
    hidden = x
    for _ in range(LENGTH):
        hidden = (hidden * y + x).tanh()
    return hidden


def jax_loss(weights, buffers):
    import jax.numpy as jnp

    x, y = weights["x"], weights["y"]
    hidden = x
    for _ in range(LENGTH):
        hidden = jnp.tanh(hidden * y + x)
    return hidden.sum(), buffers  # whose gradient is that of a seed of ones


def numpy_step(weights):
    x, y = weights["x"], weights["y"]

    def step():
        hidden, kept = x, [x]
        for _ in range(LENGTH):
            hidden = np.tanh(hidden * y + x)
            kept.append(hidden)
        g, dx, dy = np.ones_like(x), np.zeros_like(x), np.zeros_like(y)
        for i in range(LENGTH, 0, -1):
            g = g * (1 - kept[i] * kept[i])
            dx += g
            dy += g * kept[i - 1]
            g = g * y
        dx += g
        return hidden.sum(), {"x": dx, "y": dy}

    return step


CHAIN = Workload(
    name="chain",
    bar=2.0,
    goal=3.0,
    flops=64 * LENGTH * 20,  # a tanh counted as ten
    data=data,
    shapes={"x": (8, 8), "y": (8, 8)},
    model=model,
    loss=loss,
    optimizer=("", {}),
    jax_loss=jax_loss,
    numpy_step=numpy_step,
)
