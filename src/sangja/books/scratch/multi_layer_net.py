"""The book's `common/multi_layer_net.py`: any number of hidden layers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from sangja.books.scratch.layers import Affine, BatchNormalization, Dropout, Relu, Sigmoid
from sangja.books.scratch.network import Network
from sangja.core.errors import ArgumentError

ACTIVATIONS = {"sigmoid": Sigmoid, "relu": Relu}


class MultiLayerNet(Network):
    """affine - activation - … - affine - softmax.

    Args:
        input_size: how many features an input has (784 for MNIST).
        hidden_size_list: the number of neurons of each hidden layer.
        output_size: how many classes there are.
        activation: "relu" or "sigmoid".
        weight_init_std: the standard deviation of new weights; or "relu" or "he" for √(2 / in),
            "sigmoid" or "xavier" for √(1 / in).
        weight_decay_lambda: λ of the penalty ½ λ Σ W².
    """

    def __init__(
        self,
        input_size: int,
        hidden_size_list: list[int],
        output_size: int,
        activation: str = "relu",
        weight_init_std: Any = "relu",
        weight_decay_lambda: float = 0,
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ArgumentError(
                f'{type(self).__name__}: activation must be "relu" or "sigmoid", got {activation!r}'
            )
        self.input_size = input_size
        self.output_size = output_size
        self.hidden_size_list = hidden_size_list
        self.hidden_layer_num = len(hidden_size_list)
        self.weight_decay_lambda = weight_decay_lambda
        self.layers = {}
        self._init_weight(weight_init_std)
        for i, size in enumerate(hidden_size_list, 1):
            self._affine(i)
            self._normalization(i, size)
            self.layers[f"Activation_function{i}"] = ACTIVATIONS[activation]()
            self._dropout(i)
        self._affine(self.hidden_layer_num + 1)

    def _init_weight(self, weight_init_std: Any) -> None:
        sizes = [self.input_size, *self.hidden_size_list, self.output_size]
        for i, (before, after) in enumerate(pairwise(sizes), 1):
            scale = weight_scale(weight_init_std, before)
            self.params[f"W{i}"] = scale * np.random.randn(before, after)
            self.params[f"b{i}"] = np.zeros(after)

    def _affine(self, i: int) -> None:
        W, b = f"W{i}", f"b{i}"
        layer = Affine(self.params[W], self.params[b])
        self.layers[f"Affine{i}"] = self._own(layer, W=W, b=b)

    def _normalization(self, i: int, size: int) -> None:
        """A subclass may put a layer between the affine one and the activation."""

    def _dropout(self, i: int) -> None:
        """A subclass may put a layer after the activation."""


class MultiLayerNetExtend(MultiLayerNet):
    """`MultiLayerNet` with batch normalization before, and dropout after every activation.

    Args:
        use_dropout: whether there is dropout.
        dropout_ration: the share of neurons dropped.
        use_batchnorm: whether there is batch normalization.

    The others are those of `MultiLayerNet`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size_list: list[int],
        output_size: int,
        activation: str = "relu",
        weight_init_std: Any = "relu",
        weight_decay_lambda: float = 0,
        use_dropout: bool = False,
        dropout_ration: float = 0.5,
        use_batchnorm: bool = False,
    ) -> None:
        self.use_dropout = use_dropout
        self.dropout_ration = dropout_ration
        self.use_batchnorm = use_batchnorm
        super().__init__(
            input_size,
            hidden_size_list,
            output_size,
            activation,
            weight_init_std,
            weight_decay_lambda,
        )

    def _normalization(self, i: int, size: int) -> None:
        if self.use_batchnorm:
            gamma, beta = f"gamma{i}", f"beta{i}"
            self.params[gamma], self.params[beta] = np.ones(size), np.zeros(size)
            layer = BatchNormalization(self.params[gamma], self.params[beta])
            self.layers[f"BatchNorm{i}"] = self._own(layer, gamma=gamma, beta=beta)

    def _dropout(self, i: int) -> None:
        if self.use_dropout:
            self.layers[f"Dropout{i}"] = Dropout(self.dropout_ration)


def weight_scale(weight_init_std: Any, before: int) -> float:
    """The standard deviation of new weights (He et al., 2015; Glorot and Bengio, 2010)."""
    name = str(weight_init_std).lower()
    if name in ("relu", "he"):
        return float(np.sqrt(2.0 / before))
    if name in ("sigmoid", "xavier"):
        return float(np.sqrt(1.0 / before))
    if isinstance(weight_init_std, str):
        raise ArgumentError(
            'weight_init_std must be a number, "relu", "he", "sigmoid" or "xavier", got '
            f"{weight_init_std!r}"
        )
    return float(weight_init_std)
