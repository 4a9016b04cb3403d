"""The training steps that all peers are timed on, written once for every module of PyTorch's shape.

`make(name, torch)` gives a step without arguments: it clears the gradients, runs the network
forward and backward, and lets the optimizer move the parameters; it returns the loss. Weights and
data come from NumPy, so that every peer begins with the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

NAMES = ("chain", "mlp_small", "mlp_big", "lenet", "resnet20", "lstm", "gpt")
# Multiply-adds × 2 of a step: forward, and backward without the gradient of the input.
FLOPS = {
    "chain": 60 * 3 * 64,
    "mlp_small": 2 * 64 * (2 * 784 * 100 + 3 * 100 * 10),
    "mlp_big": 2 * 128 * (2 * 784 * 1024 + 3 * 1024 * 1024 + 3 * 1024 * 10),
    "lenet": 2 * 64 * (2 * 576 * 20 * 25 + 3 * 64 * 50 * 500 + 3 * 800 * 500 + 3 * 500 * 10),
    "resnet20": 15_680_000_000,
    "lstm": 800_000_000,
    "gpt": 5_070_000_000,
}


def random_arrays(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Weights by name: matrices uniform with the scale of their fan-in, drawn in order; scales of
    norms 1, biases 0."""
    random = np.random.RandomState(0)
    found = {}
    for name, shape in shapes.items():
        if len(shape) > 1:
            bound = 1 / np.sqrt(np.prod(shape[1:]))
            found[name] = random.uniform(-bound, bound, shape).astype(np.float32)
        else:
            scale = name.endswith(("weight", "scale"))
            found[name] = np.full(shape, float(scale), np.float32)
    return found


def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and labels."""
    random = np.random.RandomState(1)
    if name in ("lstm", "gpt"):
        batch, length = (32, 32) if name == "lstm" else (16, 64)
        tokens = random.randint(0, 64, (batch, length + 1))
        return tokens[:, :-1].copy(), tokens[:, 1:].reshape(-1).copy()
    shapes = {
        "chain": (8, 8), "mlp_small": (64, 784), "mlp_big": (128, 784), "lenet": (64, 1, 28, 28),
        "resnet20": (64, 3, 32, 32),
    }  # fmt: skip
    x = random.standard_normal(shapes[name]).astype(np.float32)
    return x, random.randint(0, 10, len(x))


def chain(x: Any) -> Any:
    """Sixty operations on a matrix, the same for every module."""
    y = x
    for i in range(12):
        y = (y * x + 0.1 * i).tanh()
        y = (y - x) * 0.5
    return y


def network(name: str, nn: Any, F: Any, arange: Any) -> Any:
    """The model of a workload."""
    if name == "mlp_small":
        return nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
    if name == "mlp_big":
        layers = [nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(1024, 10))
    if name == "lenet":
        features = [nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2)]
        features += [nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
        return nn.Sequential(*features, nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10))
    if name == "resnet20":
        return resnet(nn, F)
    return recurrent(nn) if name == "lstm" else gpt(nn, F, arange)


def resnet(nn: Any, F: Any) -> Any:
    """He et al. 2015, §4.2, with projections in the shortcuts."""

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.c1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.b1 = nn.BatchNorm2d(outputs)
            self.c2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.b2 = nn.BatchNorm2d(outputs)
            self.shortcut = nn.Sequential()
            if stride != 1 or inputs != outputs:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
                )

        def forward(self, x: Any) -> Any:
            z = F.relu(self.b1(self.c1(x)))
            return F.relu(self.b2(self.c2(z)) + self.shortcut(x))

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
            inputs = 16
            for outputs in (16, 32, 64):
                for i in range(3):
                    stride = 2 if i == 0 and outputs != 16 else 1
                    layers.append(Block(inputs, outputs, stride))
                    inputs = outputs
            self.features = nn.Sequential(*layers)
            self.head = nn.Linear(64, 10)

        def forward(self, x: Any) -> Any:
            return self.head(self.features(x).mean((2, 3)))

    return Network()


def recurrent(nn: Any) -> Any:
    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(64, 128)
            self.lstm = nn.LSTM(128, 128, batch_first=True)
            self.head = nn.Linear(128, 64)

        def forward(self, x: Any) -> Any:
            return self.head(self.lstm(self.embedding(x))[0]).reshape(-1, 64)

    return Network()


def gpt(nn: Any, F: Any, arange: Any) -> Any:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.n1, self.n2 = nn.LayerNorm(128), nn.LayerNorm(128)
            self.qkv, self.out = nn.Linear(128, 384), nn.Linear(128, 128)
            self.up, self.down = nn.Linear(128, 512), nn.Linear(512, 128)

        def forward(self, x: Any) -> Any:
            batch, length, width = x.shape
            parts = self.qkv(self.n1(x)).split(width, dim=2)
            q, k, v = (t.view(batch, length, 4, 32).transpose(1, 2) for t in parts)
            z = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(z.transpose(1, 2).contiguous().view(batch, length, width))
            return x + self.down(F.gelu(self.up(self.n2(x))))

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token, self.place = nn.Embedding(64, 128), nn.Embedding(64, 128)
            self.blocks = nn.Sequential(*[Block() for _ in range(4)])
            self.norm = nn.LayerNorm(128)
            self.head = nn.Linear(128, 64, bias=False)

        def forward(self, x: Any) -> Any:
            z = self.token(x) + self.place(arange(64))
            return self.head(self.norm(self.blocks(z))).reshape(-1, 64)

    return Network()


def make(name: str, torch: Any, compiled: Callable[[Any], Any] | None = None) -> Callable[[], Any]:
    """A step of a workload, in a module of PyTorch's shape; `compiled` wraps it."""
    nn, F, optim = torch.nn, torch.nn.functional, torch.optim
    inputs, labels = data(name)
    if name == "chain":
        x = torch.tensor(inputs, requires_grad=True)

        def run() -> Any:
            x.grad = None
            loss = chain(x).sum()
            loss.backward()
            return loss

        return compiled(run) if compiled else run
    model = network(name, nn, F, torch.arange)
    shapes = {key: tuple(p.shape) for key, p in model.named_parameters()}
    with torch.no_grad():
        for key, array in random_arrays(shapes).items():
            dict(model.named_parameters())[key].copy_(torch.tensor(array))
    parameters = model.parameters()
    if name == "resnet20":
        optimizer = optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=1e-4)
    elif name.startswith("mlp"):
        optimizer = optim.SGD(parameters, lr=0.01, momentum=0.9)
    elif name == "gpt":
        optimizer = optim.AdamW(parameters, lr=3e-4)
    else:
        optimizer = optim.Adam(parameters, lr=1e-3)
    x, y = torch.tensor(inputs), torch.tensor(labels)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    whole = compiled(step) if compiled else step
    return lambda: whole(x, y)
