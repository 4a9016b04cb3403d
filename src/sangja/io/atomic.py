"""Files that are either the old one or the new one, whatever happens in between.

A file is written under a passing name in the same folder, brought to the disk, renamed over its
place, and the rename itself is brought to the disk, in exactly this order:

    write → fsync(file) → replace → fsync(folder)

A process killed half way leaves a passing file; the next save in that folder removes it. Whether
its writer still lives is asked of the system: a writer holds a lock on its passing file (``flock``)
for as long as it lives, on whichever side of a container or after whichever reuse of process ids.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from io import BufferedWriter, FileIO
from typing import BinaryIO

from sangja.core.errors import SaveError

try:
    import fcntl
except ImportError:  # Windows and the browser have no flock
    fcntl = None  # type: ignore[assignment]

_PASSING_NAME = re.compile(r"\.sangja-[0-9a-f]{16}\.tmp")
# Where there is no flock, a passing file this old belongs to a writer that is gone.
_ABANDONED_AFTER_SECONDS = 3600.0

# A file system without fsync for folders, or a folder one may write to but not list.
_NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES})

# What an error number means for a save, and what mends it.
_REASONS: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "Free some space or save to another disk"),
    errno.EDQUOT: ("the disk quota is used up", "Free some space or save to another disk"),
    errno.EFBIG: (
        "the file is larger than the system allows",
        "Raise the limit on file sizes (ulimit -f) or save to another file system",
    ),
    errno.EIO: (
        "the device reported an input/output error",
        "Save to another disk; check this one",
    ),
    errno.EACCES: ("permission is denied", "Change the permissions or save to another folder"),
    errno.EPERM: ("the operation is not permitted", "Save to another folder"),
    errno.EROFS: ("the file system is read-only", "Save to another folder"),
    errno.ENOENT: ("the folder does not exist", "Create the folder first"),
    errno.ENOTDIR: ("a part of its folder's path is a file", "Correct the path"),
    errno.EISDIR: ("there is a folder of this name", "Add a file name to the path"),
    errno.ENAMETOOLONG: ("the name is too long", "Choose a shorter name"),
    errno.EMFILE: ("too many files are open", "Close some, or raise the limit (ulimit -n)"),
}


def write_atomically(
    path: str | os.PathLike[str], data: bytes | memoryview | Callable[[BinaryIO], object]
) -> None:
    """Write a file so that at every moment its place holds the whole old or the whole new file.

    ``data`` is the content, or a function that writes it into the binary file it is given. A
    symbolic link is followed: the file that it names is replaced and the link stays. A file that
    is replaced keeps its permission bits; a new one gets those of the umask. Two writers of one
    path never mix: the one that finishes last wins.

    Raises
    ------
    SaveError
        (an ``OSError``) if the system refuses; the system's own error is its ``__cause__``. The
        file that stood there is untouched and no passing file stays behind.

    >>> import pathlib, tempfile
    >>> place = pathlib.Path(tempfile.mkdtemp()) / "note.txt"
    >>> write_atomically(place, b"whole")
    >>> place.read_bytes()
    b'whole'
    """
    target = os.path.realpath(os.fsdecode(path))
    try:
        _replace_file(target, data)
    except SaveError:
        raise
    except OSError as error:
        raise _refusal(target, error) from error


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write ``text`` as UTF-8, line ends as they are, with the promises of `write_atomically`."""
    write_atomically(path, text.encode("utf-8"))


def _replace_file(target: str, data: bytes | memoryview | Callable[[BinaryIO], object]) -> None:
    permissions = _permissions_of(target)
    folder = os.path.dirname(target)
    _remove_leftovers(folder)
    passing, file = _open_passing(folder, permissions)
    try:
        if callable(data):
            data(file)
        else:
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
        if fcntl is None:
            file.close()  # Windows does not rename an open file
        os.replace(passing, target)
    except BaseException:
        with suppress(OSError):
            file.close()  # tries to write once more what could not be written
        with suppress(OSError):
            os.unlink(passing)
        raise
    with suppress(OSError):  # the bytes are on the disk already
        file.close()
    _sync_folder(folder, target)


def _permissions_of(target: str) -> int | None:
    """Permission bits of the file to be replaced, None if there is none yet."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target)
    if not stat.S_ISREG(mode):
        # Renaming over a device or a pipe would replace it for every other program.
        raise SaveError(
            f"could not write {target}: it is a device or a pipe, not a file. "
            "Give the path of a file, or pass an open binary file instead of a path."
        )
    return stat.S_IMODE(mode) & 0o777


def _open_passing(folder: str, permissions: int | None) -> tuple[str, BinaryIO]:
    """Create, lock and open a new passing file."""
    while True:
        passing = os.path.join(folder, f".sangja-{os.urandom(8).hex()}.tmp")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        descriptor = os.open(passing, flags, 0o666)
        try:
            if _lock(descriptor, passing):
                if permissions is not None and os.name != "nt":
                    os.fchmod(descriptor, permissions)
                return passing, BufferedWriter(FileIO(descriptor, "wb"))
        except BaseException:
            os.close(descriptor)
            with suppress(OSError):
                os.unlink(passing)
            raise
        os.close(descriptor)


def _lock(descriptor: int, passing: str) -> bool:
    """Mark the file as having a living writer; False if a cleaner took it for a leftover."""
    if fcntl is None:
        return True
    with suppress(OSError):  # a file system without locks: then nobody can take it away either
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return os.path.exists(passing)


def _remove_leftovers(folder: str) -> None:
    """Remove the passing files of writers that are gone. What cannot be removed is let be."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _PASSING_NAME.fullmatch(entry.name):
                with suppress(OSError):
                    if entry.is_file(follow_symlinks=False):
                        _remove_if_abandoned(entry.path)


def _remove_if_abandoned(passing: str) -> None:
    if fcntl is None:
        if time.time() - os.stat(passing).st_mtime > _ABANDONED_AFTER_SECONDS:
            os.unlink(passing)
        return
    descriptor = os.open(passing, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(passing)
    finally:
        os.close(descriptor)


def _sync_folder(folder: str, target: str) -> None:
    """Bring the rename to the disk, where the system can (Windows has no such call)."""
    if os.name == "nt":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in _NO_FOLDER_SYNC:
            return
        refusal = SaveError(
            f"{target} is written, but its folder could not be brought to the disk "
            f"({_reason(error)[0]}): after a power cut the old file may be there again. "
            "Save once more, or to another disk."
        )
        refusal.errno = error.errno
        raise refusal from error


def _reason(error: OSError) -> tuple[str, str]:
    unknown = (error.strerror or str(error), "Save to another folder")
    return _REASONS.get(error.errno or 0, unknown)


def _refusal(target: str, error: OSError) -> SaveError:
    what, mend = _reason(error)
    refusal = SaveError(f"could not write {target}: {what}. {mend}; what was saved before is kept.")
    refusal.errno = error.errno
    return refusal
