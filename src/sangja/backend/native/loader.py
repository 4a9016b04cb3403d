"""Machine code from an object file into memory that may be run.

What LLVM writes for a kernel is small: a section of code, tables of constants, and places in the
code where the addresses of those tables belong. To put that in place takes no LLVM, whose library
is then not even loaded in a process that finds all its kernels on disk: 40 MB and a tenth of a
second less. Object files of Linux on x86-64 only; all others are left to LLVM's own loader.

The format is that of the System V ABI, and its supplement for AMD64.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import platform
import struct
import sys
from dataclasses import dataclass
from typing import Any

SUPPORTED = sys.platform.startswith("linux") and platform.machine() == "x86_64"
SECTION, SYMBOL = struct.Struct("<IIQQQQIIQQ"), struct.Struct("<IBBHQQ")
MOVE = struct.Struct("<QQq")
SYMBOLS, MOVES, NO_BITS = 2, 4, 8  # kinds of sections
WRITTEN, IN_MEMORY = 1, 2  # flags of sections
UNDEFINED, RESERVED = 0, 0xFF00  # numbers of sections
LOCAL = 0  # binding of a symbol
# How an address is put into the code: its bytes, and whether it is relative to its place.
KINDS = {1: ("<Q", False), 2: ("<i", True), 4: ("<i", True), 24: ("<q", True)}
READABLE, RUNNABLE = 1, 4  # protection of memory


class UnknownFormatError(Exception):
    """An object file that holds something beyond what is needed here."""


@dataclass(slots=True, eq=False)
class Image:
    """Loaded code: the memory it lies in, and the addresses of its functions by name."""

    memory: Any
    functions: dict[str, int]

    def address(self, name: str) -> int:
        return self.functions[name]


def load(code: bytes) -> Image:
    """An object file as part of this process. Raises `UnknownFormatError`, and OSError where the
    system does not give memory that may be run."""
    if not SUPPORTED or code[:6] != b"\x7fELF\x02\x01":
        raise UnknownFormatError("no object file of Linux on x86-64")
    sections = sections_of(code)
    starts, fixed, size = layout(sections)
    memory = mmap.mmap(-1, max(size, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for number, start in starts.items():
        _, kind, _, _, offset, length, *_ = sections[number]
        if kind != NO_BITS:
            memory[start : start + length] = code[offset : offset + length]
    symbols, functions = addresses(code, sections, starts, base)
    for section in sections:
        if section[1] == MOVES and section[7] in starts:
            put_addresses(code, section, memory, base, starts[section[7]], symbols)
    protect(base, fixed)
    # Never given back: when the interpreter ends, workers still wait within such code.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(memory))
    return Image(memory, functions)


def sections_of(code: bytes) -> list[tuple[int, ...]]:
    """The table of sections: name, kind, flags, address, offset, size, link, target, alignment and
    size of an entry."""
    (at,) = struct.unpack_from("<Q", code, 0x28)
    size, count = struct.unpack_from("<HH", code, 0x3A)
    if size != SECTION.size:
        raise UnknownFormatError("a table of sections of another kind")
    return [SECTION.unpack_from(code, at + i * size) for i in range(count)]


def layout(sections: list[tuple[int, ...]]) -> tuple[dict[int, int], int, int]:
    """Where in memory each section starts that belongs there; how much memory that is without what
    is written to, which lies behind it in pages of its own, and with it."""
    starts: dict[int, int] = {}
    size = fixed = 0
    for wanted in (IN_MEMORY, IN_MEMORY | WRITTEN):
        for number, (_, _, flags, _, _, length, _, _, alignment, _) in enumerate(sections):
            if flags & (IN_MEMORY | WRITTEN) == wanted and length:
                size = -(-size // max(alignment, 1)) * max(alignment, 1)
                starts[number] = size
                size += length
        if wanted == IN_MEMORY:
            size = fixed = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
    return starts, fixed, size


def addresses(
    code: bytes, sections: list[tuple[int, ...]], starts: dict[int, int], base: int
) -> tuple[list[int | None], dict[str, int]]:
    """The addresses of all symbols (None: it has none here), and those of functions by name."""
    found: list[int | None] = []
    functions: dict[str, int] = {}
    for _, kind, _, _, offset, size, link, *_ in sections:
        if kind != SYMBOLS:
            continue
        names = sections[link][4]
        for name, info, _, section, value, _ in SYMBOL.iter_unpack(code[offset : offset + size]):
            at: int | None = None
            text = code[names + name : code.index(b"\0", names + name)].decode()
            if section in starts:
                at = base + starts[section] + value
                if info >> 4 != LOCAL:
                    functions[text] = at
            elif section == UNDEFINED and name:
                at = outside(text)
            found.append(at)
    return found, functions


@functools.cache
def outside(name: str) -> int:
    """The address of a function of the C library or of its mathematics."""
    for library in (None, "libm.so.6"):
        try:
            function = getattr(ctypes.CDLL(library), name)
        except (OSError, AttributeError):
            continue
        return int(ctypes.cast(function, ctypes.c_void_p).value or 0)
    raise UnknownFormatError(f"{name} is not known")


def put_addresses(
    code: bytes,
    section: tuple[int, ...],
    memory: Any,
    base: int,
    start: int,
    symbols: list[int | None],
) -> None:
    """Write into a section that lies at `start` the addresses that belong into its code."""
    offset, size = section[4], section[5]
    for place, info, addend in MOVE.iter_unpack(code[offset : offset + size]):
        symbol = symbols[info >> 32]
        if info & 0xFFFFFFFF not in KINDS or symbol is None:
            raise UnknownFormatError(f"an address of kind {info & 0xFFFFFFFF}")
        form, relative = KINDS[info & 0xFFFFFFFF]
        value = symbol + addend - (base + start + place if relative else 0)
        try:
            struct.pack_into(form, memory, start + place, value)
        except struct.error:
            raise UnknownFormatError("an address too far away") from None


def protect(base: int, size: int) -> None:
    """From now on these pages are read and run, and not written."""
    change = ctypes.CDLL(None, use_errno=True).mprotect
    change.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    if change(base, size, READABLE | RUNNABLE):
        raise OSError(ctypes.get_errno(), "memory cannot be made runnable")
