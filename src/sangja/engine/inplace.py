"""Writing into a tensor's memory, with its history kept right.

`x.mul_(y)` computes the new value as any operation would, writes it into the memory of `x`, counts
the write, and gives `x` the history of the new value. If `x` is a view, its base was changed as
well: the base's new history is "as before, except where the view looks, where it is the view's"
(`Overwrite`), and every other view works its own out anew when asked (`tensor.refresh`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sangja.core import dtypes
from sangja.core.errors import DTypeError, GradientError, ShapeError
from sangja.engine.apply import apply, quiet, remember
from sangja.engine.mode import MODE
from sangja.engine.primitive import Primitive
from sangja.engine.structure import Copy, broadcast_to, fit
from sangja.engine.tensor import Node, Tensor, View, base_of, node_of, share, version_of, wrap


class Overwrite(Primitive):
    """z = base, with `value` where the view at the end of `path` looks"""

    grad_name = "CopySlices"

    def forward(xp, base, value, *, path):
        return base  # already written to

    def dbase(g, path):
        g = wrap(np.array(g)) if isinstance(g, np.ndarray) else apply(Copy, g)
        with_hole = g
        for look in path:
            with_hole = look(with_hole)
        write(with_hole, wrap(np.zeros_like(with_hole.array)), "zero_")
        return g if g.requires_grad or MODE.get().watch else g.array

    def dvalue(g, path):
        for look in path:
            g = look(g)
        return g


class Replace(Primitive):
    """z = value, in the place of x: a result of x still, whose gradient for x is 0"""

    def forward(xp, x, value, *, grad_name):
        return xp.broadcast_to(value, x.shape).astype(x.dtype)

    def dx(g):
        return g * 0

    def dvalue(g):
        return g


def check_writable(x: Tensor, name: str) -> None:
    """Refuse the writes that PyTorch refuses: into a leaf that requires a gradient, while
    operations are remembered; into memory that several elements share."""
    if x._counter is not None:
        x._counter.check(f"Inplace update ({name}) to")
    if MODE.get().grad and x.requires_grad:
        if x.is_leaf:
            raise GradientError(
                f"a leaf Variable that requires grad is being used in an in-place operation "
                f"({name}): its history would begin in the middle. Write under no_grad(), or use "
                "the out-of-place form"
            )
        base = x._base
        if base is not None and base.is_leaf and base._requires_grad:
            raise GradientError(
                "a view of a leaf Variable that requires grad is being used in an in-place "
                f"operation ({name}). Write under no_grad(), or work on a clone()"
            )
    array = x.array
    shared = any(
        n > 1 and stride == 0 for n, stride in zip(array.shape, array.strides, strict=True)
    )
    if shared and array.size:
        raise GradientError(
            f"unsupported operation ({name}): more than one element of the written-to tensor "
            "refers to a single memory location. Please clone() the tensor before performing the "
            "operation."
        )


def write(x: Tensor, z: Any, name: str) -> Tensor:
    """Put the value and the history of `z` (an operation's result on `past(x)`) into `x`."""
    check_writable(x, name)
    value = z.array if isinstance(z, Tensor) else np.asarray(z)
    array = x.array
    if value.shape != array.shape:
        raise ShapeError(
            f"output with shape {list(array.shape)} doesn't match the broadcast shape "
            f"{list(value.shape)} (in-place {name} cannot change the shape)"
        )
    if dtypes.CATEGORY[value.dtype.kind] > dtypes.CATEGORY[array.dtype.kind]:
        raise DTypeError(
            f"result type {dtypes.of(value.dtype)} can't be cast to the desired output type "
            f"{dtypes.of(array.dtype)} (in-place {name})"
        )
    return overwrite(x, z, name)


def overwrite(x: Tensor, z: Any, name: str) -> Tensor:
    """`write` without the checks of shape and dtype category: what `copy_` is allowed to do."""
    value = z.array if isinstance(z, Tensor) else z
    if not x.array.flags.writeable:
        raise GradientError(f"{name}: the array under this tensor is read-only; use a clone()")
    if isinstance(z, Tensor) and z._requires_grad and value.dtype != x.array.dtype:
        z = fit(z, x.array.shape, x.array.dtype)
    if isinstance(z, Tensor) and z._node is not None and z._node.kept:
        keep_apart(z._node, x.array)
    owner = x if x._view is None else base_of(x._view)
    if owner._node is not None and owner._node.plan.primitive.lets_go and owner._node.kept:
        let_go(owner, owner._node)
    with np.errstate(all="ignore"):
        np.copyto(x.array, value, casting="unsafe")
    before = past(x)
    version_of(x).bump(name)
    if isinstance(z, Tensor) and (z._requires_grad or x._requires_grad) and MODE.get().grad:
        take_history(x, z, before)
    watch = MODE.get().watch
    if watch is not None:
        watch("write", (x, z), {"name": name}, x)
    return x


def keep_apart(node: Node, memory: Any) -> None:
    """Give a node that keeps a value in memory about to be written over (as `x.sin_()` does, whose
    derivative is cos x) a copy of it."""
    assert node.kept is not None
    for i, value in enumerate(node.kept):
        if isinstance(value, Tensor) and value.array is memory:
            copy = wrap(memory.copy())
            copy._node, copy._requires_grad = node_of(value), value._requires_grad
            node.kept[i] = copy
            if node.versions is not None:
                node.versions.pop(i, None)


def let_go(x: Tensor, node: Node) -> None:
    """Give a node a copy of its result before that is written to. PyTorch's node for the same
    operation does not keep it, so that the write must not count as one into a kept value."""
    assert node.kept is not None
    place = len(node.plan.keep)
    if node.plan.keeps_out and node.kept[place] is x.array:
        version_of(x)
        node.kept[place] = apply(Copy, share(x)).array
        if node.versions is not None:
            node.versions.pop(place, None)


def take_history(x: Tensor, z: Tensor, before: Tensor) -> None:
    """From now on `x` is what `z` was."""
    view = x._view
    if view is None:
        x._node, x._requires_grad = z._node, z._requires_grad
        if z._requires_grad and z._node is None:  # z is a leaf: `x.copy_(leaf)`
            passed = apply(Copy, z)
            x._node = passed._node
        return
    base = base_of(view)
    base_before = past(base)
    needs = int(base_before._requires_grad) + 2 * int(z._requires_grad)
    if needs:
        result = share(base)
        remember(Overwrite, needs, (base_before, z), {"path": view.path}, result)
        base._node, base._requires_grad = result._node, True
        view.seen = -1
        node_of(x)


def past(x: Tensor) -> Tensor:
    """`x` as it was remembered so far: same memory and version, the history up to now."""
    node = node_of(x)
    old = share(x)
    old._node, old._requires_grad = node, x._requires_grad
    if node is None and x._requires_grad:  # a leaf under no_grad keeps being itself
        return x
    return old


def inplace(
    primitive: type[Primitive], name: str, x: Tensor, *others: Any, **static: Any
) -> Tensor:
    """`x` ← primitive(x, …), in its own memory."""
    check_writable(x, name)
    return write(x, apply(primitive, past(x), *others, **static), name)


def copy_(x: Tensor, source: Any, non_blocking: bool = False) -> Tensor:
    """`x` ← `source`, broadcast and converted to the dtype of `x`."""
    return replace(x, source, "copy_", "CopyBackwards")


def replace(x: Tensor, source: Any, name: str, grad_name: str) -> Tensor:
    """`x` ← `source`. A result that requires a gradient still does, as in PyTorch."""
    check_writable(x, name)
    if not isinstance(source, Tensor):
        source = wrap(np.asarray(source))
    if source.array.shape != x.array.shape:
        source = broadcast_to(source, x.array.shape)
    if x._requires_grad and x._view is None and MODE.get().grad:
        source = apply(Replace, past(x), source, grad_name=grad_name)
    return overwrite(x, source, name)


def fill_(x: Tensor, value: Any) -> Tensor:
    """`x` ← one number (or 0-d tensor) everywhere."""
    if isinstance(value, Tensor) and value.array.ndim:
        raise ShapeError(
            "fill_ only supports 0-dimension value tensor but got tensor with "
            f"{value.array.ndim} dimensions."
        )
    grad_name = "FillBackward3" if isinstance(value, Tensor) else "FillBackward2"
    return replace(x, value, "fill_", grad_name)


def zero_(x: Tensor) -> Tensor:
    """`x` ← 0."""
    return replace(x, 0, "zero_", "ZeroBackward0")


def overwritten(x: Tensor, name: str) -> Tensor:
    """Count a write that was made straight into `x.array`, outside of differentiation."""
    version_of(x).bump(name)
    return x


def update(
    rule: Callable[..., None], written: tuple[Tensor, ...], read: tuple[Tensor, ...], **static: Any
) -> None:
    """Run `rule(*arrays, **static)`, which changes the arrays of `written` in place and reads those
    of `read`, unrecorded: how optimizers move parameters and their state."""
    mode = MODE.get()
    if mode.collect is not None:
        mode.collect(rule, written, read, static)
        return
    if mode.watch is not None:
        mode.watch(rule, written + read, static, written)
    quiet.run(rule, *[x.array for x in written], *[x.array for x in read], **static)
    for x in written:
        version_of(x).bump(rule.__name__)


def rearrange(x: Tensor, rearranged: Callable[[Tensor], Tensor], name: str) -> Tensor:
    """`x` ← rearranged(x), a view: the same memory under another shape.

    From now on `x` is a view of what it was, so that a write through it or through an older view is
    seen in the history of both (`tensor.base_of`).
    """
    check_writable(x, name)
    old = past(x)
    z = rearranged(old)
    x.array = z.array
    if old is x or z._view is None:  # a leaf under no_grad stays one
        return x
    path = z._view.path
    base, before = (old, ()) if x._view is None else (x._view.base, x._view.path)
    x._view = View(base, (*before, *path), version_of(x).number)
    x._node, x._requires_grad = z._node, z._requires_grad
    return x
