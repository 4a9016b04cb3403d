"""Which operations run together: the graph cut into tasks.

Element-wise operations are not placed when they are met but when somebody needs them in memory: a
reduction, a product, a result. Then they and all they are made of join one `Group`, a set of loops
over one domain that becomes one kernel. A value that a second group needs is computed there again
if that is cheap, and stored by the first group if not.

A task may not join what it depends on by way of a third: every task knows all its ancestors, as the
bits of an integer.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sangja.backend.native.steps import supported
from sangja.compile.closure import MOST_STEPS, Closure
from sangja.compile.forward import bring_forward
from sangja.compile.graph import Node, apart, users_of
from sangja.compile.tasks import (
    Buffer,
    Call,
    Group,
    Place,
    Task,
    channels_last,
    default_order,
    lift,
    mapping,
    order_of,
    short,
)
from sangja.compile.views import Path, Strided, contiguous, write_path

MOST_COVERED = 1 << 24  # elements that are looked at to see whether all are written


class Scheduler:
    """Cuts a list of nodes into tasks."""

    def __init__(self, nodes: list[Node], wanted: list[Node]) -> None:
        self.nodes = nodes
        self.users = users_of(nodes)
        self.wanted = {n.number for n in wanted}
        self.tasks: list[Task] = []
        self.made: list[Task] = []  # by number, with those that others took over since
        self.followed = 0  # the bits of tasks that others wait for
        self.owner: dict[int, Group] = {}
        self.places: dict[int, Place] = {}
        self.copies: dict[Any, Place] = {}
        for node in nodes:
            self.visit(node)
        for node in wanted:
            self.place(node)

    # -- tasks and their dependencies ----------------------------------------------------------

    def depend(self, task: Task, others: int) -> None:
        """`task` runs after all of `others` (bits)."""
        new = others & ~task.ancestors & ~task.bit
        if not new:
            return
        more = left = new
        while left:
            lowest = left & -left
            more |= self.made[lowest.bit_length() - 1].ancestors
            left ^= lowest
        task.ancestors |= more
        self.followed |= more
        if self.followed & task.bit:
            for other in self.tasks:
                if other.ancestors & task.bit:
                    other.ancestors |= more

    def add(self, task: Task) -> Any:
        assert task.number == len(self.made)
        self.made.append(task)
        self.tasks.append(task)
        return task

    def read(self, task: Task, place: Place) -> None:
        """`task` reads a place: after whoever writes its buffer."""
        if place.buffer not in [r.buffer for r in task.reads] or place not in task.reads:
            task.reads.append(place)
        if task not in place.buffer.readers:
            place.buffer.readers.append(task)
        bits = 0
        for writer in place.buffer.writers:
            if writer is not task:
                bits |= writer.bit
        self.depend(task, bits)

    def write(self, task: Task, place: Place) -> None:
        """`task` writes a place."""
        task.writes.append(place)
        place.buffer.writers.append(task)

    # -- nodes ---------------------------------------------------------------------------------

    def visit(self, node: Node) -> None:
        """Place what is not placed on demand: sources, reductions, calls, writes into memory."""
        op = node.op
        if op == "input":
            self.places[node.number] = Buffer(
                node.shape, node.dtype, default_order(node.shape), node
            ).whole()
        elif op == "constant":
            if node.size > 1 and any(node.payload.strides):
                self.places[node.number] = Buffer(
                    node.shape, node.dtype, default_order(node.shape), node
                ).whole()
            elif node.size > 1:  # one number, broadcast
                strided = Strided(0, node.shape, (0,) * len(node.shape))
                self.places[node.number] = Place(Buffer((), node.dtype, (), node), strided)
        elif op == "empty":
            pass
        elif node.reduction and self.can(node):
            self.visit_reduction(node)
        elif op == "put":
            self.visit_put(node)
        elif op in ("view", "item") or ((node.one_by_one or op == "take") and self.can(node)):
            pass
        else:
            self.visit_call(node)

    def can(self, node: Node) -> bool:
        """Whether loops can compute a node."""
        dtypes = tuple(short(x.dtype) for x in node.inputs)
        if node.reduction:
            return short(node.dtype) in ("f4", "f8", "i8", "i4", "b1", "i2", "i1", "u1")
        if node.op == "take":
            return supported("cast", dtypes, short(node.dtype))
        return supported(node.op, dtypes, short(node.dtype))

    def visit_call(self, node: Node) -> None:
        """An operation with a kernel of its own."""
        inputs = [self.place(x) for x in node.inputs]
        if node.op in ("conv", "conv_image", "conv_weight"):
            inputs = [
                self.in_order(p, channels_last(len(p.strided.shape)))
                if i == 0 or node.op == "conv_weight"
                else self.in_order(p, default_order(p.strided.shape))
                for i, p in enumerate(inputs)
            ]
        elif node.op == "scatter_add" and not any(inputs[0].strided.strides):
            inputs[0] = self.in_order(inputs[0], default_order(inputs[0].strided.shape))
        task = self.add(Call(len(self.made), nodes=[node]))
        for place in inputs:
            self.read(task, place)
        task.reads = inputs
        if node.op == "host" and node.params:
            for user in self.users[node.number]:
                buffer = Buffer(user.shape, user.dtype, default_order(user.shape))
                self.places[user.number] = buffer.whole()
                self.write(task, self.places[user.number])
                task.nodes.append(user)
            return
        order = default_order(node.shape)
        if node.op in ("conv", "conv_image"):
            order = channels_last(len(node.shape))
        place = Buffer(node.shape, node.dtype, order).whole()
        self.places[node.number] = place
        self.write(task, place)

    def in_order(self, place: Place, order: tuple[int, ...]) -> Place:
        """The same values without gaps, the dimensions in this order."""
        wanted = contiguous(place.strided.shape, order)
        pairs = zip(wanted, place.strided.strides, place.strided.shape, strict=True)
        if all(a == b or n == 1 for a, b, n in pairs):
            return place
        return self.copy(place, order)

    def copy(self, place: Place, order: tuple[int, ...]) -> Place:
        """A task that copies a place into new memory."""
        shape = place.strided.shape
        target = Buffer(shape, place.buffer.dtype, order).whole()
        group = self.add(Group(len(self.made), domain=shape, order=order))
        node = Node(-1, "copy", (), (place,), shape, np.dtype(place.buffer.dtype))
        group.nodes.append(node)
        group.stores.append((node, target))
        self.read(group, place)
        self.write(group, target)
        return target

    # -- values in memory ----------------------------------------------------------------------

    def place(self, node: Node) -> Place:
        """Where a value lies; it is computed and stored if it was not yet."""
        known = self.places.get(node.number)
        if known is not None:
            return known
        if node.op == "view":
            found = self.look(self.place(node.inputs[0]), node.params[0])
        elif node.op == "empty":
            found = Buffer(node.shape, node.dtype, self.order_for(node)).whole()
        elif node.op == "constant":
            found = Buffer(node.shape, node.dtype, (), node).whole()
        else:
            group = self.owner.get(node.number)
            if group is None:
                group = self.attach(node, node.shape, None)
            found = self.store(group, node, None)
        self.places[node.number] = found
        return found

    def look(self, place: Place, path: Path) -> Place:
        """What a path shows of a place; copied where a reshape needs it."""
        for step in path:
            shown = place.strided.look((step,))
            if shown is None:
                place = self.copied(place)
                shown = place.strided.look((step,))
                assert shown is not None
            place = Place(place.buffer, shown)
        return place

    def copied(self, place: Place) -> Place:
        """A copy of a place in row order, made once."""
        key = (place.buffer, place.strided)
        if key not in self.copies:
            self.copies[key] = self.copy(place, default_order(place.strided.shape))
        return self.copies[key]

    def lifted(
        self, place: Place, shape: tuple[int, ...], where: tuple[int, ...], domain: tuple[int, ...]
    ) -> tuple[Place, tuple[int, ...]]:
        """A place as an input of a node of `shape`, with strides over the domain; a copy of it
        where its memory cannot be walked like that."""
        strides = lift(place.strided, shape, where, domain)
        if strides is None:
            place = self.copied(place)
            strides = lift(place.strided, shape, where, domain)
        assert strides is not None, (shape, where, domain)
        return place, strides

    def store(self, group: Group, node: Node, place: Place | None) -> Place:
        """Have a group write one of its values to memory."""
        if place is None:
            order = group.order
            if len(node.shape) != len(group.domain):
                order = default_order(node.shape)
            place = Buffer(node.shape, node.dtype, order).whole()
        group.stores.append((node, place))
        self.write(group, place)
        return place

    def order_for(self, node: Node) -> tuple[int, ...]:
        """How memory without values is laid out: as the first value put there."""
        for user in self.users[node.number]:
            if user.op == "put" and len(user.inputs[1].shape) == len(node.shape):
                place = self.places.get(user.inputs[1].number)
                owner = self.owner.get(user.inputs[1].number)
                if place is not None:
                    return order_of(place.strided)
                if owner is not None and len(owner.order) == len(node.shape):
                    return owner.order
        return default_order(node.shape)

    def visit_put(self, node: Node) -> None:
        """A value written into part of a memory: in place where nobody needs what was there."""
        base, value = node.inputs
        path = node.params[0]
        group = self.owner.get(value.number)
        if (
            value.number not in self.places
            and group is None
            and value.op not in ("view", "empty", "constant")
        ):
            group = self.attach(value, value.shape, None)
        memory = self.memory_for(node, base, group)
        shown = memory.strided.look(path)
        if shown is None:  # a reshape over memory in another order
            memory = self.copy(memory, default_order(node.shape))
            shown = memory.strided.look(path)
        assert shown is not None
        target = Place(memory.buffer, shown)
        before = list(memory.buffer.writers)
        blocked = group is None or any(w is not group and (w.ancestors & group.bit) for w in before)
        if blocked or (group in before and not self.disjoint(group, memory, node)):
            source = self.place(value)
            group = self.add(Group(len(self.made), domain=value.shape))
            group.order = order_of(shown)
            self.read(group, source)
            copied = Node(-1, "copy", (), (source,), value.shape, value.dtype)
            group.nodes.append(copied)
            group.stores.append((copied, target))
        else:
            assert group is not None
            group.stores.append((value, target))
        for task in (*before, *memory.buffer.readers):
            if task is not group:
                self.depend(group, task.bit)
        self.write(group, target)
        self.places[node.number] = memory

    def disjoint(self, group: Group, memory: Place, node: Node) -> bool:
        """Whether what a group has written to a memory lies apart from where it would write now."""
        base = node.inputs[0]
        while base.op == "put":
            if not apart(base.params[0], node.params[0]):
                return False
            base = base.inputs[0]
        return True

    def memory_for(self, node: Node, base: Node, group: Group | None) -> Place:
        """The memory that a `put` writes to: that of its base, or a copy."""
        place = self.places.get(base.number)
        alone = all(user is node for user in self.users[base.number])
        fresh = base.op in ("empty", "put") or (base.number in self.owner)
        if base.op == "view" and base.inputs[0].op == "constant":
            alone = False
        ours = base.op == "put" or place is None or place.buffer.source is None
        if alone and fresh and ours and base.number not in self.wanted:
            return self.place(base)
        if base.op == "empty":
            return Buffer(node.shape, node.dtype, self.order_for(base)).whole()
        order = None
        owner = group
        if owner is not None and len(owner.order) == len(node.shape):
            order = owner.order
        if self.covered(node):
            return Buffer(node.shape, node.dtype, order or default_order(node.shape)).whole()
        return self.copy(self.place(base), order or default_order(node.shape))

    def covered(self, node: Node) -> bool:
        """Whether this put and those that follow it write all of the memory."""
        if math.prod(node.shape) > MOST_COVERED:
            return False
        left = np.ones(node.shape, bool)
        while True:
            write_path(left, node.params[0], False)
            following = self.users[node.number]
            if (
                len(following) != 1
                or following[0].op != "put"
                or following[0].inputs[0] is not node
            ):
                return not left.any()
            node = following[0]

    # -- groups --------------------------------------------------------------------------------

    def visit_reduction(self, node: Node) -> None:
        """A reduction: over the columns of a group's rows, or folded over its rows."""
        x = node.inputs[0]
        self.attach(node, x.shape, frozenset(d for d in node.params[0] if x.shape[d] != 1))

    def attach(self, root: Node, domain: tuple[int, ...], dims: frozenset[int] | None) -> Group:
        """Bring a root and the virtual nodes below it into a group over `domain`."""
        chosen: Closure | None = None
        for group in self.candidates(root, domain):
            closure = Closure(self, root, group.domain, group)
            if self.may_join(group, closure, domain, dims):
                chosen = closure
                break
            if closure.possible and group.domain == domain:
                bring_forward(self, root, group, closure)
        if chosen is None:
            group = self.add(Group(len(self.made), domain=domain, order=default_order(domain)))
            chosen = Closure(self, root, domain, group)
            group.order = chosen.order()
        group = chosen.group
        self.join(group, chosen)
        if dims is not None:
            self.set_reduction(group, root, dims)
        return group

    def join(self, group: Group, closure: Closure) -> None:
        """Let a group compute the members of a closure."""
        for number, (node, where) in closure.members.items():
            group.maps[number] = where
            self.owner.setdefault(number, group)
            group.nodes.append(node)
        group.nodes.sort(key=lambda n: n.number)
        for place in closure.loads:
            self.read(group, place)

    def candidates(self, root: Node, domain: tuple[int, ...]) -> list[Group]:
        """Groups that compute inputs of the root or of the virtual nodes below it, the latest
        first."""
        found: dict[int, Group] = {}
        stack, seen = list(root.inputs), set()
        while stack:
            n = stack.pop()
            if n.number in seen:
                continue
            seen.add(n.number)
            owner = self.owner.get(n.number)
            if owner is not None:
                found[owner.number] = owner
            elif n.op == "view" or (
                n.number not in self.places and (n.one_by_one or n.op == "take")
            ):
                stack.extend(n.inputs)
        return [found[i] for i in sorted(found, reverse=True)][:6]

    def is_row_reduction(self, group: Group, dims: frozenset[int]) -> bool:
        """Whether the fastest dimension is among those reduced: then rows are summed up; else
        columns are folded."""
        fast = [d for d in group.order if group.domain[d] != 1]
        return not fast or fast[-1] in dims

    def set_reduction(self, group: Group, node: Node, dims: frozenset[int]) -> None:
        if self.is_row_reduction(group, dims):
            group.reduced = dims
            group.maps[node.number] = mapping(node.shape, group.domain)
            self.owner[node.number] = group
            return
        order = group.order if len(group.order) == len(node.shape) else default_order(node.shape)
        place = Buffer(node.shape, node.dtype, order).whole()
        group.folds[node.number] = place
        self.owner.pop(node.number, None)
        group.maps.pop(node.number, None)
        self.places[node.number] = place
        self.write(group, place)
        if group.reduced is None:
            group.reduced = frozenset(
                d for d, n in enumerate(group.domain) if n != 1 and d not in dims
            )

    def may_join(
        self, group: Group, closure: Closure, domain: tuple[int, ...], dims: frozenset[int] | None
    ) -> bool:
        """Whether the closure can become part of a group: the same loops, and no way around."""
        if not closure.possible or len(group.nodes) + len(closure.members) > MOST_STEPS:
            return False
        if group.domain != domain and (dims is not None or not fits_rows(domain, group)):
            return False
        if dims is not None and group.reduced is not None:
            if self.is_row_reduction(group, dims):
                if dims != group.reduced:
                    return False
            else:
                solid = frozenset(d for d, n in enumerate(group.domain) if n != 1)
                if solid - dims != group.reduced:
                    return False
        for place in closure.loads:
            for task in place.buffer.writers:
                if task is group or task.ancestors & group.bit:
                    return False
        return True


def fits_rows(domain: tuple[int, ...], group: Group) -> bool:
    """Whether a domain is that of the rows of a group: of size 1 along its columns."""
    if len(domain) != len(group.domain) or group.reduced is None:
        return False
    return all(
        a == (1 if d in group.reduced else b)
        for d, (a, b) in enumerate(zip(domain, group.domain, strict=True))
    )
