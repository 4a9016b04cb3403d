"""First values of parameters: the initialisers, in place, unrecorded, PyTorch's numbers.

fan_in and fan_out are the numbers of inputs and outputs that a weight (out, in, *kernel) connects:
in · ∏kernel and out · ∏kernel.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from sangja.backend.generator import Generator, default_generator
from sangja.core.errors import ArgumentError
from sangja.engine import Tensor, wrap
from sangja.engine.inplace import overwritten
from sangja.nn.parameter import is_lazy

F = TypeVar("F", bound=Callable[..., Any])
SELF_NORMALIZING = 3.0 / 4
GAINS = {"sigmoid": 1.0, "tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": SELF_NORMALIZING}
LINEAR = {"linear", "conv1d", "conv2d", "conv3d"}
LINEAR |= {"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}


def calculate_gain(nonlinearity: str, param: Any = None) -> float:
    """What to multiply the standard deviation by so that signals keep their size through a
    nonlinearity: 1 for linear and sigmoid, 5/3 for tanh, √2 for relu, √(2 / (1 + slope²)) for
    leaky_relu (`param` is the slope, 0.01 by default), 3/4 for selu.

    >>> calculate_gain("leaky_relu", 1.0)
    1.0
    """
    if nonlinearity in LINEAR:
        return 1.0
    if nonlinearity in GAINS:
        return GAINS[nonlinearity]
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ArgumentError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    raise ArgumentError(f"Unsupported nonlinearity {nonlinearity}")


def fans(tensor: Tensor) -> tuple[int, int]:
    """fan_in and fan_out of a weight."""
    shape = tensor.array.shape
    if len(shape) < 2:
        raise ArgumentError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions, got "
            f"{list(shape)}; for a bias use zeros_ or uniform_"
        )
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


_calculate_fan_in_and_fan_out = fans


def fan(tensor: Tensor, mode: str) -> int:
    modes = ("fan_in", "fan_out")
    if mode.lower() not in modes:
        raise ArgumentError(f"Mode {mode} not supported, please use one of {list(modes)}")
    return fans(tensor)[modes.index(mode.lower())]


def fill(tensor: Tensor, value: Any, name: str) -> Tensor:
    """Write a number or an array into a tensor's memory, unrecorded."""
    tensor.array[...] = value
    return overwritten(tensor, name)


def nothing_to_do(tensor: Tensor) -> bool:
    if 0 in tensor.array.shape and not is_lazy(tensor):
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return True
    return False


def source(generator: Any) -> Generator:
    """The generator to draw from: the default one unless given."""
    return default_generator if generator is None else generator


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """tensor ~ U(a, b)"""
    array = tensor.array
    return fill(tensor, source(generator).uniform(array.shape, a, b, array.dtype), "uniform_")


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """tensor ~ N(mean, std²)"""
    array = tensor.array
    drawn = source(generator).normal(
        array.shape, mean, std, array.dtype, contiguous=array.flags.c_contiguous
    )
    return fill(tensor, drawn, "normal_")


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Tensor:
    """tensor ~ N(mean, std²) cut off outside [a, b]"""
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )
    array = tensor.array
    drawn = source(generator).trunc_normal(array.shape, mean, std, a, b, array.dtype)
    return fill(tensor, drawn, "trunc_normal_")


def constant_(tensor: Tensor, val: float) -> Tensor:
    """tensor = val"""
    return fill(tensor, val, "constant_")


def ones_(tensor: Tensor) -> Tensor:
    """tensor = 1"""
    return fill(tensor, 1, "ones_")


def zeros_(tensor: Tensor) -> Tensor:
    """tensor = 0"""
    return fill(tensor, 0, "zeros_")


def eye_(tensor: Tensor) -> Tensor:
    """tensor = I, the identity matrix (rectangular too)"""
    if tensor.array.ndim != 2:
        raise ArgumentError("Only tensors with 2 dimensions are supported")
    return fill(tensor, np.eye(*tensor.array.shape), "eye_")


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution weight of 3 to 5 dimensions that passes each channel on unchanged."""
    array = tensor.array
    if array.ndim not in (3, 4, 5):
        raise ArgumentError("Only tensors with 3, 4, or 5 dimensions are supported")
    if array.shape[0] % groups:
        raise ArgumentError("dim 0 must be divisible by groups")
    per_group = array.shape[0] // groups
    value = np.zeros_like(array)
    centre = tuple(n // 2 for n in array.shape[2:])
    for group in range(groups):
        for channel in range(min(per_group, array.shape[1])):
            value[(group * per_group + channel, channel, *centre)] = 1
    return fill(tensor, value, "dirac_")


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """tensor ~ U(-a, a), a = gain · √(6 / (fan_in + fan_out)). Glorot and Bengio, 2010."""
    std = gain * math.sqrt(2.0 / float(sum(fans(tensor))))
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """tensor ~ N(0, std²), std = gain · √(2 / (fan_in + fan_out)). Glorot and Bengio, 2010."""
    std = gain * math.sqrt(2.0 / float(sum(fans(tensor))))
    return normal_(tensor, 0.0, std, generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """tensor ~ U(-b, b), b = gain · √(3 / fan). He et al., 2015. `a` is leaky_relu's slope."""
    if nothing_to_do(tensor):
        return tensor
    count = fan(tensor, mode)
    std = calculate_gain(nonlinearity, a) / math.sqrt(count)
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """tensor ~ N(0, std²), std = gain / √fan. He et al., 2015. `a` is leaky_relu's slope."""
    if nothing_to_do(tensor):
        return tensor
    count = fan(tensor, mode)
    std = calculate_gain(nonlinearity, a) / math.sqrt(count)
    return normal_(tensor, 0, std, generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """A (semi-)orthogonal matrix, from the QR decomposition of a normal one; further dimensions
    count as columns. Saxe et al., 2013."""
    array = tensor.array
    if array.ndim < 2:
        raise ArgumentError("Only tensors with 2 or more dimensions are supported")
    if not array.size:
        return tensor
    rows = array.shape[0]
    flat = normal_(wrap(np.empty((rows, array.size // rows), array.dtype)), 0, 1, generator).array
    q, r = np.linalg.qr(flat.T if rows < flat.shape[1] else flat)
    q *= np.sign(np.diag(r))  # makes the distribution uniform (Mezzadri, 2007)
    q = q.T if rows < flat.shape[1] else q
    return fill(tensor, q.reshape(array.shape) * gain, "orthogonal_")


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """tensor ~ N(0, std²) with a share `sparsity` of every column zero. Martens, 2010."""
    if tensor.array.ndim != 2:
        raise ArgumentError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.array.shape
    zeros = math.ceil(sparsity * rows)
    normal_(tensor, 0, std, generator)
    for column in range(columns):
        tensor.array[default_generator.permutation(rows)[:zeros], column] = 0
    return overwritten(tensor, "sparse_")


# -- the names before the underscore ------------------------------------------------------------


def without_underscore(function: F) -> F:
    """The function under the name it had before PyTorch 0.4, with a warning."""
    name = function.__name__

    @functools.wraps(function)
    def old(*args: Any, **kwargs: Any) -> Any:
        warnings.warn(
            f"`nn.init.{name[:-1]}` is now deprecated in favor of `nn.init.{name}`.",
            FutureWarning,
            stacklevel=2,
        )
        return function(*args, **kwargs)

    old.__name__ = old.__qualname__ = name[:-1]
    old.__doc__ = f"`{name}` under the name it had before."
    return old  # type: ignore[return-value]


uniform = without_underscore(uniform_)
normal = without_underscore(normal_)
constant = without_underscore(constant_)
eye = without_underscore(eye_)
dirac = without_underscore(dirac_)
xavier_uniform = without_underscore(xavier_uniform_)
xavier_normal = without_underscore(xavier_normal_)
kaiming_uniform = without_underscore(kaiming_uniform_)
kaiming_normal = without_underscore(kaiming_normal_)
orthogonal = without_underscore(orthogonal_)
sparse = without_underscore(sparse_)
