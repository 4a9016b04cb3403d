"""Window functions of signals: weights that fade towards both ends."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core.device import check_device
from sangja.core.errors import DTypeError, ShapeError
from sangja.engine import Tensor
from sangja.ops.create import finish, to_dtype


def cosines(
    name: str,
    length: int,
    periodic: bool,
    factors: tuple[float, ...],
    dtype: Any,
    device: Any,
    requires_grad: bool,
) -> Tensor:
    """Σ factors[j] cos 2πjk/n at the places k of a window, one at every place of a window of
    length 1: n is `length` for a periodic window, one less for a symmetric one."""
    check_device(device)
    kind = to_dtype(dtype)
    if kind.kind not in "fV":
        raise DTypeError(f"{name}: expected a floating point dtype, got {dtype}")
    if length < 0:
        raise ShapeError(f"{name} requires non-negative window_length, got {length}")
    angle = 2 * np.pi * np.arange(length) / max(length if periodic else length - 1, 1)
    total = sum(c * np.cos(j * angle) for j, c in enumerate(factors))
    window = np.ones(1) if length == 1 else np.asarray(total)
    return finish(window.astype(kind), requires_grad)


def hann_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """z[k] = ½ − ½ cos 2πk/n with n = `window_length`, or one less if not `periodic` (so that both
    ends are 0).

    >>> import sangja
    >>> sangja.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    factors = (0.5, -0.5)
    return cosines("hann_window", window_length, periodic, factors, dtype, device, requires_grad)


def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """z[k] = α − β cos 2πk/n with n as in `hann_window`.

    >>> import sangja
    >>> sangja.hamming_window(4)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    factors = (alpha, -beta)
    return cosines("hamming_window", window_length, periodic, factors, dtype, device, requires_grad)


def blackman_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """z[k] = 0.42 − ½ cos 2πk/n + 0.08 cos 4πk/n with n as in `hann_window`.

    >>> import sangja
    >>> sangja.blackman_window(3, periodic=False)[1]
    tensor(1.)
    """
    factors = (0.42, -0.5, 0.08)
    return cosines(
        "blackman_window", window_length, periodic, factors, dtype, device, requires_grad
    )
