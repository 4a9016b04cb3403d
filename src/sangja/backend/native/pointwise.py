"""Curves of single numbers that NumPy makes of many passes: erf, and gelu with its derivative.

One kernel serves arrays of every length: it does a piece of fixed length, and the last piece of an
array begins as much earlier as it would reach beyond the end.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from sangja.backend.native.address import address_of
from sangja.backend.native.eager import SCRATCH, Array, usable, whole
from sangja.backend.native.nest import build
from sangja.backend.native.norms import Steps
from sangja.backend.native.spec import Nest, Operand
from sangja.backend.native.team import Command, Program, get_num_threads

PIECE = 16384  # elements from which a kernel is worth its call, and that it does at a time
LARGE = 262144  # the same of arrays that are longer than this
COLUMNS = 4096
ROOT_HALF = math.sqrt(0.5)


def erf(x: Any) -> Array | None:
    """erf x, float32; None if NumPy is to compute it."""
    return curve("erf", x)


def gelu(x: Any) -> Array | None:
    """½ x (1 + erf(x / √2)), float32; None if NumPy is to compute it."""
    return curve("gelu", x)


def gelu_gradient(g: Any, x: Any) -> Array | None:
    """g times the derivative of gelu at x; None if NumPy is to compute it."""
    return curve("gelu_gradient", x, g)


def curve(name: str, x: Any, *others: Any) -> Array | None:
    if x.__class__ is not np.ndarray or x.size < PIECE or x.dtype != np.float32:
        return None
    if not usable(x, *others) or any(a.shape != x.shape for a in others):
        return None
    out = np.empty(x.shape, x.dtype)
    arrays = [*map(whole, (x, *others)), out]
    piece = PIECE if x.size < LARGE else LARGE
    starts = [*range(0, x.size - piece, piece), x.size - piece]
    with SCRATCH.lock:
        program = pieces(name, piece, len(starts), len(arrays))
        slot = 0
        for start in starts:
            for array in arrays:
                program.set_pointer(slot, address_of(array) + 4 * start)
                slot += 1
        program.run(get_num_threads())
    return out


@functools.lru_cache(maxsize=256)
def pieces(name: str, piece: int, count: int, operands: int) -> Program:
    """A program of `count` pieces, with pointers of their own."""
    rows = piece // COLUMNS
    nest = Nest(
        (rows,), (COLUMNS,), (Operand("f4", (COLUMNS,), (1,)),) * operands,
        tuple(CURVES[name]().steps), rows,
    )  # fmt: skip
    kernel = build(nest)
    commands = [
        Command(kernel, tuple(range(i * operands, (i + 1) * operands)), False, False)
        for i in range(count)
    ]
    return Program(commands, [0] * (operands * count))


def erf_steps() -> Steps:
    steps = Steps("f4")
    steps.store(steps("erf", steps.load(0)), 1)
    return steps


def below(steps: Steps, x: int) -> int:
    """Φ(x) = ½ (1 + erf(x / √2)): how much of the normal distribution lies below x."""
    curve = steps("erf", steps("multiply", x, steps("const", value=ROOT_HALF)))
    raised = steps("add", curve, steps("const", value=1.0))
    return steps("multiply", raised, steps("const", value=0.5))


def gelu_steps() -> Steps:
    steps = Steps("f4")
    x = steps.load(0)
    steps.store(steps("multiply", x, below(steps, x)), 1)
    return steps


def gelu_gradient_steps() -> Steps:
    """g (Φ(x) + x φ(x)), φ being the density of the normal distribution."""
    steps = Steps("f4")
    x, g = steps.load(0), steps.load(1)
    exponent = steps("multiply", steps("multiply", x, x), steps("const", value=-0.5))
    scale = steps("const", value=ROOT_HALF / math.sqrt(math.pi))
    density = steps("multiply", steps("exp", exponent), scale)
    slope = steps("add", below(steps, x), steps("multiply", x, density))
    steps.store(steps("multiply", g, slope), 2)
    return steps


CURVES = {"erf": erf_steps, "gelu": gelu_steps, "gelu_gradient": gelu_gradient_steps}
