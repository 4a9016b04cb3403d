"""The digits job: a small convolutional network learns to read handwritten digits."""

from __future__ import annotations

from typing import Any

import numpy as np

from sangja.backend.generator import default_generator
from sangja.data import Dataset, TensorDataset
from sangja.data.digits import HEIGHT, ROWS, WIDTH, load_digits
from sangja.data.stratify import stratified_split
from sangja.engine import Tensor
from sangja.nn import CrossEntropyLoss
from sangja.ops.create import from_numpy
from sangja.optim import AdamW
from sangja.optim.lr_scheduler import OneCycleLR
from sangja.train.jobs.job import FRACTIONS, Job, Settings
from sangja.train.jobs.presets import FOR_IMAGES, ModelRecipe, check_model_name
from sangja.train.trainer import Trainer

INK = 16.0  # the darkest value of a pixel
CLASSES = [str(digit) for digit in range(10)]


def prepare(settings: Settings) -> Job:
    """The digits, cut into three parts that hold every digit in the same proportion."""
    settings = settings.with_defaults(model="convnet", epochs=20, batch_size=64, lr=3e-3)
    check_model_name(str(settings.model), FOR_IMAGES, "images")
    pixels, labels = load_digits()
    images = (pixels / INK).astype(np.float32)[:, None]  # (N, 1, 8, 8)
    rows = stratified_split(labels, FRACTIONS, settings.seed)
    train, valid, test = rows
    shape = [1, HEIGHT, WIDTH]
    said = [
        f"{ROWS:,} images of handwritten digits, {HEIGHT}×{WIDTH} pixels "
        "(UCI, Alpaydin and Kaynak 1998, CC BY 4.0), bundled with sangja",
        "while training, each image is shifted at random by up to one pixel",
    ]
    return Job(
        name="digits",
        title="Handwritten digits",
        settings=settings,
        task="classification",
        said=said,
        parts={
            "train": ShiftedImages(images[train], labels[train]),
            "valid": TensorDataset(from_numpy(images[valid]), from_numpy(labels[valid])),
            "test": TensorDataset(from_numpy(images[test]), from_numpy(labels[test])),
        },
        recipe=ModelRecipe(str(settings.model), {"input_shape": shape, "outputs": len(CLASSES)}),
        classes=CLASSES,
        target="digit",
        images=pixels[test],
    )


def make_trainer(job: Job, model: Any, **options: Any) -> Trainer:
    """AdamW in one cycle of the learning rate (Smith and Topin 2018, arXiv:1708.07120)."""
    epochs, lr = int(job.settings.epochs or 0), float(job.settings.lr or 0)
    optimizer = AdamW(model.parameters(), lr=lr, weight_decay=0.01)
    steps = epochs * -(-job.rows["train"] // int(job.settings.batch_size or 1))
    return Trainer(
        model,
        CrossEntropyLoss(),
        optimizer,
        metrics=["accuracy"],
        scheduler=OneCycleLR(optimizer, max_lr=lr, total_steps=steps + 1, final_div_factor=100),
        schedule_every="step",
        patience=max(10, epochs // 2),
        compile=job.settings.compile,
        **options,
    )


class ShiftedImages(Dataset[tuple[Tensor, Tensor]]):
    """Images, each shifted anew at every look by −1, 0 or 1 pixel in both directions.

    Shapes: images (N, 1, height, width), labels (N,); an item is ((1, height, width), ()).
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.height, self.width = images.shape[2:]
        self.padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        top, left = default_generator.integers(0, 3, (2,), np.int64).tolist()
        image = self.padded[index, :, top : top + self.height, left : left + self.width]
        return from_numpy(image), from_numpy(self.labels[index, None])[0]
