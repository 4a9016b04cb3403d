"""The examples in the docstrings run and print what they say."""

import doctest
import importlib
import pkgutil

import pytest

import sangja

MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(sangja.__path__, "sangja.")
    if not name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str):
    module = importlib.import_module(name)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed, _ = doctest.testmod(module, optionflags=flags)
    assert not failed
