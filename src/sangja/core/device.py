"""Where a tensor lives and how it lies in memory: PyTorch's words, of which the CPU and NumPy's
strides are all there is."""

from __future__ import annotations

import re
from typing import Any

from sangja.core.errors import ArgumentTypeError, DeviceError, NoCudaError, ShapeError

KNOWN = ("cpu", "cuda", "meta", "mps", "xla", "xpu")


class Device:
    """A place for tensors: `device("cpu")`, `device("cuda:0")`, `device("cuda", 0)`.

    Naming one is allowed everywhere; a tensor can be put on the CPU only.

    >>> Device("cuda:1").index
    1
    """

    __slots__ = ("index", "type")

    def __init__(self, type: Any, index: int | None = None) -> None:
        if isinstance(type, Device):
            type, index = type.type, type.index
        elif isinstance(type, int) and not isinstance(type, bool):
            type, index = "cuda", type
        if not isinstance(type, str):
            raise ArgumentTypeError(f"device: expected a name such as 'cpu', got {type!r}")
        found = re.fullmatch(r"([a-z]+)(?::(\d+))?", type)
        if found is None or found[1] not in KNOWN:
            meant = " (a graphics card is 'cuda')" if type.startswith("gpu") else ""
            raise DeviceError(
                f"Invalid device string: '{type}'; the names are {', '.join(KNOWN)}{meant}"
            )
        if found[2] is not None and index is not None:
            raise DeviceError(f"device: the index is given twice, in '{type}' and as {index}")
        self.type: str = found[1]
        self.index: int | None = int(found[2]) if found[2] is not None else index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"

    def __enter__(self) -> Device:
        """`with device:` new tensors are made there: on the CPU, as everywhere."""
        return check_device(self)

    def __exit__(self, *exc: object) -> None:
        return None

    def __reduce__(self) -> tuple[Any, ...]:
        return Device, (str(self),)


CPU = Device("cpu")


def check_device(device: Any) -> Device:
    """The device, if tensors can be made there: the CPU; `None` means it."""
    if device is None or device == "cpu":
        return CPU
    found = Device(device)
    if found.type != "cpu":
        kind = NoCudaError if found.type == "cuda" else DeviceError
        raise kind(
            f"cannot put a tensor on {str(found)!r}: sangja computes on the CPU. Choose the device "
            "with `'cuda' if sangja.cuda.is_available() else 'cpu'`"
        )
    return found


def get_default_device() -> Device:
    """Where new tensors are made: on the CPU."""
    return CPU


def set_default_device(device: Any) -> None:
    """Make new tensors on a device. Raises `DeviceError` for any but the CPU."""
    check_device(device)


class Layout:
    """How the elements of a tensor are found: `strided`, by steps in memory, is the only one."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"sangja.{self.name}"


class MemoryFormat(Layout):
    """The order in which a new tensor's dimensions lie in memory."""

    __slots__ = ()


strided = Layout("strided")
contiguous_format = MemoryFormat("contiguous_format")
preserve_format = MemoryFormat("preserve_format")
channels_last = MemoryFormat("channels_last")
channels_last_3d = MemoryFormat("channels_last_3d")


# The dimensions from the one with the longest steps in memory to the one with the shortest.
ORDERS = {channels_last: (0, 2, 3, 1), channels_last_3d: (0, 2, 3, 4, 1)}


def memory_order(memory_format: Any, ndim: int) -> tuple[int, ...] | None:
    """The order of dimensions in memory that a format asks for; None for one that asks for none.

    Raises `ArgumentTypeError` for what is no format, `ShapeError` for one of other dimensions.
    """
    if memory_format is None or memory_format is preserve_format:
        return None
    if memory_format is contiguous_format:
        return tuple(range(ndim))
    order = ORDERS.get(memory_format) if isinstance(memory_format, MemoryFormat) else None
    if order is None:
        raise ArgumentTypeError(
            f"memory_format: expected one such as sangja.channels_last, got {memory_format!r}"
        )
    if len(order) != ndim:
        raise ShapeError(
            f"required rank {len(order)} tensor to use {memory_format.name} format; got {ndim}"
        )
    return order


def cuda_is_available() -> bool:
    """Whether tensors can be put on a GPU: no."""
    return False


def cuda_device_count() -> int:
    """How many GPUs tensors can be put on: none."""
    return 0
