"""Element-wise work on the result of a product or a convolution, done before its sums leave the
registers.

A group of loops that walks over such a result as it lies becomes the tail of what makes it where
nobody else needs that result, which is then never written: a bias and an activation, say. Where
the result is needed as well, as a gradient is beside the optimizer's update, a tail does not pay:
a tile writes a few short rows, and doing so in three arrays costs the first cache more than loops
of their own over what the second cache still holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from sangja.backend.native import epilogue
from sangja.backend.native.spec import REDUCE, Step
from sangja.backend.native.steps import COSTLY, Unsupported
from sangja.compile.graph import Node
from sangja.compile.kernels import NestBuilder
from sangja.compile.schedule import Scheduler
from sangja.compile.tasks import Call, Group, Place, root, short
from sangja.compile.views import Strided

MOST_STEPS = 24  # they are written out for every vector of a tile
REFUSED = {"gather", "index", *COSTLY, *REDUCE}  # ask where they are; are too long; are loops


@dataclass(frozen=True)
class Tail:
    """Steps on the sums of a call (the step "acc"), the places they read and write besides, and
    the group they were. `target`: where the call's own result goes instead of the sums."""

    steps: tuple[Step, ...]
    places: tuple[Place, ...]
    group: Group
    target: Place

    @property
    def operands(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """As the kernels take them: dtype and strides, along the dimensions of the result."""
        return tuple((short(p.buffer.dtype), p.strided.strides) for p in self.places)

    @property
    def roles(self) -> dict[str, Place]:
        """The places by the kernels' names for them."""
        return {f"e{i}": place for i, place in enumerate(self.places)}


def attach_tails(scheduler: Scheduler, kept: set[int]) -> None:
    """Give the products and convolutions of a schedule their tails; `kept`: buffers that somebody
    reads later."""
    for call in [t for t in scheduler.tasks if isinstance(t, Call) and takes_tails(t.nodes[0])]:
        result = call.writes[0].buffer
        if len(result.readers) != 1 or result.source is not None or id(result) in kept:
            continue
        (group,) = result.readers
        full = all(math.prod(p.strided.shape) for p in (*call.reads, *call.writes))
        if full and isinstance(group, Group) and short(result.dtype) in ("f4", "f8"):
            tail = tail_of(scheduler, call, group)
            if tail is not None:
                join(scheduler, call, tail)


def takes_tails(node: Node) -> bool:
    """Whether kernels compute it, and can do more with each result."""
    plane = node.op in ("conv", "conv_image") and len(node.shape) in (3, 4)
    return node.op == "matmul" or plane


def tail_of(scheduler: Scheduler, call: Call, group: Group) -> Tail | None:
    """A group as the tail of a call; None where it cannot be."""
    others = group.ancestors & ~call.bit
    if group.reduced is not None or group.folds or len(group.nodes) > MOST_STEPS:
        return None
    if any(t.bit & others and t.ancestors & call.bit for t in scheduler.tasks):
        return None  # it waits for somebody who waits for the call
    builder = NestBuilder(scheduler, group)
    builder.sinks()
    if any(step.op in REFUSED for step in builder.steps):
        return None
    places: list[Place] = []
    for buffer, offset, _, strides in builder.operands:
        seen = Strided(offset, group.domain, strides).reshape(call.nodes[0].shape)
        if seen is None or (group.domain != call.nodes[0].shape and call.nodes[0].op != "matmul"):
            return None
        places.append(Place(buffer, seen))
    return tail_from(call, group, builder.steps, places)


def tail_from(call: Call, group: Group, steps: list[Step], places: list[Place]) -> Tail | None:
    """The tail of these steps, or None where memory forbids it."""
    result = call.writes[0].buffer
    known: dict[tuple[int, Strided], int] = {}
    numbers = []  # of operands that are one memory, a single one
    for place in places:
        numbers.append(known.setdefault((id(root(place.buffer)), place.strided), len(known)))
    kept = dict(zip(numbers, places, strict=True))
    steps = [replace(s, operand=numbers[s.operand]) if s.operand >= 0 else s for s in steps]
    sums = [number for number, place in kept.items() if place.buffer is result]
    memory = [id(root(place.buffer)) for place in kept.values()]
    stored = {id(root(kept[s.operand].buffer)) for s in steps if s.op == "store"}
    if (
        len(sums) != 1
        or not alike(kept[sums[0]].strided, call.writes[0].strided)
        or stored & {id(root(place.buffer)) for place in call.reads}
        or any(memory.count(place) > 1 for place in stored)  # one memory, seen in two ways
    ):
        return None
    made = [Step("acc", (), s.dtype) if s.op == "load" and s.operand in sums else s for s in steps]
    made = in_turn(made)
    first = first_target(made, kept, call)
    if first is None:
        return None
    made.remove(first)
    made.append(Step("result", first.args, short(result.dtype)))
    used = sorted({s.operand for s in made if s.operand >= 0})
    made = [replace(s, operand=used.index(s.operand)) if s.operand >= 0 else s for s in made]
    try:
        epilogue.check(made)
    except Unsupported:
        return None
    return Tail(tuple(made), tuple(kept[n] for n in used), group, kept[first.operand])


def first_target(steps: list[Step], places: dict[int, Place], call: Call) -> Step | None:
    """A store that can take the place of the call's own: of the same dtype, and to memory that is
    not read here (a long reduction leaves parts of its sums there). Convolutions write densely."""
    loaded, own = {s.operand for s in steps if s.op == "load"}, call.writes[0]
    for step in steps:
        if step.op == "store" and step.operand not in loaded:
            place = places[step.operand]
            dense = alike(place.strided, own.strided)
            apart = call.nodes[0].op == "matmul" and 0 not in place.strided.strides
            if place.buffer.dtype == own.buffer.dtype and (dense or apart):
                return step
    return None


def alike(a: Strided, b: Strided) -> bool:
    """Whether two places are walked alike from the beginning of their memory."""
    pairs = zip(a.strides, b.strides, b.shape, strict=True)
    return a.offset == b.offset == 0 and all(x == y or n == 1 for x, y, n in pairs)


def in_turn(steps: list[Step]) -> list[Step]:
    """The steps with all stores last: a store may replace what a later step still reads."""
    order = [i for i, s in enumerate(steps) if s.op != "store"]
    place = {old: new for new, old in enumerate(order)}
    order += [i for i, s in enumerate(steps) if s.op == "store"]
    return [replace(steps[i], args=tuple(place[a] for a in steps[i].args)) for i in order]


def join(scheduler: Scheduler, call: Call, tail: Tail) -> None:
    """Let a call do the work of a group: it waits for what the group waited for, and those who
    waited for the group wait for it."""
    group, sums = tail.group, call.writes[0].buffer
    scheduler.tasks.remove(group)
    call.tail = tail
    for task in scheduler.tasks:
        if task.ancestors & group.bit:
            task.ancestors = task.ancestors & ~group.bit | call.bit
    call.ancestors |= group.ancestors & ~call.bit
    for task in scheduler.tasks:
        if task.ancestors & call.bit:
            task.ancestors |= call.ancestors
    call.reads += [p for p in group.reads if p.buffer is not sums and p not in call.reads]
    call.writes = [tail.target, *[p for p in group.writes if p.buffer is not tail.target.buffer]]
    for place in (*group.reads, *group.writes):
        for those in (place.buffer.readers, place.buffer.writers):
            if group in those:
                those[those.index(group)] = call


__all__ = ["Tail", "attach_tails"]
