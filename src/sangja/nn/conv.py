"""Convolutions and their transposes."""

from __future__ import annotations

from typing import Any

from sangja.core.errors import ArgumentError, ShapeError
from sangja.engine import Tensor
from sangja.nn import functional as F
from sangja.nn.lazy import LazyModuleMixin
from sangja.nn.linear import reset_weight_and_bias
from sangja.nn.module import Module
from sangja.nn.parameter import Parameter, UninitializedParameter, empty, is_lazy, materialize

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def tuple_of(value: Any, n: int) -> tuple[Any, ...]:
    """One size for all n dimensions, or one for each."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * n


class ConvNd(Module):
    """What all convolutions share: arguments, weight and bias."""

    ndim: int
    transposed = False
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        output_padding: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        dtype: Any,
    ) -> None:
        super().__init__()
        n = self.ndim
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = tuple_of(kernel_size, n)
        self.stride = tuple_of(stride, n)
        self.padding = padding if isinstance(padding, str) else tuple_of(padding, n)
        self.dilation = tuple_of(dilation, n)
        self.output_padding = tuple_of(output_padding, n)
        self.groups = groups
        self.padding_mode = padding_mode
        self.check_arguments()
        if self.padding_mode != "zeros":
            self._pad_sides = self.pad_sides()
        self.weight = empty(*self.weight_shape(), dtype=dtype)
        if bias:
            self.bias = empty(out_channels, dtype=dtype)
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def check_arguments(self) -> None:
        if self.groups <= 0:
            raise ArgumentError("groups must be a positive integer")
        if self.in_channels % self.groups:
            raise ArgumentError(
                f"in_channels must be divisible by groups, got {self.in_channels} and {self.groups}"
            )
        if self.out_channels % self.groups:
            raise ArgumentError(
                f"out_channels must be divisible by groups, got {self.out_channels} and "
                f"{self.groups}"
            )
        if isinstance(self.padding, str):
            if self.padding not in ("same", "valid"):
                raise ArgumentError(
                    f"Invalid padding string {self.padding!r}, should be one of {{'valid', 'same'}}"
                )
            if self.padding == "same" and any(s != 1 for s in self.stride):
                raise ArgumentError(
                    "padding='same' is not supported for strided convolutions: stride is "
                    f"{self.stride}; give the padding as numbers"
                )
        if self.padding_mode not in PADDING_MODES:
            raise ArgumentError(
                f"padding_mode must be one of {set(PADDING_MODES)}, but got "
                f"padding_mode='{self.padding_mode}'"
            )

    def weight_shape(self) -> tuple[int, ...]:
        """(out, in / groups, *kernel); transposed (in, out / groups, *kernel)."""
        first, second = self.out_channels, self.in_channels
        if self.transposed:
            first, second = second, first
        return (first, second // self.groups, *self.kernel_size)

    def pad_sides(self) -> tuple[int, ...]:
        """What `F.pad` is to add: both sides of each dimension, the last dimension first."""
        if self.padding == "valid":
            return (0,) * (2 * self.ndim)
        if self.padding == "same":
            totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            sides = [(t // 2, t - t // 2) for t in totals]
        else:
            sides = [(p, p) for p in self.padding]
        return tuple(n for side in reversed(sides) for n in side)

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        reset_weight_and_bias(self.weight, self.bias)

    def convolve(self, function: Any, input: Tensor) -> Tensor:
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._pad_sides, mode=self.padding_mode)
            padding = 0
        return function(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )

    def extra_repr(self) -> str:
        zeros = (0,) * self.ndim
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"]
        parts.append(f"stride={self.stride}")
        if self.padding != zeros:
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * self.ndim:
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != zeros:
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class Convolution(ConvNd):
    """z[o] = b[o] + Σᵢ W[o, i] ⋆ x[i], the kernel sliding over the input."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            0,
            groups,
            bias,
            padding_mode,
            dtype,
        )


class Conv1d(Convolution):
    """Convolution along a line: (N, in, L) → (N, out, L'); the batch dimension may be missing."""

    ndim = 1

    def forward(self, input: Tensor) -> Tensor:
        return self.convolve(F.conv1d, input)


class Conv2d(Convolution):
    """Convolution over a plane: (N, in, H, W) → (N, out, H', W'); the batch may be missing.

    H' = ⌊(H + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1, W' alike.
    """

    ndim = 2

    def forward(self, input: Tensor) -> Tensor:
        return self.convolve(F.conv2d, input)


class Conv3d(Convolution):
    """Convolution in space: (N, in, D, H, W) → (N, out, D', H', W'); the batch may be missing."""

    ndim = 3

    def forward(self, input: Tensor) -> Tensor:
        return self.convolve(F.conv3d, input)


class TransposedConvolution(ConvNd):
    """The gradient of a convolution with respect to its input, as a layer: it enlarges."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ArgumentError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            output_padding,
            groups,
            bias,
            padding_mode,
            dtype,
        )

    def convolve_transposed(self, function: Any, input: Tensor, output_size: Any) -> Tensor:
        extra = self.output_padding
        if output_size is not None:
            extra = self.output_padding_for(input, list(output_size))
        return function(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            extra,
            self.groups,
            self.dilation,
        )

    def output_padding_for(self, input: Tensor, output_size: list[int]) -> tuple[int, ...]:
        """The padding on one side that makes the result as large as asked."""
        n = self.ndim
        lead = input.ndim - n
        if len(output_size) == lead + n:
            output_size = output_size[lead:]
        if len(output_size) != n:
            raise ArgumentError(
                f"{type(self).__name__}: for {input.ndim}D input, output_size must have {n} or "
                f"{lead + n} elements (got {len(output_size)})"
            )
        smallest = [
            (input.shape[lead + d] - 1) * self.stride[d]
            - 2 * self.padding[d]
            + self.dilation[d] * (self.kernel_size[d] - 1)
            + 1
            for d in range(n)
        ]
        largest = [low + step - 1 for low, step in zip(smallest, self.stride, strict=True)]
        if any(
            not a <= size <= b for size, a, b in zip(output_size, smallest, largest, strict=True)
        ):
            raise ArgumentError(
                f"requested an output size of {output_size}, but valid sizes range from {smallest} "
                f"to {largest} (for an input of {list(input.shape[lead:])})"
            )
        return tuple(size - low for size, low in zip(output_size, smallest, strict=True))


class ConvTranspose1d(TransposedConvolution):
    """Transposed convolution along a line: (N, in, L) → (N, out, L')."""

    ndim = 1

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        return self.convolve_transposed(F.conv_transpose1d, input, output_size)


class ConvTranspose2d(TransposedConvolution):
    """Transposed convolution over a plane: (N, in, H, W) → (N, out, H', W').

    H' = (H − 1)·stride − 2·padding + dilation·(kernel − 1) + output_padding + 1, W' alike.
    """

    ndim = 2

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        return self.convolve_transposed(F.conv_transpose2d, input, output_size)


class ConvTranspose3d(TransposedConvolution):
    """Transposed convolution in space: (N, in, D, H, W) → (N, out, D', H', W')."""

    ndim = 3

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        return self.convolve_transposed(F.conv_transpose3d, input, output_size)


class LazyConvolution(LazyModuleMixin, ConvNd):
    """Learns `in_channels` from the first input."""

    def __init__(self, out_channels: int, kernel_size: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(0, 0, kernel_size, *args, **kwargs)
        dtype = kwargs.get("dtype")
        self.out_channels = out_channels
        wants_bias = self.bias is not None
        self.weight = UninitializedParameter(dtype=dtype)
        self.bias = UninitializedParameter(dtype=dtype) if wants_bias else None

    def reset_parameters(self) -> None:
        if not is_lazy(self.weight) and self.in_channels:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Give the parameters their shapes from the input's channels, and first values."""
        n = self.ndim
        if input.ndim not in (n + 1, n + 2):
            raise ShapeError(
                f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to "
                f"{type(self).__name__}, but got input of size: {list(input.shape)}"
            )
        self.in_channels = input.shape[-n - 1]
        self.check_arguments()
        materialize(self.weight, self.weight_shape())
        materialize(self.bias, (self.out_channels,))
        self.reset_parameters()


class LazyConv1d(LazyConvolution, Conv1d):
    """`Conv1d` that learns `in_channels` from its first input."""

    becomes = Conv1d


class LazyConv2d(LazyConvolution, Conv2d):
    """`Conv2d` that learns `in_channels` from its first input."""

    becomes = Conv2d


class LazyConv3d(LazyConvolution, Conv3d):
    """`Conv3d` that learns `in_channels` from its first input."""

    becomes = Conv3d


class LazyConvTranspose1d(LazyConvolution, ConvTranspose1d):
    """`ConvTranspose1d` that learns `in_channels` from its first input."""

    becomes = ConvTranspose1d


class LazyConvTranspose2d(LazyConvolution, ConvTranspose2d):
    """`ConvTranspose2d` that learns `in_channels` from its first input."""

    becomes = ConvTranspose2d


class LazyConvTranspose3d(LazyConvolution, ConvTranspose3d):
    """`ConvTranspose3d` that learns `in_channels` from its first input."""

    becomes = ConvTranspose3d
