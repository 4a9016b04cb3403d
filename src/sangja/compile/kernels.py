"""Groups of the schedule as nests of loops for the native backend."""

from __future__ import annotations

import math
from typing import Any

from sangja.backend.native.nest import Nest, Operand, Step
from sangja.compile.graph import Node
from sangja.compile.schedule import Scheduler
from sangja.compile.tasks import Buffer, Group, Place, at_domain, inputs_of, lift, natural, short
from sangja.compile.views import Path, Strided, contiguous

BLOCKS = 64  # into so many the rows are divided, whatever the number of threads
ROW = 2048  # elements of a row, where a long one may be cut at will
SERIAL = 8192  # below so many elements one thread is faster


class NestBuilder:
    """Translates one group: its loops, its operands, its steps."""

    def __init__(self, scheduler: Scheduler, group: Group) -> None:
        self.scheduler = scheduler
        self.group = group
        self.operands: list[tuple[Buffer, int, str, tuple[int, ...]]] = []
        self.known: dict[Any, int] = {}
        self.steps: list[Step] = []
        self.values: dict[int, int] = {}
        self.constants: dict[Any, int] = {}
        self.loaded: dict[Any, int] = {}
        self.partials: list[tuple[Node, Place, int, int]] = []  # folded node, place, operand, step

    # -- steps ---------------------------------------------------------------------------------

    def step(
        self, op: str, args: tuple[int, ...], dtype: str, operand: int = -1, value: Any = None
    ) -> int:
        self.steps.append(Step(op, args, dtype, operand, value))
        return len(self.steps) - 1

    def operand(self, place: Place, strides: tuple[int, ...]) -> int:
        """The number of an operand: a buffer from an offset on, with strides over the domain."""
        dtype = short(place.buffer.dtype)
        key = (id(place.buffer), place.strided.offset, dtype, strides)
        if key not in self.known:
            self.known[key] = len(self.operands)
            self.operands.append((place.buffer, place.strided.offset, dtype, strides))
        return self.known[key]

    def load(self, place: Place, strides: tuple[int, ...]) -> int:
        number = self.operand(place, strides)
        key = number
        if key not in self.loaded:
            self.loaded[key] = self.step("load", (), short(place.buffer.dtype), number)
        return self.loaded[key]

    def constant(self, node: Node) -> int:
        value = node.payload.item()
        key = (repr(value), short(node.dtype))
        if key not in self.constants:
            self.constants[key] = self.step("const", (), short(node.dtype), value=value)
        return self.constants[key]

    # -- values --------------------------------------------------------------------------------

    def value(self, x: Node, path: Path, shape: Any, where: Any) -> int:
        """The step of an input of a node of `shape` that lies at `where` in the domain."""
        base, path = (x.inputs[0], (*x.params[0], *path)) if x.op == "view" else (x, path)
        if base.op == "constant" and base.size == 1:
            return self.constant(base)
        domain = self.group.domain
        if base.number in self.group.maps:
            strided = Strided(0, base.shape, contiguous(base.shape))
            at = at_domain(strided, path, shape, where, domain)
            if at == self.group.maps[base.number]:
                return self.compute(base)
        place = self.scheduler.look(self.scheduler.place(base), path)
        return self.load(*self.scheduler.lifted(place, shape, where, domain))

    def compute(self, node: Node) -> int:
        """The step of a node of the group."""
        if node.number in self.values:
            return self.values[node.number]
        if node.op == "copy":
            place = node.params[0]
            strides = lift(place.strided, node.shape, solid(self.group.domain), self.group.domain)
            assert strides is not None
            self.values[node.number] = self.load(place, strides)
            return self.values[node.number]
        where = self.group.maps[node.number]
        if node.reduction:
            x = node.inputs[0]
            arg = self.value(x, (), x.shape, solid(self.group.domain))
            step = self.step(node.op, (arg,), short(node.dtype))
        else:
            args = tuple(self.value(x, p, shape, where) for x, p, shape in inputs_of(node))
            if node.op == "take":
                step = self.take(node, args, where)
            else:
                step = self.step(node.op, args, short(node.dtype))
        self.values[node.number] = step
        return step

    def take(self, node: Node, args: tuple[int, ...], where: tuple[int, ...]) -> int:
        """table[index]: the table is walked along the dimensions behind those of the index."""
        table = self.scheduler.place(node.inputs[0])
        lead = len(node.inputs[1].shape)
        strided = Strided(table.strided.offset, node.shape, (0,) * lead + table.strided.strides[1:])
        strides = lift(strided, node.shape, where, self.group.domain)
        assert strides is not None
        operand = self.operand(Place(table.buffer, table.strided), strides)
        return self.step("gather", args, short(node.dtype), operand, table.strided.strides[0])

    def sinks(self) -> None:
        """Everything the group leaves behind."""
        domain = self.group.domain
        for node, place in self.group.stores:
            if node.number in self.group.maps or node.op == "copy":
                arg = self.compute(node)
                where = self.group.maps.get(node.number, solid(domain))
            else:
                where = solid(domain)
                arg = self.value(node, (), node.shape, where)
            strides = lift(place.strided, node.shape, where, domain)
            assert strides is not None
            self.step("store", (arg,), "", self.operand(place, strides))
        for number, place in self.group.folds.items():
            node = next(n for n in self.scheduler.nodes if n.number == number)
            x = node.inputs[0]
            arg = self.value(x, (), x.shape, solid(domain))
            partial = len(self.operands)
            strides = tuple(
                s if domain[d] != 1 and node.shape[d] != 1 else 0
                for d, s in enumerate(place.strided.strides)
            )
            self.operands.append((place.buffer, -1, short(node.dtype), strides))
            self.step("fold_" + node.op, (arg,), short(node.dtype), partial)
            self.partials.append((node, place, partial, place.buffer.nbytes))

    # -- loops ---------------------------------------------------------------------------------

    def build(self) -> tuple[Nest, list[tuple[Buffer, int]]]:
        """The nest, and for each of its operands the buffer and the offset in elements."""
        self.sinks()
        group = self.group
        order = [d for d in group.order if group.domain[d] != 1]
        reduced = group.reduced
        has_rows = reduced is not None
        cols = [d for d in order if reduced is not None and d in reduced]
        rows = [d for d in order if d not in cols]
        strides = [[o[3][d] for o in self.operands] for d in range(len(group.domain))]
        row_loops = merged([(group.domain[d], strides[d]) for d in rows])
        col_loops = merged([(group.domain[d], strides[d]) for d in cols])
        if not has_rows and row_loops:
            row_loops, col_loops = cut(row_loops)
        count = math.prod(n for n, _ in row_loops)
        blocks = min(max(count, 1), BLOCKS)
        if self.partials and count * math.prod(n for n, _ in col_loops) < SERIAL:
            blocks = 1
        operands = []
        for i, (buffer, offset, dtype, _) in enumerate(self.operands):
            block = math.prod(buffer.shape) if offset == -1 else 0
            operands.append(
                Operand(
                    dtype,
                    tuple(s[i] for _, s in row_loops),
                    tuple(s[i] for _, s in col_loops),
                    block,
                )
            )
        nest = Nest(
            tuple(n for n, _ in row_loops) or (1,),
            tuple(n for n, _ in col_loops),
            tuple(
                o if row_loops else Operand(o.dtype, (0,), o.col_strides, o.block_stride)
                for o in operands
            ),
            tuple(self.steps),
            blocks,
        )
        return nest, [(b, o) for b, o, _, _ in self.operands]


def solid(domain: tuple[int, ...]) -> tuple[int, ...]:
    """The place of a value that fills the domain."""
    strides = contiguous(domain)
    return tuple(s if n != 1 else 0 for n, s in zip(domain, strides, strict=True))


Loops = list[tuple[int, list[int]]]


def merged(loops: Loops) -> Loops:
    """Neighbouring loops made one where every operand goes on evenly."""
    result: Loops = []
    for n, strides in loops:
        if result:
            outer, before = result[-1]
            if all(b == n * s for b, s in zip(before, strides, strict=True)):
                result[-1] = (outer * n, strides)
                continue
        result.append((n, strides))
    return result


def cut(loops: Loops) -> tuple[Loops, Loops]:
    """Rows and columns of loops that may be divided at will: the last loop as columns, cut in
    pieces if it is long."""
    n, strides = loops[-1]
    outer = loops[:-1]
    if n > ROW:
        best = max((k for k in range(1, ROW + 1) if n % k == 0), default=1)
        if best >= 128:
            outer = merged([*outer, (n // best, [s * best for s in strides])])
            return outer, [(best, strides)]
    return outer, [(n, strides)]


def is_small(nest: Nest) -> bool:
    """Whether one thread is enough."""
    return math.prod(nest.rows) * math.prod(nest.cols) * max(len(nest.steps) // 8, 1) < SERIAL
