"""Layers that take the largest, the mean or the norm of each window."""

from __future__ import annotations

from typing import Any

from sangja.core.errors import ArgumentError
from sangja.engine import Tensor
from sangja.nn import functional as F
from sangja.nn.conv import tuple_of
from sangja.nn.module import Module


class MaxPool(Module):
    """z = the largest element of each window; with `return_indices` also where it was."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def pool(self, function: Any, input: Tensor) -> Any:
        return function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(MaxPool):
    """The largest of each window along a line: (N, C, L) → (N, C, L')."""

    def forward(self, input: Tensor) -> Any:
        return self.pool(F.max_pool1d, input)


class MaxPool2d(MaxPool):
    """The largest of each window of a plane: (N, C, H, W) → (N, C, H', W').

    H' = ⌊(H + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1, W' alike; the stride is the
    kernel size unless given.
    """

    def forward(self, input: Tensor) -> Any:
        return self.pool(F.max_pool2d, input)


class MaxPool3d(MaxPool):
    """The largest of each window in space: (N, C, D, H, W) → (N, C, D', H', W')."""

    def forward(self, input: Tensor) -> Any:
        return self.pool(F.max_pool3d, input)


class MaxUnpool(Module):
    """Puts pooled values back where `indices` says, 0 elsewhere."""

    ndim: int

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size = tuple_of(kernel_size, self.ndim)
        self.stride = tuple_of(kernel_size if stride is None else stride, self.ndim)
        self.padding = tuple_of(padding, self.ndim)

    def unpool(self, function: Any, input: Tensor, indices: Tensor, output_size: Any) -> Tensor:
        return function(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(MaxUnpool):
    """Partial inverse of `MaxPool1d`."""

    ndim = 1

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return self.unpool(F.max_unpool1d, input, indices, output_size)


class MaxUnpool2d(MaxUnpool):
    """Partial inverse of `MaxPool2d`."""

    ndim = 2

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return self.unpool(F.max_unpool2d, input, indices, output_size)


class MaxUnpool3d(MaxUnpool):
    """Partial inverse of `MaxPool3d`."""

    ndim = 3

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return self.unpool(F.max_unpool3d, input, indices, output_size)


class AvgPool1d(Module):
    """The mean of each window along a line: (N, C, L) → (N, C, L')."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = tuple_of(kernel_size, 1)
        self.stride = tuple_of(kernel_size if stride is None else stride, 1)
        self.padding = tuple_of(padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPoolNd(Module):
    """What AvgPool2d and AvgPool3d share; `divisor_override` divides by it, not the window's
    size."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def pool(self, function: Any, input: Tensor) -> Tensor:
        return function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(AvgPoolNd):
    """The mean of each window of a plane: (N, C, H, W) → (N, C, H', W')."""

    def forward(self, input: Tensor) -> Tensor:
        return self.pool(F.avg_pool2d, input)


class AvgPool3d(AvgPoolNd):
    """The mean of each window in space: (N, C, D, H, W) → (N, C, D', H', W')."""

    def forward(self, input: Tensor) -> Tensor:
        return self.pool(F.avg_pool3d, input)


class LPPool(Module):
    """z = (Σ xᵖ)^(1/p) over each window."""

    def __init__(
        self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def pool(self, function: Any, input: Tensor) -> Tensor:
        return function(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(LPPool):
    """The p-norm of each window along a line."""

    def forward(self, input: Tensor) -> Tensor:
        return self.pool(F.lp_pool1d, input)


class LPPool2d(LPPool):
    """The p-norm of each window of a plane."""

    def forward(self, input: Tensor) -> Tensor:
        return self.pool(F.lp_pool2d, input)


class LPPool3d(LPPool):
    """The p-norm of each window in space."""

    def forward(self, input: Tensor) -> Tensor:
        return self.pool(F.lp_pool3d, input)


class AdaptiveAvgPool(Module):
    """The mean of as many windows as `output_size` asks for; None keeps a size."""

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(AdaptiveAvgPool):
    """(N, C, L) → (N, C, output_size)"""

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(AdaptiveAvgPool):
    """(N, C, H, W) → (N, C, *output_size)"""

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool3d(AdaptiveAvgPool):
    """(N, C, D, H, W) → (N, C, *output_size)"""

    def forward(self, input: Tensor) -> Tensor:
        return F.adaptive_avg_pool3d(input, self.output_size)


class AdaptiveMaxPool(Module):
    """The largest of as many windows as `output_size` asks for; None keeps a size."""

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(AdaptiveMaxPool):
    """(N, C, L) → (N, C, output_size)"""

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(AdaptiveMaxPool):
    """(N, C, H, W) → (N, C, *output_size)"""

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(AdaptiveMaxPool):
    """(N, C, D, H, W) → (N, C, *output_size)"""

    def forward(self, input: Tensor) -> Any:
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)


class FractionalMaxPool(Module):
    """The largest of windows whose places are drawn at random, so that sizes shrink by any ratio.
    Graham, 2014."""

    ndim: int

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.kernel_size = tuple_of(kernel_size, self.ndim)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        if output_size is None and output_ratio is None:
            raise ArgumentError(
                f"{name} requires specifying either an output size, or a pooling ratio"
            )
        if output_size is not None and output_ratio is not None:
            raise ArgumentError("only one of output_size and output_ratio may be specified")
        self.output_size = None if output_size is None else tuple_of(output_size, self.ndim)
        self.output_ratio = None if output_ratio is None else tuple_of(output_ratio, self.ndim)
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ArgumentError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def pool(self, function: Any, input: Tensor) -> Any:
        return function(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            _random_samples=self._random_samples,
        )


class FractionalMaxPool2d(FractionalMaxPool):
    """Fractional max pooling of planes."""

    ndim = 2

    def forward(self, input: Tensor) -> Any:
        return self.pool(F.fractional_max_pool2d, input)


class FractionalMaxPool3d(FractionalMaxPool):
    """Fractional max pooling in space."""

    ndim = 3

    def forward(self, input: Tensor) -> Any:
        return self.pool(F.fractional_max_pool3d, input)
