"""`sangja train`: learn from the bundled digits or from a table, into a folder of its own."""

from __future__ import annotations

from shlex import quote

import click

from sangja.cli.main import INTERRUPTED, refuse
from sangja.cli.types import PositiveNumber, WholeNumber
from sangja.train.jobs import Log, Run, Settings


@click.command()
@click.argument("data", required=False)
@click.option("--target", metavar="COLUMN", help="The column of the table to predict.")
@click.option(
    "--task",
    metavar="TASK",
    help="regression or classification [default: decided from the column].",
)
@click.option(
    "--model", metavar="NAME", help="convnet, mlp or linear [default: convnet, for tables mlp]."
)
@click.option("--epochs", type=WholeNumber(1), help="Rounds through the data, at most.")
@click.option("--batch-size", type=WholeNumber(1), help="Rows per step.")
@click.option("--lr", type=PositiveNumber(), help="The learning rate.")
@click.option("--seed", type=WholeNumber(0, 2**32 - 1), help="For all random numbers [default: 0].")
@click.option("--compile", is_flag=True, help="Run batches as compiled programs.")
@click.option("--out", metavar="FOLDER", help="A new folder for the run [default: runs/NAME-1, …].")
@click.option("--resume", metavar="FOLDER", help="Go on with an interrupted run.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
def command(
    data: str | None,
    target: str | None,
    task: str | None,
    model: str | None,
    epochs: int | None,
    batch_size: int | None,
    lr: float | None,
    seed: int | None,
    compile: bool,
    out: str | None,
    resume: str | None,
    quiet: bool,
) -> None:
    """Train a model on DATA: the word digits, or a CSV file with its --target.

    What is made (weights, every epoch's numbers, a report to open in a browser) lies in a folder
    of its own. Ctrl-C keeps all that was learnt; --resume goes on with it.
    """
    log = Log(_say_nothing if quiet else click.echo)
    chosen: dict[str, object] = {
        "--target": target, "--task": task, "--model": model, "--epochs": epochs,
        "--batch-size": batch_size, "--lr": lr, "--seed": seed, "--out": out,
        "--compile": compile or None,
    }  # fmt: skip
    if resume is not None:
        run = _resumed(resume, data, chosen, log, quiet)
    else:
        run = _new(data, chosen, log, quiet)
    if run is None:
        return
    try:
        run.go()
    except KeyboardInterrupt:
        refuse(
            f"stopped. Nothing is lost: go on with sangja train --resume {quote(run.folder)}",
            INTERRUPTED,
        )


def _new(data: str | None, chosen: dict[str, object], log: Log, quiet: bool) -> Run:
    if data is None:
        raise click.UsageError(
            "say what to learn from: sangja train digits, or sangja train FILE.csv --target COLUMN."
        )
    if data == "digits" and (chosen["--target"] or chosen["--task"]):
        raise click.UsageError("--target and --task are for tables; the digits need neither.")
    settings = Settings(
        data=data,
        target=chosen["--target"],  # type: ignore[arg-type]
        task=chosen["--task"] or "auto",  # type: ignore[arg-type]
        model=chosen["--model"],  # type: ignore[arg-type]
        epochs=chosen["--epochs"],  # type: ignore[arg-type]
        batch_size=chosen["--batch-size"],  # type: ignore[arg-type]
        lr=chosen["--lr"],  # type: ignore[arg-type]
        seed=chosen["--seed"] or 0,  # type: ignore[arg-type]
        compile=bool(chosen["--compile"]),
    )
    return Run.new(settings, chosen["--out"], log, quiet)  # type: ignore[arg-type]


def _resumed(
    folder: str, data: str | None, chosen: dict[str, object], log: Log, quiet: bool
) -> Run | None:
    given = [name for name, value in chosen.items() if value is not None]
    if data is not None or given:
        what = ", ".join([*([repr(data)] if data is not None else []), *given])
        raise click.UsageError(
            f"--resume goes on with the settings that the run began with; leave out {what}."
        )
    run = Run.resumed(folder, log, quiet)
    if run.is_finished:
        log(f"The run in {folder} is finished: there is nothing to go on with.")
        return None
    return run


def _say_nothing(line: str) -> None:
    """--quiet."""
