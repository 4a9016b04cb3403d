"""What a saved model says of new rows and pictures, as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sangja.core.errors import ArgumentError, DataError
from sangja.data.tabular import read_table
from sangja.train.jobs.images import Picture, is_image_name, read_picture
from sangja.train.jobs.outcome import softmax
from sangja.train.jobs.saved import SavedModel


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions for the rows of one table, or for one picture.

    Attributes:
        source: the file.
        said: sentences on how the file was read and what is odd in it.
        values: one word or number per row.
        chances: (rows, classes) probabilities; None for a regression.
    """

    source: str
    said: Sequence[str]
    values: Sequence[str]
    chances: np.ndarray | None = None


def predict_table(saved: SavedModel, path: str) -> Predictions:
    """Predictions for each row of a CSV file, in its order.

    Raises:
        DataError: the file or one of its columns cannot be used; or the model is for images.
    """
    if saved.preprocessing is None:
        raise DataError(f"{path} is not an image, but this model is for images.")
    table = read_table(path)
    outputs = saved.outputs(saved.preprocessing.transform(table))
    said = [*table.notes, *saved.preprocessing.remarks(table)]
    if saved.task == "regression":
        numbers = saved.preprocessing.decode_target(outputs[:, 0])
        return Predictions(path, said, [f"{float(number):.6g}" for number in numbers])
    return _classes(saved, path, said, outputs)


def predict_picture(saved: SavedModel, path: str) -> tuple[Predictions, Picture]:
    """The prediction for one picture, and the picture as the model sees it.

    Raises:
        DataError: the file is no usable image; or the model is for tables.
        MissingPackageError: Pillow is not installed.
    """
    if saved.preprocessing is not None:
        raise DataError(f"{path} is an image, but this model is for tables (CSV files).")
    picture = read_picture(path)
    outputs = saved.outputs(picture.image.reshape(1, *saved.input_shape))
    return _classes(saved, path, [picture.said], outputs), picture


def _classes(saved: SavedModel, path: str, said: Sequence[str], outputs: np.ndarray) -> Predictions:
    chances = softmax(outputs.astype(np.float64))
    words = [saved.classes[code] for code in chances.argmax(1).tolist()]
    return Predictions(path, said, words, chances)


def check_files(saved: SavedModel, paths: Iterable[str]) -> None:
    """Refuse files that the model is not for, before any is predicted.

    Raises:
        ArgumentError: a table for an image model, or an image for a model of tables.
    """
    for path in paths:
        if saved.preprocessing is None and not is_image_name(path):
            raise ArgumentError(
                f"this model reads images, but {path!r} is not named like one (.png, .jpg, …)."
            )
        if saved.preprocessing is not None and is_image_name(path):
            raise ArgumentError(
                f"this model reads tables, but {path!r} is an image; give a CSV file."
            )


def to_csv(saved: SavedModel, predictions: Sequence[Predictions], probabilities: bool) -> str:
    """All predictions as CSV: one line per row, the file named where there are several.

    Columns: file (if several), predicted_TARGET, and for classes the probability of the one
    predicted (with `probabilities`: of every class).
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    several = len(predictions) > 1 or saved.preprocessing is None
    header = ["file"] if several else []
    header.append(f"predicted_{saved.target}")
    if saved.classes:
        names = [f"probability_{name}" for name in saved.classes]
        header += names if probabilities else ["probability"]
    writer.writerow(header)
    for part in predictions:
        for i, value in enumerate(part.values):
            row = [part.source] if several else []
            row.append(value)
            if part.chances is not None:
                shown = part.chances[i] if probabilities else [part.chances[i].max()]
                row += [f"{chance:.4f}" for chance in shown]
            writer.writerow(row)
    return text.getvalue()
