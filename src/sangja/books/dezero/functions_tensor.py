"""Functions of one array and of its shape, products, activations."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.books.dezero import utils
from sangja.books.dezero.core import Function, Operation, Variable, as_variable
from sangja.core.errors import ArgumentTypeError
from sangja.engine import Tensor, apply, structure
from sangja.engine.structure import Cast
from sangja.ops import (
    activation,
    comparison,
    elementwise,
    exponential,
    join,
    linalg,
    reduce,
    shape as shapes,
    trigonometry,
)

Shape = tuple[int, ...]


def alike(*tensors: Any) -> list[Tensor]:
    """Tensors brought to the widest of their dtypes, as NumPy does."""
    dtype = np.result_type(*(t.array.dtype for t in tensors))
    return [t if t.array.dtype == dtype else apply(Cast, t, dtype=dtype) for t in tensors]


# -- elementary functions (steps 27, 33–36) ---------------------------------------------------


class Sin(Operation):
    """y = sin x"""

    makes_floats = True

    def compute(self, x: Any) -> Tensor:
        return trigonometry.sin(x)


class Cos(Operation):
    """y = cos x"""

    makes_floats = True

    def compute(self, x: Any) -> Tensor:
        return trigonometry.cos(x)


class Tanh(Operation):
    """y = tanh x"""

    makes_floats = True

    def compute(self, x: Any) -> Tensor:
        return trigonometry.tanh(x)


class Exp(Operation):
    """y = eˣ"""

    makes_floats = True

    def compute(self, x: Any) -> Tensor:
        return exponential.exp(x)


class Log(Operation):
    """y = ln x"""

    makes_floats = True

    def compute(self, x: Any) -> Tensor:
        return exponential.log(x)


def sin(x: Any) -> Variable:
    """y = sin x"""
    return Sin()(x)


def cos(x: Any) -> Variable:
    """y = cos x"""
    return Cos()(x)


def tanh(x: Any) -> Variable:
    """y = tanh x"""
    return Tanh()(x)


def exp(x: Any) -> Variable:
    """y = eˣ"""
    return Exp()(x)


def log(x: Any) -> Variable:
    """y = ln x"""
    return Log()(x)


# -- shape and elements (steps 38, 47) --------------------------------------------------------


class Reshape(Operation):
    """y = x in another shape"""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def compute(self, x: Any) -> Tensor:
        return shapes.reshape(x, self.shape)


class Transpose(Operation):
    """y = x with its axes in another order, reversed by default"""

    def __init__(self, axes: Shape | None = None) -> None:
        self.axes = axes

    def compute(self, x: Any) -> Tensor:
        axes = range(x.ndim)[::-1] if self.axes is None else self.axes
        return shapes.permute(x, tuple(int(a) for a in axes))


class GetItem(Function):
    """y = x[slices], with everything that NumPy can index with; what is picked several times gets
    the sum of its gradients"""

    def __init__(self, slices: Any) -> None:
        self.slices = slices

    def forward(self, x: Any) -> Any:
        return x[self.slices]

    def backward(self, gy: Variable) -> Variable:
        return GetItemGrad(self.slices, self.inputs[0].shape)(gy)


class GetItemGrad(Function):
    """y = zeros of `in_shape`, to which gy is added at `slices`"""

    def __init__(self, slices: Any, in_shape: Shape) -> None:
        self.slices = slices
        self.in_shape = in_shape

    def forward(self, gy: Any) -> Any:
        gx = np.zeros(self.in_shape, gy.dtype)
        np.add.at(gx, self.slices, gy)
        return gx

    def backward(self, ggx: Variable) -> Variable:
        return get_item(ggx, self.slices)


def reshape(x: Any, shape: Any) -> Variable:
    """y = x in the given shape; `x` itself where it has it."""
    x = as_variable(x)
    return x if x.shape == shape else Reshape(shape)(x)


def transpose(x: Any, axes: Shape | None = None) -> Variable:
    """y = x with its axes in the given order, reversed without one."""
    return Transpose(axes)(x)


def get_item(x: Any, slices: Any) -> Variable:
    """y = x[slices]"""
    return GetItem(plain_index(slices))(x)


def plain_index(slices: Any) -> Any:
    """An index with the arrays of the Variables in it."""
    if isinstance(slices, tuple):
        return tuple(map(plain_index, slices))
    return slices.data if isinstance(slices, Variable) else slices


def expand_dims(x: Any, axis: int) -> Variable:
    """y = x with a new axis of size 1."""
    x = as_variable(x)
    shape = list(x.shape)
    shape.insert(axis if axis >= 0 else axis + len(shape) + 1, 1)
    return reshape(x, tuple(shape))


def flatten(x: Any) -> Variable:
    """y = x as a matrix of one row per sample: (N, …) → (N, D)."""
    return reshape(x, (x.shape[0], -1))


class Concat(Operation):
    """y = the inputs one after the other along `axis`"""

    def __init__(self, axis: int = 0) -> None:
        self.axis = axis

    def compute(self, *xs: Any) -> Tensor:
        return join.cat(alike(*xs), self.axis)


def concat(*xs: Any, axis: int = 0) -> Variable:
    """y = the inputs one after the other along `axis` (not in the book; `SqueezeNet` needs it)."""
    return Concat(axis)(*xs)


# -- sums (steps 39, 40) ----------------------------------------------------------------------


class Sum(Operation):
    """y = Σ x over `axis`"""

    def __init__(self, axis: Any, keepdims: bool) -> None:
        self.axis = axis
        self.keepdims = keepdims

    def compute(self, x: Any) -> Tensor:
        return reduce.sum(x, self.axis, self.keepdims)


class SumTo(Operation):
    """y = x summed to `shape`, from which it could have been broadcast"""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def compute(self, x: Any) -> Tensor:
        return structure.sum_to(x, self.shape)


class BroadcastTo(Operation):
    """y = x repeated to `shape`"""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def compute(self, x: Any) -> Tensor:
        return structure.broadcast_to(x, self.shape)


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """y = Σ x over `axis` (an int, a tuple, or None for all)."""
    return Sum(axis, keepdims)(x)


def sum_to(x: Any, shape: Shape) -> Variable:
    """y = x summed to `shape`: the reverse of broadcasting."""
    x = as_variable(x)
    return x if x.shape == shape else SumTo(shape)(x)


def broadcast_to(x: Any, shape: Shape) -> Variable:
    """y = x repeated to `shape`."""
    x = as_variable(x)
    return x if x.shape == shape else BroadcastTo(shape)(x)


def average(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """y = the mean of x over `axis`."""
    x = as_variable(x)
    y = sum(x, axis, keepdims)
    return y * (y.size / x.size)


mean = average


# -- products (steps 41, 43) ------------------------------------------------------------------


class MatMul(Operation):
    """y = x W"""

    def compute(self, x: Any, W: Any) -> Tensor:
        return linalg.matmul(*alike(x, W))


class Linear(Operation):
    """y = x W + b"""

    def compute(self, x: Any, W: Any, b: Any = None) -> Tensor:
        y = linalg.matmul(*alike(x, W))
        return y if b is None else elementwise.add(y, b)


def matmul(x: Any, W: Any) -> Variable:
    """y = x W"""
    return MatMul()(x, W)


def linear(x: Any, W: Any, b: Any = None) -> Variable:
    """y = x W + b: x (…, in), W (in, out), b (out,) → (…, out)."""
    return Linear()(x, W) if b is None else Linear()(x, W, b)


def linear_simple(x: Any, W: Any, b: Any = None) -> Variable:
    """`linear` of two functions; the array between them is given up."""
    t = matmul(x, W)
    if b is None:
        return t
    y = t + b
    t.data = None
    return y


# -- activations (steps 43, 47) ---------------------------------------------------------------


class Sigmoid(Operation):
    """y = 1 / (1 + e⁻ˣ)"""

    makes_floats = True

    def compute(self, x: Any) -> Tensor:
        return activation.sigmoid(x)


class ReLU(Operation):
    """y = max(x, 0)"""

    def compute(self, x: Any) -> Tensor:
        return activation.relu(x)


class LeakyReLU(Operation):
    """y = x above 0, slope · x below"""

    makes_floats = True

    def __init__(self, slope: float) -> None:
        self.slope = slope

    def compute(self, x: Any) -> Tensor:
        return activation.leaky_relu(x, self.slope)


def sigmoid_simple(x: Any) -> Variable:
    """y = 1 / (1 + e⁻ˣ), of several functions."""
    return 1 / (1 + exp(-as_variable(x)))


def sigmoid(x: Any) -> Variable:
    """y = 1 / (1 + e⁻ˣ)"""
    return Sigmoid()(x)


def relu(x: Any) -> Variable:
    """y = max(x, 0)"""
    return ReLU()(x)


def leaky_relu(x: Any, slope: float = 0.2) -> Variable:
    """y = x above 0, slope · x below."""
    return LeakyReLU(slope)(x)


# -- largest, smallest, between ---------------------------------------------------------------


class Max(Function):
    """y = the largest x along `axis`; every one of several equals gets the whole gradient"""

    def __init__(self, axis: Any = None, keepdims: bool = False) -> None:
        self.axis = axis
        self.keepdims = keepdims

    def forward(self, x: Any) -> Any:
        return x.max(axis=self.axis, keepdims=self.keepdims)

    def backward(self, gy: Variable) -> Variable:
        (x,) = self.inputs
        shape = utils.max_backward_shape(x, self.axis)
        y = self.forward(x.data).reshape(shape)
        return broadcast_to(reshape(gy, shape), x.shape) * (x.data == y).astype(gy.dtype)


class Min(Max):
    """y = the smallest x along `axis`; every one of several equals gets the whole gradient"""

    def forward(self, x: Any) -> Any:
        return x.min(axis=self.axis, keepdims=self.keepdims)


class Clip(Operation):
    """y = x, but at least `x_min` and at most `x_max`"""

    def __init__(self, x_min: float, x_max: float) -> None:
        self.x_min = x_min
        self.x_max = x_max

    def compute(self, x: Any) -> Tensor:
        return comparison.clamp(x, self.x_min, self.x_max)


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """y = the largest x along `axis`."""
    return Max(axis, keepdims)(x)


def min(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """y = the smallest x along `axis`."""
    return Min(axis, keepdims)(x)


def clip(x: Any, x_min: float, x_max: float) -> Variable:
    """y = x, but at least `x_min` and at most `x_max`."""
    return Clip(x_min, x_max)(x)


def embed_id(x: Any, W: Any) -> Variable:
    """y = the rows of W with the numbers x: (N,), (V, D) → (N, D)."""
    return as_variable(W)[x]


# -- methods of Variable ----------------------------------------------------------------------


def reshape_method(self: Variable, *shape: Any) -> Variable:
    """`x.reshape(2, 3)`, `x.reshape((2, 3))`"""
    return reshape(self, shape_of(shape))


def transpose_method(self: Variable, *axes: Any) -> Variable:
    """`x.transpose()`, `x.transpose(1, 0)`, `x.transpose((1, 0))`, `x.transpose(None)`"""
    if not axes or axes == (None,):
        return transpose(self)
    return transpose(self, shape_of(axes))


def shape_of(numbers: tuple[Any, ...]) -> Shape:
    """Integers given one by one, or as one tuple or list."""
    found = numbers[0] if len(numbers) == 1 and isinstance(numbers[0], (tuple, list)) else numbers
    if not all(isinstance(n, (int, np.integer)) for n in found):
        raise ArgumentTypeError(f"expected integers, or one tuple of integers, got {numbers}")
    return tuple(int(n) for n in found)


def setup_methods() -> None:
    """Give `Variable` the methods that are functions."""
    methods = {
        "reshape": reshape_method,
        "transpose": transpose_method,
        "T": property(transpose),
        "sum": sum,
        "matmul": matmul,
        "dot": matmul,
        "max": max,
        "min": min,
        "__getitem__": get_item,
    }
    for name, method in methods.items():
        setattr(Variable, name, method)
