"""The command line: `sangja train`, `sangja predict`, `sangja doctor`."""

from sangja.cli.main import main

__all__ = ["main"]
