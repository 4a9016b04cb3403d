"""Reading tables: what the csv module wrote, in any delimiter and encoding; else a sentence."""

from __future__ import annotations

import csv
import io
import re
import zipfile

import pytest
from hypothesis import given, strategies as st

from sangja.core.errors import DataError
from sangja.data.cells import is_missing
from sangja.data.table import read_table

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


def write(folder, content, name="t.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_the_csv_module_wrote_is_read_back(folder, rows, delimiter, encoding):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("first name", "b", "나이"), *rows])
    table = read_table(write(folder, text.getvalue().encode(encoding)))
    assert list(table.columns) == ["first name", "b", "나이"]
    assert list(zip(*table.columns.values(), strict=True)) == [
        tuple(cell.strip() for cell in row) for row in rows
    ]


def test_lines_are_those_of_the_file_even_after_blank_and_quoted_line_breaks(tmp_path):
    table = read_table(write(tmp_path, 'a,b\n1,2\n\n3,"x\ny\nz"\r\n5,6'))
    assert table.columns == {"a": ["1", "3", "5"], "b": ["2", "x\ny\nz", "6"]}
    assert table.lines == [2, 4, 7]
    assert table.take([2, 0]).lines == [7, 2]


def test_spaces_after_the_delimiter_do_not_matter(tmp_path):
    table = read_table(write(tmp_path, 'a, b\n1, "x, y"\n 2 ,z\n'))
    assert table.columns == {"a": ["1", "2"], "b": ["x, y", "z"]}


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [("a;b\n1,5;2,5\n3,5;4,5\n", "semicolons"), ("a\tb\n1,2\t3\n", "tabs"), ("a|b\n1|2\n", "bars")],
)
def test_another_delimiter_is_found_and_said(tmp_path, text, delimiter):
    table = read_table(write(tmp_path, text))
    assert list(table.columns) == ["a", "b"]
    assert any(delimiter in note for note in table.notes)


def test_one_column_is_a_table_and_a_nameless_one_gets_a_name(tmp_path):
    assert read_table(write(tmp_path, "x\n1\n2\n")).columns == {"x": ["1", "2"]}
    assert list(read_table(write(tmp_path, ",x\n0,1\n")).columns) == ["column 1", "x"]


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        ("도시,인구\n서울,9\n부산,3\n", "cp949", ["Korean"]),
        ("city,n\ncafé münchen,9\nMálaga,3\n", "latin-1", ["latin-1"]),
        ("이름,n\n가,1\n", "utf-8", []),
        ("이름,n\n가,1\n", "utf-8-sig", []),
    ],
)
def test_encodings_are_found_and_fallbacks_said(tmp_path, text, encoding, said):
    table = read_table(write(tmp_path, text.encode(encoding)))
    assert [*table.columns] == text.split("\n")[0].split(",")
    assert table.columns[next(iter(table.columns))][0] == text.split("\n")[1].split(",")[0]
    assert len(table.notes) == len(said) and all(
        s in n for s, n in zip(said, table.notes, strict=True)
    )


def workbook():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return content.getvalue()


REFUSED = [
    ("", r"t.csv is empty; a table has a line of column names"),
    ("\ufeff", r"t.csv is empty"),
    (" \n\n", r"t.csv is empty"),
    ("a,b\n", r"t.csv has a first line with column names but no rows below it"),
    ("a,b,a\n1,2,3\n", r"two columns named 'a' \(columns 1 and 3\); rename one"),
    ("1,2.5\n3,4\n", r"the first line of t.csv must name the columns, but it holds values: 1, 2.5"),
    ("a,b\n1,2\n3\n", r"line 3 of t.csv has 1 fields, but line 1 names 2 columns"),
    ("a,b\n1,2\n3,4,5\n", r"line 3 of t.csv has 3 fields.*quote a field that holds commas"),
    ('a,b\n1,2\n3,"x\n5,6\n', r"begins on line 3 of t.csv cannot be read.*a quote that is never"),
    ('a,b\n1,"x"y\n', r"begins on line 2 of t.csv .*text after a closing quote"),
    (b"\x89PNG\r\n\x1a\n\0\0", r"t.csv is a PNG image, not a text file; save the table as CSV"),
    (workbook(), r"t.csv is a ZIP archive or an Excel workbook"),
    (b"a,b\n\0\1\2,3\n", r"t.csv is a binary file, not text"),
    (b"\xff\xfea", r"t.csv is a binary file, not text"),
]


@pytest.mark.parametrize(("content", "message"), REFUSED)
def test_what_is_no_table_is_refused_in_one_sentence(tmp_path, content, message):
    with pytest.raises(DataError, match=message) as caught:
        read_table(write(tmp_path, content))
    assert "\n" not in str(caught.value).strip()


def test_no_such_file_a_folder_and_a_column_that_does_not_exist(tmp_path):
    path = write(tmp_path, "Age,Fare\n1,2\n", "train.csv")
    with pytest.raises(DataError, match=re.escape("trian.csv'; did you mean 'train.csv'?")):
        read_table(tmp_path / "trian.csv")
    with pytest.raises(DataError, match=r"there is no file '.*zzz'$"):
        read_table(tmp_path / "zzz")
    with pytest.raises(DataError, match="is a folder; give a CSV file in it"):
        read_table(tmp_path)
    table = read_table(path)
    with pytest.raises(DataError, match=re.escape("no column 'age '; did you mean 'Age'?")):
        table.column("age ")
    with pytest.raises(DataError, match="no column 'zzzz'; its columns are 'Age', 'Fare'"):
        table.column("zzzz")


def test_rows_where(tmp_path):
    table = read_table(write(tmp_path, "a,b\n1,x\n,y\n3,z\n"))
    kept = table.where(lambda cell: not is_missing(cell), "a")
    assert kept.columns == {"a": ["1", "3"], "b": ["x", "z"]} and kept.lines == [2, 4]
