"""Dropout: elements or whole channels set to zero at random, in training only."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from sangja.backend.generator import default_generator
from sangja.core.errors import ArgumentError, ShapeError
from sangja.engine import Primitive, Tensor, apply, wrap
from sangja.ops.arguments import as_tensor

SELU_SCALE = 1.0507009873554805  # Klambauer et al., 2017
SELU_ALPHA = 1.6732632423543772


class Keep(Primitive):
    """z = 1 with probability p, else 0, of the given shape; drawn from the default generator as
    PyTorch does"""

    def forward(xp, like, *, p, shape):
        return default_generator.bernoulli_scalar(p, shape).astype(like.dtype)


def drop(
    name: str, input: Any, p: float, training: bool, inplace: bool, channels: bool, alpha: bool
) -> Tensor:
    """Dropout of elements or `channels`; with `alpha` mean and variance are kept (for selu)."""
    x = as_tensor(input)
    if not 0 <= p <= 1:
        raise ArgumentError(f"{name}: dropout probability has to be between 0 and 1, but got {p}")
    if channels and x.ndim < 2 and (not alpha or (training and 0 < p < 1)):
        raise ShapeError(f"{name}: Feature dropout requires at least 2 dimensions, got {x.ndim}")
    if p == 0 or not training or not x.array.size:
        return x
    shape = x.array.shape
    if channels:
        shape = (*shape[:2], *[1] * (x.ndim - 2))
    kept = apply(Keep, x, p=1 - p, shape=shape) if p < 1 else wrap(np.zeros(shape, x.array.dtype))
    if not alpha:
        factor = kept * (1 / (1 - p)) if p < 1 else kept
        return x.mul_(factor) if inplace else x * factor
    low = -SELU_SCALE * SELU_ALPHA  # where selu saturates
    a = 1 / math.sqrt((low * low * p + 1) * (1 - p)) if p < 1 else 0.0
    shift = (kept - 1) * (-low * a) + low * a * -p
    if inplace:
        return x.mul_(kept * a).add_(shift)
    return x * (kept * a) + shift


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """z = x / (1 − p) with probability 1 − p, else 0, each element for itself; x when not in
    training.

    The elements dropped are those that PyTorch drops with the same seed. Source: Srivastava et al.,
    2014.
    """
    return drop("dropout", input, p, training, inplace, channels=False, alpha=False)


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels: (N, C, L) or (C, L)."""
    x = as_tensor(input)
    if x.ndim not in (2, 3):
        raise ShapeError(f"dropout1d: Expected 2D or 3D input, but received a {x.ndim}D input")
    return channel_dropout("dropout1d", x, p, training, inplace, unbatched=x.ndim == 2)


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels: (N, C, H, W)."""
    x = as_tensor(input)
    if x.ndim not in (3, 4):
        warnings.warn(
            f"dropout2d: Received a {x.ndim}-D input to dropout2d, which is deprecated and will "
            "result in an error in a future release. To retain the behavior and silence this "
            "warning, please use dropout instead. Note that dropout2d exists to provide "
            "channel-wise dropout on inputs with 2 spatial dimensions, a channel dimension, and "
            "an optional batch dimension (i.e. 3D or 4D inputs).",
            UserWarning,
            stacklevel=2,
        )
    elif x.ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
            "behavior is desired - input is interpreted as shape (N, C, L), where C is the channel "
            "dim. Use dropout1d to say so, or unsqueeze(0) for one image (C, H, W).",
            UserWarning,
            stacklevel=2,
        )
    return channel_dropout("dropout2d", x, p, training, inplace, unbatched=False)


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels: (N, C, D, H, W) or (C, D, H, W)."""
    x = as_tensor(input)
    if x.ndim not in (4, 5):
        warnings.warn(
            f"dropout3d: Received a {x.ndim}-D input to dropout3d, which is deprecated and will "
            "result in an error in a future release. To retain the behavior and silence this "
            "warning, please use dropout instead. Note that dropout3d exists to provide "
            "channel-wise dropout on inputs with 3 spatial dimensions, a channel dimension, and "
            "an optional batch dimension (i.e. 4D or 5D inputs).",
            UserWarning,
            stacklevel=2,
        )
    return channel_dropout("dropout3d", x, p, training, inplace, unbatched=x.ndim == 4)


def channel_dropout(
    name: str, x: Tensor, p: float, training: bool, inplace: bool, unbatched: bool
) -> Tensor:
    """Dropout of channels, of a sample alone too."""
    z = drop(name, x[None] if unbatched else x, p, training, inplace, channels=True, alpha=False)
    return z[0] if unbatched else z  # type: ignore[no-any-return]


def alpha_dropout(
    input: Any, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout that keeps mean and variance, for networks of `selu`: dropped elements take its
    lowest value.

    Source: Klambauer et al., 2017, https://arxiv.org/abs/1706.02515.
    """
    return drop("alpha_dropout", input, p, training, inplace, channels=False, alpha=True)


def feature_alpha_dropout(
    input: Any, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """`alpha_dropout` of whole channels."""
    return drop("feature_alpha_dropout", input, p, training, inplace, channels=True, alpha=True)
