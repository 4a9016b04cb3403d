"""Which step of a nest runs in which loop over the columns.

A row step has one value a row, an element step one a column. A reduction ends a loop, and the
element steps that use its result belong to a later one: a later stage. What a later stage needs of
an earlier one it computes again where that is cheap, and else reads from where it was stored, or
from a scratch row.
"""

from __future__ import annotations

import math

from sangja.backend.native.emit import SIZES, TYPES, Code, Value
from sangja.backend.native.llvm import vector_bytes
from sangja.backend.native.spec import REDUCE, Nest, Step
from sangja.backend.native.steps import COSTLY

SCRATCH_BYTES = 64 << 10  # of a thread's stack, for values kept between the loops over a row
CHEAP = 8  # up to so many operations are done again rather than kept
STRAIGHT = 4  # up to so many vectors a row is written out without a loop


class Stages:
    """The levels and stages of a nest's steps."""

    def __init__(self, nest: Nest) -> None:
        self.nest = nest
        self.steps = nest.steps
        self.b = Code()
        self.cols = nest.cols or (1,)
        self.lanes = self.choose_lanes()
        self.element: list[bool] = []
        self.stage: list[int] = []
        self.cost: list[int] = []
        for step in nest.steps:
            self.analyse(step)
        self.stages = 1 + max(
            (self.stage[i] for i, s in enumerate(self.steps) if self.is_sink(s)), default=0
        )
        self.reloads = self.stored_operands()
        self.scratch: dict[int, Value] = {}
        self.first: dict[int, int] = {}  # the loop in which a value is first computed
        self.straight = len(self.cols) == 1 and -(-self.cols[0] // max(self.lanes, 1)) <= STRAIGHT

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
        return lanes * self.side_by_side(n // lanes if n % lanes == 0 else 1)

    def side_by_side(self, vectors: int) -> int:
        """How many vectors are computed at once. Where one long function waits for another, the
        processor would wait for each of them alone."""
        depth: list[int] = []
        for s in self.steps:
            if s.op == "gather" or (self.is_sink(s) and s.op != "store"):
                return 1
            depth.append(max((depth[a] for a in s.args), default=0) + (s.op in COSTLY))
        deep = max(depth, default=0) >= 2
        return next((k for k in (4, 2) if deep and vectors % k == 0), 1)

    def walks(self, operand: int) -> bool:
        """Whether an operand differs along the columns."""
        strides = self.nest.operands[operand].col_strides
        return any(s and n != 1 for s, n in zip(strides, self.nest.cols, strict=True))

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
        cost = 1
        if level and args:  # how many operations it takes to compute it again
            cost = (100 if step.op in COSTLY else 1) + sum(self.cost[a] for a in args)
        self.cost.append(min(cost, 1000))

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

    def plan_scratch(self) -> None:
        """Find what is kept in a scratch row between two loops: costly values that an earlier loop
        computes anyway."""
        room = SCRATCH_BYTES
        total = math.prod(self.cols)
        for s in range(self.stages):
            stack = [a for i in self.sinks(s) for a in self.steps[i].args if self.element[a]]
            seen = set()
            while stack:
                i = stack.pop()
                if i in seen or self.is_kept(i, s):
                    continue
                seen.add(i)
                step = self.steps[i]
                kind = TYPES[step.dtype]
                size = total * SIZES[kind]
                costly = step.args and step.op != "gather" and self.cost[i] > CHEAP
                if costly and self.first.get(i, s) < s and size <= room:
                    room -= size
                    memory = "i8" if kind == "i1" else kind
                    self.scratch[i] = self.b.variable(memory, count=total + 64)
                    continue
                stack.extend(a for a in step.args if self.element[a])
            for i in self.needed_elements(s, self.sinks(s)):
                self.first.setdefault(i, s)

    def is_kept(self, i: int, stage: int) -> bool:
        """Whether a loop finds a value where an earlier one left it."""
        if i in self.reloads and self.stage[i] < stage:
            return True
        return i in self.scratch and self.first[i] < stage

    def by_element(self, step: Step) -> bool:
        """Whether a store, fold or reduction happens at every column, or once a row. A row's value
        that is folded into different columns is folded into each."""
        folds = step.op.startswith("fold_") and self.walks(step.operand)
        return self.element[step.args[0]] or folds

    def sinks(self, stage: int, element: bool = True) -> list[int]:
        """The stores, folds and reductions of a stage whose argument has this level."""
        return [
            i
            for i, s in enumerate(self.steps)
            if self.is_sink(s) and self.by_element(s) is element and self.stage[s.args[0]] == stage
        ]

    def needed_elements(self, stage: int, sinks: list[int]) -> set[int]:
        """The element steps that a stage evaluates."""
        stack = [a for i in sinks for a in self.steps[i].args if self.element[a]]
        seen: set[int] = set()
        while stack:
            i = stack.pop()
            if i in seen:
                continue
            seen.add(i)
            if self.is_kept(i, stage):
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
