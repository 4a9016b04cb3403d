"""A run that was killed, interrupted or stopped at any step goes on as if nothing had been."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

import sangja
from sangja import nn
from sangja.core.errors import SaveError
from sangja.io import load_latest
from sangja.train import Callback
from tests.train.small_runs import OPTIMIZERS, SCHEDULERS, digest, loader, make_trainer, measured

ROOT = Path(__file__).parents[2]
SCRIPT = [sys.executable, "-m", "tests.train.small_runs"]


class PowerCutError(Exception):
    """The run ends here, at once."""


class Cut(Callback):
    """Ends the run after a step of the optimizer, or before the row of an epoch is used."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, trainer, loss):
        if trainer.position.step == self.step:
            raise PowerCutError


def undisturbed(**options):
    trainer = make_trainer(None, **options)
    history = trainer.fit(loader(), loader(1), epochs=4)
    return digest(trainer.model), measured(history)


def cut_and_resumed(folder, step, make_loader=loader, **options):
    """The same in two trainers: the first is cut before it can save the step."""
    options |= {"folder": folder, "checkpoint_every": 1}
    with pytest.raises(PowerCutError):
        make_trainer(callbacks=[Cut(step)], **options).fit(make_loader(), loader(1), epochs=4)
    sangja.rand(5)  # the new process would have drawn other numbers
    trainer = make_trainer(**options)
    history = trainer.fit(make_loader(), loader(1), epochs=4, resume=True)
    return digest(trainer.model), measured(history)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_resumed_in_mid_epoch_bit_for_bit(tmp_path, optimizer, scheduler):
    options = {"optimizer": optimizer, "scheduler": scheduler}
    assert cut_and_resumed(tmp_path, 11, **options) == undisturbed(**options)


@pytest.mark.parametrize("step", [1, 2, 7, 8, 14, 28])
def test_resumed_at_any_place_of_an_epoch(tmp_path, step):
    assert cut_and_resumed(tmp_path, step) == undisturbed()


def test_resumed_with_accumulation(tmp_path):
    assert cut_and_resumed(tmp_path, 6, accumulate=2) == undisturbed(accumulate=2)


def test_resumed_with_threads_that_read_ahead(tmp_path):
    found = cut_and_resumed(tmp_path, 11, make_loader=lambda: loader(workers=2))
    assert found == undisturbed()


class Jittered:
    """An iterable of the user's own that draws from all three generators."""

    def __iter__(self):
        for batch, (x, y) in enumerate(loader()):
            noise = np.random.rand() + random.random() + batch  # noqa: NPY002
            yield x + sangja.rand(2) * float(noise) * 0.01, y


def test_resumed_with_an_iterable_of_the_users_own(tmp_path):
    outcomes = []
    for step in (None, 11):
        np.random.seed(0)  # noqa: NPY002
        random.seed(0)
        folder = tmp_path / str(step)
        trainer = make_trainer(folder, checkpoint_every=1)
        if step is not None:
            with pytest.raises(PowerCutError):
                make_trainer(folder, checkpoint_every=1, callbacks=[Cut(step)]).fit(
                    Jittered(), loader(1), epochs=4
                )
            np.random.seed(99)  # noqa: NPY002
            random.seed(99)
        history = trainer.fit(Jittered(), loader(1), epochs=4, resume=step is not None)
        outcomes.append((digest(trainer.model), measured(history)))
    assert outcomes[0] == outcomes[1]


def test_a_finished_run_goes_on_with_more_epochs(tmp_path):
    whole = make_trainer(None, scheduler="step", patience=None)
    expected = whole.fit(loader(), loader(1), epochs=6)
    make_trainer(tmp_path, scheduler="step", patience=None).fit(loader(), loader(1), epochs=3)
    more = make_trainer(tmp_path, scheduler="step", patience=None)
    history = more.fit(loader(), loader(1), epochs=6, resume=True)
    assert measured(history) == measured(expected)
    assert digest(more.model) == digest(whole.model)


def test_resuming_a_finished_run_restores_its_best_epoch(tmp_path):
    first = make_trainer(tmp_path)
    first.fit(loader(), loader(1), epochs=4)
    again = make_trainer(tmp_path)
    history = again.fit(loader(), loader(1), epochs=4, resume=True)
    assert digest(again.model) == digest(first.model)
    assert len(history) == 4


# -- kills ------------------------------------------------------------------------------------


def start(folder: Path, result: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    return subprocess.Popen(
        [*SCRIPT, str(folder), str(result)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_again_and_again_it_comes_to_the_same_end(tmp_path):
    """SIGKILL at random moments; what is left of it resumes to the undisturbed run's very bits."""
    draw = random.Random(2)
    folder, result = tmp_path / "run", tmp_path / "result.json"
    kills = 0
    while not result.exists():
        process = start(folder, result)
        steps = draw.randint(1, 7)
        for _ in range(steps):
            if not process.stdout.readline():
                break
        timer = threading.Timer(draw.random() * 0.02, process.kill)
        timer.start()
        _, errors = process.communicate()
        timer.cancel()
        assert process.returncode in (0, -signal.SIGKILL), errors
        kills += process.returncode != 0
        assert kills < 40
    assert kills >= 4
    bits, rows = undisturbed()
    assert json.loads(result.read_text()) == {"digest": bits, "history": rows}


def test_ctrl_c_leaves_a_whole_checkpoint_and_says_how_to_go_on(tmp_path):
    class Press(Callback):
        def on_step_end(self, trainer, loss):
            if trainer.position.step == 9:
                signal.raise_signal(signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt) as stop:
        make_trainer(tmp_path, callbacks=[Press()]).fit(loader(), loader(1), epochs=4)
    assert signal.getsignal(signal.SIGINT) is handler
    path = tmp_path / "checkpoints" / "checkpoint-00000009.safetensors"
    assert str(stop.value) == (
        f"training stopped in epoch 2 of 4 after step 9; {path} holds all of it: go on with "
        "fit(…, resume=True)"
    )
    trainer = make_trainer(tmp_path)
    history = trainer.fit(loader(), loader(1), epochs=4, resume=True)
    assert (digest(trainer.model), measured(history)) == undisturbed()


def test_ctrl_c_during_validation_is_no_loss_either(tmp_path):
    class PressingLoader:
        def __init__(self, at: int) -> None:
            self.at = at

        def __iter__(self):
            self.at -= 1
            for batch in loader(1):
                if self.at == 0:
                    signal.raise_signal(signal.SIGINT)
                yield batch

    with pytest.raises(KeyboardInterrupt):
        make_trainer(tmp_path).fit(loader(), PressingLoader(2), epochs=4)
    position = load_latest(tmp_path / "checkpoints")["position"]
    assert position["trained"] and position["epoch"] == 1
    trainer = make_trainer(tmp_path)
    history = trainer.fit(loader(), loader(1), epochs=4, resume=True)
    assert (digest(trainer.model), measured(history)) == undisturbed()


def test_a_second_ctrl_c_stops_at_once():
    class Impatient(Callback):
        def on_step_end(self, trainer, loss):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("the second Ctrl-C did not stop it")

    with pytest.raises(KeyboardInterrupt) as stop:
        make_trainer(None, callbacks=[Impatient()]).fit(loader(), loader(1), epochs=1)
    assert str(stop.value) == ""


def test_ctrl_c_without_a_folder_says_that_nothing_was_saved():
    class Press(Callback):
        def on_step_end(self, trainer, loss):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as stop:
        make_trainer(None, callbacks=[Press()]).fit(loader(), loader(1), epochs=1)
    assert str(stop.value) == (
        "training stopped in epoch 1 of 1 after step 1; without a folder nothing was saved"
    )


def test_in_another_thread_there_is_no_ctrl_c_and_training_runs():
    done = []

    def work() -> None:
        done.append(len(make_trainer(None).fit(loader(), loader(1), epochs=1)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [1]


# -- damage -----------------------------------------------------------------------------------


def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(tmp_path):
    make_trainer(tmp_path).fit(loader(), loader(1), epochs=2)
    newest = tmp_path / "checkpoints" / "checkpoint-00000014.safetensors"
    newest.write_bytes(newest.read_bytes()[:1000])
    trainer = make_trainer(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        history = trainer.fit(loader(), loader(1), epochs=4, resume=True)
    assert (digest(trainer.model), measured(history)) == undisturbed()


def test_a_disk_that_is_full_stops_with_the_last_checkpoint_whole(tmp_path):
    class Fill(Callback):
        """The place of the table is taken by a folder: it cannot be written any more."""

        def on_epoch_end(self, trainer, row):
            if row["epoch"] == 2:
                os.unlink(tmp_path / "metrics.csv")
                os.mkdir(tmp_path / "metrics.csv")

    with pytest.raises(SaveError, match="there is a folder of this name"):
        make_trainer(tmp_path, callbacks=[Fill()]).fit(loader(), loader(1), epochs=4)
    assert load_latest(tmp_path / "checkpoints")["position"]["epoch"] == 1
    os.rmdir(tmp_path / "metrics.csv")
    trainer = make_trainer(tmp_path)
    history = trainer.fit(loader(), loader(1), epochs=4, resume=True)
    assert (digest(trainer.model), measured(history)) == undisturbed()


def test_nothing_leaks_over_many_steps():
    """Without the cyclic garbage collector: no graph is left behind by a step."""
    import gc
    import weakref

    seen: list[weakref.ref] = []

    class Model(nn.Linear):
        def forward(self, input):
            output = super().forward(input)
            seen.append(weakref.ref(output))
            return output

    model = Model(2, 3)
    trainer = make_trainer(None, patience=None)
    trainer.model = model
    trainer.optimizer = sangja.optim.SGD(model.parameters(), lr=0.01)
    trainer.scheduler = None
    gc.disable()
    try:
        trainer.fit(loader(), epochs=3)
        assert len(seen) == 21
        assert sum(reference() is not None for reference in seen) == 0
    finally:
        gc.enable()
