"""A folder of numbered checkpoints: the newest few are kept, the newest whole one is found."""

from __future__ import annotations

import os
import re
import warnings
from contextlib import suppress
from typing import Any

from sangja.core.errors import (
    ArgumentError,
    CheckpointError,
    DamagedFileError,
    ForeignFileError,
    MissingFileError,
)
from sangja.io.checkpoint import load, save

_NAME = re.compile(r"checkpoint-(\d{8,18})\.safetensors")


class Checkpoints:
    """The checkpoints ``checkpoint-00000100.safetensors``, … of one folder.

    ``keep`` is how many stay: after each save, the one just written and of the others those with
    the highest steps; None keeps all. The folder is made by the first save.

    >>> import tempfile
    >>> checkpoints = Checkpoints(tempfile.mkdtemp(), keep=2)
    >>> for step in (100, 200, 300):
    ...     path = checkpoints.save({"step": step}, step)
    >>> checkpoints.steps()
    [200, 300]
    >>> checkpoints.load_latest()
    {'step': 300}
    """

    def __init__(self, folder: str | os.PathLike[str], keep: int | None = 3) -> None:
        if keep is not None and keep < 1:
            raise ArgumentError(f"Checkpoints: keep={keep}, expected at least 1, or None for all.")
        self.folder = os.fsdecode(folder)
        self.keep = keep

    def path(self, step: int) -> str:
        """Where the checkpoint of this step is or would be."""
        if not 0 <= step < 10**18:
            raise ArgumentError(f"Checkpoints: step={step}, expected 0 or more.")
        return os.path.join(self.folder, f"checkpoint-{step:08d}.safetensors")

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, ascending."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise CheckpointError(
                f"the folder {self.folder} cannot be read: {error.strerror}. "
                "Check its path and its permissions."
            ) from error
        matches = (_NAME.fullmatch(name) for name in names)
        return sorted({int(match[1]) for match in matches if match})

    def save(self, obj: Any, step: int) -> str:
        """Save atomically as the checkpoint of ``step``, remove those not to be kept; its path."""
        path = self.path(step)
        with suppress(OSError):  # if it cannot be made, the save itself says why
            os.makedirs(self.folder, exist_ok=True)
        save(obj, path)
        if self.keep is not None:
            others = [other for other in self.steps() if other != step]
            for old in others[: max(0, len(others) - self.keep + 1)]:
                with suppress(OSError):  # the next save tries again
                    os.unlink(self.path(old))
        return path

    def load_latest(self) -> Any:
        """Load the newest checkpoint that is whole; see the function `load_latest`."""
        value, passed_over = self._newest_whole()
        if passed_over:
            warnings.warn(passed_over, UserWarning, stacklevel=2)
        return value

    def _newest_whole(self) -> tuple[Any, str]:
        """The value, and what to tell of newer checkpoints that are not whole."""
        damages: list[str] = []
        for step in reversed(self.steps()):
            path = self.path(step)
            try:
                value = load(path)
            except (DamagedFileError, ForeignFileError, MissingFileError) as error:
                damages.append(str(error))
                continue
            return value, f"{' '.join(damages)} Loaded {path} instead." if damages else ""
        if damages:
            raise DamagedFileError(
                f"none of the {len(damages)} checkpoints in {self.folder} is whole. "
                f"{' '.join(damages)}"
            )
        raise MissingFileError(
            f"there is no checkpoint in {self.folder}. Check the path, or save one first."
        )


def load_latest(folder: str | os.PathLike[str]) -> Any:
    """Load the newest whole checkpoint of a folder that `Checkpoints` wrote.

    Where a newer one is damaged, a ``UserWarning`` names it and the one loaded in its place. Other
    troubles (permissions, a file of a newer sangja) are raised, not passed over.

    Raises
    ------
    MissingFileError
        if the folder has no checkpoint.
    DamagedFileError
        if none is whole.
    """
    value, passed_over = Checkpoints(folder)._newest_whole()
    if passed_over:
        warnings.warn(passed_over, UserWarning, stacklevel=2)
    return value
