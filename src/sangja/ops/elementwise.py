"""Arithmetic, one element at a time, and the choice between elements.

Every function takes tensors, numbers and arrays, broadcasts, and promotes dtypes by PyTorch's rule.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from sangja.core import dtypes
from sangja.core.errors import ArgumentTypeError, DivisionError, DTypeError, GradientError
from sangja.engine import Primitive, Tensor, apply, binary, unary, wrap
from sangja.engine.structure import conjugate
from sangja.ops.arguments import as_tensor
from sangja.ops.out import into

# -- the four operations ----------------------------------------------------------------------


class Add(Primitive):
    """z = x + y"""

    promotes = True

    def forward(xp, x, y):
        return xp.add(x, y)

    def dx(g):
        return g

    def dy(g):
        return g


class Subtract(Primitive):
    """z = x − y"""

    promotes = True
    grad_name = "SubBackward0"

    def forward(xp, x, y):
        try:
            return xp.subtract(x, y)
        except TypeError:
            raise DTypeError(
                "Subtraction, the `-` operator, with two bool tensors is not supported. Use the "
                "`^` or `logical_xor()` operator instead; to invert a mask, `~` or `logical_not()`."
            ) from None

    def dx(g):
        return g

    def dy(g):
        return -g


class Multiply(Primitive):
    """z = x · y"""

    promotes = True
    grad_name = "MulBackward0"

    def forward(xp, x, y):
        return xp.multiply(x, y)

    def dx(g, y):
        return g * y

    def dy(g, x):
        return g * x


class Divide(Primitive):
    """z = x / y"""

    promotes = True
    floats = True
    grad_name = "DivBackward0"

    def forward(xp, x, y):
        return xp.true_divide(x, y)

    def dx(g, y):
        return g / y

    def dy(g, x, y):
        return -g * (x / y) / y


class Negative(Primitive):
    """z = −x"""

    grad_name = "NegBackward0"

    def forward(xp, x):
        try:
            return xp.negative(x)
        except TypeError:
            raise DTypeError(
                "Negation, the `-` operator, on a bool tensor is not supported. If you are trying "
                "to invert a mask, use the `~` or `logical_not()` operator instead."
            ) from None

    def dx(g):
        return -g


def add(input: Any, other: Any, third: Any = None, *, alpha: Any = 1, out: Any = None) -> Tensor:
    """z = x + α·y.

    >>> import sangja
    >>> sangja.add(sangja.tensor([1.0, 2.0]), 1)
    tensor([2., 3.])
    """
    if out is not None:
        return into(out, add(input, other, third, alpha=alpha))
    if third is not None:
        alpha, other = old_factor("add", other), third
    return binary(Add, input, other if alpha == 1 else scaled(input, other, alpha))


def subtract(
    input: Any, other: Any, third: Any = None, *, alpha: Any = 1, out: Any = None
) -> Tensor:
    """z = x − α·y."""
    if out is not None:
        return into(out, subtract(input, other, third, alpha=alpha))
    if third is not None:
        alpha, other = old_factor("sub", other), third
    return binary(Subtract, input, other if alpha == 1 else scaled(input, other, alpha))


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """z = y − α·x, subtraction the other way round."""
    return subtract(other, input, alpha=alpha)


def old_factor(name: str, factor: Any) -> Any:
    """The factor of a call in the order before PyTorch 1.5, `x.add_(factor, y)`; with a warning."""
    warnings.warn(
        f"This overload of {name} is deprecated: {name}(factor, tensor). Name the factor instead, "
        f"after the tensors: {name}(tensor, {'value' if 'addc' in name else 'alpha'}={factor})",
        UserWarning,
        stacklevel=3,
    )
    return factor


def scaled(input: Any, other: Any, alpha: Any) -> Any:
    """α·y for `add` and `subtract`. A fraction of integers is refused with `DTypeError`."""
    dtype = dtypes.result_dtype([x.array for x in (input, other) if isinstance(x, Tensor)])
    if isinstance(alpha, float) and dtype.kind in "iub":
        raise DTypeError(
            "For integral input tensors, argument alpha must not be a floating point number; "
            f"got alpha={alpha}. Convert a tensor with .float() first"
        )
    return multiply(other, bool(alpha) if dtype.kind == "b" else alpha)


def multiply(input: Any, other: Any, *, out: Any = None) -> Tensor:
    """z = x · y."""
    if out is not None:
        return into(out, multiply(input, other))
    return binary(Multiply, input, other)


def negative(input: Any, *, out: Any = None) -> Tensor:
    """z = −x. Raises `DTypeError` for bools."""
    if out is not None:
        return into(out, negative(input))
    return unary(Negative, input)


def positive(input: Tensor) -> Tensor:
    """z = x, itself. Raises `DTypeError` for bools."""
    if input.array.dtype.kind == "b":
        raise DTypeError(
            "The `+` operator, on a bool tensor is not supported; convert it with .int()"
        )
    return input


# -- division and remainders ------------------------------------------------------------------


class FloorDivide(Primitive):
    """z = ⌊x / y⌋; its slope is 0 wherever it has one"""

    promotes = True
    grad_name = "DivBackward2"

    def forward(xp, x, y):
        check_divisor(xp, x, y, "floor_divide")
        return xp.floor_divide(x, y)

    def dx(g):
        return zeros(g)

    def dy(g):
        return zeros(g)


class TruncateDivide(Primitive):
    """z = x / y rounded towards 0; its slope is 0 wherever it has one"""

    promotes = True
    grad_name = "DivBackward2"

    def forward(xp, x, y):
        if check_divisor(xp, x, y, "div").kind in "fV":
            return xp.trunc(xp.true_divide(x, y))
        floor, remainder = xp.divmod(x, y)
        return floor + ((remainder != 0) & (floor < 0))

    def dx(g):
        return zeros(g)

    def dy(g):
        return zeros(g)


class Remainder(Primitive):
    """z = x − y ⌊x / y⌋, with the sign of y"""

    promotes = True

    def forward(xp, x, y):
        check_divisor(xp, x, y, "remainder")
        return xp.remainder(x, y)

    def dx(g):
        return g

    def dy(g, x, y):
        return -g * floor_divide(x, y)


class Fmod(Primitive):
    """z = x − y · trunc(x / y), with the sign of x"""

    promotes = True

    def forward(xp, x, y):
        check_divisor(xp, x, y, "fmod")
        return xp.fmod(x, y)

    def dx(g):
        return g

    def dy(g, x, y):
        return -g * divide(x, y, rounding_mode="trunc")


class Reciprocal(Primitive):
    """z = 1 / x"""

    floats = True

    def forward(xp, x):
        return xp.true_divide(1, x)

    def dx(g, out):
        return -g * (out * out)


def check_divisor(xp: Any, x: Any, y: Any, name: str) -> np.dtype[Any]:
    """The dtype of x ∘ y. Bools are refused, and a 0 that integers would be divided by."""
    dtype = refuse_bools(xp, x, y, name)
    if dtype.kind in "iu" and not xp.all(y):
        raise DivisionError(
            f"{name}: ZeroDivisionError: an integer is divided by 0, which has no integer result. "
            "Mask the zeros, or convert to floating point (inf and nan) with .float()"
        )
    return dtype


def refuse_bools(xp: Any, x: Any, y: Any, name: str) -> np.dtype[Any]:
    """The dtype of x ∘ y, which NumPy would make int8 for two bools."""
    dtype: np.dtype[Any] = xp.result_type(x, y)
    if dtype.kind == "b":
        raise DTypeError(f"{name}: not implemented for bools; convert them with .int()")
    return dtype


def divide(input: Any, other: Any, *, rounding_mode: str | None = None, out: Any = None) -> Tensor:
    """z = x / y in floating point; with `rounding_mode` "floor" or "trunc" (towards 0) rounded to a
    whole number, in the dtype of the inputs.

    >>> import sangja
    >>> sangja.divide(sangja.tensor([-7, 7]), 2, rounding_mode="trunc")
    tensor([-3,  3])
    """
    if out is not None:
        return into(out, divide(input, other, rounding_mode=rounding_mode))
    if rounding_mode is None:
        return binary(Divide, input, other)
    if rounding_mode == "floor":
        return binary(FloorDivide, input, other)
    if rounding_mode == "trunc":
        return binary(TruncateDivide, input, other)
    raise DTypeError(
        "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
        f"{rounding_mode!r}"
    )


def floor_divide(input: Any, other: Any) -> Tensor:
    """z = ⌊x / y⌋. Raises `DivisionError` for integers divided by 0."""
    return binary(FloorDivide, input, other)


def remainder(input: Any, other: Any) -> Tensor:
    """z = x − y ⌊x / y⌋: Python's %, with the sign of the divisor.

    Raises `DivisionError` for integers divided by 0.
    """
    return binary(Remainder, input, other)


def fmod(input: Any, other: Any) -> Tensor:
    """z = x − y · trunc(x / y): C's fmod, with the sign of the dividend.

    Raises `DivisionError` for integers divided by 0.
    """
    return binary(Fmod, input, other)


def reciprocal(input: Any) -> Tensor:
    """z = 1 / x."""
    return unary(Reciprocal, input)


# -- magnitude --------------------------------------------------------------------------------


class Absolute(Primitive):
    """z = |x|"""

    grad_name = "AbsBackward0"

    def forward(xp, x):
        return xp.absolute(x)

    def dx(g, x):
        if getattr(x, "array", x).dtype.kind == "c":
            return g * conjugate(unary(ComplexSign, x))
        return g * sign(x)


class Sign(Primitive):
    """z = −1, 0 or 1 as x is below, at or above 0; its slope is 0 wherever it has one"""

    def forward(xp, x):
        if x.dtype.kind == "b":
            return xp.array(x)
        return xp.subtract(x > 0, x < 0, dtype=x.dtype)  # the sign of nan is 0

    def dx(g):
        return zeros(g)


class ComplexSign(Primitive):
    """z = x / |x| of complex numbers, 0 at 0"""

    grad_name = "SgnBackward0"

    def forward(xp, x):
        return xp.sign(x)

    def dx(g, x, out):
        size = absolute(x)
        size = choose(size == 0, 1, size)
        along = choose(x == 0, 0, g / size)  # what is left of g at 0 is nothing
        return along - real_part(along * out) * conjugate(out)


def real_part(x: Any) -> Any:
    """The real part of complex arrays or tensors, as complex numbers."""
    return (x + conjugate(x)) / 2


class Zeros(Primitive):
    """z = 0 in the shape of x"""

    def forward(xp, x):
        return xp.zeros_like(x)


def zeros(g: Any) -> Any:
    """The gradient of what moves only in steps: 0, whatever arrives (0 · ∞ would be nan)."""
    return unary(Zeros, g)


def absolute(input: Any, *, out: Any = None) -> Tensor:
    """z = |x|; its derivative at 0 is 0."""
    if out is not None:
        return into(out, absolute(input))
    return unary(Absolute, input)


def sign(input: Any) -> Tensor:
    """z = x / |x|, 0 at 0 (and at nan)."""
    array = input.array if isinstance(input, Tensor) else input
    complex_numbers = isinstance(array, np.ndarray) and array.dtype.kind == "c"
    return unary(ComplexSign if complex_numbers else Sign, input)


# -- mixtures ---------------------------------------------------------------------------------


class Lerp(Primitive):
    """z = start + weight · (end − start).

    Computed from the nearer end, so that weight 1 gives `end` exactly.
    """

    promotes = True

    def forward(xp, start, end, weight):
        way = end - start
        return xp.where(
            xp.less(xp.abs(weight), 0.5), start + weight * way, end - way * (1 - weight)
        )

    def dstart(g, weight):
        return g * (1 - weight)

    def dend(g, weight):
        return g * weight

    def dweight(g, start, end):
        return g * (end - start)


def lerp(input: Any, end: Any, weight: Any) -> Tensor:
    """z = x + weight · (end − x), between (or beyond) two tensors.

    Raises `DTypeError` if the tensors differ in dtype, or are integers.
    """
    operands = {"input": input, "end": end, "weight": weight}
    found = {name: x.dtype for name, x in operands.items() if isinstance(x, Tensor)}
    for name, dtype in found.items():
        if dtype != found.get("input", dtype):
            raise DTypeError(
                f"lerp: expected dtype {found['input']} for `{name}` but got dtype {dtype}; "
                "convert it with .to(dtype)"
            )
        if dtype.category < dtypes.FLOATING:
            raise DTypeError(f"lerp: not implemented for {dtype}; convert with .float()")
    return apply(Lerp, input, end, weight)


def addcmul(input: Any, tensor1: Any, tensor2: Any, third: Any = None, *, value: Any = 1) -> Tensor:
    """z = x + value · t₁ · t₂."""
    if third is not None:
        value, tensor1, tensor2 = old_factor("addcmul", tensor1), tensor2, third
    product = tensor1 if value == 1 else multiply(tensor1, value)
    return add(input, multiply(product, tensor2))


def addcdiv(input: Any, tensor1: Any, tensor2: Any, third: Any = None, *, value: Any = 1) -> Tensor:
    """z = x + value · t₁ / t₂. Raises `DTypeError` for two integers."""
    if third is not None:
        value, tensor1, tensor2 = old_factor("addcdiv", tensor1), tensor2, third
    kinds = [x.array.dtype.kind for x in (tensor1, tensor2) if isinstance(x, Tensor)]
    if all(kind in "iub" for kind in kinds):
        raise DTypeError(
            "Integer division with addcdiv is not supported; convert one of the tensors with "
            ".float(), or write input + value * torch.div(t1, t2, rounding_mode='trunc')"
        )
    numerator = tensor1 if value == 1 else multiply(tensor1, value)
    return add(input, divide(numerator, tensor2))


# -- choice -----------------------------------------------------------------------------------


class Where(Primitive):
    """z = x where the condition holds, else y"""

    promotes = ("x", "y")

    def forward(xp, condition, x, y):
        return xp.where(condition, x, y)

    def dx(g, condition):
        return masked(condition, g)

    def dy(g, condition):
        return blanked(condition, g)


def choose(condition: Any, x: Any, y: Any) -> Any:
    """`where` without checks, of arrays or tensors: for derivative rules."""
    return apply(Where, condition, x, y)


def keep(xp: Any, x: Any, condition: Any) -> Any:
    """The array x where the condition holds, else 0 (also where x is nan or infinite).

    The bits of x times 0 or 1: NumPy's `where` mispredicts a branch at every other element of a
    mixed mask, and takes 17 times as long.
    """
    x = xp.asarray(x)
    bits = {2: xp.int16, 4: xp.int32, 8: xp.int64}.get(x.itemsize)
    if bits is None or x.dtype.kind == "c":
        return xp.where(condition, x, xp.zeros((), x.dtype))
    return xp.multiply(x.view(bits), condition).view(x.dtype)


class Masked(Primitive):
    """z = x where the condition is what `holds` says, else 0; a primitive for its faster kernel"""

    grad_name = "WhereBackward0"

    def forward(xp, x, condition, *, holds):
        return keep(xp, x, condition if holds else xp.logical_not(condition))

    def dx(g, condition, holds):
        return apply(Masked, g, condition, holds=holds)


def masked(condition: Any, g: Any) -> Any:
    """`g` where the condition holds, else 0 (also where `g` is nan or infinite)."""
    return apply(Masked, g, condition, holds=True)


def blanked(condition: Any, g: Any) -> Any:
    """0 where the condition holds (also where `g` is nan or infinite), else `g`."""
    return apply(Masked, g, condition, holds=False)


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """z = x where `condition`, else y. With the condition alone: the indices where it holds, one
    tensor per dimension.

    >>> import sangja
    >>> x = sangja.tensor([1.0, -2.0])
    >>> sangja.where(x > 0, x, 0.0)
    tensor([1., 0.])

    Raises `DTypeError` for a condition that is not bool.
    """
    chosen = as_tensor(condition, "condition")
    if input is None and other is None:
        return tuple(wrap(i) for i in np.nonzero(chosen.array))
    if input is None or other is None:
        raise ArgumentTypeError("where: give both `input` and `other`, or the condition alone")
    if chosen.array.dtype.kind != "b":
        if chosen.array.dtype != np.uint8:
            raise DTypeError(
                "where expected condition to be a boolean tensor, but got a tensor with dtype "
                f"{chosen.dtype}; compare it with something, as in x != 0"
            )
        chosen = wrap(chosen.array != 0)
    return apply(Where, chosen, input, other)


def where_or(input: Any, condition: Any, other: Any) -> Tensor:
    """z = x where `condition`, else y: `where` as a method of x."""
    return where(condition, input, other)  # type: ignore[no-any-return]
