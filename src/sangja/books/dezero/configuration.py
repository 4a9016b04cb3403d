"""Two switches for the whole library, and the context managers that turn them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


class Config:
    """`enable_backprop`: whether operations are remembered (step 18); `train`: whether `dropout`
    and `batch_nrom` behave as in training (step 54)."""

    enable_backprop = True
    train = True


@contextlib.contextmanager
def using_config(name: str, value: Any) -> Iterator[None]:
    """`Config.name` is `value` inside the `with`, and what it was after it."""
    old_value = getattr(Config, name)
    setattr(Config, name, value)
    try:
        yield
    finally:
        setattr(Config, name, old_value)


def no_grad() -> contextlib.AbstractContextManager[None]:
    """Nothing is remembered inside the `with`."""
    return using_config("enable_backprop", False)


def test_mode() -> contextlib.AbstractContextManager[None]:
    """Dropout and batch normalization behave as in use inside the `with`."""
    return using_config("train", False)
