"""The book's chapters 4 and 5: a network of two layers."""

from __future__ import annotations

import numpy as np

from sangja.books.scratch.layers import Affine, Relu
from sangja.books.scratch.network import Network


class TwoLayerNet(Network):
    """affine - relu - affine - softmax, with weights from N(0, weight_init_std²)."""

    def __init__(
        self, input_size: int, hidden_size: int, output_size: int, weight_init_std: float = 0.01
    ) -> None:
        super().__init__()
        p = self.params
        p["W1"] = weight_init_std * np.random.randn(input_size, hidden_size)
        p["b1"] = np.zeros(hidden_size)
        p["W2"] = weight_init_std * np.random.randn(hidden_size, output_size)
        p["b2"] = np.zeros(output_size)
        self.layers = {
            "Affine1": self._own(Affine(p["W1"], p["b1"]), W="W1", b="b1"),
            "Relu1": Relu(),
            "Affine2": self._own(Affine(p["W2"], p["b2"]), W="W2", b="b2"),
        }
        self.lastLayer = self.last_layer
