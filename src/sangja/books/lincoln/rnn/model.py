"""Recurrent layers in a row, and the loss at their end."""

from __future__ import annotations

from numpy import ndarray

from sangja.books.lincoln.losses import Loss
from sangja.books.lincoln.rnn.layers import RecurrentLayer


class RNNModel:
    """Layers that read sequences of `sequence_length` one-hot characters out of `vocab_size`."""

    def __init__(
        self, layers: list[RecurrentLayer], sequence_length: int, vocab_size: int, loss: Loss
    ) -> None:
        self.layers = layers
        self.vocab_size = vocab_size
        self.sequence_length = sequence_length
        self.loss = loss
        for layer in self.layers:
            layer.sequence_length = sequence_length

    def forward(self, x_batch: ndarray) -> ndarray:
        """(batch, steps, vocab) through all layers."""
        for layer in self.layers:
            x_batch = layer.forward(x_batch)
        return x_batch

    def backward(self, loss_grad: ndarray) -> ndarray:
        """The gradient of the input."""
        for layer in reversed(self.layers):
            loss_grad = layer.backward(loss_grad)
        return loss_grad

    def single_step(self, x_batch: ndarray, y_batch: ndarray) -> float:
        """Forward, loss, fresh gradients; the loss. An optimizer's `step()` may follow."""
        loss = self.loss.forward(self.forward(x_batch), y_batch)
        for layer in self.layers:
            layer._clear_gradients()
        self.backward(self.loss.backward())
        return loss


class LSTMModel(RNNModel):
    """`RNNModel`, told the hidden size too."""

    def __init__(
        self,
        layers: list[RecurrentLayer],
        sequence_length: int,
        vocab_size: int,
        hidden_size: int,
        loss: Loss,
    ) -> None:
        super().__init__(layers, sequence_length, vocab_size, loss)
        self.hidden_size = hidden_size
