"""The book's `common/trainer.py`.

What differs: an epoch is a whole number of steps also where the batch does not divide the data (the
book then hardly ever sees its end); no row comes twice in a batch; "rmsprop" is spelled right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from sangja.books.scratch.network import Network
from sangja.books.scratch.optimizer import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSprop
from sangja.core.errors import ArgumentError

OPTIMIZERS = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": AdaGrad,
    "rmsprop": RMSprop,
    "adam": Adam,
}


class Trainer:
    """Trains a network on random batches, and notes how it does.

    Args:
        network: anything with `params`, `gradient`, `loss` and `accuracy`.
        x_train, t_train, x_test, t_test: the data.
        epochs: how many times as many rows as there are.
        mini_batch_size: rows in a batch.
        optimizer: "sgd", "momentum", "nesterov", "adagrad", "rmsprop" or "adam".
        optimizer_param: its arguments; by default `{"lr": 0.01}`.
        evaluate_sample_num_per_epoch: of how many rows the accuracy is measured; all by default.
        verbose: whether to print.

    Leaves `train_loss_list` (each step), `train_acc_list` and `test_acc_list` (each epoch).
    """

    def __init__(
        self,
        network: Network,
        x_train: ndarray,
        t_train: ndarray,
        x_test: ndarray,
        t_test: ndarray,
        epochs: int = 20,
        mini_batch_size: int = 100,
        optimizer: str = "SGD",
        optimizer_param: dict[str, Any] | None = None,
        evaluate_sample_num_per_epoch: int | None = None,
        verbose: bool = True,
    ) -> None:
        if optimizer.lower() not in OPTIMIZERS:
            raise ArgumentError(
                f"Trainer: optimizer must be one of {', '.join(OPTIMIZERS)}, got {optimizer!r}"
            )
        self.network = network
        self.verbose = verbose
        self.x_train = x_train
        self.t_train = t_train
        self.x_test = x_test
        self.t_test = t_test
        self.epochs = epochs
        self.batch_size = mini_batch_size
        self.evaluate_sample_num_per_epoch = evaluate_sample_num_per_epoch
        arguments = {"lr": 0.01} if optimizer_param is None else optimizer_param
        self.optimizer = OPTIMIZERS[optimizer.lower()](**arguments)
        self.train_size = x_train.shape[0]
        self.iter_per_epoch = max(self.train_size // mini_batch_size, 1)
        self.max_iter = epochs * self.iter_per_epoch
        self.current_iter = 0
        self.current_epoch = 0
        self.train_loss_list: list[float] = []
        self.train_acc_list: list[float] = []
        self.test_acc_list: list[float] = []

    def train_step(self) -> None:
        """One batch; before the second of every epoch, a look at the accuracies."""
        size = min(self.batch_size, self.train_size)
        batch_mask = np.random.choice(self.train_size, size, replace=False)
        x_batch, t_batch = self.x_train[batch_mask], self.t_train[batch_mask]
        grads = self.network.gradient(x_batch, t_batch)
        self.optimizer.update(self.network.params, grads)
        loss = self.network.loss(x_batch, t_batch)
        self.train_loss_list.append(loss)
        self._say(f"train loss:{loss}")
        if self.current_iter % self.iter_per_epoch == 0:
            self._evaluate()
        self.current_iter += 1

    def _evaluate(self) -> None:
        self.current_epoch += 1
        part = slice(self.evaluate_sample_num_per_epoch)
        train_acc = self.network.accuracy(self.x_train[part], self.t_train[part])
        test_acc = self.network.accuracy(self.x_test[part], self.t_test[part])
        self.train_acc_list.append(train_acc)
        self.test_acc_list.append(test_acc)
        self._say(f"=== epoch:{self.current_epoch}, train acc:{train_acc}, test acc:{test_acc} ===")

    def train(self) -> None:
        """All epochs, and the accuracy on all test data at the end."""
        for _ in range(self.max_iter):
            self.train_step()
        test_acc = self.network.accuracy(self.x_test, self.t_test)
        self._say("=============== Final Test Accuracy ===============")
        self._say(f"test acc:{test_acc}")

    def _say(self, line: str) -> None:
        if self.verbose:
            print(line)
