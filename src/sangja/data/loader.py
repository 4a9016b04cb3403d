"""Batches from a data set: in order or shuffled, read ahead by threads, resumable in mid-epoch."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any

from sangja.backend.generator import Generator, default_generator
from sangja.core.errors import ArgumentError, SangjaError
from sangja.data.collate import default_collate, default_convert
from sangja.data.dataset import IterableDataset, Subset, TensorDataset
from sangja.data.sampler import BatchSampler, RandomSampler, SequentialSampler, draw_seed
from sangja.engine import wrap


class LoaderTimeoutError(SangjaError, RuntimeError):
    """A worker that took longer than `timeout`."""


@dataclass(frozen=True)
class WorkerInfo:
    """Which worker this thread is: `id` of `num_workers`, its `seed`, the `dataset`."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_worker = threading.local()


def get_worker_info() -> WorkerInfo | None:
    """In a worker thread of a DataLoader who it is; elsewhere None."""
    return getattr(_worker, "info", None)


class DataLoader:
    """Goes through a data set in batches, once per `for`.

    `num_workers` threads read ahead (0: none); batches come in the same order with any number.
    Arguments and defaults are PyTorch's; with the same seed so is the order. `state_dict()` inside
    an epoch and `load_state_dict()` before the next `for` go on exactly after the last batch that
    was given out.

    >>> import sangja
    >>> data = TensorDataset(sangja.arange(5))
    >>> [len(x) for (x,) in DataLoader(data, batch_size=2)]
    [2, 2, 1]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        check_numbers(num_workers, timeout, prefetch_factor)
        stream = isinstance(dataset, IterableDataset)
        check_choices(stream, batch_size, shuffle, sampler, batch_sampler, drop_last)
        self.dataset = dataset
        self.num_workers = num_workers
        self.pin_memory = pin_memory
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.generator = generator
        self.prefetch_factor = prefetch_factor or 2
        self.persistent_workers = persistent_workers
        if batch_sampler is not None:
            batch_size, drop_last = None, False
        if sampler is None:
            if stream:
                sampler = itertools.repeat(None)
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        batched = batch_sampler is not None
        self.collate_fn = collate_fn or (default_collate if batched else default_convert)
        self._epoch_start: list[Any] = []
        self._given = 0
        self._resume: dict[str, Any] | None = None

    def __len__(self) -> int:
        if isinstance(self.dataset, IterableDataset):
            n = len(self.dataset)  # type: ignore[arg-type]
            if self.batch_size is None:
                return n
            return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
        return len(self.sampler if self.batch_sampler is None else self.batch_sampler)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        resume, self._resume = self._resume, None
        now = self._random_states()
        if resume is not None:
            self._set_random_states(resume["epoch_start"])
        self._epoch_start = self._random_states()
        self._given = 0
        seed = draw_seed(self.generator or default_generator)
        jobs = self._jobs()
        if resume is not None:
            for _ in itertools.islice(jobs, resume["given"]):
                self._given += 1
            self._set_random_states(now)
        results = map(self._fetch, jobs) if not self.num_workers else self._read_ahead(jobs, seed)
        for batch in results:
            self._given += 1
            yield batch
        self._given = 0
        self._epoch_start = []

    def _jobs(self) -> Iterator[Any]:
        """What to fetch for each batch: lists of indices, one index, or samples of a stream."""
        if isinstance(self.dataset, IterableDataset):
            stream = iter(self.dataset)
            if self.batch_size is None:
                yield from stream
            while self.batch_size and (batch := list(itertools.islice(stream, self.batch_size))):
                if len(batch) == self.batch_size or not self.drop_last:
                    yield batch
        else:
            yield from self.sampler if self.batch_sampler is None else self.batch_sampler

    def _fetch(self, job: Any) -> Any:
        if isinstance(self.dataset, IterableDataset):
            return self.collate_fn(job)
        if self.batch_sampler is None:
            return self.collate_fn(sample_at(self.dataset, job))
        if self.collate_fn is default_collate:
            rows = fetch_rows(self.dataset, job)
            if rows is not None:
                return rows
        return self.collate_fn([sample_at(self.dataset, i) for i in job])

    def _read_ahead(self, jobs: Iterator[Any], seed: int) -> Iterator[Any]:
        """The batches in order, fetched by threads a few ahead of where the reader is."""
        numbers = itertools.count()

        def introduce() -> None:
            number = next(numbers)
            _worker.info = WorkerInfo(number, self.num_workers, seed + number, self.dataset)
            if self.worker_init_fn is not None:
                self.worker_init_fn(number)

        pool = ThreadPoolExecutor(self.num_workers, "sangja-loader", initializer=introduce)
        waiting: deque[Future[Any]] = deque()
        try:
            ahead = self.num_workers * self.prefetch_factor
            for job in itertools.islice(jobs, ahead):
                waiting.append(pool.submit(self._fetch, job))
            while waiting:
                batch = self._result(waiting.popleft())
                for job in itertools.islice(jobs, 1):
                    waiting.append(pool.submit(self._fetch, job))
                yield batch
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _result(self, future: Future[Any]) -> Any:
        try:
            return future.result(self.timeout or None)
        except FutureTimeout:
            if future.done():  # the data set itself raised a TimeoutError
                raise
            raise LoaderTimeoutError(
                f"DataLoader timed out after {self.timeout} seconds: a worker has not finished its "
                "batch; look for what blocks in the data set's __getitem__, or raise `timeout`"
            ) from None

    # -- resuming --------------------------------------------------------------------------

    def _random_states(self) -> list[Any]:
        own = [] if self.generator is None else [self.generator]
        return [g.get_state() for g in [default_generator, *own]]

    def _set_random_states(self, states: list[Any]) -> None:
        own = [] if self.generator is None else [self.generator]
        for generator, state in zip([default_generator, *own], states, strict=True):
            generator.set_state(getattr(state, "array", state))

    def state_dict(self) -> dict[str, Any]:
        """How far this epoch is: the random states at its start, and the batches given out
        since."""
        return {
            "epoch_start": [wrap(s.copy()) for s in self._epoch_start] if self._given else [],
            "given": self._given,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next `for` go on where `state_dict()` was taken."""
        self._resume = dict(state) if state["given"] else None


def sample_at(dataset: Any, index: Any) -> Any:
    """dataset[index]; an error in it gets a note that says which sample it was."""
    try:
        return dataset[index]
    except Exception as error:
        error.add_note(f"raised while the DataLoader fetched sample {index!r} of the data set")
        raise


def fetch_rows(dataset: Any, indices: list[int]) -> list[Any] | None:
    """The batch of a TensorDataset (or a Subset of one) taken row-wise at once, as collating single
    samples would give it; None for other data sets."""
    while type(dataset) is Subset:
        indices = [dataset.indices[i] for i in indices]
        dataset = dataset.dataset
    if type(dataset) is not TensorDataset:
        return None
    return [wrap(t.array[indices]) for t in dataset.tensors]


def check_numbers(num_workers: int, timeout: float, prefetch_factor: int | None) -> None:
    if num_workers < 0:
        raise ArgumentError(
            "num_workers option should be non-negative; use num_workers=0 to disable workers."
        )
    if timeout < 0:
        raise ArgumentError("timeout option should be non-negative")
    if prefetch_factor is not None and (not num_workers or prefetch_factor < 1):
        raise ArgumentError(
            "prefetch_factor option needs num_workers > 0 and must itself be at least 1"
        )


def check_choices(
    stream: bool, batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: bool
) -> None:
    """Refuse arguments that contradict each other."""
    if stream and (shuffle or sampler is not None or batch_sampler is not None):
        raise ArgumentError(
            "DataLoader with IterableDataset: expected no shuffle, sampler or batch_sampler; a "
            "stream has its own order"
        )
    if sampler is not None and shuffle:
        raise ArgumentError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None and (
        batch_size != 1 or shuffle or sampler is not None or drop_last
    ):
        raise ArgumentError(
            "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and "
            "drop_last"
        )
    if batch_size is None and drop_last:
        raise ArgumentError(
            "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
        )
