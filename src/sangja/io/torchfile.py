"""Which files are PyTorch's, and reading them with every error naming the file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from sangja.core.errors import CheckpointError, DamagedFileError, MissingFileError, SangjaError
from sangja.io.foreign import HEAD_BYTES, is_old_torch, is_torch_zip
from sangja.io.torchread import read_old, read_zip


def read_torch_file(
    f: str | os.PathLike[str] | BinaryIO, mapped: bool = False
) -> tuple[Any] | None:
    """The value of a PyTorch file, alone in a tuple; None if the file is no such file (it then
    stands where it stood)."""
    if not isinstance(f, str | os.PathLike):
        if not f.seekable():
            return None
        return read_open(f, "the given file", None)
    label = os.fsdecode(f)
    if not os.path.isfile(f):  # the reader of tensor files says what it is instead
        return None
    try:
        file = open(f, "rb")  # noqa: SIM115, closed below
    except OSError:
        return None
    with file:
        return read_open(file, label, label if mapped else None)


def read_open(file: BinaryIO, label: str, mapped: str | None) -> tuple[Any] | None:
    base = file.tell()
    head = file.read(HEAD_BYTES)
    zipped = is_torch_zip(head)
    if not zipped and not is_old_torch(head):
        file.seek(base)
        return None
    size = file.seek(0, os.SEEK_END) - base
    with naming(label):
        value = read_zip(file, base, size, mapped) if zipped else read_old(file, base, size)
    return (value,)


@contextmanager
def naming(label: str) -> Iterator[None]:
    """Every error inside as one that names the file."""
    try:
        yield
    except DamagedFileError as error:
        text = f"{label} is damaged: {error}. Load an earlier checkpoint, or copy it again."
        raise DamagedFileError(text) from error
    except CheckpointError as error:
        raise CheckpointError(f"{label} cannot be loaded: {error}.") from error
    except SangjaError as error:
        raise DamagedFileError(f"{label} is damaged: {error}.") from error
    except FileNotFoundError as error:
        raise MissingFileError(f"{label} is not there any more.") from error
    except (OSError, MemoryError) as error:
        raise CheckpointError(
            f"{label} cannot be read: {error or type(error).__name__}. Copy it to another place, "
            "or load it where there is more memory."
        ) from error
