"""What a schedule is made of: buffers, places in them, and tasks that read and write them."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sangja.compile.graph import Node
from sangja.compile.views import Path, Strided, contiguous

CACHED = 4096  # answers that are kept of what is asked again and again


@functools.lru_cache(maxsize=CACHED)
def short(dtype: Any) -> str:
    """A dtype as kernels name it: f4, i8, b1."""
    return str(np.dtype(dtype).str[1:])


@dataclass(eq=False, repr=False)
class Buffer:
    """Memory for one value: `order` are its dimensions from slow to fast. `source` is what it is
    outside of the program, if it is not in the arena."""

    shape: tuple[int, ...]
    dtype: Any
    order: tuple[int, ...]
    source: Any = None
    offset: int = -1  # in the arena, in bytes
    writers: list[Task] = field(default_factory=list)
    readers: list[Task] = field(default_factory=list)

    @property
    def nbytes(self) -> int:
        return int(math.prod(self.shape) * np.dtype(self.dtype).itemsize)

    def whole(self) -> Place:
        return Place(self, Strided(0, self.shape, contiguous(self.shape, self.order)))


def root(buffer: Buffer) -> Buffer:
    """The buffer in whose memory a value is computed."""
    while isinstance(buffer.source, Buffer):
        buffer = buffer.source
    return buffer


@dataclass(frozen=True)
class Place:
    """Where a value lies: part of a buffer."""

    buffer: Buffer
    strided: Strided


@dataclass(eq=False, repr=False)
class Task:
    """Something to run. `ancestors`: the bits of all tasks that must run before it."""

    number: int
    ancestors: int = 0
    nodes: list[Node] = field(default_factory=list)
    reads: list[Place] = field(default_factory=list)
    writes: list[Place] = field(default_factory=list)

    @property
    def bit(self) -> int:
        return 1 << self.number


@dataclass(eq=False, repr=False)
class Call(Task):
    """An operation with a kernel of its own, or a host function. `tail`: what it does with its
    result before it writes it (`tails.Tail`)."""

    tail: Any = None

    def __repr__(self) -> str:
        node = self.nodes[0]
        return str(node.payload.__name__ if node.op == "host" else node.op)


@dataclass(eq=False, repr=False)
class Group(Task):
    """Loops over one domain.

    `order`: the dimensions from slow to fast; `reduced`: those that make up the columns, once a
    reduction has said so; `maps`: for each value computed its strides over the domain, if it were
    laid out row by row; `stores`: values to be written, and where; `folds`: the results of
    reductions over the rows.
    """

    domain: tuple[int, ...] = ()
    order: tuple[int, ...] = ()
    reduced: frozenset[int] | None = None
    maps: dict[int, tuple[int, ...]] = field(default_factory=dict)
    stores: list[tuple[Node, Place]] = field(default_factory=list)
    folds: dict[int, Place] = field(default_factory=dict)


def inputs_of(node: Node) -> Iterator[tuple[Node, Path, tuple[int, ...]]]:
    """The inputs that are met element by element, a path to look at them, and the shape that they
    are broadcast to."""
    if node.op == "take":
        at = node.inputs[1]
        shape = (*at.shape, *[1] * (len(node.shape) - len(at.shape)))
        yield at, (("reshape", shape),), node.shape
        return
    shape = node.inputs[0].shape if node.reduction else node.shape
    for x in node.inputs:
        yield x, (), shape


def at_domain(
    strided: Strided, path: Path, shape: tuple[int, ...], where: tuple[int, ...], domain: Any
) -> tuple[int, ...] | None:
    """The strides over the domain of a value as an input of a node of `shape` at `where`."""
    shown = strided.look(path)
    return None if shown is None else lift(shown, shape, where, domain)


@functools.lru_cache(maxsize=CACHED)
def lift(
    strided: Strided, shape: tuple[int, ...], where: tuple[int, ...], domain: tuple[int, ...]
) -> tuple[int, ...] | None:
    """Strides over a node's shape as strides over the domain in which the node lies at `where`."""
    mine = over(strided, shape)
    if mine is None:
        return None
    places = [d for d, s in enumerate(where) if s]
    kept = tuple(domain[d] for d in places)
    solid: Any = [s for s, n in zip(mine, shape, strict=True) if n != 1]
    if tuple(n for n in shape if n != 1) != kept:  # the domain has these dimensions cut otherwise
        cut = Strided(0, shape, mine).reshape(kept)
        if cut is None:
            return None
        solid = cut.strides
    result = [0] * len(domain)
    for d, s in zip(places, solid, strict=True):
        result[d] = s
    return tuple(result)


@functools.lru_cache(maxsize=CACHED)
def natural(size: int, at: tuple[int, ...], domain: tuple[int, ...]) -> tuple[int, ...]:
    """What `at` is if a value of so many elements is met in the order in which it is made, row by
    row."""
    kept = tuple(n if s else 1 for n, s in zip(domain, at, strict=True))
    return mapping(kept, domain) if math.prod(kept) == size else ()


def default_order(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(range(len(shape)))


def channels_last(ndim: int) -> tuple[int, ...]:
    """(N, C, …) with the channels as the fastest dimension."""
    return (0, *range(2, ndim), 1)


def order_of(strided: Strided) -> tuple[int, ...]:
    """The dimensions from slow to fast, by their strides."""
    size = len(strided.shape)
    return tuple(sorted(range(size), key=lambda d: (-abs(strided.strides[d]), d)))


@functools.lru_cache(maxsize=CACHED)
def mapping(shape: tuple[int, ...], domain: tuple[int, ...]) -> tuple[int, ...]:
    """The strides over a domain of a value that is laid out row by row and broadcast to it."""
    found = over(Strided(0, shape, contiguous(shape)), domain)
    assert found is not None
    return found


def over(strided: Strided, domain: tuple[int, ...]) -> tuple[int, ...] | None:
    """Strides over a domain to which a place is broadcast."""
    lead = len(domain) - len(strided.shape)
    if lead < 0:
        if any(n != 1 for n in strided.shape[:-lead]):
            return None
        strided = Strided(strided.offset, strided.shape[-lead:], strided.strides[-lead:])
        lead = 0
    result = [0] * lead
    for n, s, d in zip(strided.shape, strided.strides, domain[lead:], strict=True):
        if n not in (d, 1):
            return None
        result.append(s if n != 1 else 0)
    return tuple(result)
