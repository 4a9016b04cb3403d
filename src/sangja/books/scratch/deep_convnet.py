"""The book's chapter 8: a network that reads 99 % of MNIST's digits."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from sangja.books.scratch.layers import Affine, Convolution, Dropout, Pooling, Relu
from sangja.books.scratch.network import Network
from sangja.books.scratch.util import conv_output_size

Conv = dict[str, int]


class DeepConvNet(Network):
    """Three times (conv - relu - conv - relu - pool), affine - relu - dropout - affine - dropout -
    softmax, as the book has it; weights from He's N(0, 2 / in).

    Args:
        input_dim: channels, height and width of the images, which are square.
        conv_param_1: `filter_num`, `filter_size`, `pad` and `stride` of the first convolution, and
            so on to the sixth; by default 16, 16, 32, 32, 64, 64 filters of 3 × 3 with pad 1 (the
            fourth 2).
        hidden_size: the number of neurons of the hidden layer.
        output_size: how many classes there are.
    """

    def __init__(
        self,
        input_dim: tuple[int, int, int] = (1, 28, 28),
        conv_param_1: Conv | None = None,
        conv_param_2: Conv | None = None,
        conv_param_3: Conv | None = None,
        conv_param_4: Conv | None = None,
        conv_param_5: Conv | None = None,
        conv_param_6: Conv | None = None,
        hidden_size: int = 50,
        output_size: int = 10,
    ) -> None:
        super().__init__()
        given = (conv_param_1, conv_param_2, conv_param_3, conv_param_4, conv_param_5, conv_param_6)
        channels, size = input_dim[0], input_dim[1]
        for i, (chosen, number) in enumerate(zip(given, (16, 16, 32, 32, 64, 64), strict=True), 1):
            usual = {"filter_num": number, "filter_size": 3, "pad": 2 if i == 4 else 1, "stride": 1}
            conv = {**usual, **(chosen or {})}
            channels = self._convolution(i, channels, conv)
            size = conv_output_size(size, conv["filter_size"], conv["stride"], conv["pad"])
            if i % 2 == 0:
                self.layers.append(Pooling(pool_h=2, pool_w=2, stride=2))
                size //= 2
        self._affine(7, channels * size * size, hidden_size)
        self.layers += [Relu(), Dropout(0.5)]
        self._affine(8, hidden_size, output_size)
        self.layers.append(Dropout(0.5))

    def _convolution(self, i: int, channels: int, conv: Conv) -> int:
        """Add convolution number i and its relu; the number of its filters."""
        number, size = conv["filter_num"], conv["filter_size"]
        scale = np.sqrt(2.0 / (channels * size * size))
        W = self.params[f"W{i}"] = scale * np.random.randn(number, channels, size, size)
        b = self.params[f"b{i}"] = np.zeros(number)
        layer = Convolution(W, b, conv["stride"], conv["pad"])
        self.layers += [self._own(layer, W=f"W{i}", b=f"b{i}"), Relu()]
        return number

    def _affine(self, i: int, before: int, after: int) -> None:
        W = self.params[f"W{i}"] = np.sqrt(2.0 / before) * np.random.randn(before, after)
        b = self.params[f"b{i}"] = np.zeros(after)
        self.layers.append(self._own(Affine(W, b), W=f"W{i}", b=f"b{i}"))

    def loss(self, x: ndarray, t: ndarray, train_flg: bool = True) -> float:
        """Cross entropy, with dropout, as in the book; without with `train_flg=False`."""
        return super().loss(x, t, train_flg)
