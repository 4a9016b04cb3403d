"""Complex numbers and their parts: as views, and made of two real tensors.

The gradient of a real result with respect to a complex x = a + ib is ∂/∂a + i ∂/∂b, as in PyTorch.
The rules, here and everywhere, see its conjugate, g = ∂/∂a − i ∂/∂b: with that the chain rule of
every function with a complex derivative reads as with real numbers, g · f′(x). The engine
conjugates where gradients come in and go out (`engine/backward.py`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.core.errors import DTypeError, ShapeError
from sangja.engine import Primitive, Tensor, apply
from sangja.engine.structure import Conjugate, conjugate
from sangja.ops.arguments import as_tensor
from sangja.ops.elementwise import blanked
from sangja.ops.pick import select
from sangja.ops.trigonometry import cos, sin

COMPLEX_OF = {np.dtype(f"f{n}"): np.dtype(f"c{2 * n}") for n in (4, 8)}
REAL_OF = {c: r for r, c in COMPLEX_OF.items()}


# -- the two numbers in memory ----------------------------------------------------------------


class ViewAsReal(Primitive):
    """z[…, 0] = Re x, z[…, 1] = Im x, in the same memory"""

    views = True

    def forward(xp, x):
        return x[..., None].view(REAL_OF[x.dtype])

    def dx(g):
        return conjugate(apply(PairsToComplex, g))


class ViewAsComplex(Primitive):
    """z = x[…, 0] + i x[…, 1], in the same memory"""

    views = True

    def forward(xp, x):
        return x.view(COMPLEX_OF[x.dtype])[..., 0]

    def dx(g):
        return apply(ComplexToPairs, conjugate(g))


class PairsToComplex(ViewAsComplex):
    """z = x[…, 0] + i x[…, 1], wherever the pairs lie"""

    views = False
    grad_name = "ViewAsComplexBackward0"

    def forward(xp, x):
        return ViewAsComplex.forward(xp, xp.ascontiguousarray(x))  # type: ignore[call-arg, arg-type]


class ComplexToPairs(ViewAsReal):
    """z[…, 0] = Re x, z[…, 1] = Im x"""

    views = False
    grad_name = "ViewAsRealBackward0"

    def forward(xp, x):
        return xp.stack([x.real, x.imag], axis=-1)


def is_complex_array(x: Any) -> bool:
    return bool(x.array.dtype.kind == "c")


def view_as_real(input: Tensor) -> Tensor:
    """The real and imaginary parts of x, (…) → (…, 2), in the same memory.

    >>> import sangja
    >>> sangja.view_as_real(sangja.tensor([1 + 2j]))
    tensor([[1., 2.]])

    Raises `DTypeError` for a real tensor.
    """
    if not is_complex_array(input):
        raise DTypeError(
            f"view_as_real is only supported for complex tensors, but got {input.dtype}"
        )
    return apply(ViewAsReal, input)  # type: ignore[no-any-return]


def view_as_complex(input: Tensor) -> Tensor:
    """Pairs of real numbers as complex ones, (…, 2) → (…), in the same memory.

    Raises `DTypeError` for a dtype without a complex one, `ShapeError` where the last dimension is
    no pair of neighbours in memory.
    """
    x = input.array
    if x.dtype not in COMPLEX_OF:
        raise DTypeError(
            "view_as_complex is only supported for half, float and double tensors, but got a "
            f"tensor of scalar type: {input.dtype} (sangja has no complex dtype for it)"
        )
    if not x.ndim:
        raise ShapeError("Input tensor must have one or more dimensions")
    if x.shape[-1] != 2:
        raise ShapeError(f"Tensor must have a last dimension of size 2, but got {x.shape[-1]}")
    if x.strides[-1] != x.itemsize:
        raise ShapeError("Tensor must have a last dimension with stride 1; use contiguous() first")
    if any(s % (2 * x.itemsize) for s in x.strides[:-1]):
        raise ShapeError(
            "Tensor must have a stride divisible by 2 for all but last dimension; use "
            "contiguous() first"
        )
    return apply(ViewAsComplex, input)  # type: ignore[no-any-return]


def real(input: Tensor) -> Tensor:
    """Re x, in the same memory; a real tensor as it is."""
    return select(view_as_real(input), -1, 0) if is_complex_array(input) else input


def imag(input: Tensor) -> Tensor:
    """Im x, in the same memory. Raises `DTypeError` for a real tensor."""
    if not is_complex_array(input):
        raise DTypeError("imag is not implemented for tensors with non-complex dtypes.")
    return select(view_as_real(input), -1, 1)


# -- made of two real tensors -----------------------------------------------------------------


class Complex(Primitive):
    """z = real + i · imag"""

    promotes = True

    def forward(xp, real, imag):
        z = xp.empty(np.broadcast_shapes(real.shape, imag.shape), COMPLEX_OF[real.dtype])
        z.real, z.imag = real, imag
        return z

    def dreal(g):
        return g.real

    def dimag(g):
        return -g.imag


class Polar(Primitive):
    """z = abs · (cos angle + i · sin angle)"""

    promotes = True

    def forward(xp, abs, angle):
        return Complex.forward(xp, abs * xp.cos(angle), abs * xp.sin(angle))

    def dabs(g, angle):
        return g.real * cos(angle) - g.imag * sin(angle)

    def dangle(g, abs, angle):
        return -(g.imag * cos(angle) + g.real * sin(angle)) * abs


def pair(name: str, first: Any, second: Any) -> tuple[Tensor, Tensor]:
    a, b = as_tensor(first), as_tensor(second)
    if a.array.dtype != b.array.dtype or a.array.dtype not in COMPLEX_OF:
        raise DTypeError(
            f"{name}: expected both inputs to be float or both double tensors, but got "
            f"{a.dtype} and {b.dtype}"
        )
    return a, b


def complex(real: Any, imag: Any) -> Tensor:
    """z = real + i · imag. Raises `DTypeError` unless both are float32 or both float64."""
    return apply(Complex, *pair("complex", real, imag))  # type: ignore[no-any-return]


def polar(abs: Any, angle: Any) -> Tensor:
    """z = abs · (cos angle + i · sin angle): complex numbers from lengths and angles.

    Raises `DTypeError` unless both are float32 or both float64.
    """
    return apply(Polar, *pair("polar", abs, angle))  # type: ignore[no-any-return]


# -- angle and conjugate ----------------------------------------------------------------------


class Angle(Primitive):
    """z = atan2(Im x, Re x); of a real x 0 or π"""

    floats = True

    def forward(xp, x):
        if x.dtype.kind == "c":
            return xp.arctan2(x.imag, x.real)
        half_turn = xp.where(x < 0, x.dtype.type(np.pi), x.dtype.type(0))
        return xp.where(xp.isnan(x), x, half_turn)

    def dx(g, x):
        if getattr(x, "array", x).dtype.kind != "c":
            return g * 0
        a, b = x.real, x.imag
        square = a * a + b * b
        return apply(Complex, *(blanked(square == 0, g * part / square) for part in (-b, -a)))


def angle(input: Any) -> Tensor:
    """z = the angle of x in the complex plane, in (−π, π]; of real numbers 0 or π, nan of nan.

    >>> import sangja
    >>> sangja.angle(sangja.tensor([1j, -1.0]))
    tensor([1.5708, 3.1416])
    """
    return apply(Angle, as_tensor(input))  # type: ignore[no-any-return]


class ConjugatePhysical(Conjugate):
    """z = x with the sign of the imaginary parts turned, in new memory"""

    grad_name = "ConjPhysicalBackward0"


def conj_physical(input: Any) -> Tensor:
    """z = x*, the complex conjugate, in new memory; a real tensor as it is."""
    x = as_tensor(input)
    return apply(ConjugatePhysical, x) if is_complex_array(x) else x  # type: ignore[no-any-return]


class IsReal(Primitive):
    """z = whether x has no imaginary part"""

    def forward(xp, x):
        return xp.isreal(x)


def isreal(input: Any) -> Tensor:
    """Whether each element has no imaginary part, as bools."""
    return apply(IsReal, as_tensor(input))  # type: ignore[no-any-return]


def is_conj(input: Tensor) -> bool:
    """Whether the conjugation of x is still to be done: never, `conj()` does it at once."""
    return False


def is_neg(input: Tensor) -> bool:
    """Whether a change of sign of x is still to be done: never."""
    return False


def resolve_conj(input: Tensor) -> Tensor:
    """x, in which no conjugation waits to be done."""
    return input


def resolve_neg(input: Tensor) -> Tensor:
    """x, in which no change of sign waits to be done."""
    return input
