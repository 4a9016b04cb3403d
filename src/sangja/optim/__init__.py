"""Rank 4: optimizers and learning-rate schedules."""

from sangja.optim import lr_scheduler
from sangja.optim.adam import Adam, AdamW
from sangja.optim.optimizer import Optimizer
from sangja.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Optimizer",
]
