"""Recurrent layers: one node per step, all with the same parameters.

`params[key]` is a dictionary with `value` and `deriv`. The state after a sequence, averaged over
the batch, is where the next sequence begins; no gradient flows back through that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from sangja.books.lincoln.rnn.nodes import GRUNode, LSTMNode, Node, Params, RNNNode
from sangja.books.lincoln.utils.np_utils import assert_dim
from sangja.core.errors import GradientError

Shapes = dict[str, tuple[int, int]]


class RecurrentLayer:
    """What the three layers share. A subclass names its node, its states, and the shapes of its
    parameters."""

    node: type[Any] = Node
    states: tuple[str, ...] = ("start_H",)
    sequence_length = 0

    def __init__(
        self, hidden_size: int, output_size: int, weight_scale: float | None = 0.01
    ) -> None:
        self.hidden_size = hidden_size
        self.output_size = output_size
        self.weight_scale = weight_scale
        for name in self.states:
            setattr(self, name, np.zeros((1, hidden_size)))
        self.first = True
        self.params: Params = {}
        self.cells: list[Any] = []
        self._steps = 0

    def _shapes(self) -> Shapes:
        raise NotImplementedError

    def _scale(self, key: str) -> float:
        assert self.weight_scale is not None
        return self.weight_scale

    def _init_params(self, input_: ndarray) -> None:
        self.vocab_size = input_.shape[2]
        if not self.weight_scale:
            self.weight_scale = 2 / (self.vocab_size + self.output_size)
        for key, shape in self._shapes().items():
            value = np.random.normal(loc=0.0, scale=self._scale(key), size=shape)
            self.params[key] = {"value": value, "deriv": np.zeros(shape)}

    def _clear_gradients(self) -> None:
        for param in self.params.values():
            param["deriv"] = np.zeros_like(param["deriv"])

    def forward(self, x_seq_in: ndarray) -> ndarray:
        """Sequences (batch, steps, in) to (batch, steps, output_size). The first sets the layer
        up."""
        assert_dim(x_seq_in, 3)
        if self.first:
            self._init_params(x_seq_in)
            self.first = False
        batch, self._steps = x_seq_in.shape[:2]
        self.cells += [self.node() for _ in range(self._steps - len(self.cells))]
        states = [np.repeat(getattr(self, name), batch, axis=0) for name in self.states]
        outputs = []
        for t in range(self._steps):
            out, *states = self.cells[t].forward(x_seq_in[:, t, :], *states, self.params)
            outputs.append(out)
        for name, state in zip(self.states, states, strict=True):
            setattr(self, name, state.mean(axis=0, keepdims=True))
        return np.stack(outputs, axis=1)

    def backward(self, x_seq_out_grad: ndarray) -> ndarray:
        """The gradients of the sequences, last step first; those of the parameters are added to
        `deriv`."""
        if not self._steps:
            raise GradientError(
                f"{type(self).__name__}.backward() was called before forward(). Call forward() "
                "first"
            )
        batch, steps = x_seq_out_grad.shape[:2]
        grads = [np.zeros((batch, self.hidden_size)) for _ in self.states]
        inputs = []
        for t in reversed(range(steps)):
            found, *grads = self.cells[t].backward(x_seq_out_grad[:, t, :], *grads, self.params)
            inputs.append(found)
        return np.stack(inputs[::-1], axis=1)


class RNNLayer(RecurrentLayer):
    """A layer of `RNNNode`s. Without `weight_scale`: 2 / (in + out)."""

    node = RNNNode

    def __init__(
        self, hidden_size: int, output_size: int, weight_scale: float | None = None
    ) -> None:
        super().__init__(hidden_size, output_size, weight_scale)

    def _shapes(self) -> Shapes:
        hidden, out = self.hidden_size, self.output_size
        return {
            "W_f": (hidden + self.vocab_size, hidden),
            "B_f": (1, hidden),
            "W_v": (hidden, out),
            "B_v": (1, out),
        }


class LSTMLayer(RecurrentLayer):
    """A layer of `LSTMNode`s."""

    node = LSTMNode
    states = ("start_H", "start_C")

    def _shapes(self) -> Shapes:
        hidden, out = self.hidden_size, self.output_size
        shapes: Shapes = {}
        for gate in "fico":
            shapes["W_" + gate] = (hidden + self.vocab_size, hidden)
            shapes["B_" + gate] = (1, hidden)
        return shapes | {"W_v": (hidden, out), "B_v": (1, out)}


class GRULayer(RecurrentLayer):
    """A layer of `GRUNode`s. B_h, W_v and B_v begin with scale 1, as in the book."""

    node = GRUNode

    def _shapes(self) -> Shapes:
        hidden, out = self.hidden_size, self.output_size
        shapes: Shapes = {}
        for gate in "ruh":
            shapes["W_x" + gate] = (self.vocab_size, hidden)
            shapes["W_h" + gate] = (hidden, hidden)
            shapes["B_" + gate] = (1, hidden)
        return shapes | {"W_v": (hidden, out), "B_v": (1, out)}

    def _scale(self, key: str) -> float:
        return 1.0 if key in ("B_h", "W_v", "B_v") else super()._scale(key)
