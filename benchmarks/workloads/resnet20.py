"""ResNet-20 on 32×32 images in three colours (He et al., 2015), shortcuts of 1×1 convolutions where
the size changes; batch 64, SGD with momentum and weight decay."""

from __future__ import annotations

import numpy as np

from workloads.workload import Workload

BATCH = 64
WIDTHS = (16, 32, 64)


def blocks():
    """(name, channels in, channels out, stride) of the nine blocks."""
    before = WIDTHS[0]
    for stage, after in enumerate(WIDTHS):
        for number in range(3):
            yield f"block{stage}{number}", before, after, 2 if stage and not number else 1
            before = after


def data():
    random = np.random.RandomState(1)
    return random.randn(BATCH, 3, 32, 32).astype("f4"), random.randint(0, 10, BATCH)


def block_class(module):
    nn, relu = module.nn, module.nn.functional.relu

    class Block(nn.Module):
        def __init__(self, before, after, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
            self.norm1 = nn.BatchNorm2d(after)
            self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(after)
            self.shortcut = None
            if stride > 1:
                self.shortcut = nn.Conv2d(before, after, 1, stride, bias=False)
                self.norm3 = nn.BatchNorm2d(after)

        def forward(self, x):
            z = relu(self.norm1(self.conv1(x)))
            z = self.norm2(self.conv2(z))
            return relu(z + (x if self.shortcut is None else self.norm3(self.shortcut(x))))

    return Block


def model(module):
    nn, Block = module.nn, block_class(module)

    class ResNet20(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, WIDTHS[0], 3, 1, 1, bias=False)
            self.norm = nn.BatchNorm2d(WIDTHS[0])
            self.names = []
            for name, *sizes in blocks():
                setattr(self, name, Block(*sizes))
                self.names.append(name)
            self.head = nn.Linear(WIDTHS[-1], 10)

        def forward(self, x):
            x = nn.functional.relu(self.norm(self.conv(x)))
            for name in self.names:
                x = getattr(self, name)(x)
            return self.head(x.mean((2, 3)))

    return ResNet20()


def loss(module, model, x, y):
    return module.nn.functional.cross_entropy(model(x), y)


def jax_loss(weights, buffers, x, y):
    import jax
    import jax.numpy as jnp
    from jax import lax

    fresh = {}

    def conv(x, name, stride, padding):
        return lax.conv_general_dilated(
            x,
            weights[name + ".weight"],
            (stride, stride),
            ((padding, padding),) * 2,
            dimension_numbers=("NCHW", "OIHW", "NCHW"),
        )

    def norm(x, name):
        mean = x.mean((0, 2, 3), keepdims=True)
        variance = jnp.square(x - mean).mean((0, 2, 3), keepdims=True)
        count = x.size // x.shape[1]
        for kind, value in (("mean", mean), ("var", variance * count / (count - 1))):
            key = f"{name}.running_{kind}"
            fresh[key] = 0.9 * buffers[key] + 0.1 * value[0, :, 0, 0]
        x = (x - mean) * lax.rsqrt(variance + 1e-5)
        return x * weights[name + ".weight"][:, None, None] + weights[name + ".bias"][:, None, None]

    x = jax.nn.relu(norm(conv(x, "conv", 1, 1), "norm"))
    for name, _, _, stride in blocks():
        z = jax.nn.relu(norm(conv(x, name + ".conv1", stride, 1), name + ".norm1"))
        z = norm(conv(z, name + ".conv2", 1, 1), name + ".norm2")
        if stride > 1:
            x = norm(conv(x, name + ".shortcut", stride, 0), name + ".norm3")
        x = jax.nn.relu(z + x)
    x = x.mean((2, 3)) @ weights["head.weight"].T + weights["head.bias"]
    chosen = jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], 1)
    return -chosen.mean(), fresh


def sizes():
    """Shapes of weights and of buffers, and the multiply-adds of the forward pass beyond the first
    layer."""
    shapes = {"conv.weight": (WIDTHS[0], 3, 3, 3)}
    norms, work, side = {"norm": WIDTHS[0]}, 0, 32
    for name, before, after, stride in blocks():
        side //= stride
        shapes[name + ".conv1.weight"] = (after, before, 3, 3)
        shapes[name + ".conv2.weight"] = (after, after, 3, 3)
        norms[name + ".norm1"] = norms[name + ".norm2"] = after
        work += 9 * (before + after) * after * side * side
        if stride > 1:
            shapes[name + ".shortcut.weight"] = (after, before, 1, 1)
            norms[name + ".norm3"] = after
            work += before * after * side * side
    shapes["head.weight"], shapes["head.bias"] = (10, WIDTHS[-1]), (10,)
    buffers = {}
    for name, width in norms.items():
        shapes[name + ".weight"] = shapes[name + ".bias"] = (width,)
        buffers[name + ".running_mean"] = buffers[name + ".running_var"] = (width,)
    return shapes, buffers, work + 10 * WIDTHS[-1]


SHAPES, BUFFERS, WORK = sizes()
RESNET20 = Workload(
    name="resnet20",
    bar=1.3,
    goal=1.85,
    flops=2 * BATCH * (2 * 27 * WIDTHS[0] * 1024 + 3 * WORK),
    data=data,
    shapes=SHAPES,
    buffers=BUFFERS,
    model=model,
    loss=loss,
    optimizer=("SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4}),
    jax_loss=jax_loss,
)
