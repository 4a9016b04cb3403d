"""What the loop asks of a batch and of the model that it goes through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentTypeError
from sangja.engine import Tensor


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Inside `with` the model is in evaluation mode; after it in the mode it was in."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def split_batch(batch: Any) -> tuple[list[Any], Any]:
    """Inputs and target of a batch (input, …, target)."""
    if not isinstance(batch, list | tuple) or len(batch) < 2:
        raise ArgumentTypeError(
            f"Trainer: a batch is {type(batch).__name__}; expected a sequence (input, …, target). "
            "Let the data set give pairs, as TensorDataset(inputs, targets) does."
        )
    *inputs, target = batch
    return inputs, target


def row_count(target: Tensor) -> int:
    """Rows of a batch, by its target."""
    return int(target.shape[0]) if target.shape else 1


def is_finite(value: Any) -> bool:
    """Whether a tensor holds neither NaN nor infinity; True for anything else."""
    return not isinstance(value, Tensor) or bool(np.isfinite(value.array).all())
