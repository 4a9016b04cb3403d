"""Recurrent layers, forward and backward: 50 steps of 32 samples 64 → 128, and 100 of 16, 16 → 32,
beside PyTorch."""

import numpy as np
import torch
from side_by_side import arguments, compare

import sangja

SIZES = ((50, 32, 64, 128), (100, 16, 16, 32))  # steps, samples, input, hidden


def pass_through(module, kind, steps, samples, width, hidden):
    module.manual_seed(0)
    layer = getattr(module.nn, kind)(width, hidden)
    data = np.random.RandomState(0).randn(steps, samples, width).astype("f4")
    x = module.tensor(data, requires_grad=True)

    def both_ways():
        layer.zero_grad()
        x.grad = None
        loss = layer(x)[0].sum()
        loss.backward()
        return loss

    return both_ways


if __name__ == "__main__":
    args = arguments(__doc__)
    torch.set_num_threads(1)
    rounds = 1 if args.smoke else args.rounds
    for kind in ("RNN", "LSTM", "GRU"):
        for size in SIZES:
            pair = [pass_through(module, kind, *size) for module in (sangja, torch)]
            compare(f"{kind} {size}", *pair, rounds, 1, 1.0)
