"""Layers that add a border."""

from __future__ import annotations

from typing import Any

from sangja.core.errors import ArgumentError
from sangja.engine import Tensor
from sangja.nn import functional as F
from sangja.nn.conv import tuple_of
from sangja.nn.module import Module


class Padding(Module):
    """A border of `padding` elements on both sides of the last `ndim` dimensions: one number for
    all, or one per side, the last dimension first."""

    ndim: int
    mode: str

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = tuple_of(padding, 2 * self.ndim)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPadding(Padding):
    """The border is `value`."""

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ZeroPadding(ConstantPadding):
    """The border is 0."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad1d(ConstantPadding):
    """The border is `value`: (N, C, L)."""

    ndim = 1


class ConstantPad2d(ConstantPadding):
    """The border is `value`: (N, C, H, W)."""

    ndim = 2


class ConstantPad3d(ConstantPadding):
    """The border is `value`: (N, C, D, H, W)."""

    ndim = 3


class ZeroPad1d(ZeroPadding):
    """The border is 0: (N, C, L)."""

    ndim = 1


class ZeroPad2d(ZeroPadding):
    """The border is 0: (N, C, H, W)."""

    ndim = 2


class ZeroPad3d(ZeroPadding):
    """The border is 0: (N, C, D, H, W)."""

    ndim = 3


class ReflectionPad1d(Padding):
    """The border mirrors the inside, without the edge: (N, C, L)."""

    ndim = 1
    mode = "reflect"


class ReflectionPad2d(Padding):
    """The border mirrors the inside, without the edge: (N, C, H, W)."""

    ndim = 2
    mode = "reflect"


class ReflectionPad3d(Padding):
    """The border mirrors the inside, without the edge: (N, C, D, H, W)."""

    ndim = 3
    mode = "reflect"


class ReplicationPad1d(Padding):
    """The border repeats the edge: (N, C, L)."""

    ndim = 1
    mode = "replicate"


class ReplicationPad2d(Padding):
    """The border repeats the edge: (N, C, H, W)."""

    ndim = 2
    mode = "replicate"


class ReplicationPad3d(Padding):
    """The border repeats the edge: (N, C, D, H, W)."""

    ndim = 3
    mode = "replicate"


class CircularPadding(Padding):
    """The border is the opposite side."""

    mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        fewest = self.ndim + 1
        if input.ndim not in (fewest, fewest + 1):
            raise ArgumentError(
                f"expected {fewest}D or {fewest + 1}D input (got {input.ndim}D input)"
            )
        return super().forward(input)


class CircularPad1d(CircularPadding):
    """The border is the opposite side: (N, C, L)."""

    ndim = 1


class CircularPad2d(CircularPadding):
    """The border is the opposite side: (N, C, H, W)."""

    ndim = 2


class CircularPad3d(CircularPadding):
    """The border is the opposite side: (N, C, D, H, W)."""

    ndim = 3
