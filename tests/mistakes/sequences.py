"""Mistakes with recurrent layers, attention and embeddings."""

from tests.mistakes.mistake import Mistake

MISTAKES = [
    Mistake(
        "embedding_range",
        lambda t: t.nn.Embedding(10, 3)(t.tensor([1, 10])),
        IndexError,
        (
            "embedding: index out of range in self: 10 at position [1]; the table has 10 rows, "
            "so indices go from 0 to 9; in module Embedding(10, 3)"
        ),
    ),
    Mistake(
        "embedding_float",
        lambda t: t.nn.Embedding(10, 3)(t.tensor([1.0, 2.0])),
        RuntimeError,
        (
            "embedding: expected indices of an integer dtype such as int64, got float32; use "
            ".long(); in module Embedding(10, 3)"
        ),
    ),
    Mistake(
        "lstm_ndim",
        lambda t: t.nn.LSTM(4, 5)(t.zeros(4)),
        ValueError,
        (
            "LSTM: Expected input to be 2D or 3D, got 1D instead: [4]; it is (L, input_size) "
            "or (L, N, input_size); in module LSTM(4, 5)"
        ),
    ),
    Mistake(
        "lstm_size",
        lambda t: t.nn.LSTM(4, 5)(t.zeros(7, 2, 3)),
        RuntimeError,
        (
            "LSTM: input.size(-1) must be equal to input_size. Expected 4, got 3 (input [7, 2, "
            "3]); in module LSTM(4, 5)"
        ),
    ),
    Mistake(
        "lstm_hidden",
        lambda t: t.nn.LSTM(4, 5)(t.zeros(7, 2, 4), (t.zeros(1, 3, 5), t.zeros(1, 3, 5))),
        RuntimeError,
        (
            "LSTM: Expected hidden size (1, 2, 5), got [1, 3, 5]: (num_layers · directions, N, "
            "size); in module LSTM(4, 5)"
        ),
    ),
    Mistake(
        "lstm_hidden_not_tuple",
        lambda t: t.nn.LSTM(4, 5)(t.zeros(7, 2, 4), t.zeros(1, 2, 5)),
        RuntimeError,
        (
            "LSTM: Expected hx to be a tuple of two tensors, (h_0, c_0), got one; in module "
            "LSTM(4, 5)"
        ),
        theirs=IndexError,
    ),
    Mistake(
        "gru_hidden",
        lambda t: t.nn.GRU(4, 5)(t.zeros(7, 2, 4), t.zeros(1, 2, 6)),
        RuntimeError,
        (
            "GRU: Expected hidden size (1, 2, 5), got [1, 2, 6]: (num_layers · directions, N, "
            "size); in module GRU(4, 5)"
        ),
    ),
    Mistake(
        "lstm_output_tuple",
        lambda t: t.nn.Sequential(t.nn.LSTM(4, 5), t.nn.Linear(5, 1))(t.zeros(7, 2, 4)),
        TypeError,
        (
            "argument 'input' must be Tensor, not tuple; a recurrent or attention layer "
            "returns (output, …): pass its first part on; in module '1' (Linear(in_features=5, "
            "out_features=1, bias=True))"
        ),
    ),
    Mistake(
        "mha_div",
        lambda t: t.nn.MultiheadAttention(10, 3),
        AssertionError,
        "embed_dim must be divisible by num_heads, got 10 and 3",
    ),
    Mistake(
        "mha_dim",
        lambda t: t.nn.MultiheadAttention(8, 2)(
            t.zeros(5, 2, 6), t.zeros(5, 2, 6), t.zeros(5, 2, 6)
        ),
        AssertionError,
        (
            "was expecting embedding dimension of 8, but got 6 in the query [5, 2, 6]; in "
            "module MultiheadAttention()"
        ),
    ),
    Mistake(
        "mha_mask",
        lambda t: t.nn.MultiheadAttention(8, 2)(
            t.zeros(5, 2, 8), t.zeros(5, 2, 8), t.zeros(5, 2, 8), attn_mask=t.zeros(4, 4)
        ),
        RuntimeError,
        (
            "The shape of the 2D attn_mask is (4, 4), but should be (5, 5).; in module "
            "MultiheadAttention()"
        ),
    ),
    Mistake(
        "embedding_padding",
        lambda t: t.nn.Embedding(3, 2, padding_idx=3),
        AssertionError,
        "Padding_idx must be within num_embeddings: got 3, rows go from -3 to 2",
    ),
    Mistake(
        "transformer_dim",
        lambda t: t.nn.TransformerEncoderLayer(8, 2)(t.zeros(2, 3, 7)),
        AssertionError,
        (
            "was expecting embedding dimension of 8, but got 7 in the query [2, 3, 7]; in "
            "module 'self_attn' (MultiheadAttention())"
        ),
    ),
    Mistake(
        "embedding_negative",
        lambda t: t.nn.Embedding(3, 2)(t.tensor([-1])),
        IndexError,
        (
            "embedding: index out of range in self: -1 at position [0]; the table has 3 rows, "
            "so indices go from 0 to 2; in module Embedding(3, 2)"
        ),
    ),
    Mistake(
        "nested_layers",
        lambda t: t.nn.TransformerEncoder(t.nn.TransformerEncoderLayer(8, 2, batch_first=True), 2)(
            t.zeros(2, 3, 7)
        ),
        AssertionError,
        (
            "was expecting embedding dimension of 8, but got 7 in the query [3, 2, 7]; in "
            "module 'layers.0.self_attn' (MultiheadAttention())"
        ),
    ),
]
