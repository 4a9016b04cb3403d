"""What the engine itself undoes: broadcasting and changes of dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.backend.sums import accurate_sum
from sangja.core.errors import ShapeError
from sangja.engine.apply import apply, array_of
from sangja.engine.primitive import Primitive


class SumTo(Primitive):
    """z = x summed over the dimensions that broadcasting from `shape` would add or stretch"""

    grad_name = "SumBackward1"

    def forward(xp, x, *, shape):
        lead = x.ndim - len(shape)
        stretched = [i + lead for i, n in enumerate(shape) if n == 1 and x.shape[i + lead] != 1]
        return accurate_sum(xp, x, (*range(lead), *stretched), keepdim=True).reshape(shape)

    def dx(g, x_shape):
        return broadcast_to(g, x_shape)


class BroadcastTo(Primitive):
    """z = x repeated along new and stretched dimensions, without copying"""

    grad_name = "ExpandBackward0"
    views = True

    def forward(xp, x, *, shape):
        return xp.broadcast_to(x, shape)

    def dx(g, x_shape):
        return sum_to(g, x_shape)


class Cast(Primitive):
    """z = x in another dtype"""

    grad_name = "ToCopyBackward0"

    def forward(xp, x, *, dtype):
        return x.astype(dtype)

    def dx(g):
        return g


class Copy(Primitive):
    """z = x in new memory"""

    grad_name = "CloneBackward0"

    def forward(xp, x):
        return xp.array(x, order="K")

    def dx(g):
        return g


class OrderedCopy(Copy):
    """z = x in new memory, the last dimension's (or that of `order`) elements side by side"""

    grad_name = "CloneBackward0"

    def forward(xp, x, *, order=None):
        if order is None:
            return xp.array(x, order="C")
        back = sorted(range(x.ndim), key=order.__getitem__)
        return xp.array(x.transpose(order), order="C").transpose(back)


class Conjugate(Primitive):
    """z = x with the sign of the imaginary parts turned"""

    grad_name = "ConjBackward0"

    def forward(xp, x):
        return xp.conjugate(x)

    def dx(g):
        return apply(Conjugate, g)


def conjugate(x: Any) -> Any:
    """The conjugate of complex numbers; real ones as they are."""
    return apply(Conjugate, x) if array_of(x).dtype.kind == "c" else x


def sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    """`x` summed down to `shape`, the reverse of broadcasting `shape` to that of `x`."""
    return apply(SumTo, x, shape=tuple(shape))


def broadcast_to(x: Any, shape: tuple[int, ...]) -> Any:
    """`x` broadcast to `shape`; memory is shared."""
    return apply(BroadcastTo, x, shape=tuple(shape))


def fit(d: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """A gradient brought to the shape and dtype of its input."""
    array = array_of(d)
    if array.shape != shape:
        d = sum_to(d, shape) if can_sum_to(array.shape, shape) else _refuse(array.shape, shape)
    if array.dtype != dtype:
        if array.dtype.kind == "c" and dtype.kind in "fV":  # a real input of a complex operation
            d = d.real
        d = apply(Cast, d, dtype=dtype)
    return d


def can_sum_to(source: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether `target` broadcasts to `source`."""
    lead = len(source) - len(target)
    return lead >= 0 and all(t in (s, 1) for s, t in zip(source[lead:], target, strict=True))


def _refuse(got: tuple[int, ...], wanted: tuple[int, ...]) -> Any:
    raise ShapeError(
        f"a derivative rule returned an invalid gradient: expected shape compatible with "
        f"{list(wanted)}, got {list(got)}"
    )
