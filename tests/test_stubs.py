"""The generated types of Tensor's methods are fresh."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_stub_of_the_methods_is_what_the_table_gives():
    spec = importlib.util.spec_from_file_location("stubs", ROOT / "tools" / "stubs.py")
    stubs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stubs)
    assert stubs.TARGET.read_text() == stubs.text(), "run: python tools/stubs.py"
