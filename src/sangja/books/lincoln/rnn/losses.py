"""The chapter's loss: that of the other chapters for sequences, summed rather than averaged."""

from __future__ import annotations

import numpy as np

from sangja.books.lincoln.losses import EngineLoss, each_against_the_rest
from sangja.books.lincoln.rnn.functions import batch_softmax
from sangja.engine import Tensor


class SoftmaxCrossEntropy(EngineLoss):
    """L = Σ −t ln p − (1 − t) ln(1 − p), p = softmax(prediction) at every step; predictions and
    one-hot targets are (batch, steps, classes)."""

    def __init__(self, eps: float = 1e-9) -> None:
        super().__init__()
        self.eps = eps
        self.single_class = False

    def _output(self) -> float:
        self.softmax_preds = np.clip(batch_softmax(self.prediction), self.eps, 1 - self.eps)
        return super()._output()

    def _formula(self, prediction: Tensor) -> Tensor:
        return each_against_the_rest(prediction, self.target)
