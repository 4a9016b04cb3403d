"""One row of the table of mistakes."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Mistake(NamedTuple):
    """`make(t)` makes the mistake with the library `t`, ours or PyTorch. Ours must raise `error`,
    the builtin that PyTorch's error is, with `text` in its message. `theirs`: PyTorch's builtin
    where it fails by accident and ours refuses on purpose."""

    name: str
    make: Callable[[Any], Any]
    error: type[Exception]
    text: str
    theirs: type[Exception] | None = None
