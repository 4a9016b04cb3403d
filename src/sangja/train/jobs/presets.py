"""Models by name: all that a saved model needs to be built again is a name and a few numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from sangja import nn
from sangja.core.errors import ArgumentError, DamagedFileError
from sangja.engine import no_grad
from sangja.ops.create import zeros
from sangja.train.batches import evaluating
from sangja.train.report import LayerRow

LARGEST, MOST_LAYERS = 4096, 8


def convnet(
    input_shape: Sequence[int], outputs: int, channels: Sequence[int] = (16, 32, 64)
) -> nn.Sequential:
    """Convolutions of 3×3 with batch norm, all but the first halving the image; a linear layer.

    Shapes: input (N, *input_shape) with input_shape (channels, height, width); output (N, outputs).
    """
    depth, height, width = input_shape
    layers: list[Any] = []
    for i, wide in enumerate(channels):
        # Batch norm has a shift of its own: a bias before it would be taken away again.
        layers += [
            nn.Conv2d(depth, wide, 3, padding=1, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU(),
        ]
        if i:
            layers.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
        depth = wide
    layers += [nn.Flatten(), nn.Dropout(0.25), nn.Linear(depth * height * width, outputs)]
    return nn.Sequential(*layers)


def mlp(
    input_shape: Sequence[int], outputs: int, hidden: Sequence[int] = (64, 64)
) -> nn.Sequential:
    """Linear layers with ReLU between them.

    Shapes: input (N, *input_shape); output (N, outputs).
    """
    layers: list[Any] = [nn.Flatten()] if len(input_shape) > 1 else []
    width = math.prod(input_shape)
    for wide in hidden:
        layers += [nn.Linear(width, wide), nn.ReLU(), nn.Dropout(0.1)]
        width = wide
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def linear(input_shape: Sequence[int], outputs: int) -> nn.Sequential:
    """One linear layer: linear or logistic regression."""
    return mlp(input_shape, outputs, hidden=())


PRESETS: dict[str, Callable[..., nn.Sequential]] = {
    "convnet": convnet,
    "mlp": mlp,
    "linear": linear,
}
FOR_IMAGES, FOR_TABLES = ("convnet", "mlp", "linear"), ("mlp", "linear")


@dataclass(frozen=True)
class ModelRecipe:
    """A preset's name and its arguments, as they stand in model.json."""

    preset: str
    arguments: Mapping[str, Any]

    def build(self) -> nn.Sequential:
        """A new model with fresh parameters."""
        return PRESETS[self.preset](**self.arguments)

    @staticmethod
    def from_json(data: Any) -> ModelRecipe:
        """The recipe that stands in a file, every part of it checked.

        Raises:
            DamagedFileError: an unknown preset, or arguments that it does not have.
        """
        if not isinstance(data, dict) or data.get("preset") not in PRESETS:
            raise DamagedFileError(f"'model' names no preset of {', '.join(PRESETS)}")
        arguments = data.get("arguments")
        known = {"input_shape", "outputs", "channels", "hidden"}
        if (
            not isinstance(arguments, dict)
            or not {"input_shape", "outputs"} <= arguments.keys() <= known
        ):
            raise DamagedFileError("'arguments' of its model are not those of a preset")
        lists = [value for key, value in arguments.items() if key != "outputs"]
        if not all(isinstance(one, list) and len(one) <= MOST_LAYERS for one in lists):
            raise DamagedFileError("'arguments' of its model hold a list that is none or too long")
        for size in [arguments["outputs"], *(size for one in lists for size in one)]:
            if type(size) is not int or not 1 <= size <= LARGEST:
                raise DamagedFileError(f"'arguments' of its model hold the size {size!r}")
        return ModelRecipe(data["preset"], arguments)


def check_model_name(name: str, choices: Sequence[str], what: str) -> None:
    """Refuse a model that does not exist or does not suit the data.

    Raises:
        ArgumentError: with the nearest name, or all of them.
    """
    if name in choices:
        return
    close = get_close_matches(name, choices, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"choose one of {', '.join(choices)}."
    if name in PRESETS:
        raise ArgumentError(f"the model {name!r} is not for {what}; {hint}")
    raise ArgumentError(f"there is no model {name!r} for {what}; {hint}")


def layer_rows(model: nn.Sequential, input_shape: Sequence[int]) -> list[LayerRow]:
    """Each layer's name, the shape of what it gives for one row, and how many parameters it has."""
    rows = []
    with no_grad(), evaluating(model):
        x = zeros(1, *input_shape)
        for name, layer in model.named_children():
            x = layer(x)
            parameters = sum(p.numel() for p in layer.parameters())
            rows.append(LayerRow(f"{name} {type(layer).__name__}", tuple(x.shape[1:]), parameters))
    return rows
