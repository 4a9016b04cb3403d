"""What a file looks like that is no tensor file, told from its first bytes; nothing is decoded."""

from __future__ import annotations

from codecs import getincrementaldecoder

_CONVERT = (
    "it can run programs when opened, so sangja never reads it. If you trust it, convert it where "
    "PyTorch is installed: safetensors.torch.save_file(torch.load(path, weights_only=True), "
    "'model.safetensors')"
)

# How much of a file `looks_like` wants to see.
HEAD_BYTES = 4096

# First bytes → what it is. The first that fits is taken; a longer sign stands before a shorter.
_SIGNS: tuple[tuple[bytes, str], ...] = (
    (b"\x93NUMPY", "a NumPy .npy file; read it with numpy.load(path, allow_pickle=False)"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras .h5); convert it where it was written"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (b"GGUF", "a GGUF file (llama.cpp)"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"BZh", "a bzip2 archive; unpack it first"),
    (b"\xfd7zXZ\x00", "an xz archive; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (b"Rar!", "a rar archive; unpack it first"),
    (b"\x7fELF", "a program (ELF)"),
    (b"MZ", "a program (Windows)"),
    (
        b"version https://git-lfs.github.com/spec/",
        "a Git LFS pointer, not the file itself; fetch it with: git lfs pull",
    ),
    (b"#!", "a script"),
)
# The number with which PyTorch's oldest files begin, as a pickle.
_OLD_PYTORCH = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"


def is_torch_zip(head: bytes) -> bool:
    """Whether a file is a zip whose first member is PyTorch's pickle, or is named as its parts."""
    first = head[30 : 30 + int.from_bytes(head[26:28], "little")] if len(head) > 30 else b""
    parts = (b"/data.pkl", b"/version", b"/byteorder", b"/.format_version")
    return head.startswith(b"PK\x03\x04") and (first.endswith(parts) or b"/data.pkl" in head)


def is_old_torch(head: bytes) -> bool:
    """Whether a file begins with the number of PyTorch before 1.6."""
    return head[:1] == b"\x80" and _OLD_PYTORCH in head[:32]


def looks_like(head: bytes) -> str | None:
    """What the file is, with what to do instead; None where nothing known fits."""
    if not head:
        return "empty (0 bytes): it was never written, or its copy failed"
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(head)
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        kind = "an old PyTorch file (pickle)" if _OLD_PYTORCH in head[:32] else "a Python pickle"
        return f"{kind}; {_CONVERT}"
    for sign, what in _SIGNS:
        if head.startswith(sign):
            return what
    if head[257:262] == b"ustar":
        return "a tar archive; unpack it first"
    return _text_kind(head)


def _zip_kind(head: bytes) -> str:
    if b"data.pkl" in head:
        return f"a PyTorch .pt file (zip with a pickle); {_CONVERT}"
    if b".npy" in head:
        return "a NumPy .npz file; read it with numpy.load(path, allow_pickle=False)"
    return "a zip archive; unpack it first"


def _text_kind(head: bytes) -> str | None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "an HTML page: a download probably got an error page or a login; fetch it again"
    if start.startswith((b"<?xml", b"<svg")):
        return "an XML document"
    if start.startswith((b"{", b"[")):
        return "JSON text"
    try:
        # The end of the head may cut a character.
        text = getincrementaldecoder("utf-8")().decode(head, final=len(head) < HEAD_BYTES)
    except UnicodeDecodeError:
        return None
    return (
        "a text file"
        if all(letter.isprintable() or letter in "\t\r\n" for letter in text)
        else None
    )
