"""Tensors among NumPy's functions, and memory shared with other libraries.

A NumPy function of tensors gives what it gives in PyTorch: a tensor from a ufunc (`np.sin`), an
array from most others. Where PyTorch has no answer, because a tensor requires a gradient or because
NumPy calls a method by its own arguments (`np.sum(x, axis=0)`), ours is a differentiable tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sangja.core import dtypes
from sangja.core.errors import ArgumentError, ArgumentTypeError, GradientError
from sangja.engine import Tensor, binary, wrap
from sangja.engine.inplace import copy_
from sangja.engine.tensor import version_of
from sangja.ops import (
    arrange,
    bitwise,
    comparison,
    diagonal,
    einsum,
    elementwise,
    exponential,
    extreme,
    join,
    length,
    linalg,
    reduce,
    rounding,
    scan,
    shape,
    split,
    trigonometry,
)
from sangja.ops.create import finish, from_numpy
from sangja.ops.protocols import numel, numpy

Array = np.ndarray[Any, Any]

# -- ufuncs -----------------------------------------------------------------------------------

OPERATORS = {
    "add": elementwise.Add,
    "subtract": elementwise.Subtract,
    "multiply": elementwise.Multiply,
    "divide": elementwise.Divide,
    "floor_divide": elementwise.FloorDivide,
    "remainder": elementwise.Remainder,
    "bitwise_and": bitwise.BitwiseAnd,
    "bitwise_or": bitwise.BitwiseOr,
    "bitwise_xor": bitwise.BitwiseXor,
    "left_shift": bitwise.LeftShift,
    "right_shift": bitwise.RightShift,
    "equal": comparison.Equal,
    "not_equal": comparison.NotEqual,
    "less": comparison.Less,
    "less_equal": comparison.LessEqual,
    "greater": comparison.Greater,
    "greater_equal": comparison.GreaterEqual,
}
UFUNCS: dict[str, Callable[..., Any]] = {
    "matmul": linalg.matmul,
    "power": exponential.pow,
    "float_power": exponential.float_power,
    "negative": elementwise.negative,
    "positive": elementwise.positive,
    "absolute": elementwise.absolute,
    "fabs": elementwise.absolute,
    "sign": elementwise.sign,
    "reciprocal": elementwise.reciprocal,
    "fmod": elementwise.fmod,
    "conjugate": linalg.conj,
    "rint": rounding.round,
    "radians": trigonometry.deg2rad,
    "degrees": trigonometry.rad2deg,
}
for name in ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "square", "hypot"):
    UFUNCS[name] = getattr(exponential, name)
UFUNCS |= {name: getattr(exponential, name) for name in ("logaddexp", "logaddexp2")}
for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "deg2rad", "rad2deg"):
    UFUNCS[name] = getattr(trigonometry, name)
for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh"):
    UFUNCS["arc" + name] = getattr(trigonometry, "a" + name)
UFUNCS["arctan2"] = trigonometry.atan2
for name in ("floor", "ceil", "trunc", "copysign", "heaviside"):
    UFUNCS[name] = getattr(rounding, name)
for name in ("maximum", "minimum", "fmax", "fmin"):
    UFUNCS[name] = getattr(comparison, name)


def tensors_in(values: Any) -> Iterator[Tensor]:
    """The tensors among arguments, in lists and tuples too."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from tensors_in(value)


def __array_ufunc__(input: Tensor, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    if method == "__call__" and not kwargs:
        primitive = OPERATORS.get(ufunc.__name__)
        if primitive is not None:
            return binary(primitive, *inputs)
        function = UFUNCS.get(ufunc.__name__)
        wanted = ufunc.__name__ in ("matmul", "power")  # operators as well
        if function is not None and (wanted or any(x.requires_grad for x in tensors_in(inputs))):
            return function(*(wrap(x) if isinstance(x, np.ndarray) else x for x in inputs))
    out = kwargs.get("out", ())
    arrays = [numpy(x) if isinstance(x, Tensor) else x for x in inputs]
    if any(isinstance(z, Tensor) for z in out):
        kwargs.pop("out")
        return copy_(out[0], getattr(ufunc, method)(*arrays, **kwargs))
    result = getattr(ufunc, method)(*arrays, **kwargs)
    if out or result is None or method == "outer":
        return result
    return tuple(map(as_result, result)) if isinstance(result, tuple) else as_result(result)


def as_result(value: Any) -> Any:
    """A result of NumPy's as a tensor."""
    return finish(np.asarray(value), False)


# -- functions --------------------------------------------------------------------------------


def total(function: Callable[..., Any]) -> Callable[..., Any]:
    """A reduction called with NumPy's arguments."""

    def reduced(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: Any = False) -> Any:
        return function(a, axis, bool(keepdims), dtype=dtype)

    return reduced


def spread_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """`np.std` or `np.var`, which divide by n, not by n − 1."""

    def reduced(a: Any, axis: Any = None, *, ddof: int = 0, keepdims: Any = False) -> Any:
        return function(a, axis, correction=ddof, keepdim=bool(keepdims))

    return reduced


def extreme_of(function: Callable[..., Any]) -> Callable[..., Any]:
    def reduced(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
        return function(a, () if axis is None else axis, bool(keepdims))

    return reduced


def place_of(function: Callable[..., Any]) -> Callable[..., Any]:
    def reduced(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
        return function(a, axis, bool(keepdims))

    return reduced


def running(function: Callable[..., Any]) -> Callable[..., Any]:
    def accumulated(a: Any, axis: Any = None, dtype: Any = None) -> Any:
        return function(shape.ravel(a), 0) if axis is None else function(a, axis, dtype=dtype)

    return accumulated


def transposed(a: Any, axes: Any = None) -> Any:
    return shape.permute(a, tuple(reversed(range(a.ndim))) if axes is None else axes)


def clipped(a: Any, a_min: Any = None, a_max: Any = None, **limits: Any) -> Any:
    return comparison.clamp(a, limits.get("min", a_min), limits.get("max", a_max))


def rounded(a: Any, decimals: int = 0) -> Any:
    return rounding.round(a, decimals=decimals)


def joined(arrays: Any, axis: Any = 0) -> Any:
    return join.cat([shape.ravel(a) for a in arrays] if axis is None else list(arrays), axis or 0)


def stacked(arrays: Any, axis: int = 0) -> Any:
    return join.stack(list(arrays), axis)


def flipped(m: Any, axis: Any = None) -> Any:
    return arrange.flip(m, tuple(range(m.ndim)) if axis is None else axis)


# What answers with a tensor: where PyTorch does, and where it cannot be called so.
ALWAYS: dict[Any, Callable[..., Any]] = {
    np.sum: total(reduce.sum),
    np.mean: total(reduce.mean),
    np.prod: total(reduce.prod),
    np.std: spread_of(reduce.std),
    np.var: spread_of(reduce.var),
    np.max: extreme_of(extreme.amax),
    np.min: extreme_of(extreme.amin),
    np.amax: extreme_of(extreme.amax),
    np.amin: extreme_of(extreme.amin),
    np.argmax: place_of(extreme.argmax),
    np.argmin: place_of(extreme.argmin),
    np.cumsum: running(scan.cumsum),
    np.cumprod: running(scan.cumprod),
    np.transpose: transposed,
    np.reshape: shape.reshape,
    np.squeeze: lambda a, axis=None: shape.squeeze(a, axis),
    np.swapaxes: shape.swapaxes,
    np.clip: clipped,
    np.round: rounded,
    np.size: lambda a, axis=None: numel(a) if axis is None else a.shape[axis],
}
# What answers with an array as in PyTorch, and with a tensor where one requires a gradient.
FOR_GRADIENTS: dict[Any, Callable[..., Any]] = {
    np.concatenate: joined,
    np.stack: stacked,
    np.vstack: lambda tup: join.vstack(list(tup)),
    np.hstack: lambda tup: join.hstack(list(tup)),
    np.dstack: lambda tup: join.dstack(list(tup)),
    np.where: elementwise.where,
    np.dot: lambda a, b: linalg.matmul(a, b) if np.ndim(a) and np.ndim(b) else a * b,
    np.outer: lambda a, b: linalg.outer(shape.ravel(a), shape.ravel(b)),
    np.inner: linalg.inner,
    np.tensordot: lambda a, b, axes=2: einsum.tensordot(a, b, axes),
    np.einsum: einsum.einsum,
    np.kron: join.kron,
    np.linalg.norm: lambda x, ord=None, axis=None: length.total_norm(x, ord or "fro", axis),
    np.ravel: shape.ravel,
    np.expand_dims: shape.unsqueeze,
    np.moveaxis: shape.moveaxis,
    np.broadcast_to: shape.broadcast_to,
    np.split: lambda ary, parts, axis=0: list(split.tensor_split(ary, parts, axis)),
    np.array_split: lambda ary, parts, axis=0: list(split.tensor_split(ary, parts, axis)),
    np.flip: flipped,
    np.roll: arrange.roll,
    np.tile: join.tile,
    np.diff: lambda a, n=1, axis=-1: scan.diff(a, n, axis),
    np.diag: diagonal.diag,
    np.trace: diagonal.trace,
    np.tril: diagonal.tril,
    np.triu: diagonal.triu,
}


def __array_function__(input: Tensor, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    if kwargs.get("out", func) is None:
        kwargs = {name: value for name, value in kwargs.items() if name != "out"}
    function = ALWAYS.get(func)
    if function is None and any(x.requires_grad for x in tensors_in([*args, *kwargs.values()])):
        function = FOR_GRADIENTS.get(func)
    if function is not None and "out" not in kwargs:
        return function(*args, **kwargs)
    return func._implementation(*args, **kwargs)  # what NumPy does with anything like an array


# -- other libraries --------------------------------------------------------------------------


def __dlpack__(
    input: Tensor,
    *,
    stream: Any = None,
    max_version: Any = None,
    dl_device: Any = None,
    copy: bool | None = None,
) -> Any:
    if input.requires_grad:
        raise DLPackError("Can't export tensors that require gradient, use tensor.detach()")
    if stream is not None and stream != -1:
        raise ArgumentTypeError("__dlpack__: a tensor on the CPU has no stream; expected None")
    return numpy(input).__dlpack__(max_version=max_version, dl_device=dl_device, copy=copy)


def __dlpack_device__(input: Tensor) -> tuple[int, int]:
    return (1, 0)  # DLPack's number of the CPU


class DLPackError(GradientError, BufferError):
    """Memory that cannot be given to another library."""


class Capsule:
    """A DLPack capsule as an object that NumPy takes memory from."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of another library's (NumPy, PyTorch, JAX, CuPy on the CPU, …), or
    of a DLPack capsule: a write to one is seen in the other.

    >>> import numpy as np
    >>> import sangja
    >>> sangja.from_dlpack(np.arange(3))
    tensor([0, 1, 2])
    """
    if isinstance(ext_tensor, Tensor):
        return wrap(numpy(ext_tensor).copy()) if copy else finish(numpy(ext_tensor), False)
    source = ext_tensor if hasattr(ext_tensor, "__dlpack__") else Capsule(ext_tensor)
    if isinstance(source, Capsule) and type(ext_tensor).__name__ != "PyCapsule":
        raise ArgumentTypeError(
            f"from_dlpack: expected an object with __dlpack__, got {type(ext_tensor).__name__}"
        )
    options: dict[str, Any] = {} if copy is None else {"copy": copy}
    return from_numpy(np.from_dlpack(source, **options))


def to_dlpack(tensor: Tensor) -> Any:
    """The DLPack capsule of a tensor, over its memory; can be taken once."""
    return __dlpack__(tensor)


def frombuffer(
    buffer: Any,
    *,
    dtype: Any,
    count: int = -1,
    offset: int = 0,
    requires_grad: bool = False,
) -> Tensor:
    """A one-dimensional tensor over the memory of an object with Python's buffer interface.

    Raises `ArgumentError` where the numbers asked for do not lie in it.

    >>> import sangja
    >>> sangja.frombuffer(bytearray(b"abc"), dtype=sangja.uint8)
    tensor([97, 98, 99], dtype=sangja.uint8)
    """
    wanted = dtypes.to_numpy(dtype)
    size = memoryview(buffer).nbytes
    if not 0 <= offset < size or not count:
        raise ArgumentError(
            f"frombuffer: both buffer length ({size}) and count ({count}) must not be 0, and "
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length "
            f"({size} bytes) minus 1"
        )
    if count < 0 and (size - offset) % wanted.itemsize:
        raise ArgumentError(
            f"buffer length ({size - offset} bytes) after offset ({offset} bytes) must be a "
            f"multiple of element size ({wanted.itemsize})"
        )
    if count > 0 and offset + count * wanted.itemsize > size:
        raise ArgumentError(
            f"requested buffer length ({count} * {wanted.itemsize} bytes) after offset ({offset} "
            f"bytes) must not be greater than actual buffer length ({size} bytes)"
        )
    z = from_numpy(np.frombuffer(buffer, wanted, count, offset))
    version_of(z).borrowed = True
    if requires_grad:
        z.requires_grad = True
    return z
