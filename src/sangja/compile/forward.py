"""Values brought forward: computed where what they are made of is at hand, rather than later.

The derivative of x · Φ(x) needs Φ(x) + x · φ(x), which takes x and Φ(x). Computed on the way back,
it keeps both in memory until then; computed on the way there, where both are in registers, it keeps
one. So when a new group would read several values of an earlier one, what it makes of them alone is
computed by the earlier group, if that leaves less in memory between the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sangja.compile.closure import Closure, cheap
from sangja.compile.graph import Node
from sangja.compile.tasks import Group, inputs_of, mapping

if TYPE_CHECKING:
    from sangja.compile.schedule import Scheduler


def bring_forward(s: Scheduler, root: Node, group: Group, closure: Closure) -> None:
    """Let `group`, which `root` cannot join, compute and store of the closure what pays."""
    early = computable(s, group, closure)
    if not early:
        return
    members = closure.members
    late = [node for number, (node, _) in members.items() if number not in early]
    for node in late:
        for x in bases(node):
            if x.number in early and pays(s, root, x, group, early):
                part = Closure(s, x, group.domain, group)
                if s.may_join(group, part, group.domain, None):
                    s.join(group, part)
                    s.places[x.number] = s.store(group, x, None)


def computable(s: Scheduler, group: Group, closure: Closure) -> set[int]:
    """The members of a closure that need nothing which comes after the group."""
    early: set[int] = set()
    full = mapping(closure.domain, closure.domain)
    for number in sorted(closure.members):
        node, where = closure.members[number]
        if (
            node.one_by_one
            and where == full
            and all(at_hand(s, x, group, early) for x in bases(node))
        ):
            early.add(number)
    return early


def bases(node: Node) -> list[Node]:
    """What a node takes, without the looks at it."""
    return [x.inputs[0] if x.op == "view" else x for x, _, _ in inputs_of(node)]


def at_hand(s: Scheduler, x: Node, group: Group, early: set[int]) -> bool:
    """Whether the group has a value, or can have it without waiting for those after it."""
    if (x.op == "constant" and x.size == 1) or x.number in group.maps or x.number in early:
        return True
    place = s.places.get(x.number)
    return place is not None and not any(
        task is group or task.ancestors & group.bit for task in place.buffer.writers
    )


def pays(s: Scheduler, root: Node, value: Node, group: Group, early: set[int]) -> bool:
    """Whether storing a value spares more than it takes: those it is made of that nobody else
    needs any more."""
    spared, seen = 0, {value.number}
    stack = bases(value)
    while stack:
        x = stack.pop()
        if x.number in seen or (x.op == "constant" and x.size == 1):
            continue
        seen.add(x.number)
        place = s.places.get(x.number)
        alone = used_up(s, root, x, group, early)
        if place is not None:
            if alone and place.buffer.source is None:
                spared += place.buffer.nbytes
        elif x.number in early or cheap(s, x):
            if not alone:
                return False
            stack.extend(bases(x))
        elif alone:
            spared += x.size * x.dtype.itemsize
    return spared > value.size * value.dtype.itemsize


def used_up(s: Scheduler, root: Node, x: Node, group: Group, early: set[int]) -> bool:
    """Whether all who take a value are in the group, would be, or have their own place before the
    root's."""
    stack = [*s.users[x.number]]
    if x.number in s.wanted:
        return False
    while stack:
        user = stack.pop()
        if user.op == "view":
            if user.number in s.wanted:
                return False
            stack.extend(s.users[user.number])
        elif user.number not in group.maps and user.number not in early:
            virtual = user.one_by_one or user.op in ("take", "put")
            if virtual or user.number >= root.number:
                return False
    return True


__all__ = ["bring_forward"]
