"""The next of 64 characters from an LSTM: 128 units, 32 steps, batch 32, Adam."""

from __future__ import annotations

import numpy as np

from workloads.workload import Workload

VOCABULARY, HIDDEN, STEPS, BATCH = 64, 128, 32, 32


def data():
    text = np.random.RandomState(1).randint(0, VOCABULARY, (STEPS + 1, BATCH))
    return text[:-1].copy(), text[1:].copy()


def model(module):
    nn = module.nn

    class Characters(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY, HIDDEN)
            self.lstm = nn.LSTM(HIDDEN, HIDDEN)
            self.head = nn.Linear(HIDDEN, VOCABULARY)

        def forward(self, x):
            return self.head(self.lstm(self.embedding(x))[0])

    return Characters()


def loss(module, model, x, y):
    z = model(x)
    return module.nn.functional.cross_entropy(z.reshape(-1, VOCABULARY), y.reshape(-1))


def jax_loss(weights, buffers, x, y):
    import jax
    import jax.numpy as jnp
    from jax import lax

    bias = weights["lstm.bias_ih_l0"] + weights["lstm.bias_hh_l0"]
    inputs = weights["embedding.weight"][x] @ weights["lstm.weight_ih_l0"].T + bias  # (T, N, 4H)
    recurrent = weights["lstm.weight_hh_l0"].T

    def cell(carry, row):
        h, c = carry
        i, f, g, o = jnp.split(row + h @ recurrent, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    start = jnp.zeros((BATCH, HIDDEN), "f4")
    _, hidden = lax.scan(cell, (start, start), inputs)
    z = hidden @ weights["head.weight"].T + weights["head.bias"]
    return -jnp.take_along_axis(jax.nn.log_softmax(z), y[..., None], -1).mean(), buffers


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def forward(weights, x):
    """All that the backward pass needs: embedded, hidden (with the first), cells, gates."""
    embedded = weights["embedding.weight"][x]
    bias = weights["lstm.bias_ih_l0"] + weights["lstm.bias_hh_l0"]
    inputs = embedded.reshape(-1, HIDDEN) @ weights["lstm.weight_ih_l0"].T + bias
    inputs = inputs.reshape(STEPS, BATCH, 4 * HIDDEN)
    recurrent = weights["lstm.weight_hh_l0"].T
    hidden = np.zeros((STEPS + 1, BATCH, HIDDEN), "f4")
    cells, gates = np.zeros_like(hidden), np.empty_like(inputs)
    for t in range(STEPS):
        z = inputs[t] + hidden[t] @ recurrent
        s = sigmoid(z)
        s[:, 2 * HIDDEN : 3 * HIDDEN] = np.tanh(z[:, 2 * HIDDEN : 3 * HIDDEN])
        i, f, g, o = np.split(s, 4, 1)
        cells[t + 1] = f * cells[t] + i * g
        hidden[t + 1] = o * np.tanh(cells[t + 1])
        gates[t] = s
    return embedded, hidden, cells, gates


def backward(weights, x, kept, dh_all, gradients):
    embedded, hidden, cells, gates = kept
    dz = np.empty_like(gates)
    dh, dc = np.zeros((BATCH, HIDDEN), "f4"), np.zeros((BATCH, HIDDEN), "f4")
    for t in range(STEPS - 1, -1, -1):
        i, f, g, o = np.split(gates[t], 4, 1)
        dh = dh + dh_all[t]
        bent = np.tanh(cells[t + 1])
        dc = dc + dh * o * (1 - bent * bent)
        row = np.split(dz[t], 4, 1)
        row[0][:] = dc * g * i * (1 - i)
        row[1][:] = dc * cells[t] * f * (1 - f)
        row[2][:] = dc * i * (1 - g * g)
        row[3][:] = dh * bent * o * (1 - o)
        dc = dc * f
        dh = dz[t] @ weights["lstm.weight_hh_l0"]
    flat = dz.reshape(-1, 4 * HIDDEN)
    gradients["lstm.weight_ih_l0"] = flat.T @ embedded.reshape(-1, HIDDEN)
    gradients["lstm.weight_hh_l0"] = flat.T @ hidden[:-1].reshape(-1, HIDDEN)
    gradients["lstm.bias_ih_l0"] = gradients["lstm.bias_hh_l0"] = flat.sum(0)
    d = np.zeros_like(weights["embedding.weight"])
    np.add.at(d, x.reshape(-1), flat @ weights["lstm.weight_ih_l0"])
    gradients["embedding.weight"] = d


def adam(weights, gradients, m, v, t, rate=1e-3):
    for name, g in gradients.items():
        m[name] += 0.1 * (g - m[name])
        v[name] += 0.001 * (g * g - v[name])
        root = np.sqrt(v[name] / (1 - 0.999**t)) + 1e-8
        weights[name] -= rate / (1 - 0.9**t) * m[name] / root


def numpy_step(weights, x, y):
    m = {name: np.zeros_like(w) for name, w in weights.items()}
    v = {name: np.zeros_like(w) for name, w in weights.items()}
    labels, rows, count = y.reshape(-1), np.arange(y.size), [0]

    def step():
        gradients: dict[str, np.ndarray] = {}
        kept = forward(weights, x)
        flat = kept[1][1:].reshape(-1, HIDDEN)
        z = flat @ weights["head.weight"].T + weights["head.bias"]
        z -= z.max(1, keepdims=True)
        p = np.exp(z)
        total = p.sum(1, keepdims=True)
        value = (np.log(total[:, 0]) - z[rows, labels]).mean()
        p /= total
        p[rows, labels] -= 1
        p /= np.float32(len(labels))
        gradients["head.weight"], gradients["head.bias"] = p.T @ flat, p.sum(0)
        dh = (p @ weights["head.weight"]).reshape(STEPS, BATCH, HIDDEN)
        backward(weights, x, kept, dh, gradients)
        count[0] += 1
        adam(weights, gradients, m, v, count[0])
        return value

    return step


LSTM = Workload(
    name="lstm",
    bar=1.2,
    goal=1.5,
    flops=3 * 2 * STEPS * BATCH * (2 * HIDDEN * 4 * HIDDEN + HIDDEN * VOCABULARY),
    data=data,
    shapes={
        "embedding.weight": (VOCABULARY, HIDDEN),
        "lstm.weight_ih_l0": (4 * HIDDEN, HIDDEN),
        "lstm.weight_hh_l0": (4 * HIDDEN, HIDDEN),
        "lstm.bias_ih_l0": (4 * HIDDEN,),
        "lstm.bias_hh_l0": (4 * HIDDEN,),
        "head.weight": (VOCABULARY, HIDDEN),
        "head.bias": (VOCABULARY,),
    },
    model=model,
    loss=loss,
    optimizer=("Adam", {"lr": 1e-3}),
    jax_loss=jax_loss,
    numpy_step=numpy_step,
)
