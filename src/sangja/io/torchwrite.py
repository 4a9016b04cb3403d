"""Files that `torch.load(path, weights_only=True)` reads: a zip of one pickle and the storages.

The pickle is written opcode by opcode and describes tensors and plain data only. Tensors that are
views of one memory share a storage there as here; an object that stands in two places is written
once.
"""

from __future__ import annotations

import math
import os
import struct
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from sangja.core import dtypes
from sangja.core.device import Device
from sangja.core.errors import ArgumentError, ArgumentTypeError
from sangja.core.shapes import Size
from sangja.engine import Tensor
from sangja.io.atomic import write_atomically
from sangja.io.text import quote

if TYPE_CHECKING:
    import zipfile

_DEEPEST = 100
_ALIGNMENT = 64
_STORAGES = {
    "float64": "DoubleStorage",
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
    "complex64": "ComplexFloatStorage",
    "complex128": "ComplexDoubleStorage",
}
_FOLDER = "archive"


def write_torch_file(file: str | os.PathLike[str] | BinaryIO, obj: Any) -> None:
    """Write nested plain values with tensors as a file of PyTorch's.

    Raises
    ------
    ArgumentTypeError
        for what PyTorch's safe loader would refuse: arrays, functions, objects; the text names the
        path.
    ArgumentError
        for nesting deeper than 100 levels, and for a list or dict that contains itself.
    SaveError
        if the system refuses to write the path.
    """
    import zipfile  # where a file is written; with its compressors it costs an import 5 ms

    writer = PickleWriter()
    writer.put(obj, ())
    content = b"\x80\x02" + b"".join(writer.out) + b"."

    def write(out: BinaryIO) -> None:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
            add_member(archive, "data.pkl", content)
            add_member(archive, "byteorder", b"little")
            for key, (array, _) in enumerate(writer.storages.values()):
                add_member(archive, f"data/{key}", array)
            add_member(archive, "version", b"3\n")

    if isinstance(file, str | os.PathLike):
        write_atomically(file, write)
    else:
        write(file)


def add_member(archive: zipfile.ZipFile, name: str, content: bytes | np.ndarray) -> None:
    """A stored member whose bytes begin at a multiple of 64, as PyTorch places them."""
    import zipfile

    info = zipfile.ZipInfo(f"{_FOLDER}/{name}", (1980, 1, 1, 0, 0, 0))
    data = memoryview(content) if isinstance(content, bytes) else content.data
    info.file_size = len(data)
    if archive.fp is not None and archive.fp.seekable():
        begin = archive.fp.tell() + 30 + len(info.filename) + 4
        padding = -begin % _ALIGNMENT
        info.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
    with archive.open(info, "w") as member:
        member.write(data)


class PickleWriter:
    """The opcodes of a value, and the storages that its tensors lie in."""

    def __init__(self) -> None:
        self.out: list[bytes] = []
        self.storages: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self.numbers: dict[int, int] = {}
        self.notes: dict[int, int] = {}
        self.kept_alive: list[Any] = []  # so that no id is used again meanwhile
        self.open: set[int] = set()

    def put(self, value: Any, path: tuple[Any, ...]) -> None:
        if id(value) in self.notes and not isinstance(value, (str, int, float)):
            if id(value) in self.open:
                raise ArgumentError(f"save: {describe(path)} contains itself")
            self.out.append(b"j" + struct.pack("<I", self.notes[id(value)]))
            return
        if len(path) > _DEEPEST:
            raise ArgumentError(f"save: values are nested deeper than {_DEEPEST} levels")
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, Tensor):
            self.put_tensor(value, path)
            self.note(value)
        elif not self.put_plain(value) and not self.put_container(value, path):
            raise ArgumentTypeError(
                f"save: {describe(path)} is a {type(value).__name__}, which PyTorch's safe loader "
                "would refuse. A .pt file holds tensors, numbers, strings, bytes, None, lists, "
                "tuples, sets, dicts, dtypes and devices; make an array a tensor with from_numpy, "
                "or save to .safetensors"
            )

    def note(self, value: Any) -> None:
        self.notes[id(value)] = len(self.notes)
        self.kept_alive.append(value)
        self.out.append(b"r" + struct.pack("<I", self.notes[id(value)]))

    def name(self, module: str, name: str) -> None:
        self.out.append(f"c{module}\n{name}\n".encode())

    def text(self, value: str) -> None:
        raw = value.encode("utf-8", "surrogatepass")
        self.out.append(b"X" + struct.pack("<I", len(raw)) + raw)

    def integer(self, value: int) -> None:
        if -(2**31) <= value < 2**31:
            self.out.append(b"J" + struct.pack("<i", value))
            return
        raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        head = (
            b"\x8a" + bytes([len(raw)]) if len(raw) < 256 else b"\x8b" + struct.pack("<i", len(raw))
        )
        self.out.append(head + raw)

    def put_plain(self, value: Any) -> bool:
        """Numbers, strings and the like; False for another kind."""
        if value is None or isinstance(value, bool):
            self.out.append({None: b"N", True: b"\x88", False: b"\x89"}[value])
        elif isinstance(value, int):
            self.integer(int(value))
        elif isinstance(value, float):
            self.out.append(b"G" + struct.pack(">d", value))
        elif isinstance(value, str):
            self.text(str(value))
        elif isinstance(value, complex):
            self.name("__builtin__", "complex")
            self.out.append(struct.pack(">cdcd", b"G", value.real, b"G", value.imag) + b"\x86R")
        elif isinstance(value, (bytes, bytearray)):
            self.name("_codecs", "encode")
            self.text(bytes(value).decode("latin1"))
            self.text("latin1")
            self.out.append(b"\x86R")
        elif isinstance(value, dtypes.DType):
            self.name("torch", value.name)
        elif isinstance(value, Device):
            self.name("torch", "device")
            self.text(value.type)
            if value.index is None:
                self.out.append(b"\x85R")
            else:
                self.integer(value.index)
                self.out.append(b"\x86R")
        else:
            return False
        return True

    def put_container(self, value: Any, path: tuple[Any, ...]) -> bool:
        """Lists, dicts, sets and tuples; False for another kind."""
        if isinstance(value, Size):
            self.name("torch", "Size")
            self.sequence(tuple(value), path)
            self.out.append(b"\x85R")
        elif isinstance(value, tuple):
            self.sequence(value, path)
        elif isinstance(value, set):
            self.name("__builtin__", "set")
            self.out.append(b"](")
            for i, part in enumerate(value):
                self.put(part, (*path, i))
            self.out.append(b"e\x85R")
        elif isinstance(value, list):
            self.out.append(b"]")
            self.fill(value, b"e", [(i, part) for i, part in enumerate(value)], path)
        elif isinstance(value, dict):
            if isinstance(value, Counter):
                self.name("collections", "Counter")
                self.out.append(b")R")
            elif isinstance(value, OrderedDict):
                self.name("collections", "OrderedDict")
                self.out.append(b")R")
            else:
                self.out.append(b"}")
            self.fill(value, b"u", list(value.items()), path)
        else:
            return False
        return True

    def sequence(self, value: tuple[Any, ...], path: tuple[Any, ...]) -> None:
        self.out.append(b"(")
        for i, part in enumerate(value):
            self.put(part, (*path, i))
        self.out.append(b"t")

    def fill(
        self, value: Any, end: bytes, pairs: list[tuple[Any, Any]], path: tuple[Any, ...]
    ) -> None:
        self.note(value)
        self.open.add(id(value))
        self.out.append(b"(")
        for key, part in pairs:
            if end == b"u":
                self.put_key(key, path)
            self.put(part, (*path, key))
        self.out.append(end)
        self.open.discard(id(value))

    def put_key(self, key: Any, path: tuple[Any, ...]) -> None:
        plain = (str, bytes, int, float, complex, type(None), np.generic)
        flat = isinstance(key, tuple) and all(isinstance(part, plain) for part in key)
        if not isinstance(key, plain) and not flat:
            raise ArgumentTypeError(
                f"save: a key in {describe(path)} is a {type(key).__name__}; keys are strings, "
                "numbers, None or flat tuples of them"
            )
        self.put(key, (*path, key))

    def put_tensor(self, tensor: Tensor, path: tuple[Any, ...]) -> None:
        array = little(tensor.array)
        memory = memory_of(array)
        if memory is None:
            array = np.ascontiguousarray(array)
            memory = array.reshape(-1).view(np.uint8)
        address = memory.ctypes.data if memory.size else id(array)
        dtype = dtypes.of(array.dtype).name
        own = self.storages.get(address)
        if own is not None and (own[1].dtype != array.dtype or own[0].nbytes != memory.nbytes):
            array = np.array(array, order="C")  # the same memory under another dtype
            memory, address = array.reshape(-1).view(np.uint8), -len(self.storages) - 1
        self.storages.setdefault(address, (memory, array))
        key = self.numbers.setdefault(address, len(self.numbers))
        typed = dtype in _STORAGES
        self.name("torch._utils", "_rebuild_tensor_v2" if typed else "_rebuild_tensor_v3")
        self.out.append(b"((")
        self.text("storage")
        if typed:
            self.name("torch", _STORAGES[dtype])
        else:
            self.name("torch.storage", "UntypedStorage")
        self.text(str(key))
        self.text("cpu")
        self.integer(memory.nbytes // (array.itemsize if typed else 1))
        self.out.append(b"tQ")
        begin = array.ctypes.data - memory.ctypes.data if memory.size else 0
        self.integer(begin // array.itemsize if array.size else 0)
        self.sequence(tuple(array.shape), path)
        self.sequence(element_strides(array), path)
        self.out.append(b"\x88" if tensor.requires_grad else b"\x89")
        self.name("collections", "OrderedDict")
        self.out.append(b")R")
        if not typed:
            self.name("torch", dtype)
        self.out.append(b"tR")


def element_strides(array: np.ndarray) -> tuple[int, ...]:
    """Strides in elements; of an array without any, those that PyTorch gives it."""
    if array.size:
        return tuple(n // array.itemsize for n in array.strides)
    later = [max(1, n) for n in array.shape[1:]] + [1] * min(1, array.ndim)
    return tuple(math.prod(later[i:]) for i in range(array.ndim))


def little(array: np.ndarray) -> np.ndarray:
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def memory_of(array: np.ndarray) -> np.ndarray | None:
    """The bytes of the memory that an array is a view of; None if it is better copied."""
    if not array.size or any(step < 0 or step % array.itemsize for step in array.strides):
        return None
    base = array
    while isinstance(owner_of(base), np.ndarray):
        base = np.asarray(owner_of(base))
    order = sorted(range(base.ndim), key=lambda axis: -base.strides[axis])
    dense = base.transpose(order)
    if not dense.flags.c_contiguous or dense.nbytes % array.itemsize:
        return None
    memory: np.ndarray = dense.reshape(-1).view(np.uint8)
    return None if (array.ctypes.data - memory.ctypes.data) % array.itemsize else memory


def owner_of(array: np.ndarray) -> Any:
    """What an array is a view of: an array itself, also behind a memory view of one."""
    base = array.base
    return base.obj if isinstance(base, memoryview) else base


def describe(path: tuple[Any, ...]) -> str:
    return "the value" + "".join(f"[{quote(key)}]" for key in path)
