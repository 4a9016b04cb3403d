"""A training step of an MLP 784-100-10, batch 64, SGD with momentum, eager, beside PyTorch
eager."""

import numpy as np
import torch
from side_by_side import arguments, compare

import sangja


def training(module):
    random = np.random.RandomState(0)
    x = module.tensor(random.rand(64, 784).astype("f4"))
    y = module.tensor(random.randint(0, 10, 64))
    module.manual_seed(0)
    nn = module.nn
    model = nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
    optimizer = module.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    loss_of = nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


if __name__ == "__main__":
    args = arguments(__doc__)
    torch.set_num_threads(1)
    ours, theirs = training(sangja), training(torch)
    rounds, calls = (1, 1) if args.smoke else (args.rounds, 30)
    compare("MLP 784-100-10, batch 64, step", ours, theirs, rounds, calls, 1.0)
    print(f"losses after the same steps: {ours().item():.6f} and {theirs().item():.6f}")
