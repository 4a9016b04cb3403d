"""The code blocks of the README and the docs run, and print what they say they print."""

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "README.ko.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def promised(code: str) -> list[str]:
    """The comments behind `print(…)` calls: what each must print."""
    return [
        line.split("  # ", 1)[1].rstrip()
        for line in code.splitlines()
        if line.startswith("print(") and "  # " in line
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_code_blocks_run_and_print_what_they_promise(page: Path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, str(page), "exec"), names)
        expected = promised(block)
        if expected:
            assert printed.getvalue().splitlines() == expected


def test_both_readmes_have_the_same_blocks():
    english, korean = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ko.md")
    )
    assert BLOCK.findall(english) == BLOCK.findall(korean)
    fence = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
    assert [b.split("#")[0] for b in fence.findall(english)] == [
        b.split("#")[0] for b in fence.findall(korean)
    ]
    assert english.count("\n## ") == korean.count("\n## ")
