"""Overhead of single operations on small tensors, forward and forward with backward, beside PyTorch
eager: the median ratio of each, and the geometric mean of all."""

import math

import numpy as np
import torch
from side_by_side import arguments, median_pair

import sangja

N = 8
OPERATIONS = {
    # two tensors
    "add": lambda m, x, y: x + y,
    "add a number": lambda m, x, y: x + 1.5,
    "sub": lambda m, x, y: x - y,
    "mul": lambda m, x, y: x * y,
    "mul broadcast": lambda m, x, y: x * y[0],
    "div": lambda m, x, y: x / y,
    "pow 2": lambda m, x, y: x**2,
    "maximum": lambda m, x, y: m.maximum(x, y),
    "where": lambda m, x, y: m.where(x > 0, x, y),
    "matmul": lambda m, x, y: x @ y,
    "addmm": lambda m, x, y: m.addmm(x, x, y),
    "linear": lambda m, x, y: m.nn.functional.linear(x, y),
    # one tensor
    "neg": lambda m, x, y: -x,
    "abs": lambda m, x, y: x.abs(),
    "exp": lambda m, x, y: x.exp(),
    "log": lambda m, x, y: y.log(),
    "sqrt": lambda m, x, y: y.sqrt(),
    "sin": lambda m, x, y: x.sin(),
    "tanh": lambda m, x, y: x.tanh(),
    "sigmoid": lambda m, x, y: x.sigmoid(),
    "relu": lambda m, x, y: m.relu(x),
    "gelu": lambda m, x, y: m.nn.functional.gelu(x),
    "clamp": lambda m, x, y: x.clamp(-1, 1),
    # reductions
    "sum": lambda m, x, y: x.sum(),
    "sum over rows": lambda m, x, y: x.sum(1),
    "mean": lambda m, x, y: x.mean(),
    "max": lambda m, x, y: x.max(1)[0],
    "var": lambda m, x, y: x.var(1),
    "softmax": lambda m, x, y: x.softmax(-1),
    "log_softmax": lambda m, x, y: x.log_softmax(-1),
    "cumsum": lambda m, x, y: x.cumsum(1),
    "norm": lambda m, x, y: x.norm(),
    # shapes and indices
    "reshape": lambda m, x, y: x.reshape(-1),
    "transpose": lambda m, x, y: x.transpose(0, 1),
    "unsqueeze": lambda m, x, y: x.unsqueeze(0),
    "select": lambda m, x, y: x[3],
    "slice": lambda m, x, y: x[1:5],
    "index": lambda m, x, y: x[m.indices],
    "cat": lambda m, x, y: m.cat([x, y]),
    "stack": lambda m, x, y: m.stack([x, y]),
    "split": lambda m, x, y: x.split(4)[0],
    # layers and losses
    "layer_norm": lambda m, x, y: m.nn.functional.layer_norm(x, (N,)),
    "mse_loss": lambda m, x, y: m.nn.functional.mse_loss(x, y),
    "cross_entropy": lambda m, x, y: m.nn.functional.cross_entropy(x, m.indices),
    "clone": lambda m, x, y: x.clone(),
}


class Side:
    """A module under its own name for the benchmark, with the indices that some operations need."""

    def __init__(self, module):
        self.indices = module.arange(N)
        self.module = module

    def __getattr__(self, name):
        value = getattr(self.module, name)
        setattr(self, name, value)  # found at once from now on
        return value


def programs(side, operation):
    """The operation alone, and with its derivatives."""
    random = np.random.RandomState(0)
    values = [random.randn(N, N).astype("f4"), random.rand(N, N).astype("f4") + 0.5]
    x, y = map(side.tensor, values)
    p, q = (side.tensor(v, requires_grad=True) for v in values)
    seed = side.ones(operation(side, x, y).shape)

    def forward():
        return operation(side, x, y)

    def both():
        p.grad = q.grad = None
        operation(side, p, q).backward(seed)

    return forward, both


if __name__ == "__main__":
    args = arguments(__doc__)
    torch.set_num_threads(1)
    rounds, calls = (1, 1) if args.smoke else (args.rounds, 200)
    sides = [Side(module) for module in (sangja, torch)]
    print(f"{'ratio to PyTorch, 8×8':24s} {'forward':>9s} {'and backward':>13s}")
    ratios = []
    for name, operation in OPERATIONS.items():
        mine, theirs = (programs(side, operation) for side in sides)
        times = [median_pair(a, b, rounds, calls) for a, b in zip(mine, theirs, strict=True)]
        pair = [ours / other for ours, other in times]
        ratios.append(pair)
        print(f"{name:24s} {pair[0]:9.2f} {pair[1]:13.2f}")
    means = [
        math.exp(sum(map(math.log, column)) / len(ratios)) for column in zip(*ratios, strict=True)
    ]
    print(f"{'geometric mean':24s} {means[0]:9.2f} {means[1]:13.2f}")
