"""Preparation of rows larger than memory: looked at in one pass or two, scaled by the batch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import torch

from .blocks import Blocks, Form
from .errors import DataError
from .preparation import Family, Preparation, prepare
from .rows import MappedRows
from .sources import check_matrix

SHARE = 32  # part of the allowance, what is looked at to choose scaling and likelihood


def prepare_blocks(
    x: Blocks, likelihood: Family | str = "auto", scaling: str = "auto", *, counts: bool = False
) -> tuple[Preparation, Family | None]:
    """As `prepare`, of rows that are read a block at a time.

    What kind of values there are is decided by some of the rows, with those among them that could decide
    otherwise: of every column where it is least and greatest, and the first that are not whole or not 0 or 1.
    Shift and scale are those of all rows.
    """
    moments, telling = _look(x)
    missing = 1 - moments.number.sum() / (moments.number.size * len(x))
    drawn = x.order(0, 0)[: max(1000, x.allowance // SHARE // max(1, x.nbytes // len(x)))]
    some = np.unique(np.concatenate([telling, drawn]))
    with numbered(lambda row: int(some[row])):
        seen = x[some] if x.dtype.kind == "f" else x[some].astype(np.float64)
        chosen, family = prepare(seen, likelihood, scaling, counts=counts)
    if np.any(chosen.log):
        log = np.asarray(chosen.log).reshape(-1)
        moments = _merged(_moments(np.log1p(f, out=f.copy(), where=log)) for _, f in _stretches(x))
    if len(chosen.scale) == 1:
        moments = _pooled(moments)
    shift, scale = np.array(chosen.shift), np.array(chosen.scale)
    # What is 0 or 1 there was not fitted: it has a known range, never varies, or is never present.
    shift, scale = np.where(shift != 0, moments.mean, 0.0), np.where(scale != 1, moments.spread, 1.0)
    notes = tuple(re.sub(r"^[\d.]+% of the values", f"{missing:.1%} of the values", n) for n in chosen.notes)
    exact = replace(chosen, shift=tuple(shift.tolist()), scale=tuple(scale.tolist()), notes=notes)
    return exact, family


class Prepared(Form):
    """Rows as `Preparation.rows` has them: input, and beside it target where the two may differ."""

    def __init__(self, preparation: Preparation):
        self.preparation = preparation
        axis, *rest = preparation.shape
        self.shape = (axis * (1 + preparation.twofold), *rest)
        self.dtype = torch.empty(0).numpy().dtype

    def make(self, rows: np.ndarray, first: int) -> np.ndarray:
        input, target, whole = self.preparation.scaled(rows, first)
        self.gaps = self.gaps or not whole
        if not self.preparation.twofold:
            return input.numpy()
        return np.concatenate([input, input if target is None else target], 1)


def mapped_rows(preparation: Preparation, x: Blocks, **context: Any) -> MappedRows:
    """As `Preparation.rows`, a block at a time, once whenever it is read."""
    return MappedRows(x.formed(Prepared(preparation)), twofold=preparation.twofold, **context)


@contextmanager
def numbered(number: Callable[[int], int]) -> Iterator[None]:
    """Complaints about a row of a part name it by its number among all."""
    try:
        yield
    except DataError as error:
        raise DataError(
            re.sub(r"\brow (\d+)\b", lambda found: f"row {number(int(found[1]))}", str(error))
        ) from error


class Moments(NamedTuple):
    """Of each element of an event: how many values are there, their mean and their standard deviation."""

    number: np.ndarray
    mean: np.ndarray
    spread: np.ndarray

    def and_of(self, other: Moments) -> Moments:
        """Of both together (Chan, Golub & LeVeque 1979), without the squares that would overflow."""
        number = self.number + other.number
        apart = other.mean - self.mean
        unit = np.maximum(np.maximum(self.spread, other.spread), np.abs(apart))
        unit = np.where(unit > 0, unit, 1.0)
        share = other.number / np.maximum(number, 1)
        square = (
            (1 - share) * (self.spread / unit) ** 2
            + share * (other.spread / unit) ** 2
            + share * (1 - share) * (apart / unit) ** 2
        )
        return Moments(number, self.mean + share * apart, unit * np.sqrt(square))


def _look(x: Blocks) -> tuple[Moments, np.ndarray]:
    """Moments of every column, and the rows that may decide what the values are, in one pass."""
    least, greatest = Extremes(np.less), Extremes(np.greater)
    telling: dict[str, int] = {}

    def stretches() -> Iterator[Moments]:
        for first, flat in _stretches(x):
            if np.isinf(flat).any():
                check_matrix(x)  # names the cell
            present = ~np.isnan(flat)
            least.see(np.where(present, flat, np.inf), first)
            greatest.see(np.where(present, flat, -np.inf), first)
            odd = {
                "missing": ~present,
                "fraction": present & (flat != np.floor(flat)),
                "number": present & (flat != 0) & (flat != 1),
            }
            for name, cells in odd.items():
                if name not in telling and cells.any():
                    telling[name] = first + int(cells.any(1).argmax())
            yield _moments(flat)

    moments = _merged(stretches())
    return moments, np.array([*least.rows, *greatest.rows, *telling.values()], np.int64)


class Extremes:
    """Of every column the value that `beats` all others, and its row."""

    def __init__(self, beats: np.ufunc):
        self.beats = beats
        self.values: np.ndarray | None = None
        self.rows: np.ndarray

    def see(self, x: np.ndarray, first: int) -> None:
        """Look at (b, d), whose first row has that number."""
        at = (x.argmin if self.beats is np.less else x.argmax)(0)
        values, rows = x[at, np.arange(x.shape[1])], first + at
        if self.values is None:
            self.values, self.rows = values, rows
            return
        better = self.beats(values, self.values)
        self.values, self.rows = np.where(better, values, self.values), np.where(better, rows, self.rows)


def _stretches(x: Blocks) -> Iterator[tuple[int, np.ndarray]]:
    """All rows, laid out flat and in float64, a block at a time, with the number of the first."""
    if not len(x):
        raise DataError(f"the data has no rows: shape {x.shape}")
    for first, block in x.spans():
        yield first, block.reshape(len(block), -1).astype(np.float64)


def _moments(x: np.ndarray) -> Moments:
    """Of the columns of (b, d), NaN aside."""
    present = ~np.isnan(x)
    whole = present.all()
    count = present.sum(0)
    unit = (np.abs(x) if whole else np.where(present, np.abs(x), 0)).max(0)
    unit = np.where(unit > 0, unit, 1.0)  # so that squares neither overflow nor vanish
    x = x / unit if whole else np.where(present, x / unit, 0)
    mean = x.sum(0) / np.maximum(count, 1)
    x = x - mean if whole else np.where(present, x - mean, 0)
    return Moments(count, unit * mean, unit * np.sqrt((x**2).sum(0) / np.maximum(count, 1)))


def _merged(parts: Iterable[Moments]) -> Moments:
    return reduce(Moments.and_of, parts)


def _pooled(moments: Moments) -> Moments:
    """Of all columns together."""
    return _merged(Moments(*each) for each in zip(*(part[:, None] for part in moments)))
