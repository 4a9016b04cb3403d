"""Who reads a sample, and from which random numbers: shared by thread and process workers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from sangja.backend.generator import default_generator


@dataclass(frozen=True)
class WorkerInfo:
    """Which worker this is: `id` of `num_workers`, its `seed`, the `dataset`."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


worker = threading.local()
_one_at_a_time = threading.RLock()


def get_worker_info() -> WorkerInfo | None:
    """In a worker of a DataLoader who it is; elsewhere None."""
    return getattr(worker, "info", None)


def set_seeds(*key: int) -> None:
    """Start sangja's, Python's and NumPy's global random numbers anew from a key."""
    import random  # a millisecond of an import that need not draw

    sequence = np.random.SeedSequence([part % 2**64 for part in key])
    high, low = (int(word) for word in sequence.generate_state(2, np.uint32))
    default_generator.manual_seed(high << 31 ^ low)
    random.seed(high << 32 | low)
    np.random.seed(low)  # noqa: NPY002, what data sets of others draw from


@contextmanager
def kept_seeds() -> Iterator[None]:
    """What is drawn inside leaves the three as they were; one thread at a time."""
    import random

    with _one_at_a_time:
        states = default_generator.get_state(), random.getstate(), np.random.get_state()  # noqa: NPY002
        try:
            yield
        finally:
            default_generator.set_state(states[0])
            random.setstate(states[1])
            np.random.set_state(states[2])  # noqa: NPY002


def sample_at(dataset: Any, index: Any) -> Any:
    """dataset[index]; an error in it gets a note that says which sample it was."""
    try:
        return dataset[index]
    except Exception as error:
        error.add_note(f"raised while the DataLoader fetched sample {index!r} of the data set")
        raise


def fetch_keyed(
    dataset: Any,
    job: Any,
    collate: Callable[[Any], Any],
    key: tuple[int, int] | None,
    started: Callable[[int], None] = lambda position: None,
) -> Any:
    """The batch of a list of indices, or one sample; with a key (seed of the epoch, number of the
    batch), every sample draws from a stream of its own: (seed, batch, position in it)."""
    samples = []
    many = isinstance(job, (list, tuple))
    for position, index in enumerate(job if many else [job]):
        started(position)
        if key is not None:
            set_seeds(*key, position)
        samples.append(sample_at(dataset, index))
    if key is not None:
        set_seeds(*key, len(samples))
    return collate(samples if many else samples[0])
