"""Tables of several kinds of columns: read from files, seen as numbers where a figure needs them, written."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import data
from ..data.blocks import Blocks, blocks
from ..data.frames import FRAMES, ending
from ..data.guessing import without_words
from ..data.identifiers import counted, identifiers
from ..data.schema import Schema
from ..estimators import Embedder
from ..estimators.door import table_of
from .misuse import Misuse
from .output import say


class Read(NamedTuple):
    """What a file holds: an array or a frame, the names of its columns, labels beside it, and remarks."""

    values: Any
    columns: tuple[str, ...] | None
    labels: np.ndarray | None
    name: str
    notes: tuple[str, ...] = ()

    def without(self, column: str) -> tuple[Read, np.ndarray]:
        """The table without one of its columns, and the column, whose cells are labels."""
        assert self.columns is not None
        place = self.columns.index(column)
        rest = self.columns[:place] + self.columns[place + 1 :]
        if not rest:
            raise data.DataError(
                f"{self.name} has no column but {column!r}: labels alone are nothing to learn"
            )
        if hasattr(self.values, "columns"):
            cells = self.values[column]
            labels = np.array([None if gone else cell for cell, gone in zip(cells, cells.isna())], object)
            return self._replace(values=self.values.drop(columns=column), columns=rest), _labels(labels)
        if isinstance(self.values, Blocks):
            raise data.DataError(f"{self.name} is larger than memory: labels come from a file of their own")
        labels = self.values[:, place]
        whole = np.isfinite(labels).all() and (labels == np.floor(labels)).all()
        kept = np.delete(self.values, place, 1)
        return self._replace(values=kept, columns=rest), labels.astype(int) if whole else labels

    def settled(self, framed: bool) -> Read:
        """As an array, where all columns turn out to be numbers and it need not be `framed`."""
        if framed or not hasattr(self.values, "columns") or table_of(self.values) is not None:
            return self
        return self._replace(values=np.asarray(data.read(self.values).values))


def read_table(text: str, framed: bool, size: int | None = None) -> Read:
    """A file of numbers as an array; of anything else, or where it is to be `framed`, as a frame.

    Of numbers one column may identify rows, such as an id or an index: that makes it a table of several kinds
    of columns, which is a frame.

    Raises:
        DataError: where its contents cannot be used.
    """
    path = Path(text)
    if ending(path) not in FRAMES:
        return _numbers(text, size)
    if not framed:
        complaint = None
        try:
            found = _numbers(text, size)
        except data.DataError as error:
            complaint = error
        else:
            ids = _identifiers(found)
            if not ids:
                return found
            if isinstance(found.values, Blocks):
                return _told(found, ids, "leave it out of a file larger than memory")
        try:
            import pandas  # noqa: F401
            import pyarrow  # noqa: F401
        except ImportError:
            if complaint is None:
                return _told(found, ids, "leave it out, or pip install 'isthmus[tables]'")
            hint = "tables of words and numbers need more: pip install 'isthmus[tables]'"
            raise data.DataError(f"{complaint} ({hint})") from complaint
    frame = data.read_frame(path.expanduser())
    notes = frame.attrs.get("notes", [])
    frame, remarks = without_words(frame)
    notes = (*notes, *remarks)
    name = path.name[: len(path.name.lower().removesuffix(".gz"))].rpartition(".")[0]
    return Read(frame, tuple(map(str, frame.columns)), None, name, notes)


def _numbers(text: str, size: int | None) -> Read:
    table = data.read(text, size=size)
    values: Any = blocks(table.values)
    if not isinstance(values, Blocks):
        values = values.toarray() if hasattr(values, "toarray") else np.asarray(values)
    return Read(values, table.columns, table.labels, table.name)


def _identifiers(found: Read) -> dict[str, str]:
    """Columns of numbers that identify rows, and why; of what is larger than memory by its first rows."""
    values = (
        next(part for _, part in found.values.spans()) if isinstance(found.values, Blocks) else found.values
    )
    if values.ndim != 2:
        return {}
    if found.columns is not None:
        return identifiers(zip(found.columns, values.T))
    why = counted(values[:, 0])
    return {"column 1": why} if why else {}


def _told(found: Read, ids: Mapping[str, str], remedy: str) -> Read:
    """The table as it is, and a note on each column that identifies rows and is learned from all the same."""
    notes = [
        f"column {name!r} looks like an identifier ({why}), and is learned from: {remedy}"
        for name, why in ids.items()
    ]
    return found._replace(notes=(*found.notes, *notes))


def _labels(cells: np.ndarray) -> np.ndarray:
    """Labels of one type as an array of it."""
    if all(isinstance(cell, str) for cell in cells):
        return cells.astype(str)
    return np.array(cells.tolist()) if all(isinstance(cell, int | float) for cell in cells) else cells


def kinds_of(assignments: list[str] | None) -> dict[str, str]:
    """["zip=category"] -> {"zip": "category"}.

    Raises:
        Misuse: for what is no assignment.
    """
    found = {}
    for text in assignments or ():
        name, sign, kind = text.rpartition("=")
        if not sign or not name.strip() or not kind.strip():
            raise Misuse(f"--column takes NAME=KIND, as in --column zip=category; got {text!r}")
        found[name.strip()] = kind.strip()
    return found


def digest_of(frame: Any) -> bytes:
    """What tells this frame from another: names, types and cells."""
    from pandas.util import hash_pandas_object

    head = repr([(str(name), str(kind)) for name, kind in frame.dtypes.items()])
    return head.encode() + hash_pandas_object(frame, index=False).to_numpy().tobytes()


def check(train: Any, test: Any, kinds: Mapping[str, str]) -> None:
    """Refuse, before any training, what training rows say of columns and other rows contradict."""
    if hasattr(train, "iloc"):
        schema = Schema.infer(train, kinds)
        if test is not None:
            schema.encode(test)


def numeric(embedder: Embedder, *parts: Any) -> tuple[Any, ...]:
    """The model and these parts, of a mixed table, as numbers: what is judged and drawn."""
    schema = embedder.schema_
    if schema is None:
        return embedder, *parts
    with quietly():
        seen = [None if part is None else part._replace(x=schema.encode(part.x)) for part in parts]
    return embedder.on_numbers(), *seen


def settled(kinds: Mapping[str, str], train: Any, test: Any) -> tuple[Any, Any]:
    """Parts of a frame as arrays, where rows to learn from are but numbers: too few to tell an identifier."""
    if not hasattr(train.x, "columns") or table_of(train.x, kinds) is not None:
        return train, test
    return tuple(p and p._replace(x=np.asarray(data.read(p.x).values)) for p in (train, test))


def names_of(embedder: Embedder, columns: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Of the columns of rows as numbers."""
    return columns if embedder.schema_ is None else tuple(embedder.schema_.names)


@contextmanager
def quietly() -> Iterator[None]:
    """Without warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


@contextmanager
def remarking(quiet: bool) -> Iterator[None]:
    """What is warned of is said, once, as a remark."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    if not quiet:
        say(*dict.fromkeys(str(warning.message) for warning in caught))
