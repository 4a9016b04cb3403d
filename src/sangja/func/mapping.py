"""`vmap`: a function of one example made into one of a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from sangja.core.errors import ArgumentError, SamplingError, UnsupportedError
from sangja.engine import Tensor
from sangja.func.tree import flatten, spread, tensors_of
from sangja.ops.join import stack


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that calls `func` for every slice of its arguments and stacks the results.

    `in_dims` says along which dimension each argument is sliced, None for one that every call gets
    whole; it is one value for all arguments or a nest of their structure. Keyword
    arguments are given to every call whole. `out_dims` says where the
    new dimension goes.

    The calls are made one after the other: the results and derivatives are those of PyTorch, the
    time is that of a loop. So a function may also look at values and branch on them. Random numbers
    are drawn anew in each call (`randomness="different"`); `"same"` raises `UnsupportedError`.
    `chunk_size` is taken and changes nothing.

    >>> import sangja
    >>> from sangja.func import grad
    >>> w, x = sangja.tensor([1.0, 2.0]), sangja.tensor([[1.0, 0.0], [3.0, 1.0]])
    >>> vmap(grad(lambda w, x: (w @ x) ** 2), in_dims=(None, 0))(w, x)
    tensor([[ 2.,  0.],
            [30., 10.]])
    """
    if randomness not in ("error", "different", "same"):
        raise SamplingError(
            "Only allowed values for randomness are 'error', 'different', or 'same', got "
            f"{randomness!r}"
        )
    if randomness == "same":
        raise UnsupportedError("vmap: randomness='same' is not supported; draw outside of vmap")

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        leaves, rebuild = flatten(args)
        dims = spread(in_dims, args, "in_dims")
        parts, count = slices(leaves, dims)
        results = []
        for i in range(count):
            row = [p if d is None else p[i] for p, d in zip(parts, dims, strict=True)]
            results.append(func(*rebuild(row), **kwargs))
        return stacked(results, out_dims)

    return wrapper


def slices(leaves: list[Any], dims: list[Any]) -> tuple[list[Any], int]:
    """Each leaf cut along its dimension, and the number of slices."""
    sizes = {}
    for k, (x, d) in enumerate(zip(leaves, dims, strict=True)):
        if d is None:
            continue
        if not isinstance(x, Tensor):
            raise ArgumentError(
                f"vmap: Got in_dim={d} for an input but the input is of type {type(x).__name__}. "
                "We cannot vmap over non-Tensor arguments, please use None as the respective in_dim"
            )
        if not -x.ndim <= d < x.ndim:
            raise ArgumentError(
                f"vmap: Got in_dim={d} for some input, but that input is a Tensor of "
                f"dimensionality {x.ndim} so expected in_dim to satisfy -{x.ndim} <= in_dim < "
                f"{x.ndim}"
            )
        sizes[k] = x.shape[d]
    if not sizes:
        raise ArgumentError(
            "vmap: at least one input has to be mapped over: every in_dim is None or there is no "
            "tensor"
        )
    if len(set(sizes.values())) > 1:
        raise ArgumentError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{list(sizes.values())} for the mapped dimension"
        )
    count = next(iter(sizes.values()))
    if not count:
        raise ArgumentError("vmap: the mapped dimension has size 0: there is nothing to call with")
    return [x if d is None else x.unbind(d) for x, d in zip(leaves, dims, strict=True)], count


def stacked(results: list[Any], out_dims: Any) -> Any:
    """The results of the calls as one, the new dimension of each tensor at its place."""
    columns = [tensors_of(result, "vmap", "the result of the function")[0] for result in results]
    _, rebuild = flatten(results[0])
    dims = spread(out_dims, results[0], "out_dims")
    return rebuild(
        [stack(list(z), dim=d) for z, d in zip(zip(*columns, strict=True), dims, strict=True)]
    )
