"""A training run as one self-contained page: `render_report(RunReport(...))`."""

from sangja.train.report.page import render_report
from sangja.train.report.run import LayerRow, RunReport, WrongImage

__all__ = ["LayerRow", "RunReport", "WrongImage", "render_report"]
