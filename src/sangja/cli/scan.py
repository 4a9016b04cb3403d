"""Which names of PyTorch a script uses, and which of them are missing here; nothing is run.

The script's imports say which of its names mean a part of torch; every dotted path from there is
looked up in sangja. A method call on anything else counts as a tensor's only if PyTorch's Tensor
has a method of that name and sangja's has not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from sangja.cli.tensor_names import TENSOR_NAMES
from sangja.engine import Tensor

# What does the work of a name that is missing here; checked to exist by a test.
REPLACEMENTS = {
    "torch.nn.parallel.DistributedDataParallel": "torch.nn.DataParallel",
    "torch.utils.data.distributed.DistributedSampler": "torch.utils.data.RandomSampler",
    "torch.utils.data.DistributedSampler": "torch.utils.data.RandomSampler",
    "torch.autograd.functional": "torch.autograd",
    "torch.serialization": "torch.load",
    "torch.profiler": "torch.autograd",
    "torch.distributions": "torch.normal",
    "Tensor.register_post_accumulate_grad_hook": "Tensor.register_hook",
    "Tensor.map_": "Tensor.copy_",
    "Tensor.apply_": "Tensor.copy_",
}
# Packages beside torch that sangja does not stand for.
BESIDE = {
    "torchvision": "load pictures with Pillow and make tensors with torch.from_numpy",
    "torchaudio": "read sound with soundfile and make tensors with torch.from_numpy",
    "torchtext": "split text with Python and make tensors with torch.tensor",
}


@dataclass
class Missing:
    """A name that is missing, the lines that use it, and what may stand for it."""

    name: str
    lines: list[int] = field(default_factory=list)
    nearest: list[str] = field(default_factory=list)
    advice: str = ""


def missing_names(source: str, filename: str = "<script>") -> list[Missing]:
    """The names of torch in a script that are missing here, in the order of their first lines.

    >>> [(m.name, m.lines) for m in missing_names("import torch\\ntorch.ones(2)\\ntorch.onse(2)")]
    [('torch.onse', [3])]
    """
    found: dict[str, Missing] = {}
    for line, name in uses(ast.parse(source, filename)):
        missing = first_missing(name)
        if missing is not None:
            entry = found.setdefault(missing, Missing(missing))
            if line not in entry.lines:
                entry.lines.append(line)
    for entry in found.values():
        entry.lines.sort()
        root = entry.name.split(".")[0]
        if root in BESIDE:
            entry.advice = BESIDE[root]
        else:
            entry.nearest = nearest(entry.name)
    return sorted(found.values(), key=lambda entry: entry.lines)


def uses(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything of torch that a script speaks of."""
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                path = as_torch(alias.name)
                if path is not None:
                    yield node.lineno, path
                    shown = alias.asname or alias.name.split(".")[0]
                    aliases[shown] = path if alias.asname else path.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            path = as_torch(node.module or "")
            for alias in node.names if path is not None else ():
                full = path if alias.name == "*" else f"{path}.{alias.name}"
                yield node.lineno, str(full)
                aliases[alias.asname or alias.name] = str(full)
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            root, names = chain(node)
            if isinstance(root, ast.Name) and root.id in aliases:
                if id(node) not in inner:
                    yield node.lineno, ".".join([aliases[root.id], *names])
            elif id(node) in called and node.attr in TENSOR_NAMES:
                yield node.lineno, f"Tensor.{node.attr}"


def as_torch(module: str) -> str | None:
    """The module under its name in PyTorch; None if it is not of torch's."""
    first, _, rest = module.partition(".")
    if first in BESIDE:
        return module
    if first in ("torch", "sangja"):
        return f"torch.{rest}" if rest else "torch"
    return None


def chain(node: ast.expr) -> tuple[ast.expr, list[str]]:
    """What `a.b.c` begins with, and its names."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    return node, names


def first_missing(name: str) -> str | None:
    """The shortest part of a dotted name that is missing here; None if all of it is there.

    What lies behind a class, a function or a value is that object's own affair, but for Tensor.
    """
    first, *rest = name.split(".")
    if first in BESIDE:
        return first
    value: Any = Tensor if first == "Tensor" else import_module("sangja")
    path = first
    for part in rest:
        path += "." + part
        if isinstance(value, ModuleType):
            found, value = look_up(value, part)
        elif value is Tensor:
            found, value = hasattr(Tensor, part), None
        else:
            return None
        if not found:
            return path
    return None


def look_up(module: ModuleType, part: str) -> tuple[bool, Any]:
    """Whether a module has a name, and what it is; a submodule is imported for it."""
    if hasattr(module, part):
        return True, getattr(module, part)
    full = f"{module.__name__}.{part}"
    if not hasattr(module, "__path__") or find_spec(full) is None:
        return False, None
    return True, import_module(full)


def nearest(name: str) -> list[str]:
    """The replacement that is known, and names like it that exist in the same place."""
    known = next((k for k in known_prefixes(name) if k in REPLACEMENTS), None)
    where, _, last = name.rpartition(".")
    value: Any = Tensor if where == "Tensor" else import_module("sangja")
    for part in where.split(".")[1:]:
        value = look_up(value, part)[1]
    names = [n for n in dir(value) if not n.startswith("_")]
    close = [f"{where}.{n}" for n in get_close_matches(last, names, n=3, cutoff=0.7)]
    return list(dict.fromkeys(([REPLACEMENTS[known]] if known else []) + close))


def known_prefixes(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:i]) for i in range(len(parts), 1, -1)]
