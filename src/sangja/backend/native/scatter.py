"""Rows added up by index: out[at[i]] += values[i], the derivative of looking up an embedding."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from sangja.backend.native.emit import TYPES, Code, Value, constant, kernel_text
from sangja.backend.native.llvm import compile_kernel
from sangja.backend.native.matmul import Plan
from sangja.backend.native.steps import Unsupported
from sangja.backend.native.tile import lanes_of, masks_for


@dataclass(frozen=True, slots=True)
class ScatterAdd:
    """`rows` of the result; shape and strides of the values (count, features); the stride and
    the dtype of the index; the dtype of the values."""

    rows: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    at_stride: int
    at_dtype: str
    dtype: str


@functools.cache
def plan(spec: ScatterAdd) -> Plan:
    """One kernel, in parallel over the features: every sum is made by one thread, in order."""
    if spec.dtype not in ("f4", "f8") or len(spec.shape) != 2 or spec.strides[1] != 1:
        raise Unsupported("scatter_add", spec.dtype)
    kernel = compile_kernel("scatter", text, spec)
    return Plan([(kernel, ("values", "at", "out"), False)])


def text(spec: ScatterAdd) -> str:
    b = Code()
    kind, lanes = TYPES[spec.dtype], lanes_of(spec.dtype)
    count, features = spec.shape
    pieces = -(-features // lanes)
    first, last = b.share(constant(pieces, "i64"), Value("%tid", "i64"), Value("%threads", "i64"))
    for whole in (True, False):
        columns = lanes if whole else features % lanes
        if not columns or (whole and features < lanes):
            continue
        (mask,) = masks_for(columns, 1, lanes)
        end = constant(features // lanes, "i64")
        if whole:
            stop = b.select(b.compare("slt", last, end), last, end)
            with b.loop(first, stop) as piece:
                add_rows(b, spec, b.mul(piece, lanes), mask)
        else:
            with b.when(b.compare("sgt", last, end)), b.when(b.compare("sle", first, end)):
                add_rows(b, spec, b.mul(end, lanes), mask)
    del kind, count
    b.line("ret void")
    return kernel_text("scatter", 3, b)


def add_rows(b: Code, spec: ScatterAdd, column: Value, mask: Value | None) -> None:
    """All rows, for one vector of features."""
    kind, lanes = TYPES[spec.dtype], lanes_of(spec.dtype)
    count, features = spec.shape
    values = b.element(Value("%p0", "ptr"), kind, column)
    out = b.element(Value("%p2", "ptr"), kind, column)

    def read(place: Value) -> Value:
        return b.load(place, kind, lanes) if mask is None else b.masked_load(place, kind, mask)

    def write(x: Value, place: Value) -> None:
        if mask is None:
            b.store(x, place)
        else:
            b.masked_store(x, place, mask)

    with b.loop(constant(0, "i64"), constant(spec.rows, "i64")) as row:
        write(constant(0.0, kind, lanes), b.element(out, kind, b.mul(row, features)))
    with b.loop(constant(0, "i64"), constant(count, "i64")) as i:
        at_kind = TYPES[spec.at_dtype]
        place = b.element(Value("%p1", "ptr"), at_kind, b.mul(i, spec.at_stride))
        at = b.load(place, at_kind)
        if at.kind != "i64":
            at = b.convert("sext", at, "i64")
        target = b.element(out, kind, b.mul(at, features))
        x = read(b.element(values, kind, b.mul(i, spec.strides[0])))
        write(b.add(read(target), x), target)
