"""Tables to numbers: scikit-learn's scaler and encoder are the oracle; every refusal is read."""

from __future__ import annotations

import copy
import json
import re

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sangja.core.errors import ArgumentError, DamagedFileError, DataError, ForeignFileError
from sangja.data.cells import is_date, parse_boolean, parse_number
from sangja.data.tabular import Preprocessor, Table, decide_task, labelled_rows, read_table


def table_of(**columns):
    cells = {name: [str(value) for value in values] for name, values in columns.items()}
    rows = len(next(iter(cells.values())))
    return Table(cells, list(range(2, rows + 2)), "t.csv")


N = 20
PARITY = ["odd" if i % 2 else "even" for i in range(N)]
SIZES = [f"{i * 0.5}" for i in range(N)]
CITIES = ["Seoul", "Busan", "Jeju", "Seoul"] * 5


@pytest.fixture
def people():
    return table_of(
        size=[*SIZES[:-2], "", "N/A"],
        city=[*CITIES[:-1], "?"],
        member=["yes", "No"] * 10,
        name=[f"person {i}" for i in range(N)],
        person_id=range(N),
        country=["KR"] * N,
        born=["2001-02-03"] * 19 + ["1999-12-31"],
        empty=[""] * N,
        label=PARITY,
    )


@pytest.fixture
def prepared(people):
    return Preprocessor.fit(people, "label")


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1", 1.0), (" -2.5 ", -2.5), ("+.5e-3", 5e-4), ("1,234,567.8", 1234567.8), ("−3", -3.0),
     ("12.5 %", 0.125), ("1,23", None), ("1,2345", None), ("inf", None), ("1e999", None),
     ("1_0", None), ("0x10", None), ("$5", None), ("٣", None), ("", None), (".", None),
     ("1 2", None)],
)  # fmt: skip
def test_numbers(cell, value):
    assert parse_number(cell) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_as_python_writes_them(value):
    assert parse_number(repr(value)) == value
    assert parse_number(f"{value:,.3f}") == float(f"{value:.3f}")


def test_yes_no_and_dates():
    assert [parse_boolean(c) for c in ["TRUE", "n", "maybe", "0"]] == [1.0, 0.0, None, None]
    dates = ["2024-1-5", "05/01/2024", "5.1.24", "2024-01-05T10:00:00Z", "2024년 1월 5일"]
    assert all(map(is_date, dates))
    assert not any(map(is_date, ["2024", "1.5", "10:00", "2024-01", "a 2024-01-05"]))


@given(
    st.lists(
        st.one_of(st.none(), st.floats(-1e6, 1e6), st.integers(-1000, 1000)),
        min_size=10, max_size=40,
    ).filter(lambda v: len({x for x in v if x is not None}) > 1)
)  # fmt: skip
def test_numbers_are_scaled_as_by_scikit_learn(values):
    cells = ["" if v is None else repr(v) for v in values]
    table = table_of(x=cells, y=["a", "b"] * (len(values) // 2) + ["a"] * (len(values) % 2))
    prepared = Preprocessor.fit(table, "y")
    known = np.array([np.nan if v is None else float(v) for v in values])[:, None]
    scaler = StandardScaler().fit(known)
    filled = np.where(np.isnan(known), np.nanmedian(known), known)
    got = prepared.transform(table)
    assert got.dtype == np.float32
    if np.nanstd(known) > 1e-6 * np.nanmax(np.abs(known)):
        np.testing.assert_allclose(got[:, :1], scaler.transform(filled), rtol=1e-5, atol=1e-5)
    assert np.isfinite(got).all()
    if None in values:
        assert prepared.feature_names == ["x", "x is missing"]
        np.testing.assert_array_equal(got[:, 1], np.isnan(known[:, 0]))
    else:
        assert prepared.feature_names == ["x"]


def test_categories_are_one_hot_as_by_scikit_learn(people):
    prepared = Preprocessor.fit(table_of(city=CITIES, label=PARITY), "label")
    other = ["Busan", "Tokyo", "Jeju", "Seoul"]
    encoder = OneHotEncoder(handle_unknown="ignore").fit(np.array(CITIES)[:, None])
    expected = encoder.transform(np.array(other)[:, None]).toarray()
    got = prepared.transform(table_of(city=other))
    names = [f"city={c}" for c in encoder.categories_[0]]
    assert prepared.feature_names == [*names, "city=(other)"]
    np.testing.assert_array_equal(got[:, :-1], expected)
    np.testing.assert_array_equal(got[:, -1], [0, 1, 0, 0])


def test_what_becomes_of_each_kind_of_column(prepared, people):
    assert prepared.feature_names == [
        "size", "size is missing",
        "city=Busan", "city=Jeju", "city=Seoul", "city=(missing)", "city=(other)",
        "member",
    ]  # fmt: skip
    x = prepared.transform(people)
    assert x.shape == (N, 8)
    np.testing.assert_array_equal(x[:, 2:7].sum(1), 1)
    np.testing.assert_array_equal(x[-1, 2:7], [0, 0, 0, 1, 0])
    np.testing.assert_array_equal(x[:2, 7], [1, -1])
    assert prepared.transform(people.take([])).shape == (0, 8)


def test_the_report_says_what_was_done(prepared):
    report = prepared.report()
    for line in [
        "'label' holds text, so it is predicted by classification",
        "'label' has 2 classes (even: 10, odd: 10)",
        "column 'size': numbers; 2 of 20 are missing: filled with the median 4.25, and marked in a "
        "feature of their own",
        "column 'city': 3 categories; 1 of 20 are missing, a category too",
        "column 'member': yes or no",
        "column 'name' is left out: 20 of its 20 values are different, like names, identifiers or "
        "free text",
        "column 'person_id' is left out: its name and its values, all different, say that it only "
        "numbers the rows",
        "column 'country' is left out: it is 'KR' in every row",
        "column 'born' is left out: it holds dates; add columns of numbers made from them, such as "
        "year or month",
        "column 'empty' is left out: it is empty",
        "3 columns become 8 features",
    ]:
        assert line in report


def test_odd_columns_are_said():
    many = [f"w{i % 40:02}" for i in range(100)] + ["w00"] * 20
    table = table_of(
        word=many,
        decimal=["1,5", "2,25", "3,5"] * 40,
        share=["5%", "10%"] * 60,
        mostly=["unclear"] + [str(i) for i in range(119)],
        x=range(120),
        y=["a", "b"] * 59 + ["b", "c"],
    )
    prepared = Preprocessor.fit(table, "y")
    report = prepared.report()
    assert "column 'word': 40 categories, of which the 30 most frequent are kept" in report
    assert prepared.feature_names[:31] == [f"word=w{i:02}" for i in range(30)] + ["word=(other)"]
    assert any("'decimal' is left out: its numbers have a decimal comma" in r for r in report)
    assert "column 'share': numbers; a percent sign means hundredths" in report
    assert any(
        "'mostly': numbers (the texts 'unclear' count as missing); 1 of" in r for r in report
    )
    assert any("1 class(es) of 'y' have one row only, such as 'c'" in r for r in report)
    assert prepared.transform(table)[0, prepared.feature_names.index("mostly is missing")] == 1


def test_the_statistics_are_those_of_the_training_rows_alone(people):
    train, other = people.take(range(10)), people.take(range(10, N))
    prepared = Preprocessor.fit(train, "label")
    sizes = np.arange(10) * 0.5
    x = prepared.transform(other)[:, 0]
    np.testing.assert_allclose(x[0], (5.0 - sizes.mean()) / sizes.std(), rtol=1e-6)
    np.testing.assert_allclose(x[-1], 0, atol=1e-7)  # missing: the median, here the mean
    assert prepared.remarks(train) == []
    assert prepared.remarks(other) == [
        "column 'size' is missing in 2 of 10 rows, though never in training; its median 2.25 was "
        "taken",
        "column 'city' is missing in 1 of 10 rows, though never in training; it counts as "
        "'(other)' there",
    ]


def test_at_prediction_extra_columns_and_unseen_words_are_said(prepared, people):
    cities = ["Tokyo", "Osaka", "Tokyo", "Paris", "Rome"] + ["Seoul"] * (N - 5)
    columns = {**people.columns, "city": cities, "weather": ["wet"] * N}
    del columns["label"], columns["name"]
    rows = Table(columns, people.lines, "new.csv")
    assert prepared.transform(rows).shape == (N, 8)
    assert prepared.remarks(rows) == [
        "column 'weather' was not there in training; it is not used",
        "column 'city' holds 4 value(s) that are no level of it ('Tokyo', 'Osaka', 'Paris', …), in "
        "5 of 20 rows; they count as '(other)'",
    ]


def test_at_prediction_what_does_not_fit_is_refused(prepared, people):
    renamed = {"Size ": people.columns["size"], "city": CITIES, "member": ["yes"] * N}
    message = "new.csv has no column 'size', which was there in training; did you mean 'Size '?"
    for ask in (prepared.transform, prepared.remarks):
        with pytest.raises(DataError, match=re.escape(message)):
            ask(Table(renamed, people.lines, "new.csv"))
    for name, cell, expected in [("size", "big", "a number"), ("member", "maybe", "a yes-or-no")]:
        cells = [*people.columns[name]]
        cells[3] = cell
        message = f"column '{name}', line 5: '{cell}' is not {expected}"
        with pytest.raises(DataError, match=message):
            prepared.transform(Table({**people.columns, name: cells}, people.lines))


def test_huge_numbers_stay_finite():
    table = table_of(x=["1e308", "-1e308"] * 10, z=range(N), y=PARITY)
    prepared = Preprocessor.fit(table, "y")
    np.testing.assert_allclose(prepared.transform(table)[:2, 0], [1, -1])
    assert np.isfinite(prepared.transform(table_of(x=[0], z=["1e300"]))).all()


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([0, 1] * 10, "classification"),
        (["yes", "no"] * 10, "classification"),
        ([1.5, 2.5] * 10, "regression"),
        (list(range(20)), "regression"),
        ([i % 10 for i in range(20)], "classification"),
        ([i % 10 for i in range(19)], "regression"),
        ([i % 11 for i in range(40)], "regression"),
        (["1.0", "2.0"] * 10, "classification"),
    ],
)
def test_the_task_follows_from_the_target(values, task):
    found, reason = decide_task(table_of(y=values), "y")
    assert found == task and f"predicted by {task}" in reason
    other = "regression" if task == "classification" else "classification"
    if values[0] != "yes":
        asked = Preprocessor.fit(table_of(x=range(len(values)), y=values), "y", task=other)
        assert asked.target.task == other and "that was asked for" in asked.target.reason


def test_classes_are_coded_in_order_and_decoded():
    table = table_of(x=range(30), y=["10", "9", "2"] * 10)
    prepared = Preprocessor.fit(table, "y")
    assert prepared.target.classes == ("2", "9", "10")
    codes = prepared.encode_target(table)
    assert codes.dtype == np.int64 and codes[:3].tolist() == [2, 1, 0]
    assert prepared.decode_target(codes) == table.columns["y"]
    assert prepared.decode_target([]) == []
    for wrong in ([3], [-1], [0.5]):
        with pytest.raises(ArgumentError, match="have the codes 0 to 2, whole numbers; got"):
            prepared.decode_target(wrong)
    with pytest.raises(DataError, match="column 'y', line 3: '7' is none of the classes learnt: 2"):
        prepared.encode_target(table_of(y=["2", "7"]))


def test_numbers_to_predict_are_scaled_and_scaled_back():
    values = np.linspace(-3, 40, N)
    table = table_of(x=range(N), y=values)
    prepared = Preprocessor.fit(table, "y")
    y = prepared.encode_target(table)
    assert y.dtype == np.float32
    expected = StandardScaler().fit_transform(values[:, None])[:, 0]
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(prepared.decode_target(y), values, rtol=1e-5)
    assert "'y' has the mean 18.5, give or take 13.05" in prepared.report()
    with pytest.raises(DataError, match="column 'y', line 3: 'x' is not a number, which regress"):
        prepared.encode_target(table_of(y=["2", "x"]))


def test_rows_without_a_target_are_left_out_and_said(people):
    labels = ["NA", "", *PARITY[2:]]
    table = Table({**people.columns, "label": labels}, people.lines, "t.csv")
    kept = labelled_rows(table, "label")
    assert len(kept) == N - 2 and kept.lines[0] == 4
    note = "2 of 20 rows are left out because 'label' is missing in them"
    assert note in kept.notes
    assert note in Preprocessor.fit(table, "label").report()
    assert Preprocessor.fit(kept, "label") == Preprocessor.fit(table, "label")
    assert labelled_rows(people, "label") is people


@pytest.mark.parametrize(
    ("target", "values", "message"),
    [
        ("lable", PARITY, "t.csv has no column 'lable'; did you mean 'label'?"),
        ("label", [""] * N, "'label' is missing in every row of t.csv"),
        ("label", ["a"] * N, "'label' is 'a' in every row of t.csv: there is nothing to learn"),
        ("label", ["7"] * N, "'label' is '7' in every row of t.csv: there is nothing to learn"),
        ("label", ["a", "b", "b"] * 3 + [""] * 11, "has 9 rows with a value of 'label'; at least"),
        ("label", [f"t{i}" for i in range(N)], "text with 20 different values in 20 rows"),
        ("label", [*range(N - 1), "high"], "column 'label', line 21: 'high' is not a number"),
    ],
)  # fmt: skip
def test_targets_that_cannot_be_learnt(target, values, message):
    with pytest.raises(DataError, match=re.escape(message)):
        Preprocessor.fit(table_of(x=SIZES, label=values), target)


def test_nothing_to_learn_from_and_tasks_that_do_not_fit():
    with pytest.raises(
        DataError, match="no column from which 'y' can be learnt; column 'x' is left"
    ):
        Preprocessor.fit(table_of(x=["a"] * N, y=PARITY), "y")
    with pytest.raises(DataError, match=r"no column from which 'y' can be learnt$"):
        Preprocessor.fit(table_of(y=PARITY), "y")
    with pytest.raises(DataError, match="line 2: 'even' is not a number, which regression needs"):
        Preprocessor.fit(table_of(x=SIZES, y=PARITY), "y", task="regression")
    with pytest.raises(ArgumentError, match="no task 'clasify'; use 'auto', 'regression' or"):
        Preprocessor.fit(table_of(x=SIZES, y=PARITY), "y", task="clasify")


def test_a_file_from_end_to_end(tmp_path):
    path = tmp_path / "flats.csv"
    rows = [f'{20 + i};"Seoul; Mapo";{i % 3};{100.25 + 3 * i}' for i in range(N)]
    path.write_text("area;city;rooms;price\n" + "\n".join(rows), encoding="utf-8")
    prepared = Preprocessor.fit(read_table(path), "price")
    assert prepared.feature_names == ["area", "rooms"]
    assert prepared.report()[0] == "the fields of flats.csv are separated by semicolons"
    assert prepared.target.task == "regression"


def test_json_gives_back_an_equal_preprocessor(prepared, people):
    text = json.dumps(prepared.to_json(), allow_nan=False)
    again = Preprocessor.from_json(json.loads(text))
    assert again == prepared
    assert again.transform(people).tobytes() == prepared.transform(people).tobytes()
    regression = Preprocessor.fit(table_of(x=range(N), y=SIZES), "y")
    assert Preprocessor.from_json(json.loads(json.dumps(regression.to_json()))) == regression


@pytest.mark.parametrize("data", [None, [], "text", {}, {"format": "other"}])
def test_a_foreign_description_is_refused(data):
    with pytest.raises(
        ForeignFileError, match="no description of a table's columns: it lacks 'form"
    ):
        Preprocessor.from_json(data)


def test_a_later_version_is_refused(prepared):
    with pytest.raises(
        ForeignFileError, match="version 2, but this sangja reads version 1; install"
    ):
        Preprocessor.from_json({**prepared.to_json(), "version": 2})


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["columns"], [], "'columns' must be a list of columns with different names"),
        (["columns"], None, "'columns' is missing or is no list"),
        (["columns", 0], 3, "'name' is missing or is no str"),
        (
            ["columns", 0, "name"],
            "city",
            "'columns' must be a list of columns with different names",
        ),
        (["columns", 0, "kind"], "colour", "'kind' of column 'size' is 'colour'"),
        (["columns", 0, "mean"], "4", "'mean' is missing or is no float"),
        (["columns", 0, "median"], float("nan"), "'median' is nan"),
        (["columns", 0, "std"], 0.0, "'std' of column 'size' is 0.0"),
        (["columns", 0, "marks_missing"], 1, "'marks_missing' is missing or is no bool"),
        (["columns", 1, "levels"], ["a", "a"], "'levels' holds a text twice"),
        (["columns", 1, "levels"], ["a", 1], "'levels' holds something that is no text"),
        (["target"], {}, "'name' is missing or is no str"),
        (["target", "task"], "regression", "'target' is no 'regression' with 2 classes"),
        (["target", "task"], "cooking", "'target' is no 'cooking' with 2 classes"),
        (["said"], None, "'said' is missing or is no list"),
    ],
)
def test_a_damaged_description_is_refused(prepared, path, value, message):
    data = copy.deepcopy(prepared.to_json())
    *outer, last = path
    place = data
    for key in outer:
        place = place[key]
    place[last] = value
    with pytest.raises(DamagedFileError, match=f"columns is damaged: {message}"):
        Preprocessor.from_json(data)
