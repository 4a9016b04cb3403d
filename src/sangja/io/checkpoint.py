"""Checkpoints: nested values with tensors in them, as one file that holds data and no code.

``save`` splits the tensors out of a value by their paths (``model.0.weight``) into a tensor file
(`sangja.io.tensorfile`) and writes the rest as JSON (`sangja.io.document`) into its header. Any
program that reads safetensors reads the tensors; ``load`` gives the whole value back.
"""

from __future__ import annotations

import os
from typing import Any, BinaryIO

import numpy as np

from sangja.core import dtypes
from sangja.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    CheckpointError,
    DamagedFileError,
    DTypeError,
)
from sangja.engine import Tensor, wrap
from sangja.io.document import read_document, write_document
from sangja.io.header import METADATA_KEY, is_unicode
from sangja.io.tensorfile import TensorFile, read_tensor_file, write_tensor_file
from sangja.io.text import quote
from sangja.io.torchfile import read_torch_file
from sangja.io.torchwrite import write_torch_file

_TENSOR, _ARRAY = "$tensor", "$array"
_COMPLEX = "complex128"  # the format has no such dtype: kept as pairs of float64
# What other programs look for to know that weights lie as PyTorch lays them.
_LAYOUT = {"format": "pt"}
# Names of files that are written as PyTorch writes them.
_OF_TORCH = (".pt", ".pth", ".tar", ".bin", ".ckpt")
_NEW_ZIP = "_use_new_zipfile_serialization"


def save(
    obj: Any, f: str | os.PathLike[str] | BinaryIO, *, format: str | None = None, **unused: Any
) -> None:
    """Save nested dicts, lists and tuples of tensors, arrays and plain values.

    The extension says in which format: ``.pt``, ``.pth``, ``.tar``, ``.bin`` and ``.ckpt`` are
    PyTorch's, which ``torch.load(path, weights_only=True)`` reads; all others, and open files, are
    safetensors. ``format="torch"`` or ``"safetensors"`` decides otherwise. PyTorch's further
    arguments (``pickle_module``, ``pickle_protocol``) are taken and mean nothing here.

    A path is written atomically: whenever the process is killed, the path holds the old or the
    new checkpoint, whole. An open binary file is written in order. A ``state_dict`` becomes a
    safetensors file of the same names. Types are kept: the integer keys of an optimizer's state,
    tuples, ``OrderedDict``, NumPy scalars, infinities. Of a tensor the values are kept, not its
    history nor ``requires_grad``. A tensor or array that appears twice (tied weights) is written
    once and loads as one object; different views of one memory are written each for itself, and
    a list or dict that appears twice loads as two.

    Raises
    ------
    ArgumentTypeError
        for a function, class or other object; the text names its path.
    DTypeError
        for an array of objects, of text, or of another dtype without a place in the format.
    SaveError
        (an ``OSError``) if the system refuses to write; what was saved before is kept.

    >>> import io
    >>> file = io.BytesIO()
    >>> save({"epoch": 3, "mean": np.zeros(2), "state": {0: (1, 2)}}, file)
    >>> _ = file.seek(0)
    >>> load(file)
    {'epoch': 3, 'mean': array([0., 0.]), 'state': {0: (1, 2)}}
    """
    check_unused("save", unused, ("pickle_module", "pickle_protocol", _NEW_ZIP))
    if format not in (None, "torch", "safetensors"):
        raise ArgumentError(f"save: format is 'torch' or 'safetensors', got {quote(format)}")
    if format == "torch" or (format is None and _is_torch_name(f)):
        write_torch_file(f, obj)
        return
    shelf = _Shelf()
    document = write_document(obj, shelf.put_away)
    write_tensor_file(f, shelf.arrays, _LAYOUT, document)


def load(
    f: str | os.PathLike[str] | BinaryIO,
    map_location: object = None,
    *,
    weights_only: bool = True,
    mmap: bool | None = None,
    **unused: Any,
) -> Any:
    """Load what `save` wrote, a file of PyTorch (zip or older) or a safetensors file.

    What the file is, its first bytes say, not its name. Every byte of a tensor is checked against
    its checksum where the file has one. No file can make this run code, whatever
    ``weights_only`` says: it is taken so that PyTorch's calls work, and a file that needs code
    (a whole pickled module) is refused. ``map_location``: everything loads to the CPU; None, a
    CPU device, a function or a dict that ends there are taken. ``mmap=True`` leaves the tensors of
    a PyTorch file on the disk until they are used, unchecked; what is written into them stays in
    memory. A saved ``Parameter`` comes as a leaf tensor that requires a gradient.

    Raises
    ------
    DamagedFileError
        if a byte changed (the tensor is named) or the file ends too early.
    ForeignFileError
        if it is something else (a pickle, an archive, an image); the text says what.
    MissingFileError
        (a ``FileNotFoundError``) if it is not there.
    CheckpointError
        if the system refuses to read it, or it was written by a newer version of sangja.
    """
    check_unused("load", unused, ("pickle_module", "encoding"))
    if not _ends_on_the_cpu(map_location):
        raise ArgumentError(
            f"load: map_location={quote(map_location)}; a checkpoint loads to the CPU. "
            "Leave map_location out and move what was loaded."
        )
    of_torch = read_torch_file(f, bool(mmap))
    if of_torch is not None:
        return of_torch[0]
    file = read_tensor_file(f)
    if file.document is None:
        return {name: _to_tensor(name, array) for name, array in file.tensors.items()}
    label = os.fsdecode(f) if isinstance(f, str | os.PathLike) else "the given file"
    try:
        return _restore(file, file.document)
    except DamagedFileError as error:
        raise DamagedFileError(
            f"{label} is damaged: {error}. Load an earlier checkpoint, or save it anew."
        ) from error


def check_unused(what: str, given: dict[str, Any], known: tuple[str, ...]) -> None:
    """Refuse arguments that PyTorch does not take either."""
    for name in given:
        if name not in known:
            raise ArgumentTypeError(f"{what}() got an unexpected keyword argument {quote(name)}")


def _is_torch_name(f: Any) -> bool:
    return isinstance(f, str | os.PathLike) and os.fsdecode(f).lower().endswith(_OF_TORCH)


def _ends_on_the_cpu(place: object) -> bool:
    if isinstance(place, dict):
        return all(str(target) == "cpu" for target in place.values())
    return place is None or callable(place) or str(place) in ("cpu", "cpu:0")


class _Shelf:
    """Where the arrays of a value are put, each under a name made of its path."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self.references: dict[object, dict[str, Any]] = {}
        self.kept_alive: list[object] = []  # so that no id or address is used again meanwhile

    def put_away(self, value: Any, path: tuple[object, ...]) -> dict[str, Any] | None:
        if isinstance(value, Tensor):
            tag, array = _TENSOR, value.array
        elif type(value) in (np.ndarray, np.memmap):
            tag, array = _ARRAY, value
        else:
            return None
        key = (tag, _place_of(array))
        if key not in self.references:
            self.kept_alive.append((value, array))
            self.references[key] = {tag: self._shelve(array, path)}
        return self.references[key]

    def _shelve(self, array: np.ndarray, path: tuple[object, ...]) -> Any:
        name = self._free_name(path)
        if array.dtype == np.complex128:
            self.arrays[name] = np.stack([array.real, array.imag], axis=-1)
            return [name, _COMPLEX]
        self.arrays[name] = array
        return name

    def _free_name(self, path: tuple[object, ...]) -> str:
        name = ".".join(key if isinstance(key, str) else quote(key) for key in path) or "value"
        if not is_unicode(name):
            name = name.encode("utf-8", "backslashreplace").decode()
        free, count = name, 1
        while free in self.arrays or free == METADATA_KEY:
            count += 1
            free = f"{name}#{count}"
        return free


def _place_of(array: np.ndarray) -> object:
    """The same for arrays that are the same elements in memory; an empty one is only itself."""
    if not array.size:
        return id(array)
    return (array.ctypes.data, array.shape, array.strides, array.dtype.str)


def _restore(file: TensorFile, document: str) -> Any:
    restored: dict[tuple[str, str], Any] = {}

    def take_out(tag: str, content: Any) -> Any:
        name, dtype = content if isinstance(content, list) and len(content) == 2 else (content, "")
        if tag not in (_TENSOR, _ARRAY):
            raise DamagedFileError(f"its values have the unknown mark {quote(tag)}")
        if not isinstance(name, str) or name not in file.tensors or dtype not in ("", _COMPLEX):
            raise DamagedFileError(f"its values name the tensor {quote(name)}, which it lacks")
        if (tag, name) not in restored:
            array = file.tensors[name]
            if dtype == _COMPLEX:
                array = _from_pairs(name, array)
            restored[tag, name] = _to_tensor(name, array) if tag == _TENSOR else array
        return restored[tag, name]

    value = read_document(document, take_out)
    used = {name for _, name in restored}
    for name in file.tensors:
        if name not in used:
            raise DamagedFileError(f"its tensor {quote(name)} is named nowhere in its values")
    return value


def _to_tensor(name: str, array: np.ndarray) -> Tensor:
    try:
        dtypes.of(array.dtype)
    except DTypeError as error:
        raise CheckpointError(
            f"tensor {quote(name)} is {array.dtype}, which a tensor of sangja cannot be. Read the "
            "file as arrays with sangja.io.read_tensor_file(path).tensors and convert it there "
            "with .astype('float32')."
        ) from error
    return wrap(array)


def _from_pairs(name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype != np.float64 or array.ndim == 0 or array.shape[-1] != 2:
        raise DamagedFileError(f"its tensor {quote(name)} does not hold complex numbers")
    return array.view(np.complex128)[..., 0]
