"""Markdown pages whose code runs: every block, in order, as one program per page."""

from __future__ import annotations

import ast
import contextlib
import functools
import io
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(?:python|\{code-cell\})\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Cell:
    """One block that was run: its code, the lines it printed, the value of its last line."""

    code: str
    printed: list[str]
    shown: object


def blocks(page: Path) -> list[str]:
    """The code blocks of a page: ```python in plain pages, ```{code-cell} in the course."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@functools.cache
def run(page: Path) -> tuple[Cell, ...]:
    """Run a page in an empty folder; what lies beside it can be imported, as when it is built."""
    names: dict[str, object] = {"__name__": page.stem}
    sys.path.insert(0, str(page.parent))
    try:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            return tuple(_run(code, page, names) for code in blocks(page))
    finally:
        sys.path.remove(str(page.parent))


def _run(code: str, page: Path, names: dict[str, object]) -> Cell:
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    printed, shown = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, str(page), "exec"), names)
        if last is not None:
            shown = eval(compile(ast.Expression(last.value), str(page), "eval"), names)
    return Cell(code, printed.getvalue().splitlines(), shown)


def printed(page: Path) -> list[str]:
    """All lines that a page prints."""
    return [line for cell in run(page) for line in cell.printed]
