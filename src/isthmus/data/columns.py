"""What a column of a table is: numbers, words, dates …; its cells as numbers for a net, and back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .csvs import MISSING
from .dates import as_dates, from_seconds, pattern_of, seconds, step_of
from .errors import DataError

if TYPE_CHECKING:
    import pandas

Scalar = str | int | float | bool

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
ALSO = {"int": "whole number", "integer": "whole number", "whole": "whole number", "float": "number"}
ALSO |= {
    "real": "number",
    "bool": "boolean",
    "categorical": "category",
    "class": "category",
    "id": "identifier",
}
ALSO |= {"datetime": "date", "time": "date", "ignore": "identifier"}

MOST = 100  # classes that a category may have; of more, the most frequent are kept
FEW = (
    20  # whole numbers with no more values than this are a scale, and nothing beyond its ends is one of them
)
PAIRS = (
    ("no", "yes"),
    ("n", "y"),
    ("false", "true"),
    ("f", "t"),
    ("off", "on"),
    ("nein", "ja"),
    ("non", "oui"),
)
NAMED_ID = re.compile(r"(^|[\W_])(id|uuid|guid|key|index)$|[a-z](Id|ID)$|^unnamed", re.I)
CODE = re.compile(r"\s*[-+]?0\d")  # 007 is a name


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
    elif (cells if cells.dtype != object else _plain(cells)).nunique() == 1:
        kind, why = "constant", f"all cells hold {_scalar(cells.iloc[0])!r}"
    else:
        kind, why = _guess(cells, str(name))
    column = Column(name, kind, why, _dtype(series, kind))
    return BUILDERS[kind](series, column)


def without_words(frame: pandas.DataFrame) -> tuple[pandas.DataFrame, list[str]]:
    """Columns of numbers but for a few words (unknown, ?) as numbers, missing where these stood; remarks."""
    import pandas

    remarks = []
    for name in frame.columns:
        cells = frame[name]
        if not _is_text(cells) or not there(cells).any():
            continue
        words = _plain(cells[there(cells)])
        numbers, absent = _numbers_in(words)
        if numbers is None or not absent or _pair(words):
            continue
        values = pandas.to_numeric(cells.astype(object).map(_bare), errors="coerce")
        whole = (values.isna() | (values == values.round())).all()
        frame = frame.assign(**{str(name): values.astype("Int64" if whole else np.float64)})
        remarks.append(f"column {str(name)!r}: {', '.join(map(repr, absent))} stands for a missing number")
    return frame, remarks


def there(series: pandas.Series) -> np.ndarray:
    """Where a cell is neither missing nor blank (n,)."""
    present = series.notna().to_numpy(bool)
    if not _is_text(series):
        return present
    words = _plain(series)
    blank = [word for word in words[present].unique() if isinstance(word, str) and not word.strip()]
    return present & ~words.isin(blank).to_numpy(bool) if blank else present


def _guess(cells: pandas.Series, name: str) -> tuple[str, str]:
    """A kind for cells of which none is missing and not all are alike, and the reason."""
    from pandas.api import types

    dtype = cells.dtype
    if types.is_bool_dtype(dtype) and not _is_category(cells):
        return "boolean", "true or false"
    if types.is_datetime64_any_dtype(dtype):
        return "date", _period(seconds(cells))
    if _is_category(cells):
        return "category", f"a category of {cells.nunique()} classes"
    if types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        return _guess_number(cells.to_numpy(np.float64), name)
    if not _is_text(cells):
        return "text", f"values of type {dtype} are not learned from"
    return _guess_text(_plain(cells), cells.astype(object), name)


def _guess_number(values: np.ndarray, name: str) -> tuple[str, str]:
    if set(np.unique(values[:1000])) <= {0.0, 1.0} and np.isin(values, (0, 1)).all():
        return "boolean", "zeros and ones"
    low, high = values.min(), values.max()
    if not (values == np.floor(values)).all():
        return "number", f"numbers from {low:.6g} to {high:.6g}"
    distinct = len(np.unique(values))
    if distinct == len(values) and len(values) >= 10:
        if len(values) >= 0.5 * (high - low + 1):
            return (
                "identifier",
                f"each row has a whole number of its own, and they count from {low:.0f} to {high:.0f}",
            )
        if NAMED_ID.search(name):
            return "identifier", "each row has a whole number of its own, and the name says identifier"
    return "whole number", f"whole numbers from {low:.15g} to {high:.15g}"


def _guess_text(words: pandas.Series, cells: pandas.Series, name: str) -> tuple[str, str]:
    if all(isinstance(cell, bool) for cell in words):
        return "boolean", "true or false"
    if pair := _pair(words):
        return "boolean", f"only {pair[0]!r} and {pair[1]!r}"
    numbers, absent = _numbers_in(words)
    if numbers is not None:
        kind, why = _guess_number(numbers, name) if len(np.unique(numbers)) > 1 else ("number", "numbers")
        spoken = ", ".join(map(repr, absent))
        return kind, f"{why}; {spoken} taken for missing" if absent else why
    if pattern_of(cells) is not None:
        return "date", _period(seconds(as_dates(cells, pattern_of(cells))))
    n, distinct = len(words), words.nunique()
    length = np.mean([len(str(word).split()) for word in words[:1000]])
    if distinct == n and n > 1:
        return (
            ("text", "every row has another text")
            if length >= 3
            else ("identifier", "every row has another word")
        )
    if distinct <= (0.5 * n if n >= FEW else n) and (distinct <= MOST or distinct <= 0.1 * n):
        more = f", of which the {MOST} most frequent are kept" if distinct > MOST else ""
        return "category", f"{distinct} different values in {n} cells{more}"
    return "text", f"{distinct} different values in {n} cells, too many for classes"


# what is remembered of a column, by its kind


def _build_number(series: pandas.Series, column: Column) -> Column:
    if _is_text(series):
        numbers, absent = _numbers_in(_plain(series[there(series)]))
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
    words = _plain(series[there(series)])
    pair: tuple[Scalar, ...] | None = _pair(words)
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
    counts = Counter(_plain(series[there(series)]))
    if len(counts) == 1:
        return _build_constant(series, replace(column, kind="constant"))
    kept = [value for value, _ in counts.most_common(MOST)]
    if _is_category(series):
        order = {_scalar(value): place for place, value in enumerate(series.cat.categories)}
        return replace(column, values=tuple(sorted(kept, key=order.__getitem__)))
    numeric = all(isinstance(value, int | float) for value in kept)
    return replace(column, values=tuple(sorted(kept, key=None if numeric else str)))


def _build_date(series: pandas.Series, column: Column) -> Column:
    cells = series[there(series)]
    if _is_text(series):
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
    return replace(column, values=(_scalar(series[there(series)].iloc[0]),))


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


# cells to numbers


def _read_numbers(series: pandas.Series, column: Column) -> np.ndarray:
    import pandas

    if not _is_text(series) and not _is_category(series):
        if series.dtype.kind not in "biuf":
            raise DataError(f"column {column.name!r} holds {series.dtype}, not numbers as in training")
        values = series.to_numpy(np.float64, na_value=np.nan)
    else:
        words = series.astype(object).where(there(series), None).map(_bare)
        gone = words.map(lambda word: word is None or word in column.absent or str(word).lower() in MISSING)
        values = pandas.to_numeric(words.mask(gone, None), errors="coerce").to_numpy(
            np.float64, na_value=np.nan
        )
        _refuse(series, np.isnan(values) & ~gone.to_numpy(bool), column, "is no number")
    _refuse(series, np.isinf(values), column, "is infinite; an empty cell stands for a missing value")
    return values


def _read_booleans(series: pandas.Series, column: Column) -> np.ndarray:
    words = _plain(series)
    places = {_folded(value): float(place) for place, value in enumerate(column.values)}
    values = words.map(lambda word: places.get(_folded(word), np.nan)).to_numpy(np.float64)
    spoken = words.map(lambda word: not isinstance(word, str) or word.strip().lower() not in MISSING)
    no, yes = column.values
    _refuse(
        series,
        np.isnan(values) & there(series) & spoken.to_numpy(bool),
        column,
        f"is neither {yes!r} nor {no!r}",
    )
    return values


def _read_categories(series: pandas.Series, column: Column) -> np.ndarray:
    places = {value: float(place) for place, value in enumerate(column.values)}
    return _plain(series).map(lambda value: places.get(value, np.nan)).to_numpy(np.float64)


def _read_dates(series: pandas.Series, column: Column) -> np.ndarray:
    present = there(series)
    if present.any() and not _is_text(series) and series.dtype.kind != "M":
        raise DataError(f"column {column.name!r} holds {series.dtype}, not dates as in training")
    moments = seconds(as_dates(series.where(present, None), column.pattern))
    words = f"is no date such as {from_seconds(np.zeros(1), column.step, column.pattern)[0]}"
    _refuse(series, np.isnan(moments) & present, column, words)
    return moments


READERS: dict[str, Callable[[Any, Column], np.ndarray]] = {
    "number": _read_numbers,
    "whole number": _read_numbers,
    "boolean": _read_booleans,
    "category": _read_categories,
    "date": _read_dates,
}


def _refuse(series: pandas.Series, wrong: np.ndarray, column: Column, words: str) -> None:
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"row {row}, column {column.name!r} (counted from 0): {series.iloc[row]!r} {words}; "
            f"the column was taken for {column.kind}s in training"
        )


# numbers to cells


def _write_numbers(values: np.ndarray, column: Column) -> Any:
    import pandas

    values = np.clip(values, column.low, column.high) if (column.low, column.high) != (None, None) else values
    values = values if column.decimals is None else np.round(values, column.decimals) + 0.0  # no -0
    dtype = pandas.api.types.pandas_dtype(column.dtype)
    if column.kind == "whole number" and dtype.kind in "iu":
        ends = np.iinfo(getattr(dtype, "numpy_dtype", dtype))
        values = np.clip(values, ends.min, np.nextafter(float(ends.max), 0))
        return pandas.array(values, dtype=dtype) if not isinstance(dtype, np.dtype) else values.astype(dtype)
    if dtype.kind == "f":
        limits = np.finfo(getattr(dtype, "numpy_dtype", dtype))
        values = np.clip(values, float(limits.min), float(limits.max))
    return pandas.array(values, dtype=dtype)


def _write_booleans(values: np.ndarray, column: Column) -> Any:
    return _typed(np.array(column.values, object)[(values > 0.5).astype(int)], column)


def _write_categories(values: np.ndarray, column: Column) -> Any:
    return _typed(np.array(column.values, object)[values.astype(int)], column)


def _write_dates(values: np.ndarray, column: Column) -> Any:
    moments = from_seconds(values, column.step, "")
    dtype = column.dtype if column.dtype.startswith("datetime") else "datetime64[us]"
    return moments.astype(dtype) if "," in dtype else moments.tz_localize(None).astype(dtype)


WRITERS: dict[str, Callable[[np.ndarray, Column], Any]] = {
    "number": _write_numbers,
    "whole number": _write_numbers,
    "boolean": _write_booleans,
    "category": _write_categories,
    "date": _write_dates,
}


def _typed(cells: np.ndarray, column: Column) -> Any:
    """Values of training in the type that they had."""
    import pandas

    if column.dtype in ("category", "ordered"):
        return pandas.Categorical(cells, list(column.values), ordered=column.dtype == "ordered")
    return pandas.array(cells, dtype=column.dtype)


# small things


def _dtype(series: pandas.Series, kind: str) -> str:
    """As pandas names it; what a file could not say better is made plain."""
    if _is_category(series):
        return "ordered" if series.cat.ordered else "category"
    if kind in ("number", "whole number") and _is_text(series):
        return "Int64" if kind == "whole number" else "float64"
    if kind == "whole number" and series.dtype.kind == "f" and series.isna().any():
        return "Int64"  # floats because of what was missing
    return str(series.dtype)


def _is_text(series: pandas.Series) -> bool:
    """Whether cells may be strings."""
    return series.dtype == object or str(series.dtype) in ("str", "string") or "string" in str(series.dtype)


def _is_category(series: pandas.Series) -> bool:
    return str(series.dtype) == "category"


def _scalar(value: Any) -> Scalar:
    """A cell as JSON can hold it."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, str | int | float) else str(value)


def _plain(series: pandas.Series) -> pandas.Series:
    """Cells as JSON can hold them."""
    cells = series.astype(object)
    simple = series.dtype.kind in "biuf" or (_is_text(series) and series.dtype != object)
    return cells if simple else cells.map(_scalar)


def _bare(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _folded(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _pair(words: pandas.Series) -> tuple[str, str] | None:
    """The two words of a boolean in text, each as it is mostly written, or None."""
    counts = Counter(words)
    if len(counts) > 8 or not all(isinstance(word, str) for word in counts):
        return None
    folded = {_folded(word) for word in counts}
    for no, yes in PAIRS:
        if folded == {no, yes}:
            most = {_folded(word): word for word, _ in reversed(counts.most_common())}
            return most[no], most[yes]
    return None


def _numbers_in(words: pandas.Series) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Text that is numbers but for a few words (unknown, -, ?): these numbers, and the words; or None."""
    import pandas

    counts = words.value_counts()  # each word is looked at once
    bare = pandas.Series([_bare(word) for word in counts.index], dtype=object)
    spoken = np.array([str(word).lower() not in MISSING for word in bare], bool)
    bare, often = bare[spoken], counts.to_numpy()[spoken]
    values = pandas.to_numeric(bare, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    strange = np.isnan(values)
    odd = tuple(sorted(set(bare[strange].astype(str))))
    share = often[strange].sum() / often.sum() if len(often) else 1.0
    coded = any(isinstance(word, str) and CODE.match(word) for word in bare)
    if coded or share > 0.2 or len(odd) > 5 or (odd and often.sum() < 10):
        return None, ()
    return np.repeat(values, often)[~np.repeat(strange, often)], odd


def _decimals(values: np.ndarray) -> int | None:
    """How many decimals every one of these has at most, up to 8."""
    return next((d for d in range(9) if (np.round(values, d) == values).all()), None)


def _period(moments: np.ndarray) -> str:
    step = step_of(moments)
    first, last = from_seconds(np.array([moments.min(), moments.max()]), step, "%Y-%m-%d")
    return f"dates from {first} to {last}"
