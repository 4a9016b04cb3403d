"""The command `sangja`: its subcommands, loaded when they are called, and how it says no."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NoReturn

import click

from sangja.core.errors import SangjaError
from sangja.core.version import __version__

# Each subcommand's module and what it does: `sangja --help` needs no more than this.
COMMANDS = {
    "train": ("sangja.cli.train", "Train a model on the bundled digits or on your own table."),
    "predict": ("sangja.cli.predict", "Use a trained model on new rows or pictures."),
    "compat": ("sangja.cli.compat", "List what of PyTorch a script uses that is missing here."),
    "run": ("sangja.cli.run", "Run a script whose imports of torch mean sangja."),
    "doctor": ("sangja.cli.doctor", "Tell what is installed here and what is missing."),
}
BAD_INPUT, INTERRUPTED = 2, 130


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name][0]).command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args[0] not in COMMANDS:
            close = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(COMMANDS)}."
            raise click.UsageError(f"there is no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, what) for name, (_, what) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="sangja %(version)s")
def cli() -> None:
    """sangja (상자, box): deep learning in boxes made of glass.

    \b
    sangja train digits                    learn to read handwritten digits
    sangja train houses.csv --target price learn from your own table
    sangja predict runs/digits-1 three.png use what was learnt
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command; bad input ends it with one sentence on stderr and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        # Lines appear as they are said also in a pipe; what a terminal cannot show is replaced.
        stream.reconfigure(line_buffering=True, errors="replace")  # type: ignore[union-attr]
    try:
        cli.main(arguments, prog_name="sangja", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        refuse(error.ctx.get_help() if error.ctx else error.format_message(), prefix="")
    except click.ClickException as error:
        refuse(error.format_message())
    except (click.Abort, KeyboardInterrupt):
        refuse("stopped.", INTERRUPTED)
    except SangjaError as error:
        refuse(str(error))
    except MemoryError as error:
        refuse(f"there is not enough memory ({error}); use less data at a time or a smaller model.")
    except BrokenPipeError:
        # Whoever read the output has gone, as `head` does: nothing more to say.
        sys.stdout = None  # type: ignore[assignment]
        sys.exit(0)
    sys.exit(0)


def refuse(sentence: str, code: int = BAD_INPUT, prefix: str = "sangja: ") -> NoReturn:
    """End with a sentence on stderr."""
    print(f"{prefix}{' '.join(sentence.split()) if prefix else sentence}", file=sys.stderr)
    sys.exit(code)
