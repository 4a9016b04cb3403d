"""Loads hostile files in a process that watches itself, and reads its report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

LOADER = Path(__file__).parent / "hostile_loads.py"


def outcomes(folder: Path, contents: Collection[bytes], timeout: int) -> dict[int, Any]:
    """What became of each file, named by its number in `folder`: the kind, the words and the
    seconds. Nothing else may have happened, and no file may have come or gone."""
    for number, content in enumerate(contents):
        (folder / str(number)).write_bytes(content)
    command = [sys.executable, str(LOADER), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["events"] == []
    assert len(report["results"]) == len(contents) >= 100
    assert sorted(os.listdir(folder)) == sorted(report["results"])
    return {int(number): result for number, result in report["results"].items()}
