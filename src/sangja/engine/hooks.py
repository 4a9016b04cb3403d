"""Functions that see gradients on their way."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import Any

from sangja.core.errors import GradientError
from sangja.engine.tensor import Node, NodeExtra, Tensor, node_of

_ids = itertools.count()


class RemovableHandle:
    """Takes a hook away again: `handle.remove()`, or as a context manager at its end."""

    def __init__(self, hooks: dict[int, Any]) -> None:
        self.hooks = hooks
        self.id = next(_ids)

    def remove(self) -> None:
        self.hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def add_hook(hooks: dict[int, Any], hook: Callable[..., Any]) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


def extra_of(node: Node) -> NodeExtra:
    if node.extra is None:
        node.extra = NodeExtra()
    return node.extra


def register_hook(x: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Call `hook(gradient)` when the gradient of `x` is known; what it returns, if not None,
    replaces it. Raises `GradientError` if `x` needs no gradient."""
    if not x.requires_grad:
        raise GradientError(
            "cannot register a hook on a tensor that doesn't require gradient; call "
            "requires_grad_() first"
        )
    node = node_of(x)
    if node is not None:
        return add_hook(extra_of(node).hooks, hook)
    if x._hooks is None:
        x._hooks = {}
    return add_hook(x._hooks, hook)


def register_post_accumulate_grad_hook(
    x: Tensor, hook: Callable[[Tensor], None]
) -> RemovableHandle:
    """Call `hook(x)` after a backward has added to `x.grad`; for leaves."""
    if not x.requires_grad:
        raise GradientError(
            "cannot register a hook on a tensor that doesn't require gradient; call "
            "requires_grad_() first"
        )
    if node_of(x) is not None:
        raise GradientError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    return add_hook(x.__dict__.setdefault("_post_accumulate_grad_hooks", {}), hook)


def retain_grad(x: Tensor) -> None:
    """Have `backward()` fill `.grad` of this non-leaf tensor too. The node refers to the tensor
    weakly: a strong reference would be a cycle."""
    if not x.requires_grad:
        raise GradientError("can't retain_grad on Tensor that has requires_grad=False")
    node = node_of(x)
    if node is not None:
        extra_of(node).retain = weakref.ref(x)


def retains_grad(x: Tensor) -> bool:
    """Whether `retain_grad()` was called on this non-leaf tensor."""
    node = node_of(x)
    return node is not None and node.extra is not None and node.extra.retain is not None
