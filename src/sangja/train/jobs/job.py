"""What a job is: its settings, and its data made ready to learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from sangja.core.errors import DamagedFileError
from sangja.data import Dataset
from sangja.train.jobs.presets import ModelRecipe

FRACTIONS = (0.7, 0.15, 0.15)
PARTS = ("train", "valid", "test")
EVALUATION_ROWS = 256  # rows at a time where nothing is learnt


@dataclass(frozen=True)
class Settings:
    """What the user asked for; None is for the job to decide.

    `data` is "digits" or the path of a table, `data_sha256` of the table's bytes.
    """

    data: str
    target: str | None = None
    task: str = "auto"
    model: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    lr: float | None = None
    seed: int = 0
    data_sha256: str = ""
    compile: bool = False

    def with_defaults(self, **defaults: Any) -> Settings:
        """The settings with what was left open decided."""
        return replace(self, **{k: v for k, v in defaults.items() if getattr(self, k) is None})

    def to_json(self) -> dict[str, Any]:
        """As a dict of what JSON knows."""
        return asdict(self)

    @staticmethod
    def from_json(data: Any) -> Settings:
        """The settings that `to_json` gave.

        Raises:
            DamagedFileError: a part is missing or of the wrong kind.
        """
        kinds = {
            "data": str, "target": str | None, "task": str, "model": str, "epochs": int,
            "batch_size": int, "lr": float, "seed": int, "data_sha256": str, "compile": bool,
        }  # fmt: skip
        if isinstance(data, dict):
            data = {"compile": False, **data}  # runs begun before there was a choice
        if not isinstance(data, dict) or data.keys() != {field.name for field in fields(Settings)}:
            raise DamagedFileError("its settings are not those of a run")
        for name, kind in kinds.items():
            if not isinstance(data[name], kind):
                raise DamagedFileError(f"its setting {name!r} is {data[name]!r}")
        return Settings(**data)


@dataclass(frozen=True, eq=False)
class Job:
    """Data made ready: three data sets of (input, target), and what stands for what in them.

    Attributes:
        title: what the run is called; `name` the same for a folder.
        settings: with nothing left open.
        task: "classification" or "regression".
        said: sentences on the data, for the user and the report.
        parts: the data sets, by "train", "valid" and "test".
        recipe: the model.
        classes: the names of the classes; empty for a regression.
        target: what is predicted.
        mean, std: of a regression's target, to bring predictions back to its unit.
        preprocessing: as in model.json; None for images.
        images: the test images (rows, height, width), to show those it got wrong; None for a table.
    """

    name: str
    title: str
    settings: Settings
    task: str
    said: Sequence[str]
    parts: Mapping[str, Dataset[Any]]
    recipe: ModelRecipe
    classes: Sequence[str] = ()
    target: str = ""
    mean: float = 0.0
    std: float = 1.0
    preprocessing: Mapping[str, Any] | None = None
    images: np.ndarray | None = None

    @property
    def rows(self) -> dict[str, int]:
        """Rows of each part."""
        return {part: len(data) for part, data in self.parts.items()}  # type: ignore[arg-type]
