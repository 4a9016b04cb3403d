"""Layers in a row, and the loss at their end.

Seed 002, from «다음으로는 Neural Network로». What differs: `seed` may be 0 or None; the default
loss is an object (the book's is a class); one layer object at two places is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from numpy import ndarray

from sangja.books.lincoln.layers import Layer
from sangja.books.lincoln.losses import Loss, MeanSquaredError
from sangja.core.errors import ArgumentError


class LayerBlock:
    """Layers, one after the other. Iterating it gives the layers.

    Raises `ArgumentError` if one layer object stands at two places: it remembers one input.
    """

    def __init__(self, layers: list[Layer]) -> None:
        self.layers = layers
        for i, layer in enumerate(layers):
            for j in range(i):
                if layers[j] is layer:
                    raise ArgumentError(
                        f"the same {type(layer).__name__} object is layer {j} and layer {i}: a "
                        "layer remembers its last input alone, so the gradients would be wrong. "
                        "Make a layer object for each place"
                    )

    def forward(self, X_batch: ndarray, inference: bool = False) -> ndarray:
        """The result of the last layer; `inference` for a prediction, without dropout."""
        X_out = X_batch
        for layer in self.layers:
            X_out = layer.forward(X_out, inference)
        return X_out

    def backward(self, loss_grad: ndarray) -> ndarray:
        """The gradient of the input; those of the parameters are then in the layers."""
        grad = loss_grad
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad

    def params(self) -> Iterator[ndarray]:
        """The parameters of all layers: the arrays themselves, to be changed in place."""
        for layer in self.layers:
            yield from layer.params

    def param_grads(self) -> Iterator[ndarray]:
        """The gradients of the parameters, in the same order."""
        for layer in self.layers:
            yield from layer.param_grads

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(\n  " + ",\n  ".join(map(str, self.layers)) + ")"


class NeuralNetwork(LayerBlock):
    """Layers and a loss.

    Args:
        layers: the layers, first to last.
        loss: a loss object, or a class of them; by default `MeanSquaredError()`.
        seed: where the weights of every layer begin in their random stream; None for NumPy's own.
        distinct_seeds: whether each layer gets a seed of its own, `seed` + its number. The book
            gives all the same one, so layers of equal shape begin with equal weights; the book's
            printed numbers come of that, so it is the default.
    """

    def __init__(
        self,
        layers: list[Layer],
        loss: Loss | type[Loss] = MeanSquaredError,
        seed: int | None = 1,
        *,
        distinct_seeds: bool = False,
    ) -> None:
        super().__init__(layers)
        self.loss = loss() if isinstance(loss, type) else loss
        self.seed = seed
        if seed is not None:
            for i, layer in enumerate(layers):
                layer.seed = seed + i * distinct_seeds

    def forward_loss(self, X_batch: ndarray, y_batch: ndarray, inference: bool = False) -> float:
        """The loss of the predictions."""
        return self.loss.forward(self.forward(X_batch, inference), y_batch)

    def train_batch(self, X_batch: ndarray, y_batch: ndarray, inference: bool = False) -> float:
        """Forward, loss, backward; the loss. An optimizer's `step()` may follow."""
        batch_loss = self.forward_loss(X_batch, y_batch, inference)
        self.backward(self.loss.backward())
        return batch_loss
