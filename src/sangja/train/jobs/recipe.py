"""From data to a folder with model and report: data → model → Trainer → test → files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from shlex import quote
from types import ModuleType
from typing import Any

import numpy as np

from sangja.backend.blas import few_matrix_threads
from sangja.backend.generator import default_generator
from sangja.core.errors import DamagedFileError, DataError
from sangja.core.settings import settings as global_settings
from sangja.data import DataLoader
from sangja.data.tabular import Preprocessor
from sangja.io import write_text
from sangja.train.display import measured
from sangja.train.history import History
from sangja.train.jobs import digits, tabular
from sangja.train.jobs.folder import (
    LOG,
    REPORT,
    Log,
    make_run_folder,
    read_settings,
    write_settings,
)
from sangja.train.jobs.job import EVALUATION_ROWS, PARTS, Job, Settings
from sangja.train.jobs.machine import machine_facts, threads
from sangja.train.jobs.outcome import Outcome, classification_outcome, regression_outcome
from sangja.train.jobs.presets import layer_rows
from sangja.train.jobs.saved import DESCRIPTION, WEIGHTS, SavedModel, save_model
from sangja.train.report import LayerRow, RunReport, render_report
from sangja.train.trainer import LOG_NAME, Trainer

DIGITS = "digits"
# What a finished run leaves, and what each file is for.
FILES = {
    REPORT: "curves, results and mistakes: open it in a browser",
    WEIGHTS: "the weights",
    DESCRIPTION: "how to build and use the model",
    LOG_NAME: "the numbers of every epoch",
}


class Run:
    """One run of a job in a folder of its own: `Run.new(...)` or `Run.resumed(...)`, then `go()`.

    Attributes:
        folder: where everything is written; "" until it is made.
    """

    def __init__(self, job: Job, log: Log, quiet: bool, folder: str, resume: bool) -> None:
        self.job, self.log, self.quiet = job, log, quiet
        self.folder, self.resume = folder, resume

    @classmethod
    def new(cls, settings: Settings, out: str | None, log: Log, quiet: bool = False) -> Run:
        """A run that begins: its data is read and checked before its folder is made.

        Raises:
            DataError, ArgumentError: data or settings that cannot be used.
            SaveError: the folder cannot be made.
        """
        job = recipe_of(settings).prepare(settings)
        run = cls(job, log, quiet, make_run_folder(out, job.name), resume=False)
        write_settings(run.folder, job.settings.to_json())
        log.write_to(os.path.join(run.folder, LOG))
        return run

    @classmethod
    def resumed(cls, folder: str, log: Log, quiet: bool = False) -> Run:
        """A run that was interrupted, with the settings and the data it began with.

        Raises:
            MissingFileError, DamagedFileError, ForeignFileError: the folder holds no usable run.
            DataError: the data is not the same any more.
        """
        data = read_settings(folder)
        try:
            settings = Settings.from_json(data)
        except DamagedFileError as error:
            raise DamagedFileError(f"the run in {folder!r} cannot be resumed: {error}") from error
        if settings.data != DIGITS and tabular.file_digest(settings.data) != settings.data_sha256:
            raise DataError(
                f"{settings.data} has changed since the run in {folder} began; put the old file "
                "back to go on, or begin a new run."
            )
        job = recipe_of(settings).prepare(settings)
        log.write_to(os.path.join(folder, LOG))
        return cls(job, log, quiet, folder, resume=True)

    @property
    def is_finished(self) -> bool:
        """Whether the last file of the run is there."""
        return os.path.isfile(os.path.join(self.folder, REPORT))

    def go(self) -> Outcome:
        """Train, test, and write model, metrics and report; all in one thread.

        The matrices of these jobs are so small that more threads would wait for each other.

        Raises:
            KeyboardInterrupt: Ctrl-C; a checkpoint holds all of it.
            AnomalyError: the loss became NaN or infinite.
            SaveError: the system refuses to write.
        """
        with few_matrix_threads(1):
            return self._go()

    def _go(self) -> Outcome:
        job = self.job
        default_generator.manual_seed(job.settings.seed)
        model = job.recipe.build()
        layers = layer_rows(model, job.recipe.arguments["input_shape"])
        self.introduce(layers)
        trainer = recipe_of(job.settings).make_trainer(
            job, model, folder=self.folder, quiet=self.quiet, say=self.log
        )
        history = trainer.fit(
            self.loader("train"),
            self.loader("valid"),
            epochs=int(job.settings.epochs or 0),
            # A run that was killed before its first checkpoint begins anew.
            resume=self.resume and trainer.can_resume,
        )
        outcome = self.test(trainer)
        self.conclude(history, outcome)
        self.write(trainer, layers, outcome)
        return outcome

    def loader(self, part: str) -> DataLoader:
        """Batches of one part; only the rows to learn from are shuffled."""
        learning = part == "train"
        rows = int(self.job.settings.batch_size or 1) if learning else EVALUATION_ROWS
        return DataLoader(self.job.parts[part], batch_size=rows, shuffle=learning)

    def introduce(self, layers: list[LayerRow]) -> None:
        """Say what is about to happen."""
        job, settings, log = self.job, self.job.settings, self.log
        log(f"Data: {job.name}")
        for line in self.data_lines():
            log(f"  {line}")
        parameters = sum(layer.parameters for layer in layers)
        log(f"Model: {settings.model}, {parameters:,} parameters")
        width = max(len(layer.name) for layer in layers)
        for layer in layers:
            shape = "×".join(map(str, layer.output_shape))
            count = f"{layer.parameters:>10,}" if layer.parameters else ""
            log(f"  {layer.name:{width}}  {shape:>8}  {count}".rstrip())
        log(
            f"Training: on the CPU with {plural(threads(), 'thread')}, "
            f"up to {plural(int(settings.epochs or 0), 'epoch')}, "
            f"batches of {settings.batch_size}, AdamW, learning rate {settings.lr:g}, "
            f"seed {settings.seed}"
        )
        log(f"  everything is written to {self.folder}" + (", resumed" if self.resume else ""))

    def data_lines(self) -> list[str]:
        """The sentences on the data, the one on the split last."""
        train, valid, test = (f"{self.job.rows[part]:,}" for part in PARTS)
        how = ", each class in the same share" if self.job.classes else ""
        split = f"drawn at random{how}: {train} to train, {valid} to validate, {test} to test"
        return [*self.job.said, split]

    def test(self, trainer: Trainer) -> Outcome:
        """The results on the rows that had no part in any decision."""
        loader = self.loader("test")
        values = trainer.evaluate(loader)
        outputs = trainer.predict(loader).array
        true = np.concatenate([target.array for _, target in loader])
        if self.job.task == "classification":
            return classification_outcome(self.job, values, outputs, true)
        return regression_outcome(self.job, values, outputs, true)

    def conclude(self, history: History, outcome: Outcome) -> None:
        """Say how it ended."""
        if history.stopped:
            self.log(history.stopped)
        best = measured("loss", history.best_value or 0.0)
        self.log(
            f"Kept: the model of epoch {history.best_epoch}, whose valid loss of {best} is best"
        )
        self.log(outcome.sentence)

    def write(self, trainer: Trainer, layers: list[LayerRow], outcome: Outcome) -> None:
        """Model, then report: the report's being there tells that the run is finished."""
        job = self.job
        prepared = job.preprocessing
        saved = SavedModel(
            job.recipe,
            trainer.model,
            job.task,
            job.target,
            job.classes,
            None if prepared is None else Preprocessor.from_json(prepared),
        )
        save_model(self.folder, saved, {"data": job.title, "test": finite(outcome.values)})
        page = render_report(self.report(trainer, layers, outcome), global_settings.language)
        write_text(os.path.join(self.folder, REPORT), page)
        self.log("Files:")
        for name, what in FILES.items():
            path = os.path.join(self.folder, name)
            self.log(f"  {path:{len(self.folder) + 19}}  {what}")
        example = "digit.png" if job.images is not None else "rows.csv"
        self.log(f"Next: sangja predict {quote(self.folder)} {example}")

    def report(self, trainer: Trainer, layers: list[LayerRow], outcome: Outcome) -> RunReport:
        """The run as the report shows it."""
        metric = trainer.metrics[0].name
        names = {f"{part}_{metric}": f"{part}_metric" for part in ("train", "valid")}
        history = trainer.history
        return RunReport(
            title=self.job.title,
            task=self.job.task,
            created=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
            metric=metric,
            history=[{names.get(k, k): v for k, v in row.items()} for row in history],
            best_epoch=history.best_epoch,
            early_stop=history.stopped,
            test=outcome.values,
            layers=layers,
            splits=self.job.rows,
            data_lines=self.data_lines(),
            settings=shown_settings(self.job.settings),
            seconds=trainer.clock.seconds,
            machine={**machine_facts(), "threads": threads()},
            **outcome.details,
        )


def recipe_of(settings: Settings) -> ModuleType:
    """The module with the recipe for this data."""
    return digits if settings.data == DIGITS else tabular


def shown_settings(settings: Settings) -> dict[str, Any]:
    """The settings as a reader wants them: without the data's fingerprint, the file by its name."""
    shown = replace(settings, data=os.path.basename(settings.data)).to_json()
    return {k: v for k, v in shown.items() if k != "data_sha256" and v is not None}


def finite(values: Mapping[str, float]) -> dict[str, float | None]:
    """Values as JSON knows them: None for NaN and infinity."""
    return {name: value if np.isfinite(value) else None for name, value in values.items()}


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "thread"), plural(2_000, "thread")
    ('1 thread', '2,000 threads')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
