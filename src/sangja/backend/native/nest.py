"""Fused loops: a program of element-wise steps and reductions, run for every row of an array.

A `Nest` walks `rows`, in parallel over fixed blocks of them, and within each row `cols`. Its steps
are either of level "row" (one value a row) or "element" (one a column). A reduction makes a row
value out of an element value; element steps that use it run in a second loop over the columns, and
so on: softmax is three loops over a row that stays in the nearest cache. A `fold` collects over
the rows of a block.

What a later loop needs of an earlier one it computes again where that is cheap, and else reads from
where it was stored, or from a scratch row.

The blocks do not depend on the number of threads, so neither do the results.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from sangja.backend.native.emit import (
    SIZES,
    TYPES,
    Code,
    Value,
    constant,
    kernel_text,
    vector,
)
from sangja.backend.native.llvm import Kernel, compile_kernel, vector_bytes
from sangja.backend.native.steps import COSTLY, Unsupported, emit, supported

REDUCE = {
    "sum": ("add", 0), "max": ("maximum", -math.inf), "min": ("minimum", math.inf),
    "prod": ("multiply", 1), "any": ("logical_or", False), "all": ("logical_and", True),
}  # fmt: skip
SCRATCH_BYTES = 64 << 10  # of a thread's stack, for values kept between the loops over a row
CHEAP = 8  # up to so many operations are done again rather than kept
STRAIGHT = 4  # up to so many vectors a row is written out without a loop


@dataclass(frozen=True, slots=True)
class Operand:
    """An array: its dtype and its strides, in elements, along rows and columns (0: broadcast).
    `block_stride`: between the results of two blocks, where a fold writes to it."""

    dtype: str
    row_strides: tuple[int, ...]
    col_strides: tuple[int, ...]
    block_stride: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One operation: NumPy's name, or load, store, gather, const, index, a reduction, a fold.

    `args` are numbers of earlier steps; `operand` is which array is read or written; `value`: the
    number of a const, the dimension of an index, the stride of a gather.
    """

    op: str
    args: tuple[int, ...] = ()
    dtype: str = ""
    operand: int = -1
    value: Any = None


@dataclass(frozen=True, slots=True)
class Nest:
    """Loops over `rows` and `cols`, the arrays they walk, and what is done at each place."""

    rows: tuple[int, ...]
    cols: tuple[int, ...]
    operands: tuple[Operand, ...]
    steps: tuple[Step, ...]
    blocks: int = 1


@functools.cache
def build(nest: Nest) -> Kernel:
    """The kernel of a nest. Raises `Unsupported` before any work for what kernels cannot do."""
    for step in nest.steps:
        check(nest, step)
    kernel = compile_kernel("nest", kernel_text("nest", len(nest.operands), Writer(nest).write()))
    count = math.prod(nest.rows) * math.prod(nest.cols)
    arithmetic = sum(bool(s.args) and s.op not in ("store", "cast") for s in nest.steps)
    kernel.flops = arithmetic * count
    return kernel


def check(nest: Nest, step: Step) -> None:
    simple = step.op in REDUCE or step.op.startswith("fold_")
    if simple or step.op in ("load", "store", "gather", "const", "index"):
        if step.dtype and step.dtype not in TYPES:
            raise Unsupported(step.op, step.dtype)
        return
    dtypes = tuple(nest.steps[a].dtype for a in step.args)
    if not supported(step.op, dtypes, step.dtype):
        raise Unsupported(step.op, dtypes)


@dataclass(slots=True)
class Chunk:
    """Some neighbouring columns: their place in the scratch row, the index along every dimension of
    the columns, how many lanes, and which of them count."""

    linear: Value
    index: list[Value]
    lanes: int
    mask: Value | None


class Writer:
    """Writes the function of one nest."""

    def __init__(self, nest: Nest) -> None:
        self.nest = nest
        self.steps = nest.steps
        self.b = Code()
        self.cols = nest.cols or (1,)
        self.lanes = self.choose_lanes()
        self.element: list[bool] = []
        self.stage: list[int] = []
        for step in nest.steps:
            self.analyse(step)
        self.stages = 1 + max(
            (self.stage[i] for i, s in enumerate(self.steps) if self.is_sink(s)), default=0
        )
        self.reloads = self.stored_operands()
        self.scratch: dict[int, Value] = {}
        self.straight = len(self.cols) == 1 and -(-self.cols[0] // max(self.lanes, 1)) <= STRAIGHT
        self.fold_variables: dict[tuple[int, int], Value] = {}

    # -- what runs where -----------------------------------------------------------------------

    def choose_lanes(self) -> int:
        """Vectors of the widest float; shorter for short rows; 0 (scalars) for single columns."""
        n = self.cols[-1]
        kinds = {s.dtype for s in self.steps}
        lanes = vector_bytes() // (4 if "f4" in kinds or "f8" not in kinds else 8)
        if n <= 1:
            return 0
        while lanes > 2 and lanes // 2 >= n:
            lanes //= 2
        return lanes

    def walks(self, operand: int) -> bool:
        """Whether an operand differs along the columns."""
        strides = self.nest.operands[operand].col_strides
        return any(s and n > 1 for s, n in zip(strides, self.nest.cols, strict=True))

    def analyse(self, step: Step) -> None:
        """The level and the stage of a step: in which loop over the columns it can be had."""
        args = step.args
        rows = len(self.nest.rows)
        if step.op in ("load", "gather"):
            level = self.walks(step.operand) or any(self.element[a] for a in args)
        elif step.op == "index":
            level = step.value >= rows
        elif step.op in REDUCE:
            level = False
        else:
            level = any(self.element[a] for a in args)
        stage = max((self.stage[a] for a in args), default=0)
        if step.op in REDUCE and self.element[args[0]]:
            stage += 1
        self.element.append(level)
        self.stage.append(stage)

    @staticmethod
    def is_sink(step: Step) -> bool:
        return step.op == "store" or step.op.startswith("fold_") or step.op in REDUCE

    def stored_operands(self) -> dict[int, int]:
        """Element steps whose values lie in an operand, where a later loop can read them."""
        found = {}
        for step in self.steps:
            if step.op == "store" and self.element[step.args[0]] and self.walks(step.operand):
                operand = self.nest.operands[step.operand]
                value = self.steps[step.args[0]]
                every = all(s or n == 1 for s, n in zip(operand.col_strides, self.nest.cols,
                                                        strict=True))  # fmt: skip
                if operand.dtype == value.dtype and every:
                    found[step.args[0]] = step.operand
        return found

    def cost(self, i: int) -> int:
        """How many operations it takes to compute an element step again."""
        step = self.steps[i]
        if not self.element[i] or not step.args:
            return 1
        own = 100 if step.op in COSTLY else 1
        return own + sum(self.cost(a) for a in step.args)

    def plan_scratch(self) -> None:
        """Find what is kept in a scratch row between two loops."""
        room = SCRATCH_BYTES
        total = math.prod(self.cols)
        for s in range(1, self.stages):
            stack = [a for i in self.sinks(s) for a in self.steps[i].args if self.element[a]]
            seen = set()
            while stack:
                i = stack.pop()
                if i in seen:
                    continue
                seen.add(i)
                step = self.steps[i]
                if self.stage[i] < s:
                    if i in self.reloads or i in self.scratch:
                        continue
                    kind = TYPES[step.dtype]
                    size = total * SIZES[kind]
                    if step.args and step.op != "gather" and self.cost(i) > CHEAP and size <= room:
                        room -= size
                        memory = "i8" if kind == "i1" else kind
                        self.scratch[i] = self.b.variable(memory, count=total + 64)
                        continue
                stack.extend(a for a in step.args if self.element[a])

    def sinks(self, stage: int, element: bool = True) -> list[int]:
        """The stores, folds and reductions of a stage whose argument has this level."""
        return [
            i
            for i, s in enumerate(self.steps)
            if self.is_sink(s)
            and self.element[s.args[0]] is element
            and self.stage[s.args[0]] == stage
        ]

    # -- the loops -----------------------------------------------------------------------------

    def write(self) -> Code:
        b = self.b
        self.plan_scratch()
        rows = math.prod(self.nest.rows)
        tid, threads = Value("%tid", "i64"), Value("%threads", "i64")
        blocks = constant(self.nest.blocks, "i64")
        first, last = b.share(blocks, tid, threads)
        if rows and math.prod(self.cols):
            with b.loop(first, last) as block:
                ends = []
                for which in (block, b.add(block, 1)):
                    whole = b.mul(which, rows)
                    ends.append(b.op(f"sdiv i64 {whole.text}, {self.nest.blocks}", "i64"))
                self.begin_folds(block)
                with b.loop(*ends) as row:
                    self.write_row(row)
                self.end_folds(block)
        b.line("ret void")
        return b

    def write_row(self, row: Value) -> None:
        """All steps for one row."""
        self.row_index = self.decode(row)
        self.row_values: dict[int, Value] = {}
        self.row_places: dict[int, Value] = {}
        for operand in range(len(self.nest.operands)):  # before all loops; unused ones cost nothing
            self.row_place(operand)
        for stage in range(self.stages + 1):
            for i in self.sinks(stage, element=False):
                self.finish_row_step(i)
            sinks = self.sinks(stage)
            if sinks:
                self.write_stage(stage, sinks)

    def decode(self, row: Value) -> list[Value]:
        """The index along each dimension of the rows."""
        b, extents = self.b, self.nest.rows
        if len(extents) == 1:
            return [row]
        index: list[Value] = []
        for n in reversed(extents):
            index.append(b.op(f"urem i64 {row.text}, {n}", "i64"))
            row = b.op(f"udiv i64 {row.text}, {n}", "i64")
        return index[::-1]

    def write_stage(self, stage: int, sinks: list[int]) -> None:
        """One loop over the columns."""
        for i in self.needed_rows(stage, sinks):
            self.row_value(i)
        reductions = [i for i in sinks if self.steps[i].op in REDUCE]
        width = 1
        if reductions or len(sinks) == 1:
            evaluated = len(self.needed_elements(stage, sinks))
            width = 4 if evaluated <= 12 else 2 if evaluated <= 24 else 1
        sums = {i: self.begin_reduction(i, width) for i in reductions}
        for chunks in self.walk(width):
            for k, chunk in enumerate(chunks):
                self.write_chunk(stage, sinks, chunk, {i: sums[i][k] for i in reductions})
        for i in reductions:
            self.row_values[i] = self.end_reduction(i, sums[i])

    def walk(self, width: int) -> Iterator[list[Chunk]]:
        """The chunks of a row, as many at a time as are done in one turn of the loop."""
        b, n, lanes = self.b, self.cols[-1], self.lanes
        with ExitStack() as stack:
            outer: list[Value] = []
            linear = constant(0, "i64")
            for extent in self.cols[:-1]:
                index = stack.enter_context(b.loop(constant(0, "i64"), constant(extent, "i64")))
                outer.append(index)
                linear = b.add(b.mul(linear, extent), index)
            linear = b.mul(linear, n) if outer else linear
            if lanes == 0:
                zero = constant(0, "i64")
                if n == 1:
                    yield [Chunk(linear, [*outer, zero], 0, None)]
                return
            done = 0
            if not self.straight:
                step = lanes * width
                done = n // step * step
                if done:
                    with b.loop(constant(0, "i64"), constant(done, "i64"), step) as inner:
                        chunks = []
                        for k in range(width):
                            at = b.add(inner, k * lanes)
                            chunks.append(Chunk(b.add(linear, at), [*outer, at], lanes, None))
                        yield chunks
            k = 0
            for at in range(done, n, lanes):
                left = min(lanes, n - at)
                mask = None
                if left < lanes:
                    bits = ", ".join(f"i1 {'true' if j < left else 'false'}" for j in range(lanes))
                    mask = Value(f"<{bits}>", "i1", lanes)
                place = constant(at, "i64")
                self.slot = k
                yield [Chunk(b.add(linear, place), [*outer, place], lanes, mask)]
                k += 1

    def write_chunk(
        self, stage: int, sinks: list[int], chunk: Chunk, sums: dict[int, Value]
    ) -> None:
        """The steps of a stage for some columns."""
        b = self.b
        known: dict[int, Value] = {}
        for i in sinks:
            step = self.steps[i]
            x = self.element_value(step.args[0], stage, chunk, known)
            if step.op == "store":
                self.store(x, step.operand, chunk)
            elif step.op in REDUCE:
                self.accumulate(i, x, sums[i], chunk)
            else:
                self.fold(i, x, chunk)
        for i, room in self.scratch.items():
            if self.stage[i] == stage and i in known:
                kind = known[i].kind
                place = b.element(room, "i8" if kind == "i1" else kind, chunk.linear)
                b.store(known[i], place)

    # -- values --------------------------------------------------------------------------------

    def needed_elements(self, stage: int, sinks: list[int]) -> set[int]:
        """The element steps that a stage evaluates."""
        stack = [a for i in sinks for a in self.steps[i].args if self.element[a]]
        seen: set[int] = set()
        while stack:
            i = stack.pop()
            if i in seen:
                continue
            seen.add(i)
            if self.stage[i] < stage and (i in self.reloads or i in self.scratch):
                continue
            stack.extend(a for a in self.steps[i].args if self.element[a])
        return seen

    def needed_rows(self, stage: int, sinks: list[int]) -> list[int]:
        """The row steps that a stage uses: computed before its loop begins."""
        found = {
            a
            for i in (*self.needed_elements(stage, sinks), *sinks)
            for a in self.steps[i].args
            if not self.element[a]
        }
        return sorted(found)

    def row_value(self, i: int) -> Value:
        """The value of a row step, computed at its first use in a row."""
        value = self.row_values.get(i)
        if value is not None:
            return value
        step, b = self.steps[i], self.b
        if step.op == "const":
            value = constant(step.value, TYPES[step.dtype])
        elif step.op == "index":
            value = self.row_index[step.value]
        elif step.op == "load":
            value = b.load(self.row_place(step.operand), TYPES[step.dtype])
        elif step.op == "gather":
            offset = b.mul(self.as_index(self.row_value(step.args[0])), step.value)
            place = b.element(self.row_place(step.operand), TYPES[step.dtype], offset)
            value = b.load(place, TYPES[step.dtype])
        elif step.op in REDUCE:  # of a row value: over equal columns
            value = self.reduce_row(i)
        else:
            args = [self.row_value(a) for a in step.args]
            value = emit(b, step.op, args, [self.steps[a].dtype for a in step.args], step.dtype)
        self.row_values[i] = value
        return value

    def reduce_row(self, i: int) -> Value:
        """A reduction over columns that are all the same."""
        step = self.steps[i]
        x = self.row_value(step.args[0])
        if step.op == "sum":
            count = constant(math.prod(self.cols), x.kind)
            return self.b.mul(x, count)
        if step.op == "prod":
            raise Unsupported("the product of equal columns", step.dtype)
        return x

    def element_value(
        self, i: int, stage: int, chunk: Chunk, known: dict[int, Value]
    ) -> Value:
        """The value of a step in some columns."""
        if not self.element[i]:
            value = self.row_value(i)
            return self.b.splat(value, chunk.lanes) if chunk.lanes else value
        value = known.get(i)
        if value is None:
            value = known[i] = self.new_element(i, stage, chunk, known)
        return value

    def new_element(self, i: int, stage: int, chunk: Chunk, known: dict[int, Value]) -> Value:
        step, b = self.steps[i], self.b
        kind = TYPES[step.dtype] if step.dtype else ""
        if self.stage[i] < stage:
            if i in self.reloads:
                return self.load(self.reloads[i], kind, chunk)
            if i in self.scratch:
                memory = "i8" if kind == "i1" else kind
                return b.load(b.element(self.scratch[i], memory, chunk.linear), kind, chunk.lanes)
        if step.op == "load":
            return self.load(step.operand, kind, chunk)
        if step.op == "index":
            at = chunk.index[step.value - len(self.nest.rows)]
            last = step.value == len(self.nest.rows) + len(self.cols) - 1
            return self.counted(at, chunk.lanes, 1) if last else self.spread(at, chunk.lanes)
        args = [self.element_value(a, stage, chunk, known) for a in step.args]
        if step.op == "gather":
            return self.gather(step, args[0], kind, chunk)
        return emit(b, step.op, args, [self.steps[a].dtype for a in step.args], step.dtype)

    def spread(self, x: Value, lanes: int) -> Value:
        return self.b.splat(x, lanes) if lanes else x

    def counted(self, start: Value, lanes: int, stride: int) -> Value:
        """start, start + stride, …"""
        if not lanes:
            return start
        text = "<" + ", ".join(f"i64 {j * stride}" for j in range(lanes)) + ">"
        return self.b.add(self.b.splat(start, lanes), Value(text, "i64", lanes))

    def as_index(self, x: Value) -> Value:
        return x if x.kind == "i64" else self.b.convert("sext", x, "i64")

    # -- memory --------------------------------------------------------------------------------

    def row_place(self, operand: int) -> Value:
        """Where an operand's row begins."""
        place = self.row_places.get(operand)
        if place is None:
            b, o = self.b, self.nest.operands[operand]
            offset = constant(0, "i64")
            for at, stride in zip(self.row_index, o.row_strides, strict=True):
                if stride:
                    offset = b.add(offset, b.mul(at, stride))
            place = b.element(Value(f"%p{operand}", "ptr"), TYPES[o.dtype], offset)
            self.row_places[operand] = place
        return place

    def place(self, operand: int, chunk: Chunk, base: Value | None = None) -> tuple[Value, int]:
        """Where the first of some columns lies, and the stride from one to the next."""
        b, o = self.b, self.nest.operands[operand]
        base = self.row_place(operand) if base is None else base
        strides = o.col_strides or (0,)
        offset = constant(0, "i64")
        for at, stride in zip(chunk.index, strides, strict=True):
            if stride:
                offset = b.add(offset, b.mul(at, stride))
        return b.element(base, TYPES[o.dtype], offset), strides[-1]

    def load(self, operand: int, kind: str, chunk: Chunk, base: Value | None = None) -> Value:
        b = self.b
        place, stride = self.place(operand, chunk, base)
        if not chunk.lanes:
            return b.load(place, kind)
        if stride == 0:
            return b.splat(b.load(place, kind), chunk.lanes)
        if stride == 1:
            if chunk.mask is None:
                return b.load(place, kind, chunk.lanes)
            return b.masked_load(place, kind, chunk.mask)
        offsets = self.counted(constant(0, "i64"), chunk.lanes, stride)
        return b.gather(b.addresses(place, kind, offsets), kind, self.mask_of(chunk))

    def mask_of(self, chunk: Chunk) -> Value:
        return chunk.mask or constant(1, "i1", chunk.lanes)

    def gather(self, step: Step, at: Value, kind: str, chunk: Chunk) -> Value:
        """Elements of an operand, moved by an index that differs from column to column or not."""
        b = self.b
        at = self.as_index(at)
        place, stride = self.place(step.operand, chunk)
        if not chunk.lanes:
            return b.load(b.element(place, kind, b.mul(at, step.value)), kind)
        row_index = not self.element[step.args[0]]
        if row_index:
            offset = b.mul(self.as_index(self.row_value(step.args[0])), step.value)
            moved = b.element(place, kind, offset)
            if stride == 1:
                if chunk.mask is None:
                    return b.load(moved, kind, chunk.lanes)
                return b.masked_load(moved, kind, chunk.mask)
        offsets = b.add(b.mul(at, constant(step.value, "i64", chunk.lanes)),
                        self.counted(constant(0, "i64"), chunk.lanes, stride))  # fmt: skip
        return b.gather(b.addresses(place, kind, offsets), kind, self.mask_of(chunk))

    def store(self, x: Value, operand: int, chunk: Chunk, base: Value | None = None) -> None:
        b = self.b
        place, stride = self.place(operand, chunk, base)
        if not chunk.lanes:
            b.store(x, place)
        elif stride == 1:
            if chunk.mask is None:
                b.store(x, place)
            else:
                b.masked_store(x, place, chunk.mask)
        else:
            offsets = self.counted(constant(0, "i64"), chunk.lanes, stride)
            kind = TYPES[self.nest.operands[operand].dtype]
            b.scatter(x, b.addresses(place, kind, offsets), self.mask_of(chunk))

    def finish_row_step(self, i: int) -> None:
        """A store or fold of a row value, once a row."""
        step, b = self.steps[i], self.b
        if step.op in REDUCE:
            return
        x = self.row_value(step.args[0])
        if step.op != "store":
            room = self.fold_variables[i, 0]
            self.update_fold(step, x, room)
        elif not self.walks(step.operand):
            b.store(x, self.row_place(step.operand))
        else:
            for chunks in self.walk(1):
                for chunk in chunks:
                    self.store(self.spread(x, chunk.lanes), step.operand, chunk)

    # -- reductions ----------------------------------------------------------------------------

    def neutral(self, op: str, dtype: str, lanes: int) -> Value:
        """What changes nothing under a reduction."""
        value: Any = REDUCE[op][1]
        if isinstance(value, float) and dtype[0] not in "f":
            size = 8 * int(dtype[1])
            if dtype == "b1":
                value = value > 0
            elif dtype[0] == "u":
                value = 0 if value < 0 else 2**size - 1
            else:
                value = -(2 ** (size - 1)) if value < 0 else 2 ** (size - 1) - 1
        return constant(value, TYPES[dtype], lanes)

    def combine(self, op: str, x: Value, y: Value, dtype: str) -> Value:
        return emit(self.b, REDUCE[op][0], [x, y], [dtype, dtype], dtype)

    def begin_reduction(self, i: int, width: int) -> list[Value]:
        step = self.steps[i]
        rooms = []
        for _ in range(width):
            room = self.b.variable(TYPES[step.dtype], self.lanes)
            self.put(self.neutral(step.op, step.dtype, self.lanes), room)
            rooms.append(room)
        return rooms

    def put(self, x: Value, room: Value) -> None:
        """Into a variable: as it is in a register, also bools."""
        self.b.line(f"store {x.type} {x.text}, ptr {room.text}")

    def get(self, room: Value, kind: str, lanes: int) -> Value:
        return self.b.op(f"load {vector(kind, lanes)}, ptr {room.text}", kind, lanes)

    def accumulate(self, i: int, x: Value, room: Value, chunk: Chunk) -> None:
        step = self.steps[i]
        if chunk.mask is not None:
            x = self.b.select(chunk.mask, x, self.neutral(step.op, step.dtype, chunk.lanes))
        before = self.get(room, x.kind, x.lanes)
        self.put(self.combine(step.op, before, x, step.dtype), room)

    def end_reduction(self, i: int, rooms: list[Value]) -> Value:
        """All accumulators and all lanes brought together."""
        step = self.steps[i]
        kind = TYPES[step.dtype]
        values = [self.get(room, kind, self.lanes) for room in rooms]
        while len(values) > 1:
            pairs = zip(values[::2], values[1::2], strict=True)
            values = [self.combine(step.op, x, y, step.dtype) for x, y in pairs]
        return self.across(step, values[0])

    def across(self, step: Step, x: Value) -> Value:
        """One value of all lanes: halves are joined until one is left."""
        b = self.b
        if not x.lanes:
            return x
        lanes = x.lanes
        while lanes > 1:
            half = lanes // 2
            parts = []
            for start in (0, half):
                places = ", ".join(f"i32 {start + j}" for j in range(half))
                parts.append(
                    b.op(
                        f"shufflevector {x.type} {x.text}, {x.type} poison, "
                        f"<{half} x i32> <{places}>",
                        x.kind,
                        half,
                    )
                )
            x = self.combine(step.op, parts[0], parts[1], step.dtype)
            lanes = half
        return b.op(f"extractelement {x.type} {x.text}, i32 0", x.kind)

    # -- folds ---------------------------------------------------------------------------------

    def folds(self) -> list[int]:
        return [i for i, s in enumerate(self.steps) if s.op.startswith("fold_")]

    def fold_base(self, step: Step, block: Value) -> Value:
        b, o = self.b, self.nest.operands[step.operand]
        return b.element(Value(f"%p{step.operand}", "ptr"), TYPES[o.dtype],
                         b.mul(block, o.block_stride))  # fmt: skip

    def begin_folds(self, block: Value) -> None:
        """Neutral values, in variables if a row is short, else in the block's own results."""
        self.fold_bases = {}
        for i in self.folds():
            step = self.steps[i]
            op, dtype = step.op[5:], step.dtype
            self.fold_bases[i] = self.fold_base(step, block)
            if not self.element[step.args[0]]:
                self.fold_variables[i, 0] = room = self.b.variable(TYPES[dtype])
                self.put(self.neutral(op, dtype, 0), room)
            elif self.straight:
                for k in range(max(1, -(-self.cols[0] // max(self.lanes, 1)))):
                    room = self.b.variable(TYPES[dtype], self.lanes)
                    self.fold_variables[i, k] = room
                    self.put(self.neutral(op, dtype, self.lanes), room)
            else:
                for chunks in self.walk(1):
                    for chunk in chunks:
                        neutral = self.neutral(op, dtype, chunk.lanes)
                        self.store(neutral, step.operand, chunk, self.fold_bases[i])

    def fold(self, i: int, x: Value, chunk: Chunk) -> None:
        step = self.steps[i]
        if self.straight:
            self.update_fold(step, x, self.fold_variables[i, self.slot if self.lanes else 0])
            return
        base = self.fold_bases[i]
        before = self.load(step.operand, x.kind, chunk, base)
        self.store(self.combine(step.op[5:], before, x, step.dtype), step.operand, chunk, base)

    def update_fold(self, step: Step, x: Value, room: Value) -> None:
        before = self.get(room, x.kind, x.lanes)
        self.put(self.combine(step.op[5:], before, x, step.dtype), room)

    def end_folds(self, block: Value) -> None:
        for i in self.folds():
            step = self.steps[i]
            kind = TYPES[step.dtype]
            if not self.element[step.args[0]]:
                x = self.get(self.fold_variables[i, 0], kind, 0)
                self.b.store(x, self.fold_bases[i])
            elif self.straight:
                for chunks in self.walk(1):
                    for chunk in chunks:
                        slot = self.slot if self.lanes else 0
                        x = self.get(self.fold_variables[i, slot], kind, chunk.lanes)
                        self.store(x, step.operand, chunk, self.fold_bases[i])
