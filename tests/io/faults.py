"""A layer between `sangja.io.atomic` and the system: it writes down every call and breaks one."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO

from sangja.io import atomic

Break = Callable[[str, Callable[[], object]], object]


def raise_errno(number: int) -> Break:
    def fail(name: str, call: Callable[[], object]) -> object:
        raise OSError(number, os.strerror(number))

    return fail


def kill_before(name: str, call: Callable[[], object]) -> object:
    os.kill(os.getpid(), signal.SIGKILL)
    return None


def kill_after(name: str, call: Callable[[], object]) -> object:
    call()
    os.kill(os.getpid(), signal.SIGKILL)
    return None


def interrupt(name: str, call: Callable[[], object]) -> object:
    raise KeyboardInterrupt


@contextmanager
def watched(break_at: int | None = None, action: Break = kill_before) -> Iterator[list[str]]:
    """Yields the list of calls made so far; the one numbered ``break_at`` meets ``action``."""
    calls: list[str] = []
    originals = (os.open, os.fchmod, os.fsync, os.replace, fcntl.flock)
    os_open, os_fchmod, os_fsync, os_replace, flock = originals

    def meet(name: str, call: Callable[[], object]) -> object:
        calls.append(name)
        return action(name, call) if len(calls) - 1 == break_at else call()

    def watched_open(path, flags, mode=0o777, **kwargs):
        name = "create" if flags & os.O_CREAT else "open folder"
        return meet(name, lambda: os_open(path, flags, mode, **kwargs))

    def watched_fsync(descriptor):
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        return meet("sync folder" if folder else "sync file", lambda: os_fsync(descriptor))

    class WatchedFileIO(FileIO):
        def write(self, data):
            # Half of it first: a full disk or a kill may come in the middle.
            half = len(data) // 2
            FileIO.write(self, data[:half])
            return half + meet("write", lambda: FileIO.write(self, data[half:]))

    os.open = watched_open
    os.fchmod = lambda *args: meet("chmod", lambda: os_fchmod(*args))
    os.fsync = watched_fsync
    os.replace = lambda *args: meet("replace", lambda: os_replace(*args))
    fcntl.flock = lambda *args: meet("lock", lambda: flock(*args))
    atomic.FileIO = WatchedFileIO
    try:
        yield calls
    finally:
        os.open, os.fchmod, os.fsync, os.replace, fcntl.flock = originals
        atomic.FileIO = FileIO
