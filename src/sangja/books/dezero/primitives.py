"""What the façade adds to the engine: four primitives, and how a graph is cut."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from sangja.books.language import text
from sangja.core.errors import ArgumentTypeError
from sangja.engine import Node, Primitive, Tensor, apply
from sangja.engine.hooks import extra_of
from sangja.engine.tensor import NOTHING

OWNER = "variable "  # a key in `Node.static` that no argument can have


class Call(Primitive):
    """z = function(x, …), with the `forward` and `backward` of a `Function`"""

    def forward(xp, *inputs, function):
        found = function.forward(*inputs)
        several = isinstance(found, (tuple, list))
        arrays = tuple(checked_array(y) for y in (found if several else (found,)))
        return arrays if len(arrays) > 1 else arrays[0]

    def dall(g, function, shapes):
        return function.differentiate(g, shapes)


class Real(Primitive):
    """z = x as float64: integers are differentiated as the real numbers they are"""

    def forward(xp, x):
        return x.astype(np.float64)

    def dx(g):
        return g


class Whole(Primitive):
    """z = x as integers: the result of an operation on integers that stays in them"""

    def forward(xp: Any, x: Any, *, dtype: Any) -> Any:  # type: ignore[misc]
        return xp.rint(x).astype(dtype)

    def dx(g):
        return g


class End(Primitive):
    """z = x, whose history was cut off"""

    def forward(xp, x):
        return x


def as_array(x: Any, array_module: Any = np) -> Any:
    """A number as a 0-dimensional array; an array as it is."""
    return array_module.array(x) if np.isscalar(x) else x


def unsupported(kind: type) -> str:
    """What `Variable` says to data that is no array."""
    return text(f"{kind} is not supported", f"{kind}은(는) 지원하지 않습니다.")


def checked_array(y: Any) -> Any:
    y = as_array(y)
    if not isinstance(y, np.ndarray):
        raise ArgumentTypeError(unsupported(type(y)))
    return y


def untyped(z: Tensor) -> Tensor:
    """`z`, whose derivatives go back in whatever dtype they have: those of integers may be
    fractions."""
    if z._node is not None:
        z._node.targets = None
    return z


def real(x: Tensor) -> Tensor:
    """An integer tensor as float64, differentiably; others as they are."""
    return untyped(apply(Real, x)) if x.array.dtype.kind in "biu" else x


def whole(x: Tensor, dtype: Any) -> Tensor:
    """A tensor as integers, differentiably."""
    return untyped(apply(Whole, x, dtype=dtype))


def owner_of(edge: Any) -> Any:
    """The `Variable` of a node or of a leaf tensor, if it is still alive."""
    notes = edge.static if isinstance(edge, Node) else edge.__dict__
    reference = notes.get(OWNER)
    return None if reference is None else reference()


def set_owner(edge: Any, variable: Any) -> None:
    """Let `variable` stand for a node or a leaf tensor, unless another does."""
    if owner_of(edge) is None:
        note = {OWNER: weakref.ref(variable)}
        if isinstance(edge, Node):
            edge.static = edge.static | note
        else:
            edge.__dict__.update(note)


def cut(node: Node, tensor: Tensor | None) -> None:
    """Forget what led to `node`. Gradients that arrive end there, in `tensor`, which begins a new
    history."""
    node.plan, node.edges, node.kept = End.plan(0), [], NOTHING
    node.targets = node.versions = None
    if tensor is not None:
        extra_of(node).retain = weakref.ref(tensor)
        tensor._node = tensor._view = None
