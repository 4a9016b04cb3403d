"""Pooling: windows summed up by their maximum or their mean."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sangja.core.errors import ShapeError
from sangja.engine import Primitive, Tensor, apply, named, wrap
from sangja.ops.arguments import as_tensor
from sangja.ops.elementwise import keep
from sangja.ops.windows import Ints, axis_taps, check_positive, count_windows, ints, taps

Array = np.ndarray[Any, Any]


# -- maximum ----------------------------------------------------------------------------------


class MaxPool(Primitive):
    """z[…, o] = max over k of x[…, o·stride + k·dilation − padding]; nan wins"""

    grad_name = "MaxPool2DWithIndicesBackward0"
    lets_go = True

    def forward(xp, x, *, windows, kernel, stride, padding, dilation):
        lead = x.shape[: x.ndim - len(windows)]
        z = None
        for _, out, into in window_taps(x, windows, kernel, stride, padding, dilation):
            part = x[(..., *into)]
            if z is None and part.shape[len(lead) :] == windows:
                z = part.copy()
                continue
            if z is None:
                lowest = -xp.inf if x.dtype.kind in "fV" else xp.iinfo(x.dtype).min
                z = xp.full((*lead, *windows), lowest, x.dtype)
            part_of_z = z[(..., *out)]
            xp.maximum(part_of_z, part, out=part_of_z)
        return z

    def dx(g, x, out, x_shape, windows, kernel, stride, padding, dilation):
        static = {
            "windows": windows,
            "kernel": kernel,
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
        }
        chosen = apply(Chosen, x, out, **static)
        return apply(PutChosen, g, chosen, shape=x_shape, **static)


class Chosen(Primitive):
    """z[…, o] = the place in the window, in row-major order, from which its maximum comes: the
    first that equals it, or the last nan"""

    def forward(xp, x, best, *, windows, kernel, stride, padding, dilation):
        z = xp.zeros(best.shape, xp.min_scalar_type(math.prod(kernel)))
        places = list(window_taps(x, windows, kernel, stride, padding, dilation))
        found = xp.zeros(best.shape, bool)
        for _, out, into in places:  # counts the places before the first that equals the maximum
            found[(..., *out)] |= x[(..., *into)] == best[(..., *out)]
            z += ~found
        if x.dtype.kind in "fV" and xp.isnan(best).any():
            for i, (_, out, into) in enumerate(places):
                z[(..., *out)][xp.isnan(x[(..., *into)])] = i
        return z


class PutChosen(Primitive):
    """z = zeros of `shape`, with each x[…, o] added where the `chosen` place of its window lies"""

    def forward(xp, x, chosen, *, shape, windows, kernel, stride, padding, dilation):
        z = xp.zeros(shape, x.dtype)
        apart = all(s >= d * (k - 1) + 1 for s, k, d in zip(stride, kernel, dilation, strict=True))
        for i, (_, out, into) in enumerate(
            window_taps(z, windows, kernel, stride, padding, dilation)
        ):
            here = chosen[(..., *out)] == i
            if apart:
                z[(..., *into)] = keep(xp, x[(..., *out)], here)
            else:
                z[(..., *into)] += keep(xp, x[(..., *out)], here)
        return z

    def dx(g, chosen, windows, kernel, stride, padding, dilation):
        static = {
            "windows": windows,
            "kernel": kernel,
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
        }
        return apply(TakeChosen, g, chosen, **static)


class TakeChosen(Primitive):
    """z[…, o] = x at the `chosen` place of window o"""

    def forward(xp, x, chosen, *, windows, kernel, stride, padding, dilation):
        z = xp.zeros(chosen.shape, x.dtype)
        for i, (_, out, into) in enumerate(
            window_taps(x, windows, kernel, stride, padding, dilation)
        ):
            z[(..., *out)] += keep(xp, x[(..., *into)], chosen[(..., *out)] == i)
        return z

    def dx(g, chosen, x_shape, windows, kernel, stride, padding, dilation):
        static = {
            "windows": windows,
            "kernel": kernel,
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
        }
        return apply(PutChosen, g, chosen, shape=x_shape, **static)


def window_taps(
    x: Any, windows: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> Any:
    """The taps over the last axes of x."""
    return taps(x.shape[x.ndim - len(windows) :], windows, kernel, stride, padding, dilation)


def pool_arguments(
    name: str,
    x: Tensor,
    dims: int,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
) -> dict[str, Ints]:
    """The static arguments of a pooling primitive, checked."""
    if x.ndim not in (dims + 1, dims + 2):
        raise ShapeError(
            f"{name}: Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) tensor, but got "
            f"input of size: {list(x.shape)}; x.unsqueeze(0) adds a dimension of size 1"
        )
    if any(n == 0 for n in x.shape[-dims - 1 :]):
        raise ShapeError(
            f"{name}: Expected input with non-zero size for all but the batch dimension, got "
            f"{list(x.shape)}"
        )
    kernel = ints(kernel_size, dims, "kernel_size")
    steps = ints(stride, dims, "stride") if stride or stride == 0 else kernel
    around, apart = ints(padding, dims, "padding"), ints(dilation, dims, "dilation")
    check_positive(name, kernel_size=kernel, stride=steps, dilation=apart)
    if any(
        not 0 <= p <= (d * (k - 1) + 1) // 2 for p, k, d in zip(around, kernel, apart, strict=True)
    ):
        raise ShapeError(
            f"{name}: pad should be at most half of effective kernel size, and not negative: got "
            f"padding={around}, kernel_size={kernel}, dilation={apart}"
        )
    sizes = x.shape[-dims:]
    windows = count_windows(name, sizes, kernel, steps, [(p, p) for p in around], apart, ceil_mode)
    return {
        "windows": windows,
        "kernel": kernel,
        "stride": steps,
        "padding": around,
        "dilation": apart,
    }


def max_pool(
    dims: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    """The maximum of each window over the last `dims` dimensions; with indices if asked for."""
    x = as_tensor(input)
    static = pool_arguments(
        f"max_pool{dims}d", x, dims, kernel_size, stride, padding, dilation, ceil_mode
    )
    z = apply(MaxPool, x, **static)
    if not return_indices:
        return z
    chosen = apply(Chosen, x.detach(), z.detach(), **static)
    sizes = x.shape[-dims:]
    positions = np.broadcast_to(np.arange(math.prod(sizes)).reshape(sizes), x.shape)
    return z, apply(TakeChosen, as_tensor(positions), chosen, **static)


def max_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """z[n, c, i] = max over k of x[n, c, i·stride + k·dilation − padding].

    (N, C, L) or (C, L) → length (L + 2·padding − dilation·(kernel_size − 1) − 1) / stride + 1,
    rounded down, or up with `ceil_mode`. `stride` is by default the kernel size. With
    `return_indices` also where in the input each maximum lies.

    >>> import sangja
    >>> sangja.max_pool1d(sangja.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[3., 2.]])
    """
    z = max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return z if return_indices else named(z, "SqueezeBackward1")


def max_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool1d` over two dimensions: (N, C, H, W) or (C, H, W)."""
    return max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool1d` over three dimensions: (N, C, D, H, W) or (C, D, H, W)."""
    return max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


# -- mean -------------------------------------------------------------------------------------


class WindowSum(Primitive):
    """z[…, o, …] = Σ over k of x[…, o·stride + k − padding, …] along `dim`"""

    grad_name = "AvgPool2DBackward0"

    def forward(xp, x, *, dim, windows, kernel, stride, padding):
        x = x.swapaxes(dim, -1)
        z = xp.zeros((*x.shape[:-1], windows), x.dtype)
        for out, into in axis_taps(x.shape[-1], windows, kernel, stride, padding, 1):
            z[..., out] += x[..., into]
        return z.swapaxes(dim, -1)

    def dx(g, x_shape, dim, kernel, stride, padding):
        static = {"kernel": kernel, "stride": stride, "padding": padding}
        return apply(WindowSpread, g, dim=dim, size=x_shape[dim], **static)


class WindowSpread(Primitive):
    """z = each x[…, o, …] added to all places of its window: the transpose of `WindowSum`"""

    def forward(xp, x, *, dim, size, kernel, stride, padding):
        x = x.swapaxes(dim, -1)
        z = xp.zeros((*x.shape[:-1], size), x.dtype)
        for out, into in axis_taps(size, x.shape[-1], kernel, stride, padding, 1):
            z[..., into] += x[..., out]
        return z.swapaxes(dim, -1)

    def dx(g, x_shape, dim, kernel, stride, padding):
        static = {"kernel": kernel, "stride": stride, "padding": padding}
        return apply(WindowSum, g, dim=dim, windows=x_shape[dim], **static)


def avg_pool(
    dims: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Tensor:
    """The mean of each window over the last `dims` dimensions."""
    x = as_tensor(input)
    name = f"avg_pool{dims}d"
    static = pool_arguments(name, x, dims, kernel_size, stride, padding, 1, ceil_mode)
    if divisor_override == 0:
        raise ShapeError(f"{name}: divisor must be not zero")
    counts = np.ones((), x.array.dtype)
    z = x
    for d, n, o, k, s, p in zip(
        range(x.ndim - dims, x.ndim),
        x.shape[-dims:],
        *(static[name] for name in ("windows", "kernel", "stride", "padding")),
        strict=True,
    ):
        z = apply(WindowSum, z, dim=d, windows=o, kernel=k, stride=s, padding=p)
        starts = np.arange(o) * s - p
        ends = np.minimum(starts + k, n + p)
        inside = np.minimum(ends, n) - np.maximum(starts, 0)
        counts = np.multiply.outer(counts, ends - starts if count_include_pad else inside)
    z = z / (divisor_override or wrap(counts.astype(x.array.dtype)))
    return named(z, "SqueezeBackward1" if dims == 1 else f"AvgPool{dims}DBackward0")


def avg_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """z[n, c, i] = mean over k of x[n, c, i·stride + k − padding].

    Shapes as in `max_pool1d`. Padding counts as zeros, unless `count_include_pad=False`.

    >>> import sangja
    >>> sangja.avg_pool1d(sangja.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[2., 1.]])
    """
    return avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """`avg_pool1d` over two dimensions; with `divisor_override` the sum is divided by that."""
    return avg_pool(
        2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def avg_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """`avg_pool2d` over three dimensions."""
    return avg_pool(
        3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )
