"""Activations: what bends a straight line between two layers.

Those with a kink have the derivative of the side that PyTorch chooses. With `inplace=True` the
result is written into the input.
"""

from __future__ import annotations

import math
from typing import Any

from sangja.backend.generator import default_generator
from sangja.backend.native import pointwise
from sangja.core.errors import ArgumentError, DivisionError, ShapeError
from sangja.core.shapes import normalize_dim
from sangja.engine import Primitive, Tensor, apply, inplace as write_into, named, unary
from sangja.ops.arguments import as_tensor, numpy_names
from sangja.ops.elementwise import (
    absolute,
    add,
    blanked,
    choose,
    divide,
    masked,
    multiply,
    subtract,
)
from sangja.ops.exponential import exp
from sangja.ops.out import into
from sangja.ops.shape import reshape
from sangja.ops.special import erf
from sangja.ops.special_kernels import erf as erf_kernel
from sangja.ops.trigonometry import tanh

ROOT_HALF = math.sqrt(0.5)
GELU_SCALE = math.sqrt(2 / math.pi)
GELU_CUBIC = 0.044715


def activate(primitive: type[Primitive], x: Any, inplace: bool, **static: Any) -> Tensor:
    """The primitive's result, in new memory or in that of `x`."""
    if inplace:
        return write_into(primitive, primitive.__name__.lower() + "_", x, **static)
    return apply(primitive, x, **static)  # type: ignore[no-any-return]


# -- straight pieces --------------------------------------------------------------------------


class Relu(Primitive):
    """z = max(x, 0). Keeps its result alone, which the next layer keeps anyway."""

    def forward(xp, x):
        return xp.maximum(x, 0)

    def dx(g, out):
        return blanked(out <= 0, g)


class Threshold(Primitive):
    """z = x above `threshold`, else `value`"""

    def forward(xp, x, *, threshold, value):
        return xp.where(x <= threshold, x.dtype.type(value), x)

    def dx(g, x, threshold):
        return blanked(x <= threshold, g)


class LeakyRelu(Primitive):
    """z = x above 0, slope · x below"""

    def forward(xp, x, *, slope):
        return xp.where(x > 0, x, x * slope)

    def dx(g, x, slope):
        return choose(x > 0, g, g * slope)


class RandomSlopes(Primitive):
    """z = 1 above 0, uniform in [lower, upper) below; from the default generator"""

    def forward(xp, x, *, lower, upper):
        z = xp.ones_like(x)
        below = x <= 0
        z[below] = default_generator.uniform((int(below.sum()),), lower, upper, xp.float64)
        return z


class Prelu(Primitive):
    """z = x above 0, weight · x below"""

    grad_name = "PreluKernelBackward0"

    def forward(xp, x, weight):
        return xp.where(x > 0, x, x * weight)

    def dx(g, x, weight):
        return choose(x > 0, g, g * weight)

    def dweight(g, x):
        return blanked(x > 0, g * x)


class Hardtanh(Primitive):
    """z = x within [low, high], else the nearer end"""

    def forward(xp, x, *, low, high):
        return xp.minimum(xp.maximum(x, low), high)

    def dx(g, x, low, high):
        return masked((x > low) & (x < high), g)


class Hardsigmoid(Primitive):
    """z = min(max(x + 3, 0), 6) / 6"""

    def forward(xp, x):
        return xp.minimum(xp.maximum(x + 3, 0), 6) / 6

    def dx(g, x):
        return masked((x > -3) & (x < 3), g / 6)


class Hardswish(Primitive):
    """z = x · min(max(x + 3, 0), 6) / 6"""

    def forward(xp, x):
        return x * xp.minimum(xp.maximum(x + 3, 0), 6) / 6

    def dx(g, x):
        return choose(x <= -3, 0, choose(x >= 3, g, g * (x / 3 + 0.5)))


class Hardshrink(Primitive):
    """z = x outside [−λ, λ], else 0"""

    def forward(xp, x, *, lambd):
        return xp.where((x >= -lambd) & (x <= lambd), 0, x)

    def dx(g, x, lambd):
        return masked((x < -lambd) | (x > lambd), g)


class Softshrink(Primitive):
    """z = x moved towards 0 by λ, and 0 within [−λ, λ]"""

    def forward(xp, x, *, lambd):
        return x - xp.minimum(xp.maximum(x, -lambd), lambd)

    def dx(g, x, lambd):
        return masked((x < -lambd) | (x > lambd), g)


def relu(input: Any, inplace: bool = False) -> Tensor:
    """z = max(x, 0); its derivative at 0 is 0.

    >>> import sangja
    >>> sangja.relu(sangja.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return activate(Relu, input, True) if inplace else unary(Relu, input)


def relu6(input: Any, inplace: bool = False) -> Tensor:
    """z = min(max(x, 0), 6)."""
    return hardtanh(input, 0.0, 6.0, inplace)


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """z = x above `threshold`, else `value`."""
    return activate(Threshold, input, inplace, threshold=threshold, value=value)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """z = x above 0, slope · x below."""
    return activate(LeakyRelu, input, inplace, slope=negative_slope)


def prelu(input: Any, weight: Any) -> Tensor:
    """z = x above 0, weight · x below; one learned weight, or one per channel (dimension 1).

    Raises `ShapeError` for a weight that is neither.
    """
    x, w = as_tensor(input), as_tensor(weight, "weight")
    if w.ndim > 1:
        raise ShapeError(
            f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {w.ndim}"
        )
    if w.array.size != 1:
        if not x.ndim:
            raise ShapeError("prelu: Not allow zero-dim input tensor with several weights.")
        channels = x.shape[1] if x.ndim > 1 else 1
        if channels != w.array.size:
            raise ShapeError(
                "prelu: Mismatch of parameter numbers and input channel size. Found parameter "
                f"numbers = {w.array.size} and channel size = {channels}: `weight` needs one "
                "number, or one for each channel (dimension 1 of the input)."
            )
    if x.array.dtype != w.array.dtype:
        raise ShapeError(f"prelu: Type promoting not supported. Got {x.dtype} and {w.dtype}")
    aligned = (-1,) + (1,) * (x.ndim - 2) if x.ndim > 1 else (1,) * x.ndim
    return apply(Prelu, x, reshape(w, aligned))  # type: ignore[no-any-return]


def rrelu(
    input: Any,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """z = x above 0, slope · x below; in training each slope is drawn from [lower, upper), as
    PyTorch draws it with the same seed, else it is their mean (Xu et al., 2015).

    Raises `ShapeError` if the bounds are crossed.
    """
    if lower > upper:
        raise ShapeError(
            f"rrelu: lower bound should be less than or equal to the upper bound, but got {lower} "
            f"and {upper}"
        )
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    slopes = apply(RandomSlopes, input, lower=lower, upper=upper)
    return input.mul_(slopes) if inplace else multiply(input, slopes)


def hardtanh(
    input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """z = x within [min_val, max_val], else the nearer end. Raises `ArgumentError` if crossed."""
    if min_val > max_val:
        raise ArgumentError(
            f"hardtanh: min_val cannot be greater than max_val, but got {min_val} and {max_val}"
        )
    return activate(Hardtanh, input, inplace, low=min_val, high=max_val)


def hardsigmoid(input: Any, inplace: bool = False) -> Tensor:
    """z = min(max(x + 3, 0), 6) / 6, sigmoid in three straight pieces."""
    return activate(Hardsigmoid, input, inplace)


def hardswish(input: Any, inplace: bool = False) -> Tensor:
    """z = x · min(max(x + 3, 0), 6) / 6 (Howard et al., Searching for MobileNetV3, 2019)."""
    return activate(Hardswish, input, inplace)


def hardshrink(input: Any, lambd: float = 0.5) -> Tensor:
    """z = x outside [−λ, λ], else 0."""
    return apply(Hardshrink, input, lambd=lambd)  # type: ignore[no-any-return]


def softshrink(input: Any, lambd: float = 0.5) -> Tensor:
    """z = x moved towards 0 by λ, and 0 within [−λ, λ]. Raises `ShapeError` for λ < 0."""
    if lambd < 0:
        raise ShapeError(
            f"softshrink: lambda must be greater or equal to 0, but found to be {lambd}"
        )
    return apply(Softshrink, input, lambd=lambd)  # type: ignore[no-any-return]


# -- curves -----------------------------------------------------------------------------------


class Sigmoid(Primitive):
    """z = 1 / (1 + e⁻ˣ)"""

    floats = True

    def forward(xp, x):
        return 1 / (1 + xp.exp(-x))

    def dx(g, out):
        return g * ((1 - out) * out)


class LogSigmoid(Primitive):
    """z = −ln(1 + e⁻ˣ)"""

    def forward(xp, x):
        return xp.minimum(x, 0) - xp.log1p(xp.exp(-xp.abs(x)))

    def dx(g, x):
        return g * sigmoid(-x)


class Softplus(Primitive):
    """z = ln(1 + exp(βx)) / β, and x where βx > threshold"""

    def forward(xp, x, *, beta, threshold):
        scaled = x * beta
        curve = xp.log1p(xp.exp(xp.minimum(scaled, threshold))) / beta
        return xp.where(scaled > threshold, x, curve)

    def dx(g, x, beta, threshold):
        scaled = x * beta
        return choose(scaled > threshold, g, g * sigmoid(scaled))


class Elu(Primitive):
    """z = scale · x above 0, scale · α (exp(x · rate) − 1) below"""

    def forward(xp, x, *, alpha, scale, rate):
        below = xp.expm1(xp.minimum(x, 0) * rate) * (alpha * scale)
        return xp.where(x <= 0, below, x if scale == 1 else x * scale)

    def dx(g, x, alpha, scale, rate):
        slope = exp(relu(-x) * -rate) * (alpha * scale * rate)
        return choose(x <= 0, g * slope, g * scale)


class Celu(Elu):
    """z = x above 0, α (exp(x / α) − 1) below"""


class Gelu(Primitive):
    """z = x Φ(x), Φ being the normal distribution: ½ x (1 + erf(x / √2))"""

    def forward(xp, x):
        made = pointwise.gelu(x)
        return x * (0.5 * (1 + erf_kernel(x * ROOT_HALF))) if made is None else made

    def dx(g, x):
        made = pointwise.gelu_gradient(g, x)
        if made is not None:
            return made
        below = 0.5 * (1 + erf(x * ROOT_HALF))
        density = exp(x * x * -0.5) * (ROOT_HALF / math.sqrt(math.pi))
        return g * (below + x * density)


class GeluTanh(Primitive):
    """z = ½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))"""

    grad_name = "GeluBackward0"

    def forward(xp, x):
        return 0.5 * x * (1 + xp.tanh(GELU_SCALE * (x + GELU_CUBIC * (x * x * x))))

    def dx(g, x):
        square = x * x
        bend = tanh(GELU_SCALE * (x + GELU_CUBIC * (square * x)))
        slope = GELU_SCALE * (1 + 3 * GELU_CUBIC * square)
        return g * (0.5 * (1 + bend) + 0.5 * x * (1 - bend * bend) * slope)


class Silu(Primitive):
    """z = x · sigmoid(x)"""

    def forward(xp, x):
        return x / (1 + xp.exp(-x))

    def dx(g, x):
        s = sigmoid(x)
        return g * (s * (1 + x * (1 - s)))


class Mish(Primitive):
    """z = x · tanh(ln(1 + eˣ))"""

    def forward(xp, x):
        return x * xp.tanh(xp.logaddexp(x, x.dtype.type(0)))

    def dx(g, x):
        t = tanh(softplus(x))
        return g * (t + x * sigmoid(x) * (1 - t * t))


def sigmoid(input: Any, *, out: Any = None) -> Tensor:
    """z = 1 / (1 + e⁻ˣ)."""
    if out is not None:
        return into(out, sigmoid(input))
    return unary(Sigmoid, input)


def logsigmoid(input: Any) -> Tensor:
    """z = −ln(1 + e⁻ˣ), the logarithm of sigmoid, without overflow."""
    return unary(LogSigmoid, input)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """z = ln(1 + exp(βx)) / β, and x itself where βx > threshold."""
    return apply(Softplus, input, beta=beta, threshold=threshold)  # type: ignore[no-any-return]


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """z = x above 0, α (eˣ − 1) below (Clevert et al., 2015)."""
    return activate(Elu, input, inplace, alpha=alpha, scale=1.0, rate=1.0)


def selu(input: Any, inplace: bool = False) -> Tensor:
    """z = λ · elu(x, α) with the λ and α that keep mean 0 and variance 1 (Klambauer et al.,
    Self-Normalizing Neural Networks, 2017)."""
    alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
    return activate(Elu, input, inplace, alpha=alpha, scale=scale, rate=1.0)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """z = x above 0, α (exp(x / α) − 1) below: smooth for every α but 0 (`DivisionError`)."""
    if alpha == 0:
        raise DivisionError("celu: ZeroDivisionError: alpha cannot be 0 for CELU; elu takes 0")
    return activate(Celu, input, inplace, alpha=alpha, scale=1.0, rate=1 / alpha)


def gelu(input: Any, approximate: str = "none") -> Tensor:
    """z = x Φ(x), Φ being the normal distribution; with `approximate="tanh"`
    ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))) (Hendrycks & Gimpel, 2016).

    Raises `ShapeError` for another name.
    """
    if approximate not in ("none", "tanh"):
        raise ShapeError(
            f"gelu: approximate argument must be either none or tanh, got {approximate!r}"
        )
    return unary(Gelu if approximate == "none" else GeluTanh, input)


def silu(input: Any, inplace: bool = False) -> Tensor:
    """z = x · sigmoid(x), also known as swish."""
    return activate(Silu, input, inplace)


def mish(input: Any, inplace: bool = False) -> Tensor:
    """z = x · tanh(ln(1 + eˣ)) (Misra, 2019)."""
    return activate(Mish, input, inplace)


def softsign(input: Any) -> Tensor:
    """z = x / (1 + |x|)."""
    return divide(input, add(absolute(input), 1))


def tanhshrink(input: Any) -> Tensor:
    """z = x − tanh x."""
    return subtract(input, tanh(input))


# -- gated ------------------------------------------------------------------------------------


@numpy_names
def glu(input: Any, dim: int = -1) -> Tensor:
    """z = a · sigmoid(b), a and b being the halves of x along `dim` (Dauphin et al., 2016).

    Raises `ShapeError` for a scalar or an odd size.
    """
    if not input.ndim:
        raise ShapeError("glu does not support 0-dimensional tensors")
    dim = normalize_dim(dim, input.ndim)
    size = input.shape[dim]
    if size % 2:
        raise ShapeError(f"glu: Halving dimension must be even, but dimension {dim} is size {size}")
    before = (slice(None),) * dim
    half = size // 2
    z = input[(*before, slice(None, half))] * sigmoid(input[(*before, slice(half, None))])
    return named(z, "GluBackward0")
