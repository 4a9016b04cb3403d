"""The tabular job: a model learns to predict one column of a user's table from the others."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sangja.core.errors import ArgumentError, DataError
from sangja.data import Dataset, TensorDataset
from sangja.data.stratify import part_sizes, stratified_split
from sangja.data.table import Table
from sangja.data.tabular import Preprocessor, labelled_rows, read_table
from sangja.data.targets import TASKS, Target
from sangja.nn import CrossEntropyLoss, MSELoss
from sangja.ops.create import from_numpy
from sangja.optim import AdamW
from sangja.optim.lr_scheduler import ReduceLROnPlateau
from sangja.train.jobs.job import FRACTIONS, PARTS, Job, Settings
from sangja.train.jobs.presets import FOR_TABLES, ModelRecipe, check_model_name
from sangja.train.metrics import MAE, R2, Accuracy
from sangja.train.trainer import Trainer

PATIENCE, PLATEAU = 20, 7
SMALLEST_BATCH, LARGEST_BATCH, BATCHES_PER_EPOCH = 16, 512, 40


def prepare(settings: Settings) -> Job:
    """The table, cut into three parts; what is learnt of its columns is learnt from the first.

    Raises:
        DataError: a table or a column that cannot be used.
        ArgumentError: an unknown model or task, no target given.
    """
    settings = settings.with_defaults(model="mlp", epochs=200, lr=3e-3)
    check_model_name(str(settings.model), FOR_TABLES, "tables")
    if settings.task not in ("auto", *TASKS):
        raise ArgumentError(
            f"there is no task {settings.task!r}; choose one of {', '.join(TASKS)}."
        )
    table = read_table(settings.data)
    target = choose_target(table, settings.target)
    labelled = labelled_rows(table, target)
    aim = Target.fit(labelled, target, settings.task)
    rows = split_rows(labelled, aim, settings.seed)
    prepared = learn_columns(labelled.take(rows[0]), aim)
    batch = settings.batch_size or batch_size_for(len(rows[0]))
    settings = replace(
        settings,
        data=str(Path(settings.data).resolve()),
        target=target,
        task=aim.task,
        batch_size=batch,
        data_sha256=file_digest(settings.data),
    )
    outputs = len(aim.classes) or 1
    name = Path(settings.data).stem
    return Job(
        name=name,
        title=f"{name}: {target}",
        settings=settings,
        task=aim.task,
        said=[
            f"{table.source}: {len(table):,} rows, {len(table.columns)} columns",
            *prepared.report(),
        ],
        parts=make_parts(labelled, rows, prepared),
        recipe=ModelRecipe(
            str(settings.model),
            {"input_shape": [len(prepared.feature_names)], "outputs": outputs},
        ),
        classes=aim.classes,
        target=target,
        mean=prepared.target.mean,
        std=prepared.target.std,
        preprocessing=prepared.to_json(),
    )


def make_trainer(job: Job, model: Any, **options: Any) -> Trainer:
    """AdamW; the learning rate is halved where the validation loss stays, in the end it stops."""
    optimizer = AdamW(model.parameters(), lr=float(job.settings.lr or 0), weight_decay=0.01)
    regression = job.task == "regression"
    return Trainer(
        model,
        MSELoss() if regression else CrossEntropyLoss(),
        optimizer,
        metrics=[R2(), MAE(job.std)] if regression else [Accuracy()],
        scheduler=ReduceLROnPlateau(optimizer, factor=0.5, patience=PLATEAU),
        patience=PATIENCE,
        clip_norm=5.0,
        compile=job.settings.compile,
        **options,
    )


def choose_target(table: Table, wanted: str | None) -> str:
    """The column to predict.

    Raises:
        ArgumentError: none was named.
        DataError: there is no such column; the text suggests the nearest.
    """
    if wanted is None:
        names = ", ".join(repr(name) for name in table.columns)
        raise ArgumentError(
            f"say which column of {table.source} to predict with --target; its columns are {names}."
        )
    table.column(wanted)
    return wanted


def split_rows(table: Table, aim: Target, seed: int) -> list[np.ndarray]:
    """Row numbers of the three parts: of a classification stratified, of a regression at random."""
    if aim.task == "classification":
        return stratified_split(table.column(aim.name), FRACTIONS, seed)
    sizes = part_sizes(len(table), FRACTIONS)
    order = np.random.RandomState(seed).permutation(len(table))
    return [np.sort(rows) for rows in np.split(order, np.cumsum(sizes)[:-1])]


def learn_columns(train: Table, aim: Target) -> Preprocessor:
    """What the training rows teach about the columns; the task is the one all rows decided."""
    prepared = Preprocessor.fit(train, aim.name, aim.task)
    asked = prepared.target.reason
    said = tuple(aim.reason if line == asked else line for line in prepared.said)
    return replace(prepared, target=replace(prepared.target, reason=aim.reason), said=said)


def make_parts(
    table: Table, rows: Sequence[np.ndarray], prepared: Preprocessor
) -> dict[str, Dataset[Any]]:
    """Features (rows, features) and targets: class codes (rows,), or numbers (rows, 1)."""
    parts: dict[str, Dataset[Any]] = {}
    for part, chosen in zip(PARTS, rows, strict=True):
        some = table.take(chosen)
        target = prepared.encode_target(some)
        if prepared.target.task == "regression":
            target = target[:, None]  # (rows, 1)
        parts[part] = TensorDataset(from_numpy(prepared.transform(some)), from_numpy(target))
    return parts


def batch_size_for(rows: int) -> int:
    """The power of two that makes about `BATCHES_PER_EPOCH` batches of the rows.

    >>> [batch_size_for(rows) for rows in (100, 2_000, 1_000_000)]
    [16, 32, 512]
    """
    wanted = max(rows // BATCHES_PER_EPOCH, 1)
    return min(max(2 ** (wanted.bit_length() - 1), SMALLEST_BATCH), LARGEST_BATCH)


def file_digest(path: str) -> str:
    """The SHA-256 of a file's bytes.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path!r} cannot be read: {error.strerror}") from error
