"""A checkpoint's values as JSON text, and back, each as exactly what it was.

Strings, booleans, None, lists, finite floats, integers of up to 64 bits and dicts by strings are
JSON's own. What JSON lacks is an object of one key that begins with ``$``:

========================= ======================================================
``{"$tensor": name}``     a tensor of the file          ``"$array"``: an array
``{"$array": [name, "complex128"]}`` one kept as pairs of float64
``{"$float": "nan"}``     also ``"inf"`` and ``"-inf"``
``{"$int": "0x1f"}``      an integer of more than 64 bits, in hexadecimal
``{"$complex": [re, im]}`` a complex number
``{"$bytes": "00ff"}``    bytes, in hexadecimal
``{"$scalar": ["float32", "0000803f"]}`` a NumPy scalar: dtype and little-endian bytes
``{"$dtype": "float32"}`` a dtype of sangja
``{"$size": [2, 3]}``     the shape of a tensor
``{"$tuple": […]}``       a tuple
``{"$dict": [[key, value], …]}`` a dict by other keys   ``"$ordered"``: an OrderedDict
========================= ======================================================

Nothing in it names code: reading it can build these values and no others.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from sangja.core.dtypes import ALL, DType
from sangja.core.errors import ArgumentError, ArgumentTypeError, DamagedFileError
from sangja.core.shapes import Size
from sangja.io.header import parse_strict_json
from sangja.io.text import quote

# Levels of nesting; each is up to three of JSON, of which Python's parser allows about 1,000.
DEEPEST = 100

_KINDS = (
    "A checkpoint holds tensors, arrays, numbers, strings, bytes, None, lists, tuples and dicts"
)
_SCALARS = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
)
_DTYPES = {dtype.name: dtype for dtype in ALL}
# What can be a key of a dict.
_KEY_TYPES = (str, bool, int, float, type(None), tuple, bytes, complex)

# Puts an array or a tensor away and gives the object that stands for it; None for other values.
PutAway = Callable[[Any, tuple[object, ...]], dict[str, Any] | None]
# Gives back what the object with this "$" key and this content stood for.
TakeOut = Callable[[str, Any], Any]


def write_document(value: Any, put_away: PutAway) -> str:
    """The JSON text of ``value``; arrays and tensors in it go to ``put_away`` with their path.

    Raises
    ------
    ArgumentTypeError
        for a value that a checkpoint cannot hold; the text names its path.
    ArgumentError
        for nesting deeper than 100 levels, and for a list or dict that contains itself.
    """
    encoded = _Writer(put_away).encode(value, ())
    import json  # where it is used: 3 ms of an import

    return json.dumps(encoded, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def read_document(text: str, take_out: TakeOut) -> Any:
    """The value that ``text`` describes; raises `DamagedFileError` if it describes none."""
    return _Reader(take_out).decode(parse_strict_json(text), 0)


def show_path(path: tuple[object, ...]) -> str:
    """A path as one would write it in Python.

    >>> show_path(("model", "layers", 0))
    "checkpoint['model']['layers'][0]"
    """
    return "checkpoint" + "".join(f"[{quote(key)}]" for key in path)


class _Writer:
    def __init__(self, put_away: PutAway) -> None:
        self.put_away = put_away
        self.open_containers: set[int] = set()

    def encode(self, value: Any, path: tuple[object, ...]) -> Any:
        kind = type(value)
        if kind in (str, bool, type(None)):
            return value
        if kind is int:
            return value if -(2**63) <= value < 2**64 else {"$int": hex(value)}
        if kind is float:
            return value if math.isfinite(value) else {"$float": repr(value)}
        if kind in (list, tuple, dict, OrderedDict):
            return self._container(value, path)
        if kind is complex:
            parts = (value.real, value.imag)
            return {"$complex": [self.encode(part, path) for part in parts]}
        if kind is bytes:
            return {"$bytes": value.hex()}
        if kind is Size:
            return {"$size": [int(length) for length in value]}
        if kind is DType:
            return {"$dtype": value.name}
        if isinstance(value, np.generic) and value.dtype.name in _SCALARS:
            little = value.astype(value.dtype.newbyteorder("<"))
            return {"$scalar": [value.dtype.name, little.tobytes().hex()]}
        reference = self.put_away(value, path)
        if reference is None:
            raise ArgumentTypeError(f"{show_path(path)} is {_describe(value)}")
        return reference

    def _container(self, value: Any, path: tuple[object, ...]) -> Any:
        if id(value) in self.open_containers:
            raise ArgumentError(
                f"{show_path(path)} is a {type(value).__name__} that contains itself. "
                "Save the part of it that is new."
            )
        if len(path) >= DEEPEST:
            raise ArgumentError(
                f"{show_path(path[:3])}… is nested more than {DEEPEST} levels deep. "
                "Save it flatter, as one dict by longer names."
            )
        self.open_containers.add(id(value))
        try:
            if isinstance(value, dict):
                return self._mapping(value, path)
            items = [self.encode(item, (*path, i)) for i, item in enumerate(value)]
            return items if isinstance(value, list) else {"$tuple": items}
        finally:
            self.open_containers.discard(id(value))

    def _mapping(self, value: dict[Any, Any], path: tuple[object, ...]) -> Any:
        ordered = isinstance(value, OrderedDict)
        plain = all(type(key) is str and not key.startswith("$") for key in value)
        if plain and not ordered:
            return {key: self.encode(item, (*path, key)) for key, item in value.items()}
        pairs = [
            [self._key(key, path), self.encode(item, (*path, key))] for key, item in value.items()
        ]
        return {"$ordered" if ordered else "$dict": pairs}

    def _key(self, key: object, path: tuple[object, ...]) -> Any:
        if type(key) not in _KEY_TYPES:
            raise ArgumentTypeError(
                f"{show_path(path)} has the key {quote(key)} of type {type(key).__name__}. "
                "The keys in a checkpoint are strings, numbers, bytes, None or tuples of them."
            )
        return self.encode(key, (*path, key))


def _describe(value: Any) -> str:
    """What the value is, what is allowed, and what to save in its place."""
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
    if isinstance(value, type):
        return f"the class {value.__qualname__}. {_KINDS}, never code; save its name instead."
    if callable(value) and name in ("function", "builtin_function_or_method", "method"):
        return f"a {name.split('_')[-1]}. {_KINDS}, never code; save its name or its settings."
    if isinstance(value, np.ndarray):
        return f"of type {name}. {_KINDS}; convert it with numpy.asarray()."
    for plain in (OrderedDict, dict, list, tuple, str, bool, int, float):
        if isinstance(value, plain):
            return f"of type {name}. {_KINDS}; convert it with {plain.__name__}()."
    return (
        f"of type {name}. {_KINDS}; of a module or an optimizer save its state_dict(), of another "
        "object the values that build it anew."
    )


class _Reader:
    def __init__(self, take_out: TakeOut) -> None:
        self.take_out = take_out
        self.readers: dict[str, Callable[[Any, int], Any]] = {
            "$float": self._float,
            "$int": self._int,
            "$complex": self._complex,
            "$bytes": self._bytes,
            "$scalar": self._scalar,
            "$dtype": self._dtype,
            "$size": self._size,
            "$tuple": self._tuple,
            "$dict": self._dict,
            "$ordered": self._ordered,
        }

    def decode(self, value: Any, depth: int) -> Any:
        if depth > DEEPEST + 1:  # the parts of a complex number lie one deeper
            raise DamagedFileError(f"its values are nested more than {DEEPEST} levels deep")
        if isinstance(value, list):
            return [self.decode(item, depth + 1) for item in value]
        if not isinstance(value, dict):
            return value
        tag = next((key for key in value if key.startswith("$")), None)
        if tag is None:
            return {key: self.decode(item, depth + 1) for key, item in value.items()}
        if len(value) != 1:
            raise DamagedFileError(f"its values have {quote(tag)} among other keys")
        reader = self.readers.get(tag)
        if reader is None:
            return self.take_out(tag, value[tag])
        return reader(value[tag], depth)

    def _float(self, text: Any, depth: int) -> float:
        if text not in ("nan", "inf", "-inf"):
            raise _wrong("$float", text)
        return float(text)

    def _int(self, text: Any, depth: int) -> int:
        try:
            return int(text, 16)
        except (TypeError, ValueError):
            raise _wrong("$int", text) from None

    def _complex(self, parts: Any, depth: int) -> complex:
        if isinstance(parts, list) and len(parts) == 2:
            real, imag = (self.decode(part, depth + 1) for part in parts)
            if type(real) is float and type(imag) is float:
                return complex(real, imag)
        raise _wrong("$complex", parts)

    def _bytes(self, text: Any, depth: int) -> bytes:
        try:
            return bytes.fromhex(text)
        except (TypeError, ValueError):
            raise _wrong("$bytes", text) from None

    def _scalar(self, parts: Any, depth: int) -> np.generic:
        if not isinstance(parts, list) or len(parts) != 2 or parts[0] not in _SCALARS:
            raise _wrong("$scalar", parts)
        dtype = np.dtype(parts[0])
        content = self._bytes(parts[1], depth)
        if len(content) != dtype.itemsize or (dtype == np.bool_ and content > b"\x01"):
            raise _wrong("$scalar", parts)
        scalar: np.generic = np.frombuffer(content, dtype.newbyteorder("<")).astype(dtype)[0]
        return scalar

    def _dtype(self, name: Any, depth: int) -> DType:
        if not isinstance(name, str) or name not in _DTYPES:
            raise _wrong("$dtype", name)
        return _DTYPES[name]

    def _size(self, lengths: Any, depth: int) -> Size:
        if not isinstance(lengths, list) or not all(type(length) is int for length in lengths):
            raise _wrong("$size", lengths)
        return Size(lengths)

    def _tuple(self, items: Any, depth: int) -> tuple[Any, ...]:
        if not isinstance(items, list):
            raise _wrong("$tuple", items)
        return tuple(self.decode(item, depth + 1) for item in items)

    def _dict(self, pairs: Any, depth: int) -> dict[Any, Any]:
        return dict(self._pairs(pairs, depth))

    def _ordered(self, pairs: Any, depth: int) -> OrderedDict[Any, Any]:
        return OrderedDict(self._pairs(pairs, depth))

    def _pairs(self, pairs: Any, depth: int) -> list[tuple[Any, Any]]:
        if not isinstance(pairs, list):
            raise _wrong("$dict", pairs)
        result = []
        keys = set()
        for pair in pairs:
            if not isinstance(pair, list) or len(pair) != 2:
                raise _wrong("$dict", pair)
            key, value = (self.decode(part, depth + 1) for part in pair)
            try:
                keys.add(key)
            except TypeError:
                raise _wrong("$dict", pair[0]) from None
            result.append((key, value))
        if len(keys) != len(result):
            raise DamagedFileError("its values have a dict with one key twice")
        return result


def _wrong(tag: str, content: Any) -> DamagedFileError:
    return DamagedFileError(f"its values have {quote(tag)} with {quote(content)}")
