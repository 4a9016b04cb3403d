"""`sangja.nn.functional`: layers, activations and losses as functions, under PyTorch's names."""

from sangja.ops.classification import cross_entropy, nll_loss
from sangja.ops.conv import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from sangja.ops.embedding import embedding, one_hot
from sangja.ops.layers import linear
from sangja.ops.loss import mse_loss
from sangja.ops.norm import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from sangja.ops.pool import max_pool1d, max_pool2d, max_pool3d

__all__ = [
    "batch_norm",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cross_entropy",
    "embedding",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "linear",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "rms_norm",
]
