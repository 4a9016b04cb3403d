"""A batch norm folded into the layer before it, for models that only predict."""

from __future__ import annotations

import copy
from typing import Any

from sangja.core.errors import ArgumentError
from sangja.engine import Tensor
from sangja.nn.parameter import Parameter
from sangja.ops.create import ones_like, zeros_like


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """One convolution that does what `bn(conv(x))` does, both in evaluation mode.

    W' = W · γ / √(σ² + ε) per output channel, b' = (b − μ) · γ / √(σ² + ε) + β. `transpose` for
    transposed convolutions, whose weight has its output channels second. Raises `ArgumentError` in
    training mode, where the statistics still change.
    """
    return fused(conv, bn, 1 if transpose else 0, "fuse_conv_bn_eval")


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """One linear layer that does what `bn(linear(x))` does, both in evaluation mode."""
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise ArgumentError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1: got "
            f"{linear.out_features} and {bn.num_features}"
        )
    return fused(linear, bn, 0, "fuse_linear_bn_eval")


def fused(layer: Any, bn: Any, channels: int, name: str) -> Any:
    """A copy of `layer` with the scale and shift of `bn` in its weight and bias."""
    if layer.training or bn.training:
        raise ArgumentError(f"{name}: Fusion only for eval! Call .eval() on both modules first")
    if bn.running_mean is None or bn.running_var is None:
        raise ArgumentError(f"{name}: Only support fusing BN with running_mean and running_var")
    result = copy.deepcopy(layer)
    mean, variance = bn.running_mean, bn.running_var
    gamma = ones_like(mean) if bn.weight is None else bn.weight.detach()
    beta = zeros_like(mean) if bn.bias is None else bn.bias.detach()
    bias = zeros_like(mean) if layer.bias is None else layer.bias.detach()
    scale: Tensor = gamma / (variance + bn.eps).sqrt()
    weight = layer.weight.detach()
    along = [1] * weight.ndim
    along[channels] = -1
    result.weight = Parameter(weight * scale.reshape(along), layer.weight.requires_grad)
    result.bias = Parameter((bias - mean) * scale + beta, layer.weight.requires_grad)
    return result
