"""The book's `common/util.py`.

What differs: `im2col` and `col2im` keep the dtype; `shuffle_dataset` takes data of any dimensions.
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from sangja.books.pullback import evaluate
from sangja.core.errors import ShapeError
from sangja.ops.patches import Fold, Unfold, patch_arguments


def smooth_curve(x: ndarray) -> ndarray:
    """A smooth version of a curve of losses, for plots: a Kaiser window over 11 points."""
    length = 11
    x = np.asarray(x)
    if len(x) < length:
        raise ShapeError(f"smooth_curve: at least {length} points are needed, got {len(x)}")
    mirrored = np.r_[x[length - 1 : 0 : -1], x, x[-1:-length:-1]]
    window = np.kaiser(length, 2)
    return np.convolve(window / window.sum(), mirrored, mode="valid")[5:-5]


def shuffle_dataset(x: ndarray, t: ndarray) -> tuple[ndarray, ndarray]:
    """Data and targets in one random order."""
    permutation = np.random.permutation(x.shape[0])
    return x[permutation], t[permutation]


def conv_output_size(input_size: int, filter_size: int, stride: int = 1, pad: int = 0) -> int:
    """How many windows fit: (input_size + 2 pad − filter_size) / stride + 1, rounded down."""
    return (input_size + 2 * pad - filter_size) // stride + 1


def im2col(
    input_data: ndarray, filter_h: int, filter_w: int, stride: int = 1, pad: int = 0
) -> ndarray:
    """Windows as rows: (N, C, H, W) → (N · out_h · out_w, C · filter_h · filter_w)."""
    kernel = (filter_h, filter_w)
    static = patch_arguments("im2col", input_data.shape[2:], kernel, stride, pad, 1)
    columns = evaluate(Unfold, input_data, **static)  # (N, C · kernel, windows)
    return columns.swapaxes(1, 2).reshape(-1, columns.shape[1])


def col2im(
    col: ndarray,
    input_shape: tuple[int, ...],
    filter_h: int,
    filter_w: int,
    stride: int = 1,
    pad: int = 0,
) -> ndarray:
    """Rows added back to where `im2col` took them from: an array of `input_shape`."""
    kernel = (filter_h, filter_w)
    static = patch_arguments("col2im", input_shape[2:], kernel, stride, pad, 1)
    columns = col.reshape(input_shape[0], -1, input_shape[1] * filter_h * filter_w).swapaxes(1, 2)
    return evaluate(Fold, columns, sizes=tuple(input_shape[2:]), **static)
