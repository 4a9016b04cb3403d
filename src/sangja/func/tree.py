"""Nests of tuples, lists and dictionaries, taken apart and put together again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sangja.core.errors import ArgumentError, ArgumentTypeError
from sangja.engine import Tensor

Rebuild = Callable[[list[Any]], Any]


def flatten(tree: Any) -> tuple[list[Any], Rebuild]:
    """The leaves of a nest, and the function that puts others in their places."""
    if isinstance(tree, dict):
        leaves, rebuild = flatten(list(tree.values()))
        keys = list(tree)
        return leaves, lambda new: dict(zip(keys, rebuild(new), strict=True))
    if not isinstance(tree, (tuple, list)):
        return [tree], lambda new: new[0]
    parts = [flatten(item) for item in tree]
    sizes = [len(leaves) for leaves, _ in parts]

    def rebuild_all(new: list[Any]) -> Any:
        items, start = [], 0
        for (_, rebuild), size in zip(parts, sizes, strict=True):
            items.append(rebuild(new[start : start + size]))
            start += size
        fields = getattr(tree, "_fields", None)  # a named tuple takes its items one by one
        return type(tree)(*items) if fields else type(tree)(items)

    return [leaf for leaves, _ in parts for leaf in leaves], rebuild_all


def tensors_of(tree: Any, transform: str, what: str) -> tuple[list[Tensor], Rebuild]:
    """`flatten` of a nest that may hold tensors only."""
    leaves, rebuild = flatten(tree)
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise ArgumentTypeError(
                f"{transform}: Expected {what} to be a Tensor or a tuple, list or dict of "
                f"Tensors, got {type(leaf).__name__}"
            )
    return leaves, rebuild


def spread(dims: Any, tree: Any, what: str) -> list[Any]:
    """One dimension per leaf of `tree`: `dims` has its shape, or stands for whole branches."""
    if dims is None or isinstance(dims, int):
        return [dims] * len(flatten(tree)[0])
    values = list(tree.values()) if isinstance(tree, dict) else tree
    parts = list(dims.values()) if isinstance(dims, dict) else dims
    if not isinstance(values, (tuple, list)) or len(values) != len(parts):
        raise ArgumentError(
            f"vmap: {what}={dims!r} is not compatible with the structure of the values it is for: "
            "give one int or None per value, or one for all"
        )
    return [d for part, value in zip(parts, values, strict=True) for d in spread(part, value, what)]
