"""Handwritten digits that come with the package: real data to learn from without a download."""

from __future__ import annotations

import gzip

import numpy as np
from numpy.typing import NDArray

from sangja.core.errors import DamagedFileError

ROWS, HEIGHT, WIDTH = 1797, 8, 8
FOLDER, NAME = "files/digits", "digits.gz"
SHA256 = "ab0ef0bef6cdf4546e765a8bebcef2e673260d6dc5f219e0525ad0cacae7969d"


def load_digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The images of 1,797 handwritten digits and the digits they show.

    Shapes: images (1797, 8, 8), values 0 (paper) to 16 (ink); labels (1797,), values 0 to 9. Both
    are new arrays at every call.

    Raises:
        DamagedFileError: the installed file is missing or not the one that was shipped.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine
    Learning Repository, 1998 (CC BY 4.0), https://archive.ics.uci.edu/dataset/80, its test part.

    >>> images, labels = load_digits()
    >>> images.shape, labels[:5]
    ((1797, 8, 8), array([0, 1, 2, 3, 4]))
    """
    numbers = np.frombuffer(gzip.decompress(_checked_bytes()), np.uint8)
    images = numbers[ROWS:].reshape(ROWS, HEIGHT, WIDTH)
    return images.copy(), numbers[:ROWS].astype(np.int64)


def _checked_bytes() -> bytes:
    import hashlib  # these two where they are used: they cost an import 10 ms
    from importlib.resources import files

    path = files("sangja.data").joinpath(FOLDER, NAME)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedFileError(
            f"the digits that come with sangja cannot be read ({error}); reinstall sangja"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise DamagedFileError(
            f"{path} is damaged: its SHA-256 should be {SHA256[:12]}… but is {found[:12]}…; "
            "reinstall sangja"
        )
    return content
