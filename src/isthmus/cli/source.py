"""What a person named on the command line, as arrays: rows, labels, and a part held out for judging."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import data
from ..data.blocks import Blocks
from ..data.entries import CATALOGUE
from ..data.hdf5 import ENDINGS
from ..estimators import Embedder
from .holding import few, hold_out, picked, stretches
from .misuse import Misuse, hint
from .tables import digest_of, read_table

KEYED = (".npz", *ENDINGS)  # files that hold several arrays
WHOLE = re.compile(r"-?[0-9]+")


class Part(NamedTuple):
    """Rows, a label for each or none, and where they stood in the file where they are some of its rows."""

    x: Any  # an array, blocks of one, or a frame where columns are of several kinds
    labels: np.ndarray | None
    places: np.ndarray | None = None

    @property
    def size(self) -> str:
        """What a row is, in words, and how many values are missing."""
        shape, missing = self.x.shape[1:], self.missing
        size = f"{shape[0]} columns" if len(shape) == 1 else f"{' x '.join(map(str, shape))} values"
        return size + (f", {missing} of {math.prod(self.x.shape)} values missing" if missing else "")

    @property
    def missing(self) -> int:
        if hasattr(self.x, "isna"):
            return int(self.x.isna().sum().sum())
        if self.x.dtype.kind != "f":
            return 0
        return sum(int(np.isnan(some).sum()) for some in stretches(self.x))

    def take(self, index: np.ndarray) -> Part:
        return Part(picked(self.x, index), None if self.labels is None else self.labels[index], index)


class Source(NamedTuple):
    """All rows of a file, or both parts of a named data set."""

    name: str
    all: Part  # the training part where the data set has a test part of its own
    test: Part | None
    columns: tuple[str, ...] | None
    shape: tuple[int, ...] | None  # of a picture, where it is known
    notes: tuple[str, ...] = ()  # what was found out of the file

    @property
    def pixels(self) -> bool:
        """Whether all values share a unit."""
        return self.shape is not None or self.all.x.ndim > 2

    def pictures(self) -> Source:
        """Rows in the shape that is known of them."""
        assert self.shape is not None
        shape = self.shape
        both = (None if p is None else Part(p.x.reshape(-1, *shape), p.labels) for p in (self.all, self.test))
        train, test = both
        assert train is not None
        return self._replace(all=train, test=test, columns=None)

    def rows(self) -> Source:
        """Pictures laid out flat, their shape kept in mind."""
        shape = self.all.x.shape[1:]
        test = (
            None if self.test is None else Part(self.test.x.reshape(len(self.test.x), -1), self.test.labels)
        )
        flat = Part(self.all.x.reshape(len(self.all.x), -1), self.all.labels)
        return self._replace(all=flat, test=test, shape=self.shape or shape)

    def parts(
        self, share: float, seed: int, by_label: bool = False, rule: str = "random"
    ) -> tuple[Part, Part | None, str]:
        """Rows to fit, rows to judge by, and in words which those are; `rule` is that of `--split`."""
        if self.test is not None and rule != "random":
            raise Misuse(f"{self.name} has a test part of its own; --split is for files")
        if self.test is not None:
            return self.all, self.test, f"{len(self.test.x)} rows of its own test part are for judging"
        if not 0 <= share < 1:
            raise Misuse(
                f"--test is the share of rows held out for judging, from 0 to below 1; not {share:g}"
            )
        if share == 0 or len(self.all.x) == 1:
            return self.all, None, "none are held out for judging"
        split = hold_out(self, share, seed, rule, by_label)
        rest = few(self.all.take(split.held_out), seed)
        words = f"{len(split.held_out)} of them are held out for judging"
        words += "" if rule == "random" else f" ({rule})"
        words += f", by {len(rest.x)} drawn at random" if len(rest.x) < len(split.held_out) else ""
        return self.all.take(split.train), rest, words

    def fingerprint(self) -> str:
        """SHA-256 of shapes, types and values."""
        digest = hashlib.sha256()
        for part in (self.all, self.test):
            for array in (part.x, part.labels) if part is not None else ():
                if hasattr(array, "iloc"):
                    digest.update(digest_of(array))
                elif array is not None and array.dtype.hasobject:  # labels of which some are None
                    digest.update(repr(array.tolist()).encode())
                elif array is not None:
                    digest.update(f"{array.dtype}{array.shape}".encode())
                    for part_of_it in stretches(array):
                        digest.update(np.ascontiguousarray(part_of_it).data)
        return digest.hexdigest()


def source(
    text: str,
    labels: str | None = None,
    size: int | None = None,
    kinds: Mapping[str, str] | None = None,
    framed: bool = False,
    several: bool = False,
    once: str | None = None,
) -> Source:
    """Read what X names: a data set of the catalogue, or a file.

    A file of numbers is an array. One of words and numbers is a frame, and so is any for which `kinds` of
    columns are given or that is to be `framed`. `labels` may name one of its columns; where rows are to have
    `several`, it is no label itself. Without, they are the column that had them `once`, if there is one.

    Raises:
        Misuse: where there is no such file or data set.
        DataError: where its contents cannot be used.
    """
    if text in CATALOGUE:
        named = data.load(text)
        train, test = (Part(part.x, part.y) for part in (named.train, named.test))
        if labels is not None:
            raise Misuse(f"{text} has labels of its own; --labels is for files")
        return Source(text, train, test, named.columns, named.shape)
    head, _, key = text.rpartition(":")
    path = Path(head if key and Path(head).suffix.lower() in KEYED else text).expanduser()
    if not path.exists():
        if not path.suffix and path.parent == Path():
            raise Misuse(
                f"there is no data set and no file {text!r}{hint(text, CATALOGUE)} "
                "`isthmus datasets` lists the names"
            )
        raise Misuse(f"there is no file {path}")
    framed = framed or bool(kinds)
    table = read_table(text, framed, size)
    if labels is None and once in (table.columns or ()):
        labels = once
    if labels is None:
        beside = table.labels
    elif labels in (table.columns or ()):
        table, beside = table.without(labels)
    elif several and not Path(labels).expanduser().exists():
        raise Misuse(
            f"{table.name} has no column {labels!r}, and there is no file of that name"
            f"{hint(labels, table.columns or ())}"
        )
    else:
        beside = read_labels(labels, len(table.values))
    table = table.settled(framed)
    if not hasattr(table.values, "iloc"):
        data.check_matrix(table.values, table.columns)
    return Source(table.name, Part(table.values, beside), None, table.columns, None, table.notes)


def read_labels(text: str, rows: int) -> np.ndarray:
    """One label a row: from a file with one column, or `text` itself for every row.

    Raises:
        Misuse: where there is no such file.
        DataError: where it does not hold one label for each row.
    """
    path = Path(text).expanduser()
    if not path.exists():
        if path.suffix in (".npy", ".csv", ".tsv", ".txt", ".npz"):
            raise Misuse(f"there is no file {path}")
        return np.full(rows, int(text) if WHOLE.fullmatch(text) else text)
    try:
        values = np.load(path, allow_pickle=False) if path.suffix == ".npy" else _column(path, rows)
    except (ValueError, EOFError) as error:
        raise data.DataError(f"{path} does not hold labels: {error}") from error
    if values.size != rows or values.ndim > 2:
        raise data.DataError(f"{path} holds labels of shape {values.shape}; there are {rows} rows")
    return values.reshape(-1)


def _column(path: Path, rows: int) -> np.ndarray:
    """Lines of text as whole numbers where all are, else as words; a header is one line more than rows."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    body = lines[1:] if len(lines) == rows + 1 else lines
    return np.array([int(line) for line in body] if all(map(WHOLE.fullmatch, body)) else body)


def aligned(
    embedder: Embedder, given: Source, part: Part, wanted: tuple[str, ...] | None, run: Path
) -> tuple[Any, str]:
    """Rows as the model knows them: columns found by name, pictures in their shape; and what was done.

    Raises:
        DataError: for rows of another width or with other columns, naming the first.
    """
    if embedder.schema_ is not None:
        return part.x, ""  # which finds columns by itself, and says what it misses
    x, remark = data.read(part.x).values if hasattr(part.x, "columns") else part.x, ""
    if wanted is not None and given.columns is not None:
        place = {name: index for index, name in enumerate(given.columns)}
        for name in wanted:
            if name not in place:
                near = hint(name, [each for each in given.columns if each not in wanted])
                raise data.DataError(f"{run} needs a column {name!r}, which {given.name} does not have{near}")
        asked = set(wanted)
        for name in given.columns:
            if name not in asked:
                raise data.DataError(
                    f"{run} was fitted without a column {name!r}; leave it out of {given.name}"
                )
        if wanted != given.columns and isinstance(x, Blocks):
            raise data.DataError(
                f"the columns of {given.name} stand in another order than in training; a file larger than "
                f"memory has to have them as {run} had: {', '.join(wanted[:5])}, …"
            )
        if wanted != given.columns:
            x = x[:, [place[name] for name in wanted]]
            remark = f"the columns of {given.name} stand in another order than in training: taken by name"
    shape = embedder.preparation_.shape[1:] if embedder.preparation_.grey else embedder.preparation_.shape
    width = math.prod(x.shape[1:])
    if width != math.prod(shape):
        raise data.DataError(
            f"{given.name} has {width} columns; {run} was fitted to rows of {math.prod(shape)}"
        )
    return x.reshape(len(x), *shape), remark
