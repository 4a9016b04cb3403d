"""What a value in memory drags along: all virtual values it is made of, seen from one group."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sangja.backend.native.steps import COSTLY
from sangja.compile.graph import Node
from sangja.compile.tasks import (
    Group,
    Place,
    at_domain,
    default_order,
    inputs_of,
    mapping,
    natural,
    order_of,
    over,
)
from sangja.compile.views import Path, Strided, contiguous

if TYPE_CHECKING:
    from sangja.compile.schedule import Scheduler

CHEAP = 5  # up to so many operations are done again in another group rather than stored
MOST_STEPS = 240  # of a kernel: above, LLVM takes too long


class Closure:
    """A root and everything virtual that it is made of, as seen from one group.

    `members`: the nodes that would be computed there, with their strides over the domain;
    `loads`: what would be read from memory (it is computed and stored by others, if need be).
    """

    def __init__(
        self, scheduler: Scheduler, root: Node, domain: tuple[int, ...], group: Group
    ) -> None:
        self.scheduler = scheduler
        self.domain = domain
        self.group = group
        self.members: dict[int, tuple[Node, tuple[int, ...]]] = {}
        self.loads: list[Place] = []
        self.shown: list[Strided] = []
        self.possible = True
        if root.reduction:
            if root.inputs[0].shape != domain:
                self.possible = False
                return
            self.members[root.number] = (root, ())
            self.follow(root.inputs[0], root.inputs[0].shape, mapping(domain, domain))
        else:
            where = over(Strided(0, root.shape, contiguous(root.shape)), domain)
            if where is None:
                self.possible = False
                return
            self.enter(root, where)

    def enter(self, node: Node, where: tuple[int, ...]) -> None:
        """Make a virtual node a member."""
        if node.number in self.members or len(self.members) > MOST_STEPS:
            return
        self.members[node.number] = (node, where)
        for x, path, shape in inputs_of(node):
            self.follow(x, shape, where, path)
        if node.op == "take":
            self.loads.append(self.scheduler.place(node.inputs[0]))

    def follow(
        self, x: Node, shape: tuple[int, ...], where: tuple[int, ...], path: Path = ()
    ) -> None:
        """An input of a member of `shape` that lies at `where`."""
        s = self.scheduler
        base, path = (x.inputs[0], (*x.params[0], *path)) if x.op == "view" else (x, path)
        if base.op == "constant" and base.size == 1:
            return
        if base.number not in s.places and (base.one_by_one or base.op == "take" or base.reduction):
            at = at_domain(Strided(0, base.shape, contiguous(base.shape)), path, shape, where,
                           self.domain)  # fmt: skip
            known = self.group.maps.get(base.number)
            if base.number in self.members:
                known = self.members[base.number][1]
            if known is not None:
                if at == known:
                    return
            elif (
                at is not None
                and at == natural(base.size, at, self.domain)
                and self.takes(base, s.owner.get(base.number))
            ):
                self.enter(base, at)
                return
        place, lifted = s.lifted(s.look(s.place(base), path), shape, where, self.domain)
        self.loads.append(place)
        if place.buffer.source is None or not self.shown:
            self.shown.append(Strided(0, self.domain, lifted))

    def takes(self, base: Node, owner: Group | None) -> bool:
        """Whether a node not in memory is computed in this group."""
        full = base.size == math.prod(self.domain)
        if base.reduction:
            return False
        if owner is not None:  # another group has it: again, if that is cheap
            return full and cheap(self.scheduler, base)
        return full or base.size == 1 or self.row_derived(base)

    def row_derived(self, node: Node) -> bool:
        """Whether a smaller value is made of what this group's reductions leave, so that it can be
        a value of its rows."""
        stack, seen = [node], set()
        while stack:
            n = stack.pop()
            if n.number in seen:
                continue
            seen.add(n.number)
            if n.number in self.group.maps:
                return True
            if n.number not in self.scheduler.places and n.number not in self.scheduler.owner:
                stack.extend(n.inputs)
        return False

    def order(self) -> tuple[int, ...]:
        """The order of a new group's loops: that of most of its inputs that the program makes, the
        last ones if that leaves a choice, else of any input."""
        found = [
            order_of(s)
            for s in self.shown
            if all(a or n == 1 for a, n in zip(s.strides, self.domain, strict=True))
        ]
        if not found:
            return default_order(self.domain)
        return max(reversed(found), key=found.count)


def cheap(s: Scheduler, node: Node) -> bool:
    """Whether a value is computed again rather than stored: few cheap operations on few arrays."""
    count, leaves = 0, set()
    stack = [node]
    while stack:
        n = stack.pop()
        if n.number in s.places:
            if n.size > 1:
                leaves.add(n.number)
            continue
        if n.op == "view":
            base = n.inputs[0]
            if base.number in s.places or base.op == "constant":
                leaves.add(base.number)
                continue
            stack.append(base)
            continue
        if n.op in COSTLY or n.op == "take" or n.reduction or n.op in ("put", "empty"):
            if n.reduction and n.size < node.size:
                leaves.add(n.number)
                continue
            return False
        if n.size < node.size:
            if n.inputs:
                leaves.add(n.number)
            continue
        count += 1
        if count > CHEAP:
            return False
        stack.extend(n.inputs)
    return len(leaves) <= 4
