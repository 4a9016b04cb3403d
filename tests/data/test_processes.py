"""Worker processes: the same batches, and every way of dying ends in words within a second."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import sangja
from sangja.data import DataLoader, Dataset, IterableDataset, get_worker_info


class Draws(Dataset):
    """Samples that draw from all three global streams."""

    def __len__(self):
        return 23

    def __getitem__(self, i):
        return i, sangja.rand(2), random.random(), np.random.rand()  # noqa: NPY002


class Dies(Dataset):
    """Sample 6 ends its process in one of several ways."""

    def __init__(self, how):
        self.how = how

    def __len__(self):
        return 12

    def __getitem__(self, i):
        if i == 6:
            if self.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            elif self.how == "exit":
                os._exit(3)
            elif self.how == "hang":
                time.sleep(60)
            elif self.how == "raise":
                raise ValueError("a broken sample")
            elif self.how == "odd":
                raise Odd("a", "b")
        return i


class Odd(Exception):
    """An error that cannot be made from one text."""

    def __init__(self, first, second):
        super().__init__(first)


class Who(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, i):
        info = get_worker_info()
        return info.id, info.num_workers, os.getpid(), info.seed


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(5))


def content(batch):
    return [part.tolist() for part in batch]


def collect(workers, epochs=2, **options):
    sangja.manual_seed(4)
    loader = DataLoader(Draws(), batch_size=3, shuffle=True, num_workers=workers, **options)
    found = [[content(b) for b in loader] for _ in range(epochs)]
    return found, sangja.rand(3).tolist()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_batches_are_equal_for_any_number_and_kind_of_workers(method):
    expected = collect(0, per_sample_seeds=True)
    drawn = [tuple(row) for epoch in expected[0] for b in epoch for row in b[1]]
    assert len(set(drawn)) == 46  # every sample of both epochs has numbers of its own
    assert collect(2, per_sample_seeds=True) == expected  # threads
    for workers in (1, 2, 4) if method == "fork" else (2,):
        assert collect(workers, multiprocessing_context=method) == expected
    kept = {"multiprocessing_context": method, "persistent_workers": True}
    assert collect(2, **kept) == expected


def test_without_workers_the_numbers_are_pytorchs():
    torch = pytest.importorskip("torch")
    data = torch.utils.data
    found = []
    for module, loading in ((sangja, DataLoader), (torch, data.DataLoader)):

        class Noisy(Dataset):
            def __len__(self):
                return 7

            def __getitem__(self, i, module=module):
                return module.rand(2) + i

        module.manual_seed(1)
        found.append([b.tolist() for b in loading(Noisy(), batch_size=2, shuffle=True)])
    assert found[0] == found[1]


def test_resume_in_mid_epoch_goes_on_with_the_same_numbers():
    expected, _ = collect(0, per_sample_seeds=True)
    options = {"batch_size": 3, "shuffle": True, "num_workers": 2}
    options["multiprocessing_context"] = "fork"
    sangja.manual_seed(4)
    first = DataLoader(Draws(), **options)
    batches = iter(first)
    seen = [content(next(batches)) for _ in range(3)]
    state = first.state_dict()
    batches.close()
    second = DataLoader(Draws(), **options)
    second.load_state_dict(state)
    assert seen + [content(b) for b in second] == expected[0]


def no_children():
    return not multiprocessing.active_children()


def leftovers():
    return set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("kill", r"worker 1 .*signal SIGKILL; its last was sample 6 \(batch 3\)"),
        ("exit", r"worker 1 .*exit code 3; its last was sample 6 \(batch 3\)"),
        ("hang", r"timed out after 0\.5 seconds: worker 1 .* at sample 6 \(batch 3\)"),
    ],
)
def test_a_worker_that_dies_or_hangs_is_named_with_its_last_sample(how, text):
    before = leftovers()
    loader = DataLoader(
        Dies(how),
        batch_size=2,
        num_workers=2,
        multiprocessing_context="fork",
        timeout=0.5 if how == "hang" else 0,
    )
    with pytest.raises(RuntimeError, match=text):
        list(loader)
    assert no_children()
    assert leftovers() <= before


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_an_error_keeps_its_type_its_traceback_and_its_sample(method):
    loader = DataLoader(Dies("raise"), 2, num_workers=2, multiprocessing_context=method)
    with pytest.raises(ValueError, match="a broken sample") as caught:
        list(loader)
    text = str(caught.value)
    assert "Caught ValueError in DataLoader worker process 1" in text
    assert "in __getitem__" in text and "sample 6 of the data set" in text
    odd = DataLoader(Dies("odd"), 2, num_workers=1, multiprocessing_context=method)
    with pytest.raises(RuntimeError, match=r"Caught Odd(.|\n)*sample 6 of"):
        list(odd)
    assert no_children()


def test_workers_know_who_they_are_and_end_with_the_loop():
    options = {"batch_size": None, "num_workers": 2, "multiprocessing_context": "fork"}
    found = list(DataLoader(Who(), **options))
    assert {(a, b) for a, b, _, _ in found} == {(0, 2), (1, 2)}
    assert os.getpid() not in {c for _, _, c, _ in found}
    assert len({c for _, _, c, _ in found}) == 2
    for _ in DataLoader(Who(), **options):
        break
    assert no_children()
    kept = DataLoader(Who(), persistent_workers=True, **options)
    first = {c for _, _, c, _ in kept}
    for _ in kept:
        break
    assert {c for _, _, c, _ in kept} == first
    del kept
    assert no_children()


def test_a_stream_is_read_once_and_by_the_caller():
    loader = DataLoader(Stream(), 2, num_workers=2, multiprocessing_context="fork")
    assert [b.tolist() for b in loader] == [[0, 1], [2, 3], [4]]


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="only be used with multi-process loading"):
        DataLoader(Who(), multiprocessing_context="fork")
    with pytest.raises(ValueError, match="persistent_workers option needs num_workers > 0"):
        DataLoader(Who(), persistent_workers=True)
    with pytest.raises(ValueError, match=r"should be one of .*got 'thread'"):
        DataLoader(Who(), num_workers=1, multiprocessing_context="thread")


PROGRAM = """
import os, sys, time
sys.path.insert(0, {folder!r})
from test_processes import Dies
from sangja.data import DataLoader
loader = DataLoader(Dies("hang"), 2, num_workers=2, multiprocessing_context="fork")
batches = iter(loader)
next(batches)
print(*[p.pid for p in processes.multiprocessing_children()], flush=True)
try:
    list(batches)
except KeyboardInterrupt:
    del batches
    print("interrupted", flush=True)
"""


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="asks /proc which processes live")
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_no_worker_outlives_its_parent(sign):
    folder = str(Path(__file__).parent)
    code = PROGRAM.format(folder=folder).replace(
        "processes.multiprocessing_children()", "__import__('multiprocessing').active_children()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as run:
        workers = [int(pid) for pid in run.stdout.readline().split()]
        assert len(workers) == 2
        time.sleep(0.3)
        run.send_signal(sign)
        run.wait(10)
        if sign == signal.SIGINT:
            assert run.stdout.read().strip() == "interrupted"
        deadline = time.monotonic() + 5
        while any(map(alive, workers)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(map(alive, workers))
