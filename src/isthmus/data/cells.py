"""Tables in text as columns of cells, each column of the type that all of its cells have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import compute

from .csvs import MISSING, check_width, cut, delimiter_of, is_number, names_in
from .errors import DataError
from .texts import open_text

SAMPLE = 200  # lines that decide whether the first one is a header
BLOCK = 1 << 18  # cells held as strings at a time; columns take a tenth of that
NAMES = {"\t": "tab", ";": "semicolon", "|": "bar", ",": "comma", " ": "space"}
WHOLE = r"^[-+]?\d+$"
CODE = r"^[-+]?0\d+$"  # 007 is a name: as a number it would lose its zeros
Line = tuple[int, list[str]]


def read_cells(path: Path, rows: int | None = None) -> tuple[pyarrow.Table, list[str]]:
    """All columns of a table in text, and in words what was found out about it.

    A column of whole numbers is int64, one of other numbers float64, any other is text as it stands; missing
    cells are null. Numbers with leading zeros are text. A decimal comma and marks of thousands are understood
    where there is one way to read them.

    Raises:
        DataError: with file and line, for what is no table.
    """
    with open_text(path) as (text, encoding):
        delimiter = delimiter_of(path, text)
        lines = cut(text, delimiter)
        start = list(islice(lines, SAMPLE))
        if not start:
            raise DataError(f"{path} is empty")
        first_line, first = start[0]
        named = _is_header([row for _, row in start])
        names = names_in(path, first_line, first if named else [""] * len(first))
        body = chain(start[1:] if named else start, lines)
        columns = _columns(path, islice(body, rows), len(first), first_line)
    if not columns:
        raise DataError(f"{path} has a header but no rows")
    typed, remarks = _typed(names, columns, delimiter)
    notes = [] if delimiter == "," else [f"cells are separated by a {NAMES[delimiter]}"]
    notes += [] if encoding.startswith("utf-8") else [f"the text is read as {encoding}, as it is not UTF-8"]
    notes += [] if named else ["the first line is not a header: columns go by their number"]
    return pyarrow.table(typed, names=list(names)), notes + remarks


def _is_header(rows: list[list[str]]) -> bool:
    """Whether the first row names the columns.

    It does where a column of numbers begins with a word. It does not where a column begins with a number, or
    where a word stands in its column again.
    """
    first, body = rows[0], rows[1:]
    columns = [[row[i] for row in body if i < len(row)] for i in range(len(first))]
    for name, cells in zip(first, columns):
        given = [cell for cell in cells if cell.strip().lower() not in MISSING]
        if not is_number(name) and given and sum(map(is_number, given)) > 0.8 * len(given):
            return True
    given = [name.strip() for name in first if name.strip()]
    if not given or any(map(is_number, given)) or len(set(given)) < len(given):
        return False
    return not any(name.strip() and name in cells for name, cells in zip(first, columns))


def _columns(path: Path, body: Iterator[Line], width: int, first_line: int) -> list[pyarrow.ChunkedArray]:
    blocks = []
    while block := list(islice(body, max(1, BLOCK // width))):
        for line, row in block:
            check_width(path, line, row, width, first_line)
        blocks.append([pyarrow.array(cells, pyarrow.string()) for cells in zip(*(row for _, row in block))])
    return [pyarrow.chunked_array(cells) for cells in zip(*blocks)]


def _typed(
    names: Sequence[str], columns: list[pyarrow.ChunkedArray], delimiter: str
) -> tuple[list[pyarrow.ChunkedArray], list[str]]:
    """Each column as what it holds, and remarks on marks within numbers."""
    bare = [compute.utf8_trim_whitespace(column) for column in columns]
    missing = pyarrow.array(sorted(MISSING))
    absent = [compute.is_in(compute.utf8_lower(column), missing) for column in bare]
    nothing = pyarrow.scalar(None, pyarrow.string())
    bare = [compute.if_else(gone, nothing, column) for gone, column in zip(absent, bare)]
    typed = [_numbers(column) for column in bare]
    words = [i for i, column in enumerate(typed) if column is None]
    marked = [i for i in words if _any(bare[i], ",")]
    remarks = []
    comma = delimiter != "," and any(_all(bare[i], EUROPEAN) and _any(bare[i], COMMA) for i in marked)
    for i in range(len(columns)) if comma else ():
        if _all(bare[i], EUROPEAN) and (i in marked or _any(bare[i], POINTS)):
            plain = compute.replace_substring(compute.replace_substring(bare[i], ".", ""), ",", ".")
            typed[i] = _numbers(plain)
    remarks += ["numbers are read with a decimal comma"] if comma else []
    for i in marked:
        if typed[i] is None and _all(bare[i], ENGLISH):
            if _any(bare[i], THOUSANDS):
                typed[i] = _numbers(compute.replace_substring(bare[i], ",", ""))
                remarks.append(f"column {names[i]!r}: commas are read as marks of thousands")
            else:
                remarks.append(
                    f"column {names[i]!r} is left as text: its commas may be decimal or mark thousands"
                )
    text = (compute.if_else(gone, nothing, column) for gone, column in zip(absent, columns))
    return [each if number is None else number for number, each in zip(typed, text)], remarks


EUROPEAN = r"^[-+]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?$"
COMMA = r"(,\d{1,2}|,\d{4,}|^[-+]?0,\d+|\.\d{3},\d+)$"  # decimal beyond doubt: no three digits follow, say
POINTS = r"\.\d{3}"
ENGLISH = r"^[-+]?\d{1,3}(,\d{3})*(\.\d+)?$"
THOUSANDS = r",\d{3}(,\d{3}|\.\d)"


def _numbers(cells: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray | None:
    """Cells without white space as int64 or float64; None where one is no number."""
    try:
        numbers = compute.cast(cells, pyarrow.float64())
    except pyarrow.ArrowInvalid:
        return None
    if cells.null_count == len(cells) or not _all(cells, WHOLE):
        return numbers
    if _any(cells, CODE):
        return None
    try:
        return compute.cast(compute.utf8_ltrim(cells, "+"), pyarrow.int64())
    except pyarrow.ArrowInvalid:  # larger than 64 bits
        return numbers


def _all(cells: pyarrow.ChunkedArray, pattern: str) -> bool:
    """Whether every cell that is there matches."""
    return compute.all(_match(cells, pattern)).as_py() is not False


def _any(cells: pyarrow.ChunkedArray, pattern: str) -> bool:
    return compute.any(_match(cells, pattern)).as_py() is True


def _match(cells: pyarrow.ChunkedArray, pattern: str) -> Any:
    return compute.match_substring_regex(cells, pattern)
