"""Every bad input gets one clear sentence and exit code 2; never a traceback."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from PIL import Image

from sangja.io import save
from tests.cli.command import environment, many, refused, sangja, write_houses

COLUMNS = "'size', 'city', 'age', 'price', 'kind'"
TABLES = {
    "empty.csv": "",
    "header.csv": "a,b\n",
    "one_class.csv": "a,b\n" + "1,yes\n2,yes\n" * 10,
    "short.csv": "a,b\n1,2\n3,4\n",
    "text.csv": "a,b\n" + "".join(f"{i % 7},{i}.5\n" for i in range(30)) + "3,much\n",
    "ragged.csv": "a,b\n1,2\n1,2,3\n",
    "names.csv": "a,name\n" + "".join(f"{i},person {i}\n" for i in range(30)),
    "single.csv": "a\n" + "1\n2\n" * 10,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with tables of all kinds, usable and not."""
    folder = tmp_path_factory.mktemp("place")
    write_houses(folder / "houses.csv")
    for name, text in TABLES.items():
        (folder / name).write_text(text)
    (folder / "taken").mkdir()
    (folder / "taken" / "thesis.txt").write_text("years of work")
    (folder / "photo.csv").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    return folder


TRAIN = [
    (
        "train",
        "say what to learn from: sangja train digits, or sangja train FILE.csv --target COLUMN.",
    ),
    (
        "train hauses.csv --target price",
        "there is no file 'hauses.csv'; did you mean 'houses.csv'?",
    ),
    ("train taken --target price", "'taken' is a folder; give a CSV file in it"),
    (
        "train houses.csv",
        "say which column of houses.csv to predict with --target; its columns are " + COLUMNS + ".",
    ),
    (
        "train houses.csv --target prize",
        "houses.csv has no column 'prize'; did you mean 'price'?",
    ),
    (
        "train houses.csv --target zzz",
        "houses.csv has no column 'zzz'; its columns are " + COLUMNS,
    ),
    (
        "train empty.csv --target a",
        "empty.csv is empty; a table has a line of column names and then rows",
    ),
    (
        "train header.csv --target a",
        "header.csv has a first line with column names but no rows below it",
    ),
    (
        "train one_class.csv --target b",
        "'b' is 'yes' in every row of one_class.csv: there is nothing to learn; choose another "
        "column to predict",
    ),
    (
        "train short.csv --target b",
        "short.csv has 2 rows with a value of 'b'; at least 10 are needed to learn from",
    ),
    (
        "train text.csv --target b",
        "column 'b', line 32: 'much' is not a number, which regression needs; correct it, or "
        "remove the row",
    ),
    (
        "train ragged.csv --target b",
        "line 3 of ragged.csv has 3 fields, but line 1 names 2 columns; quote a field that holds "
        "commas, or complete the line",
    ),
    (
        "train names.csv --target name",
        "'name' is text with 30 different values in 30 rows, too many to be classes; choose "
        "another column to predict",
    ),
    (
        "train single.csv --target a",
        "single.csv has no column from which 'a' can be learnt",
    ),
    (
        "train photo.csv --target a",
        "photo.csv is a PNG image, not a text file; save the table as CSV first",
    ),
    (
        "train houses.csv --target city --task regression",
        "column 'city', line 2: 'Seoul' is not a number, which regression needs; correct it, or "
        "remove the row",
    ),
    (
        "train houses.csv --target price --task ranking",
        "there is no task 'ranking'; choose one of regression, classification.",
    ),
    (
        "train digits --model convmet",
        "there is no model 'convmet' for images; did you mean 'convnet'?",
    ),
    (
        "train digits --model xyz",
        "there is no model 'xyz' for images; choose one of convnet, mlp, linear.",
    ),
    (
        "train houses.csv --target price --model convnet",
        "the model 'convnet' is not for tables; choose one of mlp, linear.",
    ),
    (
        "train digits --epochs -3",
        "Invalid value for '--epochs': -3 is not between 1 and 1,000,000,000.",
    ),
    ("train digits --epochs 1.5", "Invalid value for '--epochs': '1.5' is not a whole number."),
    (
        "train digits --batch-size 0",
        "Invalid value for '--batch-size': 0 is not between 1 and 1,000,000,000.",
    ),
    ("train digits --lr fast", "Invalid value for '--lr': 'fast' is not a number."),
    ("train digits --lr nan", "Invalid value for '--lr': nan is not a number above 0."),
    ("train digits --lr -1", "Invalid value for '--lr': -1 is not a number above 0."),
    (
        "train digits --seed -1",
        "Invalid value for '--seed': -1 is not between 0 and 4,294,967,295.",
    ),
    ("train digits --target price", "--target and --task are for tables; the digits need neither."),
    (
        "train digits --out taken",
        "'taken' exists already and is not overwritten; choose another folder with --out.",
    ),
    (
        "train digits --out taken/thesis.txt",
        "'taken/thesis.txt' exists already and is not overwritten; choose another folder with "
        "--out.",
    ),
    (
        "train digits --out taken/thesis.txt/run",
        "the run folder taken/thesis.txt/run cannot be made: not a directory. Choose another with "
        "--out.",
    ),
    ("train --resume nowhere", "there is no run folder 'nowhere'."),
    ("train --resume taken", "'taken' is no run folder: it has no run.json."),
    (
        "train digits --resume taken --epochs 3",
        "--resume goes on with the settings that the run began with; leave out 'digits', --epochs.",
    ),
    ("train digits --epoch 3", "No such option '--epoch'. Did you mean '--epochs'?"),
    ("train digits more", "Got unexpected extra argument (more)"),
    ("trian digits", "there is no command 'trian'; did you mean 'train'?"),
    ("fly", "there is no command 'fly'; there are train, predict, compat, run, doctor."),
    ("predict nowhere x.csv", "there is no run folder 'nowhere'."),
    ("predict taken x.csv", "'taken' is no run folder: it has no model.json."),
    ("predict", "Missing argument 'RUN'."),
]


@pytest.fixture(scope="module")
def outcomes(place):
    """Exit code, stdout and stderr of every command of `TRAIN`."""
    before = sorted(os.listdir(place))
    found = many([arguments for arguments, _ in TRAIN], folder=place)
    assert sorted(os.listdir(place)) == before  # no folder of a run that never began
    return found


@pytest.mark.parametrize(("arguments", "sentence"), TRAIN, ids=[a for a, _ in TRAIN])
def test_bad_input(outcomes, arguments, sentence):
    assert outcomes[arguments] == [2, "", f"sangja: {sentence}\n"]


def test_bad_input_in_a_process_of_its_own(place):
    assert refused("train", "hauses.csv", "--target", "price", folder=place) == (
        "sangja: there is no file 'hauses.csv'; did you mean 'houses.csv'?"
    )
    done = sangja(folder=place)
    assert done.returncode == 2
    assert done.stderr.startswith("Usage: sangja [OPTIONS] COMMAND")


def test_the_folder_of_another_run_is_named_with_the_way_to_resume(own):
    assert refused("train", "digits", "--out", "runs/digits-1", folder=own) == (
        "sangja: 'runs/digits-1' exists already and is not overwritten; choose another folder with "
        "--out, or go on with the run in it: sangja train --resume runs/digits-1."
    )


def test_a_table_that_changed_cannot_be_resumed(own):
    run = own / "runs" / "houses-1"
    settings = json.loads((run / "run.json").read_text())
    settings["settings"]["data"] = str(own / "houses.csv")
    (run / "run.json").write_text(json.dumps(settings))
    with open(own / "houses.csv", "a") as file:
        file.write("100,Seoul,3,300,small\n")
    assert refused("train", "--resume", "runs/houses-1", folder=own) == (
        f"sangja: {own / 'houses.csv'} has changed since the run in runs/houses-1 began; put the "
        "old file back to go on, or begin a new run."
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "{",
            "runs/digits-1/run.json is damaged: it is no whole JSON text (Expecting property name "
            "enclosed in double quotes: line 1 column 2 (char 1)).",
        ),
        ("[1, 2]", "runs/digits-1/run.json does not hold the settings of a run of sangja."),
        (
            '{"format": "sangja-run", "version": 9}',
            "runs/digits-1/run.json has version 9, but this sangja reads version 1. Install a "
            "newer sangja.",
        ),
        (
            '{"format": "sangja-run", "version": 1, "settings": {"data": "digits"}}',
            "the run in 'runs/digits-1' cannot be resumed: its settings are not those of a run",
        ),
    ],
)
def test_damaged_settings_of_a_run(own, content, sentence):
    (own / "runs" / "digits-1" / "run.json").write_text(content)
    assert refused("train", "--resume", "runs/digits-1", folder=own) == f"sangja: {sentence}"


# -- predict ----------------------------------------------------------------------------------


def test_files_that_the_model_is_not_for(finished, tmp_path):
    (tmp_path / "rows.csv").write_text("size,city\n1,Seoul\n")
    (tmp_path / "broken.png").write_text("no picture")
    (tmp_path / "word.csv").write_text("size,city,age,kind\nbig,Seoul,3,small\n")
    whole = tmp_path / "whole.png"
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(whole)
    noise = np.random.RandomState(0).randint(0, 256, (40, 40), np.uint8)
    Image.fromarray(noise).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:900])
    digits, houses = (str(finished / "runs" / name) for name in ("digits-1", "houses-1"))
    cases = (
        ((digits,), f"say which pictures to predict: sangja predict {digits} FILE"),
        (
            (digits, "rows.csv"),
            "this model reads images, but 'rows.csv' is not named like one (.png, .jpg, …).",
        ),
        ((digits, "none.png"), "there is no file 'none.png'."),
        ((digits, "broken.png"), "broken.png is not an image that can be read."),
        (
            (digits, "whole.png"),
            "whole.png shows nothing that stands out from its background; give a picture of one "
            "digit.",
        ),
        (
            (digits, "cut.png"),
            "cut.png is damaged or cannot be read: image file is truncated.",
        ),
        (
            (houses, "whole.png"),
            "this model reads tables, but 'whole.png' is an image; give a CSV file.",
        ),
        (
            (houses, "rows.csv"),
            "rows.csv has no column 'age', which was there in training; its columns are "
            "'size', 'city'",
        ),
        (
            (houses, "word.csv"),
            "column 'size', line 2: 'big' is not a number; correct it, or leave the cell empty if "
            "the value is not known",
        ),
        (
            (houses, "word.csv", "--out", "rows.csv"),
            "'rows.csv' exists already and is not overwritten; choose another --out.",
        ),
    )
    found = many([" ".join(("predict", *arguments)) for arguments, _ in cases], folder=tmp_path)
    for (arguments, sentence), outcome in zip(cases, found.values(), strict=True):
        assert outcome == [2, "", f"sangja: {sentence}\n"], arguments


def test_a_picture_too_large_to_hold_is_refused(finished, tmp_path):
    Image.new("1", (20_000, 20_000)).save(tmp_path / "huge.png")
    assert refused("predict", str(finished / "runs" / "digits-1"), "huge.png", folder=tmp_path) == (
        "sangja: huge.png has more than 50,000,000 pixels; make it smaller."
    )


def test_without_pillow_one_sentence_says_what_to_install(finished, tmp_path):
    (tmp_path / "PIL").mkdir()
    (tmp_path / "PIL" / "__init__.py").write_text("raise ImportError")
    run = str(finished / "runs" / "digits-1")
    path = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    assert refused("predict", run, "a.png", folder=tmp_path, PYTHONPATH=path) == (
        "sangja: images are read with Pillow, which is not installed; install it with: pip install "
        "'sangja[vision]'"
    )


def model_of(own):
    return own / "runs" / "digits-1"


def cut_weights(own):
    weights = model_of(own) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])


def flip_weights(own):
    weights = model_of(own) / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-7] ^= 4
    weights.write_bytes(content)


def pickle_weights(own):
    (model_of(own) / "model.safetensors").write_bytes(b"\x80\x04\x95" + b"x" * 100)


def other_weights(own):
    save({"weight": np.zeros(3)}, model_of(own) / "model.safetensors")


def no_weights(own):
    (model_of(own) / "model.safetensors").unlink()


def edit_description(own):
    path = model_of(own) / "model.json"
    path.write_text(path.read_text().replace('"digit"', '"letter"'))


def cut_description(own):
    path = model_of(own) / "model.json"
    path.write_text(path.read_text()[:100])


def foreign_description(own):
    (model_of(own) / "model.json").write_text('{"name": "left-pad"}')


def newer_description(own):
    path = model_of(own) / "model.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 7', 1))


WEIGHTS, DESCRIPTION = "runs/digits-1/model.safetensors", "runs/digits-1/model.json"
DAMAGES = [
    (cut_weights, f"{WEIGHTS} is damaged: "),
    (flip_weights, f"tensor '13.bias' in {WEIGHTS} is damaged: "),
    (pickle_weights, f"{WEIGHTS} "),
    (no_weights, WEIGHTS),
    (other_weights, f"{WEIGHTS} is not the file that {DESCRIPTION} was written with. Put back"),
    (
        edit_description,
        f"{DESCRIPTION} was changed after it was written: its checksum does not fit.",
    ),
    (cut_description, f"{DESCRIPTION} is damaged: it is no whole JSON text ("),
    (foreign_description, f"{DESCRIPTION} is no description of a model of sangja."),
    (newer_description, f"{DESCRIPTION} has version 7, but this sangja reads version 1. Install a"),
]


@pytest.mark.parametrize(("damage", "beginning"), DAMAGES, ids=[d.__name__ for d, _ in DAMAGES])
def test_a_damaged_or_foreign_model(own, damage, beginning):
    damage(own)
    assert refused("predict", "runs/digits-1", "x.png", folder=own).startswith(
        f"sangja: {beginning}"
    )


# -- what the system refuses ------------------------------------------------------------------


def limited(size: int, *arguments: str, folder) -> subprocess.CompletedProcess[str]:
    """The command where no file may grow beyond `size` bytes, as on a disk that is full."""
    return subprocess.run(
        [sys.executable, "-m", "sangja", *arguments],
        cwd=folder,
        env=environment(PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )


def test_a_full_disk_stops_in_one_sentence_and_what_was_saved_goes_on(tmp_path):
    """The first checkpoint fits, the second (with the optimizer's state) does not."""
    arguments = ("train", "digits", "--model", "mlp", "--epochs", "3")
    done = limited(120_000, *arguments, folder=tmp_path)
    assert done.returncode == 2
    path = tmp_path / "runs" / "digits-1" / "checkpoints" / "checkpoint-00000020.safetensors"
    assert done.stderr == (
        f"sangja: could not write {path}: the file is larger than the system allows. Raise the "
        "limit on file sizes (ulimit -f) or save to another file system; what was saved before is "
        "kept.\n"
    )
    assert os.listdir(path.parent) == ["checkpoint-00000000.safetensors"]
    resumed = sangja("train", "--resume", "runs/digits-1", folder=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert "Test: accuracy" in resumed.stdout


# Root may write everywhere: then the command goes on as a user who owns nothing.
UNPRIVILEGED = """
import json, os, random, sys
import numpy.random
import sangja.cli.train
from sangja.cli import main
from sangja.data.digits import load_digits
load_digits()  # now: Python itself may lie where that user cannot read
if os.geteuid() == 0:
    os.setuid(65534)
main(sys.argv[1:])
"""


def test_no_permission_to_write():
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o555)
        done = subprocess.run(
            [sys.executable, "-c", UNPRIVILEGED, "train", "digits", "--out", f"{place}/run"],
            env=environment(),
            capture_output=True,
            text=True,
        )
    assert done.returncode == 2
    assert done.stderr == (
        f"sangja: the run folder {place}/run cannot be made: permission denied. Choose another "
        "with --out.\n"
    )


def test_a_device_without_room_for_a_folder(tmp_path):
    """/proc takes no folders, whoever asks."""
    line = refused("train", "digits", "--out", "/proc/sangja-run", folder=tmp_path)
    assert line.startswith("sangja: the run folder /proc/sangja-run cannot be made: ")
    assert line.endswith(". Choose another with --out.")


def test_a_loss_that_runs_away_is_told_with_its_checkpoint(tmp_path):
    line = refused(
        "train", "digits", "--model", "linear", "--lr", "1e38", "--epochs", "2", folder=tmp_path
    )
    assert line.startswith("sangja: Trainer.fit: ")
    assert "Try a lower learning rate" in line
    assert line.endswith("runs/digits-1/checkpoints/checkpoint-00000000.safetensors.")


def test_a_reader_that_goes_away_is_no_error(finished):
    command = f"{sys.executable} -m sangja predict runs/houses-1 houses.csv | head -1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=finished,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.stdout == "predicted_price\n" and done.stderr == ""
