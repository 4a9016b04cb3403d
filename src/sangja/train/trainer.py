"""The loop that trains a model: steps, epochs, the best epoch kept, checkpoints, exact resume."""

from __future__ import annotations

import copy
import itertools
import math
import operator
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from time import perf_counter
from typing import Any

import numpy as np

from sangja.backend.generator import default_generator
from sangja.compile import compile as compiled
from sangja.core.errors import AnomalyError, ArgumentError, ForeignFileError
from sangja.data import DataLoader
from sangja.engine import Tensor, no_grad, wrap
from sangja.io import Checkpoints
from sangja.nn.utils import clip_grad_norm_
from sangja.optim.lr_scheduler import ReduceLROnPlateau
from sangja.train.batches import evaluating, is_finite, row_count, split_batch
from sangja.train.callbacks import Callback
from sangja.train.display import Display, Say
from sangja.train.history import History, Row
from sangja.train.interruption import Interruption, StopRequested
from sangja.train.metrics import Metric, make_metrics
from sangja.train.position import (
    Clock,
    Position,
    random_numbers_untouched,
    random_states,
    set_random_states,
)

CHECKPOINT_FOLDER, LOG_NAME = "checkpoints", "metrics.csv"
_FORMAT, _VERSION = "sangja-training", 1
_END = object()


class Trainer:
    """Trains `model` with `optimizer` to make `loss(output, target)` small.

    Batches are sequences (input, …, target); `loss` is a mean over the rows of a batch.

    Args:
        metrics: names ("accuracy", "mae", "rmse", "r2") or `Metric` objects.
        scheduler: stepped after each epoch, or with `schedule_every="step"` after each step of the
            optimizer; ReduceLROnPlateau is given the monitored value.
        clip_norm: the norm to which the gradient of all parameters together is cut.
        accumulate: batches per step; the step is that of one batch of all their rows.
        compile: run each batch as compiled programs (`sangja.compile`): faster, equal to rounding.
            The first batches of each shape run uncompiled, so that a resumed run agrees with the
            undisturbed one to rounding, not to the bit.
        patience: epochs without a better `monitor` after which training ends. With it, the model
            ends with the parameters and buffers of its best epoch, else with those of its last.
        monitor: "train_" or "valid_" and "loss" or the name of a metric.
        seed: for `manual_seed` when a run begins (not when it is resumed).
        folder: where metrics.csv and checkpoints/ are written; without it nothing is.
        checkpoint_every: steps between checkpoints; one is written after each epoch in any case.
        keep: how many checkpoints stay.
        quiet: say nothing. `say`: who is given the line of each epoch (default: print).

    Raises:
        ArgumentError: an argument out of its range, a monitor that is not measured.

    >>> import sangja
    >>> from sangja import nn, optim
    >>> x = sangja.tensor([[0.0], [1.0], [2.0]])
    >>> model = nn.Linear(1, 1)
    >>> optimizer = optim.SGD(model.parameters(), lr=0.1)
    >>> trainer = Trainer(model, nn.MSELoss(), optimizer, quiet=True)
    >>> history = trainer.fit([(x, 2 * x + 1)], epochs=200)
    >>> history["train_loss"][-1] < 1e-3
    True
    """

    def __init__(
        self,
        model: Any,
        loss: Any,
        optimizer: Any,
        *,
        metrics: Iterable[str | Metric] = (),
        scheduler: Any = None,
        schedule_every: str = "epoch",
        clip_norm: float | None = None,
        accumulate: int = 1,
        compile: bool = False,
        callbacks: Sequence[Callback] = (),
        patience: int | None = None,
        monitor: str = "valid_loss",
        seed: int | None = None,
        folder: str | os.PathLike[str] | None = None,
        checkpoint_every: int | None = None,
        keep: int = 3,
        quiet: bool = False,
        say: Say = print,
    ) -> None:
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.metrics = make_metrics(metrics)
        self.scheduler, self.schedule_every = scheduler, schedule_every
        self.clip_norm, self.accumulate = clip_norm, accumulate
        self.callbacks = list(callbacks)
        self._predict: Any = self._forward
        self._update: Any = self._clip_and_step
        if compile:
            self._predict, self._update = compiled(self._forward), compiled(self._clip_and_step)
        self.patience, self.monitor, self.seed = patience, monitor, seed
        self.folder = None if folder is None else os.fsdecode(folder)
        self.checkpoint_every, self.keep = checkpoint_every, keep
        self.display = Display(say, quiet)
        self._check_arguments()
        self.history = History()
        self.position = Position()
        self.clock = Clock()
        self._best: dict[str, Any] | None = None
        self._loader_state: dict[str, Any] | None = None  # of a resumed epoch
        self._epoch_random: dict[str, Any] = {}
        self._loader: DataLoader | None = None
        self._interruption = Interruption()

    # -- what users call -------------------------------------------------------------------

    def fit(
        self,
        train: Iterable[Any],
        valid: Iterable[Any] | None = None,
        epochs: int = 10,
        resume: bool = False,
    ) -> History:
        """Train until `epochs` epochs are done; with `resume` go on from the newest checkpoint.

        A resumed run takes the very steps that the undisturbed one would have taken, also from the
        middle of an epoch. Ctrl-C ends the run after the step it is in, with a checkpoint.

        Raises:
            AnomalyError: the loss or a parameter became NaN or infinite; the last good checkpoint
                is kept.
            MissingFileError: nothing to resume from.
            KeyboardInterrupt: Ctrl-C; its text says how to go on.
        """
        self._loader = train if isinstance(train, DataLoader) else None
        self._begin(valid, epochs, resume)
        for callback in self.callbacks:
            callback.on_fit_start(self)
        try:
            with self._interruption:
                self._epochs(train, valid, epochs)
        finally:
            for callback in self.callbacks:
                callback.on_fit_end(self)
        if self.patience is not None and self._best is not None:
            self.model.load_state_dict(self._best)
        return self.history

    def evaluate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Loss and metrics over all rows, in evaluation mode and without a gradient.

        The random numbers of the training are left as they are.
        """
        metrics = copy.deepcopy(self.metrics)
        for metric in metrics:
            metric.reset()
        total, rows = 0.0, 0
        with random_numbers_untouched(), no_grad(), evaluating(self.model):
            for batch in loader:
                self._interruption.check()
                inputs, target = split_batch(batch)
                output = self.model(*inputs)
                total += self.loss(output, target).item() * row_count(target)
                rows += row_count(target)
                for metric in metrics:
                    metric.update(output, target)
        if not rows:
            raise ArgumentError("Trainer.evaluate: the data gave no rows; expected at least one.")
        return {"loss": total / rows} | {metric.name: metric.compute() for metric in metrics}

    def predict(self, loader: Iterable[Any]) -> Tensor:
        """The model's outputs for all rows, one below the other.

        Batches are inputs, or as in `fit`, whose target is left out.
        """
        outputs = []
        with random_numbers_untouched(), no_grad(), evaluating(self.model):
            for batch in loader:
                alone = isinstance(batch, Tensor) or len(batch) == 1
                inputs = list(batch) if not isinstance(batch, Tensor) else [batch]
                outputs.append(self.model(*(inputs if alone else inputs[:-1])).array)
        if not outputs:
            raise ArgumentError("Trainer.predict: the data gave no rows; expected at least one.")
        return wrap(np.concatenate(outputs))

    @property
    def can_resume(self) -> bool:
        """Whether the folder holds a checkpoint to go on from."""
        return self.folder is not None and bool(self._checkpoints().steps())

    def stop(self, reason: str) -> None:
        """End the training after the present epoch; `reason` goes into `history.stopped`."""
        self.history.stopped = reason

    # -- before the first step -------------------------------------------------------------

    def _check_arguments(self) -> None:
        for name in ("accumulate", "patience", "checkpoint_every", "keep"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise ArgumentError(f"Trainer: {name}={value!r}; expected a whole number from 1.")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise ArgumentError(f"Trainer: clip_norm={self.clip_norm!r}; expected more than 0.")
        if self.schedule_every not in ("epoch", "step"):
            raise ArgumentError(
                f"Trainer: schedule_every={self.schedule_every!r}; expected 'epoch' or 'step'."
            )
        if self._plateau and self.schedule_every == "step":
            raise ArgumentError(
                "Trainer: ReduceLROnPlateau follows a value measured once per epoch; leave out "
                "schedule_every='step'."
            )
        measured = ["loss", *(metric.name for metric in self.metrics)]
        names = [f"{part}_{name}" for part in ("valid", "train") for name in measured]
        if self.monitor not in names:
            raise ArgumentError(
                f"Trainer: monitor={self.monitor!r} is not measured; expected one of "
                f"{', '.join(map(repr, names))}."
            )

    @property
    def _plateau(self) -> bool:
        return isinstance(self.scheduler, ReduceLROnPlateau)

    def _begin(self, valid: Iterable[Any] | None, epochs: int, resume: bool) -> None:
        if not isinstance(epochs, int) or epochs < 1:
            raise ArgumentError(f"Trainer.fit: epochs={epochs!r}; expected a whole number from 1.")
        if valid is None and self.monitor.startswith("valid_"):
            needs = "patience" if self.patience is not None else "ReduceLROnPlateau"
            if self.patience is not None or self._plateau:
                raise ArgumentError(
                    f"Trainer.fit: {needs} watches {self.monitor!r}, but no validation data was "
                    "given. Give fit(train, valid, …), or set monitor='train_loss'."
                )
        if resume:
            self._resume()
            return
        self.history, self.position, self.clock = History(), Position(), Clock()
        self._best = self._loader_state = None
        for metric in self.metrics:
            metric.reset()
        if self.seed is not None:
            default_generator.manual_seed(self.seed)
        if self.folder is not None:
            if self.can_resume:
                raise ArgumentError(
                    f"Trainer.fit: {self.folder} holds the checkpoints of an earlier run. Go on "
                    "with it by fit(…, resume=True), or choose another folder."
                )
            self._save()

    # -- one epoch -------------------------------------------------------------------------

    def _epochs(self, train: Iterable[Any], valid: Iterable[Any] | None, epochs: int) -> None:
        try:
            while self.position.epoch < epochs and not self.history.stopped:
                self._interruption.check()
                self._epoch(train, valid, epochs)
        except StopRequested:
            where = f"training stopped in epoch {self.position.epoch + 1} of {epochs}"
            where += f" after step {self.position.step}"
            if self.folder is None:
                raise KeyboardInterrupt(f"{where}; without a folder nothing was saved") from None
            raise KeyboardInterrupt(
                f"{where}; {self._save()} holds all of it: go on with fit(…, resume=True)"
            ) from None

    def _epoch(self, train: Iterable[Any], valid: Iterable[Any] | None, epochs: int) -> None:
        began, before = perf_counter(), self.position.seconds

        def tick() -> None:
            self.position.seconds = before + perf_counter() - began

        if not self.position.trained:
            label = f"epoch {self.position.epoch + 1}/{epochs}"
            self._train(train, label, tick)
            self.position.trained = True
        values: dict[str, float] = {}
        if valid is not None:
            with self.clock.part("validation"):
                values = self.evaluate(valid)
        tick()
        self._close_epoch(values, epochs)

    def _train(self, train: Iterable[Any], label: str, tick: Any) -> None:
        """All remaining batches of the epoch."""
        self.model.train()
        self.optimizer.zero_grad()
        waiting = 0  # rows whose gradient is summed up but not yet used
        loss = math.nan
        batches = self._batches(train)
        total = operator.length_hint(train) or None
        for batch in self.display.batches(batches, label, total, self.position.batch):
            inputs, target = split_batch(batch)
            loss = self._forward_backward(inputs, target)
            waiting += row_count(target)
            self.position.batch += 1
            if self.position.batch % self.accumulate == 0:
                self._step(waiting)
                waiting = 0
                tick()
                self._after_step(loss)
        if not self.position.batch:
            raise ArgumentError("Trainer.fit: the training data gave no batches.")
        if waiting:
            self._step(waiting)
            tick()
            self._after_step(loss)

    def _batches(self, train: Iterable[Any]) -> Iterator[Any]:
        """The batches of the epoch, the time of loading them measured."""
        state, self._loader_state = self._loader_state, None
        if state is None:
            self._epoch_random = random_states()
            iterator = iter(train)
        elif isinstance(train, DataLoader):
            train.load_state_dict(state)
            iterator = iter(train)
        else:  # goes through what was used before with the random numbers of that time
            now = random_states()
            set_random_states(self._epoch_random)
            iterator = iter(train)
            next(itertools.islice(iterator, self.position.batch, self.position.batch), None)
            set_random_states(now)
        while True:
            with self.clock.part("loading"):
                batch = next(iterator, _END)
            if batch is _END:
                return
            yield batch

    def _forward_backward(self, inputs: list[Any], target: Any) -> float:
        rows = row_count(target)
        with self.clock.part("forward"):
            loss, output = self._predict(target, *inputs)
            value = float(loss.item())
        if not math.isfinite(value):
            raise AnomalyError(self._blame(value, inputs, output))
        with self.clock.part("backward"):
            # Gradients of sums over rows add up exactly; `_step` divides by all rows at once.
            (loss if self.accumulate == 1 else loss * rows).backward()
        self.position.loss += value * rows
        self.position.rows += rows
        for metric in self.metrics:
            metric.update(output, target)
        return value

    def _forward(self, target: Any, *inputs: Any) -> tuple[Any, Any]:
        output = self.model(*inputs)
        return self.loss(output, target), output

    def _clip_and_step(self) -> None:
        if self.clip_norm is not None:
            parameters = [p for p in self.model.parameters() if p.grad is not None]
            clip_grad_norm_(parameters, self.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def _step(self, rows: int) -> None:
        with self.clock.part("optimizer"):
            if self.accumulate > 1:
                with no_grad():
                    for parameter in self.model.parameters():
                        if parameter.grad is not None:
                            parameter.grad.div_(rows)
            self._update()
            if self.scheduler is not None and self.schedule_every == "step":
                self.scheduler.step()
        self.position.step += 1

    def _after_step(self, loss: float) -> None:
        for callback in self.callbacks:
            callback.on_step_end(self, loss)
        if self.checkpoint_every and self.position.step % self.checkpoint_every == 0:
            self._save()
        self._interruption.check()

    def _close_epoch(self, valid: dict[str, float], epochs: int) -> None:
        """The epoch becomes a row; whoever follows its values is told; a checkpoint is written."""
        row: Row = {"epoch": self.position.epoch + 1}
        row["train_loss"] = self.position.loss / self.position.rows
        row |= {f"train_{metric.name}": metric.compute() for metric in self.metrics}
        row |= {f"valid_{name}": value for name, value in valid.items()}
        row["lr"] = float(self.optimizer.param_groups[0]["lr"])
        row["seconds"] = self.position.seconds
        self.history.rows.append(row)
        best = self._remember_best(row)
        if self._plateau:
            self.scheduler.step(row[self.monitor])
        elif self.scheduler is not None and self.schedule_every == "epoch":
            self.scheduler.step()
        self.position.next_epoch()
        for metric in self.metrics:
            metric.reset()
        self._stop_if_patience_ends(epochs)
        self.display.epoch(row, epochs, best)
        for callback in self.callbacks:
            callback.on_epoch_end(self, row)
        if self.folder is not None:
            self.history.write_csv(os.path.join(self.folder, LOG_NAME))
            self._save()

    def _remember_best(self, row: Row) -> bool:
        """Whether this epoch is the best so far; then its parameters and buffers are kept."""
        value, best = row.get(self.monitor, math.nan), self.history.best_value
        name = self.monitor.partition("_")[2]
        upward = any(metric.higher_is_better for metric in self.metrics if metric.name == name)
        if math.isnan(value) or (
            best is not None and not (value > best if upward else value < best)
        ):
            return False
        self.history.best_epoch, self.history.best_value = int(row["epoch"]), value
        if self.patience is not None:
            self._best = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        return True

    def _stop_if_patience_ends(self, epochs: int) -> None:
        waited = self.position.epoch - (self.history.best_epoch or 0)
        if self.patience is not None and self.patience <= waited and self.position.epoch < epochs:
            self.stop(
                f"The {self.monitor.replace('_', ' ')} had not become better for {waited} epochs, "
                f"so training ended after epoch {self.position.epoch} of {epochs}."
            )

    # -- checkpoints -----------------------------------------------------------------------

    def _checkpoints(self) -> Checkpoints:
        if self.folder is None:
            raise ArgumentError("Trainer.fit: resume=True needs the folder of the earlier run.")
        return Checkpoints(os.path.join(self.folder, CHECKPOINT_FOLDER), self.keep)

    def _save(self) -> str:
        """Write a checkpoint; never one with a parameter that is NaN or infinite."""
        for name, tensor in self.model.state_dict().items():
            if not is_finite(tensor):
                raise AnomalyError(
                    f"Trainer.fit: {name} of the model holds NaN or infinity after step "
                    f"{self.position.step} (epoch {self.position.epoch + 1}). {self._mend()}"
                )
        return self._checkpoints().save(self.state_dict(), self.position.step)

    def state_dict(self) -> dict[str, Any]:
        """Everything that decides about the steps to come, as data for `sangja.save`."""
        scheduler = self.scheduler
        return {
            "format": _FORMAT,
            "version": _VERSION,
            "position": asdict(self.position),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if scheduler is None else scheduler.state_dict(),
            "metrics": {metric.name: metric.state_dict() for metric in self.metrics},
            "history": self.history.state_dict(),
            "best": self._best,
            "seconds": dict(self.clock.seconds),
            "random": random_states(),
            "epoch_random": self._epoch_random,
            "loader": self._loader.state_dict() if self._loader is not None else {},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Become the trainer that `state_dict` was taken of, but for its arguments."""
        if state.get("format") != _FORMAT or state.get("version") != _VERSION:
            raise ForeignFileError(
                f"Trainer: this is no state of a training run of version {_VERSION} "
                f"(format {state.get('format')!r}, version {state.get('version')!r}). Load what "
                "Trainer.state_dict() gave."
            )
        self.position = Position(**state["position"])
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        for metric in self.metrics:
            metric.load_state_dict(state["metrics"][metric.name])
        self.history.load_state_dict(state["history"])
        self._best, self.clock = state["best"], Clock(dict(state["seconds"]))
        self._epoch_random = state["epoch_random"]
        inside = self.position.batch > 0 and not self.position.trained
        self._loader_state = state["loader"] if inside else None
        set_random_states(state["random"])

    def _resume(self) -> None:
        self.load_state_dict(self._checkpoints().load_latest())

    # -- when numbers go wrong -------------------------------------------------------------

    def _blame(self, value: float, inputs: list[Any], output: Any) -> str:
        """Where a loss that is no number came from, as far as one can see."""
        cause = "The model's outputs are finite: look at the targets and at the loss."
        if not is_finite(output):
            cause = "The model's outputs hold NaN or infinity."
        damaged = [n for n, p in self.model.named_parameters() if not is_finite(p)]
        if damaged:
            cause = (
                f"The parameter {damaged[0]} holds NaN or infinity: the step before was too long."
            )
        if not all(is_finite(one) for one in inputs):
            cause = "The inputs of this batch hold NaN or infinity: clean the data."
        return (
            f"Trainer.fit: the loss became {value} in epoch {self.position.epoch + 1}, step "
            f"{self.position.step + 1} (batch {self.position.batch + 1} of the epoch). "
            f"{cause} {self._mend()}"
        )

    def _mend(self) -> str:
        lr = self.optimizer.param_groups[0]["lr"]
        text = f"Try a lower learning rate (it was {lr:g}) or clip_norm=1.0."
        if self.folder is not None and (steps := self._checkpoints().steps()):
            text += f" The last good checkpoint is {self._checkpoints().path(steps[-1])}."
        return text
