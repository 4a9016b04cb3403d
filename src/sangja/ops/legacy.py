"""PyTorch's old names of a tensor with a dtype: `FloatTensor`, `LongTensor`, …"""

from __future__ import annotations

from typing import Any

from sangja.core import dtypes
from sangja.core.dtypes import DType
from sangja.core.errors import ArgumentTypeError
from sangja.core.limits import set_default_dtype
from sangja.core.settings import settings
from sangja.engine import Tensor
from sangja.engine.tensor import legacy_array
from sangja.ops.convert import cast
from sangja.ops.create import finish

NAMES = {
    "bfloat16": "BFloat16",
    "float16": "Half",
    "float32": "Float",
    "float64": "Double",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "uint8": "Byte",
    "bool": "Bool",
}


class TensorType:
    """What `sangja.FloatTensor` is: makes tensors of its dtype, and knows them in `isinstance`."""

    is_cuda = False
    is_sparse = False

    def __init__(self, dtype: DType) -> None:
        self.dtype = dtype
        self.__name__ = name_of(dtype)

    def __call__(self, *args: Any) -> Tensor:
        """`FloatTensor(2, 3)`: zeros (PyTorch: whatever lies in memory); `FloatTensor([1, 2])`: of
        these numbers; `FloatTensor(tensor)`: the tensor, which must have the dtype."""
        return finish(legacy_array(args, self.dtype.dtype), False)

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.array.dtype == self.dtype.dtype

    def __repr__(self) -> str:
        return f"<class 'torch.{self.__name__}'>"


def name_of(dtype: DType) -> str:
    """The old name of a tensor's type, such as "FloatTensor"."""
    return NAMES.get(dtype.name, dtype.name.replace("uint", "UInt")) + "Tensor"


BoolTensor = TensorType(dtypes.bool_)
ByteTensor = TensorType(dtypes.uint8)
CharTensor = TensorType(dtypes.int8)
ShortTensor = TensorType(dtypes.int16)
IntTensor = TensorType(dtypes.int32)
LongTensor = TensorType(dtypes.int64)
BFloat16Tensor = TensorType(dtypes.bfloat16)
HalfTensor = TensorType(dtypes.float16)
FloatTensor = TensorType(dtypes.float32)
DoubleTensor = TensorType(dtypes.float64)

BY_NAME = {f"torch.{new}Tensor": dtypes.BY_NAME[old] for old, new in NAMES.items()}


def dtype_from(kind: Any) -> Any:
    """The dtype in `x.type(kind)`: a dtype, an old type, or the name of one."""
    if kind is Tensor:
        return dtypes.of(settings.default_dtype)
    if isinstance(kind, TensorType):
        return kind.dtype
    if isinstance(kind, str):
        if kind not in BY_NAME:
            raise ArgumentTypeError(
                f"invalid type: {kind!r}; the names are those such as 'torch.FloatTensor'"
            )
        return BY_NAME[kind]
    return kind


def type_(input: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """x in a dtype (also by an old type or its name); without one, the old name of its type."""
    return typename(input) if dtype is None else cast(input, dtype_from(dtype))


def set_default_tensor_type(t: Any) -> None:
    """Make the dtype of an old type, such as `FloatTensor`, that of new tensors.

    Raises `ArgumentTypeError` for a type of integers.
    """
    set_default_dtype(dtype_from(t))


def typename(obj: Any) -> str:
    """The name of an object's type; of a tensor the old one of its dtype.

    >>> import sangja
    >>> sangja.typename(sangja.zeros(2))
    'torch.FloatTensor'
    """
    if isinstance(obj, Tensor):
        return f"torch.{name_of(obj.dtype)}"
    kind = obj if isinstance(obj, type) or callable(obj) else type(obj)
    name = str(getattr(kind, "__qualname__", type(obj).__qualname__))
    home = getattr(kind, "__module__", None)
    return name if home in (None, "builtins") else f"{home}.{name}"
