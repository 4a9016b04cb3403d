"""What scripts ask of graphics cards and other accelerators: here there is none.

Questions are answered (no, none, 0), requests that concern no result do nothing, as in PyTorch on a
machine without a card, and what would need one is refused.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from sangja.core.device import KNOWN
from sangja.core.errors import DeviceError

F = TypeVar("F", bound=Callable[..., Any])


def is_available() -> bool:
    """Whether there is one: no."""
    return False


def device_count() -> int:
    """How many there are: none."""
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """The accelerator that tensors can be put on: None."""
    return


def memory_in_use(device: Any = None) -> int:
    """Bytes in use on the accelerator: 0."""
    return 0


def nothing_to_do(*args: Any, **kwargs: Any) -> None:
    """Concerns an accelerator alone (its memory, its generator, its caches): nothing happens."""


def refuse(*args: Any, **kwargs: Any) -> NoReturn:
    """Needs an accelerator. Raises `DeviceError`."""
    raise DeviceError(
        "there is no GPU: sangja computes on the CPU. Ask sangja.cuda.is_available() before you "
        "use sangja.cuda"
    )


class autocast:
    """`with autocast(device_type):` computes in a shorter dtype where PyTorch does: on an
    accelerator. On the CPU sangja keeps the dtypes of the inputs, and warns once if it was asked to
    change them. Also a decorator.

    >>> with autocast("cpu", enabled=False):
    ...     pass
    """

    def __init__(
        self,
        device_type: str,
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if device_type not in KNOWN:
            raise DeviceError(
                f"autocast: {device_type!r} is no type of device; expected one of "
                f"{', '.join(KNOWN)}"
            )
        if enabled and device_type == "cpu":
            warnings.warn(
                "autocast: sangja computes in the dtype of the inputs on the CPU; where PyTorch "
                "would compute in bfloat16, results here have more digits.",
                UserWarning,
                stacklevel=2,
            )
        elif enabled:
            warnings.warn(
                f"{device_type.upper()} is not available. Disabling autocast.",
                UserWarning,
                stacklevel=2,
            )

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def __call__(self, function: F) -> F:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper  # type: ignore[return-value]


class cuda_autocast(autocast):
    """`autocast("cuda", …)` under the name it had before."""

    def __init__(self, enabled: bool = True, dtype: Any = None, cache_enabled: bool = True) -> None:
        super().__init__("cuda", dtype, enabled, cache_enabled)


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether operations compute in a shorter dtype than their inputs': no."""
    return False


def is_autocast_available(device_type: str) -> bool:
    """Whether they can be made to, on this type of device: no."""
    return False
