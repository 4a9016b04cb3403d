"""The parts of the jobs: models by name, saved models that hostile hands wrote, pictures."""

from __future__ import annotations

import hashlib
import json
import random
from contextlib import suppress
from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given, strategies as st
from PIL import Image

import sangja
from sangja.core.errors import CheckpointError, DamagedFileError, DataError
from sangja.data.digits import load_digits
from sangja.train.jobs import SavedModel, load_model
from sangja.train.jobs.digits import ShiftedImages
from sangja.train.jobs.images import read_picture, resize
from sangja.train.jobs.presets import ModelRecipe, layer_rows
from sangja.train.jobs.saved import save_model
from sangja.train.jobs.tabular import batch_size_for

# -- models by name ---------------------------------------------------------------------------


def test_the_convnet_is_the_one_that_pytorch_would_build():
    torch = pytest.importorskip("torch")
    nn = torch.nn
    theirs = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.25), nn.Linear(256, 10),
    ).eval()  # fmt: skip
    sangja.manual_seed(0)
    ours = ModelRecipe("convnet", {"input_shape": [1, 8, 8], "outputs": 10}).build().eval()
    state = {k: torch.from_numpy(np.array(v.array)) for k, v in ours.state_dict().items()}
    theirs.load_state_dict(state)
    images = np.random.RandomState(0).rand(5, 1, 8, 8).astype(np.float32)
    expected = theirs(torch.from_numpy(images)).detach().numpy()
    found = ours(sangja.from_numpy(images)).array
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    rows = layer_rows(ours, [1, 8, 8])
    assert [row.parameters for row in rows] == [
        sum(p.numel() for p in layer.parameters()) for layer in theirs
    ]
    assert rows[6].output_shape == (32, 4, 4) and rows[-1].output_shape == (10,)


def test_mlp_and_linear_have_the_layers_they_say():
    names = [
        [row.name.split()[1] for row in layer_rows(ModelRecipe(name, arguments).build(), shape)]
        for name, arguments, shape in (
            ("mlp", {"input_shape": [7], "outputs": 2}, [7]),
            ("linear", {"input_shape": [1, 8, 8], "outputs": 10}, [1, 8, 8]),
        )
    ]
    block = ["Linear", "ReLU", "Dropout"]
    assert names == [[*block, *block, "Linear"], ["Flatten", "Linear"]]


@given(st.integers(0, 10**9))
def test_batch_sizes_are_powers_of_two_within_bounds(rows):
    size = batch_size_for(rows)
    assert 16 <= size <= 512 and size & (size - 1) == 0


def test_shifted_images_move_by_at_most_a_pixel_and_lose_nothing_else():
    images = np.random.RandomState(0).rand(1, 1, 6, 7).astype(np.float32)
    sangja.manual_seed(0)
    data = ShiftedImages(images, np.array([3]))
    padded = np.pad(images[0, 0], 1)
    places = set()
    for _ in range(200):
        image, label = data[0]
        assert label.item() == 3 and label.shape == ()
        places |= {
            (top, left)
            for top in range(3)
            for left in range(3)
            if np.array_equal(padded[top : top + 6, left : left + 7], image.array[0])
        }
    assert len(places) == 9


# -- saved models -----------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    recipe = ModelRecipe("mlp", {"input_shape": [3], "outputs": 2, "hidden": [4]})
    saved = SavedModel(recipe, recipe.build(), "classification", "kind", ["a", "b"])
    save_model(str(tmp_path), saved, {"test": {"accuracy": 1.0}})
    return tmp_path


def test_a_saved_model_comes_back_and_predicts_the_same(folder):
    saved = load_model(str(folder))
    again = load_model(str(folder))
    rows = np.random.RandomState(0).randn(1030, 3).astype(np.float32)
    np.testing.assert_array_equal(saved.outputs(rows), again.outputs(rows))
    assert (saved.task, saved.target, saved.classes) == ("classification", "kind", ["a", "b"])


def rewrite(folder, description) -> None:
    """As someone would who can compute checksums too."""
    description.pop("checksum", None)
    text = json.dumps(description, sort_keys=True, separators=(",", ":"))
    description["checksum"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "model.json").write_text(json.dumps(description))


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (("model", "preset"), "os.system", "'model' names no preset of convnet, mlp, linear"),
        (
            ("model", "arguments", "hidden"),
            [10**9],
            "'arguments' of its model hold the size 1000000000",
        ),
        (("model", "arguments", "outputs"), True, "'arguments' of its model hold the size True"),
        (
            ("model", "arguments", "hidden"),
            [1] * 1000,
            "'arguments' of its model hold a list that is none or too long",
        ),
        (
            ("model", "arguments", "device"),
            "cuda",
            "'arguments' of its model are not those of a preset",
        ),
        (("classes",), ["a"], "its task 'classification' does not fit its model"),
        (("task",), "ranking", "its task 'ranking' does not fit its model"),
    ],
)
def test_a_description_that_cannot_be_is_refused(folder, place, value, sentence):
    description = json.loads((folder / "model.json").read_text())
    part = description
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    rewrite(folder, description)
    with pytest.raises(DamagedFileError) as error:
        load_model(str(folder))
    assert str(error.value) == (
        f"{folder / 'model.json'} is damaged: {sentence}. Train the model again."
    )


def test_no_description_that_anyone_writes_ends_in_another_error(folder):
    """500 descriptions with parts lost or of other kinds, each with a checksum that fits."""
    draw = random.Random(0)
    original = json.loads((folder / "model.json").read_text())
    values = [None, 0, -1, 2.5, "x", [], {}, [None], [[]], True, 10**30, {"a": {}}]
    for _ in range(500):
        description = deepcopy(original)
        part = description
        while True:
            key = draw.choice(list(part))
            if isinstance(part[key], dict) and part[key] and draw.random() < 0.7:
                part = part[key]
                continue
            break
        if draw.random() < 0.3:
            del part[key]
        else:
            part[key] = draw.choice(values)
        rewrite(folder, description)
        with suppress(CheckpointError):
            load_model(str(folder))


# -- pictures ---------------------------------------------------------------------------------


def bitmap() -> np.ndarray:
    """32×32 black and white pixels that touch all four sides, with as much ink as a digit."""
    written = np.random.RandomState(3).rand(32, 32) < 0.45
    written[[0, -1], 5:9] = True
    written[7:20, [0, -1]] = True
    return written


def paint(written: np.ndarray, scale: int, paper: int, ink: int) -> np.ndarray:
    """The bitmap enlarged, with paper around it."""
    large = np.kron(written, np.ones((scale, scale), bool))
    return np.pad(np.where(large, ink, paper), 11, constant_values=paper).astype(np.uint8)


@pytest.mark.parametrize("scale", [1, 5])
@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (0, 255), (230, 20), (10, 190)])
def test_a_picture_is_counted_as_the_uci_digits_were(tmp_path, scale, paper, ink):
    written = bitmap()
    Image.fromarray(paint(written, scale, paper, ink)).save(tmp_path / "a.png")
    picture = read_picture(str(tmp_path / "a.png"))
    expected = [
        [written[4 * i : 4 * i + 4, 4 * j : 4 * j + 4].mean() for j in range(8)] for i in range(8)
    ]
    np.testing.assert_allclose(picture.image, expected, atol=1e-6)
    kind = "dark on light" if paper > ink else "light on dark"
    side = 32 * scale + 22
    assert picture.said == f"{side}×{side} pixels, grey, {kind}; cut out and reduced to 8×8"


def test_colour_transparency_and_sixteen_bits_are_read(tmp_path):
    written = bitmap()
    expected = written.reshape(8, 4, 8, 4).mean((1, 3))
    mask = np.pad(written, 11)
    colour = np.zeros((54, 54, 4), np.uint8)
    colour[mask] = (180, 0, 60, 255)  # all else is transparent black
    deep = np.where(mask, 0, 65535).astype(np.uint16)
    for name, image in {"alpha": Image.fromarray(colour), "deep": Image.fromarray(deep)}.items():
        image.save(tmp_path / f"{name}.png")
        found = read_picture(str(tmp_path / f"{name}.png")).image
        np.testing.assert_allclose(found, expected, atol=1e-6, err_msg=name)


def test_a_fine_pen_is_thickened_to_the_ink_of_a_digit(tmp_path):
    fine = np.full((200, 200), 255, np.uint8)
    fine[20:180, 99:102] = 0
    Image.fromarray(fine).save(tmp_path / "fine.png")
    image = read_picture(str(tmp_path / "fine.png")).image
    digits, labels = load_digits()
    ones = digits[labels == 1].mean((1, 2)) / 16
    assert ones.min() < image.mean() < ones.max()


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 40), st.integers(1, 40))
def test_resizing_keeps_the_share_of_ink(height, width, new_height, new_width):
    image = np.random.RandomState(0).rand(height, width)
    found = resize(image, new_height, new_width)
    assert found.shape == (new_height, new_width)
    assert found.mean() == pytest.approx(image.mean(), rel=1e-9)


def test_a_blank_sheet_is_refused(tmp_path):
    Image.fromarray(np.full((40, 40), 250, np.uint8)).save(tmp_path / "blank.png")
    with pytest.raises(DataError, match="shows nothing that stands out from its background"):
        read_picture(str(tmp_path / "blank.png"))
