"""Data sets, samplers, batches: PyTorch's order, any number of readers, exact resume."""

import importlib
import itertools
import threading
import time

import numpy as np
import pytest

import sangja
from sangja.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    get_worker_info,
    random_split,
)

try:
    import torch
    import torch.utils.data as theirs
except ImportError:  # the extra `parity` is not installed
    torch = None
needs_torch = pytest.mark.skipif(torch is None, reason="the extra `parity` is not installed")


class Squares(Dataset):
    """Items that are no tensors, slow enough for threads to overtake each other."""

    def __init__(self, n, fail_at=None):
        self.n, self.fail_at = n, fail_at

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if i == self.fail_at:
            raise ValueError("a broken sample")
        time.sleep(0.0005 * ((i * 7) % 3))
        return {"x": np.float32(i * i), "name": f"n{i}", "pair": (i, float(i))}


class Stream(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))


def batches(loader):
    return [b.tolist() for (b,) in loader]


def numbers(n=23):
    return TensorDataset(sangja.arange(n))


@needs_torch
@pytest.mark.parametrize(
    "options",
    [
        {"shuffle": True},
        {"shuffle": True, "batch_size": 4, "drop_last": True},
        {"batch_size": 5},
        {"batch_size": None, "shuffle": True},
    ],
)
def test_three_epochs_come_in_pytorchs_order_and_leave_the_same_random_state(options):
    sangja.manual_seed(3)
    torch.manual_seed(3)
    mine = DataLoader(numbers(), **options)
    other = theirs.DataLoader(theirs.TensorDataset(torch.arange(23)), **options)
    assert len(mine) == len(other)
    for _ in range(3):
        assert [x.tolist() for (x,) in mine] == [x.tolist() for (x,) in other]
        assert sangja.rand(2).tolist() == torch.rand(2).tolist()


@needs_torch
def test_samplers_and_splits_equal_pytorchs():
    weights = [0.1, 0.5, 0.2, 0.9]
    for make in (
        lambda m, source: list(m.RandomSampler(source)),
        lambda m, source: list(m.RandomSampler(source, replacement=True, num_samples=77)),
        lambda m, source: list(m.RandomSampler(source, num_samples=61)),
        lambda m, source: list(m.SubsetRandomSampler([5, 3, 8, 1])),
        lambda m, source: list(m.WeightedRandomSampler(weights, 20)),
        lambda m, source: list(m.WeightedRandomSampler(weights, 3, replacement=False)),
        lambda m, source: list(m.BatchSampler(m.SequentialSampler(source), 7, False)),
        lambda m, source: [s.indices for s in m.random_split(source, [10, 13])],
        lambda m, source: [s.indices for s in m.random_split(source, [0.5, 0.3, 0.2])],
    ):
        sangja.manual_seed(11)
        torch.manual_seed(11)
        import sangja.data as ours

        assert make(ours, range(23)) == make(theirs, range(23))


@needs_torch
def test_collating_equals_pytorchs():
    for batch in (
        [1, 2],
        [1.5, 2.5],
        [True, False],
        [np.float32(1), np.float32(2)],
        [np.ones((2, 3)), np.zeros((2, 3))],
        [(1, 2.0), (3, 4.0)],
    ):
        mine, other = default_collate(batch), theirs.default_collate(batch)
        for a, b in zip(
            mine if isinstance(mine, list) else [mine],
            other if isinstance(other, list) else [other],
            strict=True,
        ):
            assert a.tolist() == b.tolist()
            assert str(a.dtype).split(".")[1] == str(b.dtype).split(".")[1]


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_batches_do_not_depend_on_the_number_of_readers(workers):
    def collect(count):
        sangja.manual_seed(0)
        loader = DataLoader(Squares(17), batch_size=3, shuffle=True, num_workers=count)
        return [(b["x"].tolist(), b["name"], [p.tolist() for p in b["pair"]]) for b in loader]

    assert collect(workers) == collect(0)


def test_rows_of_tensor_data_sets_are_what_collating_single_samples_gives():
    data = TensorDataset(sangja.arange(12).reshape(6, 2), sangja.arange(6) * 0.5)
    plain = DataLoader(data, batch_size=4, collate_fn=lambda rows: default_collate(rows))
    part = DataLoader(Subset(data, [4, 0, 2]), batch_size=2)
    for fast, slow in zip(DataLoader(data, batch_size=4), plain, strict=True):
        assert [f.tolist() for f in fast] == [s.tolist() for s in slow]
        assert [f.dtype for f in fast] == [s.dtype for s in slow]
    assert [x.tolist() for x, _ in part] == [[[8, 9], [0, 1]], [[4, 5]]]


@pytest.mark.parametrize("given", [1, 3, 5])
@pytest.mark.parametrize("workers", [0, 2])
def test_resume_in_the_middle_of_an_epoch_is_exact(given, workers):
    def loader():
        return DataLoader(numbers(), batch_size=4, shuffle=True, num_workers=workers)

    sangja.manual_seed(5)
    whole = loader()
    expected = [batches(whole), sangja.rand(1).item(), batches(whole)]

    sangja.manual_seed(5)
    first = loader()
    seen = [b.tolist() for (b,) in itertools.islice(first, given)]
    states = first.state_dict(), sangja.get_rng_state()
    sangja.manual_seed(99)
    second = loader()
    second.load_state_dict(states[0])
    sangja.set_rng_state(states[1])
    assert seen + batches(second) == expected[0]
    assert [sangja.rand(1).item(), batches(second)] == expected[1:]


def test_a_finished_epoch_resumes_with_the_next():
    loader = DataLoader(numbers(), batch_size=4)
    assert len(batches(loader)) == 6
    assert loader.state_dict()["given"] == 0
    loader.load_state_dict(loader.state_dict())
    assert len(batches(loader)) == 6


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_in_a_sample_keeps_its_type_and_names_the_sample(workers):
    loader = DataLoader(Squares(9, fail_at=7), batch_size=2, num_workers=workers)
    with pytest.raises(ValueError, match="a broken sample") as caught:
        list(loader)
    assert any("sample 7" in note for note in caught.value.__notes__)


def test_a_reader_that_hangs_is_named_after_the_timeout():
    release = threading.Event()

    class Hangs(Squares):
        def __getitem__(self, i):
            release.wait(5)
            return i

    loader = DataLoader(Hangs(4), num_workers=1, timeout=0.05)
    with pytest.raises(RuntimeError, match=r"timed out after 0\.05 seconds"):
        list(loader)
    release.set()


def test_readers_know_who_they_are_and_end_with_the_loop():
    seen = set()
    started = []

    class Asks(Squares):
        def __getitem__(self, i):
            info = get_worker_info()
            seen.add((info.id, info.num_workers))
            return i

    before = threading.active_count()
    loader = DataLoader(Asks(20), num_workers=2, worker_init_fn=started.append)
    for _ in loader:
        break
    assert len(list(loader)) == 20
    assert seen <= {(0, 2), (1, 2)} and sorted(started)[0] == 0
    assert get_worker_info() is None
    deadline = time.monotonic() + 2
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_streams_and_combined_data_sets():
    assert [b.tolist() for b in DataLoader(Stream(5), batch_size=2)] == [[0, 1], [2, 3], [4]]
    dropped = DataLoader(Stream(5), batch_size=2, drop_last=True, num_workers=2)
    assert [b.tolist() for b in dropped] == [[0, 1], [2, 3]]
    assert list(DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]
    assert list(Stream(2) + Stream(1)) == list(ChainDataset([Stream(2), Stream(1)])) == [0, 1, 0]
    both = Squares(3) + Squares(2)
    assert isinstance(both, ConcatDataset) and len(both) == 5
    assert both[4]["name"] == "n1" and both[-5]["name"] == "n0"
    with pytest.raises(IndexError, match="index 5 is out of range for a ConcatDataset of 5"):
        both[5]
    stacked = StackDataset(a=[1, 2], b="xy")
    assert stacked[1] == {"a": 2, "b": "y"} and len(stacked) == 2
    assert StackDataset([1, 2], "xy")[0] == (1, "x")


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: TensorDataset(), ValueError, "at least one tensor"),
        (
            lambda: TensorDataset(sangja.ones(3), sangja.ones(4)),
            ValueError,
            "first dimensions are [3, 4]",
        ),
        (lambda: DataLoader(numbers(), batch_size=0), ValueError, "positive integer value"),
        (lambda: DataLoader(numbers(), num_workers=-1), ValueError, "non-negative"),
        (lambda: DataLoader(numbers(), timeout=-1), ValueError, "timeout option should be"),
        (lambda: DataLoader(numbers(), prefetch_factor=2), ValueError, "needs num_workers > 0"),
        (
            lambda: DataLoader(numbers(), shuffle=True, sampler=SequentialSampler(range(3))),
            ValueError,
            "mutually exclusive with shuffle",
        ),
        (
            lambda: DataLoader(numbers(), batch_sampler=[[0]], drop_last=True),
            ValueError,
            "batch_sampler option is mutually exclusive",
        ),
        (
            lambda: DataLoader(numbers(), batch_size=None, drop_last=True),
            ValueError,
            "disables auto-batching",
        ),
        (lambda: DataLoader(Stream(3), shuffle=True), ValueError, "stream has its own order"),
        (lambda: BatchSampler(range(3), 2, "yes"), ValueError, "drop_last should be a boolean"),
        (lambda: RandomSampler(range(3), num_samples=0), ValueError, "positive integer value"),
        (lambda: WeightedRandomSampler([[1.0]], 1), ValueError, "1d sequence"),
        (lambda: random_split(range(5), [2, 2]), ValueError, "[2, 2] make 4"),
        (lambda: random_split(range(5), [1.5, -0.5]), ValueError, "index 0 is not between"),
        (lambda: default_collate([object()]), TypeError, "found object"),
        (lambda: default_collate([(1,), (1, 2)]), ValueError, "got sizes [1, 2]"),
        (
            lambda: default_collate([np.ones(2), np.ones(3)]),
            RuntimeError,
            "[2] at entry 0 and [3] at entry 1",
        ),
        (lambda: ConcatDataset([]), ValueError, "should not be an empty iterable"),
        (lambda: ConcatDataset([Stream(1)]), TypeError, "use ChainDataset"),
        (lambda: StackDataset([1], a=[1]), ValueError, "either positional or named"),
        (lambda: StackDataset([1], [1, 2]), ValueError, "Size mismatch"),
    ],
)
def test_wrong_arguments_are_refused_in_words(make, error, text):
    with pytest.raises(error) as caught:
        make()
    assert text in str(caught.value)


def test_a_part_of_length_zero_is_warned_of():
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        parts = random_split(range(3), [1.0, 0.0])
    assert [len(p) for p in parts] == [3, 0]
    assert sorted(SubsetRandomSampler([3, 1])) == [1, 3]


@needs_torch
@pytest.mark.parametrize("place", ["dataset", "sampler", "dataloader"])
def test_pytorchs_places_for_loading_give_the_same_classes(place):
    module = importlib.import_module(f"sangja.utils.data.{place}")
    other = importlib.import_module(f"torch.utils.data.{place}")
    for name in module.__all__:
        assert getattr(module, name) is getattr(sangja.data, name)
        assert hasattr(other, name)
