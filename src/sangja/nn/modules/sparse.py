"""`sangja.nn.modules.sparse`: embeddings, where PyTorch keeps them."""

from sangja.nn.embedding import (
    Embedding,
    EmbeddingBag,
)

__all__ = [
    "Embedding",
    "EmbeddingBag",
]
