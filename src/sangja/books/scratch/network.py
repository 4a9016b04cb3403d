"""What the book's networks share: forward through the layers, backward through them in reverse."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy import ndarray

from sangja.books.scratch.gradient import numerical_gradient
from sangja.books.scratch.layers import BatchNormalization, Dropout, SoftmaxWithLoss
from sangja.core.errors import StateError
from sangja.io import read_tensor_file, write_tensor_file


class Network:
    """Base of the networks. A subclass fills `params` (name to array) and `layers` (a list, or a
    dictionary with their names), and says with `_own` which layer uses which parameter.

    What differs from the book: `accuracy` counts the last, smaller batch too; parameters are kept
    in a file of tensors, since a pickle can run programs.
    """

    weight_decay_lambda: float = 0.0

    def __init__(self) -> None:
        self.params: dict[str, ndarray] = {}
        self.layers: Any = []
        self.last_layer = SoftmaxWithLoss()
        self._owners: dict[str, tuple[Any, str]] = {}

    def _own(self, layer: Any, **names: str) -> Any:
        """Note that attribute `W` of the layer is `params[names["W"]]`, and so on."""
        for attribute, name in names.items():
            self._owners[name] = (layer, attribute)
        return layer

    def _chain(self) -> list[Any]:
        return list(self.layers.values() if isinstance(self.layers, dict) else self.layers)

    def predict(self, x: ndarray, train_flg: bool = False) -> ndarray:
        """The scores of the classes."""
        for layer in self._chain():
            if isinstance(layer, (Dropout, BatchNormalization)):
                x = layer.forward(x, train_flg)
            else:
                x = layer.forward(x)
        return x

    def loss(self, x: ndarray, t: ndarray, train_flg: bool = False) -> float:
        """Cross entropy plus ½ λ Σ W²; `t` are labels or one-hot rows."""
        loss = self.last_layer.forward(self.predict(x, train_flg), t)
        if self.weight_decay_lambda:
            squares = sum(float(np.sum(self.params[key] ** 2)) for key in self._decayed())
            loss += 0.5 * self.weight_decay_lambda * squares
        return loss

    def _decayed(self) -> list[str]:
        return [key for key in self.params if key.startswith("W")]

    def accuracy(self, x: ndarray, t: ndarray, batch_size: int = 100) -> float:
        """The share of rows whose highest score is that of their label."""
        labels = t if t.ndim == 1 else np.argmax(t, axis=1)
        right = 0
        for start in range(0, len(x), batch_size):
            part = slice(start, start + batch_size)
            right += int(np.sum(np.argmax(self.predict(x[part]), axis=1) == labels[part]))
        return right / len(x)

    def numerical_gradient(self, x: ndarray, t: ndarray) -> dict[str, ndarray]:
        """The gradient of the loss by central differences; slow."""

        def loss_of(_: ndarray) -> float:
            return self.loss(x, t, True)

        return {key: numerical_gradient(loss_of, value) for key, value in self.params.items()}

    def gradient(self, x: ndarray, t: ndarray) -> dict[str, ndarray]:
        """The gradient of the loss in training, by going backward through the layers."""
        self.loss(x, t, True)
        dout = self.last_layer.backward()
        for layer in reversed(self._chain()):
            dout = layer.backward(dout)
        grads = {key: getattr(layer, "d" + name) for key, (layer, name) in self._owners.items()}
        for key in self._decayed():
            grads[key] = grads[key] + self.weight_decay_lambda * self.params[key]
        return grads

    def save_params(self, file_name: str | os.PathLike[str] = "params.safetensors") -> None:
        """Write the parameters to a file, atomically."""
        write_tensor_file(file_name, self.params)

    def load_params(self, file_name: str | os.PathLike[str] = "params.safetensors") -> None:
        """Read the parameters from a file of `save_params`. Raises `StateError` for those of
        another network."""
        found = read_tensor_file(file_name).tensors
        expected = {key: value.shape for key, value in self.params.items()}
        got = {key: value.shape for key, value in found.items()}
        if got != expected:
            raise StateError(
                f"{file_name} has not the parameters of this {type(self).__name__}: expected "
                f"{expected}, got {got}"
            )
        for key, value in found.items():
            self.params[key] = value
            layer, name = self._owners[key]
            setattr(layer, name, value)
