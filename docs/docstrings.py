"""Docstrings for the reference: they are plain text, and reach Sphinx as reStructuredText.

A docstring is paragraphs, doctests, indented formulas or code, and sections such as `Args:`. In a
paragraph `|x − y|` and `*args` mean what they say, so everything outside backticks is escaped.
"""

from __future__ import annotations

import re
import textwrap
from itertools import groupby
from typing import Any

CODE = re.compile(r"(`+[^`]*`+)")
ITEM = re.compile(r"^(?=\S)", re.MULTILINE)


def to_restructured_text(docstring: str) -> str:
    """The docstring's parts, each in the markup of its kind.

    >>> to_restructured_text("The mean of |x|, as `mean(*args)`.\\n\\n    Σ |x| / n")
    'The mean of \\\\|x\\\\|, as ``mean(*args)``\\\\ .\\n\\n::\\n\\n    Σ |x| / n'
    """
    parts = [_part(text) for text in _parts(docstring)]
    return "\n\n".join(parts)


def _parts(docstring: str) -> list[str]:
    """Paragraphs; one that holds both plain and indented lines is cut where they meet."""
    parts: list[str] = []
    for text in re.split(r"\n\s*\n", textwrap.dedent(docstring).strip("\n")):
        lines = text.splitlines()
        for _, run in groupby(lines, key=lambda line: line.startswith(" ")):
            parts.append("\n".join(run))
    return parts


def _part(text: str) -> str:
    if text.startswith(" "):
        body = textwrap.dedent(text)
        items = ITEM.split(body)
        if all(re.match(r"`?[\w*, ]+`?: ", item) for item in items if item.strip()):
            return "\n".join(f"* {_prose(' '.join(item.split()))}" for item in items if item)
        return "::\n\n" + textwrap.indent(body, "    ")
    if text.startswith(">>>"):
        return text
    return _prose(text)


def _prose(text: str) -> str:
    pieces = CODE.split(text)
    result = ""
    for i, piece in enumerate(pieces):
        if not i % 2:
            result += re.sub(r"([\\|*_`])", r"\\\1", piece)
            continue
        # An escaped space is nothing but the border that markup needs beside a letter.
        before = "\\ " if pieces[i - 1][-1:].strip() else ""
        after = "\\ " if pieces[i + 1][:1].strip() else ""
        result += f"{before}``{piece.strip('`')}``{after}"
    return result


def process_docstring(
    app: Any, what: str, name: str, item: Any, options: Any, lines: list[str]
) -> None:
    """Called by autodoc for each docstring: `lines` is rewritten in place."""
    lines[:] = [*to_restructured_text("\n".join(lines)).splitlines(), ""]
