"""The jobs from data to report, as a user runs them."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from sangja.data.digits import load_digits
from sangja.data.stratify import stratified_split
from sangja.io import load
from sangja.train.jobs import load_model
from tests.cli.command import ROOT, environment, sangja

FILES = {
    "checkpoints", "log.txt", "metrics.csv", "model.json", "model.safetensors", "report.html",
    "run.json",
}  # fmt: skip


def test_digits_from_data_to_report(finished):
    said = (finished / "said-digits-4.txt").read_text()
    run = finished / "runs" / "digits-1"
    assert {path.name for path in run.iterdir()} == FILES
    assert (run / "log.txt").read_text() == said
    assert "1,258 to train, 270 to validate, 269 to test" in said
    assert "Model: convnet, 25,978 parameters" in said
    assert len(re.findall(r"^epoch \d/4  train loss", said, re.MULTILINE)) == 4
    assert "Next: sangja predict runs/digits-1 digit.png" in said
    share, right = re.search(r"Test: accuracy ([\d.]+)% \((\d+) of 269 right\)", said).groups()
    # the saved model, on the same test rows, is what was said
    images, labels = load_digits()
    rows = stratified_split(labels, (0.7, 0.15, 0.15), 0)[2]
    saved = load_model(str(run))
    outputs = saved.outputs((images[rows] / 16).astype(np.float32)[:, None])
    assert int((outputs.argmax(1) == labels[rows]).sum()) == int(right)
    assert float(share) == pytest.approx(100 * int(right) / 269, abs=0.005)
    assert int(right) / 269 > 0.9
    page = (run / "report.html").read_text()
    assert "<script" not in page and "Handwritten digits" in page
    assert set(load(run / "model.safetensors")) == set(saved.model.state_dict())


def test_a_table_of_numbers_becomes_a_regression(finished):
    said = (finished / "said-houses.csv-40.txt").read_text()
    assert "'price' holds numbers, so it is predicted by regression" in said
    assert re.search(r"column 'age': numbers; \d+ of 84 are missing: filled with the median", said)
    assert "84 to train, 18 to validate, 18 to test" in said
    r2 = float(re.search(r"R² = (\d\.\d+)", said)[1])
    assert r2 > 0.8
    with open(finished / "runs" / "houses-1" / "metrics.csv", newline="") as file:
        row = next(csv.DictReader(file))
    assert {"epoch", "train_loss", "valid_loss", "valid_r2", "valid_mae", "lr"} <= row.keys()


def test_quiet_is_quiet_and_text_becomes_classes(finished):
    assert (finished / "said-houses.csv---quiet.txt").read_text() == ""
    assert load_model(str(finished / "runs" / "houses-2")).classes == ["large", "small"]


def test_predictions_for_a_table(finished):
    done = sangja("predict", "runs/houses-1", "houses.csv", folder=finished)
    assert (done.returncode, done.stderr) == (0, "")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    with open(finished / "houses.csv", newline="") as file:
        true = [float(row["price"]) for row in csv.DictReader(file)]
    said = [float(row["predicted_price"]) for row in rows]
    assert len(said) == 120
    assert np.corrcoef(said, true)[0, 1] > 0.9


def test_predictions_of_classes_into_a_file(finished, tmp_path):
    out = str(tmp_path / "said.csv")
    done = sangja(
        "predict", "runs/houses-2", "houses.csv", "houses.csv", "--out", out, "--probabilities",
        folder=finished,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"240 predictions are in {out}\n"
    with open(out, newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["file", "predicted_kind", "probability_large", "probability_small"]
    for row in rows:
        chances = [float(row["probability_large"]), float(row["probability_small"])]
        assert sum(chances) == pytest.approx(1, abs=2e-4)
        assert row["predicted_kind"] == ["large", "small"][int(np.argmax(chances))]


def test_rows_unlike_those_learnt_from_are_remarked(finished, tmp_path):
    (tmp_path / "new.csv").write_text("size,city,age,kind,colour\n100,Daegu,3,small,red\n")
    run = str(finished / "runs" / "houses-1")
    done = sangja("predict", run, "new.csv", folder=tmp_path)
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "new.csv: column 'colour' was not there in training; it is not used",
        "new.csv: column 'city' holds 1 value(s) that are no level of it ('Daegu'), in 1 of 1 "
        "rows; they count as '(other)'",
    ]
    assert done.stdout.startswith("predicted_price\n")


def test_a_picture_of_any_size_and_colour(finished, tmp_path):
    font = ImageFont.load_default(150)
    pictures = {"dark.png": ("ivory", "navy"), "light.png": ("black", "yellow")}
    for name, (paper, ink) in pictures.items():
        image = Image.new("RGB", (240, 260), paper)
        ImageDraw.Draw(image).text((80, 40), "0", fill=ink, font=font)
        image.save(tmp_path / name)
    run = str(finished / "runs" / "digits-1")
    done = sangja("predict", run, *pictures, "--out", "said.csv", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^dark.png: 0 \(\d+\.\d%\)$", done.stdout, re.MULTILINE)
    assert "240×260 pixels, colour, dark on light; cut out and reduced to 8×8" in done.stdout
    assert "240×260 pixels, colour, light on dark; cut out and reduced to 8×8" in done.stdout
    with open(tmp_path / "said.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["predicted_digit"]) for row in rows] == [
        ("dark.png", "0"),
        ("light.png", "0"),
    ]


def test_the_report_is_korean_for_korean_readers(finished):
    done = sangja(
        "train", "houses.csv", "--target", "kind", "--model", "linear", "--epochs", "1",
        "--out", "korean", folder=finished, SANGJA_LANG="ko",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = (finished / "korean" / "report.html").read_text()
    assert '<html lang="ko">' in page and "학습 보고서" in page


def test_the_same_seed_gives_the_same_model_and_another_seed_another(finished, tmp_path):
    base = ("train", "../finished.csv", "--target", "price", "--epochs", "2", "--quiet", "--out")
    (tmp_path / "finished.csv").write_bytes((finished / "houses.csv").read_bytes())
    (tmp_path / "in").mkdir()
    for out, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        done = sangja(*base, out, "--seed", seed, folder=tmp_path / "in")
        assert done.returncode == 0, done.stderr
    weights = [(tmp_path / "in" / out / "model.safetensors").read_bytes() for out in "abc"]
    assert weights[0] == weights[1] != weights[2]


def test_compiled_training_learns_and_keeps_its_choice(tmp_path):
    done = sangja("train", "digits", "--compile", "--epochs", "2", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    run = tmp_path / "runs" / "digits-1"
    assert json.loads((run / "run.json").read_text())["settings"]["compile"] is True
    losses = re.findall(r"train loss ([\d.]+)", done.stdout)
    assert float(losses[1]) < float(losses[0])


def test_ctrl_c_keeps_everything_and_resume_goes_on_to_the_same_end(tmp_path):
    """SIGINT from outside, then --resume: the model is that of a run that nobody interrupted."""
    arguments = ("train", "digits", "--model", "linear", "--epochs", "20")
    process = subprocess.Popen(
        [sys.executable, "-m", "sangja", *arguments],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if line.startswith("epoch  3/20"):
            break
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == (
        "sangja: stopped. Nothing is lost: go on with sangja train --resume runs/digits-1\n"
    )
    unfinished = sangja("predict", "runs/digits-1", "x.png", folder=tmp_path)
    assert unfinished.stderr == (
        "sangja: the run in 'runs/digits-1' is not finished; finish it with: sangja train "
        "--resume runs/digits-1\n"
    )
    resumed = sangja("train", "--resume", "runs/digits-1", folder=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert "everything is written to runs/digits-1, resumed" in resumed.stdout
    undisturbed = sangja(*arguments, "--out", "whole", folder=tmp_path)
    assert undisturbed.returncode == 0, undisturbed.stderr
    one, other = tmp_path / "runs" / "digits-1", tmp_path / "whole"
    assert (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()
    histories = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(text)]
        for text in ((run / "metrics.csv").read_text().splitlines() for run in (one, other))
    ]
    assert histories[0] == histories[1] and len(histories[0]) == 20
    again = sangja("train", "--resume", "runs/digits-1", folder=tmp_path)
    assert again.returncode == 0
    assert again.stdout == (
        "The run in runs/digits-1 is finished: there is nothing to go on with.\n"
    )


def test_doctor_names_what_is_there_and_what_is_missing(tmp_path):
    done = sangja("doctor", folder=tmp_path, OMP_NUM_THREADS="1")
    assert (done.returncode, done.stderr) == (0, "")
    facts = {line[:12].strip(): line[13:] for line in done.stdout.splitlines()}
    assert facts["NumPy"] == np.__version__
    assert facts["Python"] == ".".join(map(str, sys.version_info[:3]))
    assert facts["threads"] == "1, OMP_NUM_THREADS=1"
    assert {"processor", "cores", "memory", "system", "sangja", "BLAS", "LLVM", "GPU"} <= set(facts)


def test_help_names_every_command_and_loads_none(tmp_path):
    done = sangja("--help", folder=tmp_path)
    assert done.returncode == 0
    for name in ("train", "predict", "doctor"):
        assert re.search(rf"^  {name} ", done.stdout, re.MULTILINE)
    code = (
        "import sys; from sangja.cli.main import cli; cli.main(['--help'], standalone_mode=False);"
        "heavy = {'sangja.train', 'tqdm', 'PIL', 'llvmlite'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], env=environment(), check=True, capture_output=True)
    for name in ("train", "predict", "doctor"):
        assert sangja(name, "--help", folder=tmp_path).stdout.startswith(f"Usage: sangja {name}")


def test_version_is_the_packages(tmp_path):
    text = (ROOT / "pyproject.toml").read_text()
    version = re.search(r'^version = "(.+)"', text, re.MULTILINE)[1]
    assert sangja("--version", folder=tmp_path).stdout == f"sangja {version}\n"


def test_model_json_is_whole_and_names_no_code(finished):
    text = (finished / "runs" / "digits-1" / "model.json").read_text()
    description = json.loads(text)
    assert description["model"] == {
        "preset": "convnet",
        "arguments": {"input_shape": [1, 8, 8], "outputs": 10},
    }
    assert description["classes"] == list("0123456789")
    assert "import" not in text and "sangja." not in text.replace("sangja.tabular", "")


def test_a_run_killed_before_its_first_checkpoint_begins_anew(own):
    run = own / "runs" / "houses-2"
    whole = (run / "model.safetensors").read_bytes()
    for name in FILES - {"checkpoints", "run.json", "log.txt"}:
        (run / name).unlink()
    shutil.rmtree(run / "checkpoints")
    settings = json.loads((run / "run.json").read_text())
    settings["settings"]["data"] = str(own / "houses.csv")
    (run / "run.json").write_text(json.dumps(settings))
    done = sangja("train", "--resume", "runs/houses-2", folder=own)
    assert done.returncode == 0, done.stderr
    assert (run / "model.safetensors").read_bytes() == whole
