"""`sangja run SCRIPT.py`: a script that imports torch, run on sangja without a change."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_loader
from types import ModuleType

import click

from sangja.core.errors import DataError


class AsTorch(MetaPathFinder, Loader):
    """Gives sangja's modules to who imports torch's; what is missing here is missing."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        first, _, rest = fullname.partition(".")
        if first != "torch":
            return None
        ours = f"sangja.{rest}" if rest else "sangja"
        known = ours in sys.modules or find_spec(ours) is not None
        if not known:
            raise ModuleNotFoundError(
                f"No module named {fullname!r} in sangja, which stands for torch here; "
                "`sangja compat` lists what a script needs",
                name=fullname,
            )
        return spec_from_loader(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module("sangja" + spec.name.removeprefix("torch"))
        self.own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It was run when it was imported under its own name, which it keeps."""
        module.__spec__ = self.own_spec


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("script", metavar="SCRIPT.py")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(script: str, arguments: tuple[str, ...]) -> None:
    """Run a script whose imports of torch mean sangja."""
    if not os.path.isfile(script):
        raise DataError(f"{script} is not there, or is no file.")
    if "torch" in sys.modules:
        raise DataError("torch is already imported in this process, so sangja cannot stand for it.")
    sys.meta_path.insert(0, AsTorch())
    sys.argv = [script, *arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
    runpy.run_path(script, run_name="__main__")
