"""Means, variances and normalisation over some dimensions of an array, one pass of each row where
NumPy needs one for every operation."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from sangja.backend.native.eager import Array, Routine, usable, whole
from sangja.backend.native.nest import build
from sangja.backend.native.spec import Nest, Operand, Step

ENOUGH = 16384  # elements from which a kernel is worth its call
BLOCKS = 32  # pieces of the rows, for sums over them
Ints = tuple[int, ...]


class Steps:
    """The steps of a nest, written as they are thought."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.steps: list[Step] = []

    def __call__(self, op: str, *args: int, operand: int = -1, value: Any = None) -> int:
        self.steps.append(Step(op, args, self.dtype, operand, value))
        return len(self.steps) - 1

    def load(self, operand: int) -> int:
        return self("load", operand=operand)

    def store(self, value: int, operand: int) -> None:
        self("store", value, operand=operand)

    def mean(self, value: int, count: int) -> int:
        """The mean over the columns."""
        return self("divide", self("sum", value), self("const", value=count))


def strides_of(shape: Ints, whole_shape: Ints) -> Ints:
    """The strides, in elements, of an ordered array of a shape broadcast to another."""
    found, step = [], 1
    padded = (1,) * (len(whole_shape) - len(shape)) + shape
    for n in reversed(padded):
        found.append(0 if n == 1 else step)
        step *= n
    return tuple(reversed(found))


def nest_over(
    shape: Ints, dims: Ints, operands: list[Ints], steps: Steps, folds: dict[int, int], blocks: int
) -> Nest:
    """The nest whose columns are `dims` of `shape`; operands by their shapes, which broadcast.
    `folds`: operands that sums over the rows go to, and the distance of two blocks' sums."""
    strides = [strides_of(s, shape) for s in operands]
    kept = [i for i in range(len(shape)) if i not in dims and shape[i] > 1]
    taken = [i for i in dims if shape[i] > 1]
    rows, row_strides = joined(shape, kept, strides)
    columns, column_strides = joined(shape, taken, strides)
    made = tuple(
        Operand(steps.dtype, (0,) * len(rows) if i in folds else r, c, folds.get(i, 0))
        for i, (r, c) in enumerate(zip(row_strides, column_strides, strict=True))
    )
    blocks = min(blocks, max(math.prod(rows), 1))
    return Nest(rows or (1,), columns or (1,), made, tuple(steps.steps), blocks)


def joined(shape: Ints, dims: list[int], strides: list[Ints]) -> tuple[Ints, list[Ints]]:
    """Some dimensions, with neighbours made one where all operands step through both alike."""
    extents: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for i in dims:
        if extents and all(
            mine[-1] == s[i] * shape[i] for mine, s in zip(steps, strides, strict=True)
        ):
            extents[-1] *= shape[i]
            for mine, s in zip(steps, strides, strict=True):
                mine[-1] = s[i]
        else:
            extents.append(shape[i])
            for mine, s in zip(steps, strides, strict=True):
                mine.append(s[i])
    if not extents:
        return (1,), [(0,)] * len(strides)
    return tuple(extents), [tuple(s) for s in steps]


def reduced(shape: Ints, dims: Ints) -> Ints:
    return tuple(1 if i in dims else n for i, n in enumerate(shape))


def worth(dims: Ints, x: Any, *others: Any) -> bool:
    """Whether a kernel should go through x."""
    return (
        x.__class__ is np.ndarray
        and x.size >= ENOUGH
        and len(dims) > 0
        and usable(x, *(a for a in others if a is not None))
    )


def short(x: Array) -> str:
    return "f4" if x.itemsize == 4 else "f8"


# -- mean and variance ----------------------------------------------------------------------------


def mean(x: Any, dims: Ints) -> Array | None:
    """The mean over `dims`, which stay with size 1; None if NumPy is to compute it."""
    if not worth(dims, x):
        return None
    out = np.empty(reduced(x.shape, dims), x.dtype)
    mean_routine(x.shape, dims, short(x))(whole(x), out)
    return out


@functools.lru_cache(maxsize=256)
def mean_routine(shape: Ints, dims: Ints, dtype: str) -> Routine:
    steps = Steps(dtype)
    steps.store(steps.mean(steps.load(0), math.prod(shape[i] for i in dims)), 1)
    return simple(nest_over(shape, dims, [shape, reduced(shape, dims)], steps, {}, BLOCKS))


def simple(nest: Nest) -> Routine:
    """A routine of one nest, whose operands are passed."""
    names = [str(i) for i in range(len(nest.operands))]
    return Routine([(build(nest), tuple(names), False)], names)


def variance(x: Any, center: Any, dims: Ints) -> Array | None:
    """The mean of (x − center)² over `dims`; None if NumPy is to compute it."""
    if not worth(dims, x, center) or center.shape != reduced(x.shape, dims):
        return None
    out = np.empty(center.shape, x.dtype)
    variance_routine(x.shape, dims, short(x))(whole(x), whole(center), out)
    return out


@functools.lru_cache(maxsize=256)
def variance_routine(shape: Ints, dims: Ints, dtype: str) -> Routine:
    steps, few = Steps(dtype), reduced(shape, dims)
    apart = steps("subtract", steps.load(0), steps.load(1))
    square = steps("multiply", apart, apart)
    steps.store(steps.mean(square, math.prod(shape[i] for i in dims)), 2)
    return simple(nest_over(shape, dims, [shape, few, few], steps, {}, BLOCKS))


# -- normalisation --------------------------------------------------------------------------------


def normalize(x: Any, center: Any, r: Any, w: Any, b: Any, dims: Ints) -> Array | None:
    """(x − center) · r · w + b; None if NumPy is to compute it."""
    if center is None or not worth(dims, x, center, r, w, b):
        return None
    few = reduced(x.shape, dims)
    given = [a for a in (w, b) if a is not None]
    if center.shape != few or r.shape != few or any(a.ndim > x.ndim for a in given):
        return None
    out = np.empty(x.shape, x.dtype)
    shapes = tuple(None if a is None else a.shape for a in (w, b))
    operands = [whole(a) for a in (x, center, r, *given)]
    normalize_routine(x.shape, dims, short(x), *shapes)(*operands, out)
    return out


@functools.lru_cache(maxsize=256)
def normalize_routine(
    shape: Ints, dims: Ints, dtype: str, w: Ints | None, b: Ints | None
) -> Routine:
    few, steps = reduced(shape, dims), Steps(dtype)
    operands = [shape, few, few]
    scale = steps.load(2)
    if w is not None:
        scale = steps("multiply", scale, steps.load(len(operands)))
        operands.append(w)
    value = steps("multiply", steps("subtract", steps.load(0), steps.load(1)), scale)
    if b is not None:
        value = steps("add", value, steps.load(len(operands)))
        operands.append(b)
    steps.store(value, len(operands))
    return simple(nest_over(shape, dims, [*operands, shape], steps, {}, BLOCKS))


def normalize_gradients(
    g: Any, x: Any, center: Any, r: Any, w: Any, dims: Ints, wants: bool
) -> tuple[Array, Array | None, Array | None] | None:
    """The gradients of `normalize` for x, counting the dependence of center and r in; and, if
    `wants`, for w and b, in the shape of w. None if NumPy is to compute it."""
    if center is None or not worth(dims, x, g, center, r, w) or g.shape != x.shape:
        return None
    few = reduced(x.shape, dims)
    if center.shape != few or r.shape != few or (w is None and wants):
        return None
    shape, blocks = None, 0
    if w is not None:
        shape = (1,) * (x.ndim - w.ndim) + w.shape
        if shape == tuple(n if i in dims else 1 for i, n in enumerate(x.shape)):
            blocks = min(BLOCKS, x.size // w.size)
        elif shape != few:
            return None  # one weight for some rows and not for others, as group_norm has it
    out = np.empty(x.shape, x.dtype)
    operands = [whole(a) for a in (g, x, center, r)]
    routine = gradient_routine(x.shape, dims, short(x), shape, blocks)
    if shape is None:
        routine(*operands, out)
        return out, None, None
    dw, db = (np.empty((blocks, *shape) if blocks else shape, x.dtype) for _ in "wb")
    routine(*operands, whole(w), out, dw, db)
    if blocks:
        dw, db = dw.sum(0), db.sum(0)
    return out, dw, db


@functools.lru_cache(maxsize=256)
def gradient_routine(shape: Ints, dims: Ints, dtype: str, w: Ints | None, blocks: int) -> Routine:
    """Operands g, x, center, r, (w), dx, and with w the sums for it and for b: one a row, or with
    `blocks` one for every column and block of rows."""
    few, steps = reduced(shape, dims), Steps(dtype)
    count = math.prod(shape[i] for i in dims)
    g, scale = steps.load(0), steps.load(3)
    normal = steps("multiply", steps("subtract", steps.load(1), steps.load(2)), scale)
    operands, inner = [shape, shape, few, few], g
    if w is not None:
        weight = steps.load(4)
        operands.append(w)
        if blocks:
            inner = steps("multiply", g, weight)
        else:
            scale = steps("multiply", scale, weight)
    turned = steps("multiply", inner, normal)
    sums = steps("sum", turned), steps("sum", inner)
    number = steps("const", value=count)
    both = [steps("divide", s, number) for s in sums]
    rest = steps("subtract", inner, both[1])
    rest = steps("subtract", rest, steps("multiply", normal, both[0]))
    last = len(operands)
    steps.store(steps("multiply", rest, scale), last)
    operands.append(shape)
    folds = {}
    if w is not None and blocks:
        for i, value in enumerate((steps("multiply", g, normal), g), last + 1):
            steps("fold_sum", value, operand=i)
            folds[i] = math.prod(w)
            operands.append(w)
    elif w is not None:
        for i, value in enumerate(sums, last + 1):
            steps.store(value, i)
            operands.append(few)
    return simple(nest_over(shape, dims, operands, steps, folds, blocks or BLOCKS))
