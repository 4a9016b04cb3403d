"""Products of matrices, with any strides, in batches.

C[m, n] = Σ A[m, k] · B[k, n]. The vectors run along n. Where B does not lie in memory as they need
it, a first kernel packs it into panels (n / width, k, width); A is read where it is.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import Any

from sangja.backend.native.emit import TYPES, Code, Value, constant, kernel_text
from sangja.backend.native.llvm import Kernel, compile_kernel
from sangja.backend.native.tile import (
    Loop,
    Sums,
    lanes_of,
    masks_for,
    tile_shape,
    transpose,
)

DIRECT_BYTES = 96 << 10  # up to so large a B is read where it lies
DEEP = 4096  # so many steps of the reduction are done before the sums are stored
UNIT_ROWS = 128  # rows of C that one piece of work covers


@dataclass(frozen=True, slots=True)
class Gemm:
    """A batch of products. Strides in elements: those of the batch, then of the matrix."""

    batch: tuple[int, ...]
    m: int
    n: int
    k: int
    a: tuple[int, ...]
    b: tuple[int, ...]
    c: tuple[int, ...]
    dtype: str = "f4"
    accumulate: bool = False


@dataclass(slots=True)
class Plan:
    """Kernels in order, each with the roles of its operands and whether one thread runs it; and
    the bytes of the workspace."""

    stages: list[tuple[Kernel, tuple[str, ...], bool]] = field(default_factory=list)
    workspace: int = 0


@functools.cache
def plan(gemm: Gemm) -> Plan:
    """How a batch of products is computed."""
    if (gemm.n > 1 and gemm.c[-1] != 1 and gemm.c[-2] == 1) or wants_turning(gemm):
        return turned(plan(transposed(gemm)))
    lanes = lanes_of(gemm.dtype)
    mr, nv = tile_shape(gemm.m, gemm.n, gemm.dtype)
    width = nv * lanes
    size = 8 if gemm.dtype == "f8" else 4
    shared = [n for n, s in zip(gemm.batch, gemm.b, strict=False) if s]
    small = gemm.k * gemm.n * size <= DIRECT_BYTES or gemm.m <= 2 * mr
    flops = 2 * math.prod(gemm.batch) * gemm.m * gemm.n * gemm.k
    serial = flops < 200_000
    if (gemm.b[-1] == 1 or gemm.n == 1) and small:
        kernel = compile_kernel("gemm", multiply_text(gemm, mr, nv, packed=False))
        kernel.flops = flops
        return Plan([(kernel, ("a", "b", "c"), serial)])
    panels = -(-gemm.n // width)
    pack = compile_kernel("pack", pack_text(gemm, width))
    kernel = compile_kernel("gemm", multiply_text(gemm, mr, nv, packed=True))
    kernel.flops = flops
    copies = math.prod(shared)
    return Plan(
        [(pack, ("b", "work"), serial), (kernel, ("a", "work", "c"), serial)],
        copies * panels * gemm.k * width * size,
    )


def wants_turning(gemm: Gemm) -> bool:
    """Whether C should be computed as Bᵀ Aᵀ: where that alone lets vectors run along memory."""
    return gemm.n == 1 and gemm.m > 1 and gemm.c[-2] == 1 and gemm.a[-2] == 1


def transposed(gemm: Gemm) -> Gemm:
    """The same product with A and B exchanged and transposed."""

    def swap(strides: tuple[int, ...]) -> tuple[int, ...]:
        return (*strides[:-2], strides[-1], strides[-2])

    return Gemm(
        gemm.batch, gemm.n, gemm.m, gemm.k, swap(gemm.b), swap(gemm.a), swap(gemm.c), gemm.dtype,
        gemm.accumulate,
    )  # fmt: skip


def turned(found: Plan) -> Plan:
    """A plan with A and B exchanged."""
    names = {"a": "b", "b": "a"}
    stages = [
        (kernel, tuple(names.get(r, r) for r in roles), serial)
        for kernel, roles, serial in found.stages
    ]
    return Plan(stages, found.workspace)


def offset_of(b: Code, index: list[Value], strides: tuple[int, ...]) -> Value:
    """The offset of an index, in elements."""
    total = constant(0, "i64")
    for i, stride in zip(index, strides, strict=True):
        if stride:
            total = b.add(total, b.mul(i, stride))
    return total


def decode(b: Code, number: Value, extents: tuple[int, ...]) -> list[Value]:
    """A running number as an index along several extents."""
    index: list[Value] = []
    for n in reversed(extents):
        if n == 1:
            index.append(constant(0, "i64"))
            continue
        index.append(b.op(f"urem i64 {number.text}, {n}", "i64"))
        number = b.op(f"udiv i64 {number.text}, {n}", "i64")
    return index[::-1]


# -- packing ------------------------------------------------------------------------------------


def pack_text(gemm: Gemm, width: int) -> str:
    """B as panels: work[copy, panel, k, width]. What lies behind the last column is not written."""
    b = Code()
    panels = -(-gemm.n // width)
    extents = tuple(n if s else 1 for n, s in zip(gemm.batch, gemm.b, strict=False))
    lanes = lanes_of(gemm.dtype)
    pieces = panels * math.prod(extents)
    first, last = b.share(constant(pieces, "i64"), Value("%tid", "i64"), Value("%threads", "i64"))
    with b.loop(first, last) as piece:
        *index, panel = decode(b, piece, (*extents, panels))
        kind = TYPES[gemm.dtype]
        source = b.element(Value("%p0", "ptr"), kind, offset_of(b, index, gemm.b[:-2]))
        source = b.element(source, kind, b.mul(b.mul(panel, width), gemm.b[-1]))
        target = b.element(Value("%p1", "ptr"), kind, b.mul(piece, gemm.k * width))
        whole, rest = divmod(gemm.n, width)
        if whole:
            full = b.compare("slt", panel, constant(whole, "i64"))
            with b.when(full):
                pack_panel(b, gemm, source, target, width, width, lanes)
        if rest:
            with b.when(b.compare("eq", panel, constant(whole, "i64"))):
                pack_panel(b, gemm, source, target, rest, width, lanes)
    b.line("ret void")
    return kernel_text("pack", 2, b)


def pack_panel(
    b: Code, gemm: Gemm, source: Value, target: Value, columns: int, width: int, lanes: int
) -> None:
    """One panel of `columns` columns."""
    kind = TYPES[gemm.dtype]
    sk, sn = gemm.b[-2:]
    done = 0
    if sn != 1 and sk == 1 and gemm.k >= lanes:
        done = gemm.k // lanes * lanes
        with b.loop(constant(0, "i64"), constant(done, "i64"), lanes) as k:
            from_k = b.element(source, kind, k)
            to_k = b.element(target, kind, b.mul(k, width))
            for start in range(0, columns, lanes):
                rows = []
                for j in range(lanes):
                    at = min(start + j, columns - 1)  # behind the end: anything
                    rows.append(
                        b.load(b.element(from_k, kind, constant(at * sn, "i64")), kind, lanes)
                    )
                for j, row in enumerate(transpose(b, rows)):
                    b.store(row, b.element(to_k, kind, constant(j * width + start, "i64")))
    if done == gemm.k:
        return
    masks = masks_for(columns, -(-columns // lanes), lanes)
    with b.loop(constant(done, "i64"), constant(gemm.k, "i64")) as k:
        from_k = b.element(source, kind, b.mul(k, sk))
        to_k = b.element(target, kind, b.mul(k, width))
        for j, mask in enumerate(masks):
            place = b.element(from_k, kind, constant(j * lanes * sn, "i64"))
            if sn == 1:
                x = b.load(place, kind, lanes) if mask is None else b.masked_load(place, kind, mask)
            else:
                text = "<" + ", ".join(f"i64 {i * sn}" for i in range(lanes)) + ">"
                places = b.addresses(place, kind, Value(text, "i64", lanes))
                x = b.gather(places, kind, mask or constant(1, "i1", lanes))
            b.store(x, b.element(to_k, kind, constant(j * lanes, "i64")))


# -- multiplying --------------------------------------------------------------------------------


def multiply_text(gemm: Gemm, mr: int, nv: int, *, packed: bool) -> str:
    """The product, in units of some rows and one panel."""
    b = Code()
    lanes = lanes_of(gemm.dtype)
    width = nv * lanes
    panels = -(-gemm.n // width)
    per_unit = max(1, UNIT_ROWS // mr)
    tiles = -(-gemm.m // mr)
    blocks = -(-tiles // per_unit)
    units = math.prod(gemm.batch) * panels * blocks
    first, last = b.share(constant(units, "i64"), Value("%tid", "i64"), Value("%threads", "i64"))
    kind = TYPES[gemm.dtype]
    sums = Sums(b, mr, nv, gemm.dtype)
    with b.loop(first, last) as unit:
        *index, block, panel = decode(b, unit, (*gemm.batch, blocks, panels))
        a = b.element(Value("%p0", "ptr"), kind, offset_of(b, index, gemm.a[:-2]))
        c = b.element(Value("%p2", "ptr"), kind, offset_of(b, index, gemm.c[:-2]))
        c = b.element(c, kind, b.mul(b.mul(panel, width), gemm.c[-1]))
        if packed:
            extents = tuple(n if s else 1 for n, s in zip(gemm.batch, gemm.b, strict=False))
            copy = constant(0, "i64")
            for i, n in zip(index, extents, strict=True):
                copy = b.add(b.mul(copy, n), i if n != 1 else constant(0, "i64"))
            copy = b.add(b.mul(copy, panels), panel)
            bb = b.element(Value("%p1", "ptr"), kind, b.mul(copy, gemm.k * width))
        else:
            bb = b.element(Value("%p1", "ptr"), kind, offset_of(b, index, gemm.b[:-2]))
            bb = b.element(bb, kind, b.mul(b.mul(panel, width), gemm.b[-1]))
        from_tile = b.mul(block, per_unit)
        to_tile = minimum(b, b.add(from_tile, per_unit), tiles)
        whole, rest = divmod(gemm.n, width)
        for columns, condition in ((width, "slt"), (rest, "eq")):
            if (columns == width and not whole) or not columns:
                continue
            with b.when(b.compare(condition, panel, constant(whole, "i64"))):
                tile_loop(b, gemm, sums, (a, bb, c), (from_tile, to_tile), columns, packed)
    b.line("ret void")
    return kernel_text("gemm", 3, b)


def tile_loop(
    b: Code, gemm: Gemm, sums: Sums, places: Any, ends: Any, columns: int, packed: bool
) -> None:
    """All tiles of a unit. The last one begins earlier, so that it is whole: its first rows are
    computed twice, to the same values."""
    a, bb, c = places
    mr, nv, lanes, kind = sums.rows, sums.vectors, sums.lanes, sums.kind
    masks = masks_for(columns, nv, lanes)
    while masks and masks[-1] is not None and "true" not in masks[-1].text:
        masks.pop()  # vectors behind the last column
    row_stride = nv * lanes if packed else gemm.b[-2]
    whole, rest = divmod(gemm.m, mr)
    parts = [(mr, ends)] if not rest else []
    if rest:
        inner = minimum(b, ends[1], whole)
        parts = [(mr, (ends[0], inner))] if whole else []
    for rows, (start, stop) in parts:
        with b.loop(start, stop) as tile:
            one_tile(b, gemm, sums, (a, bb, c), b.mul(tile, mr), rows, masks, row_stride, packed)
    if rest:
        with b.when(b.compare("sgt", ends[1], constant(whole, "i64"))):
            shift = gemm.m - mr
            if shift >= 0 and not gemm.accumulate and gemm.k <= DEEP:
                at, rows = constant(shift, "i64"), mr
            else:
                at, rows = constant(whole * mr, "i64"), rest
            one_tile(b, gemm, sums, (a, bb, c), at, rows, masks, row_stride, packed)
    del kind


def one_tile(
    b: Code,
    gemm: Gemm,
    sums: Sums,
    places: Any,
    row: Value,
    rows: int,
    masks: Any,
    row_stride: int,
    packed: bool,
) -> None:
    """One tile of C, over the whole reduction."""
    a, bb, c = places
    kind = sums.kind
    a = b.element(a, kind, b.mul(row, gemm.a[-2]))
    c = b.element(c, kind, b.mul(row, gemm.c[-2]))
    offsets = [i * gemm.a[-2] for i in range(rows)]
    targets = [i * gemm.c[-2] for i in range(rows)]
    read = [None] * len(masks) if packed else masks
    for start in range(0, gemm.k, DEEP):
        count = min(DEEP, gemm.k - start)
        sums.clear()
        sums.multiply(
            b.element(a, kind, constant(start * gemm.a[-1], "i64")),
            offsets,
            b.element(bb, kind, constant(start * row_stride, "i64")),
            [Loop(count, gemm.a[-1], row_stride)],
            read,
        )
        sums.write(c, targets, masks, accumulate=gemm.accumulate or start > 0)


def minimum(b: Code, x: Value, y: int) -> Value:
    limit = constant(y, "i64")
    return b.select(b.compare("slt", x, limit), x, limit)
