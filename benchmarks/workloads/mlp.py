"""Layers of rectified units on 28×28 images, SGD with momentum: small (784-100-10, batch 64) and
big (784-1024-1024-10, batch 128)."""

from __future__ import annotations

import functools
import itertools

import numpy as np

from workloads.workload import Workload

RATE, MOMENTUM = 0.05, 0.9


def data(batch):
    random = np.random.RandomState(1)
    return random.rand(batch, 784).astype("f4"), random.randint(0, 10, batch)


def model(sizes, module):
    nn, layers = module.nn, []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def loss(module, model, x, y):
    return module.nn.functional.cross_entropy(model(x), y)


def jax_loss(depth, weights, buffers, x, y):
    import jax
    import jax.numpy as jnp

    for i in range(depth):
        x = x @ weights[f"{2 * i}.weight"].T + weights[f"{2 * i}.bias"]
        x = jax.nn.relu(x) if i < depth - 1 else x
    chosen = jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], 1)
    return -chosen.mean(), buffers


def numpy_step(depth, weights, x, y):
    velocity = {name: np.zeros_like(w) for name, w in weights.items()}
    rows = np.arange(len(y))

    def step():
        kept = [x]
        for i in range(depth):
            z = kept[-1] @ weights[f"{2 * i}.weight"].T
            z += weights[f"{2 * i}.bias"]
            kept.append(np.maximum(z, 0, out=z) if i < depth - 1 else z)
        z = kept.pop()
        z -= z.max(1, keepdims=True)
        chosen = z[rows, y]
        p = np.exp(z, out=z)
        total = p.sum(1, keepdims=True)
        value = (np.log(total[:, 0]) - chosen).mean()
        p /= total
        p[rows, y] -= 1
        g = p
        g /= len(y)
        for i in range(depth - 1, -1, -1):
            gradients = {"weight": g.T @ kept[i], "bias": g.sum(0)}
            if i:
                g = g @ weights[f"{2 * i}.weight"]
                g *= kept[i] > 0
            for kind, d in gradients.items():
                name = f"{2 * i}.{kind}"
                velocity[name] *= MOMENTUM
                velocity[name] += d
                weights[name] -= RATE * velocity[name]
        return value

    return step


def workload(name, bar, goal, sizes, batch):
    shapes = {}
    for i, (before, after) in enumerate(itertools.pairwise(sizes)):
        shapes[f"{2 * i}.weight"], shapes[f"{2 * i}.bias"] = (after, before), (after,)
    products = [a * b * 2 * batch for a, b in itertools.pairwise(sizes)]
    return Workload(
        name=name,
        bar=bar,
        goal=goal,
        flops=3 * sum(products) - products[0],
        data=functools.partial(data, batch),
        shapes=shapes,
        model=functools.partial(model, sizes),
        loss=loss,
        optimizer=("SGD", {"lr": RATE, "momentum": MOMENTUM}),
        jax_loss=functools.partial(jax_loss, len(sizes) - 1),
        numpy_step=functools.partial(numpy_step, len(sizes) - 1),
    )


SMALL = workload("mlp_small", 1.5, 3.0, (784, 100, 10), 64)
BIG = workload("mlp_big", 1.0, 1.25, (784, 1024, 1024, 10), 128)
