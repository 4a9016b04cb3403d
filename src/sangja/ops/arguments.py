"""What many operations do with their arguments before they compute."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from sangja.core import dtypes
from sangja.core.errors import ArgumentTypeError
from sangja.core.settings import settings
from sangja.engine import Tensor, wrap

F = TypeVar("F", bound=Callable[..., Any])
NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim", "axes": "dims", "x": "input"}


def numpy_names(function: F) -> F:
    """Let a function be called with NumPy's `axis` and `keepdims` for `dim` and `keepdim`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            kwargs = {NUMPY_NAMES.get(name, name): value for name, value in kwargs.items()}
        return function(*args, **kwargs)

    return wrapper  # type: ignore[return-value]


def as_tensor(value: Any, name: str = "input") -> Tensor:
    """A tensor as it is, an array or a number as a tensor; anything else raises."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.ndarray):
        dtypes.of(value.dtype)
        return wrap(value)
    dtype = dtypes.scalar_dtype(value)
    if dtype is None:
        fix = ""
        if isinstance(value, tuple) and any(isinstance(part, Tensor) for part in value):
            fix = "; a recurrent or attention layer returns (output, …): pass its first part on"
        elif isinstance(value, (list, tuple)):
            fix = "; make one with tensor(...) or stack(...)"
        raise ArgumentTypeError(
            f"argument '{name}' must be Tensor, not {type(value).__name__}{fix}"
        )
    return wrap(np.asarray(value, dtype))


def float_dtype(dtype: Any, array: Any) -> np.dtype[Any]:
    """The dtype asked for, or the array's if floating, or the default: for means and the like."""
    if dtype is not None:
        return dtypes.to_numpy(dtype)
    found: np.dtype[Any] = array.dtype
    return found if found.kind in "fcV" else settings.default_dtype
