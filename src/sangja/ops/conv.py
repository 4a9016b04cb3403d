"""Convolution in any number of dimensions, and its transpose.

    z[n, o, i] = Σ_c Σ_k w[o, c, k] · x[n, c, i·stride + k·dilation − padding]

It is linear in the image x and in the weight w. So there are three primitives, `Convolve` (of image
and weight), `ConvolveImage` and `ConvolveWeight` (its derivatives for one and the other), and each
has the other two as its own derivatives. A transposed convolution is `ConvolveImage`.

All three copy the windows into the columns of a matrix and leave the arithmetic to one large matrix
product for as many images as keep the columns within the processor's cache.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from sangja.backend.native.images import convolve as by_kernels
from sangja.core.errors import DTypeError, ShapeError
from sangja.engine import Primitive, Tensor, apply, sum_to
from sangja.ops.arguments import as_tensor
from sangja.ops.shape import reshape
from sangja.ops.windows import Ints, check_positive, count_windows, ints, taps

COLUMNS = 2 << 20  # bytes of columns at a time; measured best between 1 and 4 MB

Array = np.ndarray[Any, Any]
Pairs = tuple[tuple[int, int], ...]


class Geometry:
    """Everything about the shapes of a convolution from images of `sizes`, in `groups`."""

    def __init__(self, sizes: Ints, windows: Ints, kernel: Ints, static: tuple[Any, ...]) -> None:
        stride, padding, dilation, self.groups = static
        self.windows = windows
        self.kernel = kernel
        before = [p[0] for p in padding]
        self.taps = list(taps(sizes, windows, kernel, stride, before, dilation))
        self.partial = any(t.out != tuple(slice(0, n) for n in windows) for t in self.taps)

    def chunks(self, images: int, channels: int, itemsize: int) -> Iterator[slice]:
        """Slices of images whose columns fit the cache together."""
        one = channels * math.prod(self.kernel) * math.prod(self.windows) * itemsize
        step = max(1, COLUMNS // max(one, 1))
        step = -(-images // max(1, -(-images // step)))  # chunks of equal size
        return (slice(a, min(a + step, images)) for a in range(0, images, max(step, 1)))

    def buffer(self, xp: Any, channels: int, images: int, dtype: Any) -> Array:
        """Room for columns; zero where windows lie over the padding."""
        shape = (channels, *self.kernel, images, *self.windows)
        return xp.zeros(shape, dtype) if self.partial else xp.empty(shape, dtype)

    def unroll(self, x: Array, columns: Array) -> Array:
        """The columns (groups, C/groups · K, N · windows) of images (N, C, …)."""
        x = x.swapaxes(0, 1)
        for k, out, into in self.taps:
            place: Any = (slice(None), *k, slice(None), *out)
            columns[place] = x[(slice(None), slice(None), *into)]
        return columns.reshape(
            self.groups, columns.shape[0] // self.groups * math.prod(self.kernel), -1
        )

    def roll(self, columns: Array, z: Array) -> None:
        """Add columns back to where in the images (N, C, …) they came from."""
        channels, images = z.shape[1], z.shape[0]
        columns = columns.reshape(channels, *self.kernel, images, *self.windows)
        z = z.swapaxes(0, 1)
        for k, out, into in self.taps:
            place: Any = (slice(None), *k, slice(None), *out)
            z[(slice(None), slice(None), *into)] += columns[place]

    def rows(self, g: Array) -> Array:
        """Results (N, O, windows) as (groups, O/groups, N · windows)."""
        return g.swapaxes(0, 1).reshape(self.groups, g.shape[1] // self.groups, -1)


class Convolve(Primitive):
    """z = x ∗ w + b"""

    grad_name = "ConvolutionBackward0"

    def forward(xp, x, w, b, *, windows, stride, padding, dilation, groups):
        made = None
        if xp is np:
            made = by_kernels(
                "conv", x, w, b, x.shape, (len(x), len(w), *windows), w.shape,
                stride, padding, dilation, groups,
            )  # fmt: skip
        if made is not None:
            return made
        shape = Geometry(x.shape[2:], windows, w.shape[2:], (stride, padding, dilation, groups))
        z = xp.empty((len(x), len(w), *windows), x.dtype)
        matrix = w.reshape(groups, len(w) // groups, -1)
        columns = None
        for part in shape.chunks(*x.shape[:2], x.itemsize):
            images = x[part]
            if columns is None or columns.shape[-len(windows) - 1] != len(images):
                columns = shape.buffer(xp, x.shape[1], len(images), x.dtype)
            product = xp.matmul(matrix, shape.unroll(images, columns))
            z[part] = product.reshape(len(w), len(images), *windows).swapaxes(0, 1)
        return z if b is None else add_bias(z, b)

    def dx(g, w, x_shape, stride, padding, dilation, groups):
        static = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        return apply(ConvolveImage, g, w, None, sizes=x_shape[2:], **static)

    def dw(g, x, w_shape, stride, padding, dilation, groups):
        static = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        return apply(ConvolveWeight, g, x, kernel=w_shape[2:], **static)

    def db(g, b_shape):
        return bias_gradient(g, b_shape)


class ConvolveImage(Primitive):
    """z = Σ over the windows, each output g spread over its window by w, + b: ∂(x ∗ w)/∂x applied
    to g"""

    grad_name = "ConvolutionBackward0"

    def forward(xp, g, w, b, *, sizes, stride, padding, dilation, groups):
        made = None
        if xp is np:
            made = by_kernels(
                "conv_image", g, w, None, (len(g), w.shape[1] * groups, *sizes), g.shape, w.shape,
                stride, padding, dilation, groups,
            )  # fmt: skip
        if made is not None:
            return made if b is None else add_bias(made, b)
        shape = Geometry(sizes, g.shape[2:], w.shape[2:], (stride, padding, dilation, groups))
        channels = w.shape[1] * groups
        z = xp.zeros((len(g), channels, *sizes), g.dtype)
        matrix = w.reshape(groups, len(w) // groups, -1).swapaxes(1, 2)
        for part in shape.chunks(len(g), channels, g.itemsize):
            shape.roll(xp.matmul(matrix, shape.rows(g[part])), z[part])
        return z if b is None else add_bias(z, b)

    def dg(h, w, g_shape, stride, padding, dilation, groups):
        static = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        return apply(Convolve, h, w, None, windows=g_shape[2:], **static)

    def dw(h, g, w_shape, stride, padding, dilation, groups):
        static = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        return apply(ConvolveWeight, g, h, kernel=w_shape[2:], **static)

    def db(h, b_shape):
        return bias_gradient(h, b_shape)


class ConvolveWeight(Primitive):
    """z = Σ over images and windows of g times what the window shows: ∂(x ∗ w)/∂w applied to g"""

    grad_name = "ConvolutionBackward0"

    def forward(xp, g, x, *, kernel, stride, padding, dilation, groups):
        made = None
        if xp is np:
            weight = (g.shape[1], x.shape[1] // groups, *kernel)
            made = by_kernels(
                "conv_weight", g, x, None, x.shape, g.shape, weight,
                stride, padding, dilation, groups,
            )  # fmt: skip
        if made is not None:
            return made
        shape = Geometry(x.shape[2:], g.shape[2:], kernel, (stride, padding, dilation, groups))
        channels = x.shape[1] // groups
        z = xp.zeros((groups, g.shape[1] // groups, channels * math.prod(kernel)), x.dtype)
        for part in shape.chunks(*x.shape[:2], x.itemsize):
            columns = shape.buffer(xp, x.shape[1], len(x[part]), x.dtype)
            z += xp.matmul(shape.rows(g[part]), shape.unroll(x[part], columns).swapaxes(1, 2))
        return z.reshape(g.shape[1], channels, *kernel)

    def dg(h, x, g_shape, stride, padding, dilation, groups):
        static = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        return apply(Convolve, x, h, None, windows=g_shape[2:], **static)

    def dx(h, g, x_shape, stride, padding, dilation, groups):
        static = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        return apply(ConvolveImage, g, h, None, sizes=x_shape[2:], **static)


def add_bias(z: Array, b: Array) -> Array:
    """z with b added to every channel, in place."""
    z += b.reshape(-1, *[1] * (z.ndim - 2))
    return z


def bias_gradient(g: Any, shape: tuple[int, ...]) -> Any:
    """The sum over all but the channels."""
    return reshape(sum_to(g, (*shape, *[1] * (g.ndim - 2))), shape)


# -- arguments --------------------------------------------------------------------------------


def prepare(
    name: str, input: Any, weight: Any, bias: Any, dims: int, groups: int, transposed: bool
) -> tuple[Tensor, Tensor, Tensor | None, bool]:
    """Image with a batch dimension, weight and bias, checked; and whether the image had one."""
    x, w = as_tensor(input), as_tensor(weight, "weight")
    b = None if bias is None else as_tensor(bias, "bias")
    if x.ndim not in (dims + 1, dims + 2):
        raise ShapeError(
            f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {name}, but got "
            f"input of size: {list(x.shape)}; x.unsqueeze(0) adds a dimension of size 1"
        )
    if w.ndim != dims + 2:
        raise ShapeError(
            f"{name}: expected a weight of {dims + 2} dimensions (channels out and in, then the "
            f"kernel), got {list(w.shape)}"
        )
    if x.array.dtype != w.array.dtype or (b is not None and b.array.dtype != w.array.dtype):
        third = "" if b is None else f" and bias {b.dtype}"
        raise DTypeError(
            f"{name}: input and weight must have the same dtype, got input {x.dtype}, weight "
            f"{w.dtype}{third}; convert the input with .to(weight.dtype)"
        )
    if groups < 1 or w.shape[0] % groups:
        raise ShapeError(
            f"{name}: groups must be at least 1 and divide the first size of the weight, got "
            f"groups={groups} and weight {list(w.shape)}"
        )
    channels = w.shape[0] if transposed else w.shape[1] * groups
    batched = x.ndim == dims + 2
    if x.shape[-dims - 1] != channels:
        raise ShapeError(
            f"{name}: given groups={groups} and weight of size {list(w.shape)}, expected input"
            f"{list(x.shape)} to have {channels} channels, but got {x.shape[-dims - 1]} channels "
            f"instead. {channels_fix(x.shape, channels, dims)}"
        )
    produced = w.shape[1] * groups if transposed else w.shape[0]
    if b is not None and b.shape != (produced,):
        raise ShapeError(
            f"{name}: given weight of size {list(w.shape)}, expected bias to be 1-dimensional with "
            f"{produced} elements, but got bias of size {list(b.shape)} instead"
        )
    return (x if batched else reshape(x, (1, *x.shape))), w, b, batched


def channels_fix(shape: tuple[int, ...], channels: int, dims: int) -> str:
    """How to mend an input with another number of channels than the weight has."""
    place = -dims - 1
    if shape[-1] == channels:
        return f"The channels come last here; bring them to the front with x.movedim(-1, {place})"
    return f"Make the layer with in_channels={shape[place]}, or give it {channels} channels"


def find_padding(name: str, padding: Any, kernel: Ints, stride: Ints, dilation: Ints) -> Pairs:
    """Padding before and after each axis; 'same' puts what is odd after."""
    if isinstance(padding, str):
        if padding == "valid":
            return ((0, 0),) * len(kernel)
        if padding != "same":
            raise ShapeError(
                f"{name}: Invalid padding string: {padding!r}, should be one of 'valid', 'same'"
            )
        if any(s != 1 for s in stride):
            raise ShapeError(f"{name}: padding='same' is not supported for strided convolutions")
        totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return tuple((n // 2, n - n // 2) for n in totals)
    each = ints(padding, len(kernel), "padding")
    if any(p < 0 for p in each):
        raise ShapeError(f"{name}: negative padding is not supported, got {padding}")
    return tuple((p, p) for p in each)


def convolve(
    dims: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Tensor:
    """The convolution over `dims` spatial dimensions."""
    name = f"conv{dims}d"
    x, w, b, batched = prepare(name, input, weight, bias, dims, groups, transposed=False)
    kernel = tuple(w.shape[2:])
    steps, apart = ints(stride, dims, "stride"), ints(dilation, dims, "dilation")
    check_positive(name, stride=steps, dilation=apart)
    around = find_padding(name, padding, kernel, steps, apart)
    windows = count_windows(name, x.shape[2:], kernel, steps, around, apart)
    z = apply(
        Convolve,
        x,
        w,
        b,
        windows=windows,
        stride=steps,
        padding=around,
        dilation=apart,
        groups=groups,
    )
    return z if batched else reshape(z, z.shape[1:])


def convolve_transposed(
    dims: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    """The transposed convolution over `dims` spatial dimensions."""
    name = f"conv_transpose{dims}d"
    x, w, b, batched = prepare(name, input, weight, bias, dims, groups, transposed=True)
    steps, apart = ints(stride, dims, "stride"), ints(dilation, dims, "dilation")
    check_positive(name, stride=steps, dilation=apart)
    around = find_padding(name, ints(padding, dims, "padding"), tuple(w.shape[2:]), steps, apart)
    extra = ints(output_padding, dims, "output_padding")
    sizes = []
    for n, k, s, (p, _), d, e in zip(
        x.shape[2:], w.shape[2:], steps, around, apart, extra, strict=True
    ):
        if e < 0 or e >= max(s, d):
            raise ShapeError(
                f"{name}: output padding must be smaller than either stride or dilation, but got "
                f"output_padding={extra}, stride={steps}, dilation={apart}"
            )
        sizes.append((n - 1) * s - 2 * p + d * (k - 1) + e + 1)
    if any(n < 1 for n in sizes):
        raise ShapeError(
            f"{name}: given input size {list(x.shape[2:])}, the output size would be {sizes}: too "
            "small; use less padding or a larger kernel"
        )
    z = apply(
        ConvolveImage,
        *(x, w, b),
        sizes=tuple(sizes),
        stride=steps,
        padding=around,
        dilation=apart,
        groups=groups,
    )
    return z if batched else reshape(z, z.shape[1:])


# -- public -----------------------------------------------------------------------------------


def conv1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """z[n, o, i] = b[o] + Σ_c Σ_k w[o, c, k] · x[n, c, i·stride + k·dilation − padding].

    (N, C, L) or (C, L), weight (O, C/groups, K) → (N, O, (L + 2·padding − dilation·(K − 1) − 1) /
    stride + 1). `padding` may be 'valid' (0) or 'same' (the length is kept).

    >>> import sangja
    >>> sangja.conv1d(sangja.tensor([[1.0, 2.0, 4.0]]), sangja.tensor([[[1.0, -1.0]]]))
    tensor([[-1., -2.]])
    """
    return convolve(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """z[n, o, i, j] = b[o] + Σ_c Σ_k Σ_l w[o, c, k, l] · x[n, c, i + k, j + l], for stride 1
    without padding.

    (N, C, H, W) or (C, H, W), weight (O, C/groups, K, L); sizes as in `conv1d`, for each dimension.
    Arguments are one int for both dimensions or a pair. Raises `ShapeError` for channels that do
    not fit, or a kernel larger than the padded image.
    """
    return convolve(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """`conv2d` over three dimensions: (N, C, D, H, W), weight (O, C/groups, K, L, M)."""
    return convolve(3, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """z[n, o, i·stride + k·dilation − padding] = b[o] + Σ w[c, o, k] · x[n, c, i], over all c, i, k
    that lead there.

    The derivative of `conv1d` for its input. (N, C, L), weight (C, O/groups, K) →
    (N, O, (L − 1)·stride − 2·padding + dilation·(K − 1) + output_padding + 1).
    """
    return convolve_transposed(
        1, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """`conv_transpose1d` over two dimensions: (N, C, H, W), weight (C, O/groups, K, L)."""
    return convolve_transposed(
        2, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def conv_transpose3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """`conv_transpose1d` over three dimensions: (N, C, D, H, W), weight (C, O/groups, K, L, M)."""
    return convolve_transposed(
        3, input, weight, bias, stride, padding, output_padding, groups, dilation
    )
