"""Batches of a data set (steps 50 and 60)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from sangja.books.dezero import cuda


class DataLoader:
    """An iterator of batches (x, t); when it ends it is ready for another round."""

    def __init__(
        self, dataset: Any, batch_size: int, shuffle: bool = True, gpu: bool = False
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.data_size = len(dataset)
        self.max_iter = math.ceil(self.data_size / batch_size)
        self.gpu = gpu
        self.reset()

    def reset(self) -> None:
        """Begin anew, in another order with `shuffle`."""
        self.iteration = 0
        size = len(self.dataset)
        self.index = np.random.permutation(size) if self.shuffle else np.arange(size)

    def __iter__(self) -> DataLoader:
        return self

    def __next__(self) -> tuple[Any, Any]:
        if self.iteration >= self.max_iter:
            self.reset()
            raise StopIteration
        i, n = self.iteration, self.batch_size
        self.iteration += 1
        return self.batch(self.index[i * n : (i + 1) * n])

    def batch(self, indices: Iterable[int]) -> tuple[Any, Any]:
        """The examples of these numbers, as two arrays."""
        xp = cuda.cupy if self.gpu else np
        examples = [self.dataset[i] for i in indices]
        return xp.array([e[0] for e in examples]), xp.array([e[1] for e in examples])

    def next(self) -> tuple[Any, Any]:
        return self.__next__()

    def to_cpu(self) -> None:
        self.gpu = False

    def to_gpu(self) -> None:
        self.gpu = True


class SeqDataLoader(DataLoader):
    """Batches of a series: row i of every batch walks on from its own place, data size / batch
    size apart."""

    def __init__(self, dataset: Any, batch_size: int, gpu: bool = False) -> None:
        super().__init__(dataset=dataset, batch_size=batch_size, shuffle=False, gpu=gpu)

    def __next__(self) -> tuple[Any, Any]:
        if self.iteration >= self.max_iter:
            self.reset()
            raise StopIteration
        jump = self.data_size // self.batch_size
        places = [(i * jump + self.iteration) % self.data_size for i in range(self.batch_size)]
        self.iteration += 1
        return self.batch(places)
