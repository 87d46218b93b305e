"""Parquet files of numbers, one or a folder of parts: read by row groups, whole only where they are small."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import blocks
from .blocks import Blocks, Mapped, Store, give_back, row_bytes
from .errors import DataError, needs

if TYPE_CHECKING:
    import pyarrow


def read_parquet(path: Path) -> tuple[Any, tuple[str, ...]]:
    """The values (n, d) of a file or of all the .parquet files in a folder, and the names of the columns.

    Parts follow one another by name. What is larger than the allowance comes as `Blocks`, a block for every
    row group, or of a temporary file where these are too large to be kept. Missing cells are NaN.

    Raises:
        DataError: for columns that hold no numbers, and parts with other columns.
    """
    with needs("tables", "reading Parquet"):
        import pyarrow.parquet  # noqa: F401
    store = RowGroups(parts(path))
    longest = int(np.diff(store.starts).max())
    if store.shape[0] * row_bytes(store) <= blocks.ALLOWANCE:
        return store.read(0, store.shape[0]), store.columns
    if 2 * longest * row_bytes(store) > blocks.ALLOWANCE:
        return Blocks(Mapped(unpacked(store))), store.columns
    return Blocks(store), store.columns


def unpacked(store: RowGroups) -> np.memmap:
    """All rows in a temporary file, mapped; it is gone when nobody reads it any more.

    For row groups so large that not one can be kept: some of the columns are read at a time.

    Raises:
        DataError: where there is no room for it.
    """
    needed, free = store.shape[0] * row_bytes(store), shutil.disk_usage(tempfile.gettempdir()).free
    if needed > free:
        fits = blocks.ALLOWANCE // (8 * row_bytes(store))
        raise DataError(
            f"{store.paths[0]} has row groups too large to be kept in memory, and to unpack them {needed:,} "
            f"bytes are needed where TMPDIR has {free:,}; write it with smaller ones, as "
            f"pyarrow.parquet.write_table(…, row_group_size={fits}) does"
        )
    with tempfile.TemporaryFile(prefix="isthmus-") as file:
        rows = np.memmap(file, store.dtype, "w+", shape=store.shape)
    for group, (start, stop) in enumerate(pairwise(store.starts)):
        together = max(1, blocks.ALLOWANCE // (4 * (stop - start) * store.dtype.itemsize))
        for first in range(0, len(store.columns), together):
            some = slice(first, first + together)
            values = store.group(group, store.columns[some])
            step = max(1, 16 * blocks.BLOCK // row_bytes(store))
            for top in range(0, len(values), step):
                rows[start + top : start + top + step, some][: len(values) - top] = values[top : top + step]
                give_back(rows)
    return rows


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """What pyarrow complains of is said of the file."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} is damaged or no Parquet file: {' '.join(str(error).split())}") from error


def parts(path: Path) -> list[Path]:
    """The file, or the Parquet files in the folder by name."""
    if not path.is_dir():
        return [path]
    return sorted(each for each in path.iterdir() if each.suffix.lower() == ".parquet")


class RowGroups(Store):
    """The row groups of Parquet files of the same numeric columns."""

    def __init__(self, paths: Sequence[Path]):
        self.paths = list(paths)
        self.metadata = [_metadata(path) for path in self.paths]
        schema = self.metadata[0].schema.to_arrow_schema()
        for path, each in zip(self.paths, self.metadata):
            other = each.schema.to_arrow_schema()
            if not other.equals(schema):
                differs = min((f"{f.name} ({f.type})" for f in {*other} ^ {*schema}), default="their order")
                raise DataError(f"{path} and {self.paths[0].name} differ in a column: {differs}")
        self.columns = tuple(schema.names)
        self.groups = [
            (part, group) for part, each in enumerate(self.metadata) for group in range(each.num_row_groups)
        ]
        rows = [self.metadata[part].row_group(group).num_rows for part, group in self.groups]
        self.starts = np.append(0, np.cumsum(rows, dtype=np.int64))
        self.shape = (int(self.starts[-1]), len(self.columns))
        self.dtype = self._dtype(schema)
        self.opened: tuple[int, Any] = (-1, None)
        self.decoded: tuple[int, np.ndarray] = (-1, np.empty(0))  # of use to who reads in small steps
        if not self.shape[0]:
            raise DataError(f"{self.paths[0]} has columns but no rows")

    def read(self, start: int, stop: int) -> np.ndarray:
        first, last = np.searchsorted(self.starts, [start, stop], side="right") - 1
        if start == self.starts[first] and first + 1 < len(self.starts) and stop == self.starts[first + 1]:
            return self.group(first)  # a whole one, which no other will want again soon
        values = np.empty((stop - start, len(self.columns)), self.dtype)
        for group in range(first, min(last, len(self.groups) - 1) + 1):
            if self.decoded[0] != group:
                self.decoded = (group, self.group(group))
            begin, end = max(start, self.starts[group]), min(stop, self.starts[group + 1])
            own = self.decoded[1][begin - self.starts[group] : end - self.starts[group]]
            values[begin - start : end - start] = own
        return values

    def group(self, number: int, columns: Sequence[str] | None = None) -> np.ndarray:
        """A row group, or some of its columns."""
        from pyarrow import parquet

        part, group = self.groups[number]
        with reading(self.paths[part]):
            if self.opened[0] != part:
                self.opened = (part, parquet.ParquetFile(self.paths[part], metadata=self.metadata[part]))
            table = self.opened[1].read_row_group(group, columns)
        values = np.empty((table.num_rows, table.num_columns), self.dtype)
        for column, cells in enumerate(table.columns):
            values[:, column] = cells.to_numpy()
        return values

    def _dtype(self, schema: pyarrow.Schema) -> np.dtype:
        """The narrowest that holds all columns, and NaN where a cell may be missing."""
        from pyarrow import types

        numeric = (types.is_integer, types.is_floating, types.is_boolean)
        kinds = set()
        for place, field in enumerate(schema):
            if not any(is_kind(field.type) for is_kind in numeric):
                raise DataError(
                    f"{self.paths[0]}, column {field.name!r} holds {field.type}, not numbers; leave it out, "
                    "or give it numbers"
                )
            kinds.add(np.dtype(field.type.to_pandas_dtype()))
            if not types.is_floating(field.type) and self._may_miss(place):
                kinds.add(np.dtype(np.float64))
        return np.result_type(*kinds)

    def _may_miss(self, column: int) -> bool:
        for part, group in self.groups:
            statistics = self.metadata[part].row_group(group).column(column).statistics
            if statistics is None or not statistics.has_null_count or statistics.null_count:
                return True
        return False


def _metadata(path: Path) -> Any:
    from pyarrow import parquet

    with reading(path):
        return parquet.read_metadata(path)
