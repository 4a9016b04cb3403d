"""The training loop: the same numbers as PyTorch's, the best epoch, its errors, its files."""

from __future__ import annotations

import csv
import math
import os
import struct
import sys

import numpy as np
import pytest

import sangja
from sangja import nn, optim
from sangja.core.errors import (
    AnomalyError,
    ArgumentError,
    ArgumentTypeError,
    ForeignFileError,
    MissingFileError,
    MissingPackageError,
    OutOfRangeError,
)
from sangja.data import DataLoader, TensorDataset
from sangja.io import load_latest
from sangja.optim import lr_scheduler
from sangja.train import Callback, History, TensorBoard, Trainer
from tests.train.small_runs import digest, loader, make_trainer, measured, network, rows


def line(n: int = 12) -> tuple[sangja.Tensor, sangja.Tensor]:
    """y = 2x + 1 without noise."""
    x = sangja.from_numpy(np.linspace(-1, 1, n, dtype=np.float32)[:, None])
    return x, x * 2 + 1


def straight(lr: float = 0.1, **options) -> Trainer:
    sangja.manual_seed(0)
    model = nn.Linear(1, 1)
    settings = {"quiet": True} | options
    return Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=lr), **settings)


# -- the numbers ------------------------------------------------------------------------------


def test_losses_and_parameters_are_those_of_a_loop_in_pytorch():
    torch = pytest.importorskip("torch")
    x, y = rows(0)
    batches = [(x[i : i + 8], y[i : i + 8]) for i in range(0, 50, 8)]
    model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
    theirs = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 3))
    theirs.load_state_dict(
        {k: torch.from_numpy(v.array.copy()) for k, v in model.state_dict().items()}
    )
    their_optimizer = torch.optim.SGD(theirs.parameters(), lr=0.3, momentum=0.9)
    scheduler = lr_scheduler.StepLR(optimizer, 2, gamma=0.1)
    their_scheduler = torch.optim.lr_scheduler.StepLR(their_optimizer, 2, gamma=0.1)
    trainer = Trainer(
        model, nn.CrossEntropyLoss(), optimizer, scheduler=scheduler, clip_norm=0.5, quiet=True
    )
    history = trainer.fit(batches, epochs=5)
    for epoch in range(5):
        total = 0.0
        rate = their_optimizer.param_groups[0]["lr"]
        for some_x, some_y in batches:
            target = torch.from_numpy(some_y.array)
            loss = torch.nn.functional.cross_entropy(theirs(torch.from_numpy(some_x.array)), target)
            their_optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
            their_optimizer.step()
            total += loss.item() * len(target)
        their_scheduler.step()
        assert history["train_loss"][epoch] == pytest.approx(total / 50, rel=1e-5)
        assert history["lr"][epoch] == pytest.approx(rate)
    for name, tensor in model.state_dict().items():
        np.testing.assert_allclose(
            tensor.array, theirs.state_dict()[name].numpy(), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("accumulate", [1, 2])
def test_compiled_batches_train_as_uncompiled_ones(accumulate):
    x, y = line(50)
    batches = [(x[i : i + 16], y[i : i + 16]) for i in range(0, 50, 16)]  # the last has two rows
    found = []
    for compiled in (False, True):
        sangja.manual_seed(0)
        model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, 1))
        optimizer = optim.Adam(model.parameters(), lr=0.05)
        trainer = Trainer(
            model,
            nn.MSELoss(),
            optimizer,
            metrics=["mae"],
            scheduler=lr_scheduler.StepLR(optimizer, 2, gamma=0.5),
            clip_norm=0.5,
            accumulate=accumulate,
            compile=compiled,
            quiet=True,
        )
        history = trainer.fit(batches, [(x, y)], epochs=6)
        found.append((history["train_loss"], history["valid_mae"], model.state_dict()))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-4)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-4)
    for name, tensor in found[0][2].items():
        np.testing.assert_allclose(tensor.array, found[1][2][name].array, rtol=1e-3, atol=1e-5)


def test_accumulated_uneven_batches_step_like_one_batch_of_all_rows():
    x, y = line(12)
    parts = [(x[a:b], y[a:b]) for a, b in ((0, 5), (5, 6), (6, 12))]
    whole, cut = straight(), straight(accumulate=3)
    whole.fit([(x, y)], epochs=4)
    cut.fit(parts, epochs=4)
    assert cut.position.step == 4
    np.testing.assert_allclose(cut.model.weight.array, whole.model.weight.array, rtol=1e-5)
    # the last group of an epoch may have fewer batches: here one of two and one of one
    pair = straight(accumulate=2)
    pair.fit(parts, epochs=1)
    expected = straight()
    expected.fit([(x[:6], y[:6]), (x[6:], y[6:])], epochs=1)
    assert pair.position.step == 2
    np.testing.assert_allclose(pair.model.weight.array, expected.model.weight.array, rtol=1e-5)


def test_plateau_scheduler_follows_the_monitored_value():
    x, y = line()
    trainer = straight(lr=1e-6)
    trainer.scheduler = lr_scheduler.ReduceLROnPlateau(trainer.optimizer, patience=0, factor=0.5)
    history = trainer.fit([(x, y)], [(x, y)], epochs=4)
    assert history["lr"] == [1e-6, 1e-6, 5e-7, 2.5e-7]


def test_several_inputs_and_rows_weighted_by_batch():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(sangja.tensor([0.0]))

        def forward(self, a, b):
            return (a + b) * self.scale

    model = Sum()
    trainer = Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=1e-30), quiet=True)
    batch = [sangja.ones(3, 1), sangja.ones(3, 1), sangja.ones(3, 1) * 2]
    single = [sangja.ones(1, 1), sangja.ones(1, 1), sangja.ones(1, 1) * 6]
    history = trainer.fit([batch, single], epochs=1)
    assert history["train_loss"] == [(3 * 4 + 1 * 36) / 4]


# -- evaluation and prediction ----------------------------------------------------------------


def test_evaluate_and_predict_leave_mode_and_random_numbers_alone():
    trainer = make_trainer(None)
    trainer.model.train()
    sangja.manual_seed(5)
    expected = sangja.rand(3).tolist()
    sangja.manual_seed(5)
    values = trainer.evaluate(loader(1))
    outputs = trainer.predict(DataLoader(TensorDataset(*rows(1)), 7))
    assert sangja.rand(3).tolist() == expected
    assert trainer.model.training and not outputs.requires_grad
    x, y = rows(1)
    assert outputs.shape == (50, 3)
    assert values["accuracy"] == float((outputs.array.argmax(1) == y.array).mean())
    alone = trainer.predict([x, [x]])
    np.testing.assert_array_equal(alone.array[:50], alone.array[50:])
    trainer.model.eval()
    np.testing.assert_allclose(alone.array[:50], trainer.model(x).array, rtol=1e-5, atol=1e-6)


def test_no_rows_are_an_error():
    trainer = straight()
    for call, text in (
        (lambda: trainer.fit([], epochs=1), "Trainer.fit: the training data gave no batches."),
        (
            lambda: trainer.evaluate([]),
            "Trainer.evaluate: the data gave no rows; expected at least one.",
        ),
        (
            lambda: trainer.predict([]),
            "Trainer.predict: the data gave no rows; expected at least one.",
        ),
    ):
        with pytest.raises(ArgumentError) as error:
            call()
        assert str(error.value) == text


# -- the best epoch ---------------------------------------------------------------------------


class Spoil(Callback):
    """After the second epoch every step makes the model worse; keeps what the second epoch had."""

    def on_epoch_end(self, trainer, row):
        if row["epoch"] == 2:
            self.state = {k: v.array.copy() for k, v in trainer.model.state_dict().items()}
            trainer.optimizer.param_groups[0]["lr"] = -0.5


def test_early_stopping_puts_the_best_epoch_into_the_callers_model():
    spoil = Spoil()
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.05)
    trainer = Trainer(
        model, nn.CrossEntropyLoss(), optimizer, patience=3, callbacks=[spoil], quiet=True
    )
    before = {name: id(p) for name, p in model.named_parameters()}
    history = trainer.fit(loader(), loader(1), epochs=50)
    assert history.best_epoch == 2 and len(history) == 5
    assert history.stopped == (
        "The valid loss had not become better for 3 epochs, so training ended after epoch 5 of 50."
    )
    assert trainer.model is model
    assert {name: id(p) for name, p in model.named_parameters()} == before
    for name, tensor in model.state_dict().items():  # buffers of batch norm too
        np.testing.assert_array_equal(tensor.array, spoil.state[name])
    assert trainer.evaluate(loader(1))["loss"] == pytest.approx(history.best_value, rel=1e-6)


def test_without_patience_the_last_epoch_stays():
    spoil = Spoil()
    trainer = make_trainer(None, "sgd", "none", patience=None, callbacks=[spoil])
    history = trainer.fit(loader(), loader(1), epochs=4)
    assert history.best_epoch is not None
    assert any(
        not np.array_equal(tensor.array, spoil.state[name])
        for name, tensor in trainer.model.state_dict().items()
    )


def test_a_monitored_metric_goes_its_own_way_up():
    trainer = make_trainer(None, monitor="valid_accuracy", patience=50)
    history = trainer.fit(loader(), loader(1), epochs=6)
    assert history.best_value == max(history["valid_accuracy"])


# -- when numbers go wrong --------------------------------------------------------------------


def test_a_loss_that_is_no_number_stops_and_names_the_place(tmp_path):
    x, y = line()
    trainer = straight(lr=1e30, folder=tmp_path)
    with np.errstate(all="ignore"), pytest.raises(AnomalyError) as error:
        trainer.fit([(x, y), (x, y)], epochs=3)
    latest = tmp_path / "checkpoints" / "checkpoint-00000000.safetensors"
    assert str(error.value) == (
        "Trainer.fit: the loss became inf in epoch 1, step 2 (batch 2 of the epoch). The model's "
        "outputs are finite: look at the targets and at the loss. Try a lower learning rate (it "
        f"was 1e+30) or clip_norm=1.0. The last good checkpoint is {latest}."
    )
    assert all(
        np.isfinite(t.array).all() for t in load_latest(tmp_path / "checkpoints")["model"].values()
    )


def test_the_cause_of_a_nan_is_named():
    x, y = line()
    x.array[3] = math.nan
    with pytest.raises(
        AnomalyError, match=r"The inputs of this batch hold NaN or infinity: clean the data\."
    ):
        straight().fit([(x, y)], epochs=1)
    x, y = line()
    trainer = straight()
    trainer.model.bias.array[...] = math.inf
    with pytest.raises(
        AnomalyError, match="The parameter bias holds NaN or infinity: the step before was too long"
    ):
        trainer.fit([(x, y)], epochs=1)

    class Root(nn.Linear):
        def forward(self, input):
            return sangja.log(super().forward(input) * 0 - 1)

    model = Root(1, 1)
    trainer = Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1), quiet=True)
    with (
        np.errstate(all="ignore"),
        pytest.raises(AnomalyError, match="The model's outputs hold NaN or infinity"),
    ):
        trainer.fit([(x, y)], epochs=1)


def test_no_checkpoint_is_written_with_parameters_that_are_no_numbers(tmp_path):
    x, y = line()
    trainer = straight(lr=1e38, folder=tmp_path)
    with np.errstate(all="ignore"), pytest.raises(AnomalyError) as error:
        trainer.fit([(x * 1e4, y * 1e4)], epochs=1)
    assert str(error.value).startswith(
        "Trainer.fit: weight of the model holds NaN or infinity after step 1 (epoch 2). Try a lower"
    )
    assert load_latest(tmp_path / "checkpoints")["position"]["step"] == 0


# -- arguments --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"accumulate": 0}, "Trainer: accumulate=0; expected a whole number from 1."),
        ({"patience": 1.5}, "Trainer: patience=1.5; expected a whole number from 1."),
        ({"clip_norm": -1.0}, "Trainer: clip_norm=-1.0; expected more than 0."),
        (
            {"schedule_every": "batch"},
            "Trainer: schedule_every='batch'; expected 'epoch' or 'step'.",
        ),
        (
            {"monitor": "valid_acc", "metrics": ["mae"]},
            "Trainer: monitor='valid_acc' is not measured; expected one of 'valid_loss', "
            "'valid_mae', 'train_loss', 'train_mae'.",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(options, text):
    with pytest.raises(ArgumentError) as error:
        straight(**options)
    assert str(error.value) == text


def test_calls_that_cannot_be_meant_are_refused(tmp_path):
    batches = [line()]
    with pytest.raises(ArgumentError) as error:
        straight(patience=2).fit(batches, epochs=1)
    assert str(error.value) == (
        "Trainer.fit: patience watches 'valid_loss', but no validation data was given. Give "
        "fit(train, valid, …), or set monitor='train_loss'."
    )
    with pytest.raises(ArgumentError) as error:
        straight().fit(batches, epochs=0)
    assert str(error.value) == "Trainer.fit: epochs=0; expected a whole number from 1."
    with pytest.raises(ArgumentTypeError) as error:
        straight().fit([sangja.ones(3)], epochs=1)
    assert str(error.value) == (
        "Trainer: a batch is Tensor; expected a sequence (input, …, target). Let the data set give "
        "pairs, as TensorDataset(inputs, targets) does."
    )
    with pytest.raises(ArgumentError) as error:
        straight().fit(batches, epochs=1, resume=True)
    assert str(error.value) == "Trainer.fit: resume=True needs the folder of the earlier run."
    with pytest.raises(MissingFileError):
        straight(folder=tmp_path / "none").fit(batches, epochs=1, resume=True)
    straight(folder=tmp_path).fit(batches, epochs=1)
    with pytest.raises(ArgumentError) as error:
        straight(folder=tmp_path).fit(batches, epochs=1)
    assert str(error.value) == (
        f"Trainer.fit: {tmp_path} holds the checkpoints of an earlier run. Go on with it by "
        "fit(…, resume=True), or choose another folder."
    )
    trainer = straight()
    trainer.scheduler = lr_scheduler.ReduceLROnPlateau(trainer.optimizer)
    with pytest.raises(ArgumentError) as error:
        Trainer(
            trainer.model,
            nn.MSELoss(),
            trainer.optimizer,
            scheduler=trainer.scheduler,
            schedule_every="step",
        )
    assert str(error.value) == (
        "Trainer: ReduceLROnPlateau follows a value measured once per epoch; leave out "
        "schedule_every='step'."
    )


def test_another_programs_state_is_refused():
    with pytest.raises(ForeignFileError) as error:
        straight().load_state_dict({"model": {}})
    assert str(error.value) == (
        "Trainer: this is no state of a training run of version 1 (format None, version None). "
        "Load what Trainer.state_dict() gave."
    )


# -- what is said and written -----------------------------------------------------------------


def test_one_plain_line_per_epoch_and_a_csv_of_the_same_numbers(tmp_path, capsys):
    said: list[str] = []
    trainer = make_trainer(tmp_path, quiet=False, say=said.append, patience=20)
    history = trainer.fit(loader(), loader(1), epochs=11)
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err == ""  # no bar where there is no terminal
    assert len(said) == 11 and all(text.startswith("epoch") for text in said)
    row = history.rows[1]
    assert said[1].startswith(
        f"epoch  2/11  train loss {row['train_loss']:.4f}, accuracy {row['train_accuracy']:.2%}"
    )
    with open(tmp_path / "metrics.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [{k: float(v) for k, v in row.items()} for row in table] == history.rows
    assert next(iter(history))["epoch"] == 1


def test_quiet_says_nothing(capsys):
    straight().fit([line()], epochs=2)
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


def test_a_bar_is_drawn_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    straight(quiet=False).fit([line()], epochs=1)
    captured = capsys.readouterr()
    assert "epoch 1/1" in captured.err and "batch" in captured.err
    assert captured.out.startswith("epoch 1/1  train loss")


def test_history_names_its_columns():
    history = History([{"epoch": 1, "train_loss": 0.5}, {"epoch": 2, "train_loss": 0.25, "x": 1.0}])
    assert history["x"] == [None, 1.0]
    assert repr(history) == "History(2 epochs)"
    with pytest.raises(OutOfRangeError) as error:
        history["loss"]
    assert str(error.value) == "History: there is no column 'loss'; it has epoch, train_loss, x."


def test_callbacks_are_called_in_order_and_may_stop():
    calls = []

    class Watch(Callback):
        def on_fit_start(self, trainer):
            calls.append("start")

        def on_step_end(self, trainer, loss):
            calls.append(trainer.position.step)

        def on_epoch_end(self, trainer, row):
            calls.append(f"epoch {row['epoch']}")
            trainer.stop("enough")

        def on_fit_end(self, trainer):
            calls.append("end")

    history = straight(callbacks=[Watch()]).fit([line(), line()], epochs=5)
    assert calls == ["start", 1, 2, "epoch 1", "end"]
    assert history.stopped == "enough" and len(history) == 1


def test_tensorboard_gets_every_number(tmp_path):
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    history = straight(callbacks=[TensorBoard(tmp_path)]).fit([line()], [line()], epochs=2)
    found: dict[str, list[tuple[int, float]]] = {}
    (name,) = os.listdir(tmp_path)
    content = (tmp_path / name).read_bytes()
    while content:  # records: length, its checksum, data, its checksum
        (length,) = struct.unpack("<Q", content[:8])
        event = event_pb2.Event.FromString(content[12 : 12 + length])
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value.simple_value))
        content = content[16 + length :]
    assert set(found) == {"train/loss", "valid/loss", "lr", "seconds"}
    for step, value in found["train/loss"]:
        assert value == pytest.approx(history["train_loss"][step - 1], rel=1e-6)


def test_without_tensorboardx_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingPackageError) as error:
        TensorBoard("logs")
    assert str(error.value) == (
        "TensorBoard needs the package tensorboardX, which is not installed. Install it with: "
        "pip install 'sangja[tensorboard]'"
    )


def test_a_second_fit_begins_anew_and_the_seed_decides():
    one, two = make_trainer(None), make_trainer(None)
    first, second = one.fit(loader(), loader(1), epochs=2), two.fit(loader(), loader(1), epochs=2)
    assert measured(first) == measured(second)
    assert digest(one.model) == digest(two.model)
    again = one.fit(loader(), loader(1), epochs=1)
    assert len(again) == 1 and again is not first
