"""Pictures as PNG, written with zlib alone (W3C PNG specification, third edition)."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

from sangja.core.errors import ArgumentError

LARGEST = 192  # pixels a side: what a thumbnail can show
_COLOUR = {1: 0, 3: 2, 4: 6}  # channels: PNG colour type (grey, RGB, RGBA)


def encode_png(pixels: np.ndarray) -> bytes:
    """The bytes of a PNG file.

    `pixels`: uint8, (height, width) grey or (height, width, channels) with 1, 3 or 4 channels.
    """
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    rows = np.ascontiguousarray(pixels).reshape(height, width * channels)
    filtered = np.hstack([np.zeros((height, 1), np.uint8), rows])  # filter 0 before each row
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in (
            (b"IHDR", header),
            (b"IDAT", zlib.compress(filtered.tobytes(), 9)),
            (b"IEND", b""),
        )
    )


def as_pixels(image: np.ndarray) -> np.ndarray:
    """An image as uint8: uint8 stays, booleans become 0 and 255, other numbers are stretched from
    their smallest to their largest finite value. A larger one is thinned to `LARGEST` a side.

    Raises:
        ArgumentError: the array is no image.
    """
    image = np.asarray(image)
    fits = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in _COLOUR)
    if not fits or 0 in image.shape or image.dtype.kind not in "biuf":
        raise ArgumentError(
            f"report: an image has shape {image.shape} and dtype {image.dtype}; expected real "
            "numbers of shape (height, width) or (height, width, channels) with 1, 3 or 4 "
            "channels. Images with channels first are turned by image.transpose(1, 2, 0)."
        )
    step = -(-max(image.shape[:2]) // LARGEST)
    image = image[::step, ::step]
    if image.dtype == np.uint8:
        return image
    values = image.astype(np.float64)
    finite = np.isfinite(values)
    low, high = (values[finite].min(), values[finite].max()) if finite.any() else (0.0, 0.0)
    if image.dtype == np.bool_:
        low, high = 0.0, 1.0
    values = np.clip(np.nan_to_num(values, nan=low), low, high)
    span = high / 2 - low / 2  # halves: the difference of two large numbers may overflow
    scaled = (values / 2 - low / 2) / (span if span > 0 else 1.0)
    return np.rint(scaled * 255).astype(np.uint8)


def data_uri(image: np.ndarray) -> str:
    """An image as a `data:` address that a page can carry inside itself."""
    return "data:image/png;base64," + base64.b64encode(encode_png(as_pixels(image))).decode()
