"""`sangja.optim.lr_scheduler`: schedules of the learning rate, under PyTorch's names."""

from sangja.optim.combined import ChainedScheduler, ReduceLROnPlateau, SequentialLR
from sangja.optim.cycles import CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR
from sangja.optim.schedule import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    LRScheduler as _LRScheduler,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
