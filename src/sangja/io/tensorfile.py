"""Tensor files: ``.safetensors`` that any program can read, with a checksum for every byte.

To other programs the file is a normal safetensors file. Beside the strings of its writer, its
``__metadata__`` holds:

=================== ================================================================
``sangja.format``   version of this layout, ``"1"``
``sangja.header``   CRC-32 of the length and the header, this text taken as 00000000
``sangja.tensors``  CRC-32 of the bytes of each tensor, in the order of the header
``sangja.document`` JSON text with the values that are no tensors (may be absent)
=================== ================================================================

CRC-32 finds every change of up to 32 neighbouring bits wherever it is, and a longer one but for
one in four billion. It guards against accidents, not against an author who means harm; what
such an author can do is bounded by the checks of `sangja.io.header`.
"""

from __future__ import annotations

import errno
import os
import stat
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from sangja.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    CheckpointError,
    DamagedFileError,
    DTypeError,
    ForeignFileError,
    MissingFileError,
)
from sangja.io.atomic import write_atomically
from sangja.io.foreign import HEAD_BYTES, looks_like
from sangja.io.header import (
    DTYPES,
    LENGTH_BYTES,
    LONGEST_HEADER,
    METADATA_KEY,
    Entry,
    Header,
    is_unicode,
    parse_header,
)
from sangja.io.text import quote

FORMAT_VERSION = 1
_PREFIX = "sangja."
_FORMAT, _HEADER, _TENSORS, _DOCUMENT = (
    _PREFIX + word for word in ("format", "header", "tensors", "document")
)
_NO_CHECKSUM = "00000000"
_MEND = "Load an earlier checkpoint, or copy the file again from where it is whole"

_FILE_DTYPES = {dtype.numpy_name: file_name for file_name, dtype in DTYPES.items()}


@dataclass(frozen=True, slots=True)
class TensorFile:
    """What was read from a tensor file.

    ``verified`` is False for a file of another program (Hugging Face, PyTorch): it has no
    checksums, so its values are as good as the disk that held them.
    """

    tensors: dict[str, np.ndarray]
    metadata: dict[str, str]
    document: str | None
    verified: bool


def write_tensor_file(
    file: str | os.PathLike[str] | BinaryIO,
    tensors: Mapping[str, np.ndarray],
    metadata: Mapping[str, str] | None = None,
    document: str | None = None,
) -> None:
    """Write named arrays, strings and a JSON text as one safetensors file.

    A path is written atomically (`write_atomically`); an open binary file is written in order.

    Raises
    ------
    DTypeError
        for an array whose dtype the format does not have (object, text, complex128, …).
    ArgumentError, ArgumentTypeError
        for names and strings that the format cannot hold.
    SaveError
        if the system refuses to write the path.

    >>> from io import BytesIO
    >>> buffer = BytesIO()
    >>> write_tensor_file(buffer, {"weight": np.ones((2, 3), np.float32)}, {"by": "me"})
    >>> _ = buffer.seek(0)
    >>> read_tensor_file(buffer).tensors["weight"].shape
    (2, 3)
    """
    strings = _checked_strings(metadata or {})
    arrays = {_checked_name(name): _checked_array(name, x) for name, x in tensors.items()}
    order = sorted(arrays, key=lambda name: -arrays[name].itemsize)  # keeps every tensor aligned
    if document is not None and not is_unicode(document):
        raise ArgumentError("the document is not valid Unicode. Write it with json.dumps().")
    header = _build_header(arrays, order, strings, document)

    def write(out: BinaryIO) -> None:
        out.write(header)
        for name in order:
            out.write(_bytes_of(arrays[name]))

    if isinstance(file, str | os.PathLike):
        write_atomically(file, write)
    else:
        write(file)


def read_tensor_file(file: str | os.PathLike[str] | BinaryIO) -> TensorFile:
    """Read a tensor file whole and check it byte by byte.

    The header is checked before anything is allocated, every tensor against its checksum. Needs
    the memory of the tensors, and of the header up to thirty times its length while it is parsed.
    A binary file must be seekable; it is read from where it stands to its end.

    Raises
    ------
    DamagedFileError
        if a byte changed (the tensor is named) or the file ends too early.
    ForeignFileError
        if it is something else; the text says what it looks like.
    MissingFileError
        (a ``FileNotFoundError``) if it is not there.
    CheckpointError
        if the system refuses to read it, or it was written by a newer version of sangja.
    """
    if not isinstance(file, str | os.PathLike):
        start = file.tell()
        size = file.seek(0, os.SEEK_END) - start
        file.seek(start)
        return _read(file, size, "the given file")
    path = os.fsdecode(file)
    with _reading(path):
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "a device or a pipe"
            raise ForeignFileError(
                f"{path} is {what}, not a file with tensors. Give a file's path."
            )
        with open(path, "rb") as opened:
            return _read(opened, os.fstat(opened.fileno()).st_size, path)


@contextmanager
def _reading(path: str) -> Iterator[None]:
    """Says of every error of the system which file it met and what to do."""
    try:
        yield
    except CheckpointError:
        raise
    except FileNotFoundError as error:
        raise MissingFileError(f"{path} does not exist. Check the path and its folder.") from error
    except OSError as error:
        if error.errno == errno.EIO:
            raise DamagedFileError(f"{path} cannot be read: {error.strerror}. {_MEND}.") from error
        raise CheckpointError(
            f"{path} cannot be read: {error.strerror}. Check its path and its permissions."
        ) from error


# Writing ------------------------------------------------------------------------------------------


def _checked_strings(metadata: Mapping[str, str]) -> dict[str, str]:
    for key, text in metadata.items():
        if not isinstance(key, str) or not isinstance(text, str):
            raise ArgumentTypeError(
                f"metadata[{quote(key)}] is {type(text).__name__}; metadata of a tensor file is "
                "strings by strings. Convert it with str() or put it into the checkpoint itself."
            )
        if key.startswith(_PREFIX):
            raise ArgumentError(
                f"metadata[{quote(key)}]: keys that begin with '{_PREFIX}' belong to the format. "
                "Choose another key."
            )
        if not is_unicode(key) or not is_unicode(text):
            raise ArgumentError(f"metadata[{quote(key)}] is not valid Unicode. Encode it as ASCII.")
    return dict(metadata)


def _checked_name(name: str) -> str:
    if not isinstance(name, str):
        raise ArgumentTypeError(f"tensors are named by strings, got the name {quote(name)}.")
    if name == METADATA_KEY or not is_unicode(name):
        raise ArgumentError(f"a tensor cannot be named {quote(name)}. Choose another name.")
    return name


def _checked_array(name: str, x: np.ndarray) -> np.ndarray:
    if not isinstance(x, np.ndarray) or isinstance(x, np.ma.MaskedArray):
        raise ArgumentTypeError(
            f"tensor {quote(name)} is {type(x).__name__}; a tensor file holds NumPy arrays. "
            "Convert it with numpy.asarray()."
        )
    if x.dtype.name not in _FILE_DTYPES:
        raise DTypeError(
            f"tensor {quote(name)} has dtype {x.dtype}, which a tensor file cannot hold. "
            f"Convert it to one of: {', '.join(_FILE_DTYPES)}."
        )
    return x


def _bytes_of(x: np.ndarray) -> memoryview:
    """The elements in C order, little-endian, without a copy where they lie so already."""
    little = x.astype(x.dtype.newbyteorder("<"), order="C", copy=False)
    return little.reshape(-1).view(np.uint8).data


def _build_header(
    arrays: dict[str, np.ndarray], order: list[str], strings: dict[str, str], document: str | None
) -> bytes:
    """The length and the header, checksums filled in, padded so that the tensors are aligned."""
    begins: dict[str, int] = {}
    filled = 0
    for name in order:
        begins[name] = filled
        filled += arrays[name].nbytes
    metadata = {
        _FORMAT: str(FORMAT_VERSION),
        _HEADER: _NO_CHECKSUM,
        _TENSORS: " ".join(_checksum(_bytes_of(x)) for x in arrays.values()),
        **({} if document is None else {_DOCUMENT: document}),
        **strings,
    }
    entries = {
        name: {
            "dtype": _FILE_DTYPES[x.dtype.name],
            "shape": x.shape,
            "data_offsets": (begins[name], begins[name] + x.nbytes),
        }
        for name, x in arrays.items()
    }
    content = {METADATA_KEY: metadata, **entries}
    import json  # where it is used: 3 ms of an import

    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    if len(text) > LONGEST_HEADER:
        raise ArgumentError(
            f"the names and the values that are no tensors take {len(text):,} bytes; the format "
            f"allows {LONGEST_HEADER:,}. Keep long lists of numbers as arrays."
        )
    blank = len(text).to_bytes(LENGTH_BYTES, "little") + text
    return blank.replace(_header_mark(_NO_CHECKSUM), _header_mark(_checksum(blank)), 1)


def _header_mark(checksum: str) -> bytes:
    # Within a string of JSON every quotation mark is escaped: these bytes are a key and its value.
    return f'"{_HEADER}":"{checksum}"'.encode()


def _checksum(data: bytes | memoryview) -> str:
    return f"{zlib.crc32(data):08x}"


# Reading ------------------------------------------------------------------------------------------


def _read(file: BinaryIO, size: int, label: str) -> TensorFile:
    try:
        raw = _read_raw_header(file, size, label)
        header = parse_header(raw[LENGTH_BYTES:], size - len(raw))
        checksums = _verified_checksums(raw, header)
    except DamagedFileError as error:
        raise DamagedFileError(f"{label} is damaged: {error}. {_MEND}.") from error
    if checksums is not None:
        _check_version(header, label)
    found = {
        entry.name: _read_tensor(file, entry, label, checksums)
        for entry in sorted(header.entries, key=lambda entry: (entry.begin, entry.end))
    }
    tensors = {entry.name: found[entry.name] for entry in header.entries}
    strings = {key: text for key, text in header.metadata.items() if not key.startswith(_PREFIX)}
    return TensorFile(tensors, strings, header.metadata.get(_DOCUMENT), checksums is not None)


def _read_raw_header(file: BinaryIO, size: int, label: str) -> bytes:
    """The length and the header as they stand; or what the file is instead."""
    head = file.read(min(size, HEAD_BYTES))
    length = int.from_bytes(head[:LENGTH_BYTES], "little")
    if head[LENGTH_BYTES : LENGTH_BYTES + 1] != b"{":
        what = looks_like(head)
        if what is not None:
            raise ForeignFileError(f"{label} is no tensor file. It looks like {what}.")
        if length > LONGEST_HEADER and b'"data_offsets"' not in head:
            raise ForeignFileError(
                f"{label} is no tensor file, nor anything known here. "
                "Give a .safetensors file or a checkpoint of sangja."
            )
        raise DamagedFileError("its header does not begin as one")
    if length > LONGEST_HEADER:
        raise DamagedFileError(
            f"it gives its header {length:,} bytes, and the format allows {LONGEST_HEADER:,}"
        )
    if length > size - LENGTH_BYTES:
        raise DamagedFileError(
            f"it gives its header {length:,} bytes and only {size - LENGTH_BYTES:,} follow: it was "
            "cut short"
        )
    wanted = LENGTH_BYTES + length
    raw = head[:wanted] + file.read(max(0, wanted - len(head)))
    if len(raw) != wanted:
        raise DamagedFileError("it ended while its header was read")
    if wanted < len(head):
        file.seek(wanted - len(head), os.SEEK_CUR)
    return raw


def _verified_checksums(raw: bytes, header: Header) -> dict[str, str] | None:
    """Checksum of every tensor, the header found whole; None for a file of another program."""
    metadata = header.metadata
    if not any(key.startswith(_PREFIX) for key in metadata):
        return None
    missing = [key for key in (_FORMAT, _HEADER, _TENSORS) if key not in metadata]
    if missing:
        raise DamagedFileError(f"its header lacks {quote(missing[0])}")
    mark = _header_mark(metadata[_HEADER])
    found = _checksum(raw.replace(mark, _header_mark(_NO_CHECKSUM), 1))
    if mark not in raw or found != metadata[_HEADER]:
        raise DamagedFileError(
            f"its header has the checksum {found} and says {quote(metadata[_HEADER])} (or another "
            "program wrote the file anew and kept the old checksums)"
        )
    checksums = metadata[_TENSORS].split(" ") if header.entries else []
    if len(checksums) != len(header.entries):
        raise DamagedFileError(
            f"it has {len(checksums)} checksums for its {len(header.entries)} tensors"
        )
    return {entry.name: text for entry, text in zip(header.entries, checksums, strict=True)}


def _check_version(header: Header, label: str) -> None:
    version = header.metadata[_FORMAT]
    if version != str(FORMAT_VERSION):
        raise CheckpointError(
            f"{label} is written in version {quote(version)} of the format; this sangja reads "
            f"version '{FORMAT_VERSION}'. Update sangja with: pip install -U sangja"
        )


def _read_tensor(
    file: BinaryIO, entry: Entry, label: str, checksums: dict[str, str] | None
) -> np.ndarray:
    where = f"tensor {quote(entry.name)} in {label}"
    dtype = _numpy_dtype(entry.dtype, where)
    try:
        x = np.empty(entry.shape, dtype.newbyteorder("<"))
    except ValueError as error:
        raise DamagedFileError(f"{where} is damaged: {error}. {_MEND}.") from error
    except MemoryError as error:
        raise CheckpointError(
            f"{where} needs {entry.end - entry.begin:,} bytes of memory, more than can be had. "
            "Close other programs, or load it where there is more memory."
        ) from error
    content = x.reshape(-1).view(np.uint8).data
    if not _read_fully(file, content):
        raise DamagedFileError(f"{where} is damaged: the file ended while it was read. {_MEND}.")
    if checksums is not None and _checksum(content) != checksums[entry.name]:
        raise DamagedFileError(
            f"{where} is damaged: its bytes have the checksum {_checksum(content)}, and "
            f"{quote(checksums[entry.name])} was written down. {_MEND}."
        )
    if entry.dtype == "BOOL" and x.size and x.view(np.uint8).max() > 1:
        raise DamagedFileError(f"{where} is damaged: it has booleans beside 0 and 1. {_MEND}.")
    return x.astype(dtype, copy=False)


def _read_fully(file: BinaryIO, content: memoryview) -> bool:
    done = 0
    while done < len(content):
        got = file.readinto(content[done:])  # type: ignore[attr-defined]
        if not got:
            return False
        done += got
    return True


def _numpy_dtype(file_dtype: str, where: str) -> np.dtype:
    name, _, of_ml_dtypes = DTYPES[file_dtype]
    if not of_ml_dtypes:
        return np.dtype(name)
    try:
        import ml_dtypes
    except ImportError as error:
        raise CheckpointError(
            f"{where} is {name}, which NumPy has only through a package. "
            "Install it with: pip install ml_dtypes"
        ) from error
    dtype: np.dtype = np.dtype(getattr(ml_dtypes, name))
    return dtype
