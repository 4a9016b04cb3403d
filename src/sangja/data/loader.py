"""Batches from a data set: in order or shuffled, read ahead by threads, resumable in mid-epoch."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Generator as Generator_, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from sangja.backend.generator import Generator, default_generator
from sangja.core.errors import ArgumentError
from sangja.data.collate import default_collate, default_convert
from sangja.data.dataset import IterableDataset, Subset, TensorDataset
from sangja.data.processes import LoaderTimeoutError, Processes, context_of
from sangja.data.sampler import BatchSampler, RandomSampler, SequentialSampler, draw_seed
from sangja.data.worker import WorkerInfo, fetch_keyed, kept_seeds, sample_at, worker
from sangja.engine import wrap

if TYPE_CHECKING:
    from concurrent.futures import Future

Generating = Generator_[Any, None, None]


class DataLoader:
    """Goes through a data set in batches, once per `for`.

    `num_workers` threads read ahead (0: none), or processes if `multiprocessing_context` is given
    ("fork", "spawn", "forkserver"); batches come in the same order with any number. Arguments and
    defaults are PyTorch's; with the same seed so is the order. `state_dict()` inside an epoch and
    `load_state_dict()` before the next `for` go on exactly after the last batch that was given
    out.

    Random numbers that a data set draws: with `per_sample_seeds=True` every sample draws sangja's,
    Python's and NumPy's global random numbers from a stream of its own, keyed by (seed of the
    epoch, number of the batch, position in it), so that batches are equal bit for bit for any
    number of workers of any kind (threads then read one sample at a time); what is drawn elsewhere
    is untouched. By default (None) processes do so, while without workers the numbers come from
    the one global stream, as in PyTorch. A stream (IterableDataset) is always read by the caller,
    each of its samples once.

    Errors of a sample keep their type and name the sample; a worker process that ends is a
    RuntimeError with its last sample, one that hangs is a RuntimeError after `timeout` seconds.

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
        per_sample_seeds: bool | None = None,
    ) -> None:
        check_numbers(num_workers, timeout, prefetch_factor)
        check_workers(num_workers, multiprocessing_context, persistent_workers)
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
        self.pin_memory_device = pin_memory_device
        self.in_order = in_order
        self.multiprocessing_context = multiprocessing_context
        self.per_sample_seeds = per_sample_seeds
        self._processes: Processes | None = None
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
        results = self._results(jobs, seed, self._given)
        try:
            for batch in results:
                self._given += 1
                yield batch
        finally:
            results.close()
        self._given = 0
        self._epoch_start = []

    def _results(self, jobs: Iterator[Any], seed: int, first: int) -> Generating:
        """The batches of the jobs, read by whoever reads here."""
        stream = isinstance(self.dataset, IterableDataset)
        if not self.num_workers or (stream and self.multiprocessing_context is not None):
            for number, job in enumerate(jobs, first):
                yield self._fetch(job, (seed, number))
        elif self.multiprocessing_context is None:
            yield from self._read_ahead(jobs, seed, first)
        else:
            yield from self._read_in_processes(jobs, seed, first)

    def _read_in_processes(self, jobs: Iterator[Any], seed: int, first: int) -> Generating:
        processes, self._processes = self._processes, None
        if processes is None:
            processes = Processes(self, context_of(self.multiprocessing_context))
        whole = False
        try:
            yield from processes.read(jobs, seed, first, self.per_sample_seeds is not False)
            whole = True
        except GeneratorExit:
            if self.persistent_workers:
                processes.drain()
                whole = True
            raise
        finally:
            if whole and self.persistent_workers:
                self._processes = processes
            else:
                processes.stop()

    def __del__(self) -> None:
        processes = getattr(self, "_processes", None)
        if processes is not None:
            processes.stop()

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

    def _fetch(self, job: Any, key: tuple[int, int]) -> Any:
        if isinstance(self.dataset, IterableDataset):
            return self.collate_fn(job)
        if self.per_sample_seeds:
            with kept_seeds():
                return fetch_keyed(self.dataset, job, self.collate_fn, key)
        if self.batch_sampler is None:
            return self.collate_fn(sample_at(self.dataset, job))
        if self.collate_fn is default_collate:
            rows = fetch_rows(self.dataset, job)
            if rows is not None:
                return rows
        return self.collate_fn([sample_at(self.dataset, i) for i in job])

    def _read_ahead(self, jobs: Iterator[Any], seed: int, first: int) -> Iterator[Any]:
        """The batches in order, fetched by threads a few ahead of where the reader is."""
        numbers = itertools.count()

        def introduce() -> None:
            number = next(numbers)
            worker.info = WorkerInfo(number, self.num_workers, seed + number, self.dataset)
            if self.worker_init_fn is not None:
                self.worker_init_fn(number)

        from concurrent.futures import ThreadPoolExecutor  # with `logging` 3 ms of an import

        pool = ThreadPoolExecutor(self.num_workers, "sangja-loader", initializer=introduce)
        waiting: deque[Future[Any]] = deque()
        try:
            ahead = self.num_workers * self.prefetch_factor
            keyed = zip(jobs, ((seed, at) for at in itertools.count(first)), strict=False)
            for job, key in itertools.islice(keyed, ahead):
                waiting.append(pool.submit(self._fetch, job, key))
            while waiting:
                batch = self._result(waiting.popleft())
                for job, key in itertools.islice(keyed, 1):
                    waiting.append(pool.submit(self._fetch, job, key))
                yield batch
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _result(self, future: Future[Any]) -> Any:
        try:
            return future.result(self.timeout or None)
        except TimeoutError:
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


def check_workers(num_workers: int, context: Any, persistent: bool) -> None:
    """Refuse options of workers where there are none."""
    if context is not None:
        if not num_workers:
            raise ArgumentError(
                "multiprocessing_context can only be used with multi-process loading "
                f"(num_workers > 0), but got num_workers={num_workers}"
            )
        context_of(context)
    if persistent and not num_workers:
        raise ArgumentError("persistent_workers option needs num_workers > 0")


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
        raise ArgumentError(
            "sampler option is mutually exclusive with shuffle: the sampler gives the order, so "
            "leave shuffle out"
        )
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
