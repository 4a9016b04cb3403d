"""Attention: means of values, weighted by how well their keys match a query."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError, FeaturesError, ShapeError
from sangja.engine import Primitive, Tensor, apply, wrap
from sangja.ops.arguments import as_tensor
from sangja.ops.comparison import logical_not
from sangja.ops.dropout import dropout
from sangja.ops.elementwise import where
from sangja.ops.layers import linear
from sangja.ops.linalg import matmul
from sangja.ops.pad import pad
from sangja.ops.reduce import mean, sum as total
from sangja.ops.shape import permute, reshape, transpose
from sangja.ops.softmax import softmax


class MaskedSoftmax(Primitive):
    """z = softmax of x over the last dimension; 0 in rows that are −∞ everywhere (all masked)"""

    grad_name = "SafeSoftmaxBackward0"

    def forward(xp, x):
        top = x.max(axis=-1, keepdims=True, initial=-xp.inf)
        z = xp.subtract(x, xp.where(top == -xp.inf, 0, top))
        z = xp.exp(z, out=z)
        sums = z.sum(axis=-1, keepdims=True)
        return xp.divide(z, xp.where(top == -xp.inf, 1, sums), out=z)

    def dx(g, out):
        z = g * out
        return z - out * total(z, dim=-1, keepdim=True)


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """z = softmax(q · kᵀ · scale + mask) · v.

    q (…, L, E), k (…, S, E), v (…, S, F) → (…, L, F). `scale` is by default 1/√E. A bool mask (…,
    L, S) is True where a query may look; a floating one is added. `is_causal`: query i sees keys 0
    … i. A query that may look nowhere gives 0. With `enable_gqa` each of fewer heads of keys serves
    several heads of queries. Source: Vaswani et al., 2017, https://arxiv.org/abs/1706.03762.
    """
    q, k, v = as_tensor(query, "query"), as_tensor(key, "key"), as_tensor(value, "value")
    if min(q.ndim, k.ndim, v.ndim) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ShapeError(
            "scaled_dot_product_attention: query (…, L, E), key (…, S, E) and value (…, S, F) "
            f"must agree in E and S, got {list(q.shape)}, {list(k.shape)} and {list(v.shape)}"
        )
    if is_causal and attn_mask is not None:
        raise ShapeError(
            "scaled_dot_product_attention: Explicit attn_mask should not be set when "
            "is_causal=True; put both into one mask"
        )
    if enable_gqa:
        k, v = shared_heads(q, k), shared_heads(q, v)
    factor = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    scores = matmul(q, transpose(k, -1, -2)) * factor
    if is_causal:
        attn_mask = wrap(~np.tri(q.shape[-2], k.shape[-2], dtype=bool))
    elif attn_mask is not None:
        attn_mask = as_tensor(attn_mask, "attn_mask")
        if attn_mask.array.dtype == bool:
            attn_mask = logical_not(attn_mask)
    if attn_mask is not None:
        scores = scores + additive(attn_mask, scores.array.dtype)
    weights = apply(MaskedSoftmax, scores)
    return matmul(dropout(weights, dropout_p) if dropout_p else weights, v)


def shared_heads(q: Tensor, x: Tensor) -> Tensor:
    """Heads (…, H', S, E) repeated so that there are as many as in q (…, H, L, E)."""
    heads, few = q.shape[-3], x.shape[-3]
    if heads % few:
        raise ShapeError(
            "scaled_dot_product_attention: with enable_gqa the number of heads of key and value "
            f"must divide that of the query, got {few} and {heads}"
        )
    places = np.repeat(np.arange(few), heads // few)
    return x[(..., places, slice(None), slice(None))]  # type: ignore[no-any-return]


# -- several heads ----------------------------------------------------------------------------


def multi_head_attention_forward(
    query: Any,
    key: Any,
    value: Any,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Any,
    in_proj_bias: Any,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Any,
    out_proj_bias: Any,
    training: bool = True,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: Any = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    static_k: Any = None,
    static_v: Any = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention in `num_heads` heads, each on its own part of the features, and their joint
    projection.

    Query (L, N, E), key and value (S, N, E), or without N → (L, N, E) and, with `need_weights`, the
    weights (N, L, S) averaged over the heads (or (N, heads, L, S)). `key_padding_mask` (N, S) and a
    bool `attn_mask` (L, S) or (N·heads, L, S) are True where nobody may look; floating ones are
    added. `bias_k`, `bias_v` and `add_zero_attn` add one key each. Source: Vaswani et al., 2017.
    """
    q, k, v = as_tensor(query, "query"), as_tensor(key, "key"), as_tensor(value, "value")
    batched = check_attention(q, k, v, embed_dim_to_check, num_heads)
    if not batched:
        q, k, v = (x[:, None] for x in (q, k, v))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask[None]
    length, batch, features = q.shape
    if is_causal and attn_mask is None:
        raise ShapeError(
            "Need attn_mask if specifying the is_causal hint: e.g. a bool mask, True above the "
            "diagonal"
        )
    weights: tuple[Any, ...] = (q_proj_weight, k_proj_weight, v_proj_weight)
    if not use_separate_proj_weight:
        weights = split_rows(in_proj_weight, 3)
    biases = (None,) * 3 if in_proj_bias is None else split_rows(in_proj_bias, 3)
    q, k, v = (linear(x, w, b) for x, w, b in zip((q, k, v), weights, biases, strict=True))
    added = 0
    if bias_k is not None and bias_v is not None:
        k, v = append_row(k, bias_k), append_row(v, bias_v)
        added += 1
    size = features // num_heads
    q, k, v = (heads_first(x, batch, num_heads, size) for x in (q, k, v))  # (N, H, L or S, size)
    k, v = static_heads(k, static_k, batch), static_heads(v, static_v, batch)
    if add_zero_attn:
        k, v = pad(k, (0, 0, 0, 1)), pad(v, (0, 0, 0, 1))
        added += 1
    mask = merged_mask(attn_mask, key_padding_mask, batch, num_heads, added, q.array.dtype)
    scores = matmul(q * (1 / math.sqrt(size)), transpose(k, -1, -2))
    share = softmax_of(scores if mask is None else scores + mask, need_weights)
    share = dropout(share, dropout_p, training) if dropout_p else share
    z = reshape(permute(matmul(share, v), (2, 0, 1, 3)), (length, batch, features))
    z = linear(z, out_proj_weight, out_proj_bias)
    if not batched:
        z, share = z[:, 0], share[0]
    if not need_weights:
        return z, None
    return z, mean(share, dim=-3) if average_attn_weights else share


def softmax_of(scores: Tensor, need_weights: bool) -> Tensor:
    """The softmax; where the weights are not asked for, PyTorch gives 0 for a query that may look
    nowhere, else nan."""
    if not need_weights:
        return apply(MaskedSoftmax, scores)  # type: ignore[no-any-return]
    return softmax(scores, dim=-1)


def check_attention(q: Tensor, k: Tensor, v: Tensor, features: int, heads: int) -> bool:
    """Whether the inputs have a batch dimension, after a look at their shapes."""
    if q.ndim not in (2, 3) or k.ndim != q.ndim or v.ndim != q.ndim:
        raise ShapeError(
            "multi_head_attention_forward: query, key and value should all be 2-D (unbatched) or "
            f"3-D (batched), got {q.ndim}-D, {k.ndim}-D and {v.ndim}-D"
        )
    if q.shape[-1] != features or features % heads:
        raise FeaturesError(
            f"multi_head_attention_forward: was expecting embedding dimension of {features}, "
            f"divisible by num_heads={heads}, but got {q.shape[-1]}"
        )
    if k.shape[:-1] != v.shape[:-1]:
        raise ShapeError(
            f"multi_head_attention_forward: key's sequence and batch dims {list(k.shape[:-1])} do "
            f"not match value's {list(v.shape[:-1])}"
        )
    return q.ndim == 3


def split_rows(x: Any, parts: int) -> tuple[Tensor, ...]:
    """Equal parts of the first dimension."""
    n = x.shape[0] // parts
    return tuple(x[i * n : (i + 1) * n] for i in range(parts))


def append_row(x: Tensor, row: Any) -> Tensor:
    """(S, N, E) with one more step (1, 1, E), the same for each of the batch."""
    one = np.zeros((1, x.shape[1], 1), x.array.dtype)
    return pad(x, (0, 0, 0, 0, 0, 1)) + pad(row + one, (0, 0, 0, 0, x.shape[0], 0))


def heads_first(x: Tensor, batch: int, heads: int, size: int) -> Tensor:
    """(L, N, H · size) → (N, H, L, size)."""
    return permute(reshape(x, (x.shape[0], batch, heads, size)), (1, 2, 0, 3))


def static_heads(x: Tensor, given: Any, batch: int) -> Tensor:
    """Keys or values, replaced by those given as (N · H, S, size)."""
    return x if given is None else reshape(given, (batch, -1, *given.shape[1:]))


def merged_mask(
    attn_mask: Any, padding: Any, batch: int, heads: int, added: int, dtype: Any
) -> Tensor | None:
    """Both masks as one to add to scores (N, H, L, S), open for the `added` keys."""
    found = None
    for name, given in (("attn_mask", attn_mask), ("key_padding_mask", padding)):
        if given is None:
            continue
        mask = additive(as_tensor(given, name), dtype)
        if name == "key_padding_mask":
            mask = mask[:, None, None]
        elif mask.ndim == 3:
            if mask.shape[0] != batch * heads:
                raise ShapeError(
                    f"The shape of the 3D attn_mask is {list(mask.shape)}, but should be "
                    f"[{batch * heads}, L, S]: batch size times heads first"
                )
            mask = reshape(mask, (batch, heads, *mask.shape[1:]))
        elif mask.ndim != 2:
            raise ArgumentError(f"attn_mask's dimension {mask.ndim} is not supported; use 2 or 3")
        mask = pad(mask, (0, added)) if added else mask
        found = mask if found is None else found + mask
    return found


def additive(mask: Tensor, dtype: Any) -> Tensor:
    """A bool mask (True: hidden) as 0 and −∞; a floating one as it is."""
    if mask.array.dtype.kind in "fV":
        return mask
    return where(mask, wrap(np.asarray(-np.inf, dtype)), wrap(np.zeros((), dtype)))  # type: ignore[no-any-return]
