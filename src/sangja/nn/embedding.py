"""Layers that look vectors up by number."""

from __future__ import annotations

from typing import Any

from sangja.core.errors import ArgumentError, AssertedError, ShapeError
from sangja.engine import Tensor
from sangja.engine.inplace import overwritten
from sangja.nn import functional as F, init
from sangja.nn.module import Module
from sangja.nn.parameter import Parameter, empty


class Lookup(Module):
    """What both share: a matrix of one vector per number, drawn from N(0, 1)."""

    weight: Parameter
    padding_idx: int | None

    def make_weight(self, weight: Tensor | None, freeze: bool, dtype: Any) -> None:
        n, d = self.num_embeddings, self.embedding_dim
        if self.padding_idx is not None:
            if not -n <= self.padding_idx < n:
                raise AssertedError(
                    f"Padding_idx must be within num_embeddings: got {self.padding_idx}, rows go "
                    f"from {-n} to {n - 1}"
                )
            self.padding_idx %= n
        if weight is None:
            self.weight = empty(n, d, dtype=dtype)
            self.weight.requires_grad = not freeze
            self.reset_parameters()
        elif tuple(weight.shape) != (n, d):
            raise ShapeError(
                "Shape of weight does not match num_embeddings and embedding_dim: expected "
                f"[{n}, {d}], got {list(weight.shape)}"
            )
        else:
            self.weight = Parameter(weight, requires_grad=not freeze)

    def reset_parameters(self) -> None:
        """Draw the vectors anew; the one at `padding_idx` is 0."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight.array[self.padding_idx] = 0
            overwritten(self.weight, "reset_parameters")

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        if self.padding_idx is not None:
            parts.append(f"padding_idx={self.padding_idx}")
        if self.max_norm is not None:
            parts.append(f"max_norm={self.max_norm}")
        if self.norm_type != 2:
            parts.append(f"norm_type={self.norm_type}")
        if self.scale_grad_by_freq:
            parts.append(f"scale_grad_by_freq={self.scale_grad_by_freq}")
        if self.sparse:
            parts.append("sparse=True")
        return ", ".join(parts)


class Embedding(Lookup):
    """z = weight[x]: numbers (…) → vectors (…, embedding_dim).

    The vector at `padding_idx` gets no gradient; with `max_norm` longer vectors are shortened;
    `scale_grad_by_freq` divides gradients by how often a number occurs in the batch.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        self.make_weight(_weight, _freeze, dtype)

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """The layer with given vectors (n, d), which are not learned further unless
        `freeze=False`."""
        return cls(
            *matrix_shape(embeddings),
            padding_idx=padding_idx,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            sparse=sparse,
            _weight=embeddings,
            _freeze=freeze,
        )


def matrix_shape(embeddings: Tensor) -> tuple[int, int]:
    if embeddings.ndim != 2:
        raise ArgumentError("Embeddings parameter is expected to be 2-dimensional")
    return embeddings.array.shape[0], embeddings.array.shape[1]


class EmbeddingBag(Lookup):
    """The sum, mean or max of the vectors of each bag of numbers; bags are rows, or begin at
    `offsets` in one line of numbers."""

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset
        self.padding_idx = padding_idx
        self.make_weight(_weight, False, dtype)

    def forward(
        self,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        if self.max_norm is not None:
            parts.append(f"max_norm={self.max_norm}")
        if self.norm_type != 2:
            parts.append(f"norm_type={self.norm_type}")
        if self.scale_grad_by_freq:
            parts.append(f"scale_grad_by_freq={self.scale_grad_by_freq}")
        parts.append(f"mode={self.mode!r}")
        if self.padding_idx is not None:
            parts.append(f"padding_idx={self.padding_idx}")
        return ", ".join(parts)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """The layer with given vectors (n, d), which are not learned further unless
        `freeze=False`."""
        bag = cls(
            *matrix_shape(embeddings),
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            mode=mode,
            sparse=sparse,
            _weight=embeddings,
            include_last_offset=include_last_offset,
            padding_idx=padding_idx,
        )
        bag.weight.requires_grad = not freeze
        return bag
