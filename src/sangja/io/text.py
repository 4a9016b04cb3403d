"""Words of a file's author, made safe to print."""

from __future__ import annotations

import reprlib

_LONGEST = 80


class _Short(reprlib.Repr):
    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write integers of more than 4,300 digits in decimal.
        return repr(x) if x.bit_length() <= 128 else f"{hex(x)[:20]}…"


_short = _Short()


def quote(name: object) -> str:
    """``repr`` of something from a file: control characters escaped, length and depth bounded.

    >>> quote("layer1.weight")
    "'layer1.weight'"
    >>> len(quote("x" * 1_000_000)) < 120
    True
    """
    if not isinstance(name, str):
        return _short.repr(name)
    if len(name) <= _LONGEST:
        return repr(name)
    return f"{name[:_LONGEST]!r}… ({len(name):,} characters)"
