"""What others may do while a model is trained: a base class, and the log for TensorBoard."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sangja.core.errors import MissingPackageError

if TYPE_CHECKING:
    from sangja.train.trainer import Trainer


class Callback:
    """Base of callbacks: override what you need; each is given the trainer.

    To end the training after this epoch, call `trainer.stop("why")`.
    """

    def on_fit_start(self, trainer: Trainer) -> None:
        """Before the first step, also of a resumed run."""

    def on_step_end(self, trainer: Trainer, loss: float) -> None:
        """After each step of the optimizer; `loss` is that of its last batch."""

    def on_epoch_end(self, trainer: Trainer, row: Mapping[str, float]) -> None:
        """After each epoch's validation; `row` is the new row of `trainer.history`."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """After the last epoch, also if Ctrl-C or an error ended the training."""


class TensorBoard(Callback):
    """Writes every number of the history for TensorBoard: `tensorboard --logdir folder`.

    Raises:
        MissingPackageError: tensorboardX is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = os.fsdecode(folder)
        self._writer_class = _summary_writer()
        self._writer: Any = None

    def on_fit_start(self, trainer: Trainer) -> None:
        # What a killed run logged after its last checkpoint is measured anew: shown once.
        first = len(trainer.history) + 1
        self._writer = self._writer_class(self.folder, purge_step=first if first > 1 else None)

    def on_epoch_end(self, trainer: Trainer, row: Mapping[str, float]) -> None:
        for name, value in row.items():
            if name != "epoch":
                self._writer.add_scalar(name.replace("_", "/", 1), value, int(row["epoch"]))
        self._writer.flush()

    def on_fit_end(self, trainer: Trainer) -> None:
        self._writer.close()


def _summary_writer() -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise MissingPackageError(
            "TensorBoard needs the package tensorboardX, which is not installed. Install it with: "
            "pip install 'sangja[tensorboard]'"
        ) from error
    return SummaryWriter
