"""Runs that several tests look at; each is made once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.command import sangja, write_houses


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A folder with houses.csv and the runs digits-1, houses-1 (price) and houses-2 (kind)."""
    folder = tmp_path_factory.mktemp("finished")
    write_houses(folder / "houses.csv")
    for arguments in (
        ("digits", "--epochs", "4"),
        ("houses.csv", "--target", "price", "--epochs", "40"),
        ("houses.csv", "--target", "kind", "--epochs", "20", "--quiet"),
    ):
        done = sangja("train", *arguments, folder=folder)
        assert done.returncode == 0, done.stderr
        (folder / f"said-{arguments[0]}-{arguments[-1]}.txt").write_text(done.stdout)
    return folder


@pytest.fixture
def own(finished, tmp_path) -> Path:
    """A copy of `finished` that a test may damage."""
    shutil.copytree(finished, tmp_path / "own")
    return tmp_path / "own"
