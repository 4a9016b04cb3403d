"""Reductions within a nest: over the columns of a row, and folded over the rows of a block."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from sangja.backend.native.access import Access, Chunk
from sangja.backend.native.emit import TYPES, Value, constant, vector
from sangja.backend.native.spec import REDUCE, Step
from sangja.backend.native.steps import cast, emit

TURNS = 64  # so many additions to one sum; then it goes to a sum of sums, or rounding would add up


class Reductions(Access):
    """Sums and the like, in variables that live through the loops."""

    slot: int
    fold_variables: dict[tuple[int, int], Value]
    fold_bases: dict[int, Value]

    def walk(self, width: int, pause: Callable[[], None] | None = None) -> Iterator[list[Chunk]]:
        raise NotImplementedError

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

    def begin_reduction(self, i: int, width: int, dtype: str = "") -> list[Value]:
        step = self.steps[i]
        dtype = dtype or step.dtype
        rooms = []
        for _ in range(width):
            room = self.b.variable(TYPES[dtype], self.lanes)
            self.put(self.neutral(step.op, dtype, self.lanes), room)
            rooms.append(room)
        return rooms

    def is_long(self, i: int, width: int) -> bool:
        """Whether a sum is of so many columns that it is made of partial sums."""
        turn = max(self.lanes, 1) * width * TURNS
        step = self.steps[i]
        return step.op == "sum" and step.dtype[0] == "f" and math.prod(self.cols) > turn

    def flush(self, sums: dict[int, list[Value]], totals: dict[int, list[Value]]) -> None:
        """Add partial sums to their totals, which are of double precision, and begin them anew."""
        for i, rooms in totals.items():
            dtype = self.steps[i].dtype
            for partial, total in zip(sums[i], rooms, strict=True):
                x = cast(self.b, self.get(partial, TYPES[dtype], self.lanes), dtype, "f8")
                y = self.get(total, "double", self.lanes)
                self.put(self.combine("sum", y, x, "f8"), total)
                self.put(self.neutral("sum", dtype, self.lanes), partial)

    def converted(self, step: Step, x: Value) -> Value:
        """What a reduction or fold takes, in its own dtype."""
        return cast(self.b, x, self.steps[step.args[0]].dtype, step.dtype)

    def put(self, x: Value, room: Value) -> None:
        """Into a variable: as it is in a register, also bools."""
        self.b.line(f"store {x.type} {x.text}, ptr {room.text}")

    def get(self, room: Value, kind: str, lanes: int) -> Value:
        return self.b.op(f"load {vector(kind, lanes)}, ptr {room.text}", kind, lanes)

    def accumulate(self, i: int, x: Value, room: Value, chunk: Chunk) -> None:
        step = self.steps[i]
        x = self.converted(step, x)
        if chunk.mask is not None:
            x = self.b.select(chunk.mask, x, self.neutral(step.op, step.dtype, chunk.lanes))
        before = self.get(room, x.kind, x.lanes)
        self.put(self.combine(step.op, before, x, step.dtype), room)

    def end_reduction(self, i: int, rooms: list[Value], dtype: str = "") -> Value:
        """All accumulators and all lanes brought together."""
        step = self.steps[i]
        dtype = dtype or step.dtype
        kind = TYPES[dtype]
        values = [self.get(room, kind, self.lanes) for room in rooms]
        while len(values) > 1:
            pairs = zip(values[::2], values[1::2], strict=True)
            values = [self.combine(step.op, x, y, dtype) for x, y in pairs]
        return cast(self.b, self.across(step, values[0], dtype), dtype, step.dtype)

    def across(self, step: Step, x: Value, dtype: str) -> Value:
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
            x = self.combine(step.op, parts[0], parts[1], dtype)
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
            if not self.by_element(step):
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
        x = self.converted(step, x)
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
            if not self.by_element(step):
                x = self.get(self.fold_variables[i, 0], kind, 0)
                self.b.store(x, self.fold_bases[i])
            elif self.straight:
                for chunks in self.walk(1):
                    for chunk in chunks:
                        slot = self.slot if self.lanes else 0
                        x = self.get(self.fold_variables[i, slot], kind, chunk.lanes)
                        self.store(x, step.operand, chunk, self.fold_bases[i])
