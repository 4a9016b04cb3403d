"""Layers that bring values to mean 0 and variance 1: over a batch, a channel, a layer, a group."""

from __future__ import annotations

import numbers
import warnings
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError
from sangja.engine import Tensor, wrap
from sangja.engine.inplace import update
from sangja.nn import functional as F, init
from sangja.nn.lazy import LazyModuleMixin
from sangja.nn.module import Module
from sangja.nn.parameter import (
    Parameter,
    UninitializedBuffer,
    UninitializedParameter,
    empty,
    materialize,
)


def count_one(seen: Any) -> None:
    """One batch more, in place."""
    seen += 1


class Normalization(Module):
    """What batch and instance norms share: a scale and shift per channel, running statistics."""

    _version = 2  # since 2 the number of batches is kept

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        dtype: Any,
        bias: bool = True,
        lazy: bool = False,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            fresh = (
                UninitializedParameter(dtype=dtype) if lazy else empty(num_features, dtype=dtype)
            )
            self.register_parameter(name, fresh if wanted else None)
        for name in ("running_mean", "running_var"):
            kept = UninitializedBuffer(dtype=dtype) if lazy else empty(num_features, dtype=dtype)
            self.register_buffer(
                name, (kept if lazy else wrap(kept.array)) if track_running_stats else None
            )
        batches = wrap(np.zeros((), np.int64)) if track_running_stats else None
        self.register_buffer("num_batches_tracked", batches)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the statistics: mean 0, variance 1, no batches."""
        if self.track_running_stats:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Scale 1, shift 0, no statistics."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def check_input(self, input: Tensor) -> None:
        """Refuse an input of the wrong number of dimensions."""

    def channel_dim(self, input: Tensor) -> int:
        """Which dimension of the input holds the channels."""
        return 1

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any
    ) -> None:
        key = prefix + "num_batches_tracked"
        old = local_metadata.get("version")
        if (old is None or old < 2) and self.track_running_stats and key not in state_dict:
            state_dict[key] = self.num_batches_tracked.detach()
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class BatchNorm(Normalization):
    """z = (x − mean) / √(var + ε) · weight + bias, mean and (biased) variance of the batch per
    channel; in evaluation the running ones. `momentum`: running ← (1 − momentum) · running +
    momentum · new (the variance unbiased); None averages over all batches. Ioffe and Szegedy,
    2015."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        self.check_input(input)
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            seen = self.num_batches_tracked
            update(count_one, (seen,), ())
            if self.momentum is None:
                factor = 1.0 / float(seen)
        measured = self.training or self.running_mean is None
        running = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if running else None,
            self.running_var if running else None,
            self.weight,
            self.bias,
            measured,
            factor,
            self.eps,
        )


class BatchNorm1d(BatchNorm):
    """`BatchNorm` of (N, C) or (N, C, L)."""

    def check_input(self, input: Tensor) -> None:
        check_ndim(self, input, (2, 3), "(N, C) or (N, C, L)")


class BatchNorm2d(BatchNorm):
    """`BatchNorm` of (N, C, H, W)."""

    def check_input(self, input: Tensor) -> None:
        check_ndim(self, input, (4,), "(N, C, H, W)")


class BatchNorm3d(BatchNorm):
    """`BatchNorm` of (N, C, D, H, W)."""

    def check_input(self, input: Tensor) -> None:
        check_ndim(self, input, (5,), "(N, C, D, H, W)")


def check_ndim(module: Module, input: Tensor, allowed: tuple[int, ...], layout: str) -> None:
    if input.ndim not in allowed:
        expected = " or ".join(f"{n}D" for n in allowed)
        raise ArgumentError(
            f"expected {expected} input (got {input.ndim}D input): {type(module).__name__} takes "
            f"{layout}, got {list(input.shape)}"
        )


def refuse_unless(fits: bool, text: str) -> None:
    if not fits:
        raise ArgumentError(text)


class InstanceNorm(Normalization):
    """z = (x − mean) / √(var + ε) · weight + bias, mean and variance (biased) of each sample's
    channel. Ulyanov et al., 2016."""

    without_batch: int  # the number of dimensions of one sample

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype, bias)

    def check_input(self, input: Tensor) -> None:
        n = self.without_batch
        refuse_unless(
            input.ndim in (n, n + 1), f"expected {n}D or {n + 1}D input (got {input.ndim}D input)"
        )

    def channel_dim(self, input: Tensor) -> int:
        return input.ndim - self.without_batch

    def check_channels(self, input: Tensor) -> None:
        """Refuse another number of channels than promised; without parameters only warn."""
        dim = self.channel_dim(input)
        channels = input.shape[dim]
        refuse_unless(
            not self.affine or channels == self.num_features,
            f"expected input's size at dim={dim} to match num_features "
            f"({self.num_features}), but got: {channels}.",
        )
        if channels != self.num_features:
            warnings.warn(
                f"input's size at dim={dim} does not match num_features. You can silence this "
                "warning by not passing in num_features, which is not used because affine=False",
                stacklevel=4,
            )

    def forward(self, input: Tensor) -> Tensor:
        self.check_input(input)
        self.check_channels(input)
        single = input.ndim == self.without_batch
        batch = input.unsqueeze(0) if single else input
        z = F.instance_norm(
            batch,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return z.squeeze(0) if single else z


class InstanceNorm1d(InstanceNorm):
    """`InstanceNorm` of (N, C, L) or (C, L)."""

    without_batch = 2


class InstanceNorm2d(InstanceNorm):
    """`InstanceNorm` of (N, C, H, W) or (C, H, W)."""

    without_batch = 3


class InstanceNorm3d(InstanceNorm):
    """`InstanceNorm` of (N, C, D, H, W) or (C, D, H, W)."""

    without_batch = 4


class LazyNorm(LazyModuleMixin, Normalization):
    """Learns `num_features` from the first input."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        Normalization.__init__(
            self,
            0,
            eps,
            momentum,
            affine,
            track_running_stats,
            dtype,
            bias,
            lazy=True,
        )
        self.hold_until_ready()

    def reset_parameters(self) -> None:
        if self.num_features and not self.has_uninitialized_params():
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Give parameters and statistics their shapes from the input's channels."""
        self.check_input(input)
        self.num_features = input.shape[self.channel_dim(input)]
        for value in (self.weight, self.bias, self.running_mean, self.running_var):
            materialize(value, (self.num_features,))
        self.reset_parameters()


class LazyBatchNorm1d(LazyNorm, BatchNorm1d):
    """`BatchNorm1d` that learns `num_features` from its first input."""

    becomes = BatchNorm1d


class LazyBatchNorm2d(LazyNorm, BatchNorm2d):
    """`BatchNorm2d` that learns `num_features` from its first input."""

    becomes = BatchNorm2d


class LazyBatchNorm3d(LazyNorm, BatchNorm3d):
    """`BatchNorm3d` that learns `num_features` from its first input."""

    becomes = BatchNorm3d


class LazyInstanceNorm1d(LazyNorm, InstanceNorm1d):
    """`InstanceNorm1d` that learns `num_features` from its first input."""

    becomes = InstanceNorm1d


class LazyInstanceNorm2d(LazyNorm, InstanceNorm2d):
    """`InstanceNorm2d` that learns `num_features` from its first input."""

    becomes = InstanceNorm2d


class LazyInstanceNorm3d(LazyNorm, InstanceNorm3d):
    """`InstanceNorm3d` that learns `num_features` from its first input."""

    becomes = InstanceNorm3d


class LayerNorm(Module):
    """z = (x − mean) / √(var + ε) · weight + bias over the last dimensions, of `normalized_shape`.
    Ba et al., 2016."""

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = shape_of(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        shape = self.normalized_shape
        self.register_parameter(
            "weight", empty(*shape, dtype=dtype) if elementwise_affine else None
        )
        both = elementwise_affine and bias
        self.register_parameter("bias", empty(*shape, dtype=dtype) if both else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1, shift 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


def shape_of(normalized_shape: Any) -> tuple[int, ...]:
    single = isinstance(normalized_shape, numbers.Integral)
    return (normalized_shape,) if single else tuple(normalized_shape)


class RMSNorm(Module):
    """z = x / √(mean x² + ε) · weight over the last dimensions; ε is the dtype's unless given.
    Zhang and Sennrich, 2019."""

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = shape_of(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        shape = self.normalized_shape
        self.register_parameter(
            "weight", empty(*shape, dtype=dtype) if elementwise_affine else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Module):
    """z = (x − mean) / √(var + ε) · weight + bias, per sample over groups of channels.
    Wu and He, 2018."""

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ArgumentError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self.register_parameter("weight", empty(num_channels, dtype=dtype) if affine else None)
        both = affine and bias
        self.register_parameter("bias", empty(num_channels, dtype=dtype) if both else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1, shift 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """z = x / (k + α · mean of x² over `size` neighbouring channels)^β. Krizhevsky et al., 2012."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
