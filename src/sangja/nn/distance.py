"""Distances and similarities of vectors."""

from __future__ import annotations

from sangja.engine import Tensor
from sangja.nn import functional as F
from sangja.nn.module import Module


class PairwiseDistance(Module):
    """‖x₁ − x₂ + ε‖ₚ of each pair of vectors"""

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """x₁ · x₂ / max(‖x₁‖‖x₂‖, ε) along `dim`"""

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
