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
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from sangja.backend.native.access import Chunk
from sangja.backend.native.emit import TYPES, Code, Value, constant, kernel_text
from sangja.backend.native.llvm import Kernel, compile_kernel
from sangja.backend.native.reduction import TURNS, Reductions
from sangja.backend.native.spec import REDUCE, Nest, Operand, Step
from sangja.backend.native.steps import COSTLY, Unsupported, emit, supported

LONG = 12  # what a function like exp counts, in plain operations


@functools.cache
def build(nest: Nest) -> Kernel:
    """The kernel of a nest. Raises `Unsupported` before any work for what kernels cannot do."""
    for step in nest.steps:
        check(nest, step)
    kernel = compile_kernel("nest", nest_text, nest)
    count = math.prod(nest.rows) * math.prod(nest.cols)
    arithmetic = sum(bool(s.args) and s.op not in ("store", "cast") for s in nest.steps)
    kernel.flops = arithmetic * count
    return kernel


def nest_text(nest: Nest) -> str:
    """The kernel (operands…). What is read and what is written may be one array: an update in
    place."""
    return kernel_text("nest", len(nest.operands), Writer(nest).write(), apart=False)


def check(nest: Nest, step: Step) -> None:
    simple = step.op in REDUCE or step.op.startswith("fold_")
    if simple or step.op in ("load", "store", "gather", "const", "index"):
        if step.dtype and step.dtype not in TYPES:
            raise Unsupported(step.op, step.dtype)
        return
    dtypes = tuple(nest.steps[a].dtype for a in step.args)
    if not supported(step.op, dtypes, step.dtype):
        raise Unsupported(step.op, dtypes)


class Writer(Reductions):
    """Writes the function of one nest."""

    def __init__(self, nest: Nest) -> None:
        super().__init__(nest)
        self.fold_variables: dict[tuple[int, int], Value] = {}
        self.slot = 0

    # -- the loops -----------------------------------------------------------------------------

    def write(self) -> Code:
        b = self.b
        self.plan_scratch()
        rows = math.prod(self.nest.rows)
        tid, threads = Value("%tid", "i64"), Value("%threads", "i64")
        blocks = constant(self.nest.blocks, "i64")
        first, last = b.share(blocks, tid, threads)
        with b.loop(first, last) as block:
            ends = []
            for which in (block, b.add(block, 1)):
                whole = b.mul(which, rows)
                ends.append(b.op(f"sdiv i64 {whole.text}, {self.nest.blocks}", "i64"))
            self.begin_folds(block)
            if rows:
                with b.loop(ends[0], ends[1]) as row:
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
            # Many long functions side by side would need more registers than there are.
            work = sum(
                LONG if self.steps[i].op in COSTLY else 1
                for i in self.needed_elements(stage, sinks)
            )
            width = 4 if work <= 12 else 2 if work <= 24 else 1
        sums = {i: self.begin_reduction(i, width) for i in reductions}
        long = [i for i in reductions if self.is_long(i, width)]
        totals = {i: self.begin_reduction(i, width, "f8") for i in long}
        for chunks in self.walk(width, lambda: self.flush(sums, totals)):
            for k, chunk in enumerate(chunks):
                self.write_chunk(stage, sinks, chunk, {i: sums[i][k] for i in reductions})
        self.flush(sums, totals)
        for i in reductions:
            rooms, dtype = (totals[i], "f8") if i in totals else (sums[i], "")
            self.row_values[i] = self.end_reduction(i, rooms, dtype)

    def walk(self, width: int, pause: Callable[[], None] | None = None) -> Iterator[list[Chunk]]:
        """The chunks of a row, as many at a time as are done in one turn of the loop. A long row
        comes with pauses."""
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
                    stretch = step * TURNS if pause else done
                    for start, stop in self.stretches(done, stretch, pause):
                        with b.loop(start, stop, step) as inner:
                            chunks = []
                            for k in range(width):
                                moved = b.add(inner, k * lanes)
                                where = [*outer, moved]
                                chunks.append(Chunk(b.add(linear, moved), where, lanes, None))
                            yield chunks
            for k, at in enumerate(range(done, n, lanes)):
                left = min(lanes, n - at)
                mask = None
                if left < lanes:
                    bits = ", ".join(f"i1 {'true' if j < left else 'false'}" for j in range(lanes))
                    mask = Value(f"<{bits}>", "i1", lanes)
                place = constant(at, "i64")
                self.slot = k
                yield [Chunk(b.add(linear, place), [*outer, place], lanes, mask)]

    def stretches(
        self, count: int, stretch: int, pause: Callable[[], None] | None
    ) -> Iterator[tuple[Value, Value]]:
        """The columns in stretches, with a pause after each."""
        b, end = self.b, constant(count, "i64")
        if count <= stretch or pause is None:
            yield constant(0, "i64"), end
            return
        with b.loop(constant(0, "i64"), end, stretch) as start:
            stop = b.add(start, stretch)
            yield start, b.select(b.compare("slt", stop, end), stop, end)
            pause()

    def write_chunk(
        self, stage: int, sinks: list[int], chunk: Chunk, sums: dict[int, Value]
    ) -> None:
        """The steps of a stage for some columns."""
        b = self.b
        known: dict[int, Value] = {}
        # All values before the first store, which may replace what others are made of.
        values = [self.element_value(self.steps[i].args[0], stage, chunk, known) for i in sinks]
        for i, x in zip(sinks, values, strict=True):
            step = self.steps[i]
            if step.op == "store":
                self.store(x, step.operand, chunk)
            elif step.op in REDUCE:
                self.accumulate(i, x, sums[i], chunk)
            else:
                self.fold(i, x, chunk)
        for i, room in self.scratch.items():
            if self.first[i] == stage and i in known:
                kind = known[i].kind
                place = b.element(room, "i8" if kind == "i1" else kind, chunk.linear)
                b.store(known[i], place)

    # -- values --------------------------------------------------------------------------------

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
            at = self.as_index(self.row_value(step.args[0]), self.steps[step.args[0]].dtype)
            offset = b.mul(at, step.value)
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
        x, count = self.converted(step, self.row_value(step.args[0])), math.prod(self.cols)
        if count == 0:
            return self.neutral(step.op, step.dtype, 0)
        if step.op == "sum" and x.kind != "i1":
            return self.b.mul(x, constant(count, x.kind))
        if step.op == "prod":
            return self.repeated(step, x, count)
        return x

    def repeated(self, step: Step, x: Value, count: int) -> Value:
        """x to a whole power, by squares."""
        z: Value | None = None
        while True:
            if count % 2:
                z = x if z is None else self.combine(step.op, z, x, step.dtype)
            count //= 2
            if z is not None and not count:
                return z
            x = self.combine(step.op, x, x, step.dtype)

    def element_value(self, i: int, stage: int, chunk: Chunk, known: dict[int, Value]) -> Value:
        """The value of a step in some columns."""
        if not self.element[i]:
            value = self.row_value(i)
            return self.b.splat(value, chunk.lanes) if chunk.lanes else value
        if i not in known:
            known[i] = self.new_element(i, stage, chunk, known)
        return known[i]

    def new_element(self, i: int, stage: int, chunk: Chunk, known: dict[int, Value]) -> Value:
        step, b = self.steps[i], self.b
        kind = TYPES[step.dtype] if step.dtype else ""
        if self.is_kept(i, stage):
            if i in self.reloads and self.stage[i] < stage:
                return self.load(self.reloads[i], kind, chunk)
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

    def finish_row_step(self, i: int) -> None:
        """A store or fold of a row value, once a row."""
        step, b = self.steps[i], self.b
        if step.op in REDUCE:
            return
        x = self.row_value(step.args[0])
        if step.op != "store":
            self.update_fold(step, self.converted(step, x), self.fold_variables[i, 0])
        elif not self.walks(step.operand):
            b.store(x, self.row_place(step.operand))
        else:
            for chunks in self.walk(1):
                for chunk in chunks:
                    self.store(self.spread(x, chunk.lanes), step.operand, chunk)


__all__ = ["Nest", "Operand", "Step", "build"]
