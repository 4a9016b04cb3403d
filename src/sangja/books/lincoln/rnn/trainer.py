"""Learning to write, one character at a time."""

from __future__ import annotations

import os
from collections import deque
from copy import deepcopy
from pathlib import Path

import numpy as np
from numpy import ndarray

from sangja.books.lincoln.rnn.functions import batch_softmax
from sangja.books.lincoln.rnn.model import RNNModel
from sangja.books.lincoln.rnn.optimizers import RNNOptimizer
from sangja.core.errors import DataError


class RNNTrainer:
    """Trains `model` to continue the text in `text_file`.

    Characters are numbered in their own order, so that a run can be repeated (the book numbers them
    as they come out of a set, differently in each process). `iterations` and `losses` (a moving
    average over 100) are what the book plots.

    Raises `DataError` for a text too short for one batch.
    """

    def __init__(
        self,
        text_file: str | os.PathLike[str],
        model: RNNModel,
        optim: RNNOptimizer,
        batch_size: int = 32,
    ) -> None:
        self.data = Path(text_file).read_text(encoding="utf-8")
        self.model = model
        self.chars = sorted(set(self.data))
        self.vocab_size = len(self.chars)
        self.char_to_idx = {ch: i for i, ch in enumerate(self.chars)}
        self.idx_to_char = dict(enumerate(self.chars))
        self.sequence_length = model.sequence_length
        self.batch_size = batch_size
        self.optim = optim
        self.optim.model = model
        self.iterations: list[int] = []
        self.losses: list[float] = []
        needed = self.sequence_length + batch_size + 1
        if len(self.data) < needed:
            raise DataError(
                f"RNNTrainer: the text has {len(self.data)} characters; sequences of "
                f"{self.sequence_length} in batches of {batch_size} need at least {needed}. Take "
                "more text, shorter sequences or smaller batches"
            )

    def _generate_inputs_targets(self, start_pos: int) -> tuple[ndarray, ndarray]:
        """Characters from `start_pos` on, a sequence per row, each begun one character later; and
        those that follow them."""
        rows = start_pos + np.arange(self.batch_size)[:, None] + np.arange(self.sequence_length)
        text = self.data[start_pos : start_pos + self.batch_size + self.sequence_length]
        indices = np.array([self.char_to_idx[ch] for ch in text])
        return indices[rows - start_pos], indices[rows - start_pos + 1]

    def _generate_one_hot_array(self, indices: ndarray) -> ndarray:
        """(batch, steps) → (batch, steps, vocab)."""
        return np.eye(self.vocab_size)[indices]

    def sample_output(self, input_char: int, sample_length: int) -> str:
        """`sample_length` characters that a copy of the model writes after `input_char`."""
        model = deepcopy(self.model)
        indices = []
        for _ in range(sample_length):
            scores = model.forward(np.eye(self.vocab_size)[[[input_char]]])
            input_char = int(np.random.choice(self.vocab_size, p=batch_softmax(scores).ravel()))
            indices.append(input_char)
        return "".join(self.idx_to_char[i] for i in indices)

    def train(self, num_iterations: int, sample_every: int = 100) -> None:
        """`num_iterations` batches; every `sample_every` of them print what the model writes."""
        start_pos = 0
        latest: deque[float] = deque(maxlen=100)
        for i in range(num_iterations):
            if start_pos + self.sequence_length + self.batch_size + 1 > len(self.data):
                start_pos = 0
            inputs, targets = self._generate_inputs_targets(start_pos)
            loss = self.model.single_step(
                self._generate_one_hot_array(inputs), self._generate_one_hot_array(targets)
            )
            self.optim.step()
            latest.append(loss)
            self.iterations.append(i)
            self.losses.append(float(np.mean(latest)))
            start_pos += self.batch_size
            if i % sample_every == 0:
                print(self.sample_output(self.char_to_idx[self.data[start_pos]], 200))
