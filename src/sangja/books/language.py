"""Messages in the language of the reader: the seeds print Korean, everybody else English."""

from __future__ import annotations

from sangja.core.settings import settings


def text(english: str, korean: str) -> str:
    """The one of two texts that `settings.language` (at first: `SANGJA_LANG`) asks for."""
    return korean if settings.language == "ko" else english
