"""What was worked out once on a machine, kept on disk by key: machine code, and which processor
this is.

Every file is written whole under another name and then renamed, so that two processes may write
the same one at once; it begins with a checksum, so that a damaged one is made again. Where the
folder cannot be written to, nothing is kept.
"""

from __future__ import annotations

import os
import struct
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CACHE_BYTES = 256 << 20  # the oldest machine code goes when there is more
MAGIC = b"SNGJ"
CODE = ".o"  # the ending of files with machine code


def folder() -> Path:
    """Where files are kept: `SANGJA_CACHE_DIR`, or the user's cache folder."""
    from pathlib import Path  # this and `tempfile` at the first kernel: they cost an import 10 ms

    given = os.environ.get("SANGJA_CACHE_DIR")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "sangja" / "kernels"


def read(key: str, ending: str = CODE) -> bytes | None:
    """What is kept under a key; None if there is nothing or its bytes are damaged."""
    try:
        with open(f"{folder()}/{key}{ending}", "rb") as file:
            data = file.read()
    except (OSError, RuntimeError):
        return None
    if len(data) < 8 or data[:4] != MAGIC:
        return None
    (checksum,) = struct.unpack("<I", data[4:8])
    content = data[8:]
    return content if zlib.crc32(content) == checksum else None


def write(key: str, content: bytes, ending: str = CODE) -> None:
    """Keep `content` under a key."""
    import tempfile

    with suppress(OSError, RuntimeError):
        where = folder()
        where.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=where, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(MAGIC + struct.pack("<I", zlib.crc32(content)) + content)
            os.replace(name, where / f"{key}{ending}")
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise
        if int(key[:2], 16) == 0:  # a look at the size now and then
            shrink(where)


def shrink(where: Path) -> None:
    """Take the oldest machine code away until the folder is within its bounds."""
    entries = []
    for path in where.glob("*" + CODE):
        with suppress(OSError):
            status = path.stat()
            entries.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if total <= CACHE_BYTES:
            break
        with suppress(OSError):
            path.unlink()
            total -= size
