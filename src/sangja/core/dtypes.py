"""What a number is: PyTorch's dtypes over NumPy's, and PyTorch's rule for mixing them.

PyTorch sorts dtypes into categories, bool < integer < floating < complex. Operands are ranked too:
tensors with dimensions come before 0-d tensors, and those before Python numbers. An operand of
lower rank changes the result's dtype only when its category is higher. So `int64 tensor + 1.5` is
float32 (the default dtype, where NumPy says float64) and `float32 tensor + float64 0-d tensor`
stays float32.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentTypeError, DTypeError, MissingPackageError
from sangja.core.settings import settings

BOOL, INTEGER, FLOATING, COMPLEX = range(4)
# bfloat16 is no dtype of NumPy's own: the package ml_dtypes gives it the kind "V", as no other
# dtype of a tensor has it.
CATEGORY = {"b": BOOL, "u": INTEGER, "i": INTEGER, "f": FLOATING, "V": FLOATING, "c": COMPLEX}
NumpyDType = np.dtype[Any]


class DType:
    """One of sangja's dtypes; `np.zeros(3, sangja.float32)` understands it.

    Attributes: `name`, `dtype` (NumPy's), `itemsize` (bytes), `category`.
    """

    __slots__ = ("category", "dtype", "itemsize", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.dtype: NumpyDType = np.dtype(name)
        self.itemsize = self.dtype.itemsize
        self.category = CATEGORY[self.dtype.kind]

    @property
    def is_floating_point(self) -> bool:
        return self.category == FLOATING

    @property
    def is_complex(self) -> bool:
        return self.category == COMPLEX

    @property
    def is_signed(self) -> bool:
        return self.dtype.kind in "ifcV"

    def to_real(self) -> DType:
        """The dtype of the real part: complex64 → float32."""
        return {complex64: float32, complex128: float64}.get(self, self)

    def to_complex(self) -> DType:
        """The complex dtype of the same precision: float64 → complex128."""
        if self.category < FLOATING:
            raise DTypeError(f"to_complex: {self} has no complex dtype; floating ones have")
        return complex128 if self in (float64, complex128) else complex64

    def __repr__(self) -> str:
        return f"sangja.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return named, (self.name,)


class BrainFloat(DType):
    """bfloat16, float32 with 8 digits of 24, found in the optional package ml_dtypes when it is
    first used."""

    __slots__ = ()

    def __init__(self) -> None:
        self.name, self.itemsize, self.category = "bfloat16", 2, FLOATING

    def __getattr__(self, name: str) -> Any:
        if name != "dtype":
            raise AttributeError(f"{self} has no attribute {name!r}")
        try:
            import ml_dtypes
        except ImportError as error:
            raise MissingPackageError(
                "sangja.bfloat16 needs the package ml_dtypes, which is not installed. Install it "
                'with: pip install "sangja[bfloat16]", or use sangja.float16 or sangja.float32'
            ) from error
        self.dtype = np.dtype(ml_dtypes.bfloat16)
        OF_NUMPY[self.dtype] = self
        return self.dtype

    @property
    def is_signed(self) -> bool:
        return True


float16, float32, float64 = DType("float16"), DType("float32"), DType("float64")
complex64, complex128 = DType("complex64"), DType("complex128")
int8, int16, int32, int64 = DType("int8"), DType("int16"), DType("int32"), DType("int64")
uint8, uint16, uint32, uint64 = DType("uint8"), DType("uint16"), DType("uint32"), DType("uint64")
bool_ = DType("bool")

bfloat16 = BrainFloat()

ALL: tuple[DType, ...] = (float16, float32, float64, complex64, complex128)
ALL += (int8, int16, int32, int64, uint8, uint16, uint32, uint64, bool_)
BY_NAME = {d.name: d for d in (*ALL, bfloat16)}
OF_NUMPY = {d.dtype: d for d in ALL}
OF_PYTHON = {bool: bool_.dtype, int: int64.dtype, float: float64.dtype, complex: complex128.dtype}


def named(name: str) -> DType:
    """The dtype with this name: how one is found again in another process."""
    return BY_NAME[name]


def of(dtype: NumpyDType) -> DType:
    """The DType of a NumPy dtype; one that has none raises `DTypeError`."""
    try:
        return OF_NUMPY[dtype]
    except KeyError:
        if dtype.name == "bfloat16" and dtype == bfloat16.dtype:
            return bfloat16
        raise DTypeError(
            f"an array of NumPy dtype {dtype} cannot be a tensor; the dtypes are "
            + ", ".join(d.name for d in ALL)
        ) from None


def to_numpy(dtype: Any) -> NumpyDType:
    """NumPy's dtype for a DType, a NumPy dtype, or Python's `float`, `int`, `bool`, `complex`."""
    if isinstance(dtype, DType):
        return dtype.dtype
    if dtype in OF_PYTHON:
        return OF_PYTHON[dtype]
    try:
        return of(np.dtype(dtype)).dtype
    except TypeError:
        raise ArgumentTypeError(
            f"{dtype!r} is not a dtype; use one such as sangja.float32"
        ) from None


def scalar_dtype(value: Any) -> NumpyDType | None:
    """The dtype that a lone Python number has in PyTorch; None for anything else."""
    if isinstance(value, (bool, np.bool_)):
        return bool_.dtype
    if isinstance(value, (int, np.integer)):
        return int64.dtype
    if isinstance(value, (float, np.floating)):
        return settings.default_dtype
    if isinstance(value, (complex, np.complexfloating)):
        return complex128.dtype if settings.default_dtype == float64.dtype else complex64.dtype
    return None


def result_dtype(values: Iterable[Any]) -> NumpyDType:
    """The dtype of an operation on arrays and Python numbers, by PyTorch's rule.

    >>> result_dtype([np.ones(2, np.int64), 1.5])
    dtype('float32')
    >>> result_dtype([np.ones(2, np.float32), np.ones((), np.float64)])
    dtype('float32')
    """
    ranks: list[NumpyDType | None] = [None, None, None]  # with dimensions, 0-d, Python number
    for value in values:
        if isinstance(value, np.ndarray):
            rank, dtype = (0 if value.ndim else 1), value.dtype
        else:
            rank, found = 2, scalar_dtype(value)
            if found is None:
                continue
            dtype = found
        known = ranks[rank]
        ranks[rank] = dtype if known is None else promote(known, dtype)
    result: NumpyDType | None = None
    for candidate in ranks:
        if candidate is None:
            continue
        if result is None:
            result = candidate
        elif CATEGORY[candidate.kind] > CATEGORY[result.kind]:
            result = _raise_category(result, candidate)
    return settings.default_dtype if result is None else result


def _raise_category(low: NumpyDType, high: NumpyDType) -> NumpyDType:
    """A float64 tensor meeting a complex number is complex128: precision comes from the tensor."""
    return promote(low, complex64.dtype) if high.kind == "c" and low.kind in "fV" else high


def promote(x: NumpyDType, y: NumpyDType) -> NumpyDType:
    """`torch.promote_types`: the smallest dtype that holds both, a float taking any integer.

    >>> promote(np.dtype("int64"), np.dtype("float16"))
    dtype('float16')
    """
    if x == y:
        return x
    low, high = sorted((x, y), key=lambda d: CATEGORY[d.kind])
    if CATEGORY[low.kind] < CATEGORY[high.kind] and not (low.kind in "fV" and high.kind == "c"):
        return high
    if "V" in (x.kind, y.kind) and np.dtype(np.float16) in (x, y):
        return float32.dtype  # neither holds the other
    result = np.promote_types(low, high)
    if result.kind in "fV" and low.kind in "iu":  # uint64 with a signed integer has no common type
        raise DTypeError(
            f"promotion of {of(low)} with {of(high)} has no common integer type; convert one of "
            "them first with .to(dtype)"
        )
    return of(result).dtype


def is_differentiable(dtype: NumpyDType) -> bool:
    """Whether a tensor of this dtype can require a gradient: floating and complex ones can."""
    return dtype.kind in "fcV"
