"""A small GPT-2 (Radford et al., 2019): 4 layers of 128 features, 4 heads, 64 of 64 characters,
batch 16, AdamW."""

from __future__ import annotations

import math

import numpy as np

from workloads.workload import Workload

VOCABULARY, LAYERS, FEATURES, HEADS, LENGTH, BATCH = 64, 4, 128, 4, 64, 16


def data():
    text = np.random.RandomState(1).randint(0, VOCABULARY, (BATCH, LENGTH + 1))
    return text[:, :-1].copy(), text[:, 1:].copy()


def block_class(module):
    nn, F = module.nn, module.nn.functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(FEATURES), nn.LayerNorm(FEATURES)
            self.attention = nn.Linear(FEATURES, 3 * FEATURES)
            self.projection = nn.Linear(FEATURES, FEATURES)
            self.widen = nn.Linear(FEATURES, 4 * FEATURES)
            self.narrow = nn.Linear(4 * FEATURES, FEATURES)

        def forward(self, x):
            batch, length, features = x.shape
            qkv = self.attention(self.norm1(x)).split(features, 2)
            q, k, v = (z.view(batch, length, HEADS, features // HEADS).transpose(1, 2) for z in qkv)
            z = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.projection(z.transpose(1, 2).reshape(batch, length, features))
            return x + self.narrow(F.gelu(self.widen(self.norm2(x))))

    return Block


def model(module):
    nn, Block = module.nn, block_class(module)

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens = nn.Embedding(VOCABULARY, FEATURES)
            self.positions = nn.Embedding(LENGTH, FEATURES)
            self.blocks = nn.ModuleList([Block() for _ in range(LAYERS)])
            self.norm = nn.LayerNorm(FEATURES)
            self.head = nn.Linear(FEATURES, VOCABULARY)

        def forward(self, x):
            x = self.tokens(x) + self.positions.weight
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x))

    return GPT()


def loss(module, model, x, y):
    z = model(x)
    return module.nn.functional.cross_entropy(z.reshape(-1, VOCABULARY), y.reshape(-1))


def jax_loss(weights, buffers, x, y):
    import jax
    import jax.numpy as jnp

    def norm(x, name):
        mean = x.mean(-1, keepdims=True)
        variance = jnp.square(x - mean).mean(-1, keepdims=True)
        z = (x - mean) * jax.lax.rsqrt(variance + 1e-5)
        return z * weights[name + ".weight"] + weights[name + ".bias"]

    def linear(x, name):
        return x @ weights[name + ".weight"].T + weights[name + ".bias"]

    size = FEATURES // HEADS
    visible = jnp.tril(jnp.ones((LENGTH, LENGTH), bool))
    x = weights["tokens.weight"][x] + weights["positions.weight"]
    for i in range(LAYERS):
        name = f"blocks.{i}."
        qkv = jnp.split(linear(norm(x, name + "norm1"), name + "attention"), 3, -1)
        q, k, v = (z.reshape(BATCH, LENGTH, HEADS, size).transpose(0, 2, 1, 3) for z in qkv)
        scores = jnp.where(visible, q @ k.swapaxes(-1, -2) / math.sqrt(size), -jnp.inf)
        z = (jax.nn.softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(BATCH, LENGTH, FEATURES)
        x = x + linear(z, name + "projection")
        z = jax.nn.gelu(linear(norm(x, name + "norm2"), name + "widen"), approximate=False)
        x = x + linear(z, name + "narrow")
    z = linear(norm(x, "norm"), "head")
    return -jnp.take_along_axis(jax.nn.log_softmax(z), y[..., None], -1).mean(), buffers


def shapes():
    f = FEATURES
    found = {"tokens.weight": (VOCABULARY, f), "positions.weight": (LENGTH, f)}
    for i in range(LAYERS):
        parts = {"attention": (3 * f, f), "projection": (f, f), "widen": (4 * f, f)}
        for part, shape in {**parts, "narrow": (f, 4 * f)}.items():
            found[f"blocks.{i}.{part}.weight"] = shape
            found[f"blocks.{i}.{part}.bias"] = shape[:1]
        for part in ("norm1", "norm2"):
            found[f"blocks.{i}.{part}.weight"] = found[f"blocks.{i}.{part}.bias"] = (f,)
    found["norm.weight"] = found["norm.bias"] = (f,)
    found["head.weight"], found["head.bias"] = (VOCABULARY, f), (VOCABULARY,)
    return found


# Attention is counted for the half that may be seen.
PER_TOKEN = LAYERS * (12 * FEATURES * FEATURES + LENGTH * FEATURES) + FEATURES * VOCABULARY
GPT = Workload(
    name="gpt",
    bar=1.1,
    goal=1.35,
    flops=3 * 2 * BATCH * LENGTH * PER_TOKEN,
    data=data,
    shapes=shapes(),
    model=model,
    loss=loss,
    optimizer=("AdamW", {"lr": 1e-3}),
    jax_loss=jax_loss,
)
