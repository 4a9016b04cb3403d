"""Matrices transposed in memory, square by square in registers: how images change between
channels first and channels last.

NumPy copies a transposed array number by number; a square of vectors is read, exchanged in
registers and written in whole lines of the cache.
"""

from __future__ import annotations

import functools

from sangja.backend.native.emit import TYPES, Code, Value, constant, kernel_text
from sangja.backend.native.llvm import Kernel, compile_kernel
from sangja.backend.native.packing import transpose
from sangja.backend.native.tile import lanes_of


@functools.cache
def turn(dtype: str) -> Kernel:
    """The kernel (source, target, sizes): `sizes` is (batch, rows, columns) in int64, and each of
    the batch of matrices rows × columns becomes columns × rows."""
    return compile_kernel("turn", text, dtype)


def text(dtype: str) -> str:
    b, kind, lanes = Code(), TYPES[dtype], lanes_of(dtype)
    batch, rows, columns = (
        b.load(b.element(Value("%p2", "ptr"), "i64", constant(i, "i64")), "i64") for i in range(3)
    )
    strips = b.op(f"udiv i64 {b.add(columns, lanes - 1).text}, {lanes}", "i64")
    tid, threads = Value("%tid", "i64"), Value("%threads", "i64")
    first, last = b.share(b.mul(batch, strips), tid, threads)
    with b.loop(first, last) as piece:
        matrix = b.op(f"udiv i64 {piece.text}, {strips.text}", "i64")
        strip = b.op(f"urem i64 {piece.text}, {strips.text}", "i64")
        start = b.mul(b.mul(matrix, rows), columns)
        column = b.mul(strip, lanes)
        source = b.element(Value("%p0", "ptr"), kind, b.add(start, column))
        target = b.element(Value("%p1", "ptr"), kind, b.add(start, b.mul(column, rows)))
        left = b.sub(columns, column)
        with b.loop(constant(0, "i64"), rows, lanes) as row:
            below = b.sub(rows, row)
            here = b.element(source, kind, b.mul(row, columns))
            there = b.element(target, kind, row)
            wide = b.compare("sge", left, constant(lanes, "i64"))
            high = b.compare("sge", below, constant(lanes, "i64"))
            whole = b.binary("and", wide, high)
            with b.when(whole):
                square(b, here, there, columns, rows, kind, lanes)
            with b.when(b.binary("xor", whole, constant(1, "i1"))):
                corner(b, here, there, columns, rows, kind, lanes, left, below)
    b.line("ret void")
    return kernel_text("turn", 3, b)


def square(
    b: Code, source: Value, target: Value, columns: Value, rows: Value, kind: str, lanes: int
) -> None:
    """As many rows and columns as a vector has lanes."""
    lines = []
    for i in range(lanes):
        place = b.element(source, kind, b.mul(columns, constant(i, "i64")))
        lines.append(b.load(place, kind, lanes))
    for j, line in enumerate(transpose(b, lines)):
        b.store(line, b.element(target, kind, b.mul(rows, constant(j, "i64"))))


def corner(
    b: Code, source: Value, target: Value, columns: Value, rows: Value, kind: str, lanes: int,
    left: Value, below: Value,
) -> None:  # fmt: skip
    """What is `left` of the columns and `below` of the rows, where one of them is no square's."""
    numbers = Value("<" + ", ".join(f"i64 {i}" for i in range(lanes)) + ">", "i64", lanes)
    across = b.compare("slt", numbers, b.splat(left, lanes))
    down = b.compare("slt", numbers, b.splat(below, lanes))
    lines = []
    for i in range(lanes):
        inside = b.compare("sgt", below, constant(i, "i64"))
        place = b.element(source, kind, b.mul(columns, constant(i, "i64")))
        mask = b.binary("and", across, b.splat(inside, lanes))
        lines.append(b.masked_load(place, kind, mask))
    for j, line in enumerate(transpose(b, lines)):
        inside = b.compare("sgt", left, constant(j, "i64"))
        mask = b.binary("and", down, b.splat(inside, lanes))
        b.masked_store(line, b.element(target, kind, b.mul(rows, constant(j, "i64"))), mask)
