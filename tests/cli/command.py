"""The command as a user runs it: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]


def environment(**changes: str) -> dict[str, str]:
    """The test's own environment, in English, and our source in front."""
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
    inherited = {k: v for k, v in os.environ.items() if k != "SANGJA_LANG"}
    return inherited | {"PYTHONPATH": path, "PYTHONWARNINGS": "error", **changes}


def sangja(*arguments: str, folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m sangja ARGUMENTS` in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "sangja", *arguments],
        cwd=folder,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=120,
    )


def refused(*arguments: str, folder: Path, **changes: str) -> str:
    """The one sentence with which bad input is refused: exit code 2, nothing but it on stderr."""
    done = sangja(*arguments, folder=folder, **changes)
    assert done.returncode == 2, done.stderr + done.stdout
    (line,) = done.stderr.splitlines()
    return line


def write_houses(path: Path, rows: int = 120) -> Path:
    """A table with numbers, a category, gaps, and two columns to predict."""
    random = np.random.RandomState(0)
    size = random.uniform(30, 200, rows)
    city = random.choice(["Seoul", "Busan", "Jeju"], rows)
    age = random.randint(0, 50, rows)
    price = 3 * size - 2 * age + 150 * (city == "Seoul") + random.normal(0, 10, rows)
    kind = np.where(size > 115, "large", "small")
    lines = ["size,city,age,price,kind"]
    for i in range(rows):
        shown = "" if i % 17 == 0 else f"{age[i]}"
        lines.append(f"{size[i]:.2f},{city[i]},{shown},{price[i]:.2f},{kind[i]}")
    path.write_text("\n".join(lines) + "\n")
    return path
