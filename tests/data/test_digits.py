"""The bundled digits against scikit-learn's copy, and splits that keep the classes' proportions."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.datasets import load_digits as sklearn_digits
from sklearn.model_selection import StratifiedShuffleSplit

from sangja.core.errors import ArgumentError, DamagedFileError
from sangja.data import digits
from sangja.data.digits import load_digits
from sangja.data.stratify import stratified_split


def test_digits_are_those_of_scikit_learn():
    images, labels = load_digits()
    expected = sklearn_digits()
    assert images.dtype == np.uint8 and labels.dtype == np.int64
    np.testing.assert_array_equal(images, expected.images)
    np.testing.assert_array_equal(labels, expected.target)


def test_digits_are_the_callers_own():
    images, labels = load_digits()
    images[:], labels[:] = 0, 0
    assert load_digits()[0].max() == 16


def test_the_licence_lies_beside_the_digits():
    text = files("sangja.data").joinpath("files/digits/LICENSE").read_text(encoding="utf-8")
    for words in ("E. Alpaydin and C. Kaynak", "CC BY 4.0", "archive.ics.uci.edu/dataset/80"):
        assert words in text


def test_a_damaged_or_missing_file_is_said(tmp_path, monkeypatch):
    folder = tmp_path / digits.FOLDER
    folder.mkdir(parents=True)
    content = files("sangja.data").joinpath(digits.FOLDER, digits.NAME).read_bytes()
    monkeypatch.setattr("importlib.resources.files", lambda package: tmp_path)
    with pytest.raises(DamagedFileError, match=r"cannot be read .*; reinstall sangja"):
        load_digits()
    (folder / digits.NAME).write_bytes(content[:-1])
    with pytest.raises(DamagedFileError, match="is damaged: its SHA-256 should be ab0ef0bef6cd…"):
        load_digits()


def counts(labels, parts):
    classes = np.unique(labels)
    return np.array([[(labels[part] == c).sum() for part in parts] for c in classes])


def test_digits_split_like_scikit_learns_stratified_split():
    _, labels = load_digits()
    parts = stratified_split(labels, [0.8, 0.2], seed=3)
    train, test = next(StratifiedShuffleSplit(1, test_size=parts[1].size).split(labels, labels))
    assert abs(counts(labels, parts) - counts(labels, [train, test])).max() <= 1


@given(
    st.lists(st.integers(0, 5), min_size=12, max_size=200),
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
)
def test_a_split_is_a_partition_in_proportion(labels, weights, seed):
    labels = np.array(labels)
    fractions = [w / sum(weights) for w in weights]
    if min(fractions) * labels.size < 1:
        fractions = [1 / len(weights)] * len(weights)
    parts = stratified_split(labels, fractions, seed)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(labels.size))
    for part, fraction in zip(parts, fractions, strict=True):
        assert abs(part.size - fraction * labels.size) < 1
        assert (np.diff(part) > 0).all()
    table = counts(labels, parts)
    sizes, totals = table.sum(0), table.sum(1)
    slack = len(parts) + 1
    assert abs(table - np.outer(totals, sizes) / labels.size).max() <= slack
    if totals.min() >= len(parts) and sizes.min() >= len(totals):
        assert table.min() >= 1
    for a, b in zip(parts, stratified_split(labels, fractions, seed), strict=True):
        np.testing.assert_array_equal(a, b)


def test_sizes_are_exact_and_ten_times_a_tenth_is_one():
    parts = stratified_split(np.zeros(1000), [0.1] * 10)
    assert [part.size for part in parts] == [100] * 10
    assert [p.size for p in stratified_split(np.zeros(10), [0.7, 0.2, 0.1])] == [7, 2, 1]


def test_rare_classes_go_to_every_part_or_to_the_largest_first():
    labels = np.array(["common"] * 97 + ["two"] * 2 + ["one"])
    for seed in range(5):
        table = counts(labels, stratified_split(labels, [0.1, 0.9], seed))
        classes = list(np.unique(labels))
        assert table[classes.index("two")].tolist() == [1, 1]
        assert table[classes.index("one")].tolist() == [0, 1]
        assert table.sum(0).tolist() == [10, 90]


def test_another_seed_is_another_split():
    labels = np.arange(100) % 4
    first, second = (stratified_split(labels, [0.5, 0.5], seed)[0] for seed in (0, 1))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    ("labels", "fractions", "message"),
    [
        ([[0, 1]], [0.5, 0.5], r"one label per row, shape \(n,\), not shape \(1, 2\)"),
        ([0, 1, 2], [0.5, 0.6], r"must sum to 1, but \[0.5, 0.6\] sum to 1.1"),
        ([0, 1, 2], [1.5, -0.5], "must be positive, got"),
        ([0, 1, 2], [], "must be positive, got"),
        ([0, 1, 2], [float("nan"), 0.5], "must be positive, got"),
        ([0, 1, 2], [0.9, 0.1], "3 rows are too few to be split .* part 1 would be empty"),
        ([], [1.0], "0 rows are too few"),
    ],
)
def test_splits_that_cannot_be_made(labels, fractions, message):
    with pytest.raises(ArgumentError, match=message):
        stratified_split(labels, fractions)
