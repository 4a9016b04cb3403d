"""`sangja.jit`'s words: marks of TorchScript on functions and modules, which run as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar

from sangja.core.errors import ForwardMissingError

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def script(obj: T, *args: Any, **kwargs: Any) -> T:
    """The function or module itself: it is run by Python, with the same results.

    >>> @script
    ... def double(x):
    ...     return 2 * x
    >>> double(3)
    6
    """
    return obj


def mark(function: F) -> F:
    """The function itself; marks what a compiler of TorchScript would export or leave out."""
    return function


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """The function itself, with or without arguments to the mark."""
    return drop if callable(drop) else mark


def is_scripting() -> bool:
    """Whether a compiler of TorchScript runs the function: no."""
    return False


def annotate(the_type: Any, the_value: T) -> T:
    """The value itself."""
    return the_value


def refuse_export(*args: Any, **kwargs: Any) -> NoReturn:
    """Raises `ForwardMissingError`: no ONNX file can be written."""
    raise ForwardMissingError(
        "sangja writes no ONNX files. Save the state_dict with sangja.save, load it in PyTorch and "
        "export it there"
    )


__all__ = ["Final", "annotate", "ignore", "is_scripting", "mark", "refuse_export", "script"]
