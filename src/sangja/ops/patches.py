"""Patches of images as columns and back, and channels exchanged for pixels."""

from __future__ import annotations

import math
from typing import Any

from sangja.core.errors import ShapeError
from sangja.engine import Primitive, Tensor, apply, named
from sangja.ops.arguments import as_tensor
from sangja.ops.shape import permute, reshape
from sangja.ops.windows import Ints, check_positive, count_windows, ints, taps


class Unfold(Primitive):
    """z[n, (c, k), o] = x[n, c, o·stride + k·dilation − padding], with k and o in row-major
    order"""

    grad_name = "Im2ColBackward0"

    def forward(xp, x, *, windows, kernel, stride, padding, dilation):
        z = xp.zeros((*x.shape[:2], *kernel, *windows), x.dtype)
        for k, out, into in taps(x.shape[2:], windows, kernel, stride, padding, dilation):
            z[(slice(None), slice(None), *k, *out)] = x[(..., *into)]
        return z.reshape(len(x), x.shape[1] * math.prod(kernel), math.prod(windows))

    def dx(g, x_shape, windows, kernel, stride, padding, dilation):
        static = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
        return apply(Fold, g, sizes=x_shape[2:], windows=windows, **static)


class Fold(Primitive):
    """z = the columns added back to where `Unfold` takes them from"""

    grad_name = "Col2ImBackward0"

    def forward(xp, x, *, sizes, windows, kernel, stride, padding, dilation):
        channels = x.shape[1] // math.prod(kernel)
        x = x.reshape(len(x), channels, *kernel, *windows)
        z = xp.zeros((len(x), channels, *sizes), x.dtype)
        for k, out, into in taps(sizes, windows, kernel, stride, padding, dilation):
            z[(..., *into)] += x[(slice(None), slice(None), *k, *out)]
        return z

    def dx(g, windows, kernel, stride, padding, dilation):
        static = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
        return apply(Unfold, g, windows=windows, **static)


def patch_arguments(
    name: str, sizes: Ints, kernel_size: Any, stride: Any, padding: Any, dilation: Any
) -> dict[str, Ints]:
    """The static arguments of `Unfold` and `Fold`, checked."""
    kernel, steps = ints(kernel_size, 2, "kernel_size"), ints(stride, 2, "stride")
    around, apart = ints(padding, 2, "padding"), ints(dilation, 2, "dilation")
    check_positive(name, kernel_size=kernel, stride=steps, dilation=apart)
    if min(around) < 0:
        raise ShapeError(f"{name}: padding should be non-negative, got {around}")
    windows = count_windows(name, sizes, kernel, steps, [(p, p) for p in around], apart)
    return {
        "windows": windows,
        "kernel": kernel,
        "stride": steps,
        "padding": around,
        "dilation": apart,
    }


def unfold(
    input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """The patches under a sliding window, one column each.

    (N, C, H, W) → (N, C · kernel elements, number of windows); without N too.
    """
    x = as_tensor(input)
    if x.ndim not in (3, 4) or 0 in x.shape[-3:]:
        raise ShapeError(
            "unfold: Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other "
            f"non-zero dimensions for input, but got: {list(x.shape)}"
        )
    static = patch_arguments("unfold", x.shape[-2:], kernel_size, stride, padding, dilation)
    z = apply(Unfold, reshape(x, (-1, *x.shape[1:])) if x.ndim == 4 else x[None], **static)
    return z if x.ndim == 4 else z[0]  # type: ignore[no-any-return]


def fold(
    input: Any,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """Columns added back to an image of `output_size`: the reverse of `unfold`, overlaps summed.

    (N, C · kernel elements, number of windows) → (N, C, *output_size); without N too.
    """
    x = as_tensor(input)
    sizes = ints(output_size, 2, "output_size")
    static = patch_arguments("fold", sizes, kernel_size, stride, padding, dilation)
    elements, count = math.prod(static["kernel"]), math.prod(static["windows"])
    if x.ndim not in (2, 3) or x.shape[-2] % elements or x.shape[-1] != count:
        raise ShapeError(
            f"fold: Given output_size={sizes}, kernel_size={static['kernel']}, dilation="
            f"{static['dilation']}, padding={static['padding']}, stride={static['stride']}, "
            f"expected an input (N, C·{elements}, {count}), but got {list(x.shape)}"
        )
    z = apply(Fold, x if x.ndim == 3 else x[None], sizes=sizes, **static)
    return z if x.ndim == 3 else z[0]  # type: ignore[no-any-return]


def pixel_shuffle(input: Any, upscale_factor: int) -> Tensor:
    """z[…, c, h·r + i, w·r + j] = x[…, c·r² + i·r + j, h, w]: (…, C·r², H, W) → (…, C, H·r, W·r).

    Source: Shi et al., 2016, https://arxiv.org/abs/1609.05158.
    """
    x, r = as_tensor(input), upscale_factor
    if x.ndim < 3 or r < 1 or x.shape[-3] % (r * r):
        raise ShapeError(
            "pixel_shuffle expects its input (…, C, H, W) to have a 'channel' size divisible by "
            f"the square of upscale_factor, got {list(x.shape)} and upscale_factor={r}"
        )
    lead, (c, h, w), n = x.shape[:-3], x.shape[-3:], x.ndim - 3
    z = reshape(x, (*lead, c // (r * r), r, r, h, w))
    z = permute(z, (*range(n), n, n + 3, n + 1, n + 4, n + 2))  # (…, C, H, r, W, r)
    z = reshape(z, (*lead, c // (r * r), h * r, w * r))
    return named(z, "PixelShuffleBackward0")


def pixel_unshuffle(input: Any, downscale_factor: int) -> Tensor:
    """The reverse of `pixel_shuffle`: (…, C, H·r, W·r) → (…, C·r², H, W)."""
    x, r = as_tensor(input), downscale_factor
    if x.ndim < 3 or r < 1 or x.shape[-2] % r or x.shape[-1] % r:
        raise ShapeError(
            "pixel_unshuffle expects height and width to be divisible by downscale_factor, got "
            f"{list(x.shape)} and downscale_factor={r}"
        )
    lead, (c, h, w), n = x.shape[:-3], x.shape[-3:], x.ndim - 3
    z = reshape(x, (*lead, c, h // r, r, w // r, r))
    z = permute(z, (*range(n), n, n + 2, n + 4, n + 1, n + 3))  # (…, C, r, r, H, W)
    return reshape(z, (*lead, c * r * r, h // r, w // r))


def channel_shuffle(input: Any, groups: int) -> Tensor:
    """Channels (g groups of C/g) reordered as (C/g groups of g): (N, C, …) → the same shape.

    Source: Zhang et al., 2017, https://arxiv.org/abs/1707.01083.
    """
    x = as_tensor(input)
    if x.ndim < 3 or groups < 1 or x.shape[1] % groups:
        raise ShapeError(
            "channel_shuffle: expects an input (N, C, …) of at least 3 dimensions whose number of "
            f"channels must be divisible by groups, got {list(x.shape)} and groups={groups}"
        )
    z = reshape(x, (x.shape[0], groups, x.shape[1] // groups, *x.shape[2:]))
    return reshape(permute(z, (0, 2, 1, *range(3, z.ndim))), x.shape)
