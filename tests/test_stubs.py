"""What is generated is fresh."""

import importlib.util
from pathlib import Path

import sangja

ROOT = Path(__file__).parents[1]


def tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_stub_of_the_methods_is_what_the_table_gives():
    stubs = tool("stubs")
    assert stubs.TARGET.read_text() == stubs.text(), "run: python tools/stubs.py"


def test_all_public_names_are_exported():
    exports = tool("exports")
    source = exports.TARGET.read_text()
    assert source == exports.text(source), "run: python tools/exports.py"
    assert all(hasattr(sangja, name) for name in sangja.__all__)
