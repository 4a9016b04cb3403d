"""The book's chapter 7: a small convolutional network."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.books.scratch.layers import Affine, Convolution, Pooling, Relu
from sangja.books.scratch.network import Network
from sangja.books.scratch.util import conv_output_size


class SimpleConvNet(Network):
    """conv - relu - pool - affine - relu - affine - softmax.

    Args:
        input_dim: channels, height and width of the images, which are square.
        conv_param: `filter_num`, `filter_size`, `pad` and `stride`; by default 30 of 5 × 5.
        hidden_size: the number of neurons of the hidden layer.
        output_size: how many classes there are.
        weight_init_std: the standard deviation of new weights.
    """

    def __init__(
        self,
        input_dim: tuple[int, int, int] = (1, 28, 28),
        conv_param: dict[str, int] | None = None,
        hidden_size: int = 100,
        output_size: int = 10,
        weight_init_std: float = 0.01,
    ) -> None:
        super().__init__()
        given: dict[str, Any] = conv_param or {}
        conv = {"filter_num": 30, "filter_size": 5, "pad": 0, "stride": 1, **given}
        number, size = conv["filter_num"], conv["filter_size"]
        pooled = conv_output_size(input_dim[1], size, conv["stride"], conv["pad"]) // 2
        p = self.params
        p["W1"] = weight_init_std * np.random.randn(number, input_dim[0], size, size)
        p["b1"] = np.zeros(number)
        p["W2"] = weight_init_std * np.random.randn(number * pooled * pooled, hidden_size)
        p["b2"] = np.zeros(hidden_size)
        p["W3"] = weight_init_std * np.random.randn(hidden_size, output_size)
        p["b3"] = np.zeros(output_size)
        convolution = Convolution(p["W1"], p["b1"], conv["stride"], conv["pad"])
        self.layers = {
            "Conv1": self._own(convolution, W="W1", b="b1"),
            "Relu1": Relu(),
            "Pool1": Pooling(pool_h=2, pool_w=2, stride=2),
            "Affine1": self._own(Affine(p["W2"], p["b2"]), W="W2", b="b2"),
            "Relu2": Relu(),
            "Affine2": self._own(Affine(p["W3"], p["b3"]), W="W3", b="b3"),
        }
