"""LeNet on 28×28 images: two convolutions 5×5 (20 and 50 channels), each with max pooling, and
layers of 500 and 10; batch 64, Adam."""

from __future__ import annotations

import numpy as np

from workloads.workload import Workload

BATCH = 64


def data():
    random = np.random.RandomState(1)
    return random.rand(BATCH, 1, 28, 28).astype("f4"), random.randint(0, 10, BATCH)


def model(module):
    nn = module.nn
    return nn.Sequential(
        nn.Conv2d(1, 20, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(800, 500),
        nn.ReLU(),
        nn.Linear(500, 10),
    )


def loss(module, model, x, y):
    return module.nn.functional.cross_entropy(model(x), y)


def jax_loss(weights, buffers, x, y):
    import jax
    import jax.numpy as jnp
    from jax import lax

    for name in ("0", "3"):
        x = lax.conv_general_dilated(
            x,
            weights[name + ".weight"],
            (1, 1),
            "VALID",
            dimension_numbers=("NCHW", "OIHW", "NCHW"),
        )
        x = jax.nn.relu(x + weights[name + ".bias"][:, None, None])
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    x = x.reshape(len(x), -1)
    x = jax.nn.relu(x @ weights["7.weight"].T + weights["7.bias"])
    x = x @ weights["9.weight"].T + weights["9.bias"]
    chosen = jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], 1)
    return -chosen.mean(), buffers


LENET = Workload(
    name="lenet",
    bar=2.0,
    goal=3.0,
    flops=2 * BATCH * (2 * 20 * 25 * 576 + 3 * (50 * 20 * 25 * 64 + 800 * 500 + 5000)),
    data=data,
    shapes={
        "0.weight": (20, 1, 5, 5),
        "0.bias": (20,),
        "3.weight": (50, 20, 5, 5),
        "3.bias": (50,),
        "7.weight": (500, 800),
        "7.bias": (500,),
        "9.weight": (10, 500),
        "9.bias": (10,),
    },
    model=model,
    loss=loss,
    optimizer=("Adam", {"lr": 1e-3}),
    jax_loss=jax_loss,
)
