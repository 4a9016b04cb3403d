"""Training: the loop, what it measures, and the jobs built with it."""

from sangja.train.callbacks import Callback, TensorBoard
from sangja.train.history import History
from sangja.train.metrics import MAE, R2, RMSE, Accuracy, Metric
from sangja.train.trainer import Trainer

__all__ = [
    "MAE",
    "R2",
    "RMSE",
    "Accuracy",
    "Callback",
    "History",
    "Metric",
    "TensorBoard",
    "Trainer",
]
