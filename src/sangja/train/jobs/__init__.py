"""Whole jobs: from data to a folder with a trained model and a report."""

from sangja.train.jobs.folder import Log
from sangja.train.jobs.job import Settings
from sangja.train.jobs.recipe import Run
from sangja.train.jobs.saved import SavedModel, load_model

__all__ = ["Log", "Run", "SavedModel", "Settings", "load_model"]
