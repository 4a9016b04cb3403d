"""Small models and data that have everything a checkpoint must hold; run as a script, it trains.

    python small_runs.py FOLDER RESULT

trains in FOLDER, goes on with what is there, and at the end writes a digest of the parameters and
the history to RESULT. Killed at any moment and begun again, it must come to the same RESULT.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time

import numpy as np

import sangja
from sangja import nn, optim
from sangja.data import DataLoader, TensorDataset
from sangja.optim import lr_scheduler
from sangja.train import Callback, History, Trainer

ROWS, EPOCHS = 50, 4


def rows(seed: int, count: int = ROWS) -> tuple[sangja.Tensor, sangja.Tensor]:
    """Points in the plane and which of three sectors they lie in."""
    points = np.random.RandomState(seed).randn(count, 2).astype(np.float32)
    sector = ((np.arctan2(points[:, 1], points[:, 0]) + np.pi) // 2.1).astype(np.int64)
    return sangja.from_numpy(points), sangja.from_numpy(sector)


def loader(seed: int = 0, workers: int = 0) -> DataLoader:
    """Shuffled batches, the last one smaller."""
    return DataLoader(TensorDataset(*rows(seed)), 8, shuffle=True, num_workers=workers)


def network() -> nn.Sequential:
    """Batch norm has buffers, dropout draws random numbers."""
    sangja.manual_seed(7)
    return nn.Sequential(
        nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3)
    )


OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adamw": lambda p: optim.AdamW(p, lr=0.01),
}
SCHEDULERS = {
    "none": lambda o: {},
    "step": lambda o: {"scheduler": lr_scheduler.StepLR(o, 1, gamma=0.5)},
    "cycle": lambda o: {
        "scheduler": lr_scheduler.OneCycleLR(o, 0.1, total_steps=200),
        "schedule_every": "step",
    },
    "plateau": lambda o: {"scheduler": lr_scheduler.ReduceLROnPlateau(o, patience=0)},
}


def make_trainer(folder: str | None, optimizer="adamw", scheduler="plateau", **options) -> Trainer:
    """A trainer whose next step depends on everything that a checkpoint has to hold."""
    model = network()
    made = OPTIMIZERS[optimizer](model.parameters())
    settings = {"metrics": ["accuracy"], "clip_norm": 1.0, "patience": 3, "seed": 3, "quiet": True}
    settings |= SCHEDULERS[scheduler](made) | {"folder": folder} | options
    return Trainer(model, nn.CrossEntropyLoss(), made, **settings)


def measured(history: History) -> list[dict[str, float]]:
    """The rows without the times, which no two runs share."""
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def digest(model: nn.Module) -> str:
    """One text for all bits of parameters and buffers."""
    state = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        state.update(name.encode() + np.ascontiguousarray(tensor.array).tobytes())
    return state.hexdigest()


class Slowly(Callback):
    """Steps so slow that a kill hits the middle of an epoch."""

    def on_step_end(self, trainer, loss):
        print("step", trainer.position.step, flush=True)
        time.sleep(0.01)


def main(folder: str, result: str) -> None:
    trainer = make_trainer(folder, checkpoint_every=1, callbacks=[Slowly()])
    history = trainer.fit(loader(), loader(1), epochs=EPOCHS, resume=trainer.can_resume)
    with open(result, "w") as file:
        json.dump({"digest": digest(trainer.model), "history": measured(history)}, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
