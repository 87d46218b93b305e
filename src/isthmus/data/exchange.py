"""Cells of a column as numbers for a net, and numbers as cells that are valid for the column."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .csvs import MISSING
from .dates import as_dates, from_seconds, seconds
from .errors import DataError
from .series import is_category, is_text, lowered, plain, stripped, there

if TYPE_CHECKING:
    import pandas

    from .columns import Column


# cells to numbers


def _read_numbers(series: pandas.Series, column: Column) -> np.ndarray:
    import pandas

    if not is_text(series) and not is_category(series):
        if series.dtype.kind not in "biuf":
            raise DataError(f"column {column.name!r} holds {series.dtype}, not numbers as in training")
        values = series.to_numpy(np.float64, na_value=np.nan)
    else:
        words = series.astype(object).where(there(series), None).map(stripped)
        gone = words.map(lambda word: word is None or word in column.absent or str(word).lower() in MISSING)
        values = pandas.to_numeric(words.mask(gone, None), errors="coerce").to_numpy(
            np.float64, na_value=np.nan
        )
        _refuse(series, np.isnan(values) & ~gone.to_numpy(bool), column, "is no number")
    _refuse(series, np.isinf(values), column, "is infinite; an empty cell stands for a missing value")
    return values


def _read_booleans(series: pandas.Series, column: Column) -> np.ndarray:
    words = plain(series)
    places = {lowered(value): float(place) for place, value in enumerate(column.values)}
    values = words.map(lambda word: places.get(lowered(word), np.nan)).to_numpy(np.float64)
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
    return plain(series).map(lambda value: places.get(value, np.nan)).to_numpy(np.float64)


def _read_dates(series: pandas.Series, column: Column) -> np.ndarray:
    present = there(series)
    if present.any() and not is_text(series) and series.dtype.kind != "M":
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
