"""Products of matrices, with any strides, in batches.

C[m, n] = Σ A[m, k] · B[k, n]. The vectors run along n. Where B does not lie in memory as they need
it, a first kernel packs it into panels, or each thread does it on its own stack if B is small; A is
read where it is, unless what a tile reads of it meets in the cache.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from sangja.backend.native import epilogue
from sangja.backend.native.dots import DEEPEST, Dots
from sangja.backend.native.emit import TYPES, Code, Value, constant, kernel_text
from sangja.backend.native.flat import Flat
from sangja.backend.native.llvm import Kernel, compile_kernel
from sangja.backend.native.packing import (
    Panels,
    decode,
    offset_of,
    pack_panels,
    pack_text,
    thread_share,
)
from sangja.backend.native.spec import Gemm, swapped
from sangja.backend.native.tile import (
    Loop,
    Sums,
    cut,
    lanes_of,
    masks_for,
    maximum,
    minimum,
    size_of,
    split,
    tile_shape,
)

L1 = 32 << 10  # bytes that surely fit into the first cache
NEAR = 640 << 10  # bytes over which B may be spread to be read where it lies
PANEL = 40 << 10  # a panel's bytes that still leave it room
BLOCK = 8 << 10  # vectors of A that stay in the second cache
COLUMNS = 4 << 20  # bytes of B that stay in the third
MEMORY = 4 << 20  # bytes from which an operand comes from memory
DEEP = 2048  # steps of the reduction between which the sums stay in registers
STREAMED = 6  # rows of a tile whose numbers of A come from memory
AHEAD = 64  # steps of the reduction before which packed numbers are called into the first cache
FLAT = 4  # rows of C up to which no number of B is used again
FAR = 512 << 10  # bytes of B that are not soon read
LONG = 6  # a reduction of so many times the rows of C is worth no panels
FETCH = 256  # steps of the reduction within which memory answers
SHORT = 1_000_000  # operations below which a product alone is not worth calling other threads
SMALL = 200_000  # operations below which other threads are not worth their call
UNITS = 8  # pieces of work a larger product is cut into at least


@dataclass(slots=True)
class Plan:
    """Kernels in order, each with the roles of its operands and whether one thread runs it; and
    the bytes of the workspace. `packs`: the first kernel brings B into the workspace, which holds
    nothing else, so that another product with this B may use it."""

    stages: list[tuple[Kernel, tuple[str, ...], bool]] = field(default_factory=list)
    workspace: int = 0
    packs: bool = False


def transposed(g: Gemm) -> Gemm:
    """Cᵀ = Bᵀ Aᵀ."""
    return replace(
        g, m=g.n, n=g.m, a=swapped(g.b), b=swapped(g.a), c=swapped(g.c),
        operands=tuple((dtype, swapped(s)) for dtype, s in g.operands),
    )  # fmt: skip


def merged(g: Gemm) -> Gemm:
    """Without batch dimensions of size 1, and those that go on where the rows end as rows."""
    keep = [d for d, extent in enumerate(g.batch) if extent != 1]
    every = [g.a, g.b, g.c, *(s for _, s in g.operands)]
    every = [(*(s[d] for d in keep), *s[-2:]) for s in every]
    batch, m = [g.batch[d] for d in keep], g.m
    while batch and every[1][-3] == 0:
        if m == 1:
            every = [s if i == 1 else (*s[:-2], s[-3], s[-1]) for i, s in enumerate(every)]
        elif not all(s[-3] == m * s[-2] for i, s in enumerate(every) if i != 1):
            break
        every = [(*s[:-3], *s[-2:]) for s in every]
        m *= batch.pop()
    a, b, c, *others = every
    operands = tuple((d, s) for (d, _), s in zip(g.operands, others, strict=True))
    return replace(g, batch=tuple(batch), m=m, a=a, b=b, c=c, operands=operands)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a product is cut: its tile; the reduction's parts; the blocks of a unit of work; and
    what is copied first (`local`: B, by the thread that uses it)."""

    rows: int
    vectors: int
    depth: int
    parts: int
    copy_a: bool
    pack_b: bool
    local: bool
    row_blocks: int
    panel_blocks: int


def layout(g: Gemm) -> Layout:
    """A panel of B stays in the first cache, a block of A in the second."""
    size, lanes = size_of(g.dtype), lanes_of(g.dtype)
    parts = -(-g.k // DEEP) if g.k > DEEP + DEEP // 2 and g.m > FLAT else 1
    depth = -(-g.k // parts)
    widest = 8 if g.m <= FLAT else PANEL // (max(1, depth) * lanes * size)
    # Eight rows that meet still find room in a set; more are copied, if often enough used.
    most = 8 if lies_badly(g) and -(-g.n // lanes) < 16 else g.m
    if streams(g):
        most, widest = min(most, STREAMED), 8
    rows, vectors = tile_shape(min(g.m, most), g.n, g.dtype, widest)
    tiles = sum(count for _, count in split(g.m, rows))
    panels = -(-g.n // (vectors * lanes))
    work, batch = 2 * g.m * g.n * g.k, math.prod(g.batch)
    near = abs(g.b[-2]) * size * (g.k - 1) <= NEAR or (g.k <= 96 and g.b[-2] * size % 1024 != 0)
    pack_b = g.b[-1] != 1 or not (near or tiles <= 2)
    fits = -(-g.n // lanes) * lanes * g.k * size <= 2 * L1
    local = pack_b and fits and (batch >= 4 or work < 2 * SMALL)
    row_blocks = -(-tiles // max(1, BLOCK * lanes // (rows * max(1, depth))))
    panel_blocks = max(1, min(panels, -(-g.n * g.k * size // COLUMNS)))
    if work * batch >= 10 * SMALL and not local:
        row_blocks = min(tiles, max(row_blocks, -(-UNITS // (2 * batch))))
        panel_blocks = min(panels, max(panel_blocks, -(-UNITS // (row_blocks * batch))))
        row_blocks = min(tiles, max(row_blocks, -(-UNITS // (panel_blocks * batch))))
    copy_a = panels >= 8 and g.k >= 32 and ((lies_badly(g) and rows > 8) or columns_meet(g))
    return Layout(rows, vectors, depth, parts, copy_a, pack_b, local, row_blocks, panel_blocks)


def streams(g: Gemm) -> bool:
    """Whether A comes from memory, and a tile should use all that it has read of its rows."""
    size, lanes = size_of(g.dtype), lanes_of(g.dtype)
    large = g.m * g.k * size > MEMORY and g.k <= FETCH
    return large and g.a[-1] == 1 and 2 * lanes < g.n <= 8 * lanes


def lies_badly(g: Gemm) -> bool:
    """Whether all rows of A's tile meet in one set of the cache."""
    far = g.a[-2] * size_of(g.dtype)
    return far != 0 and far % 4096 == 0 and g.k * abs(g.a[-1]) * size_of(g.dtype) >= 64


def columns_meet(g: Gemm) -> bool:
    """Whether A's columns, which lie along memory, meet in one set or are spread over much."""
    far = abs(g.a[-1]) * size_of(g.dtype)
    return g.a[-2] == 1 and far != 0 and (far % 4096 == 0 or far * g.k > MEMORY)


@functools.cache
def plan(gemm: Gemm) -> Plan:
    """How a batch of products is computed: roles a, b, c, work, and e0, e1, … of the epilogue."""
    epilogue.check(gemm.epilogue)
    g, a, b = merged(gemm), "a", "b"
    if wants_turning(g):
        g, a, b = merged(transposed(g)), "b", "a"
    made = Plan()
    if not (math.prod(g.batch) and g.m and g.n):
        return made
    if g.n == 1 and g.a[-1] == 1 and g.k >= lanes_of(g.dtype):
        return dots(transposed(g), b, a)
    if wants_dots(g):
        return dots(g, a, b)
    if is_flat(g):
        return flat(g, a, b)
    how, size = layout(g), size_of(g.dtype)
    flops = 2 * math.prod(g.batch) * g.m * g.n * g.k
    serial = flops < SMALL
    a_at = b_at = 0
    panels = strips = None
    if how.pack_b:
        width = how.vectors * lanes_of(g.dtype)
        panels = shared(Panels(g.dtype, g.batch, g.k, g.n, g.b, width))
        if not how.local:
            made.stages.append((compile_kernel("pack", pack_text, panels, 0), (b, "work"), serial))
            made.workspace = room(panels.elements * math.prod(panels.batch) * size)
            made.packs, b = not how.copy_a, "work"
            g = replace(g, b=(*dense(g.batch, panels.batch, panels.elements), 0, 0))
    if how.copy_a:
        across = (*g.a[:-2], g.a[-1], g.a[-2])
        strips = shared(Panels(g.dtype, g.batch, g.k, g.m, across, how.rows, True))
        a_at = made.workspace // size
        made.stages.append((compile_kernel("pack", pack_text, strips, a_at), (a, "work"), serial))
        made.workspace += room(strips.elements * math.prod(strips.batch) * size)
        a = "work"
        ends = (1, strips.line(how.rows))
        g = replace(g, a=(*dense(g.batch, strips.batch, strips.elements), *ends))
    kernel = compile_kernel("gemm", product_text, g, how, panels, strips, a_at, b_at)
    kernel.flops, kernel.short = flops, flops < SHORT
    extra = tuple(f"e{i}" for i in range(len(g.operands)))
    made.stages.append((kernel, (a, b, "c", *extra), serial))
    return made


def wants_dots(g: Gemm) -> bool:
    """Whether vectors along the reduction are faster than panels: it is long, both operands lie
    along it, and few rows would use what was packed."""
    along = g.a[-1] == 1 and g.b[-2] == 1 and g.c[-1] == 1
    near = g.k * size_of(g.dtype) <= DEEPEST or g.m <= 8
    return along and near and g.n > 1 and g.k >= max(LONG * g.m, 2 * lanes_of(g.dtype))


def dots(g: Gemm, a: str, b: str) -> Plan:
    """A product of vectors along the reduction."""
    kernel = compile_kernel("dots", dots_text, g)
    kernel.flops = 2 * math.prod(g.batch) * g.m * g.n * g.k
    extra = tuple(f"e{i}" for i in range(len(g.operands)))
    return Plan([(kernel, (a, b, "c", *extra), kernel.flops < SMALL)])


def is_flat(g: Gemm) -> bool:
    """Whether so few rows meet so wide a matrix that how it is read is all that counts."""
    wide = g.b[-1] == 1 and g.n > 8 * lanes_of(g.dtype) and g.k >= 16
    return wide and g.m <= FLAT and g.n * g.k * size_of(g.dtype) > FAR * (1 + (g.m > 2))


def flat(g: Gemm, a: str, b: str) -> Plan:
    """A product of a few rows with a matrix whose rows lie along memory."""
    kernel = compile_kernel("flat", flat_text, g)
    kernel.flops = 2 * math.prod(g.batch) * g.m * g.n * g.k
    extra = tuple(f"e{i}" for i in range(len(g.operands)))
    return Plan([(kernel, (a, b, "c", *extra), kernel.flops < SMALL)])


def flat_text(g: Gemm) -> str:
    """The kernel (A, B, C, operands…) of a product with few rows."""
    return Flat(g).text()


def dots_text(g: Gemm) -> str:
    """The kernel (A, B, C, operands…) of a product of vectors along the reduction."""
    return Dots(g).text()


def shared(panels: Panels) -> Panels:
    """The panels of one matrix, where it serves the whole batch."""
    if any(panels.strides[:-2]):
        return panels
    return replace(panels, batch=(), strides=panels.strides[-2:])


def room(size: int) -> int:
    """Bytes as whole cache lines."""
    return -(-size // 64) * 64


def dense(batch: tuple[int, ...], copied: tuple[int, ...], elements: int) -> tuple[int, ...]:
    """Batch strides of a copied operand; 0 where one matrix serves the whole batch."""
    strides: list[int] = []
    for extent in reversed(batch):
        strides.insert(0, elements if copied else 0)
        elements *= extent
    return tuple(strides)


def wants_turning(g: Gemm) -> bool:
    """Whether C should be computed as Bᵀ Aᵀ: where that alone lets vectors run along memory."""
    if g.n == 1:
        return g.m > 1 and g.a[-2] == 1 and g.a[-1] != 1
    if g.m == 1 and g.b[-2] == 1:
        return True
    return g.c[-1] != 1 and g.c[-2] == 1


def product_text(
    g: Gemm, how: Layout, panels: Panels | None, strips: Panels | None, a_at: int, b_at: int
) -> str:
    """The kernel (A, B, C, operands…) of a product; A and B lie at `a_at` and `b_at`."""
    return Multiply(g, how, panels, strips, a_at, b_at).text()


class Multiply:
    """The kernel (A, B, C, operands…) of a product."""

    def __init__(
        self, g: Gemm, how: Layout, panels: Panels | None, strips: Panels | None,
        a_at: int = 0, b_at: int = 0,
    ) -> None:  # fmt: skip
        self.g, self.how, self.panels, self.strips = g, how, panels, strips
        self.a_at, self.b_at = a_at, b_at
        self.b, self.kind, self.lanes = Code(), TYPES[g.dtype], lanes_of(g.dtype)
        self.outs = epilogue.outs(g)
        self.width = how.vectors * self.lanes
        self.sums = {
            (rows, v): Sums(self.b, rows, v, g.dtype)
            for rows, _ in split(g.m, how.rows)
            for v in {min(how.vectors, -(-g.n // self.lanes)), -(-(g.n % self.width) // self.lanes)}
            if v
        }

    def text(self) -> str:
        b, g, how = self.b, self.g, self.how
        operands = [(self.kind, g.a, self.a_at), (self.kind, g.b, self.b_at)]
        operands += [(kind, s, 0) for kind, s in self.outs]
        units = how.row_blocks * how.panel_blocks
        first, last = thread_share(b, math.prod(g.batch) * units)
        own = None
        if how.local:
            assert self.panels is not None
            own = b.variable(self.kind, 0, self.panels.elements)
        with b.loop(first, last) as unit:
            *index, block = decode(b, unit, (*g.batch, units))
            places = [
                b.element(
                    Value(f"%p{i}", "ptr"), kind, b.add(offset_of(b, index, strides[:-2]), start)
                )
                for i, (kind, strides, start) in enumerate(operands)
            ]
            a, bb, *cs = places
            if own is not None:
                assert self.panels is not None
                every = constant(0, "i64"), constant(self.panels.count, "i64")
                pack_panels(b, self.panels, bb, own, *every)
                bb = own
            self.block(a, bb, cs, block)
        b.line("ret void")
        return kernel_text("gemm", len(operands), b)

    def block(self, a: Value, bb: Value, cs: list[Value], number: Value) -> None:
        """One unit: for each part of the depth, for each panel, its tiles from top to bottom."""
        b, g, how = self.b, self.g, self.how
        column, row = decode(b, number, (how.panel_blocks, how.row_blocks))
        tiles = sum(n for _, n in split(g.m, how.rows))
        across = cut(b, column, -(-g.n // self.width), how.panel_blocks)
        down = cut(b, row, tiles, how.row_blocks)
        if how.parts == 1:
            self.part(a, bb, cs, across, down, None)
            return
        with b.loop(constant(0, "i64"), constant(how.parts, "i64")) as part:
            self.part(a, bb, cs, across, down, part)

    def part(
        self,
        a: Value,
        bb: Value,
        cs: list[Value],
        across: tuple[Value, Value],
        down: tuple[Value, Value],
        part: Value | None,
    ) -> None:
        """One part of the depth of a block."""
        b, g, kind = self.b, self.g, self.kind
        start = constant(0, "i64") if part is None else b.mul(part, self.how.depth)
        a = b.element(a, kind, b.mul(start, g.a[-1]))
        whole, rest = divmod(g.n, self.width)
        for columns, (low, high) in (
            (self.width, (across[0], minimum(b, across[1], whole))),
            (rest, (maximum(b, across[0], whole), across[1])),
        ):
            if not columns or (columns != rest and not whole):
                continue
            deep = -(-columns // self.lanes) * self.lanes if self.panels else g.b[-2]
            with b.loop(low, high) as panel:
                far = self.width * (g.k if self.panels else g.b[-1])
                here = b.element(bb, kind, b.add(b.mul(panel, far), b.mul(start, deep)))
                outs = self.outs
                places = [
                    b.element(c, k, b.mul(panel, self.width * s[-1]))
                    for c, (k, s) in zip(cs, outs, strict=True)
                ]
                done = 0
                for rows, count in split(g.m, self.how.rows):
                    # The larger tiles come first, each one row more than the others.
                    low_tile = maximum(b, down[0], done)
                    with b.loop(low_tile, minimum(b, down[1], done + count)) as tile:
                        top = b.add(b.mul(tile, rows), done)
                        begin = b.mul(top, g.a[-2])
                        if self.strips:
                            begin = b.mul(tile, self.strips.distance)
                        a_tile = b.element(a, kind, begin)
                        targets = [
                            b.element(p, k, b.mul(top, s[-2]))
                            for p, (k, s) in zip(places, outs, strict=True)
                        ]
                        self.tile(rows, columns, a_tile, (here, deep), targets, part)
                    done += count

    def tile(
        self,
        rows: int,
        columns: int,
        a: Value,
        bb: tuple[Value, int],
        places: list[Value],
        part: Value | None,
    ) -> None:
        """One tile of C."""
        b, g = self.b, self.g
        masks = masks_for(columns, -(-columns // self.lanes), self.lanes)
        sums = self.sums[rows, len(masks)]
        offsets = [i * g.c[-2] for i in range(rows)]
        sums.clear()
        large = math.prod(g.batch) * g.m * g.n * size_of(g.dtype) > MEMORY
        if g.c[-1] == 1 and (g.k >= FETCH or (large and g.k >= 32)):
            sums.fetch(places[0], offsets, len(masks))
        count: int | Value = g.k
        if part is not None:
            left = b.sub(constant(g.k, "i64"), b.mul(part, self.how.depth))
            count = minimum(b, left, self.how.depth)
        read = [None] * len(masks) if self.panels else masks
        loops = [Loop(count, g.a[-1], bb[1])]
        ahead = []
        if self.panels and g.k >= FETCH:
            ahead += [("b", bb[1] * AHEAD + j * self.lanes) for j in range(len(masks))]
        if self.strips and g.k >= FETCH:
            ahead += [("a", g.a[-1] * AHEAD)]
        first = [i * g.a[-2] for i in range(rows)]
        sums.multiply(a, first, bb[0], loops, read, ahead=ahead)
        # What is in memory comes last: it has time to come into the cache.
        if g.accumulate:
            sums.add(places[0], offsets, masks, g.c[-1])
        elif part is not None:
            with b.when(b.compare("ne", part, constant(0, "i64"))):
                sums.add(places[0], offsets, masks, g.c[-1])
        if part is None or not g.epilogue:
            epilogue.finish(b, sums, g.epilogue, places, self.outs, g.operands, masks)
            return
        end = constant(self.how.parts - 1, "i64")
        with b.when(b.compare("eq", part, end)):
            epilogue.finish(b, sums, g.epilogue, places, self.outs, g.operands, masks)
        with b.when(b.compare("ne", part, end)):
            sums.write(places[0], offsets, masks, step=g.c[-1])
