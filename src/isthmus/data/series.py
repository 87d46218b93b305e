"""The cells of a pandas series, whatever its type: which are there, and as JSON can hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas

Scalar = str | int | float | bool


def there(series: pandas.Series) -> np.ndarray:
    """Where a cell is neither missing nor blank (n,)."""
    present = series.notna().to_numpy(bool)
    if not is_text(series):
        return present
    words = plain(series)
    blank = [word for word in words[present].unique() if isinstance(word, str) and not word.strip()]
    return present & ~words.isin(blank).to_numpy(bool) if blank else present


def plain(series: pandas.Series) -> pandas.Series:
    """Cells as JSON can hold them."""
    cells = series.astype(object)
    simple = series.dtype.kind in "biuf" or (is_text(series) and series.dtype != object)
    return cells if simple else cells.map(scalar)


def scalar(value: Any) -> Scalar:
    """A cell as JSON can hold it."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, str | int | float) else str(value)


def stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def lowered(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def is_text(series: pandas.Series) -> bool:
    """Whether cells may be strings."""
    return series.dtype == object or str(series.dtype) in ("str", "string") or "string" in str(series.dtype)


def is_category(series: pandas.Series) -> bool:
    return str(series.dtype) == "category"
