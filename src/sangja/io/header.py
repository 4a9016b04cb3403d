"""The header of a tensor file: what it says, and whether that can be true.

A ``.safetensors`` file is the length of its header (8 bytes, little-endian), the header (JSON),
and the bytes of all tensors::

    {"__metadata__": {"key": "text"}, "weight": {"dtype": "F32", "shape": [2, 3],
     "data_offsets": [0, 24]}}

Everything in it is the claim of a stranger. It is read here with exact integers and held against
the number of bytes that are there before a single array is allocated. What is found wrong is raised
as half a sentence ("its header …"); the reader of the file puts the file's name before it.

Format: https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from sangja.core.errors import DamagedFileError
from sangja.io.text import quote

# The limit that the format itself states.
LONGEST_HEADER = 100_000_000
# What a NumPy array can have; also keeps the product of a shape short.
MOST_DIMENSIONS = 64
LENGTH_BYTES = 8
METADATA_KEY = "__metadata__"


class FileDtype(NamedTuple):
    """A dtype of the format: NumPy's name, bytes of one element, whether ml_dtypes defines it."""

    numpy_name: str
    item_bytes: int
    of_ml_dtypes: bool = False


DTYPES = {
    "BOOL": FileDtype("bool", 1),
    "U8": FileDtype("uint8", 1),
    "I8": FileDtype("int8", 1),
    "U16": FileDtype("uint16", 2),
    "I16": FileDtype("int16", 2),
    "F16": FileDtype("float16", 2),
    "U32": FileDtype("uint32", 4),
    "I32": FileDtype("int32", 4),
    "F32": FileDtype("float32", 4),
    "U64": FileDtype("uint64", 8),
    "I64": FileDtype("int64", 8),
    "F64": FileDtype("float64", 8),
    "C64": FileDtype("complex64", 8),
    "BF16": FileDtype("bfloat16", 2, of_ml_dtypes=True),
    "F8_E5M2": FileDtype("float8_e5m2", 1, of_ml_dtypes=True),
    "F8_E4M3": FileDtype("float8_e4m3fn", 1, of_ml_dtypes=True),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What the header says of one tensor; ``begin`` and ``end`` count from the header's end."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """A header found to be consistent: its metadata, and its tensors in the order it names them."""

    metadata: dict[str, str]
    entries: list[Entry]


def parse_header(text: bytes, data_bytes: int) -> Header:
    """Read a header that is followed by ``data_bytes`` bytes of tensors.

    Raises `DamagedFileError` for anything but a header whose tensors fill those bytes exactly.
    """
    document = parse_strict_json(text, integers_only=True)
    if not isinstance(document, dict):
        raise DamagedFileError("its header is not a JSON object")
    metadata = _metadata(document.pop(METADATA_KEY, {}))
    entries = [_entry(name, value, data_bytes) for name, value in document.items()]
    _check_that_entries_fill(entries, data_bytes)
    return Header(metadata, entries)


def parse_strict_json(text: str | bytes, *, integers_only: bool = False) -> Any:
    """``json.loads`` without its leniencies: no key twice, no NaN, no endless nesting or digits."""
    import json  # where it is used: 3 ms of an import

    parse_float: Callable[[str], float] = _refuse_number if integers_only else float
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        return json.loads(
            text,
            object_pairs_hook=_object_of_distinct_keys,
            parse_constant=_refuse_number,
            parse_float=parse_float,
            parse_int=_short_integer,
        )
    except RecursionError as error:
        raise DamagedFileError("its JSON is nested too deeply") from error
    except MemoryError as error:
        raise DamagedFileError("its JSON needs more memory than there is") from error
    except ValueError as error:  # of json, of the UTF-8 decoder
        raise DamagedFileError(f"its JSON is not valid ({error})") from error


def _object_of_distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise DamagedFileError(f"its JSON has the key {quote(key)} twice")
            seen.add(key)
    return result


def _refuse_number(text: str) -> NoReturn:
    raise DamagedFileError(
        f"its JSON has the number {quote(text)}, where only whole numbers can stand"
    )


def _short_integer(text: str) -> int:
    if len(text) > 20:
        raise DamagedFileError(f"its JSON has a number of {len(text):,} digits")
    return int(text)


def _metadata(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise DamagedFileError("its __metadata__ is not an object of texts")
    if not all(is_unicode(key) and is_unicode(text) for key, text in value.items()):
        raise DamagedFileError("its __metadata__ is not valid Unicode")
    return value


def _entry(name: str, value: Any, data_bytes: int) -> Entry:
    where = f"its header gives the tensor {quote(name)}"
    if not is_unicode(name):
        raise DamagedFileError(f"{where} a name that is not valid Unicode")
    if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
        raise DamagedFileError(f"{where} something else than a dtype, a shape and data_offsets")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise DamagedFileError(f"{where} the dtype {quote(dtype)}, which is not known here")
    if not _are_sizes(shape) or len(shape) > MOST_DIMENSIONS:
        raise DamagedFileError(
            f"{where} the shape {quote(shape)}, not a list of at most {MOST_DIMENSIONS} sizes"
        )
    if not _are_sizes(offsets) or len(offsets) != 2 or not offsets[0] <= offsets[1] <= data_bytes:
        raise DamagedFileError(
            f"{where} the data_offsets {quote(offsets)}, not a range within the {data_bytes:,} "
            "bytes that follow the header"
        )
    needed = math.prod(shape) * DTYPES[dtype].item_bytes
    if needed != offsets[1] - offsets[0]:
        raise DamagedFileError(
            f"{where} {offsets[1] - offsets[0]:,} bytes, but its shape {quote(shape)} of {dtype} "
            f"needs {needed:,}"
        )
    return Entry(name, dtype, tuple(shape), offsets[0], offsets[1])


def _are_sizes(value: Any) -> bool:
    # type() and not isinstance(): a JSON true is an int to Python.
    return isinstance(value, list) and all(type(size) is int and size >= 0 for size in value)


def is_unicode(text: str) -> bool:
    """Whether ``text`` can be written as UTF-8: JSON can escape halves of characters."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _check_that_entries_fill(entries: list[Entry], data_bytes: int) -> None:
    filled = 0
    for entry in sorted(entries, key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != filled:
            what = "overlaps the one before" if entry.begin < filled else "leaves a hole before it"
            raise DamagedFileError(f"its header has the tensor {quote(entry.name)} where it {what}")
        filled = entry.end
    if filled != data_bytes:
        raise DamagedFileError(
            f"its tensors take {filled:,} bytes and {data_bytes:,} follow the header: it was cut "
            "short or something was added"
        )
