"""PyTorch's files, zip and the older ones, read into tensors and plain data.

The pickle in them goes through `sangja.io.opcodes`; the names it may use stand in `NAMES` and
nowhere else. Sizes, strides and offsets are compared in exact integers with the bytes that are
there before a tensor is made.
"""

from __future__ import annotations

import mmap
from collections import Counter, OrderedDict, defaultdict
from typing import Any, BinaryIO

import numpy as np

from sangja.core import dtypes
from sangja.core.device import Device
from sangja.core.errors import CheckpointError, DamagedFileError, SangjaError
from sangja.core.shapes import Size
from sangja.engine import Tensor, wrap
from sangja.io.archive import Archive
from sangja.io.opcodes import Builder, Described, Names, checked_key, read_pickle
from sangja.io.text import quote

# The number with which PyTorch's older files begin.
OLD_MAGIC = 0x1950A86A20F9469CFC6C
OLD_VERSION = 1001
STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "UntypedStorage": "",
}
_DTYPE_NAMES = {
    **{name: name for name in STORAGES.values() if name},
    **{name: name for name in ("uint16", "uint32", "uint64")},
    "double": "float64",
    "float": "float32",
    "half": "float16",
    "long": "int64",
    "int": "int32",
    "short": "int16",
    "cfloat": "complex64",
    "cdouble": "complex128",
}
_MOST_DIMENSIONS = 64
_LARGEST = 2**62


class StorageKind:
    """A class of storages, by the dtype of its elements; "" for bytes without one."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype


class Storage:
    """The bytes that tensors of a file are views of."""

    def __init__(self, content: np.ndarray, dtype: str) -> None:
        self.content, self.dtype = content, dtype

    def tensor(self, name: str, offset: Any, size: Any, stride: Any, requires_grad: Any) -> Tensor:
        dtype = numpy_dtype(name)
        check_view(offset, size, stride, self.content.nbytes // dtype.itemsize)
        whole = self.content[: self.content.nbytes // dtype.itemsize * dtype.itemsize]
        if name == "bool" and whole.size and whole.max() > 1:
            raise DamagedFileError("a tensor in it has booleans beside 0 and 1")
        steps = [n * dtype.itemsize for n in stride]
        view: np.ndarray
        try:
            if 0 in size:
                view = np.lib.stride_tricks.as_strided(np.empty(0, dtype), size, steps)
            else:
                view = np.ndarray(size, dtype, whole.data, offset * dtype.itemsize, steps)
        except (ValueError, OverflowError, MemoryError) as error:
            raise DamagedFileError(f"a tensor in it has the impossible shape {size}") from error
        out = wrap(view)
        if requires_grad is True and dtypes.of(dtype).category >= dtypes.FLOATING:
            out.requires_grad = True
        return out


def numpy_dtype(name: str) -> np.dtype:
    try:
        return dtypes.named(name).dtype
    except SangjaError as error:
        raise CheckpointError(f"a tensor in it is {name}: {error}") from error


def check_view(offset: Any, size: Any, stride: Any, count: int) -> None:
    """Refuse a view that leaves its storage of `count` elements."""
    plain = type(size) in (tuple, Size) and type(stride) in (tuple, Size)
    if not plain or len(size) != len(stride) or len(size) > _MOST_DIMENSIONS:
        raise DamagedFileError("a tensor in it has a shape that does not go with its strides")
    for n in (offset, *size, *stride):
        if type(n) is not int or not 0 <= n < _LARGEST:
            raise DamagedFileError("a tensor in it has a size, stride or offset that is no size")
    if 0 in size:
        last = offset - 1
    else:
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if last >= count:
        raise DamagedFileError(
            f"a tensor in it of shape {list(size)}, strides {list(stride)} and offset {offset} "
            f"needs {last + 1:,} elements of a storage that has {count:,}"
        )


# What the names in a file stand for -------------------------------------------------------------


def rebuild_tensor(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any = False, *rest: Any
) -> Tensor:
    if not isinstance(storage, Storage) or not storage.dtype:
        raise DamagedFileError("a tensor in it has no storage")
    return storage.tensor(storage.dtype, offset, size, stride, requires_grad)


def rebuild_tensor_of(
    storage: Any, offset: Any, size: Any, stride: Any, grad: Any, hooks: Any, dtype: Any, *rest: Any
) -> Tensor:
    if not isinstance(storage, Storage) or not isinstance(dtype, dtypes.DType):
        raise DamagedFileError("a tensor in it has no storage or no dtype")
    return storage.tensor(dtype.name, offset, size, stride, grad)


def rebuild_parameter(data: Any, requires_grad: Any, hooks: Any, *state: Any) -> Tensor:
    if not isinstance(data, Tensor):
        raise DamagedFileError("a parameter in it has no tensor")
    if requires_grad is True and dtypes.of(data.array.dtype).category >= dtypes.FLOATING:
        data.requires_grad = True
    return data


def rebuild_typed(build: Any, kind: Any, arguments: Any, state: Any) -> Tensor:
    if build not in TENSOR_BUILDERS or kind is not TENSOR or type(arguments) is not tuple:
        raise CheckpointError("it holds a tensor of a class of its own; save a plain tensor")
    tensor: Tensor = build.make(*arguments)
    return tensor


def refuse_call(*arguments: Any) -> Any:
    raise CheckpointError("it calls a value, which is not allowed; nothing was executed")


def make_ordered(items: Any = ()) -> OrderedDict[Any, Any]:
    pairs = list(items.items()) if isinstance(items, dict) else items
    return OrderedDict((checked_key(key), value) for key, value in pairs)


def make_counter(items: Any = ()) -> Counter[Any]:
    counter: Counter[Any] = Counter()
    for key, value in make_ordered(items).items():
        counter[key] = value
    return counter


def make_set(values: Any = ()) -> set[Any]:
    if type(values) not in (list, tuple, set):
        raise DamagedFileError("a set in it is made of what is no list")
    return {checked_key(value) for value in values}


def make_size(values: Any = ()) -> Size:
    if type(values) not in (tuple, list) or not all(type(n) is int for n in values):
        raise DamagedFileError("a torch.Size in it is made of what is no list of integers")
    return Size(values)


def make_device(kind: Any, index: Any = None) -> Device:
    if type(kind) is not str or type(index) not in (int, type(None)):
        raise DamagedFileError("a device in it has no name")
    return Device(kind, index)


def make_complex(real: Any = 0, imaginary: Any = 0) -> complex:
    if type(real) not in (int, float) or type(imaginary) not in (int, float):
        raise DamagedFileError("a complex number in it is made of no numbers")
    return complex(real, imaginary)


def encode_text(text: Any, encoding: Any = "latin1") -> bytes:
    if type(text) is not str or encoding not in ("latin1", "latin-1", "utf-8"):
        raise DamagedFileError("bytes in it are made of what is no text")
    return text.encode(encoding)


def make_bytes(*content: Any) -> bytes:
    if content:
        raise DamagedFileError("bytes in it are made of what is no text")
    return b""


class NumpyKind(Described):
    """The dtype of a NumPy scalar, by its code."""

    def __init__(self, code: Any, *rest: Any) -> None:
        if type(code) is not str or code not in _NUMPY_CODES:
            raise CheckpointError(f"it holds a NumPy value of dtype {quote(code)}")
        self.dtype = np.dtype(code)
        self.order: Any = "<"

    def set_pickled_state(self, state: Any) -> None:
        if type(state) is not tuple or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise DamagedFileError("a NumPy dtype in it has no byte order")
        self.order = state[1]


_NUMPY_CODES = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16")


def make_scalar(kind: Any, content: Any = b"") -> Any:
    if not isinstance(kind, NumpyKind) or type(content) is not bytes:
        raise DamagedFileError("a NumPy number in it has no bytes")
    if len(content) != kind.dtype.itemsize:
        raise DamagedFileError("a NumPy number in it has a wrong number of bytes")
    return np.frombuffer(content, kind.dtype.newbyteorder(kind.order))[0].astype(kind.dtype)


TENSOR = Builder("torch.Tensor", refuse_call)
_V2 = Builder("torch._utils._rebuild_tensor_v2", rebuild_tensor)
_V3 = Builder("torch._utils._rebuild_tensor_v3", rebuild_tensor_of)
_PARAMETER = Builder("torch._utils._rebuild_parameter", rebuild_parameter)
TENSOR_BUILDERS = (_V2, _V3, _PARAMETER)
_SCALAR = Builder("numpy.scalar", make_scalar)

NAMES: Names = {
    **{("torch", name): StorageKind(dtype) for name, dtype in STORAGES.items()},
    ("torch.storage", "UntypedStorage"): StorageKind(""),
    ("torch", "Tensor"): TENSOR,
    ("torch.nn.parameter", "Parameter"): TENSOR,
    ("torch", "Size"): Builder("torch.Size", make_size),
    ("torch", "device"): Builder("torch.device", make_device),
    ("torch._utils", "_rebuild_tensor"): Builder("torch._utils._rebuild_tensor", rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): _V2,
    ("torch._utils", "_rebuild_tensor_v3"): _V3,
    ("torch._utils", "_rebuild_parameter"): _PARAMETER,
    ("torch._utils", "_rebuild_parameter_with_state"): _PARAMETER,
    ("torch._tensor", "_rebuild_from_type_v2"): Builder("torch typed tensor", rebuild_typed),
    ("collections", "OrderedDict"): Builder("OrderedDict", make_ordered),
    ("collections", "Counter"): Builder("Counter", make_counter),
    ("_codecs", "encode"): Builder("encode", encode_text),
    ("numpy", "dtype"): Builder("numpy.dtype", NumpyKind),
    ("numpy.core.multiarray", "scalar"): _SCALAR,
    ("numpy._core.multiarray", "scalar"): _SCALAR,
}
for _module in ("builtins", "__builtin__"):
    NAMES[_module, "set"] = Builder("set", make_set)  # type: ignore[index]
    NAMES[_module, "frozenset"] = Builder(  # type: ignore[index]
        "frozenset", lambda values=(): frozenset(make_set(values))
    )
    NAMES[_module, "complex"] = Builder("complex", make_complex)  # type: ignore[index]
    NAMES[_module, "bytes"] = Builder("bytes", make_bytes)  # type: ignore[index]


class _Names(dict):  # type: ignore[type-arg]
    """The table, with the dtypes found by name: bfloat16 needs its package only when asked for."""

    def get(self, key: Any, default: Any = None) -> Any:
        found = super().get(key, default)
        if found is None and key[0] == "torch" and key[1] in _DTYPE_NAMES:
            return dtypes.named(_DTYPE_NAMES[key[1]])
        return found


_TABLE = _Names(NAMES)


# Files ------------------------------------------------------------------------------------------


def storage_key(mark: Any) -> tuple[StorageKind, str, int]:
    """Kind, key and number of elements of the storage that a file speaks of."""
    if type(mark) is tuple and mark[:1] == ("module",):
        raise CheckpointError(
            "it holds a whole module with its program. Save the weights instead, where the file "
            "was made: torch.save(model.state_dict(), path)"
        )
    if type(mark) is not tuple or len(mark) < 5 or mark[0] != "storage":
        raise DamagedFileError("it speaks of something that is no storage")
    _, kind, key, _, count = mark[:5]
    if not isinstance(kind, StorageKind) or type(key) is not str:
        raise DamagedFileError("a storage in it has no name or no dtype")
    if type(count) is not int or not 0 <= count < _LARGEST:
        raise DamagedFileError("a storage in it has a size that is no size")
    return kind, key, count


def item_size(kind: StorageKind) -> int:
    return numpy_dtype(kind.dtype).itemsize if kind.dtype else 1


def read_zip(file: BinaryIO, base: int, size: int, path: str | None = None) -> Any:
    """The value of a zip that PyTorch wrote; with `path` its storages stay on the disk and are
    read where they are used (a change of them is not written back)."""
    archive = Archive(file, base, size)
    pickles = [name for name in archive.members if name.split("/")[-1] == "data.pkl"]
    if len(pickles) != 1:
        raise CheckpointError("it is a zip file without the one data.pkl of a PyTorch file")
    prefix = pickles[0].removesuffix("data.pkl")
    if prefix + "constants.pkl" in archive.members or any("/code/" in n for n in archive.members):
        raise CheckpointError(
            "it is a TorchScript program, not weights. Save the weights where it was made: "
            "torch.save(model.state_dict(), path)"
        )
    big = False
    if prefix + "byteorder" in archive.members:
        order = bytes(archive.read(prefix + "byteorder"))
        if order not in (b"little", b"big"):
            raise DamagedFileError("its byte order is neither little nor big")
        big = order == b"big"
    storages: dict[str, Storage] = {}

    def find(mark: Any) -> Storage:
        kind, key, count = storage_key(mark)
        if key not in storages:
            member = archive.member(f"{prefix}data/{key}")
            if count * item_size(kind) > member.size:
                raise DamagedFileError(
                    f"its storage {quote(key)} should have {count:,} elements, and there are "
                    f"{member.size:,} bytes"
                )
            content: np.ndarray
            if path is not None and member.size and not big:
                content = np.memmap(path, np.uint8, "c", base + member.start, (member.size,))
            else:
                content = np.frombuffer(archive.read(member.name), np.uint8)
            content = content[: count * item_size(kind)]
            storages[key] = Storage(swapped(content, kind) if big else content, kind.dtype)
        elif storages[key].dtype != kind.dtype:
            raise DamagedFileError(f"its storage {quote(key)} has two dtypes")
        return storages[key]

    return read_pickle(bytes(archive.read(pickles[0])), 0, _TABLE, find)[0]


def swapped(content: np.ndarray, kind: StorageKind) -> np.ndarray:
    """Big-endian bytes as little-endian; of complex numbers each half."""
    item = item_size(kind) // (2 if kind.dtype.startswith("complex") else 1)
    return np.ascontiguousarray(content.reshape(-1, item)[:, ::-1]).reshape(-1)


def read_old(file: BinaryIO, base: int, size: int) -> Any:
    """The value of a file of PyTorch before 1.6: pickles, then the bytes of the storages."""
    data, place = whole(file, base, size)
    magic, place = read_pickle(data, place, {}, refuse_call)
    version, place = read_pickle(data, place, {}, refuse_call)
    if magic != OLD_MAGIC or version != OLD_VERSION:
        raise DamagedFileError("it begins as an older PyTorch file and goes on otherwise")
    facts, place = read_pickle(data, place, {}, refuse_call)
    if isinstance(facts, dict) and facts.get("little_endian") is False:
        raise CheckpointError("it was written on a big-endian machine; save it anew with PyTorch")
    storages: dict[str, Storage] = {}
    counts: dict[str, int] = defaultdict(int)
    total = 0

    def find(mark: Any) -> Storage:
        nonlocal total
        kind, key, count = storage_key(mark)
        if len(mark) > 5 and mark[5] is not None:
            raise CheckpointError("it has storages that are parts of others; save it anew")
        if key not in storages:
            total += count * item_size(kind)
            if total > len(data):
                raise DamagedFileError(f"its storages take {total:,} bytes: more than it has")
            content = np.zeros(count * item_size(kind), np.uint8)
            storages[key], counts[key] = Storage(content, kind.dtype), count
        return storages[key]

    value, place = read_pickle(data, place, _TABLE, find)
    keys, place = read_pickle(data, place, {}, refuse_call)
    if type(keys) is not list or sorted(map(str, keys)) != sorted(storages):
        raise DamagedFileError("its list of storages is not that of its tensors")
    for key in keys:
        count = int.from_bytes(data[place : place + 8], "little", signed=True)
        content = storages[key].content
        place += 8
        if count != counts[key] or place + content.nbytes > len(data):
            raise DamagedFileError(f"its storage {quote(key)} is cut short or has another size")
        content[:] = np.frombuffer(data, np.uint8, content.nbytes, place)
        place += content.nbytes
        if storages[key].dtype == "bool" and content.size and content.max() > 1:
            raise DamagedFileError("a tensor in it has booleans beside 0 and 1")
    return value


def whole(file: BinaryIO, base: int, size: int) -> tuple[Any, int]:
    """The bytes of a file and where they begin: mapped if it lies on a disk, else read."""
    try:
        return mmap.mmap(file.fileno(), base + size, access=mmap.ACCESS_READ), base
    except (OSError, ValueError, AttributeError):
        file.seek(base)
        return file.read(size), 0
