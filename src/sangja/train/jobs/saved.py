"""A trained model in a folder: its weights, and all that is needed to build and use it again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sangja.core.errors import (
    CheckpointError,
    DamagedFileError,
    ForeignFileError,
    MissingFileError,
    StateError,
)
from sangja.core.version import __version__
from sangja.data.tabular import Preprocessor
from sangja.engine import no_grad
from sangja.io import load, save, write_text
from sangja.ops.create import from_numpy
from sangja.train.batches import evaluating
from sangja.train.jobs.presets import ModelRecipe

WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
_FORMAT, _VERSION = "sangja-model", 1
_LONGEST = 64 * 2**20  # bytes of a description; the largest real ones have a few thousand
ROWS_AT_A_TIME = 1024


@dataclass(frozen=True, eq=False)
class SavedModel:
    """A model with what its inputs and outputs stand for.

    Attributes:
        recipe, model: how it is built, and built.
        task: "classification" or "regression".
        target: the name of what it predicts.
        classes: their names; empty for a regression.
        preprocessing: of a table; None for an image model.
    """

    recipe: ModelRecipe
    model: Any
    task: str
    target: str
    classes: Sequence[str] = ()
    preprocessing: Preprocessor | None = None

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one row of input."""
        return tuple(self.recipe.arguments["input_shape"])

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """What the model gives for inputs of shape (N, *input_shape), shape (N, outputs)."""
        with no_grad(), evaluating(self.model):
            parts = [
                self.model(from_numpy(inputs[i : i + ROWS_AT_A_TIME])).array
                for i in range(0, len(inputs), ROWS_AT_A_TIME)
            ]
        return np.concatenate(parts)


def save_model(folder: str, saved: SavedModel, said: Mapping[str, Any]) -> None:
    """Write model.safetensors, then model.json, which names it; `said` is for people to read.

    Raises:
        SaveError: the system refuses to write.
    """
    weights = os.path.join(folder, WEIGHTS)
    save(saved.model.state_dict(), weights)
    with open(weights, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    prepared = saved.preprocessing
    description = {
        "format": _FORMAT,
        "version": _VERSION,
        "sangja": __version__,
        "task": saved.task,
        "target": saved.target,
        "classes": list(saved.classes),
        "model": {"preset": saved.recipe.preset, "arguments": dict(saved.recipe.arguments)},
        "weights": {"file": WEIGHTS, "sha256": digest},
        "preprocessing": None if prepared is None else prepared.to_json(),
        "said": dict(said),
    }
    description["checksum"] = _checksum(description)
    text = json.dumps(description, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(os.path.join(folder, DESCRIPTION), text + "\n")


def load_model(folder: str) -> SavedModel:
    """The model that `save_model` wrote; no file can make this run code.

    Raises:
        MissingFileError: there is none.
        ForeignFileError: the files are something else.
        DamagedFileError: their bytes changed, or they do not belong together.
    """
    path = os.path.join(folder, DESCRIPTION)
    description = _read_description(path)
    try:
        saved = _from_description(description)
        expected = description["weights"]["sha256"]
    except (KeyError, TypeError, ValueError, DamagedFileError, ForeignFileError) as error:
        raise DamagedFileError(f"{path} is damaged: {error}. Train the model again.") from error
    weights = os.path.join(folder, WEIGHTS)
    state = load(weights)
    with open(weights, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise DamagedFileError(
            f"{weights} is not the file that {path} was written with. Put back the pair of one run."
        )
    try:
        saved.model.load_state_dict(state)
    except StateError as error:
        raise DamagedFileError(f"{weights} does not fit {path}: {error}") from error
    return saved


def _from_description(description: Mapping[str, Any]) -> SavedModel:
    recipe = ModelRecipe.from_json(description["model"])
    classes, task = description["classes"], description["task"]
    prepared = description["preprocessing"]
    outputs = len(classes) if task == "classification" else 1
    if task not in ("classification", "regression") or recipe.arguments["outputs"] != outputs:
        raise DamagedFileError(f"its task {task!r} does not fit its model")
    return SavedModel(
        recipe,
        recipe.build(),
        task,
        str(description["target"]),
        [str(name) for name in classes],
        None if prepared is None else Preprocessor.from_json(prepared),
    )


def _read_description(path: str) -> dict[str, Any]:
    try:
        if os.path.getsize(path) > _LONGEST:
            raise ForeignFileError(f"{path} is no description of a model: it is too long.")
        with open(path, encoding="utf-8") as file:
            description = json.load(file)
    except FileNotFoundError:
        raise MissingFileError(f"there is no model in {os.path.dirname(path)}") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(
            f"{path} is damaged: it is no whole JSON text ({error}). Train the model again."
        ) from error
    if not isinstance(description, dict) or description.get("format") != _FORMAT:
        raise ForeignFileError(f"{path} is no description of a model of sangja.")
    if description.get("version") != _VERSION:
        raise CheckpointError(
            f"{path} has version {description.get('version')!r}, but this sangja reads version "
            f"{_VERSION}. Install a newer sangja."
        )
    if description.pop("checksum", None) != _checksum(description):
        raise DamagedFileError(
            f"{path} was changed after it was written: its checksum does not fit. Put the original "
            "back, or train the model again."
        )
    return description


def _checksum(description: Mapping[str, Any]) -> str:
    text = json.dumps(description, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
