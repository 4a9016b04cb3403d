"""The command as a user runs it: in a process of its own."""

from __future__ import annotations

import json
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
    own = {"PYTHONPATH": path, "PYTHONWARNINGS": "error", "OMP_NUM_THREADS": "1"}
    return inherited | own | changes


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


# Runs many commands in one process and prints what each said and how it ended: as a process of its
# own each would take half a second longer.
MANY = """
import contextlib, io, json, sys
from sangja.cli import main
results = []
for line in sys.stdin:
    out, err = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(line.split())
        except SystemExit as end:
            code = end.code
    said = [stream.buffer.getvalue().decode() for stream in (out, err)]
    results.append([line.strip(), code, *said])
json.dump(results, sys.stdout)
"""


def many(commands: list[str], folder: Path) -> dict[str, list[object]]:
    """Exit code, stdout and stderr of each command, all run in one process in a folder."""
    done = subprocess.run(
        [sys.executable, "-c", MANY],
        input="\n".join(commands),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert not done.stderr and not done.returncode, done.stderr
    return {command: outcome for command, *outcome in json.loads(done.stdout)}
