"""Writes `__all__` at the end of `src/sangja/__init__.py`: every public name that stands there, so
that type checkers and `from sangja import *` see what a reader of the imports sees.

    python tools/exports.py
"""

from __future__ import annotations

import re
import types
from pathlib import Path

import sangja

TARGET = Path(sangja.__file__)
SUBMODULES_NOT_EXPORTED = {
    "backend",
    "core",
    "data",
    "engine",
    "io",
    "ops",
    "train",
    "cli",
    "books",
}


def names() -> list[str]:
    """The public names of the package."""
    return sorted(
        name
        for name, value in vars(sangja).items()
        if not name.startswith("_")
        and not (isinstance(value, types.ModuleType) and name in SUBMODULES_NOT_EXPORTED)
    )


def text(source: str) -> str:
    """The source of the package with a fresh `__all__`."""
    listed = "".join(f'    "{name}",\n' for name in names())
    body = re.sub(r"\n__all__ = \[.*?\]\n", "\n", source, flags=re.DOTALL).rstrip()
    return f"{body}\n\n__all__ = [\n{listed}]\n"


if __name__ == "__main__":
    TARGET.write_text(text(TARGET.read_text()))
