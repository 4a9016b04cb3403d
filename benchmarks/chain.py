"""Overhead per operation: 60 operations on 8×8 tensors, forward and backward, beside PyTorch
eager."""

import numpy as np
import torch
from side_by_side import arguments, compare

import sangja


def chain(module):
    random = np.random.RandomState(0)
    x = module.tensor(random.randn(8, 8).astype("f4"), requires_grad=True)
    y = module.tensor(random.randn(8, 8).astype("f4"), requires_grad=True)
    seed = module.ones(8, 8)

    def step():
        x.grad = y.grad = None
        hidden = x
        for _ in range(20):
            hidden = (hidden * y + x).tanh()
        hidden.backward(seed)

    return step


if __name__ == "__main__":
    args = arguments(__doc__)
    torch.set_num_threads(1)
    calls = 1 if args.smoke else 50
    compare(
        "chain of 60 ops, 8×8, fwd+bwd",
        chain(sangja),
        chain(torch),
        1 if args.smoke else args.rounds,
        calls,
        0.7,
    )
