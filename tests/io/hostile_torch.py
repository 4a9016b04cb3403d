"""Files that look like PyTorch's and mean harm: bytes → what their refusal says."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile

MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2)
FLOATS = bytes(16)


def archive(data: bytes, storages: dict[str, bytes] | None = None, **options) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as file:
        file.writestr("archive/data.pkl", data)
        for key, content in (storages or {"0": FLOATS}).items():
            file.writestr(f"archive/data/{key}", content)
        file.writestr("archive/version", b"3\n")
    return buffer.getvalue()


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def integer(value: int) -> bytes:
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def numbers(values) -> bytes:
    return b"(" + b"".join(map(integer, values)) + b"t"


def storage(count: int = 4, key: str = "0", kind: str = "FloatStorage") -> bytes:
    return (
        b"("
        + text("storage")
        + name("torch", kind)
        + text(key)
        + text("cpu")
        + integer(count)
        + b"tQ"
    )


def tensor(offset=0, size=(4,), stride=(1,), source: bytes | None = None, build="v2") -> bytes:
    return (
        name("torch._utils", f"_rebuild_tensor_{build}")
        + b"("
        + (storage() if source is None else source)
        + integer(offset)
        + numbers(size)
        + numbers(stride)
        + b"\x89"
        + name("collections", "OrderedDict")
        + b")R"
        + b"tR"
    )


def called(module: str, attribute: str, argument: str = "touch hacked") -> bytes:
    return name(module, attribute) + b"(" + text(argument) + b"tR"


def pickled(body: bytes, protocol: int = 2) -> bytes:
    return b"\x80" + bytes([protocol]) + body + b"."


def overlapping() -> bytes:
    """Two storages whose bytes are the same place of the file."""
    content = bytearray(archive(pickled(tensor()), {"0": FLOATS, "1": FLOATS}))
    first = content.find(b"PK\x01\x02", content.find(b"PK\x01\x02") + 4)
    second = content.find(b"PK\x01\x02", first + 4)
    content[second + 42 : second + 46] = content[first + 42 : first + 46]
    return bytes(content)


def changed_list(find: bytes, offset: int, replacement: bytes) -> bytes:
    content = bytearray(archive(pickled(tensor())))
    place = content.find(find) + offset
    content[place : place + len(replacement)] = replacement
    return bytes(content)


EXECUTING = {
    "os.system": called("os", "system"),
    "posix.system": called("posix", "system"),
    "subprocess": called("subprocess", "Popen"),
    "eval": called("builtins", "eval", "1+1"),
    "exec": called("__builtin__", "exec", "1+1"),
    "getattr": name("builtins", "getattr") + b"(" + name("os", "system") + text("x") + b"tR",
    "import": called("builtins", "__import__", "os"),
    "open": called("io", "open", "hacked"),
    "numpy load": called("numpy", "load", "hacked"),
    "torch.load": called("torch", "load", "hacked"),
    "torch.hub": called("torch.hub", "load", "hacked"),
    "load_from_bytes": called("torch.storage", "_load_from_bytes"),
    "dotted name": called("torch", "serialization.os.system"),
    "dotted stack": text("torch") + text("_utils.os.system") + b"\x93(" + text("x") + b"tR",
    "jit": called("torch.jit", "load"),
    "runpy": called("runpy", "run_path"),
    "partial": called("functools", "partial"),
    "own module": called("sangja.io", "save"),
}
REFUSED = {
    **{
        what: (pickled(body), "may name only|is allowed|is not") for what, body in EXECUTING.items()
    },
    "class of main": (pickled(called("__main__", "Net")), "whole object of the class"),
    "module of nn": (pickled(name("torch.nn.modules.linear", "Linear") + b")\x81"), "whole object"),
    "instance": (pickled(b"(" + name("os", "system").replace(b"c", b"i", 1)), "never needed"),
    "object opcode": (pickled(b"(" + text("x") + b"o"), "never needed"),
    "extension": (pickled(b"\x82\x01"), "never needed"),
    "call of a tensor": (pickled(tensor() + b")R"), "calls a value"),
    "call of a text": (pickled(text("x") + b")R"), "calls a value"),
    "call with a list": (pickled(name("collections", "OrderedDict") + b"]R"), "calls a value"),
    "call of Tensor": (pickled(name("torch", "Tensor") + b")R"), "calls a value"),
    "state of a tensor": (pickled(tensor() + b"}b"), "changes the inside"),
    "state of a dict": (pickled(b"}}b"), "changes the inside"),
    "module storage": (pickled(b"(" + text("module") + b"NNNNtQ"), "whole module"),
    "past the end": (pickled(tensor(size=(5,))), "needs 5 elements"),
    "offset past the end": (pickled(tensor(offset=1)), "needs 5 elements"),
    "stride past the end": (pickled(tensor(size=(2, 2), stride=(3, 1))), "needs 5 elements"),
    "negative offset": (pickled(tensor(offset=-1)), "is no size"),
    "negative size": (pickled(tensor(size=(-1,))), "is no size"),
    "negative stride": (pickled(tensor(stride=(-1,))), "is no size"),
    "huge size": (pickled(tensor(size=(2**61,))), "elements of a storage"),
    "product overflow": (pickled(tensor(size=(2**33, 2**33), stride=(2**31, 1))), "elements of"),
    "larger than int64": (pickled(tensor(size=(2**70,))), "is no size"),
    "impossible view": (pickled(tensor(size=(2**40, 2**40), stride=(0, 0))), "impossible shape"),
    "strides missing": (pickled(tensor(size=(2, 2), stride=(1,))), "does not go with"),
    "65 dimensions": (pickled(tensor(size=(1,) * 65, stride=(1,) * 65)), "does not go with"),
    "storage too large": (pickled(tensor(source=storage(5))), "should have 5 elements"),
    "storage enormous": (pickled(tensor(source=storage(2**60))), "should have"),
    "storage negative": (pickled(tensor(source=storage(-1))), "size that is no size"),
    "storage missing": (pickled(tensor(source=storage(4, "7"))), "lacks 'archive/data/7'"),
    "storage traversal": (pickled(tensor(source=storage(4, "../../etc/passwd"))), "lacks"),
    "storage unknown": (pickled(tensor(source=storage(4, kind="QInt8Storage"))), "may name only"),
    "no storage": (pickled(tensor(source=integer(3))), "has no storage"),
    "two dtypes": (
        pickled(tensor() + tensor(source=storage(2, kind="LongStorage")) + b"\x86"),
        "two",
    ),
    "key of a list": (pickled(b"}]Ns"), "a key in it"),
    "key of nested tuples": (
        pickled(b"}" + b")" + b"2\x86" * 60 + b"Ns"),
        "a key in it|is not|cannot",
    ),
    "set of dicts": (pickled(name("builtins", "set") + b"(]}atR"), "a key in it"),
    "append to a text": (pickled(text("x") + b"Na"), "appends where no list"),
    "items of a list": (pickled(b"]NNs"), "no dict"),
    "empty stack": (pickled(b""), "cannot be read"),
    "no mark": (pickled(b"Nt"), "no beginning"),
    "unknown note": (pickled(b"h\x05"), "cannot be read"),
    "mark as a value": (pickled(b"((\x86R"), "takes a mark"),
    "mark alone": (pickled(b"("), "no plain value"),
    "name alone": (pickled(name("torch", "Size")), "no plain value"),
    "protocol 9": (pickled(b"N", 9), "protocol 9"),
    "no end": (b"\x80\x02]", "ends too early"),
    "text too long": (b"\x80\x02X\xff\xff\xff\xff", "ends too early"),
    "text too long 64": (b"\x80\x04\x8d" + b"\xff" * 8 + b".", "ends too early"),
    "negative length": (b"\x80\x02\x8b\xff\xff\xff\xff.", "ends too early"),
    "no text": (pickled(b"X\x01\x00\x00\x00\xff"), "cannot be read"),
    "digits": (pickled(b"I" + b"9" * 5000 + b"\n"), "no end|cannot be read"),
    "lists bomb": (pickled(b"]" * 3_000_000), "more memory"),
    "dicts bomb": (pickled(b"}" * 3_000_000), "more memory"),
    "numbers bomb": (pickled(b"(" + b"M\x01\x01" * 3_000_000 + b"t"), "more memory"),
    "notes bomb": (
        pickled(b"N" + b"".join(b"r" + struct.pack("<I", i) for i in range(900_000))),
        "mem",
    ),
    "sets bomb": (pickled(b"\x8f" * 1_000_000), "more memory"),
    "copies bomb": (pickled(b"]" + (b"(" + b"N" * 1000 + b"e") * 6000), "more memory"),
    "empty tuple of size": (pickled(name("torch", "Size") + b"(Nt" + b"R"), "torch.Size in it"),
    "device": (pickled(name("torch", "device") + b"(NtR"), "a device in it"),
    "device name": (pickled(called("torch", "device", "nowhere")), "Invalid device"),
    "complex": (pickled(called("builtins", "complex", "1")), "complex number in it"),
    "encode": (
        pickled(name("_codecs", "encode") + b"(" + text("x") + text("zip") + b"tR"),
        "no text",
    ),
    "numpy object": (pickled(called("numpy", "dtype", "O8")), "NumPy value of dtype 'O8'"),
    "numpy short": (
        pickled(
            name("numpy.core.multiarray", "scalar")
            + b"("
            + called("numpy", "dtype", "f8")
            + b"C\x01xtR"
        ),
        "wrong number of bytes",
    ),
}
WHOLE = {
    "no booleans": (
        archive(
            pickled(tensor(source=storage(16, kind="BoolStorage"), size=(16,))),
            {"0": bytes([2] * 16)},
        ),
        "booleans beside 0 and 1",
    ),
    "compressed": (archive(pickled(b"N"), compression=zipfile.ZIP_DEFLATED), "compressed"),
    "zip bomb": (
        archive(pickled(tensor()), {"0": bytes(50_000_000)}, compression=zipfile.ZIP_DEFLATED),
        "compressed",
    ),
    "overlap": (overlapping(), "overlaps|twice|points|broken|lacks"),
    "twice": (archive(pickled(tensor()))[:-22] + bytes(22), "cut short"),
    "list past the end": (changed_list(b"PK\x05\x06", 16, b"\xf0\xff\xff\x7f"), "past its end"),
    "huge list": (changed_list(b"PK\x05\x06", 12, b"\xf0\xff\xff\x7f"), "too many"),
    "member past the end": (changed_list(b"PK\x01\x02", 42, b"\xf0\xff\xff\x7f"), "past its end"),
    "member too large": (
        changed_list(b"PK\x01\x02", 20, b"\xf0\xff\xff\x7f" * 2),
        "larger than the file",
    ),
    "bytes changed": (changed_list(b"cpuq"[:3], 0, b"gpu"), "do not match their checksum"),
    "no pickle": (
        archive(pickled(b"N")).replace(b"data.pkl", b"date.pkl", 2)[::1] + b"",
        "without the one data.pkl|It looks like",
    ),
    "old: command": (MAGIC + pickled(called("os", "system")), "may name only"),
    "old: truncated": (MAGIC + pickled(tensor())[:-4], "ends too early"),
    "old: no storages": (MAGIC + pickled(tensor()), "ends too early"),
    "old: storage too large": (
        MAGIC + pickled(tensor(source=storage(2**60), size=(2**60,))),
        "more than it has",
    ),
    "old: another size": (
        MAGIC + pickled(tensor()) + pickle.dumps(["0"], 2) + struct.pack("<q", 3) + FLOATS,
        "another size",
    ),
    "old: cut": (
        MAGIC + pickled(tensor()) + pickle.dumps(["0"], 2) + struct.pack("<q", 4) + FLOATS[:5],
        "cut short",
    ),
    "old: other keys": (MAGIC + pickled(tensor()) + pickle.dumps(["1"], 2) + FLOATS, "list of"),
    "old: other version": (
        pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1, 2) + pickle.dumps({}, 2),
        "goes on otherwise",
    ),
}
FILES = {
    **{what: (archive(body), words) for what, (body, words) in REFUSED.items()},
    **{f"old: {what}": (MAGIC + pickled(body), "") for what, body in EXECUTING.items()},
    **WHOLE,
}
GOOD = (
    archive(pickled(tensor())),
    MAGIC + pickled(tensor()) + pickle.dumps(["0"], 2) + struct.pack("<q", 4) + FLOATS,
)
