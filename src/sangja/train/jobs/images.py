"""A picture of a digit, of any size and colour, brought to what the digits job learnt from.

The UCI digits were made so (E. Alpaydin and C. Kaynak, 1998): a written digit, as 32×32 black and
white pixels, is cut into blocks of 4×4, and in each block the ink is counted, 0 to 16. Here the
paper is found by the picture's border, ink by its contrast to it; what is written is cut out,
brought to 32 pixels of height in the middle of the square, thickened if a finer pen wrote it, and
its ink is counted in the same blocks.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from sangja.core.errors import DataError, MissingPackageError

SQUARE, BLOCK = 32, 4
MOST_PIXELS = 50_000_000
LEAST_CONTRAST = 0.1  # between ink and paper, of the whole range from black to white
# Of the strongest ink: what is lighter is paper (its grain, a shadow), what is darker is all ink.
LIGHTEST, DARKEST = 0.2, 0.8
LEAST_INK = 0.28  # of the square; three of four UCI digits have more
MOST_THICKENING = 4  # pixels on each side


@dataclass(frozen=True, eq=False)
class Picture:
    """A prepared picture: `image` (8, 8) with values 0 to 1 of ink, and a sentence on how."""

    image: np.ndarray
    said: str


def read_picture(path: str) -> Picture:
    """Read an image file and prepare it as the UCI digits were prepared.

    Raises:
        MissingPackageError: Pillow is not installed.
        DataError: no such file, no image, an image that is too large or shows nothing.
    """
    grey, size, mode = _read_grey(path)
    # What lies along the border is paper; where most of it is dark, the writing is light.
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = float(np.median(border))
    inverted = paper < 0.5
    ink = np.clip((grey - paper) if inverted else (paper - grey), 0.0, 1.0)
    strongest = float(ink.max())
    if strongest < LEAST_CONTRAST:
        raise DataError(
            f"{path} shows nothing that stands out from its background; give a picture of one "
            "digit."
        )
    ink = np.clip((ink / strongest - LIGHTEST) / (DARKEST - LIGHTEST), 0.0, 1.0)
    image = count_blocks(thicken(fit_square(ink)))
    kind = "light on dark" if inverted else "dark on light"
    width, height = size
    said = f"{width}×{height} pixels, {mode}, {kind}; cut out and reduced to {image.shape[1]}×"
    return Picture(image, f"{said}{image.shape[0]}")


def fit_square(ink: np.ndarray) -> np.ndarray:
    """What is written, cut out and brought to the middle of a square, shape (32, 32), 0 to 1.

    It keeps its proportions and touches top and bottom (a wide one: left and right).
    """
    there = ink > 0.3
    rows, columns = np.flatnonzero(there.any(1)), np.flatnonzero(there.any(0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = SQUARE / max(cut.shape)
    height, width = (max(1, round(length * scale)) for length in cut.shape)
    square = np.zeros((SQUARE, SQUARE))
    top, left = (SQUARE - height) // 2, (SQUARE - width) // 2
    square[top : top + height, left : left + width] = resize(cut, height, width)
    return square


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The image in another size: each new pixel is the mean of the area that it covers."""
    return _coverage(image.shape[0], height) @ image @ _coverage(image.shape[1], width).T


def count_blocks(square: np.ndarray) -> np.ndarray:
    """The share of ink in each block of 4×4 pixels, shape (8, 8)."""
    blocks = square.reshape(SQUARE // BLOCK, BLOCK, SQUARE // BLOCK, BLOCK)
    return np.asarray(blocks.mean((1, 3)), np.float32)


def thicken(square: np.ndarray) -> np.ndarray:
    """Strokes made wider by a pixel on each side until there is as much ink as a UCI digit has."""
    for _ in range(MOST_THICKENING):
        if square.mean() >= LEAST_INK:
            break
        around = np.pad(square, 1)
        middle = around[1:-1, 1:-1]
        beside = [around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:]]
        square = np.maximum.reduce([middle, *beside])
    return square


def _coverage(old: int, new: int) -> np.ndarray:
    """How much of each old pixel a new one covers, rows summing to 1, shape (new, old)."""
    edges = np.arange(new + 1) * (old / new)
    pixels = np.arange(old)
    upper = np.minimum(edges[1:, None], pixels + 1)
    lower = np.maximum(edges[:-1, None], pixels)
    return np.asarray(np.clip(upper - lower, 0.0, None) * (new / old))


def _read_grey(path: str) -> tuple[np.ndarray, tuple[int, int], str]:
    """Values 0 (black) to 1 (white), the size, and what kind of image it was."""
    image_module, not_an_image = _pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", image_module.DecompressionBombWarning)
            with image_module.open(path) as file:
                if file.width * file.height > MOST_PIXELS:
                    raise DataError(
                        f"{path} has more than {MOST_PIXELS:,} pixels; make it smaller."
                    )
                kinds = {"1": "black and white", "L": "grey", "LA": "grey", "I;16": "grey"}
                kind = kinds.get(file.mode, "colour")
                grey = _to_grey(file)
                return grey, file.size, kind
    except FileNotFoundError:
        raise DataError(f"there is no file {path!r}.") from None
    except not_an_image:
        raise DataError(f"{path} is not an image that can be read.") from None
    except (image_module.DecompressionBombWarning, image_module.DecompressionBombError):
        raise DataError(f"{path} has more than {MOST_PIXELS:,} pixels; make it smaller.") from None
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is damaged or cannot be read: {error}.") from error


def _to_grey(file: Any) -> np.ndarray:
    if file.mode.startswith("I"):  # 16 bits
        return np.asarray(file, np.float64) / 65535
    # What is transparent is paper: white.
    with_alpha = np.asarray(file.convert("RGBA"), np.float64) / 255  # (H, W, 4)
    colour, alpha = with_alpha[..., :3], with_alpha[..., 3:]
    flat = colour * alpha + (1.0 - alpha)
    return np.asarray(flat @ [0.299, 0.587, 0.114])  # luma of ITU-R BT.601


def _pillow() -> tuple[Any, type[Exception]]:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise MissingPackageError(
            "images are read with Pillow, which is not installed; install it with: "
            "pip install 'sangja[vision]'"
        ) from error
    return Image, UnidentifiedImageError


def is_image_name(path: str) -> bool:
    """Whether a file's name says that it is an image.

    >>> is_image_name("three.PNG"), is_image_name("rows.csv")
    (True, False)
    """
    endings = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"}
    return os.path.splitext(path)[1].lower() in endings
