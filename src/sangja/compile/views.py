"""Looks into memory: a path of steps, each as NumPy's views do it.

    ("index", (i, (start, step, count), …))   one entry a dimension: an int takes it away
    ("permute", (1, 0, …))                    dimensions in another order
    ("expand", shape)                         broadcast
    ("diagonal", (offset, dim1, dim2))        a diagonal of two dimensions, as the last dimension
    ("reshape", shape)                        the same elements, row by row, in another shape

`Strided` is a place in a buffer as a path sees it: an offset, a shape and strides, in elements.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Shape = tuple[int, ...]
Path = tuple[Any, ...]


def snapshot(array: Any) -> Any:
    """A copy of an array; where all its elements are the same bits, one of them broadcast, which
    takes no memory and is read faster."""
    if array.size > 1 and array.dtype.kind in "biuf" and array.itemsize <= 8:
        bits = np.ascontiguousarray(array).reshape(-1).view(f"u{array.itemsize}")
        if bits[0] == bits[-1] and (bits == bits[0]).all():
            return np.broadcast_to(array[(0,) * array.ndim], array.shape)
    return array.copy()


def view_shape(shape: Shape, path: Path) -> Shape:
    """The shape of what a path shows of an array of `shape`."""
    for kind, how in path:
        if kind == "index":
            shape = tuple(i[2] for i in how if not isinstance(i, int))
        elif kind == "permute":
            shape = tuple(shape[d] for d in how)
        elif kind == "diagonal":
            rest = tuple(n for d, n in enumerate(shape) if d not in how[1:])
            shape = (*rest, diagonal_of(shape, *how)[1])
        else:
            shape = tuple(how)
    return shape


def apply_path(x: Any, path: Path) -> Any:
    """What a path shows of a NumPy array."""
    for kind, how in path:
        if kind == "index":
            x = x[tuple(i if isinstance(i, int) else as_slice(*i) for i in how)]
        elif kind == "permute":
            x = x.transpose(how)
        elif kind == "expand":
            x = np.broadcast_to(x, how)
        elif kind == "diagonal":
            writeable = x.flags.writeable
            x = x.diagonal(*how)
            x.flags.writeable = writeable
        else:
            x = x.reshape(how)
    return x


def write_path(x: Any, path: Path, value: Any) -> None:
    """Write `value` where a path looks in a NumPy array (a path that only views)."""
    shown = apply_path(x, path)
    if x.size and not np.may_share_memory(x, shown):  # a reshape that had to copy
        places = apply_path(np.arange(x.size).reshape(x.shape), path)
        x.reshape(-1)[places.reshape(-1)] = np.asarray(value).reshape(-1)
        return
    shown[...] = value


def diagonal_of(shape: Shape, offset: int, dim1: int, dim2: int) -> tuple[tuple[int, int], int]:
    """Where in two dimensions a diagonal begins, and how long it is."""
    begin = (max(-offset, 0), max(offset, 0))
    return begin, max(0, min(shape[dim1] - begin[0], shape[dim2] - begin[1]))


def as_slice(start: int, step: int, count: int) -> slice:
    """`count` elements from `start` on."""
    stop = start + step * count
    return slice(start, stop if stop >= 0 else None, step)


@functools.lru_cache(maxsize=4096)
def contiguous(shape: Shape, order: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """The strides of memory without gaps, the dimensions from slow to fast in `order`."""
    strides = [0] * len(shape)
    step = 1
    for d in reversed(order if order is not None else range(len(shape))):
        strides[d] = step
        step *= max(shape[d], 1)
    return tuple(strides)


@dataclass(frozen=True, slots=True)
class Strided:
    """A rectangle of elements in a buffer."""

    offset: int
    shape: Shape
    strides: tuple[int, ...]

    def look(self, path: Path) -> Strided | None:
        """What a path shows of it; None where a reshape would have to copy."""
        place: Strided | None = self
        for kind, how in path:
            if place is None:
                return None
            if kind == "index":
                place = place.index(how)
            elif kind == "permute":
                place = Strided(
                    place.offset,
                    tuple(place.shape[d] for d in how),
                    tuple(place.strides[d] for d in how),
                )
            elif kind == "expand":
                place = place.expand(how)
            elif kind == "diagonal":
                place = place.diagonal(*how)
            else:
                place = place.reshape(how)
        return place

    def index(self, how: Any) -> Strided:
        offset, shape, strides = self.offset, [], []
        for i, stride in zip(how, self.strides, strict=True):
            if isinstance(i, int):
                offset += i * stride
            else:
                offset += i[0] * stride
                shape.append(i[2])
                strides.append(i[1] * stride)
        return Strided(offset, tuple(shape), tuple(strides))

    def diagonal(self, offset: int, dim1: int, dim2: int) -> Strided:
        begin, count = diagonal_of(self.shape, offset, dim1, dim2)
        s1, s2 = self.strides[dim1], self.strides[dim2]
        rest = [d for d in range(len(self.shape)) if d not in (dim1, dim2)]
        return Strided(
            self.offset + begin[0] * s1 + begin[1] * s2,
            (*[self.shape[d] for d in rest], count),
            (*[self.strides[d] for d in rest], s1 + s2),
        )

    def expand(self, shape: Shape) -> Strided:
        lead = len(shape) - len(self.shape)
        strides = [0] * lead
        for n, size, stride in zip(shape[lead:], self.shape, self.strides, strict=True):
            strides.append(stride if n == size and n != 1 else 0)
        return Strided(self.offset, tuple(shape), tuple(strides))

    def reshape(self, shape: Shape) -> Strided | None:
        """The same elements in another shape, as NumPy finds the strides for it."""
        if math.prod(shape) == 0:
            return Strided(self.offset, tuple(shape), (0,) * len(shape))
        old = [(n, s) for n, s in zip(self.shape, self.strides, strict=True) if n != 1]
        strides: list[int] = []
        i = 0
        new = list(shape)
        j = 0
        while j < len(new):
            if new[j] == 1:
                strides.append(0)
                j += 1
                continue
            if i >= len(old):
                return None
            a, b = i + 1, j + 1
            total_old, total_new = old[i][0], new[j]
            while total_old != total_new:
                if total_old < total_new:
                    if a >= len(old):
                        return None
                    total_old *= old[a][0]
                    a += 1
                else:
                    if b >= len(new):
                        return None
                    total_new *= new[b]
                    b += 1
            for k in range(i, a - 1):
                if old[k][1] != old[k + 1][0] * old[k + 1][1]:
                    return None
            step = old[a - 1][1]
            group: list[int] = []
            for k in reversed(range(j, b)):
                group.append(step if new[k] != 1 else 0)
                step *= new[k]
            strides.extend(reversed(group))
            i, j = a, b
        return replace(self, shape=tuple(shape), strides=tuple(strides))
