"""Tables of any cells as pandas frames: typed and named as they came, with nothing dropped or converted."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .csvs import TEXTS, repeated
from .errors import DataError, needs
from .texts import open_text

if TYPE_CHECKING:
    import pandas
    import pyarrow

FRAMES = (*TEXTS, ".parquet", ".feather", ".arrow", ".jsonl", ".ndjson", ".json")
EXAMPLE = '{"a": 1, "b": "oak"}'


def read_frame(source: Any, *, rows: int | None = None) -> pandas.DataFrame:
    """A frame of whatever holds a table of cells, or of its first `rows`.

    - The path of a CSV or TSV file (`read_cells` says how cells are understood), of Parquet, Arrow, Feather,
      or JSON lines (one object a line, or one array of objects); text also with .gz.
    - A frame of pandas, which is given back as it is; of polars or pyarrow, or what speaks Arrow's interface.

    Whole numbers are int64, or Int64 where some are missing; text is str; dates, booleans and categories are
    what the file says they are, and in text they are text. `frame.attrs["notes"]`, a list, says in words what
    was found out of a file: encoding, delimiter, header, decimal comma.

    Raises:
        DataError: for what holds no table, with file, line and column; where pandas or pyarrow are not there.
    """
    with needs("tables", "reading tables"):
        import pandas
        import pyarrow
    if isinstance(source, str | os.PathLike):
        table, notes = _file(Path(source).expanduser(), rows)
    elif isinstance(source, pandas.DataFrame):
        return source if rows is None else source.head(rows)
    else:
        notes = []
        source = source.collect() if hasattr(source, "collect") else source  # a lazy frame
        if isinstance(source, pyarrow.RecordBatch):
            source = pyarrow.Table.from_batches([source])
        if hasattr(source, "to_pandas") and not hasattr(source, "__arrow_c_stream__"):  # of Hugging Face, say
            return read_frame(source.to_pandas(), rows=rows)
        if not hasattr(source, "__arrow_c_stream__"):
            raise DataError(
                f"a {type(source).__name__} holds no table of cells; what works is a frame of pandas, polars "
                f"or pyarrow, or a file that ends in {', '.join(FRAMES)}"
            )
        table = pyarrow.table(source)
    frame = _frame(table if rows is None else table.slice(0, rows), _name(source))
    frame.attrs["notes"] = notes
    return frame


def ending(path: Path) -> str:
    """The ending that says what a file holds, in small letters, .gz aside."""
    name = path.name.lower()
    return Path(name.removesuffix(".gz")).suffix


def _name(source: Any) -> str:
    return os.fspath(source) if isinstance(source, str | os.PathLike) else f"the {type(source).__name__}"


def _file(path: Path, rows: int | None) -> tuple[pyarrow.Table, list[str]]:
    if not path.is_file():
        raise DataError(f"there is no file {path}")
    kind = ending(path)
    if kind in TEXTS:
        from .cells import read_cells

        return read_cells(path, rows)
    if kind in (".jsonl", ".ndjson", ".json"):
        return _objects(path, rows), []
    if kind in (".parquet", ".feather", ".arrow"):
        return _arrow(path, kind, rows), []
    raise DataError(f"{path} has no ending of a table; there are {', '.join(FRAMES)}")


def _arrow(path: Path, kind: str, rows: int | None) -> pyarrow.Table:
    import pyarrow
    from pyarrow import feather, parquet

    try:
        if kind == ".parquet":
            file = parquet.ParquetFile(path)
            if rows is None:
                return file.read()
            batches = itertools.islice(file.iter_batches(max(1, min(rows, 65_536))), -(-rows // 65_536))
            return pyarrow.Table.from_batches(batches, file.schema_arrow).slice(0, rows)
        try:
            return feather.read_table(path)
        except pyarrow.ArrowInvalid:
            with pyarrow.memory_map(os.fspath(path)) as file, pyarrow.ipc.open_stream(file) as stream:
                return stream.read_all()
    except (pyarrow.ArrowException, OSError) as error:
        why = " ".join(str(error).split())
        raise DataError(f"{path} is damaged or not what its name says: {why}") from error


def _frame(table: pyarrow.Table, name: str) -> pandas.DataFrame:
    import pandas
    import pyarrow
    from pyarrow import types

    if twice := repeated(table.column_names):
        raise DataError(f"{name}: several columns are named {', '.join(map(repr, twice))}")
    if not table.column_names:
        raise DataError(f"{name} has no columns")
    if not table.num_rows:
        raise DataError(f"{name} has columns but no rows")
    nullable = {
        getattr(pyarrow, each.lower())(): getattr(pandas, f"{each}Dtype")()
        for each in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
    } | {pyarrow.bool_(): pandas.BooleanDtype()}
    columns = {}
    for field, column in zip(table.schema, table.columns):
        if types.is_nested(field.type) or types.is_union(field.type):
            raise DataError(
                f"{name}, column {field.name!r} holds {field.type}, several values in a cell; a table has "
                "one: give each a column of its own"
            )
        if types.is_decimal(field.type):
            column = column.cast(pyarrow.float64())
        columns[field.name] = column.to_pandas(
            types_mapper=nullable.get if column.null_count else None, date_as_object=False
        )
    return pandas.DataFrame(columns)


def _objects(path: Path, rows: int | None) -> pyarrow.Table:
    """JSON lines, or an array of objects; a column for every key, in the order in which they appear."""
    import pyarrow

    records = list(itertools.islice(_records(path), rows))
    if not records:
        raise DataError(f"{path} is empty")
    names = list(dict.fromkeys(itertools.chain.from_iterable(records)))
    columns = []
    for name in names:
        cells = [record.get(name) for record in records]
        try:
            columns.append(pyarrow.array(cells, from_pandas=False))
        except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, OverflowError):  # of several kinds: as text
            columns.append(pyarrow.array([None if c is None else str(c) for c in cells], pyarrow.string()))
    return pyarrow.table(columns, names=names)


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with open_text(path) as (text, _):
        start = text.read(1)
        while start.isspace():
            start = text.read(1)
        text.seek(0)
        if start == "[":
            for number, record in enumerate(_parsed(path, "", text.read()), 1):
                yield _flat(path, f"object {number}", record)
            return
        for line, content in enumerate(text, 1):
            if content.strip():
                yield _flat(path, f"line {line}", _parsed(path, f", line {line}", content))


def _parsed(path: Path, place: str, content: str) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path}{place} is no JSON ({error}); a line holds one object, such as {EXAMPLE}"
        ) from error


def _flat(path: Path, place: str, record: Any) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise DataError(
            f"{path}, {place} holds a {type(record).__name__}; a row is an object, such as {EXAMPLE}"
        )
    for name, value in record.items():
        if isinstance(value, dict | list):
            raise DataError(
                f"{path}, {place}: {name!r} holds {'an object' if isinstance(value, dict) else 'an array'}, "
                "and a table has one value in a cell: give each part a key of its own"
            )
    return record
