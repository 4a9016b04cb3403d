"""Attention with several heads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

import numpy as np

from sangja.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    AssertedError,
    FeaturesError,
    ShapeError,
)
from sangja.engine import Tensor, wrap
from sangja.nn import functional as F, init
from sangja.nn.linear import Linear
from sangja.nn.module import Module
from sangja.nn.parameter import Parameter, empty
from sangja.ops.join import cat


class SDPBackend(Enum):
    """Kernels of PyTorch for attention. Here there is one, whichever is asked for."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3


@contextmanager
def sdpa_kernel(backends: Any, set_priority: bool = False) -> Iterator[None]:
    """Inside `with`, PyTorch chooses among the kernels `backends`; results do not depend on it."""
    for backend in backends if isinstance(backends, (list, tuple)) else [backends]:
        if not isinstance(backend, SDPBackend):
            raise ArgumentTypeError(
                f"sdpa_kernel: expected one or several of SDPBackend, got {backend!r}"
            )
    yield


class NonDynamicallyQuantizableLinear(Linear):
    """`Linear` under the name that PyTorch prints for attention's output projection."""


def additive(mask: Tensor | None, dtype: Any) -> Any:
    """A mask as what to add to the scores: −∞ where a bool mask is True."""
    if mask is None or mask.array.dtype.kind in "fV":
        return mask
    if mask.array.dtype.kind != "b":
        raise ArgumentError("only bool and floating types of masks are supported")
    return wrap(np.where(mask.array, -np.inf, 0).astype(dtype))


class MultiheadAttention(Module):
    """z = W_o [head₁ … head_h], headᵢ = softmax(Q Kᵀ / √d) V of the projections Q = W_q q, K =
    W_k k, V = W_v v, each cut into `num_heads`. Vaswani et al., 2017.

    Query (L, N, embed), key and value (S, N, …); with `batch_first` the batch comes first, or it is
    missing. Returns the result and the weights (N, L, S), averaged over the heads, or None.
    `key_padding_mask` (N, S) and `attn_mask` (L, S) or (N · heads, L, S): True hides; floats are
    added.
    """

    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ArgumentError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                f"num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertedError(
                f"embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}"
            )
        same = self._qkv_same_embed_dim
        parts = {"q": embed_dim, "k": self.kdim, "v": self.vdim}
        for name, width in parts.items():
            weight = None if same else empty(embed_dim, width, dtype=dtype)
            self.register_parameter(f"{name}_proj_weight", weight)
        joint = empty(3 * embed_dim, embed_dim, dtype=dtype) if same else None
        self.register_parameter("in_proj_weight", joint)
        self.register_parameter("in_proj_bias", empty(3 * embed_dim, dtype=dtype) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, device, dtype)
        for name in ("bias_k", "bias_v"):
            extra = empty(1, 1, embed_dim, dtype=dtype) if add_bias_kv else None
            self.register_parameter(name, extra)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        weights = (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        for weight in weights:
            if weight is not None:
                init.xavier_uniform_(weight)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:
        if is_causal and attn_mask is None:
            raise ArgumentError("need attn_mask if specifying the is_causal hint.")
        batched = query.ndim == 3
        if batched and self.batch_first:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        elif not batched:
            query, key, value = (x.reshape(x.shape[0], 1, -1) for x in (query, key, value))
        self.check(query, key, value)
        q, k, v = self.project(query, key, value)  # (L, N, embed), (S, N, embed) twice
        length, batch = q.shape[0], q.shape[1]
        mask = self.joint_mask(attn_mask, key_padding_mask, length, key.shape[0], batch, q)
        q, k, v = (self.heads(x) for x in (q, k, v))  # (N, heads, L, d)
        scores = (q * math.sqrt(1.0 / self.head_dim)) @ k.transpose(-2, -1)  # (N, heads, L, S)
        weights = F.softmax(scores if mask is None else scores + mask, -1)
        if self.dropout > 0.0:
            weights = F.dropout(weights, self.dropout, self.training)
        z = (weights @ v).permute(2, 0, 1, 3).reshape(length, batch, self.embed_dim)
        z = self.out_proj(z)
        if not batched:
            z = z.reshape(length, self.embed_dim)
        elif self.batch_first:
            z = z.transpose(0, 1)
        if not need_weights:
            return z, None
        shown = weights.mean(1) if average_attn_weights else weights
        return z, shown if batched else shown[0]

    def check(self, query: Any, key: Any, value: Any) -> None:
        if query.shape[-1] != self.embed_dim:
            raise FeaturesError(
                f"was expecting embedding dimension of {self.embed_dim}, but got {query.shape[-1]} "
                f"in the query {list(query.shape)}"
            )
        if key.shape[:2] != value.shape[:2]:
            raise ShapeError(
                f"key's sequence and batch dims {key.shape[:2]} do not match value's "
                f"{value.shape[:2]}"
            )

    def project(self, query: Any, key: Any, value: Any) -> tuple[Any, Any, Any]:
        """Q, K and V, with the learned extra row of keys and values and a row of zeros if asked."""
        n = self.embed_dim
        if self._qkv_same_embed_dim:
            joint = self.in_proj_weight
            weights = [joint[i * n : (i + 1) * n] for i in range(3)]
        else:
            weights = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
        bias = self.in_proj_bias
        biases = [None if bias is None else bias[i * n : (i + 1) * n] for i in range(3)]
        q, k, v = (
            F.linear(x, weight, b)
            for x, weight, b in zip((query, key, value), weights, biases, strict=True)
        )
        batch = k.shape[1]
        if self.bias_k is not None and self.bias_v is not None:
            ones = wrap(np.ones((1, batch, 1), k.array.dtype))
            k, v = cat([k, self.bias_k * ones]), cat([v, self.bias_v * ones])
        if self.add_zero_attn:
            nothing = wrap(np.zeros((1, batch, n), k.array.dtype))
            k, v = cat([k, nothing]), cat([v, nothing])
        return q, k, v

    def heads(self, x: Any) -> Any:
        """(L, N, embed) → (N, heads, L, d)"""
        return x.reshape(*x.shape[:2], self.num_heads, self.head_dim).permute(1, 2, 0, 3)

    def joint_mask(
        self, attn: Any, padding: Any, length: int, source: int, batch: int, like: Any
    ) -> Any:
        """Both masks as one that can be added to the scores (N, heads, L, S)."""
        dtype = like.array.dtype
        mask = additive(attn, dtype)
        if mask is not None:
            wanted = (
                (length, source) if mask.ndim == 2 else (batch * self.num_heads, length, source)
            )
            if tuple(mask.shape) != wanted:
                raise ShapeError(
                    f"The shape of the {mask.ndim}D attn_mask is {tuple(mask.shape)}, but "
                    f"should be "
                    f"{wanted}."
                )
            if mask.ndim == 3:
                mask = mask.reshape(batch, self.num_heads, length, source)
        if padding is not None:
            hidden = additive(padding, dtype).reshape(batch, 1, 1, source)
            mask = hidden if mask is None else mask + hidden
        extra = int(self.bias_k is not None) + int(self.add_zero_attn)
        return F.pad(mask, (0, extra)) if mask is not None and extra else mask
