"""What a person sees while a model is trained: a bar on a terminal, one line per epoch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tqdm import tqdm

from sangja.train.history import Row

Say = Callable[[str], None]
SHARES = ("accuracy",)  # shown as percentages


class Display:
    """`say` gets a line per epoch; on a terminal or in a notebook a bar shows each epoch's batches.

    A bar is drawn on stderr and wiped away at its end, so that a log holds plain lines only.
    """

    def __init__(self, say: Say, quiet: bool) -> None:
        self.say: Say = _nothing if quiet else say
        self.bars = not quiet and (sys.stderr.isatty() or "ipykernel" in sys.modules)

    def batches(
        self, batches: Iterable[Any], label: str, total: int | None, done: int
    ) -> Iterator[Any]:
        """The batches, counted by a bar that begins at `done`."""
        if not self.bars:
            yield from batches
            return
        with tqdm(total=total, initial=done, desc=label, unit="batch", leave=False) as bar:
            for batch in batches:
                yield batch
                bar.update()

    def epoch(self, row: Row, epochs: int, best: bool) -> None:
        """The line of an epoch."""
        self.say(epoch_line(row, epochs, best))


def epoch_line(row: Row, epochs: int, best: bool) -> str:
    """One epoch in one line.

    >>> epoch_line({"epoch": 3, "train_loss": 0.51234, "lr": 0.001, "seconds": 1.234}, 20, True)
    'epoch  3/20  train loss 0.5123  lr 0.001  1.2 s  best so far'
    """
    width = len(str(epochs))
    parts = [f"epoch {int(row['epoch']):{width + 0}d}/{epochs}"]
    for part in ("train", "valid"):
        values = [
            f"{name.removeprefix(f'{part}_')} {measured(name, value)}"
            for name, value in row.items()
            if name.startswith(f"{part}_")
        ]
        if values:
            parts.append(f"{part} {', '.join(values)}")
    parts.append(f"lr {row['lr']:.3g}")
    parts.append(f"{row['seconds']:.1f} s")
    return "  ".join([*parts, "best so far"] if best else parts)


def measured(name: str, value: float) -> str:
    """A measured number: a share as a percentage, anything else in four digits.

    >>> measured("valid_accuracy", 0.98765), measured("train_loss", 123456.7)
    ('98.77%', '123,457')
    """
    if name.rpartition("_")[2] in SHARES:
        return f"{value * 100:.2f}%"
    if 0 < abs(value) < 1e-4 or not abs(value) < 1e15:
        return f"{value:.3e}"
    digits = max(0, 4 - len(str(int(abs(value))))) if abs(value) >= 1 else 4
    return f"{value:,.{digits}f}"


def _nothing(line: str) -> None:
    """Quiet: the line is not said."""
