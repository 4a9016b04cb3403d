"""The same training steps for JAX: one jitted function a step, its state donated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from workloads import chain, data, random_arrays


def dense(p: Any, key: str, x: Any) -> Any:
    return x @ p[key + ".w"].T + p.get(key + ".b", 0.0)


def conv(x: Any, w: Any, stride: int = 1, padding: int = 0) -> Any:
    numbers = ("NHWC", "OIHW", "NHWC")
    around = [(padding, padding)] * 2
    return lax.conv_general_dilated(x, w, (stride, stride), around, dimension_numbers=numbers)


def pool(x: Any) -> Any:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def batch_norm(p: Any, key: str, x: Any) -> Any:
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return (x - mean) * lax.rsqrt(var + 1e-5) * p[key + ".scale"] + p[key + ".b"]


def layer_norm(p: Any, key: str, x: Any) -> Any:
    mean = x.mean(-1, keepdims=True)
    var = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(var + 1e-5) * p[key + ".scale"] + p[key + ".b"]


def mlp(depth: int) -> Callable[[Any, Any], Any]:
    def forward(p: Any, x: Any) -> Any:
        for i in range(depth - 1):
            x = jax.nn.relu(dense(p, str(i), x))
        return dense(p, str(depth - 1), x)

    return forward


def lenet(p: Any, x: Any) -> Any:
    x = pool(jax.nn.relu(conv(x, p["c1.w"]) + p["c1.b"]))
    x = pool(jax.nn.relu(conv(x, p["c2.w"]) + p["c2.b"]))
    x = jax.nn.relu(dense(p, "0", x.transpose(0, 3, 1, 2).reshape(len(x), -1)))
    return dense(p, "1", x)


BLOCKS = [(16, 16, 1), (16, 16, 1), (16, 16, 1), (16, 32, 2), (32, 32, 1), (32, 32, 1),
          (32, 64, 2), (64, 64, 1), (64, 64, 1)]  # fmt: skip


def resnet(p: Any, x: Any) -> Any:
    x = jax.nn.relu(batch_norm(p, "n", conv(x, p["c.w"], 1, 1)))
    for i, (inputs, outputs, stride) in enumerate(BLOCKS):
        z = jax.nn.relu(batch_norm(p, f"{i}.n1", conv(x, p[f"{i}.c1"], stride, 1)))
        z = batch_norm(p, f"{i}.n2", conv(z, p[f"{i}.c2"], 1, 1))
        if stride != 1 or inputs != outputs:
            x = batch_norm(p, f"{i}.n3", conv(x, p[f"{i}.c3"], stride))
        x = jax.nn.relu(z + x)
    return dense(p, "head", x.mean((1, 2)))


def lstm(p: Any, x: Any) -> Any:
    gates = dense(p, "x", p["embedding"][x]).swapaxes(0, 1)
    zero = jnp.zeros((len(x), 128))

    def step(state: Any, g: Any) -> Any:
        h, c = state
        i, f, n, o = jnp.split(g + dense(p, "h", h), 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(n)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    _, hs = lax.scan(step, (zero, zero), gates)
    return dense(p, "head", hs.swapaxes(0, 1)).reshape(-1, 64)


def gpt(p: Any, x: Any) -> Any:
    z = p["token"][x] + p["place"]
    mask = jnp.tril(jnp.ones((64, 64), bool))
    for i in range(4):
        parts = jnp.split(dense(p, f"{i}.qkv", layer_norm(p, f"{i}.n1", z)), 3, -1)
        q, k, v = (t.reshape(*t.shape[:2], 4, 32).swapaxes(1, 2) for t in parts)
        scores = q @ k.swapaxes(-1, -2) / np.sqrt(32).astype(np.float32)
        a = jax.nn.softmax(jnp.where(mask, scores, -jnp.inf), -1) @ v
        z = z + dense(p, f"{i}.out", a.swapaxes(1, 2).reshape(*z.shape))
        up = jax.nn.gelu(dense(p, f"{i}.up", layer_norm(p, f"{i}.n2", z)), approximate=False)
        z = z + dense(p, f"{i}.down", up)
    return dense(p, "head", layer_norm(p, "n", z)).reshape(-1, 64)


def linear(key: str, inputs: int, outputs: int, bias: bool = True) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {key + ".w": (outputs, inputs)}
    if bias:
        found[key + ".b"] = (outputs,)
    return found


def norm(key: str, size: int) -> dict[str, tuple[int, ...]]:
    return {key + ".scale": (size,), key + ".b": (size,)}


def shapes(name: str) -> dict[str, tuple[int, ...]]:
    """The parameters of a workload."""
    if name == "mlp_small":
        return linear("0", 784, 100) | linear("1", 100, 10)
    if name == "mlp_big":
        return linear("0", 784, 1024) | linear("1", 1024, 1024) | linear("2", 1024, 10)
    if name == "lenet":
        found = {"c1.w": (20, 1, 5, 5), "c1.b": (20,), "c2.w": (50, 20, 5, 5), "c2.b": (50,)}
        return found | linear("0", 800, 500) | linear("1", 500, 10)
    if name == "resnet20":
        found = {"c.w": (16, 3, 3, 3)} | norm("n", 16)
        for i, (inputs, outputs, stride) in enumerate(BLOCKS):
            found |= {f"{i}.c1": (outputs, inputs, 3, 3), f"{i}.c2": (outputs, outputs, 3, 3)}
            found |= norm(f"{i}.n1", outputs) | norm(f"{i}.n2", outputs)
            if stride != 1 or inputs != outputs:
                found |= {f"{i}.c3": (outputs, inputs, 1, 1)} | norm(f"{i}.n3", outputs)
        return found | linear("head", 64, 10)
    if name == "lstm":
        found = {"embedding": (64, 128)} | linear("x", 128, 512) | linear("h", 128, 512)
        return found | linear("head", 128, 64)
    found = {"token": (64, 128), "place": (64, 128)} | norm("n", 128)
    for i in range(4):
        found |= norm(f"{i}.n1", 128) | norm(f"{i}.n2", 128) | linear(f"{i}.qkv", 128, 384)
        found |= linear(f"{i}.out", 128, 128) | linear(f"{i}.up", 128, 512)
        found |= linear(f"{i}.down", 512, 128)
    return found | linear("head", 128, 64, bias=False)


FORWARD = {
    "mlp_small": mlp(2), "mlp_big": mlp(3), "lenet": lenet, "resnet20": resnet, "lstm": lstm,
    "gpt": gpt,
}  # fmt: skip


class Matrix:
    """What `chain` calls, on JAX's arrays."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __mul__(self, other: Any) -> Matrix:
        return Matrix(self.value * (other.value if isinstance(other, Matrix) else other))

    def __add__(self, other: Any) -> Matrix:
        return Matrix(self.value + (other.value if isinstance(other, Matrix) else other))

    def __sub__(self, other: Matrix) -> Matrix:
        return Matrix(self.value - other.value)

    def tanh(self) -> Matrix:
        return Matrix(jnp.tanh(self.value))


def optimizer(name: str) -> tuple[Callable[[Any], Any], Callable[[Any, Any, Any], Any]]:
    """How the state begins and how a step moves the parameters, as PyTorch's optimizers do."""
    tree = jax.tree_util.tree_map
    if name.startswith("mlp") or name == "resnet20":
        lr, decay = (0.1, 1e-4) if name == "resnet20" else (0.01, 0.0)

        def momentum(p: Any, g: Any, v: Any) -> Any:
            v = tree(lambda v, g, p: 0.9 * v + g + decay * p, v, g, p)
            return tree(lambda p, v: p - lr * v, p, v), v

        return lambda p: tree(jnp.zeros_like, p), momentum
    lr, decay = (3e-4, 0.01) if name == "gpt" else (1e-3, 0.0)

    def adam(p: Any, g: Any, state: Any) -> Any:
        m, v, t = state
        t = t + 1
        m = tree(lambda m, g: m + 0.1 * (g - m), m, g)
        v = tree(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate, root = lr / (1 - 0.9**t), jnp.sqrt(1 - 0.999**t)
        moved = tree(
            lambda p, m, v: p * (1 - lr * decay) - rate * m / (jnp.sqrt(v) / root + 1e-8), p, m, v
        )
        return moved, (m, v, t)

    zeros = jax.tree_util.Partial(jax.tree_util.tree_map, jnp.zeros_like)
    return lambda p: (zeros(p), zeros(p), jnp.zeros((), jnp.float32)), adam


def make(name: str) -> Callable[[], Any]:
    """A step that keeps its own state and returns the loss when it is there."""
    inputs, labels = data(name)
    if name == "chain":
        x = jnp.asarray(inputs)
        run = jax.jit(jax.value_and_grad(lambda x: chain(Matrix(x)).value.sum()))
        return lambda: jax.block_until_ready(run(x))[0]
    if inputs.ndim == 4:
        inputs = inputs.transpose(0, 2, 3, 1).copy()
    x, y = jnp.asarray(inputs), jnp.asarray(labels)
    params = {key: jnp.asarray(a) for key, a in random_arrays(shapes(name)).items()}
    begin, move = optimizer(name)
    forward = FORWARD[name]

    def loss_of(p: Any) -> Any:
        scores = jax.nn.log_softmax(forward(p, x))
        return -scores[jnp.arange(len(y)), y].mean()

    def step(p: Any, state: Any) -> Any:
        loss, g = jax.value_and_grad(loss_of)(p)
        p, state = move(p, g, state)
        return p, state, loss

    jitted = jax.jit(step, donate_argnums=(0, 1))
    held = [params, begin(params)]

    def run_once() -> Any:
        held[0], held[1], loss = jitted(*held)
        return jax.block_until_ready(loss)

    return run_once
