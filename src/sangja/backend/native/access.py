"""How a nest reads and writes its operands: vectors, broadcast numbers, gathers, masked ends."""

from __future__ import annotations

from dataclasses import dataclass

from sangja.backend.native.emit import TYPES, Value, constant
from sangja.backend.native.spec import Step
from sangja.backend.native.stages import Stages


@dataclass(slots=True)
class Chunk:
    """Some neighbouring columns: their place in the scratch row, the index along every dimension of
    the columns, how many lanes, and which of them count."""

    linear: Value
    index: list[Value]
    lanes: int
    mask: Value | None


class Access(Stages):
    """Loads and stores at a place of the loops."""

    row_index: list[Value]
    row_places: dict[int, Value]

    def row_value(self, i: int) -> Value:
        raise NotImplementedError

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
        dtype = self.steps[step.args[0]].dtype
        at = self.as_index(at, dtype)
        place, stride = self.place(step.operand, chunk)
        if not chunk.lanes:
            return b.load(b.element(place, kind, b.mul(at, step.value)), kind)
        row_index = not self.element[step.args[0]]
        if row_index:
            offset = b.mul(self.as_index(self.row_value(step.args[0]), dtype), step.value)
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

    def spread(self, x: Value, lanes: int) -> Value:
        return self.b.splat(x, lanes) if lanes else x

    def counted(self, start: Value, lanes: int, stride: int) -> Value:
        """start, start + stride, …"""
        if not lanes:
            return start
        text = "<" + ", ".join(f"i64 {j * stride}" for j in range(lanes)) + ">"
        return self.b.add(self.b.splat(start, lanes), Value(text, "i64", lanes))

    def as_index(self, x: Value, dtype: str) -> Value:
        if x.kind == "i64":
            return x
        return self.b.convert("zext" if dtype[0] in "ub" else "sext", x, "i64")
