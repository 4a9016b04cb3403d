"""Normalisation: a group of elements brought to mean 0 and variance 1, then scaled and shifted.

    z = (x − μ) · r · w + b,   μ = mean of x,   r = 1 / √(variance of x + ε)

Batch, layer, group, instance and RMS normalisation differ only in which elements form a group. Mean
and r are primitives of their own with a history, and inputs of `Normalize`; but its derivative for
x counts their dependence on x in, and sends nothing to them. So the first derivative uses the
values from the forward pass, and every higher one is still right.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sangja.backend.native import norms
from sangja.backend.sums import accurate_sum
from sangja.core.errors import ArgumentError, ShapeError
from sangja.engine import Primitive, Tensor, apply, at_once, named, no_grad, single
from sangja.ops.arguments import as_tensor
from sangja.ops.pool import WindowSum
from sangja.ops.reduce import Mean, count_of
from sangja.ops.shape import reshape


class Variance(Primitive):
    """v = mean of (x − μ)² over `dims`, where μ is the mean of x there (or absent: 0)"""

    grad_name = "VarMeanBackward0"

    def forward(xp, x, mean, *, dims):
        made = None if mean is None else norms.variance(x, mean, dims)
        if made is not None:
            return made
        return mean_square(xp, x if mean is None else xp.subtract(x, mean), dims)

    def dx(g, x, mean, dims):
        n = math.prod(x.shape[i] for i in dims)
        return (x if mean is None else x - mean) * (g * (2 / max(n, 1)))


class Scale(Primitive):
    """r = 1 / √(v + ε)"""

    grad_name = "RsqrtBackward0"

    def forward(xp, v, *, eps):
        r = xp.add(v, eps)
        return xp.reciprocal(xp.sqrt(r, out=r), out=r)

    def dv(g, out):
        return g * out * out * out * -0.5


class Normalize(Primitive):
    """z = (x − μ) · r · w + b, where μ and r are the mean and the scale of x over `dims`"""

    def forward(xp, x, mean, r, w, b, *, dims):
        made = norms.normalize(x, mean, r, w, b, dims)
        if made is not None:
            return made
        scale = r if w is None else r * w
        if mean is not None and scale.size < x.size:  # two passes over x, and not four
            z = x * scale
            z += -mean * scale if b is None else b - mean * scale
            return z
        z = x * r if mean is None else xp.subtract(x, mean)
        if mean is not None:
            z *= r
        if w is not None:
            z *= w
        if b is not None:
            z += b
        return z

    def dall(g, x, mean, r, w, dims, needs):
        made = norms.normalize_gradients(g, x, mean, r, w, dims, needs[3])
        if made is not None:
            dx, dw, db = made
            return dx, None, None, dw, (g if db is None else db) if needs[4] else None
        normal = x * r if mean is None else (x - mean) * r
        dx = dw = None
        if needs[3]:
            dw = g * normal
        if needs[0]:
            inner, scale = g, r
            if w is not None and w.ndim > len(dims) and all(w.shape[i] == 1 for i in dims):
                scale = r * w  # one weight for a whole group: no pass of its own
            elif w is not None:
                inner = g * w
            if mean is not None:
                inner = inner - average(inner, dims)
            dx = (inner - normal * average(inner * normal, dims)) * scale
        return dx, None, None, dw, g if needs[4] else None


def mean_square(xp: Any, d: Any, dims: tuple[int, ...]) -> Any:
    """The mean of d² over `dims`, which stay with size 1."""
    squares = xp.square(d)
    if squares.dtype.char == "e":  # whose sums need more digits than it has
        return xp.mean(squares, axis=dims, keepdims=True)
    return averaged(xp.add.reduce(squares, axis=dims, keepdims=True), d.shape, dims)


def averaged(total: Any, shape: tuple[int, ...], dims: tuple[int, ...]) -> Any:
    """A sum over `dims` made a mean, in its own memory."""
    total /= total.dtype.type(count_of(shape, dims))
    return total


def normalized(xp: Any, x: Any, w: Any, b: Any, *, dims: tuple[int, ...], eps: float) -> Any:
    """Mean, `Variance`, `Scale` and `Normalize` of a small array, number for number as they are one
    by one."""
    mean = averaged(accurate_sum(xp, x, dims, True), x.shape, dims)
    scale = Scale.forward(xp, mean_square(xp, xp.subtract(x, mean), dims), eps=eps)
    if w is not None or scale.size == x.size:
        return Normalize.forward(xp, x, mean, scale, w, b, dims=dims)
    mean *= scale
    z = xp.multiply(x, scale)
    return xp.subtract(z, mean if b is None else mean - b, out=z)


def average(x: Any, dims: tuple[int, ...]) -> Any:
    """The mean over `dims`, which stay with size 1."""
    return single(Mean, x, {"dims": dims, "keepdim": True, "dtype": None})


def normalize_over(
    x: Tensor, mean: Any, var: Tensor, dims: tuple[int, ...], weight: Any, bias: Any, eps: float
) -> Tensor:
    """(x − mean) / √(var + ε) · weight + bias, where mean and var are those of x over `dims`."""
    r = single(Scale, var, {"eps": eps})
    return apply(Normalize, x, mean, r, weight, bias, dims=dims)  # type: ignore[no-any-return]


def moments(x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Mean and variance over `dims`, which stay with size 1."""
    mean = average(x, dims)
    return mean, apply(Variance, x, mean, dims=dims)


def track(running: Tensor | None, value: Tensor, momentum: float) -> None:
    """running ← (1 − momentum) · running + momentum · value, in its own memory."""
    if running is not None:
        with no_grad():
            running.copy_(running * (1 - momentum) + reshape(value, running.shape) * momentum)


def along_channels(value: Any, x: Tensor, name: str, where: str) -> Tensor | None:
    """A per-channel vector shaped to broadcast over (N, C, …)."""
    if value is None:
        return None
    v = as_tensor(value, name)
    if v.shape != (x.shape[1],):
        raise ShapeError(
            f"{where}: {name} should contain {x.shape[1]} elements, one per channel of the input "
            f"{list(x.shape)}, not {list(v.shape)}; make the layer for {x.shape[1]} features"
        )
    return reshape(v, (1, -1, *[1] * (x.ndim - 2)))


# -- public -----------------------------------------------------------------------------------


def batch_norm(
    input: Any,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    """Each channel normalised over the batch: z = (x − μ) / √(σ² + ε) · w + b.

    (N, C, …) → the same. In training μ and σ² are those of the batch, and the running statistics
    are moved towards them in place: running ← (1 − momentum) · running + momentum · batch (the
    variance there with n − 1). Otherwise the running statistics are used. Raises `ArgumentError`
    for a single value per channel in training. Source: Ioffe and Szegedy, 2015,
    https://arxiv.org/abs/1502.03167.
    """
    x = as_tensor(input)
    if not x.array.size:
        return x * 1
    if x.ndim < 2:
        raise ShapeError(f"batch_norm: expected an input (N, C, …), got {list(x.shape)}")
    if eps < 0 or (training and eps == 0):
        raise ArgumentError(
            f"batch_norm eps must be positive during training, else non-negative, but got {eps}"
        )
    w = along_channels(weight, x, "weight", "batch_norm")
    b = along_channels(bias, x, "bias", "batch_norm")
    mean = along_channels(running_mean, x, "running_mean", "batch_norm")
    var = along_channels(running_var, x, "running_var", "batch_norm")
    if not training and (mean is None or var is None):
        raise ShapeError(
            "batch_norm: Expected running_mean and running_var to be defined when training=False"
        )
    if training and x.array.size == x.shape[1]:
        raise ArgumentError(
            "Expected more than 1 value per channel when training, got input size "
            f"{list(x.shape)}: use a larger batch (drop_last=True drops a last batch of one), or "
            "model.eval()"
        )
    if not training:
        return named(running_norm(x, mean, var, w, b, eps), "NativeBatchNormBackward0")
    z = batch_statistics_norm(
        x, running_mean, running_var, w, b, (0, *range(2, x.ndim)), momentum, eps
    )
    return named(z, "NativeBatchNormBackward0")


def batch_statistics_norm(
    x: Tensor,
    running_mean: Any,
    running_var: Any,
    w: Any,
    b: Any,
    dims: tuple[int, ...],
    momentum: float,
    eps: float,
) -> Tensor:
    """Normalised by the statistics over `dims`, towards which the running ones are moved."""
    mean, var = moments(x, dims)
    n = math.prod(x.shape[i] for i in dims)
    if running_mean is not None or running_var is not None:
        with no_grad():
            rest = tuple(i for i in range(mean.ndim) if i != 1)
            batch_mean, batch_var = average(mean, rest), average(var, rest)
            track(running_mean, batch_mean, momentum)
            track(running_var, batch_var * (n / max(n - 1, 1)), momentum)
    return normalize_over(x, mean, var, dims, w, b, eps)


def running_norm(x: Tensor, mean: Any, var: Any, w: Any, b: Any, eps: float) -> Tensor:
    """Normalised by given statistics: one product and one sum."""
    r = apply(Scale, var, eps=eps)
    factor = r if w is None else r * w
    return x * factor - (mean * factor if b is None else mean * factor - b)


def layer_norm(
    input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-05
) -> Tensor:
    """Each sample normalised over its last dimensions: z = (x − μ) / √(σ² + ε) · w + b.

    (…, *normalized_shape) → the same; w and b have `normalized_shape`. Source: Ba, Kiros and
    Hinton, 2016, https://arxiv.org/abs/1607.06450.
    """
    x = as_tensor(input)
    dims, w, b = trailing("layer_norm", x, normalized_shape, weight, bias)
    z = at_once(normalized, x, w, b, dims=dims, eps=eps) if x.array.size < norms.ENOUGH else None
    if z is not None:
        return z
    mean, var = moments(x, dims)
    return named(normalize_over(x, mean, var, dims, w, b, eps), "NativeLayerNormBackward0")


def rms_norm(
    input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None
) -> Tensor:
    """Each sample over the root of its mean square: z = x / √(mean of x² + ε) · w, over the last
    dimensions.

    ε is by default the machine epsilon of the dtype. Source: Zhang and Sennrich, 2019,
    https://arxiv.org/abs/1910.07467.
    """
    x = as_tensor(input)
    dims, w, _ = trailing("rms_norm", x, normalized_shape, weight, None)
    if eps is None:
        eps = float(np.finfo(x.array.dtype).eps)
    var = apply(Variance, x, None, dims=dims)
    return named(normalize_over(x, None, var, dims, w, None, eps), "MulBackward0")


def trailing(where: str, x: Tensor, normalized_shape: Any, weight: Any, bias: Any) -> Any:
    """The last dimensions, which must be `normalized_shape`, and weight and bias of that shape."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if weight is None and bias is None and shape == x.array.shape[-1:]:  # the usual case
        return (x.array.ndim - 1,), None, None
    if not shape:
        raise ShapeError(f"{where}: normalized_shape must have at least one size, got {shape}")
    values = []
    for name, value in (("weight", weight), ("bias", bias)):
        v = None if value is None else as_tensor(value, name)
        if v is not None and v.shape != shape:
            raise ShapeError(
                f"{where}: Expected {name} to be of same shape as normalized_shape, but got "
                f"{name} of shape {list(v.shape)} and normalized_shape = {list(shape)}"
            )
        values.append(v)
    if x.array.shape[-len(shape) :] != shape:
        raise ShapeError(
            f"{where}: Given normalized_shape={list(shape)}, expected input with shape "
            f"[*, {', '.join(map(str, shape))}], but got input of size{list(x.shape)}; "
            f"make the layer with normalized_shape={list(x.shape[-len(shape) :])}"
        )
    return (tuple(range(x.ndim - len(shape), x.ndim)), *values)


def group_norm(
    input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-05
) -> Tensor:
    """Each sample's channels normalised in `num_groups` groups: z = (x − μ) / √(σ² + ε) · w + b.

    (N, C, …) → the same; w and b have C elements. Source: Wu and He, 2018,
    https://arxiv.org/abs/1803.08494.
    """
    x = as_tensor(input)
    if x.ndim < 2 or num_groups < 1 or x.shape[1] % num_groups:
        raise ShapeError(
            "group_norm: Expected number of channels in input to be divisible by num_groups, but "
            f"got input of shape {list(x.shape)} and num_groups={num_groups}"
        )
    inner = (num_groups, x.shape[1] // num_groups)
    grouped = reshape(x, (x.shape[0], *inner, *x.shape[2:]))
    w, b = (
        None if v is None else reshape(v, (1, *inner, *[1] * (x.ndim - 2)))
        for v in (
            along_channels(weight, x, "weight", "group_norm"),
            along_channels(bias, x, "bias", "group_norm"),
        )
    )
    dims = tuple(range(2, grouped.ndim))
    mean, var = moments(grouped, dims)
    z = reshape(normalize_over(grouped, mean, var, dims, w, b, eps), x.shape)
    return named(z, "NativeGroupNormBackward0")


def instance_norm(
    input: Any,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    """Each channel of each sample normalised by itself: z = (x − μ) / √(σ² + ε) · w + b.

    (N, C, …) → the same. With `use_input_stats=False` the running statistics are used. Source:
    Ulyanov, Vedaldi and Lempitsky, 2016, https://arxiv.org/abs/1607.08022.
    """
    x = as_tensor(input)
    if not use_input_stats:
        return batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    if x.ndim < 3 or math.prod(x.shape[2:]) == 1:
        raise ArgumentError(
            f"Expected more than 1 spatial element when training, got input size {list(x.shape)}"
        )
    w = along_channels(weight, x, "weight", "instance_norm")
    b = along_channels(bias, x, "bias", "instance_norm")
    dims = tuple(range(2, x.ndim))
    z = batch_statistics_norm(x, running_mean, running_var, w, b, dims, momentum, eps)
    return named(z, "ViewBackward0")


def local_response_norm(
    input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """z = x / (k + α · mean of x² over the `size` channels around)^β; (N, C, …) → the same.

    Source: Krizhevsky, Sutskever and Hinton, 2012.
    """
    x = as_tensor(input)
    if x.ndim < 3:
        raise ShapeError(
            "local_response_norm: Expected 3D or higher dimensionality input (N, C, …) (got "
            f"{x.ndim} dimensions)"
        )
    if not x.array.size:
        return x
    around = apply(
        WindowSum, x * x, dim=1, windows=x.shape[1], kernel=size, stride=1, padding=size // 2
    )
    return x / (around * (alpha / size) + k) ** beta  # type: ignore[no-any-return]
