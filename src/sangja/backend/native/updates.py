"""The rules of Adam and SGD over long arrays: one pass, where NumPy makes a dozen.

The operations and their order are those of the rules in `optim`, so that the numbers are the same
to the bit. A kernel does pieces of fixed length; what is left at the end is NumPy's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from sangja.backend.native.address import address_of
from sangja.backend.native.eager import SCRATCH, Array, usable
from sangja.backend.native.nest import build
from sangja.backend.native.norms import Steps, short
from sangja.backend.native.pointwise import COLUMNS
from sangja.backend.native.spec import Nest, Operand
from sangja.backend.native.team import Command, Program, get_num_threads

ENOUGH = 131072  # elements from which a kernel is worth its call
PIECE = 65536  # that it does at a time


def run(name: str, arrays: tuple[Any, ...], numbers: tuple[float, ...]) -> int:
    """Apply a rule of `RULES` to the first elements of `arrays`, in place; `numbers` are what it
    reads beside them. Returns how many elements are done: 0 if NumPy is to do all."""
    first = arrays[0]
    if first.__class__ is not np.ndarray or first.size < ENOUGH or not usable(*arrays):
        return 0
    if not all(a.flags.c_contiguous and a.shape == first.shape for a in arrays):
        return 0
    count = first.size // PIECE
    settings = np.array(numbers, first.dtype)
    with SCRATCH.lock:
        program = pieces(name, short(first), count, len(arrays))
        slot = 0
        for start in range(0, count * PIECE * first.itemsize, PIECE * first.itemsize):
            for array in arrays:
                program.set_pointer(slot, address_of(array) + start)
                slot += 1
        for i in range(len(numbers)):
            program.set_pointer(slot + i, address_of(settings) + i * first.itemsize)
        program.run(get_num_threads())
    return count * PIECE


def rest(arrays: tuple[Array, ...], done: int) -> tuple[Array, ...]:
    """Views of what comes after the first elements."""
    return tuple(a.reshape(-1)[done:] for a in arrays)


@functools.lru_cache(maxsize=256)
def pieces(name: str, dtype: str, count: int, operands: int) -> Program:
    """A program of `count` pieces, with pointers of their own, and one to the numbers."""
    rows, steps = PIECE // COLUMNS, Steps(dtype)
    numbers = RULES[name](steps)
    walked = (Operand(dtype, (COLUMNS,), (1,)),) * operands
    single = (Operand(dtype, (0,), (0,)),) * numbers
    kernel = build(Nest((rows,), (COLUMNS,), walked + single, tuple(steps.steps), rows))
    own = operands * count
    commands = [
        Command(
            kernel, (*range(i * operands, (i + 1) * operands), *range(own, own + numbers)),
            False, False,
        )
        for i in range(count)
    ]  # fmt: skip
    return Program(commands, [0] * (own + numbers))


def adam(steps: Steps) -> int:
    """Operands p, m, v, g; numbers 1 − lr · decay, 1 − β₁, β₂, 1 − β₂, √(1 − β₂ᵗ), ε and
    lr / (1 − β₁ᵗ). Returns how many numbers there are."""
    p, m, v, g = (steps.load(i) for i in range(4))
    shrink, toward, keep, add, root, eps, rate = (steps.load(i) for i in range(4, 11))
    p = steps("multiply", p, shrink)
    m = steps("add", m, steps("multiply", steps("subtract", g, m), toward))
    square = steps("multiply", steps("multiply", g, g), add)
    v = steps("add", steps("multiply", v, keep), square)
    below = steps("add", steps("divide", steps("sqrt", v), root), eps)
    p = steps("subtract", p, steps("multiply", steps("divide", m, below), rate))
    for value, operand in ((p, 0), (m, 1), (v, 2)):
        steps.store(value, operand)
    return 7


def momentum(steps: Steps) -> int:
    """Operands p, velocity, g; numbers decay, momentum and lr. Returns how many numbers."""
    p, velocity, g = (steps.load(i) for i in range(3))
    decay, keep, rate = (steps.load(i) for i in range(3, 6))
    g = steps("add", g, steps("multiply", p, decay))
    velocity = steps("add", steps("multiply", velocity, keep), g)
    steps.store(steps("subtract", p, steps("multiply", velocity, rate)), 0)
    steps.store(velocity, 1)
    return 3


RULES: dict[str, Callable[[Steps], int]] = {"adam": adam, "momentum": momentum}
