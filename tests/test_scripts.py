"""Whole programs as users write them, in `tests/scripts`: they learn; and where PyTorch is
installed, the same program with its imports changed prints the same, line by line."""

import contextlib
import io
import itertools
import re
import runpy
import warnings
from pathlib import Path

import pytest

PROGRAMS = sorted(
    path for path in (Path(__file__).parent / "scripts").glob("*.py") if path.stem != "__init__"
)
NUMBER = re.compile(r"[-+]?\d+(?:\.(\d+))?(?:e[-+]?\d+)?")


def run(path: Path):
    """What a program leaves behind, and what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        left = runpy.run_path(str(path), run_name="__main__")
    return left, printed.getvalue().splitlines()


def agree(ours: str, theirs: str) -> bool:
    """Whether two lines have the same words, and the same numbers up to one in the last digit
    printed: the order in which a library adds may round a last digit up or down."""
    if NUMBER.sub("#", ours) != NUMBER.sub("#", theirs):
        return False
    for a, b in zip(NUMBER.finditer(ours), NUMBER.finditer(theirs), strict=True):
        unit = 10.0 ** -len(a[1]) if a[1] else 0.0
        if abs(float(a[0]) - float(b[0])) > 1.01 * unit:
            return False
    return True


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_learns(path: Path):
    left, printed = run(path)
    assert left["after"] < 0.8 * left["before"]
    assert len(printed) >= 3


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_with_its_imports_changed_it_prints_the_same(path: Path, tmp_path: Path):
    torch = pytest.importorskip("torch")
    changed = tmp_path / path.name
    text = path.read_text(encoding="utf-8")
    text = text.replace("import sangja as torch", "import torch")
    changed.write_text(text.replace("sangja", "torch"), encoding="utf-8")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's notes on itself
            _, theirs = run(changed)
    finally:
        torch.set_num_threads(threads)
    _, ours = run(path)
    pairs = itertools.zip_longest(ours, [line.replace("torch.", "sangja.") for line in theirs])
    different = [(a, b) for a, b in pairs if a is None or b is None or not agree(a, b)]
    assert different == []
