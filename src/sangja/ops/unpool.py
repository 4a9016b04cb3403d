"""The reverse of max pooling: each value goes back to where it was found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError, DTypeError, ShapeError
from sangja.engine import Tensor, wrap
from sangja.ops.arguments import as_tensor
from sangja.ops.windows import Ints, ints


def unpooled_sizes(
    name: str, sizes: Ints, kernel: Ints, stride: Ints, padding: Ints, output_size: Any
) -> Ints:
    """The sizes before the pooling: (n − 1)·stride + kernel − 2·padding, or those given, which may
    differ from that by less than a stride."""
    dims = len(sizes)
    usual = tuple(
        (n - 1) * s + k - 2 * p for n, k, s, p in zip(sizes, kernel, stride, padding, strict=True)
    )
    if output_size is None:
        return usual
    given = tuple(output_size) if isinstance(output_size, Sequence) else (output_size,)
    if len(given) == dims + 2:
        given = given[2:]
    if len(given) != dims:
        raise ArgumentError(
            f"{name}: output_size should be a sequence containing {dims} or {dims + 2} elements, "
            f"but it has a length of '{len(given)}'"
        )
    for d, (size, wanted, step) in enumerate(zip(usual, given, stride, strict=True)):
        if not size - step < wanted < size + step:
            raise ArgumentError(
                f'{name}: invalid output_size "{given}" (dim {d} must be between {size - step} and '
                f"{size + step}, both excluded)"
            )
    return given


def check_unpooling(name: str, x: Tensor, indices: Tensor, dims: int) -> None:
    """Refuse shapes and dtypes that no max pooling gives."""
    if x.ndim not in (dims + 1, dims + 2):
        raise ShapeError(
            f"{name}: Input to max_unpooling{dims}d should be a {dims + 1}d or {dims + 2}d Tensor, "
            f"but got a tensor with {x.ndim} dimensions."
        )
    if indices.array.dtype != np.int64:
        raise DTypeError(
            f"{name}: elements in indices should be type int64 but got: {indices.dtype}; pass what "
            "the pooling returned with return_indices=True"
        )
    if indices.shape != x.shape:
        raise ShapeError(
            f"{name}: Expected shape of indices to be same as that of the input tensor "
            f"({list(x.shape)}) but got indices tensor with shape: {list(indices.shape)}"
        )
    if 0 in x.shape[x.ndim - dims - 1 :]:
        raise ShapeError(
            f"{name}: Expected input to have non-zero size for non-batch dimensions, but got "
            f"{list(x.shape)}"
        )


def max_unpool(
    dims: int,
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    output_size: Any,
) -> Tensor:
    """Zeros with each value of `input` at the place `indices` among the last `dims` dimensions."""
    name = f"max_unpool{dims}d"
    x, places = as_tensor(input), as_tensor(indices, "indices")
    kernel = ints(kernel_size, dims, "kernel_size")
    steps = kernel if stride is None else ints(stride, dims, "stride")
    around = ints(padding, dims, "padding")
    check_unpooling(name, x, places, dims)
    sizes = unpooled_sizes(name, x.shape[-dims:], kernel, steps, around, output_size)
    lead, count = x.shape[:-dims], math.prod(sizes)
    outside = (places.array < 0) | (places.array >= count)
    if outside.any():
        raise ShapeError(
            f"{name}: Found an invalid max index: {places.array[outside][0]} (output volumes are "
            f"of size {'x'.join(map(str, sizes))}); give the size before pooling as output_size"
        )
    blank: Any = wrap(np.zeros((*lead, count), x.array.dtype))
    flat: Any = x
    z = blank.scatter(-1, wrap(places.array.reshape(*lead, -1)), flat.reshape(*lead, -1))
    return z.reshape(*lead, *sizes)


def max_unpool1d(
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """z[n, c, indices[n, c, i]] = x[n, c, i], and 0 elsewhere: the partial inverse of `max_pool1d`,
    whose arguments are repeated and whose `indices` are given.

    (N, C, L) or (C, L) → length (L − 1)·stride + kernel_size − 2·padding, or `output_size`, where
    several lengths would have been pooled to L.

    >>> import sangja
    >>> from sangja.nn import functional as F
    >>> x = sangja.tensor([[1.0, 3.0, 2.0, 0.0]])
    >>> F.max_unpool1d(*F.max_pool1d(x, 2, return_indices=True), 2)
    tensor([[0., 3., 2., 0.]])
    """
    return max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """`max_unpool1d` over two dimensions: (N, C, H, W) or (C, H, W)."""
    return max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """`max_unpool1d` over three dimensions: (N, C, D, H, W) or (C, D, H, W)."""
    return max_unpool(3, input, indices, kernel_size, stride, padding, output_size)
