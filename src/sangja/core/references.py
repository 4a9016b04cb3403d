"""Who else holds an object: what `sys.getrefcount` counts beyond those who hold it.

The call itself counts, and how often differs between versions of Python: an argument that is a
local variable is counted twice up to 3.13 and once from 3.14 on. So it is measured: `LOCAL`, `ITEM`
and `FIELD` are what a look at a local variable, at an item of a tuple and at a field adds.
"""

from __future__ import annotations

from sys import getrefcount


class Field:
    """Something with one field."""

    __slots__ = ("held",)


def looks() -> tuple[int, int, int]:
    """What each way to look adds, found with objects that have one holder."""
    local = object()
    item = (object(),)
    field = Field()
    field.held = object()  # type: ignore[attr-defined]
    return (
        getrefcount(local) - 1,
        getrefcount(item[0]) - 1,
        getrefcount(field.held) - 1,  # type: ignore[attr-defined]
    )


LOCAL, ITEM, FIELD = looks()

__all__ = ["FIELD", "ITEM", "LOCAL", "getrefcount"]
