"""Power-average pooling: the p-norm of each window."""

from __future__ import annotations

import math
from typing import Any

from sangja.core.errors import ArgumentError
from sangja.engine import Tensor
from sangja.ops.activation import relu
from sangja.ops.arguments import as_tensor
from sangja.ops.pool import avg_pool, max_pool
from sangja.ops.windows import ints


def lp_pool(
    dims: int, input: Any, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool
) -> Tensor:
    """(Σ xᵖ)^(1/p) over each window of the last `dims` dimensions, p = `norm_type`."""
    x: Any = as_tensor(input)
    if norm_type == 0:
        raise ArgumentError(f"lp_pool{dims}d: norm_type must not be 0: there is no 1/p")
    if norm_type == math.inf:
        return max_pool(dims, x.abs(), kernel_size, stride, 0, 1, ceil_mode, False)
    if norm_type == -math.inf:
        return -max_pool(dims, -x.abs(), kernel_size, stride, 0, 1, ceil_mode, False)
    mean: Any = avg_pool(dims, x**norm_type, kernel_size, stride, 0, ceil_mode, True, None)
    mean = mean.sign() * relu(mean.abs())  # itself, with derivative 0 where it is 0
    count = math.prod(ints(kernel_size, dims, "kernel_size"))
    return (mean * count) ** (1.0 / norm_type)


def lp_pool1d(
    input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """z[n, c, i] = (Σₖ x[n, c, i·stride + k]ᵖ)^(1/p), p = `norm_type`; ±∞ takes the largest or the
    smallest |x|.

    (N, C, L) or (C, L) → length (L − kernel_size) / stride + 1, rounded down, or up with
    `ceil_mode`; a window that hangs over the end counts as if it were full. `stride` is by default
    the kernel size. Where the sum is 0 the gradient is 0.

    >>> import sangja
    >>> sangja.nn.functional.lp_pool1d(sangja.tensor([[3.0, 4.0, 0.0, 2.0]]), 2, 2)
    tensor([[5., 2.]])
    """
    return lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """`lp_pool1d` over two dimensions: (N, C, H, W) or (C, H, W)."""
    return lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """`lp_pool1d` over three dimensions: (N, C, D, H, W) or (C, D, H, W)."""
    return lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)
