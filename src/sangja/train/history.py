"""What was measured epoch by epoch, and the file it is kept in."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from typing import Any

from sangja.core.errors import OutOfRangeError
from sangja.io import write_text

Row = dict[str, float]


class History:
    """One row per epoch (`epoch`, `train_loss`, `valid_loss`, metrics, `lr`, `seconds`).

    `best_epoch` is the epoch with the best monitored value (None if nothing was monitored),
    `best_value` that value, `stopped` a sentence on why the run ended before its last epoch, or "".

    >>> history = History([{"epoch": 1, "train_loss": 0.5}, {"epoch": 2, "train_loss": 0.25}])
    >>> history["train_loss"], len(history)
    ([0.5, 0.25], 2)
    """

    def __init__(self, rows: list[Row] | None = None) -> None:
        self.rows: list[Row] = rows or []
        self.best_epoch: int | None = None
        self.best_value: float | None = None
        self.stopped = ""

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> list[float | None]:
        """One value per epoch; None where it was not measured."""
        if self.rows and name not in self.names():
            raise OutOfRangeError(
                f"History: there is no column {name!r}; it has {', '.join(self.names())}."
            )
        return [row.get(name) for row in self.rows]

    def __repr__(self) -> str:
        best = f", best epoch {self.best_epoch}" if self.best_epoch is not None else ""
        return f"History({len(self)} epochs{best})"

    def names(self) -> list[str]:
        """The columns, in the order in which they were first measured."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def to_csv(self) -> str:
        """The table as CSV; every number in the shortest form that reads back as itself."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.names(), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: repr(v) for k, v in row.items()} for row in self.rows)
        return text.getvalue()

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the table anew as a whole, atomically: a killed run never leaves half a line.

        Raises:
            SaveError: the system refuses; the table written before is kept.
        """
        write_text(path, self.to_csv())

    def state_dict(self) -> dict[str, Any]:
        """Rows, best epoch and reason of stopping, for a checkpoint."""
        rows = [dict(row) for row in self.rows]
        best = {"best_epoch": self.best_epoch, "best_value": self.best_value}
        return {"rows": rows, **best, "stopped": self.stopped}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Become the history that `state_dict` was taken of."""
        self.rows = [dict(row) for row in state["rows"]]
        self.best_epoch, self.best_value = state["best_epoch"], state["best_value"]
        self.stopped = state["stopped"]
