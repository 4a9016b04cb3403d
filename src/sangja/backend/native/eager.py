"""Kernels for single operations: what eager mode calls where NumPy would be slower.

A `Routine` is a short program for operands of fixed shapes, made at its first use and kept. Small
operands stay with NumPy, whose call costs less; which way an operation goes depends on its
operands alone, so that a program gives the same numbers whenever it runs. The environment variable
`SANGJA_NATIVE=0` and `sangja.backends.native.enabled` leave everything to NumPy.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from sangja.backend.native import llvm
from sangja.backend.native.address import address_of
from sangja.backend.native.llvm import Kernel
from sangja.backend.native.team import Command, Program, get_num_threads
from sangja.core.settings import settings

Array = np.ndarray[Any, Any]
Stage = tuple[Kernel, tuple[str, ...], bool]  # with the names of its operands; True: one thread

KEPT = 64 << 20  # bytes of scratch memory that are not given back


def usable(*arrays: Any) -> bool:
    """Whether kernels may compute with these operands: NumPy's arrays of one float dtype."""
    if not settings.native:
        return False
    dtype = arrays[0].dtype if arrays[0].__class__ is np.ndarray else None
    return (
        dtype is not None
        and dtype.char in "fd"
        and all(a.__class__ is np.ndarray and a.dtype == dtype for a in arrays)
        and llvm.available()
    )


def whole(x: Array) -> Array:
    """The array, copied if its memory is not in order."""
    return x if x.flags.c_contiguous else np.ascontiguousarray(x)


class Scratch:
    """Memory between the stages of a routine, and who may use it: one routine at a time."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.buffer = np.empty(0, np.uint8)

    def address(self, nbytes: int) -> int:
        """Where so many bytes lie, aligned to a line of the cache; under the lock."""
        if self.buffer.nbytes < nbytes + 64:
            self.buffer = np.empty(nbytes + 64, np.uint8)
        return -(-self.buffer.ctypes.data // 64) * 64

    def give_back(self) -> None:
        if self.buffer.nbytes > KEPT:
            self.buffer = np.empty(0, np.uint8)

    def drop(self) -> None:
        """Give all of it back."""
        with self.lock:
            self.buffer = np.empty(0, np.uint8)


SCRATCH = Scratch()
if hasattr(os, "register_at_fork"):  # another thread of the parent may have held the lock
    os.register_at_fork(after_in_child=SCRATCH.__init__)  # type: ignore[misc]


class Routine:
    """Stages with names for their operands. `between`: bytes of those that are memory of the
    routine's own; `given`: arrays that are always the same; the others are passed in a call, in the
    order of `operands`."""

    def __init__(
        self,
        stages: Sequence[Stage],
        operands: Sequence[str],
        between: dict[str, int] | None = None,
        given: dict[str, Array] | None = None,
    ) -> None:
        self.given = given or {}
        offsets, self.nbytes = [], 0
        for size in (between or {}).values():
            offsets.append(self.nbytes)
            self.nbytes += -(-size // 64) * 64
        names = [*operands, *(between or {}), *self.given]
        slots = {name: i for i, name in enumerate(names)}
        self.scratch = list(enumerate(offsets, len(operands)))
        fixed = [address_of(a) for a in self.given.values()]
        self.program = Program(
            [Command(kernel, tuple(slots[n] for n in roles), one) for kernel, roles, one in stages],
            [0] * (len(names) - len(fixed)) + fixed,
        )
        self.serial = all(one for _, _, one in stages)

    def __call__(self, *arrays: Array, threads: int = 0) -> None:
        """Run it, on `threads` threads if a number is given."""
        with SCRATCH.lock:
            program = self.program
            for slot, array in enumerate(arrays):
                program.set_pointer(slot, address_of(array))
            if self.nbytes:
                start = SCRATCH.address(self.nbytes)
                for slot, offset in self.scratch:
                    program.set_pointer(slot, start + offset)
            program.run(1 if self.serial else threads or get_num_threads())
            SCRATCH.give_back()
