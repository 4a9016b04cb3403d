"""Writes `__all__` at the end of `src/sangja/__init__.py`: every public name that it imports or
assigns, so that type checkers and `from sangja import *` see what a reader of the file sees.

    python tools/exports.py
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

TARGET = Path(__file__).parents[1] / "src" / "sangja" / "__init__.py"


def names(source: str) -> list[str]:
    """The public names that the source of the package gives itself."""
    found = set()
    for node in ast.parse(source).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return sorted(name for name in found if not name.startswith("_"))


def text(source: str) -> str:
    """The source with a fresh `__all__`."""
    listed = "".join(f'    "{name}",\n' for name in names(source))
    body = re.sub(r"\n__all__ = \[.*?\]\n", "\n", source, flags=re.DOTALL).rstrip()
    return f"{body}\n\n__all__ = [\n{listed}]\n"


if __name__ == "__main__":
    TARGET.write_text(text(TARGET.read_text()))
