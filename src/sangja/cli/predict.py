"""`sangja predict`: what a trained model says of new rows and pictures."""

from __future__ import annotations

import os
from shlex import quote

import click
import numpy as np

from sangja.core.errors import ArgumentError, MissingFileError
from sangja.io import write_text
from sangja.train.jobs.folder import SETTINGS
from sangja.train.jobs.predictions import (
    Predictions,
    check_files,
    predict_picture,
    predict_table,
    to_csv,
)
from sangja.train.jobs.saved import DESCRIPTION, SavedModel, load_model

INK = " ░▒▓█"
BAR = 30


@click.command()
@click.argument("run")
@click.argument("files", nargs=-1)
@click.option("--out", metavar="FILE", help="Write the predictions as CSV into a new file.")
@click.option("--probabilities", is_flag=True, help="In CSV, the probability of every class.")
def command(run: str, files: tuple[str, ...], out: str | None, probabilities: bool) -> None:
    """Predict FILES with the model in the folder RUN.

    Of a table's rows the predictions are printed as CSV, row by row, remarks on stderr. Of a
    picture (any size and colour, one digit) the classes and their probabilities are printed.
    """
    saved = _load(run)
    if not files:
        what = "pictures" if saved.preprocessing is None else "CSV files"
        raise click.UsageError(f"say which {what} to predict: sangja predict {run} FILE")
    check_files(saved, files)
    if out is not None and os.path.exists(out):
        raise ArgumentError(f"{out!r} exists already and is not overwritten; choose another --out.")
    results = []
    for path in files:
        if saved.preprocessing is None:
            result, picture = predict_picture(saved, path)
            _show_picture(saved, result, picture.image)
        else:
            result = predict_table(saved, path)
            for line in result.said:
                click.echo(f"{path}: {line}", err=True)
        results.append(result)
    if out is not None:
        write_text(out, to_csv(saved, results, probabilities))
        click.echo(f"{sum(len(r.values) for r in results):,} predictions are in {out}", err=True)
    elif saved.preprocessing is not None:
        click.echo(to_csv(saved, results, probabilities), nl=False)


def _load(run: str) -> SavedModel:
    if not os.path.isdir(run):
        raise MissingFileError(f"there is no run folder {run!r}.")
    if not os.path.exists(os.path.join(run, DESCRIPTION)):
        if os.path.exists(os.path.join(run, SETTINGS)):
            raise MissingFileError(
                f"the run in {run!r} is not finished; finish it with: sangja train --resume "
                f"{quote(run)}"
            )
        raise MissingFileError(f"{run!r} is no run folder: it has no {DESCRIPTION}.")
    return load_model(run)


def _show_picture(saved: SavedModel, result: Predictions, image: np.ndarray) -> None:
    """The picture as the model sees it, and beside it the classes by their probabilities."""
    assert result.chances is not None
    click.echo(f"{result.source}: {result.values[0]} ({result.chances[0].max() * 100:.1f}%)")
    click.echo(f"  {result.said[0]}")
    order = np.argsort(-result.chances[0], kind="stable")
    for i, row in enumerate(image):
        drawn = "".join(INK[min(int(ink * len(INK)), len(INK) - 1)] * 2 for ink in row)
        line = f"  │{drawn}│"
        if i < len(order):
            chance = result.chances[0][order[i]]
            bar = "█" * round(chance * BAR)
            line += f"  {saved.classes[order[i]]:>3} {chance * 100:5.1f}%  {bar}"
        click.echo(line.rstrip())
