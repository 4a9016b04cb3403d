"""A zip file whose members lie in it as they are: where each is, checked before it is read.

Only stored members are read, so that none is larger than the file; none may overlap another; no
name becomes a path. Each is compared with its CRC-32.
"""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO, NamedTuple

from sangja.core.errors import CheckpointError, DamagedFileError
from sangja.io.text import quote

_END, _END64, _LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_LARGEST_LIST = 8_000_000  # bytes of the list of members


class Member(NamedTuple):
    """A member: where its bytes begin, how many there are, their CRC-32."""

    name: str
    start: int
    size: int
    crc: int


class Archive:
    """The members of a stored zip in an open file, from `base` on."""

    def __init__(self, file: BinaryIO, base: int, size: int) -> None:
        self.file, self.base, self.size = file, base, size
        self.members = self._list()

    def read(self, name: str) -> bytearray:
        """The bytes of a member, compared with its checksum."""
        member = self.member(name)
        content = bytearray(member.size)
        self.file.seek(self.base + member.start)
        view, done = memoryview(content), 0
        while done < member.size:
            got = self.file.readinto(view[done:])  # type: ignore[attr-defined]
            if not got:
                raise DamagedFileError(f"it ended while {quote(name)} was read")
            done += got
        if zlib.crc32(content) != member.crc:
            raise DamagedFileError(f"the bytes of {quote(name)} do not match their checksum")
        return content

    def member(self, name: str) -> Member:
        if name not in self.members:
            raise DamagedFileError(f"it lacks {quote(name)}")
        return self.members[name]

    def _at(self, start: int, count: int) -> bytes:
        if start < 0 or count < 0 or start + count > self.size:
            raise DamagedFileError("its list of members points past its end")
        self.file.seek(self.base + start)
        found = self.file.read(count)
        if len(found) != count:
            raise DamagedFileError("it ended while its list of members was read")
        return found

    def _end(self) -> tuple[int, int, int]:
        """Where the list of members begins, its bytes, and how many members there are."""
        first = max(0, self.size - 65_557)
        tail = self._at(first, self.size - first)
        place = tail.rfind(_END)
        if place < 0 or place + 22 > len(tail):
            raise DamagedFileError("it has no list of members at its end: it was cut short")
        count, length, start = struct.unpack("<HII", tail[place + 10 : place + 20])
        locator = tail[place - 20 : place] if place >= 20 else b""
        if locator.startswith(_LOCATOR):
            (where,) = struct.unpack("<Q", locator[8:16])
            record = self._at(where, 56)
            if not record.startswith(_END64):
                raise DamagedFileError("its list of members cannot be found")
            count, length, start = struct.unpack("<QQQ", record[32:56])
        if length > _LARGEST_LIST:
            raise CheckpointError(f"its list of members takes {length:,} bytes, which is too many")
        return start, length, count

    def _list(self) -> dict[str, Member]:
        start, length, count = self._end()
        raw = self._at(start, length)
        found: dict[str, Member] = {}
        place = 0
        while place < length:
            if raw[place : place + 4] != b"PK\x01\x02" or place + 46 > length:
                raise DamagedFileError("its list of members is broken")
            flags, method, crc, packed, size, names, extras, notes, offset = struct.unpack(
                "<8xHH4xIIIHHH8xI", raw[place : place + 46]
            )
            after = place + 46 + names
            try:
                name = raw[place + 46 : after].decode("utf-8")
            except UnicodeDecodeError as error:
                raise DamagedFileError("a name in its list of members is no text") from error
            packed, size, offset = wide_sizes(raw[after : after + extras], packed, size, offset)
            if name in found:
                raise DamagedFileError(f"it lists {quote(name)} twice")
            if flags & 1 or method or packed != size:
                raise CheckpointError(
                    f"its member {quote(name)} is compressed or encrypted, as PyTorch writes none"
                )
            found[name] = Member(name, self._content(offset, size, start), size, crc)
            place = after + extras + notes
        if place != length or len(found) != count:
            raise DamagedFileError("its list of members is broken")
        self._refuse_overlaps(found)
        return found

    def _content(self, offset: int, size: int, list_start: int) -> int:
        head = self._at(offset, 30)
        if head[:4] != b"PK\x03\x04":
            raise DamagedFileError("its list of members points where none begins")
        names, extras = struct.unpack("<HH", head[26:30])
        begin = offset + 30 + int(names) + int(extras)
        if begin + size > list_start:
            raise DamagedFileError("a member in it is larger than the file")
        return begin

    @staticmethod
    def _refuse_overlaps(members: dict[str, Member]) -> None:
        end = 0
        for member in sorted(members.values(), key=lambda m: (m.start, m.size)):
            if member.start < end:
                raise CheckpointError(f"its member {quote(member.name)} overlaps another")
            end = member.start + member.size


def wide_sizes(extra: bytes, packed: int, size: int, offset: int) -> tuple[int, int, int]:
    """The sizes and the place of a member, where they need 64 bits."""
    place, full = 0, 0xFFFFFFFF
    while place + 4 <= len(extra):
        kind, length = struct.unpack("<HH", extra[place : place + 4])
        content = extra[place + 4 : place + 4 + length]
        if kind == 1:
            numbers = list(
                struct.unpack(f"<{len(content) // 8}Q", content[: len(content) // 8 * 8])
            )
            size = numbers.pop(0) if size == full and numbers else size
            packed = numbers.pop(0) if packed == full and numbers else packed
            offset = numbers.pop(0) if offset == full and numbers else offset
        place += 4 + length
    return packed, size, offset
