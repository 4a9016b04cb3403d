"""The switch between NumPy and CuPy (step 52). Without CuPy everything is NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core.errors import MissingPackageError

try:
    import cupy
except ImportError:
    cupy = None

gpu_enable: bool = cupy is not None
array_types: tuple[type, ...] = (np.ndarray,) if cupy is None else (np.ndarray, cupy.ndarray)


class Box:
    """Base of `Variable`: what holds an array in `data`."""

    data: Any


def array_of(x: Any) -> Any:
    """The array in a box; anything else as it is."""
    return x.data if isinstance(x, Box) else x


def get_array_module(x: Any) -> Any:
    """The module that `x`, an array or a `Variable`, belongs to: NumPy or CuPy."""
    return np if cupy is None else cupy.get_array_module(array_of(x))


def as_numpy(x: Any) -> Any:
    """`x`, a `Variable`, an array or a number, as a NumPy array."""
    x = array_of(x)
    if np.isscalar(x):
        return np.array(x)
    return x if isinstance(x, np.ndarray) else cupy.asnumpy(x)


def as_cupy(x: Any) -> Any:
    """`x`, a `Variable` or an array, as a CuPy array. Raises `MissingPackageError` without CuPy."""
    if cupy is None:
        raise MissingPackageError("CuPy cannot be loaded. Install CuPy! (pip install cupy-cuda12x)")
    return cupy.asarray(array_of(x))
