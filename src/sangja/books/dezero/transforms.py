"""What is done to an example before it is used: pictures of Pillow, then arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sangja.books.dezero.utils import pair
from sangja.core.errors import MissingPackageError

try:
    from PIL import Image
except ImportError:
    Image = None  # type: ignore[assignment]


def pillow() -> Any:
    """Pillow's `Image`. Raises `MissingPackageError` where it is not installed."""
    if Image is None:
        raise MissingPackageError("pictures need Pillow: pip install pillow")
    return Image


class Compose:
    """One transform after the other."""

    def __init__(self, transforms: list[Callable[[Any], Any]] | None = None) -> None:
        self.transforms = transforms or []

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img


class Convert:
    """A picture in another mode; 'BGR' is RGB with the channels reversed."""

    def __init__(self, mode: str = "RGB") -> None:
        self.mode = mode

    def __call__(self, img: Any) -> Any:
        if self.mode != "BGR":
            return img.convert(self.mode)
        return pillow().merge("RGB", img.convert("RGB").split()[::-1])


class Resize:
    """A picture scaled to (width, height)."""

    def __init__(self, size: Any, mode: Any = None) -> None:
        self.size = pair(size)
        self.mode = pillow().Resampling.BILINEAR if mode is None else mode

    def __call__(self, img: Any) -> Any:
        return img.resize(self.size, self.mode)


class CenterCrop:
    """The middle (width, height) of a picture."""

    def __init__(self, size: Any) -> None:
        self.size = pair(size)

    def __call__(self, img: Any) -> Any:
        w, h = img.size
        ow, oh = self.size
        left, top = (w - ow) // 2, (h - oh) // 2
        return img.crop((left, top, left + ow, top + oh))


class ToArray:
    """A picture (H, W, C) as an array (C, H, W)."""

    def __init__(self, dtype: Any = np.float32) -> None:
        self.dtype = dtype

    def __call__(self, img: Any) -> Any:
        if isinstance(img, np.ndarray):
            return img
        array = np.asarray(img)
        if array.ndim == 2:
            array = array[:, :, np.newaxis]
        return array.transpose(2, 0, 1).astype(self.dtype)


class ToPIL:
    """An array (C, H, W) as a picture."""

    def __call__(self, array: Any) -> Any:
        data = array.transpose(1, 2, 0)
        data = data[:, :, 0] if data.shape[2] == 1 else data
        return pillow().fromarray(data.astype(np.uint8))


class RandomHorizontalFlip:
    """A picture or array (…, W) turned left to right, every second time by chance."""

    def __call__(self, img: Any) -> Any:
        if np.random.rand() < 0.5:
            return img
        if isinstance(img, np.ndarray):
            return img[..., ::-1]
        return img.transpose(pillow().Transpose.FLIP_LEFT_RIGHT)


class Normalize:
    """(x − mean) / std, numbers or one value per channel (the first axis)."""

    def __init__(self, mean: Any = 0, std: Any = 1) -> None:
        self.mean = mean
        self.std = std

    def __call__(self, array: Any) -> Any:
        mean, std = (self.per_channel(v, array) for v in (self.mean, self.std))
        return (array - mean) / std

    def per_channel(self, value: Any, array: Any) -> Any:
        if np.isscalar(value):
            return value
        return np.array(value, dtype=array.dtype).reshape(-1, *[1] * (array.ndim - 1))


class Flatten:
    """An array in one axis."""

    def __call__(self, array: Any) -> Any:
        return array.flatten()


class AsType:
    """An array in another dtype."""

    def __init__(self, dtype: Any = np.float32) -> None:
        self.dtype = dtype

    def __call__(self, array: Any) -> Any:
        return array.astype(self.dtype)


ToFloat = AsType


class ToInt(AsType):
    """An array of integers."""

    def __init__(self, dtype: Any = int) -> None:
        super().__init__(dtype)
