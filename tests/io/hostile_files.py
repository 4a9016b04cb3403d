"""Files made to harm their reader, each with the error it must end in and a part of its text."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
import zlib

import numpy as np

from sangja.io import write_tensor_file

DAMAGED, FOREIGN, LOADS = "DamagedFileError", "ForeignFileError", "loads"
REFUSED = "CheckpointError"


class Command:
    """Unpickled, it would run a program."""

    def __reduce__(self):
        import os

        return os.system, ("touch /tmp/harmed",)


def raw(header: str | bytes, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else header.encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(shape="[2]", dtype='"F32"', offsets="[0,8]", name='"x"') -> str:
    return f'{{{name}:{{"dtype":{dtype},"shape":{shape},"data_offsets":{offsets}}}}}'


def two(first: str, second: str) -> str:
    template = '{{"a":{{"dtype":"U8","shape":{},"data_offsets":{}}},"b":{{"dtype":"U8",{}}}}}'
    return template.format(*first.split("@"), second)


def sealed(document: str, header_text: str | None = None) -> bytes:
    """A file with right checksums around a hostile document, or with a hostile checksum text."""
    buffer = io.BytesIO()
    write_tensor_file(buffer, {"x": np.ones(2)}, document=document)
    content = buffer.getvalue()
    if header_text is None:
        return content
    mark = content.index(b'"sangja.header":"') + len(b'"sangja.header":"')
    changed = content[8:mark] + header_text.encode() + content[mark + 8 :]
    length = struct.unpack("<Q", content[:8])[0] + len(header_text.encode()) - 8
    return struct.pack("<Q", length) + changed


def zipped(members: dict[str, bytes], **options) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../../x"))
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


DATA = bytes(8)
OLD_PYTORCH = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(Command(), 2)

HEADERS: dict[str, tuple[bytes, str, str]] = {
    "huge shape": (raw(entry("[1000000000000]"), DATA), DAMAGED, "needs 4,000,000,000,000"),
    "overflowing product": (
        raw(entry("[4294967296,4294967296,2]"), DATA),
        DAMAGED,
        "needs 147,573,952,589,676,412,928",
    ),
    "product that wraps to 8": (
        raw(entry("[2305843009213693954,8]", '"U8"'), DATA),
        DAMAGED,
        "needs 18,446,744,073,709,551,632",
    ),
    "overlap": (
        raw(two("[8]@[0,8]", '"shape":[4],"data_offsets":[4,8]'), DATA),
        DAMAGED,
        "'b' where it overlaps the one before",
    ),
    "same bytes twice": (
        raw(two("[8]@[0,8]", '"shape":[8],"data_offsets":[0,8]'), DATA),
        DAMAGED,
        "overlaps",
    ),
    "hole": (
        raw(two("[2]@[0,2]", '"shape":[4],"data_offsets":[4,8]'), DATA),
        DAMAGED,
        "leaves a hole before it",
    ),
    "hole at the start": (raw(entry("[1]", offsets="[4,8]"), DATA), DAMAGED, "leaves a hole"),
    "empty tensor inside another": (
        raw(two("[8]@[0,8]", '"shape":[0],"data_offsets":[4,4]'), DATA),
        DAMAGED,
        "overlaps",
    ),
    "past the end": (
        raw(entry("[4]", offsets="[0,16]"), DATA),
        DAMAGED,
        "not a range within the 8",
    ),
    "negative offset": (raw(entry(offsets="[-8,0]"), DATA), DAMAGED, "not a range within"),
    "offsets reversed": (raw(entry(offsets="[8,0]"), DATA), DAMAGED, "not a range within"),
    "three offsets": (raw(entry(offsets="[0,4,8]"), DATA), DAMAGED, "not a range within"),
    "offsets of 2^64": (
        raw(entry(offsets="[0,18446744073709551616]"), DATA),
        DAMAGED,
        "not a range within",
    ),
    "negative size": (raw(entry("[-2]"), DATA), DAMAGED, "not a list of at most 64 sizes"),
    "two negative sizes": (raw(entry("[-1,-2]"), DATA), DAMAGED, "not a list of at most 64 sizes"),
    "float size": (raw(entry("[2.0]"), DATA), DAMAGED, "the number '2.0', where only whole"),
    "exponent": (raw(entry("[2e0]"), DATA), DAMAGED, "the number '2e0', where only whole"),
    "boolean size": (raw(entry("[true,2]"), DATA), DAMAGED, "the shape [True, 2], not a list"),
    "text size": (raw(entry('["2"]'), DATA), DAMAGED, "not a list of at most 64 sizes"),
    "shape is a number": (raw(entry("2"), DATA), DAMAGED, "not a list of at most 64 sizes"),
    "65 dimensions": (raw(entry(f"[2{',1' * 64}]"), DATA), DAMAGED, "at most 64 sizes"),
    "100,000 dimensions": (
        raw(entry(f"[{'18446744073709551615,' * 99_999}1]"), DATA),
        DAMAGED,
        "at most 64 sizes",
    ),
    "empty with huge sizes": (
        raw(entry(f"[{2**62},{2**62},0]", offsets="[0,0]")),
        DAMAGED,
        "tensor 'x'",
    ),
    "NaN": (raw(entry("[NaN]"), DATA), DAMAGED, "the number 'NaN', where only whole"),
    "Infinity": (raw(entry("[-Infinity]"), DATA), DAMAGED, "the number '-Infinity'"),
    "a million digits": (raw(entry(f"[{'9' * 1_000_000}]"), DATA), DAMAGED, "1,000,000 digits"),
    "key twice": (raw('{"x":{},"x":{}}'), DAMAGED, "the key 'x' twice"),
    "metadata twice": (raw('{"__metadata__":{},"__metadata__":{}}'), DAMAGED, "twice"),
    "dtype twice": (
        raw(entry('[2],"dtype":"F64"'), DATA),
        DAMAGED,
        "the key 'dtype' twice",
    ),
    "another key": (raw(entry('[2],"strides":[1]'), DATA), DAMAGED, "something else than a dtype"),
    "no keys": (raw('{"x":{}}'), DAMAGED, "something else than a dtype"),
    "tensor is null": (raw('{"x":null}'), DAMAGED, "something else than a dtype"),
    "unknown dtype": (raw(entry(dtype='"OBJ"'), DATA), DAMAGED, "the dtype 'OBJ', which is not"),
    "dtype is a list": (raw(entry(dtype='["F32"]'), DATA), DAMAGED, "the dtype ['F32']"),
    "dtype nested deep": (
        raw(entry(dtype="[" * 400 + "]" * 400), DATA),
        DAMAGED,
        "the dtype [[[[[[[...]]]]]]]",
    ),
    "metadata of numbers": (raw('{"__metadata__":{"a":1}}'), DAMAGED, "not an object of texts"),
    "metadata is a list": (raw('{"__metadata__":[]}'), DAMAGED, "not an object of texts"),
    "metadata half a character": (
        raw('{"__metadata__":{"sangja.header":"\\ud800"}}'),
        DAMAGED,
        "not valid Unicode",
    ),
    "name half a character": (raw(entry(name='"\\udfff"'), DATA), DAMAGED, "not valid Unicode"),
    "not UTF-8": (raw(b'{"\xff":{}}'), DAMAGED, "its JSON is not valid"),
    "surrogates as UTF-8": (raw('{"\ud800":{}}'), DAMAGED, "its JSON is not valid"),
    "100,000 deep": (raw('{"x":' + "[" * 100_000), DAMAGED, "nested too deeply"),
    "100,000 deep objects": (raw('{"x":' * 100_000), DAMAGED, "nested too deeply"),
    "cut JSON": (raw('{"x":{"dtype"'), DAMAGED, "its JSON is not valid"),
    "two values": (raw("{}{}"), DAMAGED, "its JSON is not valid"),
    "control character": (raw('{"\n":{}}'), DAMAGED, "its JSON is not valid"),
    "comment": (raw("{/**/}"), DAMAGED, "its JSON is not valid"),
    "trailing bytes": (raw("{}", b"x"), DAMAGED, "something was added"),
    "missing bytes": (raw(entry(), bytes(7)), DAMAGED, "not a range within the 7"),
    "length 2^63": (raw("{}", length=2**63), DAMAGED, "the format allows 100,000,000"),
    "length 2^64-1": (raw("{}", length=2**64 - 1), DAMAGED, "the format allows 100,000,000"),
    "length 200 MB": (raw("{}", length=200_000_000), DAMAGED, "the format allows 100,000,000"),
    "length past the end": (raw("{}", length=99), DAMAGED, "only 2 follow: it was cut short"),
    "length 0": (raw("{}", length=0), DAMAGED, "its JSON is not valid"),
    "booleans of 7": (raw(entry("[8]", '"BOOL"'), b"\x07" * 8), DAMAGED, "booleans beside 0 and 1"),
    "only our mark": (raw('{"__metadata__":{"sangja.x":""}}'), DAMAGED, "lacks 'sangja.format'"),
}
DOCUMENTS: dict[str, tuple[bytes, str, str]] = {
    "class": (sealed('{"$class":"os.system"}'), DAMAGED, "the unknown mark '$class'"),
    "deep document": (sealed("[" * 100_000), DAMAGED, "nested too deeply"),
    "deep values": (sealed("[" * 300 + "]" * 300), DAMAGED, "more than 100 levels"),
    "no tensor": (sealed('{"$tensor":"../x"}'), DAMAGED, "the tensor '../x', which it lacks"),
    "deep mark": (sealed('{"$bytes":' + "[" * 400 + "]" * 400 + "}"), DAMAGED, "with [[[[["),
    "digits": (sealed("9" * 100_000), DAMAGED, "a number of 100,000 digits"),
    "checksum text": (sealed("1", "\\u0030"), DAMAGED, "and says '0'"),
    "checksum text long": (sealed("1", "0" * 9), DAMAGED, "and says '000000000'"),
}
FOREIGNERS: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", FOREIGN, "looks like empty (0 bytes)"),
    "pickle": (pickle.dumps(Command()), FOREIGN, "a Python pickle; it can run programs"),
    "pickle 2": (pickle.dumps(Command(), 2), FOREIGN, "a Python pickle; it can run programs"),
    "old PyTorch": (OLD_PYTORCH, REFUSED, "it names 'posix.system'"),
    "PyTorch": (
        zipped({"model/data.pkl": pickle.dumps(Command())}),
        REFUSED,
        "it names 'posix.system'",
    ),
    "npz": (zipped({"x.npy": npy(np.ones(2))}), FOREIGN, "a NumPy .npz file; read it with"),
    "zip bomb": (
        zipped({"x": bytes(50_000_000)}, compression=zipfile.ZIP_DEFLATED),
        FOREIGN,
        "a zip archive",
    ),
    "zip traversal": (zipped({"../../x": b""}), FOREIGN, "a zip archive"),
    "npy of objects": (npy(np.array([Command()])), FOREIGN, "a NumPy .npy file"),
    "npy of 400 GB": (
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (10**11,), }",
        FOREIGN,
        "a NumPy .npy file; read it with numpy.load(path, allow_pickle=False)",
    ),
    "gzip": (gzip.compress(bytes(10_000_000)), FOREIGN, "a gzip archive"),
    "bzip2": (b"BZh91AY&SY", FOREIGN, "a bzip2 archive"),
    "xz": (b"\xfd7zXZ\x00\x00\x04", FOREIGN, "an xz archive"),
    "zstd": (b"\x28\xb5\x2f\xfd\x04\x00", FOREIGN, "a zstd archive"),
    "7z": (b"7z\xbc\xaf\x27\x1c\x00\x04", FOREIGN, "a 7z archive"),
    "rar": (b"Rar!\x1a\x07\x01\x00", FOREIGN, "a rar archive"),
    "tar": (tarred(), FOREIGN, "a tar archive"),
    "hdf5": (b"\x89HDF\r\n\x1a\n\x00", FOREIGN, "an HDF5 file (Keras .h5)"),
    "gguf": (b"GGUF\x03\x00\x00\x00\x00", FOREIGN, "a GGUF file"),
    "png": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", FOREIGN, "a PNG image"),
    "jpeg": (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", FOREIGN, "a JPEG image"),
    "gif": (b"GIF89a\x01\x00\x01\x00", FOREIGN, "a GIF image"),
    "pdf": (b"%PDF-1.7\n", FOREIGN, "a PDF document"),
    "sqlite": (b"SQLite format 3\x00\x10", FOREIGN, "an SQLite database"),
    "elf": (b"\x7fELF\x02\x01\x01\x00\x00", FOREIGN, "a program (ELF)"),
    "exe": (b"MZ\x90\x00\x03\x00\x00\x00\x04", FOREIGN, "a program (Windows)"),
    "html": (b"\n<!DOCTYPE html><script>alert(1)</script>", FOREIGN, "an HTML page: a download"),
    "svg": (b"<svg onload='alert(1)'/>", FOREIGN, "an XML document"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\n", FOREIGN, "git lfs pull"),
    "json": (json.dumps({"a": 1}).encode(), FOREIGN, "JSON text"),
    "yaml": (b"!!python/object/apply:os.system ['x']\n" * 200, FOREIGN, "a text file"),
    "korean": ("상자\n".encode() * 2000, FOREIGN, "a text file"),
    "script": (b"#!/bin/sh\ntouch /tmp/harmed\n", FOREIGN, "a script"),
    "noise": (zlib.compress(b"x" * 9, 0) * 40, FOREIGN, "nor anything known here"),
    "7 bytes": (bytes(7), DAMAGED, "its header does not begin as one"),
}
GOOD: dict[str, tuple[bytes, str, str]] = {
    "NUL in a name": (raw(entry(name='"a\\u0000b"'), DATA), LOADS, "a\x00b"),
    "name of 1 MB": (raw(entry(name=f'"{"n" * 1_000_000}"'), DATA), LOADS, "n" * 1_000_000),
    "traversal": (raw(entry(name='"../../x"'), DATA), LOADS, "../../x"),
    "absolute": (raw(entry(name='"/etc/passwd"'), DATA), LOADS, "/etc/passwd"),
    "terminal": (raw(entry(name='"\\u001b]0;x\\u0007"'), DATA), LOADS, "\x1b]0;x\x07"),
    "script tag": (raw(entry(name='"<script>"'), DATA), LOADS, "<script>"),
    "0-d": (raw(entry("[]", '"F64"'), DATA), LOADS, "x"),
    "empty tensor": (raw(entry("[0,9]", offsets="[0,0]")), LOADS, "x"),
    "no tensors": (raw("{}"), LOADS, ""),
    "NaN as values": (raw(entry(), struct.pack("<ff", np.nan, np.inf)), LOADS, "x"),
}
FILES = HEADERS | DOCUMENTS | FOREIGNERS | GOOD
