"""Data sets (step 49 on). `Spiral` and `SinCurve` are computed; the others are downloaded once into
`utils.cache_dir`. No file that is read can execute anything: CIFAR comes in its binary form."""

from __future__ import annotations

import gzip
import json
import tarfile
from collections.abc import Callable
from typing import Any

import numpy as np

from sangja.books.dezero.transforms import Compose, Flatten, Normalize, ToFloat
from sangja.books.dezero.utils import cache_dir, get_file
from sangja.core.errors import ArgumentError, ArgumentTypeError, DataError

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "MNIST",
    "Dataset",
    "ImageNet",
    "Shakespear",
    "SinCurve",
    "Spiral",
    "cache_dir",
    "get_spiral",
]

Transform = Callable[[Any], Any]


class Dataset:
    """Base of data sets: `prepare()` sets `data` and, where there are any, `label`. Each example
    goes through `transform`, each label through `target_transform`."""

    def __init__(
        self,
        train: bool = True,
        transform: Transform | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        self.train = train
        self.transform = transform or (lambda x: x)
        self.target_transform = target_transform or (lambda x: x)
        self.data: Any = None
        self.label: Any = None
        self.prepare()

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        if not np.isscalar(index):
            raise ArgumentTypeError(
                f"a Dataset is indexed with one integer, not a {type(index).__name__}; a "
                "DataLoader makes batches"
            )
        label = None if self.label is None else self.target_transform(self.label[index])
        return self.transform(self.data[index]), label

    def __len__(self) -> int:
        return len(self.data)

    def prepare(self) -> None:
        """Set `data` and `label`."""


# -- computed ---------------------------------------------------------------------------------


def get_spiral(train: bool = True) -> tuple[Any, Any]:
    """Three arms of a spiral, 100 points each: x (300, 2) float32, t (300,) the number of the arm.
    Seeds NumPy's global generator with 1984, or 2020 for the test data, as in the book."""
    np.random.seed(seed=1984 if train else 2020)
    num_data, num_class, input_dim = 100, 3, 2
    data_size = num_class * num_data
    x = np.zeros((data_size, input_dim), dtype=np.float32)
    t = np.zeros(data_size, dtype=int)
    for j in range(num_class):
        for i in range(num_data):
            radius = i / num_data
            theta = j * 4.0 + 4.0 * radius + np.random.randn() * 0.2
            ix = num_data * j + i
            x[ix] = radius * np.sin(theta), radius * np.cos(theta)
            t[ix] = j
    order = np.random.permutation(data_size)
    return x[order], t[order]


class Spiral(Dataset):
    """`get_spiral` as a data set."""

    def prepare(self) -> None:
        self.data, self.label = get_spiral(self.train)


class SinCurve(Dataset):
    """One period in 1000 points, each with the next as its label: sine with noise of ±0.05 in
    training, cosine without noise otherwise."""

    def prepare(self) -> None:
        x = np.linspace(0, 2 * np.pi, 1000)
        noise = np.random.uniform(-0.05, 0.05, size=x.shape)
        y = (np.sin(x) + noise if self.train else np.cos(x)).astype(np.float64)
        self.data = y[:-1][:, np.newaxis]
        self.label = y[1:][:, np.newaxis]


# -- downloaded -------------------------------------------------------------------------------


def read_idx(path: str, header: int, shape: tuple[int, ...]) -> Any:
    """The bytes of a gzipped MNIST file after its header."""
    with gzip.open(path, "rb") as f:
        return np.frombuffer(f.read(), np.uint8, offset=header).reshape(shape)


def grid_of(images: Any, row: int, col: int) -> Any:
    """`row` × `col` randomly chosen images (H, W, C) side by side."""
    chosen = images[np.random.randint(0, len(images), row * col)]
    _, h, w, c = chosen.shape
    return chosen.reshape(row, col, h, w, c).swapaxes(1, 2).reshape(row * h, col * w, c)


def show_grid(images: Any, row: int, col: int) -> None:
    """Draw `grid_of` with matplotlib."""
    from matplotlib import pyplot

    pyplot.imshow(grid_of(images, row, col).squeeze(), cmap="gray", interpolation="nearest")
    pyplot.axis("off")
    pyplot.show()


class MNIST(Dataset):
    """Handwritten digits: images (1, 28, 28) of 0 … 255, by default made flat and 0 … 1."""

    url = "https://ossci-datasets.s3.amazonaws.com/mnist/"

    def __init__(
        self,
        train: bool = True,
        transform: Transform | None = Compose([Flatten(), ToFloat(), Normalize(0.0, 255.0)]),  # noqa: B008
        target_transform: Transform | None = None,
    ) -> None:
        super().__init__(train, transform, target_transform)

    def prepare(self) -> None:
        name = "train" if self.train else "t10k"
        images = get_file(f"{self.url}{name}-images-idx3-ubyte.gz")
        labels = get_file(f"{self.url}{name}-labels-idx1-ubyte.gz")
        self.data = self._load_data(images)
        self.label = self._load_label(labels)

    def _load_label(self, filepath: str) -> Any:
        return read_idx(filepath, 8, (-1,))

    def _load_data(self, filepath: str) -> Any:
        return read_idx(filepath, 16, (-1, 1, 28, 28))

    def show(self, row: int = 10, col: int = 10) -> None:
        """Draw some of the images, with matplotlib."""
        show_grid(self.data.transpose(0, 2, 3, 1), row, col)

    @staticmethod
    def labels() -> dict[int, str]:
        return {i: str(i) for i in range(10)}


def read_members(path: str, names: list[str], row: int) -> Any:
    """Files of an archive, one after the other, as rows of `row` bytes."""
    with tarfile.open(path, "r:gz") as archive:
        parts = []
        for name in names:
            member = archive.extractfile(name)
            if member is None:
                raise DataError(f"{path} has no file {name}")
            parts.append(np.frombuffer(member.read(), np.uint8).reshape(-1, row))
    return np.concatenate(parts)


class CIFAR10(Dataset):
    """Small photographs (3, 32, 32) of ten kinds of things."""

    url = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"

    def __init__(
        self,
        train: bool = True,
        transform: Transform | None = Compose([ToFloat(), Normalize(mean=0.5, std=0.5)]),  # noqa: B008
        target_transform: Transform | None = None,
    ) -> None:
        super().__init__(train, transform, target_transform)

    def prepare(self) -> None:
        names = [f"data_batch_{i}.bin" for i in range(1, 6)] if self.train else ["test_batch.bin"]
        members = [f"cifar-10-batches-bin/{name}" for name in names]
        self.split(read_members(get_file(self.url), members, 1 + 3072), 0, 1)

    def split(self, rows: Any, label: int, first: int) -> None:
        """Labels from column `label`, images from column `first` on."""
        self.label = rows[:, label].astype(np.int64)
        self.data = rows[:, first:].reshape(-1, 3, 32, 32)

    def show(self, row: int = 10, col: int = 10) -> None:
        """Draw some of the images, with matplotlib."""
        show_grid(self.data.transpose(0, 2, 3, 1), row, col)

    @staticmethod
    def labels() -> dict[int, str]:
        names = "airplane automobile bird cat deer dog frog horse ship truck"
        return dict(enumerate(names.split()))


FINE = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup
dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower
leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid
otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray
road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
wardrobe whale willow_tree wolf woman worm
""".split()  # noqa: SIM905
COARSE = [
    "aquatic mammals",
    "fish",
    "flowers",
    "food containers",
    "fruit and vegetables",
    "household electrical device",
    "household furniture",
    "insects",
    "large carnivores",
    "large man-made outdoor things",
    "large natural outdoor scenes",
    "large omnivores and herbivores",
    "medium-sized mammals",
    "non-insect invertebrates",
    "people",
    "reptiles",
    "small mammals",
    "trees",
    "vehicles 1",
    "vehicles 2",
]


class CIFAR100(CIFAR10):
    """Small photographs (3, 32, 32) of 100 kinds of things ('fine') in 20 groups ('coarse')."""

    url = "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"

    def __init__(
        self,
        train: bool = True,
        transform: Transform | None = Compose([ToFloat(), Normalize(mean=0.5, std=0.5)]),  # noqa: B008
        target_transform: Transform | None = None,
        label_type: str = "fine",
    ) -> None:
        if label_type not in ("fine", "coarse"):
            raise ArgumentError(f"label_type must be 'fine' or 'coarse', not {label_type!r}")
        self.label_type = label_type
        super().__init__(train, transform, target_transform)

    def prepare(self) -> None:
        member = f"cifar-100-binary/{'train' if self.train else 'test'}.bin"
        rows = read_members(get_file(self.url), [member], 2 + 3072)
        self.split(rows, 1 if self.label_type == "fine" else 0, 2)

    @staticmethod
    def labels(label_type: str = "fine") -> dict[int, str]:  # type: ignore[override]
        return dict(enumerate(FINE if label_type == "fine" else COARSE))


class ImageNet(Dataset):
    """Only the names of the 1000 classes."""

    def __init__(self) -> None:
        raise NotImplementedError("ImageNet cannot be downloaded; ImageNet.labels() has its names")

    @staticmethod
    def labels() -> dict[int, str]:
        url = (
            "https://raw.githubusercontent.com/anishathalye/imagenet-simple-labels/master/"
            "imagenet-simple-labels.json"
        )
        with open(get_file(url, "imagenet_labels.json"), encoding="utf-8") as f:
            return dict(enumerate(json.load(f)))


class Shakespear(Dataset):
    """Shakespeare's plays, letter by letter; the label of each is the next. (The name is
    DeZero's.)"""

    url = (
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
    )

    def prepare(self) -> None:
        with open(get_file(self.url, "shakespear.txt"), encoding="utf-8") as f:
            chars = list(f.read())
        self.char_to_id = {c: i for i, c in enumerate(dict.fromkeys(chars))}
        self.id_to_char = {i: c for c, i in self.char_to_id.items()}
        indices = np.array([self.char_to_id[c] for c in chars])
        self.chars = chars
        self.data = indices[:-1]
        self.label = indices[1:]
