"""The trainer: epochs of batches, and a look at data it was not trained on.

Seed 002, from «Trainer를 만들어야 한다». What differs:

- stopping early, it puts the best measured parameters back into the network that the caller holds.
  The book's trainer goes on with a copy made at the start of the last epoch, and the caller keeps
  the worse network;
- a rate that decays is `final_lr` in the last epoch and after it;
- a loss that is no number stops the training, and says so;
- `restart` also forgets the optimizer's velocities and the decay of its rate;
- dropout rests while the loss on the test data is measured; NumPy's global stream is left alone.

What it measures on decides when it stops: give it validation data as `X_test`, `y_test`, and keep
the test data for the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy import ndarray

from sangja.books.language import text
from sangja.books.lincoln.network import NeuralNetwork
from sangja.books.lincoln.optimizers import Optimizer
from sangja.books.lincoln.utils.np_utils import permute_data
from sangja.core.errors import ShapeError


class Trainer:
    """Trains `net` with `optim`. `best_loss` is the lowest loss measured so far."""

    def __init__(self, net: NeuralNetwork, optim: Optimizer) -> None:
        self.net = net
        self.optim = optim
        self.best_loss = 1e9
        self._best: list[ndarray] = []
        optim.net = net

    def generate_batches(
        self, X: ndarray, y: ndarray, size: int = 32
    ) -> Iterator[tuple[ndarray, ndarray]]:
        """`size` rows of both at a time; the last batch may be smaller."""
        if X.shape[0] != y.shape[0]:
            raise ShapeError(
                text(
                    "features and target must have the same number of rows, instead features has "
                    f"{X.shape[0]} and target has {y.shape[0]}",
                    "특징과 목푯값은 행의 수가 같아야 하는데, "
                    f"특징은 {X.shape[0]}행, 목푯값은 {y.shape[0]}행이다",
                )
            )
        for start in range(0, X.shape[0], size):
            yield X[start : start + size], y[start : start + size]

    def fit(
        self,
        X_train: ndarray,
        y_train: ndarray,
        X_test: ndarray,
        y_test: ndarray,
        epochs: int = 100,
        eval_every: int = 10,
        batch_size: int = 32,
        seed: int = 1,
        restart: bool = True,
        early_stopping: bool = True,
        conv_testing: bool = False,
    ) -> None:
        """Train for `epochs`; every `eval_every` of them print the loss on the test data, and with
        `early_stopping` stop when it has not fallen.

        `seed` begins the stream of shuffles and weights. `restart` sets all layers up anew, else
        the training goes on. `conv_testing` also prints the loss of every tenth batch and, every
        hundred batches, the accuracy on the test data.
        """
        random = np.random.RandomState(seed)
        for layer in self.net.layers:
            layer.random = random
            layer.first = layer.first or restart
        if restart:
            self.best_loss = 1e9
            self._best = []
            self.optim.restart()
        self.optim.max_epochs = epochs
        self.optim._setup_decay()
        for e in range(epochs):
            X_train, y_train = permute_data(X_train, y_train, random)
            for i, (X_batch, y_batch) in enumerate(
                self.generate_batches(X_train, y_train, batch_size)
            ):
                self.net.train_batch(X_batch, y_batch)
                self.optim.step()
                if conv_testing:
                    self._report_batch(i, X_batch, y_batch, X_test, y_test)
            if (e + 1) % eval_every == 0:
                loss = self.net.forward_loss(X_test, y_test, inference=True)
                better = loss < self.best_loss if self._best else not math.isnan(loss)
                if early_stopping and not better:
                    self._stop(e + 1, eval_every, loss)
                    break
                print(validation_text(e + 1, loss))
                if early_stopping:
                    self.best_loss = loss
                    self._best = [param.copy() for param in self.net.params()]
            if e + 1 < epochs:
                self.optim._decay_lr()

    def _stop(self, epoch: int, eval_every: int, loss: float) -> None:
        """Say why, and put the best parameters back into the network."""
        if not self._best:
            print(nan_text(epoch))
            return
        print(increase_text(epoch, eval_every, loss, self.best_loss))
        for param, best in zip(self.net.params(), self._best, strict=True):
            param[...] = best

    def _report_batch(
        self, i: int, X_batch: ndarray, y_batch: ndarray, X_test: ndarray, y_test: ndarray
    ) -> None:
        if i % 10 == 0:
            print("batch", i, "loss", self.net.forward_loss(X_batch, y_batch, inference=True))
        if i % 100 == 0 and i > 0:
            chosen = np.argmax(self.net.forward(X_test, inference=True), axis=1)
            share = np.mean(chosen == np.argmax(y_test, axis=1))
            print(f"Validation accuracy after {i} batches is {share:.2%}")


def validation_text(epoch: int, loss: float) -> str:
    """What is printed at a measurement."""
    return text(
        f"Validation loss after {epoch} epochs is {loss:.3f}",
        f"{epoch} 에폭에서 검증 데이터에 대한 손실값: {loss:.3f}",
    )


def nan_text(epoch: int) -> str:
    """What is printed when a loss is no number."""
    return text(
        f"The loss is not a number after epoch {epoch}",
        f"{epoch}에폭에서 손실값이 수가 아니다(nan).",
    )


def increase_text(epoch: int, eval_every: int, loss: float, best: float) -> str:
    """What is printed when training goes back to the model of the last measurement."""
    before = epoch - eval_every
    if math.isnan(loss):
        return nan_text(epoch) + text(
            f", final loss was {best:.3f}, \nusing the model from epoch {before}",
            f" 마지막으로 측정한 손실값은 {before}에폭까지 학습된 모델에서 계산된 {best:.3f}이다.",
        )
    return text(
        f"\nLoss increased after epoch {epoch}, final loss was {best:.3f}, \n"
        f"using the model from epoch {before}",
        f"{epoch}에폭에서 손실값이 증가했다. 마지막으로 측정한 손실값은 "
        f"{before}에폭까지 학습된 모델에서 계산된 {best:.3f}이다.",
    )
