"""A recording run by kernels: the schedule's tasks as commands for the native backend."""

from __future__ import annotations

import math
from collections.abc import Callable
from operator import is_
from typing import Any

import numpy as np

from sangja.backend.native.address import address_of
from sangja.backend.native.nest import Nest, Operand, Step, build
from sangja.backend.native.team import Command, Program, get_num_threads
from sangja.compile import calls, interpret
from sangja.compile.graph import Node
from sangja.compile.interpret import Values, Write
from sangja.compile.kernels import NestBuilder, is_small
from sangja.compile.memory import Arena, give_back, plan
from sangja.compile.report import explain
from sangja.compile.schedule import Scheduler
from sangja.compile.setting import Setting
from sangja.compile.tails import attach_tails
from sangja.compile.tasks import Buffer, Call, Group, Place, Task, root, short
from sangja.compile.views import contiguous
from sangja.core.references import ITEM, getrefcount
from sangja.engine.apply import quiet

Pointer = tuple[Buffer, int]  # and an offset in bytes
Touch = tuple[int, int, bool]
SMALL = 1 << 16  # bytes of a result of which two arrays are kept for later calls


class Scratch:
    """Memory that a task needs for itself."""

    def __init__(self, nbytes: int) -> None:
        self.buffer = Buffer((nbytes,), np.dtype(np.uint8), (0,))


class Part:
    """What one task became: commands, or a function of the host."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.commands: list[tuple[Any, list[Pointer], bool]] = []
        self.host: Callable[[], None] | None = None


class Result:
    """A wanted value in memory of its own.

    `arrays`: small ones of earlier calls with their addresses, to be used again when nobody else
    holds them; two, because the last result often lives until the next one is there. `now` is the
    one in use, which the program holds as well: among its outside arrays and its values.
    """

    __slots__ = ("arrays", "buffer", "node", "now", "number")

    def __init__(self, node: Node, buffer: Buffer) -> None:
        self.node, self.number, self.buffer = node, node.number, buffer
        self.arrays: list[tuple[Any, int]] = []
        self.now: tuple[Any, int] | None = None

    def renew(self, program: NativeProgram) -> None:
        """Let the program compute its next value in an array that nobody else holds."""
        for entry in self.arrays:
            if getrefcount(entry[0]) - ITEM <= (3 if entry is self.now else 1):
                break
        else:
            array = np.empty(self.node.shape, self.node.dtype)
            entry = array, address_of(array)
            if array.nbytes <= SMALL:
                self.arrays = [*self.arrays[-1:], entry]
        if entry is not self.now:
            self.now = entry
            program.values[self.number] = entry[0]
            program.lend(self.buffer, *entry)


class Pending:
    """What the commands since the last meeting of the threads touched."""

    def __init__(self) -> None:
        # What was touched, from and up to, and how: the sum of (1, 2: read, written by thread 0
        # alone; 4, 8: by all threads).
        self.touched: dict[tuple[int, int], int] = {}

    def add(self, touches: list[Touch], serial: bool) -> bool:
        """Whether a command must wait for those before it: one of them writes what it touches, or
        touches what it writes. What thread 0 does alone is in order by itself."""
        meet = any(self.meets(low, high, writes, serial) for low, high, writes in touches)
        if meet:
            self.touched.clear()
        for low, high, writes in touches:
            how = (2 if writes else 1) * (1 if serial else 4)
            self.touched[low, high] = self.touched.get((low, high), 0) | how
        return meet

    def meets(self, low: int, high: int, writes: bool, serial: bool) -> bool:
        """Whether somebody touched this memory in a way that one must wait for."""
        others = (12 if serial else 15) if writes else (8 if serial else 10)
        if low < 0:  # outside of the arena pieces are the same or apart
            return bool(self.touched.get((low, high), 0) & others)
        for (start, stop), how in self.touched.items():
            if low < stop and start < high and how & others:
                return True
        return False


class NativeProgram:
    """A graph as a program of kernels: as `interpret.Interpreted`, which says what the arguments
    are."""

    def __init__(self, nodes: list[Node], wanted: list[Node], writes: list[Write]) -> None:
        self.nodes = nodes
        self.inputs = [node for node in nodes if node.op == "input"]
        self.writes = writes
        self.scheduler = Scheduler(nodes, [*wanted, *[node for _, node in writes]])
        self.targets: set[int] = set()  # outside buffers that are written to
        self.back: dict[int, tuple[Any, Any]] = {}  # arrays written in a copy, and the copy
        self.copied = self.retarget_writes()
        self.wanted = list(dict.fromkeys([*wanted, *[node for _, node in self.copied]]))
        self.own: dict[int, Result] = {}
        self.claim_outputs()
        self.results = list(self.own.values())
        self.others = [node for node in self.wanted if node.number not in self.own]
        self.values: Values = {}
        attach_tails(self.scheduler, self.kept())
        self.tasks = in_order(self.scheduler.tasks)
        self.packed: dict[Any, Buffer] = {}  # what was packed for a product, for the next ones
        self.parts = [self.part(task) for task in self.tasks]
        self.arena: Arena = plan(self.parts, self.scheduler, self.kept())
        self.settings = np.zeros(max(len(self.inputs), 1))
        self.setting_views = [self.settings[i : i + 1] for i in range(len(self.inputs))]
        self.spare: set[int] = set()  # results whose memory nobody else holds: used again
        self.last: list[Any] = [None] * len(self.inputs)  # what the inputs were
        self.addresses: dict[int, int] = {}
        self.slots: dict[Any, int] = {}
        self.numbers: dict[int, int] = {}  # of buffers outside
        self.pointers: list[int] = []
        self.outside: dict[int, list[tuple[int, int]]] = {}  # buffer: its slots, with offsets
        self.held: dict[int, Any] = {}
        self.segments = self.assemble()
        self.alone = self.without_team()
        self.doors = {key: self.doors_of(slots) for key, slots in self.outside.items()}
        self.ready = False  # whether it has run, and all its pointers lead somewhere
        self.input_buffers = [root(self.scheduler.places[n.number].buffer) for n in self.inputs]

    # -- where results go ----------------------------------------------------------------------

    def retarget_writes(self) -> list[tuple[Any, Node]]:
        """Let new values of outside tensors be computed where they are to end; returns the writes
        that must be copied instead."""
        left = []
        by_source = {}
        for node in self.inputs:
            source = node.payload
            by_source[id(getattr(source, "tensor", source))] = node
        for source, node in self.writes:
            known = by_source.get(id(getattr(source, "tensor", source)))
            place = self.scheduler.places[node.number]
            target = None
            if known is not None:
                target = self.scheduler.places[known.number].buffer
            if target is None or not self.may_replace(place, target):
                left.append((source, node))
            else:
                place.buffer.source = target
                self.targets.add(id(target))
                bits = sum(t.bit for t in target.readers if t not in place.buffer.writers)
                for writer in place.buffer.writers:
                    self.scheduler.depend(writer, bits)
                target.writers.extend(place.buffer.writers)
        return left

    def may_replace(self, place: Place, target: Buffer) -> bool:
        """Whether a value can be computed into an outside array, over its old value."""
        buffer = place.buffer
        if buffer.source is not None or len(buffer.writers) != 1:
            return False
        whole = target.whole().strided
        if place.strided != whole or buffer.whole().strided != whole:
            return False
        writer = buffer.writers[0]
        for reader in target.readers:
            if reader is writer:
                looks = [r.strided for r in reader.reads if r.buffer is target]
                fits = isinstance(writer, Group) and writer.domain == target.shape
                fits = fits and one_pass(writer)
                if not fits or any(look != whole for look in looks):
                    return False
            elif reader.ancestors & writer.bit:
                return False
        return not any(w.ancestors & writer.bit for w in target.writers)

    def claim_outputs(self) -> None:
        """Give results and gradients memory outside of the arena, where they fill a buffer."""
        for node in self.wanted:
            place = self.scheduler.places[node.number]
            buffer = place.buffer
            if buffer.source is None and fills(place, node.shape):
                buffer.source = node
                self.own[node.number] = Result(node, buffer)

    def kept(self) -> set[int]:
        """Buffers of the arena that must live until the end."""
        return {id(root(self.scheduler.places[n.number].buffer)) for n in self.wanted}

    # -- commands ------------------------------------------------------------------------------

    def part(self, task: Task) -> Part:
        if isinstance(task, Group):
            return self.group_part(task)
        assert isinstance(task, Call)
        return self.call_part(task)

    def group_part(self, group: Group) -> Part:
        part = Part(group)
        builder = NestBuilder(self.scheduler, group)
        nest, operands = builder.build()
        kernel = build(nest)
        pointers: list[Pointer] = []
        finish: list[tuple[Nest, list[Pointer]]] = []
        folded = {number: node for node, _, number, _ in builder.partials}
        for i, (buffer, offset) in enumerate(operands):
            size = np.dtype(buffer.dtype).itemsize
            if offset == -1 and nest.blocks > 1:
                node = folded[i]
                count = math.prod(buffer.shape)
                scratch = Scratch(count * nest.blocks * size).buffer
                pointers.append((scratch, 0))
                finish.append((fold_blocks(node, count, nest.blocks), [(scratch, 0), (buffer, 0)]))
            else:
                pointers.append((buffer, max(offset, 0) * size))
        part.commands.append((kernel, pointers, is_small(nest)))
        for last, where in finish:
            part.commands.append((build(last), where, True))
        return part

    def call_part(self, call: Call) -> Part:
        """An operation with kernels of its own, or on the host."""
        part = Part(call)
        made = calls.kernels_for(call)
        if made is None:
            part.host = self.host_function(call)
            return part
        workspace = Scratch(made.workspace).buffer if made.workspace else None
        stages = made.stages
        if made.packs and workspace is not None:
            kernel, (source, _), _ = stages[0]
            assert source is not None
            key = (kernel.address, id(root(source.buffer)), source.strided.offset)
            known = self.packed.get(key)
            if known is not None and steady(source.buffer):
                workspace, stages = known, stages[1:]
            else:
                self.packed[key] = workspace
        for kernel, places, serial in stages:
            pointers = []
            for place in places:
                if place is None:
                    assert workspace is not None
                    pointers.append((workspace, 0))
                else:
                    size = np.dtype(place.buffer.dtype).itemsize
                    pointers.append((place.buffer, place.strided.offset * size))
            part.commands.append((kernel, pointers, serial))
        return part

    def host_function(self, call: Call) -> Callable[[], None]:
        """A function that computes an operation with NumPy."""
        node = call.nodes[0]

        def run() -> None:
            inputs = [self.array(p) for p in call.reads]
            found = quiet.run(interpret.evaluate, node, inputs)
            results = found if len(call.nodes) > 1 else (found,)
            if node.op == "host" and node.params:
                results = [found[n.params[0]] for n in call.nodes[1:]]
            for place, value in zip(call.writes, results, strict=True):
                self.array(place)[...] = value

        return run

    # -- memory --------------------------------------------------------------------------------

    def assemble(self) -> list[Any]:
        """Programs, and the host's functions between them."""
        segments: list[Any] = []
        commands: list[Command] = []
        pending = Pending()
        for part in self.parts:
            if part.host is not None:
                segments += [list(commands), part.host]
                commands.clear()
                pending = Pending()
                continue
            written = {id(root(p.buffer)) for p in part.task.writes}
            for kernel, pointers, serial in part.commands:
                meet = pending.add([self.touch(p[0], written) for p in pointers], serial)
                slots = tuple(self.slot(p) for p in pointers)
                commands.append(Command(kernel, slots, serial, meet))
        segments.append(commands)
        return [Program(s, self.pointers) if isinstance(s, list) else s for s in segments if s]

    def touch(self, buffer: Buffer, written: set[int]) -> Touch:
        """The memory of a buffer as a command touches it: from, up to, and whether it writes. What
        a task needs for itself counts as written."""
        buffer = root(buffer)
        if buffer.source is None:
            own = id(buffer) in written or buffer.dtype == np.uint8
            return buffer.offset, buffer.offset + max(buffer.nbytes, 1), own
        place = -2 * (1 + self.numbers.setdefault(id(buffer), len(self.numbers)))
        return place, place + 1, id(buffer) in written

    def slot(self, pointer: Pointer) -> int:
        """The number of a pointer."""
        buffer, offset = root(pointer[0]), pointer[1]
        key = (id(buffer), offset)
        if key not in self.slots:
            number = self.slots[key] = len(self.pointers)
            address = 0
            if buffer.source is None:
                address = self.arena.address(buffer) + offset
            elif is_constant(buffer):
                address = self.held_array(buffer).ctypes.data + offset
            else:
                self.outside.setdefault(id(buffer), []).append((number, offset))
            self.pointers.append(address)
        return self.slots[key]

    def array(self, place: Place) -> Any:
        """A place as an array."""
        buffer = root(place.buffer)
        size = np.dtype(buffer.dtype).itemsize
        strides = tuple(s * size for s in place.strided.strides)
        if buffer.source is None:
            base = self.arena.memory
            offset = buffer.offset + place.strided.offset * size
        else:
            base = self.held_array(buffer)
            offset = place.strided.offset * size
            base = base.reshape(-1).view(np.uint8)
        return np.ndarray(place.strided.shape, buffer.dtype, base, offset, strides)

    def held_array(self, buffer: Buffer) -> Any:
        """The array of an outside buffer; a constant's is made at its first use."""
        if id(buffer) not in self.held and is_constant(buffer):
            value = buffer.source.payload
            value = value if buffer.shape == value.shape else value[(0,) * value.ndim]
            self.held[id(buffer)] = np.ascontiguousarray(value)
        return self.held[id(buffer)]

    def doors_of(self, slots: list[tuple[int, int]]) -> list[tuple[memoryview, int, int]]:
        """Where the kernels find the address of an outside buffer: words, place, and what is added
        to it."""
        return [
            (segment.entries, place, offset)
            for slot, offset in slots
            for segment in self.segments
            if isinstance(segment, Program)
            for place in segment.places.get(slot, ())
        ]

    def lend(self, buffer: Buffer, array: Any, address: int) -> None:
        """Let the pointers of an outside buffer lead to an array."""
        key = id(buffer)
        self.held[key] = array
        for words, place, offset in self.doors.get(key, ()):
            words[place] = address + offset

    def report(self) -> list[str]:
        """What `explain` says of it."""
        return explain(self)

    # -- a call --------------------------------------------------------------------------------

    def address_of(self, pointer: Pointer) -> int:
        """Where a pointer leads now."""
        buffer = root(pointer[0])
        if buffer.source is None:
            return self.arena.address(buffer) + pointer[1]
        return int(self.held[id(buffer)].ctypes.data) + pointer[1]

    def written_arrays(self) -> list[Any]:
        """The arrays outside of the program that it writes to."""
        buffers = {id(root(p.buffer)): root(p.buffer) for t in self.tasks for p in t.writes}
        return [
            self.held[key]
            for key, buffer in buffers.items()
            if buffer.source is not None and key in self.held
        ]

    def execute(self, given: list[Any]) -> Values:
        """The wanted values by number, from those of the inputs in order, until the next call."""
        if not all(map(is_, given, self.last)):
            self.take(given)
        spare = self.spare
        for result in self.results:
            if result.now is None or result.number not in spare:
                result.renew(self)
        if not self.ready:
            give_back()
        if self.alone is not None:
            self.alone()
        else:
            threads = get_num_threads()
            for segment in self.segments:
                if segment.__class__ is Program:
                    segment.run(threads)
                else:
                    segment()
        self.ready = True
        for value, copied in self.back.values():
            value[...] = copied
        if not self.others:
            return self.values
        copies = {n.number: self.array(self.scheduler.places[n.number]).copy() for n in self.others}
        return {**self.values, **copies}

    def without_team(self) -> Callable[[], object] | None:
        """How everything is run if it is one program that cannot be divided."""
        first = self.segments[0] if len(self.segments) == 1 else None
        return first.alone if isinstance(first, Program) and first.serial else None

    def take(self, given: list[Any]) -> None:
        """The inputs that are others than at the last call."""
        last = self.last
        for i, value in enumerate(given):
            if value is not last[i]:
                last[i] = value
                self.give(i, value)

    def give(self, i: int, value: Any) -> None:
        """A new value of input number `i`."""
        node, buffer = self.inputs[i], self.input_buffers[i]
        if node.payload.__class__ is Setting:
            self.settings[i] = value
            value = self.setting_views[i]
        elif not value.flags.c_contiguous or value.dtype != node.dtype:
            copied = np.ascontiguousarray(value, node.dtype)
            self.last[i] = None  # taken anew at each call
            if id(buffer) in self.targets:  # and brought back after it
                self.back[i] = value, copied
            value = copied
        else:
            self.back.pop(i, None)
        if self.held.get(id(buffer)) is not value:
            self.lend(buffer, value, address_of(value))


def steady(buffer: Buffer) -> bool:
    """Whether a buffer keeps its value from its only writer to its last reader."""
    return buffer.source is not None or len(buffer.writers) <= 1


def is_constant(buffer: Buffer) -> bool:
    return isinstance(buffer.source, Node) and buffer.source.op == "constant"


def fills(place: Place, shape: tuple[int, ...]) -> bool:
    """Whether a place is all of its buffer, as an array of `shape` in row order."""
    seen = place.strided
    if seen.offset or seen.shape != shape or math.prod(place.buffer.shape) != math.prod(shape):
        return False
    pairs = zip(seen.strides, contiguous(shape), shape, strict=True)
    return all(a == b or n == 1 for a, b, n in pairs)


def one_pass(task: Task) -> bool:
    """Whether a group reads all it needs of a place before it writes there: no row is summed up and
    then gone through again."""
    sums = {node.number for node in task.nodes if node.reduction}
    return isinstance(task, Group) and sums <= task.folds.keys()


def in_order(tasks: list[Task]) -> list[Task]:
    """The tasks in an order in which each comes after its ancestors, and else in the order in which
    the step came to their last operation."""
    key = {t.number: max((n.number for n in t.nodes), default=0) for t in tasks}
    left = sorted(tasks, key=lambda t: (key[t.number], t.number))
    done, result = 0, []
    while left:
        i = next((i for i, t in enumerate(left) if not t.ancestors & ~done), None)
        assert i is not None, "tasks wait for each other"
        result.append(left.pop(i))
        done |= result[-1].bit
    return result


def fold_blocks(node: Node, count: int, blocks: int) -> Nest:
    """Brings the results of the blocks of a fold together."""
    dtype = short(node.dtype)
    return Nest(
        (blocks,),
        (count,),
        (Operand(dtype, (count,), (1,)), Operand(dtype, (0,), (1,), count)),
        (Step("load", (), dtype, 0), Step("fold_" + node.op, (0,), dtype, 1)),
        1,
    )
