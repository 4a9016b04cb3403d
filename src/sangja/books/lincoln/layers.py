"""A layer: operations in a row, which are made when the first input shows its size.

Seed 002, from «Layer에 관해서다»; the book's chapters 3 to 5. What differs:

- every layer has an activation of its own. The book's default is one object that all layers share,
  so that each overwrites what the other kept and the gradients are wrong;
- weights come from a stream of the layer's (or trainer's) own; NumPy's global one is left alone;
- Glorot's scale is √(2 / (in + out)) everywhere.
"""

from __future__ import annotations

import copy

import numpy as np
from numpy import ndarray

from sangja.books.lincoln.activations import Linear, Sigmoid
from sangja.books.lincoln.base import Operation, ParamOperation
from sangja.books.lincoln.conv import Conv2D_Op
from sangja.books.lincoln.dense import BiasAdd, WeightMultiply
from sangja.books.lincoln.dropout import Dropout
from sangja.books.lincoln.reshape import Flatten
from sangja.books.lincoln.utils.np_utils import assert_dim, assert_same_shape
from sangja.books.turns import Turns
from sangja.core.errors import ArgumentError, ForwardMissingError


class Layer(Turns):
    """Base of all layers: a subclass writes `_setup_layer(input_)`, which sets `operations`.

    `params` and `param_grads` are lists of arrays, in the order of the operations; `first` says
    that the next input sets the layer up (anew).
    """

    seed: int | None = None
    random: np.random.RandomState | None = None  # the stream of the trainer, if there is one

    def __init__(self, neurons: int) -> None:
        self.neurons = neurons
        self.first = True
        self.params: list[ndarray] = []
        self.param_grads: list[ndarray] = []
        self.operations: list[Operation] = []

    def _setup_layer(self, input_: ndarray) -> None:
        raise ForwardMissingError(f"{type(self).__name__} must define _setup_layer(self, input_)")

    def _stream(self, reseed: bool) -> np.random.RandomState | None:
        """Where the layer's weights come from: begun anew from `seed` (as the book does in every
        dense layer), or what is left of the trainer's stream; without either NumPy's own (None)."""
        if self.random is None:
            return None if self.seed is None else np.random.RandomState(self.seed)
        if reseed and self.seed is not None:
            self.random.seed(self.seed)
        return self.random

    def forward(self, input_: ndarray, inference: bool = False) -> ndarray:
        """All operations in order. The first input sets the layer up."""
        if self.first:
            self._setup_layer(input_)
            self.first = False
        self.input_ = input_
        for operation in self.operations:
            input_ = operation.forward(input_, inference)
        self.output = input_
        self.went_forward(self.input_)
        return self.output

    def backward(self, output_grad: ndarray) -> ndarray:
        """All operations in reverse order. Raises `ShapeError` for a gradient not shaped as the
        output, `GradientError` before `forward()`."""
        self.goes_backward()
        assert_same_shape(self.output, output_grad)
        for operation in reversed(self.operations):
            output_grad = operation.backward(output_grad)
        assert_same_shape(self.input_, output_grad)
        self._param_grads()
        return output_grad

    def _param_grads(self) -> None:
        """Collect the gradients of the parameters from the operations."""
        self.param_grads = [o.param_grad for o in self.operations if isinstance(o, ParamOperation)]

    def _params(self) -> None:
        """Collect the parameters from the operations."""
        self.params = [o.param for o in self.operations if isinstance(o, ParamOperation)]


class Dense(Layer):
    """z = activation(x · W + B), with W (in, neurons) and B (1, neurons).

    Args:
        neurons: how many columns the result has.
        activation: an operation, by default a new `Sigmoid()`. The layer uses a copy of it.
        conv_in: kept for the book's sake.
        dropout: the share of the result that stays in training; 1.0 for all.
        weight_init: "standard", N(0, 1), or "glorot", N(0, 2 / (in + out)).
    """

    def __init__(
        self,
        neurons: int,
        activation: Operation | None = None,
        conv_in: bool = False,
        dropout: float = 1.0,
        weight_init: str = "standard",
    ) -> None:
        super().__init__(neurons)
        self.activation = Sigmoid() if activation is None else activation
        self.conv_in = conv_in
        self.dropout = dropout
        self.weight_init = weight_init

    def _setup_layer(self, input_: ndarray) -> None:
        assert_dim(input_, 2)
        random = self._stream(reseed=True)
        num_in = input_.shape[1]
        scale = weight_scale(self.weight_init, num_in, self.neurons)
        weight = (random or np.random).normal(loc=0, scale=scale, size=(num_in, self.neurons))
        bias = (random or np.random).normal(loc=0, scale=scale, size=(1, self.neurons))
        self.operations = [WeightMultiply(weight), BiasAdd(bias), copy.copy(self.activation)]
        if self.dropout < 1.0:
            self.operations.append(Dropout(self.dropout, random))
        self._params()


class Conv2D(Layer):
    """z = activation(x ∗ W), images (batch, in, h, w) → (batch, out_channels, h, w); flattened to
    rows with `flatten`.

    Args:
        out_channels: how many channels the result has.
        param_size: the size of the kernel, odd.
        dropout: the share of the result that stays in training; 1.0 for all.
        weight_init: "normal", N(0, 1), or "glorot", N(0, 2 / (in + out)) over channels.
        activation: an operation, by default a new `Linear()`. The layer uses a copy of it.
        flatten: whether the result is (batch, out_channels · h · w).
    """

    def __init__(
        self,
        out_channels: int,
        param_size: int,
        dropout: float = 1.0,
        weight_init: str = "normal",
        activation: Operation | None = None,
        flatten: bool = False,
    ) -> None:
        super().__init__(out_channels)
        self.param_size = param_size
        self.activation = Linear() if activation is None else activation
        self.flatten = flatten
        self.dropout = dropout
        self.weight_init = weight_init
        self.out_channels = out_channels

    def _setup_layer(self, input_: ndarray) -> None:
        assert_dim(input_, 4)
        random = self._stream(reseed=False)
        in_channels = input_.shape[1]
        scale = weight_scale(self.weight_init, in_channels, self.out_channels)
        size = (in_channels, self.out_channels, self.param_size, self.param_size)
        weight = (random or np.random).normal(loc=0, scale=scale, size=size)
        self.operations = [Conv2D_Op(weight), copy.copy(self.activation)]
        if self.flatten:
            self.operations.append(Flatten())
        if self.dropout < 1.0:
            self.operations.append(Dropout(self.dropout, random))
        self._params()


def weight_scale(weight_init: str, num_in: int, num_out: int) -> float:
    """The standard deviation of new weights. Glorot and Bengio, 2010: Var = 2 / (in + out)."""
    if weight_init not in ("standard", "normal", "glorot"):
        raise ArgumentError(
            f'weight_init must be "standard", "normal" or "glorot", got {weight_init!r}'
        )
    return float(np.sqrt(2 / (num_in + num_out))) if weight_init == "glorot" else 1.0
