"""Many samples to one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sangja.core import dtypes
from sangja.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from sangja.engine import Tensor, wrap


def default_collate(batch: Sequence[Any]) -> Any:
    """Tensors and arrays are stacked along a new first dimension, numbers become a tensor, strings
    stay a list; tuples, lists, dicts and named tuples are gone into.

    >>> default_collate([(1, "a"), (2, "b")])
    [tensor([1, 2]), ['a', 'b']]
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return stack([t.array for t in batch])
    if isinstance(first, np.ndarray):
        dtypes.of(first.dtype)
        return stack([np.asarray(a) for a in batch])
    if isinstance(first, (str, bytes)):
        return list(batch)
    number = dtypes.scalar_dtype(first)
    if number is not None:
        wide = isinstance(first, float)  # PyTorch keeps Python floats and np.float64 in float64
        dtype = (
            first.dtype if isinstance(first, np.generic) else np.dtype(float) if wide else number
        )
        return wrap(np.array(batch, dtype))
    if isinstance(first, Mapping):
        return {key: default_collate([item[key] for item in batch]) for key in first}
    if isinstance(first, Sequence):
        sizes = {len(item) for item in batch}
        if len(sizes) > 1:
            raise ArgumentError(
                f"each element in list of batch should be of equal size; got sizes {sorted(sizes)}"
            )
        parts = [default_collate(list(part)) for part in zip(*batch, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else parts
    raise ArgumentTypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found "
        f"{type(first).__name__}. Give the DataLoader a collate_fn of your own"
    )


def stack(arrays: list[Any]) -> Tensor:
    """Arrays of one shape as one tensor; the first that differs is named."""
    for i, array in enumerate(arrays):
        if array.shape != arrays[0].shape:
            raise ShapeError(
                f"stack expects each tensor to be equal size, but got {list(arrays[0].shape)} at "
                f"entry 0 and {list(array.shape)} at entry {i}; pad or crop the samples, or give "
                "the DataLoader a collate_fn"
            )
    return wrap(np.stack(arrays))


def default_convert(data: Any) -> Any:
    """A single sample with its arrays turned into tensors (for loading without batches)."""
    if isinstance(data, np.ndarray) and data.dtype.kind not in "SUO":
        return wrap(data)
    if isinstance(data, Mapping):
        return {key: default_convert(value) for key, value in data.items()}
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(value) for value in data))
    if isinstance(data, (tuple, list)):
        return [default_convert(value) for value in data]
    return data
