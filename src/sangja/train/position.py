"""Where a training run is: how far, which random numbers come next, how long the parts took."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from sangja.backend.generator import default_generator


@dataclass
class Position:
    """How far a run is, and the sums of the epoch it is in.

    `epoch` counts finished epochs, `step` steps of the optimizer, `batch` batches used of the
    present epoch; `trained` tells that those were all and only its validation is to come. `loss` is
    Σ rows · loss over its `rows`, `seconds` its time so far.
    """

    epoch: int = 0
    step: int = 0
    batch: int = 0
    trained: bool = False
    loss: float = 0.0
    rows: int = 0
    seconds: float = 0.0

    def next_epoch(self) -> None:
        """The epoch is finished: its sums begin anew."""
        self.epoch += 1
        self.batch = self.rows = 0
        self.loss = self.seconds = 0.0
        self.trained = False


@dataclass
class Clock:
    """Seconds spent, by part of the work."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Adds the time inside `with` to a part."""
        began = perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - began


def random_states() -> dict[str, Any]:
    """The states of sangja's, NumPy's and Python's global generators, as data of a checkpoint."""
    version, words, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002 (users' data may draw from it)
    return {
        "sangja": np.array(default_generator.get_state()),
        "numpy": [kind, keys, int(position), int(has_gauss), float(cached)],
        "python": [version, np.array(words, np.uint32), gauss],
    }


def set_random_states(states: dict[str, Any]) -> None:
    """Let the three generators go on where `random_states` was taken."""
    default_generator.set_state(states["sangja"])
    np.random.set_state(tuple(states["numpy"]))  # noqa: NPY002
    version, words, gauss = states["python"]
    random.setstate((version, tuple(words.tolist()), gauss))


@contextmanager
def random_numbers_untouched() -> Iterator[None]:
    """What is drawn inside `with` changes nothing of what is drawn after it."""
    states = random_states()
    try:
        yield
    finally:
        set_random_states(states)
