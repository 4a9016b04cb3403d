"""`sangja compat SCRIPT.py`: what of PyTorch a script uses that is missing here."""

from __future__ import annotations

import sys
import tokenize

import click

from sangja.cli.scan import Missing, missing_names
from sangja.core.errors import DataError


@click.command()
@click.argument("scripts", nargs=-1, required=True, metavar="SCRIPT.py ...")
def command(scripts: tuple[str, ...]) -> None:
    """List the torch names in scripts that are missing here, with the nearest that exist.

    The scripts are read, not run. The exit status is 0 when nothing is missing, else 1.
    """
    complete = True
    for script in scripts:
        found = read_and_scan(script)
        complete = complete and not found
        report(script, found)
    if complete:
        click.echo(f"Run it with: sangja run {scripts[0]}")
        click.echo("or change its import to: import sangja as torch")
    else:
        sys.exit(1)


def read_and_scan(script: str) -> list[Missing]:
    """What is missing for a script; text that is no Python is refused with the line."""
    try:
        with tokenize.open(script) as file:
            return missing_names(file.read(), script)
    except OSError as error:
        raise DataError(f"{script} cannot be read: {error.strerror}.") from error
    except SyntaxError as error:
        raise DataError(f"{script} is not Python: {error.msg} (line {error.lineno}).") from error
    except ValueError as error:
        raise DataError(f"{script} is not Python: {error}.") from error


def report(script: str, found: list[Missing]) -> None:
    if not found:
        click.echo(f"{script}: nothing that it names in torch is missing here.")
        return
    click.echo(f"{script}: {len(found)} missing")
    for entry in found:
        lines = ", ".join(map(str, entry.lines[:8])) + (", …" if len(entry.lines) > 8 else "")
        click.echo(f"  {entry.name}  (line {lines})")
        if entry.nearest:
            click.echo(f"      nearest here: {', '.join(entry.nearest)}")
        if entry.advice:
            click.echo(f"      {entry.advice}")
