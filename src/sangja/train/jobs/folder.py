"""The folder of a run: made once, never written over, and able to say how to go on."""

from __future__ import annotations

import itertools
import json
import os
from contextlib import suppress
from shlex import quote
from typing import Any

from sangja.core.errors import (
    ArgumentError,
    CheckpointError,
    DamagedFileError,
    ForeignFileError,
    MissingFileError,
    SaveError,
)
from sangja.io import write_text
from sangja.train.display import Say

RUNS, SETTINGS, LOG, REPORT = "runs", "run.json", "log.txt", "report.html"
_FORMAT, _VERSION = "sangja-run", 1


class Log:
    """Says lines and keeps them; once it has a file, in it, so that a run can be read later."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._lines: list[str] = []
        self._path: str | None = None

    def __call__(self, line: str) -> None:
        """Say one line."""
        self._say(line)
        if self._path is None:
            self._lines.append(line)
        else:
            self._append([line])

    def write_to(self, path: str) -> None:
        """From now on also write to this file, after what was said before."""
        self._path = path
        self._append(self._lines)
        self._lines = []

    def _append(self, lines: list[str]) -> None:
        assert self._path is not None
        try:
            with open(self._path, "a", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)
        except OSError as error:
            raise SaveError(f"could not write {self._path}: {error.strerror}.") from error


def make_run_folder(out: str | None, name: str) -> str:
    """A new folder: `out`, or the next free one of runs/name-1, runs/name-2, …

    Raises:
        ArgumentError: `out` exists and is not empty.
        SaveError: the system refuses to make it.
    """
    try:
        if out is not None:
            if os.path.lexists(out) and not _is_empty_folder(out):
                raise ArgumentError(_taken(out))
            os.makedirs(out, exist_ok=True)
            return out
        os.makedirs(RUNS, exist_ok=True)
        for number in itertools.count(1):
            path = os.path.join(RUNS, f"{name}-{number}")
            with suppress(FileExistsError):
                os.mkdir(path)  # of two runs that begin at once only one gets it
                return path
    except OSError as error:
        raise SaveError(
            f"the run folder {out or os.path.join(RUNS, name)} cannot be made: "
            f"{(error.strerror or str(error)).lower()}. Choose another with --out."
        ) from error
    raise AssertionError("itertools.count never ends")


def write_settings(folder: str, settings: dict[str, Any]) -> None:
    """Write run.json: what `sangja train --resume` needs to know."""
    text = json.dumps(
        {"format": _FORMAT, "version": _VERSION, "settings": settings}, indent=2, ensure_ascii=False
    )
    write_text(os.path.join(folder, SETTINGS), text + "\n")


def read_settings(folder: str) -> Any:
    """The settings in a run's run.json.

    Raises:
        MissingFileError: no such folder, or no run in it.
        DamagedFileError, ForeignFileError, CheckpointError: the file cannot be used.
    """
    path = os.path.join(folder, SETTINGS)
    if not os.path.isdir(folder):
        raise MissingFileError(f"there is no run folder {folder!r}.")
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    except FileNotFoundError:
        raise MissingFileError(f"{folder!r} is no run folder: it has no {SETTINGS}.") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"{path} is damaged: it is no whole JSON text ({error}).") from error
    if not isinstance(data, dict) or data.get("format") != _FORMAT:
        raise ForeignFileError(f"{path} does not hold the settings of a run of sangja.")
    if data.get("version") != _VERSION:
        raise CheckpointError(
            f"{path} has version {data.get('version')!r}, but this sangja reads version "
            f"{_VERSION}. Install a newer sangja."
        )
    return data.get("settings")


def _is_empty_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.listdir(path)


def _taken(out: str) -> str:
    text = f"{out!r} exists already and is not overwritten; choose another folder with --out"
    if os.path.isfile(os.path.join(out, SETTINGS)):
        text += f", or go on with the run in it: sangja train --resume {quote(out)}"
    return text + "."
