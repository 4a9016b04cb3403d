"""Lets this package be known under another name.

After `sys.modules["dezero"] = sangja.books.dezero` Python would, for `import dezero.layers`, run
`layers.py` a second time under that name, and its `Layer` would be another class. The finder here
gives it the module that is already there.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class SameModule(Loader):
    """Loads a module by its own name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        self.module = importlib.import_module(self.name)
        self.spec = self.module.__spec__
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # it was run under its own name


class AliasFinder(MetaPathFinder):
    """Finds the submodules of `package` under any other name that `sys.modules` has for it."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        parent, _, child = fullname.rpartition(".")
        package = sys.modules.get(self.package)
        if not parent or parent == self.package or sys.modules.get(parent) is not package:
            return None
        own_name = f"{self.package}.{child}"
        if package is None or importlib.util.find_spec(own_name) is None:
            return None
        return importlib.util.spec_from_loader(fullname, SameModule(own_name))


def answer_to_aliases(package: str) -> None:
    """Install the finder, once."""
    known = [f for f in sys.meta_path if isinstance(f, AliasFinder) and f.package == package]
    if not known:
        sys.meta_path.insert(0, AliasFinder(package))
