"""What a dtype can hold: `finfo` and `iinfo`, and the default float dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core import dtypes
from sangja.core.dtypes import DType
from sangja.core.errors import ArgumentTypeError
from sangja.core.settings import settings


def limits_of_bfloat16(dtype: Any) -> Any:
    """What `np.finfo` would say, from the package that brought the dtype."""
    import ml_dtypes

    return ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]


class finfo:
    """The limits of a floating dtype (the default one): `bits`, `eps`, `max`, `min`, `tiny`, …

    >>> finfo(dtypes.float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, type: DType | None = None) -> None:
        found = settings.default_dtype if type is None else dtypes.to_numpy(type)
        if found.kind not in "fcV":
            raise ArgumentTypeError(
                f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle "
                f"'{dtypes.of(found).name}'".replace("torch.", "")
            )
        info = np.finfo(found) if found.kind != "V" else limits_of_bfloat16(found)
        self.dtype = found.name if found.kind != "c" else info.dtype.name
        self.bits = int(info.bits)
        self.eps, self.resolution = float(info.eps), 10.0**-info.precision
        self.max, self.min = float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.smallest_normal)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


class iinfo:
    """The limits of an integer dtype: `bits`, `max`, `min`.

    >>> iinfo(dtypes.int8)
    iinfo(min=-128, max=127, dtype=int8)
    """

    def __init__(self, type: DType) -> None:
        found = dtypes.to_numpy(type)
        if found.kind not in "iu":
            raise ArgumentTypeError(
                "iinfo() requires an integer input type. Use finfo to handle "
                f"'{dtypes.of(found).name}'"
            )
        info = np.iinfo(found)
        self.dtype = found.name
        self.bits, self.max, self.min = int(info.bits), int(info.max), int(info.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


def get_default_dtype() -> DType:
    """The float dtype of new tensors."""
    return dtypes.of(settings.default_dtype)


def set_default_dtype(d: Any) -> None:
    """Make a floating dtype that of new tensors."""
    wanted = dtypes.to_numpy(d)
    if wanted.kind not in "fV":
        raise ArgumentTypeError(
            f"only floating-point types are supported as the default type, not {dtypes.of(wanted)}"
        )
    settings.default_dtype = wanted
