"""Rank 4: optimizers and learning-rate schedules."""

from sangja.optim import lr_scheduler
from sangja.optim.adafactor import Adafactor
from sangja.optim.adam import Adam, AdamW
from sangja.optim.adaptive import ASGD, Adadelta, Adagrad, RMSprop, Rprop
from sangja.optim.lbfgs import LBFGS
from sangja.optim.moments import Adamax, NAdam, RAdam
from sangja.optim.muon import Muon
from sangja.optim.optimizer import Optimizer
from sangja.optim.sgd import SGD
from sangja.optim.sparse_adam import SparseAdam

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SparseAdam",
    "lr_scheduler",
]
