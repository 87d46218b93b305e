"""Tables of numbers in text: the delimiter and the header are found, and errors name the cell."""

from __future__ import annotations

import csv
import io
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from .errors import DataError
from .texts import open_text

TEXTS = (".csv", ".tsv", ".txt", ".dat")
DELIMITERS = ("\t", ";", "|", ",")
MISSING = frozenset({"", "na", "n/a", "nan", "null"})
DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")


def read_csv(path: Path) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """The values (rows, columns), float64 with NaN where a cell is missing, and the names of the columns.

    The delimiter is a comma, semicolon, tab or bar, or any number of spaces where there is none of them in a
    file of numbers. The first line is a header if one of its cells is neither
    a number nor missing. A cell is missing if it is empty, NA, N/A, NaN or null, in any case. Blank lines are
    skipped; gzip files are decompressed. Raises `DataError` with file, line, column and value.
    """
    with open_text(path) as (text, _):
        return _table(path, text)


def _table(path: Path, text: io.TextIOWrapper) -> tuple[np.ndarray, tuple[str, ...] | None]:
    lines = cut(text, delimiter_of(path, text))
    first_line, first = next(lines, (0, []))
    if not first:
        raise DataError(f"{path} is empty")
    names = None if all(is_number(cell) for cell in first) else names_in(path, first_line, first)
    values = array("d")  # grows as it is read: 8 bytes a cell, and never a list of strings
    if names is None:
        values.extend(_parse(path, first_line, first, names))
    width = len(first)
    for line, row in lines:
        check_width(path, line, row, width, first_line)
        try:
            # int() and float() read 2024_01 as 202401, which is never what a table means.
            values.extend(map(float, row) if "_" not in "".join(row) else _parse(path, line, row, names))
        except ValueError:
            del values[len(values) - len(values) % width :]  # what this row had already given
            values.extend(_parse(path, line, row, names))
    if not values:
        raise DataError(f"{path} has a header but no rows")
    return np.frombuffer(values, dtype=np.float64).reshape(-1, width), names


def cut(text: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, with the number of the line on which each ends, from 1."""
    spaced = delimiter == " "
    lines = (line.strip() for line in text) if spaced else text
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=spaced)
    return ((reader.line_num, row) for row in reader if row)


def check_width(path: Path, line: int, row: list[str], width: int, first_line: int) -> None:
    """Every row has as many cells as the first."""
    if len(row) != width:
        raise DataError(f"{path}, line {line}: {len(row)} cells where line {first_line} has {width}")


def _parse(path: Path, line: int, row: list[str], names: tuple[str, ...] | None) -> list[float]:
    values = []
    for column, cell in enumerate(row):
        if not is_number(cell):
            name = repr(names[column]) if names else str(column + 1)
            hint = (
                "write decimals with a point"
                if DECIMAL_COMMA.fullmatch(cell)
                else "leave the column out, or give it numbers"
            )
            raise DataError(f"{path}, line {line}, column {name}: {cell!r} is not a number; {hint}")
        values.append(float("nan") if cell.strip().lower() in MISSING else float(cell))
    return values


def is_number(cell: str) -> bool:
    """Whether the cell is a number, or missing."""
    if cell.strip().lower() in MISSING:
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def names_in(path: Path, line: int, header: list[str]) -> tuple[str, ...]:
    """The names in a header; a blank one is "column 3", say."""
    names = [cell.strip() or f"column {number}" for number, cell in enumerate(header, 1)]
    if twice := repeated(names):
        raise DataError(f"{path}, line {line}: several columns are named {', '.join(map(repr, twice))}")
    return tuple(names)


def repeated(names: Sequence[str]) -> list[str]:
    """Names that stand for more than one column."""
    return sorted(name for name, count in Counter(names).items() if count > 1)


def delimiter_of(path: Path, text: io.TextIOWrapper) -> str:
    """The one that cuts the most of the first lines alike, into the most numbers.

    Words are full of spaces: these count only where no other cuts anything, and most of what they part is
    numbers.
    """
    if ".tsv" in (suffix.lower() for suffix in path.suffixes):
        return "\t"
    sample = list(islice(text, 20))
    text.seek(0)

    def score(delimiter: str) -> tuple[float, float, int]:
        try:
            rows = [row for _, row in cut(sample, delimiter)]
        except csv.Error:  # a wide line, not cut, is longer than a field may be
            return 0.0, 0.0, 0
        widths = [len(row) for row in rows]
        width = max(set(widths), key=widths.count, default=0)
        if width < 2:
            return 0.0, 0.0, 0
        cells = [cell for row in rows[1:] or rows for cell in row]
        # A decimal comma counts as a number, or "1,5;2,5" would be cut at its commas.
        numbers = sum(is_number(cell) or bool(DECIMAL_COMMA.fullmatch(cell)) for cell in cells)
        return widths.count(width) / len(widths), numbers / len(cells), width

    best = max(DELIMITERS, key=score)
    if score(best)[2]:
        return best
    alike, numbers, _ = score(" ")
    return " " if alike > 0.5 and numbers > 0.5 else ","
