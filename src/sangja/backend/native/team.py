"""A list of kernels run by several threads as one program.

Every thread runs the same list; a kernel does the share of the thread that calls it, and where a
kernel needs what others made, all meet at a barrier. A step of a thousand kernels is so one call
from Python, and a meeting costs a tenth of a microsecond instead of the sixty of a Python hand-off.

Workers are Python threads that wait in native code, without the interpreter's lock: first spinning,
then giving their time slice away, and after about a millisecond without work they return and sleep
on an event, so that an idle program burns no core. Spinning is bounded everywhere: on a machine
with more threads than cores those that wait give way to those that work.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from sangja.backend.native.call import Call
from sangja.backend.native.driver import (
    CALLED,
    GENERATION,
    MEET,
    MOST,
    PARKED,
    SERIAL,
    TEXT,
    WORDS,
    YIELD,
)
from sangja.backend.native.llvm import Kernel, compile_kernel

LED_BY, LED = 1, 5  # which words of a call are the mailbox and the number of threads


@dataclass(frozen=True, slots=True)
class Command:
    """A kernel and the numbers of its pointers. `serial`: thread 0 alone runs it; `meet`: all
    threads wait for each other before it."""

    kernel: Kernel
    slots: tuple[int, ...]
    serial: bool = False
    meet: bool = True


@dataclass(frozen=True, slots=True)
class Driver:
    """The driver's functions as functions that Python can call; the lock is released inside."""

    run: Any
    lead: Any
    serve: Any


@functools.cache
def driver() -> Driver:
    pointer, word = ctypes.c_void_p, ctypes.c_int64
    run = ctypes.CFUNCTYPE(None, pointer, pointer, word, word, word)
    serve = ctypes.CFUNCTYPE(word, pointer, word, word)
    code = compile_kernel("run", TEXT).code  # which has the others too
    return Driver(
        run(code.address("run")),
        run(code.address("lead")),
        serve(code.address("serve")),
    )


@functools.cache
def yield_address() -> int:
    """The system's function that gives the rest of a time slice away."""
    if sys.platform == "win32":
        library, name = ctypes.windll.kernel32, "SwitchToThread"  # type: ignore[attr-defined]
    else:
        library, name = ctypes.CDLL(None), "sched_yield"
    return int(ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0)


class Team:
    """The threads of this process that run programs, and the mailbox through which they learn
    what to do. One program runs at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.door = threading.Lock()  # between going to sleep and being called
        self.box = np.zeros(WORDS, np.int64)
        self.box[YIELD] = yield_address()
        self.entries = self.box.data
        self.address = self.box.ctypes.data
        self.events: list[threading.Event] = []
        self.workers: list[threading.Thread] = []
        self.parted: dict[int, set[int]] = {}  # where who woke up elsewhere may run
        self.process = os.getpid()

    def hire(self, count: int) -> None:
        """See that there are `count` threads, with the one that calls."""
        while len(self.events) < count - 1:
            event = threading.Event()
            self.events.append(event)
            worker = threading.Thread(
                target=work,
                args=(self, len(self.events), event, int(self.box[GENERATION])),
                name=f"sangja-{len(self.events)}",
                daemon=True,
            )
            self.workers.append(worker)
            worker.start()

    def run(self, lead: Call, threads: int) -> None:
        """All commands of a program, on this and as many other threads as make `threads`."""
        box = self.entries
        with self.lock:
            self.hire(threads)
            lead.words[LED_BY], lead.words[LED] = self.address, threads
            try:
                with self.door:  # from now on nobody goes to sleep
                    box[CALLED] = 1
                    asleep = [n for n in range(1, threads) if box[PARKED + n]]
                for number in asleep:
                    self.parted[number] = part(self.workers[number - 1])
                    self.events[number - 1].set()
                lead.run()
            finally:
                box[CALLED] = 0


def work(team: Team, number: int, event: threading.Event, seen: int) -> None:
    """What a worker does: serve in native code, and sleep when there was nothing for a while."""
    box, serve = team.box, driver().serve
    while True:
        seen = serve(team.address, number, seen)
        with team.door:
            awake = bool(box[CALLED]) or box[GENERATION] != seen
            if not awake:
                event.clear()
                box[PARKED + number] = 1
        if not awake:
            event.wait()
            box[PARKED + number] = 0
            allowed = team.parted.pop(number, None)
            if allowed:
                with suppress(OSError):
                    os.sched_setaffinity(0, allowed)


@functools.cache
def own_processor() -> Any:
    """The system's function that says on which processor a thread runs; None where there is none,
    or a thread's place cannot be chosen."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    return getattr(ctypes.CDLL(None), "sched_getcpu", None)


def part(worker: threading.Thread) -> set[int]:
    """Let a worker that sleeps wake up on another processor than this thread's; returns where it
    may run afterwards, if that is to be restored.

    Where the system wakes it up on the same, each of the two waits for the other's time slice until
    the system parts them, some milliseconds later: longer than many programs take.
    """
    which, number = own_processor(), worker.native_id
    if which is not None and number is not None:
        with suppress(OSError):  # not everywhere may this be chosen
            allowed = os.sched_getaffinity(number)
            others = allowed - {which()}
            if others and others != allowed:
                os.sched_setaffinity(number, others)
                return allowed
    return set()


_teams: dict[int, Team] = {}


def team() -> Team:
    """The team of this process: a child after a fork gets one of its own."""
    mine = _teams.get(os.getpid())
    if mine is None:
        _teams.clear()
        mine = _teams[os.getpid()] = Team()
    return mine


class Program:
    """Commands with their pointers, ready to be run again and again."""

    def __init__(self, commands: Sequence[Command], pointers: Sequence[int]) -> None:
        self.commands = tuple(commands)
        self.pointers = list(pointers)
        sizes = [len(c.slots) for c in self.commands]
        self.args = np.zeros(max(sum(sizes), 1), np.uint64)
        self.entries = self.args.data
        self.table = np.zeros((max(len(self.commands), 1), 3), np.int64)
        self.places: dict[int, list[int]] = {}
        start = 0
        for row, command in zip(self.table, self.commands, strict=False):
            row[0] = command.kernel.address
            row[1] = self.args.ctypes.data + 8 * start
            row[2] = SERIAL * command.serial + MEET * command.meet
            for slot in command.slots:
                self.places.setdefault(slot, []).append(start)
                self.entries[start] = self.pointers[slot]
                start += 1
        about = 0, int(self.table.ctypes.data), len(self.commands), 0
        self.single = Call(driver().run, *about, 1)
        self.alone = self.single.run
        self.together = Call(driver().lead, *about, 0)
        one = len(self.commands) == 1
        self.serial = all(c.serial or (one and c.kernel.short) for c in self.commands)

    def set_pointer(self, slot: int, address: int) -> None:
        """Let a pointer lead elsewhere from the next run on."""
        if self.pointers[slot] != address:
            self.pointers[slot] = address
            for place in self.places.get(slot, ()):
                self.entries[place] = address

    def run(self, threads: int | None = None) -> None:
        """All commands, in order."""
        if self.serial or (threads or get_num_threads()) == 1:
            self.alone()
        else:
            team().run(self.together, threads or get_num_threads())


# -- how many threads -----------------------------------------------------------------------------


@dataclass(slots=True)
class Choice:
    """How many threads programs use; 0: not chosen yet."""

    threads: int = 0


_choice = Choice()


def default_threads() -> int:
    """`OMP_NUM_THREADS` if it is set, else the processors this process may use; at most `MOST`."""
    given = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if given.isdigit() and int(given) > 0:
        return min(int(given), MOST)
    if hasattr(os, "sched_getaffinity"):
        return min(max(1, len(os.sched_getaffinity(0))), MOST)
    return min(os.cpu_count() or 1, MOST)


def get_num_threads() -> int:
    """How many threads a compiled program runs on."""
    if not _choice.threads:
        _choice.threads = default_threads()
    return _choice.threads


def set_num_threads(count: int) -> None:
    """Choose how many threads compiled programs run on."""
    _choice.threads = min(count, MOST)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_teams.clear)

__all__ = ["Command", "Program", "get_num_threads", "set_num_threads"]
