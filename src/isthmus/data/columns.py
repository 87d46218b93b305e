"""What a column of a table is, and what is remembered of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .dates import pattern_of, step_of
from .errors import DataError
from .exchange import READERS, WRITERS
from .guessing import FEW, MOST, guess, numbers_in, pair_in
from .series import Scalar, is_category, is_text, plain, scalar, there

if TYPE_CHECKING:
    import pandas

KINDS = {
    "number": "learned as a real number",
    "whole number": "learned as a number, given back without decimals",
    "boolean": "learned as one of two",
    "category": "learned as one of several classes",
    "date": "learned as a point in time",
    "constant": "not learned from: given back as it is",
    "empty": "not learned from: given back empty",
    "identifier": "not learned from: handed through",
    "text": "not learned from: handed through",
}
LEARNED = ("number", "whole number", "date", "boolean", "category")
ALSO = {  # other words for these
    **{"int": "whole number", "integer": "whole number", "whole": "whole number"},
    **{
        "float": "number",
        "real": "number",
        "bool": "boolean",
        "categorical": "category",
        "class": "category",
    },
    **{"id": "identifier", "datetime": "date", "time": "date", "ignore": "identifier"},
}


@dataclass(frozen=True)
class Column:
    """One column of training rows: what it was taken for, why, and what must hold of every value given back.

    `dtype` is pandas' name of its type. `values` are the classes, the two values of a boolean (the false one
    first), or the constant. Numbers have `decimals` at most, and lie between `low` and `high` where these are
    given; dates are whole multiples of `step` seconds, written by `pattern` where they came as text.
    `absent` are words that stood for a missing number.
    """

    name: str | int
    kind: str
    why: str
    dtype: str
    values: tuple[Scalar, ...] = ()
    decimals: int | None = None
    low: float | None = None
    high: float | None = None
    step: float = 0.0
    pattern: str = ""
    absent: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Elements of a row that it takes: one for each class of a category, none where it is not learned."""
        return len(self.values) if self.kind == "category" else int(self.kind in LEARNED)

    def read(self, series: pandas.Series) -> np.ndarray:
        """Cells as float64 (n,): the number, 0 or 1, seconds since 1970, the place among the classes.

        NaN is a missing cell, and a class that was not there in training.

        Raises:
            DataError: for a cell that is nothing of the kind, with row (counted from 0) and column.
        """
        return READERS[self.kind](series, self)

    def present(self, series: pandas.Series) -> np.ndarray:
        """Where a cell holds something (n,), known from training or not."""
        return there(series) if self.kind == "category" else ~np.isnan(self.read(series))

    def restore(self, values: np.ndarray) -> Any:
        """The inverse of `read` for numbers (n,), exact or not: the nearest values that are valid."""
        return WRITERS[self.kind](values, self)


def infer(series: pandas.Series, name: str | int, kind: str | None = None) -> Column:
    """Look at a column of training rows, and say what it is; or take it for the `kind` that was asked for.

    Raises:
        DataError: where it cannot be what was asked for, naming the first cell that is not.
    """
    cells = series[there(series)]
    if not len(cells):
        kind, why = "empty", "no cell holds anything"
    elif kind is not None:
        why = "as asked"
    elif (cells if cells.dtype != object else plain(cells)).nunique() == 1:
        kind, why = "constant", f"all cells hold {scalar(cells.iloc[0])!r}"
    else:
        kind, why = guess(cells, str(name))
    column = Column(name, kind, why, _dtype(series, kind))
    return BUILDERS[kind](series, column)


def _build_number(series: pandas.Series, column: Column) -> Column:
    if is_text(series):
        numbers, absent = numbers_in(plain(series[there(series)]))
        column = replace(column, absent=absent if numbers is not None else ())
    values = column.read(series)
    values = values[~np.isnan(values)]
    if not len(values):
        return replace(column, kind="empty", why="no cell holds a number")
    if column.kind == "whole number" and not (values == np.floor(values)).all():
        raise DataError(
            f"column {column.name!r} is no column of whole numbers: it holds "
            f"{values[values != np.floor(values)][0]:g}"
        )
    scale = column.kind == "whole number" and len(np.unique(values)) <= FEW
    low = float(values.min()) if scale else 0.0 if values.min() >= 0 else None
    high = float(values.max()) if scale else None
    single = series.dtype == np.float32
    decimals = (
        0 if column.kind == "whole number" else _decimals(values.astype(np.float32 if single else float))
    )
    return replace(column, decimals=decimals, low=low, high=high)


def _build_boolean(series: pandas.Series, column: Column) -> Column:
    words = plain(series[there(series)])
    pair: tuple[Scalar, ...] | None = pair_in(words)
    if pair is None:
        found = sorted(set(words), key=lambda v: (str(type(v)), v))
        if len(found) != 2:
            raise DataError(
                f"column {column.name!r} is no boolean: it has {len(found)} different values"
                f"{', such as ' + ', '.join(map(repr, found[:3])) if found else ''}"
            )
        pair = tuple(found)
    return replace(column, values=pair)


def _build_category(series: pandas.Series, column: Column) -> Column:
    counts = Counter(plain(series[there(series)]))
    if len(counts) == 1:
        return _build_constant(series, replace(column, kind="constant"))
    kept = [value for value, _ in counts.most_common(MOST)]
    if is_category(series):
        order = {scalar(value): place for place, value in enumerate(series.cat.categories)}
        return replace(column, values=tuple(sorted(kept, key=order.__getitem__)))
    numeric = all(isinstance(value, int | float) for value in kept)
    return replace(column, values=tuple(sorted(kept, key=None if numeric else str)))


def _build_date(series: pandas.Series, column: Column) -> Column:
    cells = series[there(series)]
    if is_text(series):
        pattern = pattern_of(cells.astype(object))
        if pattern is None:
            raise DataError(
                f"column {column.name!r} is no column of dates: {cells.iloc[0]!r} and the others are not all "
                "written in one of the forms that are known, such as 2024-01-31 or 31.01.2024"
            )
        column = replace(column, pattern=pattern)
    moments = column.read(series)
    moments = moments[~np.isnan(moments)]
    return replace(column, step=step_of(moments))


def _build_constant(series: pandas.Series, column: Column) -> Column:
    return replace(column, values=(scalar(series[there(series)].iloc[0]),))


def _as_it_is(series: pandas.Series, column: Column) -> Column:
    return column


BUILDERS: dict[str, Callable[[Any, Column], Column]] = {
    "number": _build_number,
    "whole number": _build_number,
    "boolean": _build_boolean,
    "category": _build_category,
    "date": _build_date,
    "constant": _build_constant,
    "empty": _as_it_is,
    "identifier": _as_it_is,
    "text": _as_it_is,
}


def _dtype(series: pandas.Series, kind: str) -> str:
    """As pandas names it; what a file could not say better is made plain."""
    if is_category(series):
        return "ordered" if series.cat.ordered else "category"
    if kind in ("number", "whole number") and is_text(series):
        return "Int64" if kind == "whole number" else "float64"
    if kind == "whole number" and series.dtype.kind == "f" and series.isna().any():
        return "Int64"  # floats because of what was missing
    return str(series.dtype)


def _decimals(values: np.ndarray) -> int | None:
    """How many decimals every one of these has at most, up to 8."""
    return next((d for d in range(9) if (np.round(values, d) == values).all()), None)
