"""Recurrent layers: the products and the gates of all steps as one program.

A step of NumPy makes a dozen calls on arrays that fit into the nearest cache; here it is two
kernels, a product that adds what the input contributes and a nest with the gates, and one call runs
all steps. Kernels know the batch and the width alone, so that sequences of every length share them.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from sangja.backend.native import matmul
from sangja.backend.native.address import address_of
from sangja.backend.native.eager import SCRATCH, Array, usable, whole
from sangja.backend.native.llvm import Kernel
from sangja.backend.native.nest import build
from sangja.backend.native.norms import Steps, short
from sangja.backend.native.spec import Gemm, Nest, Operand, Step
from sangja.backend.native.team import Command, Program, get_num_threads
from sangja.backend.native.turn import turn

ENOUGH = 2048  # numbers in all states from which kernels are worth their making
SMALL = 4096  # numbers in one state below which other threads are not worth their call
BLOCKS = 32  # pieces of the samples
Place = tuple[str, int]  # an array, by its name, and how many of its numbers come before


class Walk:
    """A program whose kernels walk through arrays: each operand is a `Place`. `room`: the numbers
    of the arrays "work" and "turned", which are the program's own."""

    def __init__(
        self,
        stages: Sequence[tuple[Kernel, Sequence[Place], bool]],
        names: Sequence[str],
        dtype: str,
        room: dict[str, int],
        given: dict[str, Array],
    ) -> None:
        self.given = given
        size = np.dtype(dtype).itemsize
        order = [*names, *room, *given]
        self.starts, self.nbytes = [], 0
        for count in room.values():
            self.starts.append(self.nbytes)
            self.nbytes += -(-count * size // 64) * 64
        places = [place for _, operands, _ in stages for place in operands]
        self.which = np.array([order.index(name) for name, _ in places])
        self.offsets = np.array([size * before for _, before in places], np.uint64)
        commands, slot = [], 0
        for kernel, operands, alone in stages:
            commands.append(Command(kernel, tuple(range(slot, slot + len(operands))), alone))
            slot += len(operands)
        self.program = Program(commands, [0] * slot)

    def __call__(self, *arrays: Array) -> None:
        with SCRATCH.lock:
            start = SCRATCH.address(self.nbytes)
            bases = [*map(address_of, arrays)] + [start + offset for offset in self.starts]
            bases += map(address_of, self.given.values())
            np.add(np.array(bases, np.uint64)[self.which], self.offsets, out=self.program.args)
            self.program.run(get_num_threads())
            SCRATCH.give_back()


def product_stages(
    plan: matmul.Plan, places: dict[str, Place], first: bool
) -> list[tuple[Kernel, list[Place], bool]]:
    """The stages of a product, with places for its roles; B is packed the `first` time only."""
    return [
        (kernel, [places[role] for role in roles], alone)
        for kernel, roles, alone in plan.stages
        if first or roles != ("b", "work")
    ]


def widening(
    samples: int, wide: int, width: int, dtype: str, added: tuple[int, int] | None
) -> matmul.Plan:
    """The product of a state with turned weights, and what is added to it, with those strides."""
    epilogue: tuple[Step, ...] = ()
    operands: tuple[Any, ...] = ()
    if added is not None:
        load = Step("load", (), dtype, 0)
        epilogue = (Step("acc", (), dtype), load, Step("add", (0, 1), dtype))
        operands = ((dtype, added),)
    return matmul.plan(
        Gemm(
            (), samples, wide, width, (width, 1), (wide, 1), (wide, 1), dtype, False, epilogue,
            operands,
        )
    )  # fmt: skip


def gates_at(name: str, step: int, samples: int, width: int, count: int) -> list[Place]:
    """Where each gate of a step begins."""
    return [(name, (step * samples * count + i) * width) for i in range(count)]


def numbers_before(name: str, step: int, size: int, first: str) -> Place:
    """What the step before left in `name`, and before the first one in `first`."""
    return (name, (step - 1) * size) if step else (first, 0)


# -- long short-term memory ---------------------------------------------------------------------


def lstm(x: Any, h: Any, c: Any, w: Any) -> tuple[Array, Array, Array] | None:
    """h, c and gates of all steps, as `LSTMSteps` has them; None if NumPy is to compute them."""
    if not fitting(x, h, w, c):
        return None
    steps, (samples, width) = len(x), h.shape
    hs = np.empty((steps, samples, width), x.dtype)
    cs, gates = np.empty_like(hs), np.empty((steps, samples, 4 * width), x.dtype)
    made = lstm_walk(steps, samples, width, short(x))
    made(*map(whole, (x, h, c, w)), hs, cs, gates)
    return hs, cs, gates


def fitting(x: Any, h: Any, w: Any, *others: Any) -> bool:
    """Whether kernels may compute a layer of these operands, and should."""
    return (
        x.__class__ is np.ndarray
        and x.ndim == 3
        and len(x) * h.size >= ENOUGH
        and usable(x, h, w, *others)
        and h.shape == (x.shape[1], w.shape[1])
        and w.shape[0] == x.shape[2]
    )


@functools.lru_cache(maxsize=64)
def lstm_walk(steps: int, samples: int, width: int, dtype: str) -> Walk:
    """Operands x, h, c, w, hs, cs, gates."""
    wide, state = 4 * width, samples * width
    plan = widening(samples, wide, width, dtype, (wide, 1))
    room = {"work": plan.workspace // np.dtype(dtype).itemsize, "turned": wide * width}
    sizes = {"sizes": np.array([1, wide, width], np.int64)}
    stages: list[Any] = [(turn(dtype), [("w", 0), ("turned", 0), ("sizes", 0)], state < SMALL)]
    kernel = lstm_gates(samples, width, dtype)
    for t in range(steps):
        here, long = t * state, t * samples * wide
        places = {
            "a": numbers_before("hs", t, state, "h"), "b": ("turned", 0), "c": ("gates", long),
            "e0": ("x", long), "work": ("work", 0),
        }  # fmt: skip
        stages += product_stages(plan, places, not t)
        operands = gates_at("gates", t, samples, width, 4)
        operands += [numbers_before("cs", t, state, "c"), ("cs", here), ("hs", here)]
        stages.append((kernel, operands, state < SMALL))
    return Walk(stages, ("x", "h", "c", "w", "hs", "cs", "gates"), dtype, room, sizes)


class Slopes(Steps):
    """Steps of derivatives."""

    def times(self, x: int, y: int) -> int:
        return self("multiply", x, y)

    def rest(self, x: int) -> int:
        """1 − x."""
        return self("subtract", self("const", value=1), x)

    def bend(self, s: int) -> int:
        """The slope of σ where its value is s."""
        return self.times(s, self.rest(s))

    def bend_tanh(self, s: int) -> int:
        return self.rest(self.times(s, s))


def over_states(samples: int, width: int, strides: Sequence[int], steps: Steps) -> Kernel:
    """A kernel over the numbers of a state, of operands with such distances of their rows."""
    operands = tuple(Operand(steps.dtype, (stride,), (1,)) for stride in strides)
    blocks = min(BLOCKS, samples)
    return build(Nest((samples,), (width,), operands, tuple(steps.steps), blocks))


def lstm_gates(samples: int, width: int, dtype: str) -> Kernel:
    """The kernel of one step: gates i, f, n, o, in place; c before, c, h."""
    steps = Steps(dtype)
    i, f, n, o = (steps("tanh" if k == 2 else "sigmoid", steps.load(k)) for k in range(4))
    c = steps("add", steps("multiply", f, steps.load(4)), steps("multiply", n, i))
    h = steps("multiply", o, steps("tanh", c))
    for operand, value in enumerate((i, f, n, o)):
        steps.store(value, operand)
    steps.store(c, 5)
    steps.store(h, 6)
    return over_states(samples, width, (4 * width,) * 4 + (width,) * 3, steps)


def lstm_gradients(
    gh: Any, gc: Any, own: Any, c: Any, w: Any, cs: Any, gates: Any
) -> tuple[Array, Array, Array] | None:
    """The gradients of x and of the first h and c, from those of h, c and the gates of all steps
    (None: zeros); None if NumPy is to compute them."""
    given = [g for g in (gc, own) if g is not None]
    if not fitting(gates, c, w, gh, cs, *given):
        return None
    steps, (samples, width) = len(gh), c.shape
    dx = np.empty((steps, samples, 4 * width), gh.dtype)
    dh, dc = np.zeros_like(c, order="C"), np.zeros_like(c, order="C")
    made = lstm_return(steps, samples, width, short(gh), gc is not None, own is not None)
    made(*map(whole, (gh, *given, c, w, cs, gates)), dx, dh, dc)
    return dx, dh, dc


@functools.lru_cache(maxsize=64)
def lstm_return(
    steps: int, samples: int, width: int, dtype: str, with_c: bool, with_gates: bool
) -> Walk:
    """Operands gh, (gc), (own), c, w, cs, gates, dx, dh, dc."""
    wide, state = 4 * width, samples * width
    product = Gemm((), samples, width, wide, (wide, 1), (width, 1), (width, 1), dtype)
    plan = matmul.plan(product)
    room = {"work": plan.workspace // np.dtype(dtype).itemsize}
    kernel = lstm_slopes(samples, width, dtype, with_c, with_gates)
    stages: list[Any] = []
    for t in reversed(range(steps)):
        here, long = t * state, t * samples * wide
        operands = gates_at("gates", t, samples, width, 4)
        operands += [("cs", here), numbers_before("cs", t, state, "c"), ("gh", here)]
        operands += [("dh", 0), ("dc", 0), *gates_at("dx", t, samples, width, 4)]
        operands += [("gc", here)] * with_c
        operands += gates_at("own", t, samples, width, 4) if with_gates else []
        stages.append((kernel, operands, state < SMALL))
        places = {"a": ("dx", long), "b": ("w", 0), "c": ("dh", 0), "work": ("work", 0)}
        stages += product_stages(plan, places, t == steps - 1)
    names = ["gh", *["gc"] * with_c, *["own"] * with_gates, "c", "w", "cs", "gates"]
    return Walk(stages, (*names, "dx", "dh", "dc"), dtype, room, {})


def lstm_slopes(samples: int, width: int, dtype: str, with_c: bool, with_gates: bool) -> Kernel:
    """The kernel of one step back: gates i, f, n, o; c; c before; gh; dh; dc, in place; the parts
    of dx; gc; the gates' own gradients."""
    steps = Slopes(dtype)
    times, bend, bend_tanh = steps.times, steps.bend, steps.bend_tanh
    i, f, n, o, c, before = map(steps.load, range(6))
    shown = steps("tanh", c)
    dh = steps("add", steps.load(6), steps.load(7))
    dc = steps("add", steps.load(8), times(dh, times(o, bend_tanh(shown))))
    if with_c:
        dc = steps("add", dc, steps.load(13))
    parts = [times(dc, n), times(dc, before), times(dc, i), times(dh, shown)]
    slopes = [bend(i), bend(f), bend_tanh(n), bend(o)]
    for k, (part, slope) in enumerate(zip(parts, slopes, strict=True)):
        if with_gates:
            part = steps("add", part, steps.load(13 + with_c + k))
        steps.store(times(part, slope), 9 + k)
    steps.store(times(dc, f), 8)
    strides = (4 * width,) * 4 + (width,) * 5 + (4 * width,) * 4
    return over_states(
        samples, width, strides + (width,) * with_c + (4 * width,) * 4 * with_gates, steps
    )


# -- gated recurrent units ----------------------------------------------------------------------


def gru(x: Any, h: Any, w: Any, b: Any) -> tuple[Array, Array, Array] | None:
    """h, gates and offers of all steps, as `GRUSteps` has them; None if NumPy is to compute
    them."""
    given = () if b is None else (b,)
    if not fitting(x, h, w, *given):
        return None
    steps, (samples, width) = len(x), h.shape
    hs = np.empty((steps, samples, width), x.dtype)
    gates, offers = np.empty((steps, samples, 3 * width), x.dtype), np.empty_like(hs)
    made = gru_walk(steps, samples, width, short(x), b is not None)
    made(*map(whole, (x, h, w, *given)), hs, gates, offers)
    return hs, gates, offers


@functools.lru_cache(maxsize=64)
def gru_walk(steps: int, samples: int, width: int, dtype: str, biased: bool) -> Walk:
    """Operands x, h, w, (b), hs, gates, offers."""
    wide, state = 3 * width, samples * width
    plan = widening(samples, wide, width, dtype, (0, 1) if biased else None)
    room = {
        "work": plan.workspace // np.dtype(dtype).itemsize,
        "turned": wide * width,
        "q": samples * wide,
    }
    sizes = {"sizes": np.array([1, wide, width], np.int64)}
    stages: list[Any] = [(turn(dtype), [("w", 0), ("turned", 0), ("sizes", 0)], state < SMALL)]
    kernel = gru_gates(samples, width, dtype)
    for t in range(steps):
        before, here = numbers_before("hs", t, state, "h"), t * state
        places = {
            "a": before, "b": ("turned", 0), "c": ("q", 0), "e0": ("b", 0), "work": ("work", 0),
        }  # fmt: skip
        stages += product_stages(plan, places, not t)
        operands = gates_at("x", t, samples, width, 3) + gates_at("q", 0, samples, width, 3)
        operands += [before, *gates_at("gates", t, samples, width, 3)]
        operands += [("offers", here), ("hs", here)]
        stages.append((kernel, operands, state < SMALL))
    names = ["x", "h", "w", *["b"] * biased, "hs", "gates", "offers"]
    return Walk(stages, names, dtype, room, sizes)


def gru_gates(samples: int, width: int, dtype: str) -> Kernel:
    """The kernel of one step: the parts r, z, n of x and of q; h before; gates, offers and h."""
    steps = Steps(dtype)
    r, z = (steps("sigmoid", steps("add", steps.load(k), steps.load(3 + k))) for k in range(2))
    offer, before = steps.load(5), steps.load(6)
    n = steps("tanh", steps("add", steps("multiply", r, offer), steps.load(2)))
    h = steps("add", steps("multiply", steps("subtract", before, n), z), n)
    for operand, value in enumerate((r, z, n, offer, h), 7):
        steps.store(value, operand)
    wide = 3 * width
    return over_states(samples, width, (wide,) * 6 + (width,) + (wide,) * 3 + (width,) * 2, steps)


def gru_gradients(
    gh: Any, own: Any, offered: Any, h: Any, w: Any, hs: Any, gates: Any, offers: Any
) -> tuple[Array, Array, Array] | None:
    """The gradients of x, of the first h and of q, from those of h, gates and offers of all steps;
    None if NumPy is to compute them, as it does for own gradients of gates and offers."""
    if own is not None or offered is not None or not fitting(gates, h, w, gh, hs, offers):
        return None
    steps, (samples, width) = len(gh), h.shape
    dx = np.empty((steps, samples, 3 * width), gh.dtype)
    dh, dq = np.zeros_like(h, order="C"), np.empty_like(dx)
    made = gru_return(steps, samples, width, short(gh))
    made(*map(whole, (gh, h, w, hs, gates, offers)), dx, dh, dq)
    return dx, dh, dq


@functools.lru_cache(maxsize=64)
def gru_return(steps: int, samples: int, width: int, dtype: str) -> Walk:
    """Operands gh, h, w, hs, gates, offers, dx, dh, dq."""
    wide, state = 3 * width, samples * width
    plan = matmul.plan(
        Gemm((), samples, width, wide, (wide, 1), (width, 1), (width, 1), dtype, True)
    )
    room = {"work": plan.workspace // np.dtype(dtype).itemsize}
    kernel = gru_slopes(samples, width, dtype)
    stages: list[Any] = []
    for t in reversed(range(steps)):
        here = t * state
        operands = gates_at("gates", t, samples, width, 3)
        operands += [numbers_before("hs", t, state, "h"), ("offers", here), ("gh", here), ("dh", 0)]
        operands += gates_at("dx", t, samples, width, 3) + gates_at("dq", t, samples, width, 3)
        stages.append((kernel, operands, state < SMALL))
        places = {"a": ("dq", t * samples * wide), "b": ("w", 0), "c": ("dh", 0)}
        stages += product_stages(plan, {**places, "work": ("work", 0)}, t == steps - 1)
    names = ("gh", "h", "w", "hs", "gates", "offers", "dx", "dh", "dq")
    return Walk(stages, names, dtype, room, {})


def gru_slopes(samples: int, width: int, dtype: str) -> Kernel:
    """The kernel of one step back: gates r, z, n; h before; offers; gh; dh, in place, to which the
    product adds; the parts of dx; those of dq."""
    steps = Slopes(dtype)
    times = steps.times
    r, z, n, before, offer = map(steps.load, range(5))
    dh = steps("add", steps.load(5), steps.load(6))
    dn = times(dh, times(steps.rest(z), steps.bend_tanh(n)))
    dz = times(dh, times(steps("subtract", before, n), steps.bend(z)))
    dr = times(dn, times(offer, steps.bend(r)))
    steps.store(times(dh, z), 6)
    for operand, value in enumerate((dr, dz, dn, dr, dz, times(dn, r)), 7):
        steps.store(value, operand)
    wide = 3 * width
    return over_states(samples, width, (wide,) * 3 + (width,) * 4 + (wide,) * 6, steps)
