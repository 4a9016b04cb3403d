"""`sangja compat` and `sangja run`: scripts as users bring them, without torch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sangja.cli.scan import REPLACEMENTS, first_missing, missing_names

SCRIPTS = sorted((Path(__file__).parents[1] / "scripts").glob("[a-z]*.py"))

MISSING = """import torch, torchvision
import torch.nn as nn
import torch.nn.functional as F
from torch.nowhere import thing
from torch.optim import Adam, Adan as A
x = torch.ones(2).relu().sparse_resize_(1)
nn.Linear(2, 3); nn.Linea(2, 3)
F.rellu(x); torch.nn.functional.rellu(x)
'text'.format(); x.shape.numel(); nn.Linear.whatever
torchvision.models.resnet18()
"""


def run(*arguments, cwd=None):
    command = [sys.executable, "-m", "sangja", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def test_missing_names_are_found_with_lines_and_the_nearest():
    found = {m.name: m for m in missing_names(MISSING)}
    assert {name: m.lines for name, m in found.items()} == {
        "torchvision": [1, 10],
        "torch.nowhere": [4],
        "torch.optim.Adan": [5],
        "Tensor.sparse_resize_": [6],
        "torch.nn.Linea": [7],
        "torch.nn.functional.rellu": [8],
    }
    assert found["torch.nn.Linea"].nearest[0] == "torch.nn.Linear"
    assert "torch.nn.functional.relu" in found["torch.nn.functional.rellu"].nearest
    assert "torch.optim.Adam" in found["torch.optim.Adan"].nearest
    assert "Pillow" in found["torchvision"].advice


def test_sangja_under_the_name_of_torch_is_read_alike():
    found = missing_names("import sangja as torch\nfrom sangja import nn\ntorch.onse(1)\nnn.Conv9d")
    assert [m.name for m in found] == ["torch.onse", "torch.nn.Conv9d"]


def test_replacements_exist():
    for name in REPLACEMENTS.values():
        assert first_missing(name) is None, name


def test_the_command_says_what_is_missing_and_ends_with_1(tmp_path):
    (tmp_path / "a.py").write_text(MISSING)
    done = run("compat", "a.py", cwd=tmp_path)
    assert done.returncode == 1
    assert "a.py: 6 missing" in done.stdout
    assert "torch.nn.Linea  (line 7)" in done.stdout
    assert "nearest here: torch.nn.Linear" in done.stdout
    (tmp_path / "b.py").write_text("import torch\nprint(torch.ones(2))\n")
    done = run("compat", "b.py", cwd=tmp_path)
    assert done.returncode == 0
    assert "nothing that it names in torch is missing" in done.stdout
    assert "sangja run b.py" in done.stdout and "import sangja as torch" in done.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [("x = (", "a.py is not Python: '(' was never closed (line 1)."), ("x\0", "is not Python")],
)
def test_what_is_no_script_is_refused_in_a_sentence(tmp_path, text, words):
    (tmp_path / "a.py").write_text(text)
    done = run("compat", "a.py", cwd=tmp_path)
    assert done.returncode == 2 and words in done.stderr
    for command in ("compat", "run"):
        done = run(command, "none.py", cwd=tmp_path)
        assert done.returncode == 2 and "none.py" in done.stderr


def test_a_script_runs_with_sangja_as_torch(tmp_path):
    (tmp_path / "helper.py").write_text("import torch\nsize = torch.Size([2])\n")
    (tmp_path / "a.py").write_text(
        "import sys, torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"
        "from torch.utils.data import DataLoader\nfrom torch.optim.lr_scheduler import StepLR\n"
        "import helper\nimport sangja, sangja.nn.functional as G\n"
        "assert torch is sangja and F is G and torch.nn is sangja.nn\n"
        "assert __name__ == '__main__'\n"
        "assert sangja.__spec__.name == 'sangja' and F.__spec__.name == 'sangja.nn.functional'\n"
        "print(sys.argv[1:], helper.size, nn.Linear(2, 1))\n"
    )
    done = run("run", "a.py", "--lr", "0.1", "-h", cwd=tmp_path)
    assert done.stderr == ""
    expected = (
        "['--lr', '0.1', '-h'] sangja.Size([2]) Linear(in_features=2, out_features=1, bias=True)"
    )
    assert done.stdout.strip() == expected
    (tmp_path / "b.py").write_text("import torch.nowhere\n")
    done = run("run", "b.py", cwd=tmp_path)
    assert done.returncode == 1
    assert "No module named 'torch.nowhere' in sangja" in done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_nothing_is_missing_for_the_scripts_that_run_here(script):
    assert [m.name for m in missing_names(script.read_text())] == []
    assert os.path.getsize(script)
