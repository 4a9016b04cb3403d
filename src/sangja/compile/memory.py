"""One piece of memory for everything a step computes on its way: buffers whose lives do not meet
share the same bytes."""

from __future__ import annotations

import ctypes
from bisect import insort
from contextlib import suppress
from typing import Any

import numpy as np

from sangja.backend.native.eager import SCRATCH

ALIGN = 64


class Arena:
    """The memory and its size."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.block = np.zeros(size + ALIGN, np.uint8)
        start = -self.block.ctypes.data % ALIGN
        self.memory = self.block[start : start + size]
        self.base = self.memory.ctypes.data

    def address(self, buffer: Any) -> int:
        return int(self.base + buffer.offset)


def give_back() -> None:
    """Let the system have what recorded calls needed and freed: the C library keeps it otherwise,
    and the arena, whose pages are taken when they are first written, would come on top."""
    SCRATCH.drop()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # glibc only


def plan(parts: list[Any], scheduler: Any, kept: set[int]) -> Arena:
    """Give every buffer of the arena an offset: the lowest at which nothing lies that lives at the
    same time. The largest are placed first."""
    lives: dict[int, list[Any]] = {}
    last = len(parts)
    for position, part in enumerate(parts):
        buffers = [p.buffer for p in (*part.task.reads, *part.task.writes)]
        buffers += [b for _, pointers, _ in part.commands for b, _ in pointers]
        for buffer in buffers:
            while buffer.source is not None and hasattr(buffer.source, "writers"):
                buffer = buffer.source
            if buffer.source is None:
                life = lives.setdefault(id(buffer), [buffer, position, position])
                life[2] = max(life[2], position)
                if id(buffer) in kept:
                    life[2] = last
    taken: list[tuple[int, int, int, int]] = []  # offset, end, from, until; in order
    size = 0
    for buffer, begin, end in sorted(lives.values(), key=lambda life: -life[0].nbytes):
        length = -(-max(buffer.nbytes, 1) // ALIGN) * ALIGN
        offset = 0
        for low, high, start, stop in taken:
            if stop < begin or start > end:
                continue
            if low - offset >= length:
                break
            if high > offset:
                offset = high
        buffer.offset = offset
        insort(taken, (offset, offset + length, begin, end))
        size = max(size, offset + length)
    return Arena(size)
