"""The code blocks of the README and the docs run, and print what they say they print."""

import doctest
import importlib.util
import re
from pathlib import Path

import pytest

from tests.pages import ROOT, blocks, run

PAGES = [ROOT / "README.md", ROOT / "README.ko.md", *sorted((ROOT / "docs").rglob("*.md"))]


def promised(code: str) -> list[str]:
    """The comments behind `print(…)` calls: what each must print."""
    return [
        line.split("  # ", 1)[1].rstrip()
        for line in code.splitlines()
        if line.startswith("print(") and "  # " in line
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_code_blocks_run_and_print_what_they_promise(page: Path):
    for cell in run(page):
        expected = promised(cell.code)
        if expected:
            assert cell.printed == expected


def test_both_readmes_have_the_same_blocks():
    english, korean = ROOT / "README.md", ROOT / "README.ko.md"
    assert blocks(english) == blocks(korean)
    english, korean = (page.read_text(encoding="utf-8") for page in (english, korean))
    fence = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
    assert [b.split("#")[0] for b in fence.findall(english)] == [
        b.split("#")[0] for b in fence.findall(korean)
    ]
    assert english.count("\n## ") == korean.count("\n## ")


def test_docstrings_become_markup_that_says_the_same():
    path = ROOT / "docs" / "docstrings.py"
    spec = importlib.util.spec_from_file_location("docstrings", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert doctest.testmod(module) == (0, 1)
    text = "Sum.\n\nArgs:\n    x: an array,\n        any shape.\n    dim: `None` or _one_."
    assert module.to_restructured_text(text) == (
        "Sum.\n\nArgs:\n\n* x: an array, any shape.\n* dim: ``None`` or \\_one\\_."
    )
