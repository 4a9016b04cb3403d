"""Worker processes of a DataLoader: batch k is read by worker k mod n, results come in order.

A worker that dies is found by the system's own signal, not by waiting; a worker whose parent dies
ends itself within a second, also while a data set blocks. Batches come back through a pipe.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from sangja.core.errors import ArgumentError, SangjaError
from sangja.data.worker import WorkerInfo, fetch_keyed, set_seeds, worker

_GRACE_SECONDS = 1.0


class LoaderTimeoutError(SangjaError, RuntimeError):
    """A worker that took longer than `timeout`."""


class WorkerDiedError(SangjaError, RuntimeError):
    """A worker process that ended although it should read."""


class Processes:
    """The workers, the jobs they have, and the batches that come back."""

    def __init__(self, loader: Any, context: Any) -> None:
        self.timeout, self.ahead = loader.timeout, loader.prefetch_factor
        self.waiting: deque[tuple[int, Any]] = deque()
        self.pipes, self.processes, self.places = [], [], []
        method = context.get_start_method()
        for number in range(loader.num_workers):
            ours, theirs = context.Pipe()
            place = context.RawArray("q", 2)
            fixed = (loader.dataset, loader.collate_fn, loader.worker_init_fn, loader.num_workers)
            process = context.Process(
                target=work,
                args=(theirs, place, number, os.getpid() if method == "fork" else 0, fixed),
                name=f"sangja-loader-{number}",
                daemon=True,
            )
            process.start()
            theirs.close()
            self.pipes.append(ours)
            self.processes.append(process)
            self.places.append(place)

    def read(self, jobs: Iterator[Any], seed: int, first: int, keyed: bool) -> Iterator[Any]:
        """The batches of `jobs` in order; the first is number `first` of its epoch."""
        count = len(self.processes)

        def give() -> None:
            for number, job in zip(range(1), jobs, strict=False):
                at = first + self.given + number
                self.waiting.append((at, job))
                self.send(at % count, (at, job, seed, keyed))
                self.given += 1

        self.given = 0
        for _ in range(count * self.ahead):
            give()
        while self.waiting:
            batch = self.receive()
            give()
            yield batch

    def send(self, number: int, message: Any) -> None:
        try:
            self.pipes[number].send(message)
        except (BrokenPipeError, ConnectionResetError, EOFError):
            self.report_death(number)

    def receive(self) -> Any:
        """The next batch in order, or the error that its worker met."""
        wait = import_module("multiprocessing.connection").wait
        at, _ = self.waiting[0]
        number = at % len(self.processes)
        pipe, process = self.pipes[number], self.processes[number]
        ready = wait([pipe, process.sentinel], self.timeout or None)
        if not ready:
            raise LoaderTimeoutError(
                f"DataLoader timed out after {self.timeout} seconds: worker {number} has not "
                f"finished its batch; it is at {self.last_sample(number)}. Look for what blocks in "
                "the data set's __getitem__, or raise `timeout`"
            )
        try:
            if pipe not in ready and not pipe.poll(0):
                self.report_death(number)
            kind, value = pipe.recv()
        except (EOFError, ConnectionResetError):
            self.report_death(number)
        self.waiting.popleft()
        if kind == "error":
            raise rebuilt(number, *value)
        return value

    def last_sample(self, number: int) -> str:
        """Where a worker is or was, as it last said."""
        at, position = self.places[number]
        for known, job in self.waiting:
            if known == at and position >= 0:
                index = job[position] if isinstance(job, (list, tuple)) else job
                return f"sample {index!r} (batch {at})"
        return "no sample"

    def report_death(self, number: int) -> None:
        process = self.processes[number]
        process.join(_GRACE_SECONDS)
        code = process.exitcode
        how = f"exit code {code}"
        if code is not None and code < 0:
            how = f"signal {signal.Signals(-code).name}"
        raise WorkerDiedError(
            f"DataLoader worker {number} (process {process.pid}) exited unexpectedly with {how}; "
            f"its last was {self.last_sample(number)}. A kill often means that memory ran out: "
            "use fewer workers, smaller batches, or num_workers=0 to see the error itself"
        ) from None

    def drain(self) -> None:
        """Take what was read ahead and is not wanted, so that the workers can go on."""
        while self.waiting:
            self.receive()

    def stop(self) -> None:
        """End every worker and wait for its end."""
        for pipe in self.pipes:
            pipe.close()
        for process in self.processes:
            process.terminate()
        end = time.monotonic() + _GRACE_SECONDS
        for process in self.processes:
            process.join(max(0.0, end - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        self.pipes, self.processes = [], []


def context_of(choice: Any) -> Any:
    """The context of multiprocessing that is meant."""
    multiprocessing = import_module("multiprocessing")
    if not isinstance(choice, str):
        return choice
    names = multiprocessing.get_all_start_methods()
    if choice not in names:
        raise ArgumentError(
            f"multiprocessing_context should be one of {names} or a context, got {choice!r}"
        )
    return multiprocessing.get_context(choice)


# In the worker ------------------------------------------------------------------------------------


def work(pipe: Any, place: Any, number: int, parent: int, fixed: tuple[Any, ...]) -> None:
    """What a worker process does: take jobs, send batches or the error."""
    dataset, collate, introduce, count = fixed
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    place[0] = place[1] = -1
    jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=listen, args=(pipe, jobs, parent), daemon=True).start()
    seeded = None
    while True:
        at, job, seed, keyed = jobs.get()
        try:
            if seeded != seed:
                worker.info = WorkerInfo(number, count, seed + number, dataset)
                set_seeds(seed, number)
                if introduce is not None and seeded is None:
                    introduce(number)
                seeded = seed

            def started(position: int, at: int = at) -> None:
                place[0], place[1] = at, position

            key = (seed, at) if keyed else None
            answer = ("batch", fetch_keyed(dataset, job, collate, key, started))
            pipe.send(answer)
        except (BrokenPipeError, ConnectionResetError):
            os._exit(0)
        except Exception as error:
            send_error(pipe, error)


def listen(pipe: Any, jobs: Any, parent: int) -> None:
    """Take jobs from the pipe at once, so that neither side waits for the other to read; end the
    process when the parent is gone."""
    above = import_module("multiprocessing").parent_process()
    while True:
        try:
            if pipe.poll(0.5):
                jobs.put(pipe.recv())
                continue
        except (EOFError, OSError):
            os._exit(0)
        if os.getppid() != parent if parent else not above.is_alive():
            os._exit(0)


def send_error(pipe: Any, error: Exception) -> None:
    text = "".join(traceback.format_exception(error))
    try:
        pipe.send(("error", (type(error), text)))
    except Exception:  # a class that cannot be sent
        pipe.send(("error", (RuntimeError, text)))


def rebuilt(number: int, kind: type[Exception], text: str) -> Exception:
    """An error of the kind that the worker met, with its traceback and the sample in its text."""
    message = f"Caught {kind.__name__} in DataLoader worker process {number}.\nOriginal {text}"
    try:
        return kind(message)
    except Exception:  # a kind that wants other arguments
        return RuntimeError(message)
