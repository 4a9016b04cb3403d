"""Reading a user's table: a CSV file becomes named columns of text, or a sentence says why not."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import islice
from os import PathLike
from typing import TYPE_CHECKING

from sangja.core.errors import DataError
from sangja.data.cells import is_missing, parse_number

if TYPE_CHECKING:
    from pathlib import Path

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
SNIFFED_ROWS = 100
SIGNATURES = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive or an Excel workbook (.xlsx)",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls)",
    b"\x1f\x8b": "a gzip archive",
    b"PAR1": "a Parquet file",
    b"SQLite format 3": "an SQLite database",
}


@dataclass(frozen=True)
class Table:
    """Named columns of text, all of one length; what the text means is decided later.

    Attributes:
        columns: the cells of each column, without spaces around them.
        lines: where each row begins in the file, so that an error can name the line.
        source: the file's name, for messages.
        notes: what the user should know about how the file was read.
    """

    columns: dict[str, list[str]]
    lines: list[int]
    source: str = "the table"
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.lines)

    def column(self, name: str) -> list[str]:
        """The cells of a column; a name that does not exist raises `DataError` with the nearest."""
        if name in self.columns:
            return self.columns[name]
        raise DataError(f"{self.source} has no column {name!r}; {nearest(name, self.columns)}")

    def take(self, rows: Iterable[int]) -> Table:
        """The table of the given rows, in the given order."""
        chosen = list(rows)
        columns = {name: [cells[i] for i in chosen] for name, cells in self.columns.items()}
        return replace(self, columns=columns, lines=[self.lines[i] for i in chosen])

    def where(self, keep: Callable[[str], bool], column: str) -> Table:
        """The rows whose cell in one column passes a test."""
        return self.take(i for i, cell in enumerate(self.column(column)) if keep(cell))


def nearest(name: str, names: Iterable[str]) -> str:
    """The rest of a sentence about a name that does not exist: the nearest one, or all of them."""
    known = {known.casefold(): known for known in names}
    close = get_close_matches(name.casefold(), known, n=1, cutoff=0.5)
    if close:
        return f"did you mean {known[close[0]]!r}?"
    return "its columns are " + ", ".join(repr(each) for each in known.values())


def read_table(path: str | PathLike[str]) -> Table:
    """Read a file of separated values whose first line names the columns.

    The delimiter is the one of `, ; tab |` that cuts the first rows most evenly. The text is UTF-8
    (with or without a byte order mark) or UTF-16 with one; failing that, Korean cp949 and then
    latin-1, which is said in the notes. Quoted fields may hold delimiters and line breaks. Blank
    lines are skipped.

    Raises:
        DataError: no such file, a folder, an empty or a binary file, a header alone or none, two
            columns of one name, a row with too few or too many fields, a quote never closed.
    """
    from pathlib import Path  # 3 ms of an import that need not read a table

    path = Path(path)
    text, notes = _decode(_read_bytes(path), path.name)
    delimiter = _sniff(text)
    if delimiter != ",":
        notes.append(f"the fields of {path.name} are separated by {DELIMITERS[delimiter]}")
    records = _records(text, delimiter, path.name)
    header_line, header = next(records, (1, []))
    names = _column_names(header, path.name)
    lines: list[int] = []
    rows: list[list[str]] = []
    for line, fields in records:
        if len(fields) != len(names):
            raise DataError(
                f"line {line} of {path.name} has {len(fields)} fields, but line {header_line} "
                f"names {len(names)} columns; quote a field that holds {DELIMITERS[delimiter]}, or "
                "complete the line"
            )
        lines.append(line)
        rows.append(fields)
    if not rows:
        raise DataError(f"{path.name} has a first line with column names but no rows below it")
    columns = {name: [fields[i] for fields in rows] for i, name in enumerate(names)}
    return Table(columns, lines, path.name, tuple(notes))


def _read_bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        beside = [p.name for p in path.parent.glob("*") if p.is_file()]
        close = get_close_matches(path.name, beside, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise DataError(f"there is no file {str(path)!r}{hint}") from None
    except IsADirectoryError:
        raise DataError(f"{str(path)!r} is a folder; give a CSV file in it") from None
    except OSError as error:
        # Windows says "permission denied" of a folder too.
        what = "is a folder; give a CSV file in it" if path.is_dir() else f"cannot be read: {error}"
        raise DataError(f"{str(path)!r} {what}") from error
    if not content.strip():
        raise DataError(f"{path.name} is empty; a table has a line of column names and then rows")
    return content


def _decode(content: bytes, name: str) -> tuple[str, list[str]]:
    for signature, kind in SIGNATURES.items():
        if content.startswith(signature):
            raise DataError(f"{name} is {kind}, not a text file; save the table as CSV first")
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = _try_decode(content, "utf-16" if utf16 else "utf-8-sig")
    if (text is None and utf16) or (b"\0" in content and not utf16):
        raise DataError(f"{name} is a binary file, not text; save the table as CSV first")
    if text is not None:
        return text, []
    text = _try_decode(content, "cp949")
    if text is not None and _is_korean(text):
        return text, [f"{name} is not UTF-8; it was read as Korean text (cp949)"]
    return content.decode("latin-1"), [
        f"{name} is not UTF-8; it was read as Western European text (latin-1), so check its "
        "accented letters"
    ]


def _try_decode(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None


def _is_korean(text: str) -> bool:
    """Whether text decoded from cp949 is likely Korean: mostly syllables in daily use.

    Western text also decodes at times, but its pairs of an accented and a plain letter then give
    the rare syllables that cp949 added to EUC-KR.
    """
    foreign = [c for c in text if not c.isascii()]
    daily = "".join(foreign).encode("euc-kr", errors="ignore")
    return len(daily) >= len(
        foreign
    )  # a daily character takes two bytes, so this says: half of them


def _sniff(text: str) -> str:
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        try:
            widths = [len(fields) for fields in islice(reader, SNIFFED_ROWS) if fields]
        except csv.Error:
            continue
        if not widths or widths[0] == 1:
            continue
        score = (widths.count(widths[0]) / len(widths), widths[0])
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _records(text: str, delimiter: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """The line on which each record begins, and its fields."""
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    line = 1
    try:
        for fields in reader:
            if fields:
                yield line, [field.strip() for field in fields]
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"the record that begins on line {line} of {name} cannot be read ({error}); look for a "
            "quote that is never closed, or for text after a closing quote"
        ) from error


def _column_names(header: list[str], source: str) -> list[str]:
    if not header:
        raise DataError(f"{source} is empty; a table has a line of column names and then rows")
    if all(is_missing(name) or parse_number(name) is not None for name in header):
        raise DataError(
            f"the first line of {source} must name the columns, but it holds values: "
            f"{', '.join(header[:4])}; add a line of names above it"
        )
    names = [name or f"column {i}" for i, name in enumerate(header, 1)]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise DataError(
                f"{source} has two columns named {name!r} (columns {names.index(name) + 1} and "
                f"{i + 1}); rename one of them"
            )
    return names
