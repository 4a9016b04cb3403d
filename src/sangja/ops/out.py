"""`out=`: a result written into a tensor that is there."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from sangja.core import dtypes
from sangja.core.errors import ArgumentTypeError, DTypeError, GradientError
from sangja.engine import Tensor
from sangja.engine.inplace import overwritten


def into(out: Any, result: Tensor) -> Tensor:
    """`out` with the elements of `result`; resized where its shape is another, with a warning if it
    had elements.

    Raises `GradientError` where a gradient is wanted (of an input or of `out`), `DTypeError` where
    `out` has a lower category of dtype.
    """
    if not isinstance(out, Tensor):
        raise ArgumentTypeError(f"argument 'out' must be Tensor, not {type(out).__name__}")
    if result.requires_grad or out.requires_grad:
        raise GradientError(
            "functions with out=... arguments don't support automatic differentiation, but one of "
            "the arguments requires grad. Leave out= away, or compute under no_grad()"
        )
    value = result.array
    if dtypes.CATEGORY[value.dtype.kind] > dtypes.CATEGORY[out.array.dtype.kind]:
        raise DTypeError(
            f"result type {dtypes.of(value.dtype)} can't be cast to the desired output type "
            f"{out.dtype} (out=)"
        )
    if out.array.shape != value.shape:
        if out.array.size:
            warnings.warn(
                f"An output with one or more elements was resized since it had shape "
                f"{list(out.array.shape)}, which does not match the required output shape "
                f"{list(value.shape)}. Give an out= of that shape, or an empty one.",
                UserWarning,
                stacklevel=3,
            )
        out.array = np.empty(value.shape, out.array.dtype)
    np.copyto(out.array, value, casting="unsafe")
    overwritten(out, "out=")
    return out
