"""Dates in a table: how they are written, and as seconds since 1970."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas

ISO = "ISO8601"  # pandas' name for 2024-01-31, 2024-01-31T12:30:00+01:00 and all between
ZONE = re.compile(r"(Z|[+-]\d\d:?\d\d)$")
DAYS = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%d.%m.%y", "%m/%d/%y"),
    *("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y"),
)
TIMES = ("", " %H:%M", " %H:%M:%S")
STEPS = (86400.0, 3600.0, 60.0, 1.0, 1e-3)


def pattern_of(cells: pandas.Series) -> str | None:
    """How these cells, none missing, are all written as dates: a pattern of strptime; None if they are not.

    For ISO 8601 it is `ISO`, what stands between day and time, and the zone if all have one. "" is for
    objects that are dates by themselves. Where day and month could be either, the day comes first.
    """
    if not all(isinstance(cell, str) for cell in cells):
        return "" if all(hasattr(cell, "isoformat") for cell in cells) else None
    texts = cells.astype(str).str.strip()
    first = texts.iloc[0]
    if not 6 <= len(first) <= 40 or sum(letter.isdigit() for letter in first) < 3:
        return None
    known = [day + time for time in TIMES for day in DAYS]
    for pattern in [ISO, *known]:
        if all(as_dates(part, pattern).notna().all() for part in (texts.iloc[:20], texts)):
            return pattern if pattern != ISO else _iso(texts)
    return None


def _iso(texts: pandas.Series) -> str:
    zones = {found[1] if (found := ZONE.search(text[10:])) else "" for text in texts}
    zone = zones.pop() if len(zones) == 1 else "Z"
    return f"{ISO}{texts.iloc[0][10:11] or 'T'}{zone}"


def as_dates(cells: pandas.Series, pattern: str | None) -> pandas.Series:
    """Moments in UTC; NaT where a cell is missing or written otherwise."""
    import pandas

    if cells.dtype.kind == "M":
        return pandas.to_datetime(cells, utc=True)
    pattern = ISO if not pattern or pattern.startswith(ISO) else pattern
    bare = cells.astype(object).map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
    return pandas.to_datetime(bare, format=pattern, errors="coerce", utc=True)


def seconds(moments: pandas.Series) -> np.ndarray:
    """Since 1970, UTC, float64 (n,); NaN for NaT."""
    import pandas

    moments = pandas.to_datetime(moments, utc=True)
    return ((moments - pandas.Timestamp(0, tz="UTC")) / pandas.Timedelta(1, "s")).to_numpy(np.float64)


def from_seconds(moments: np.ndarray, step: float, pattern: str) -> Any:
    """The inverse of `seconds`, to whole steps: a DatetimeIndex in UTC, or text where there is a pattern."""
    import pandas

    within = np.clip(moments, -9.2e9, 9.2e9)  # the years from 1679 to 2261, which nanoseconds can count
    whole = np.round(within / step) * step if step else within
    index = pandas.DatetimeIndex(np.round(whole * 1e6).astype("datetime64[us]")).tz_localize("UTC")
    return written(index, step, pattern) if pattern else index


def written(index: Any, step: float, pattern: str) -> Any:
    """Dates in UTC, an index or a series, as text, the way they came."""
    moments = getattr(index, "dt", index)
    if not pattern.startswith(ISO):
        return moments.strftime(pattern)
    if step == STEPS[0]:
        return moments.strftime("%Y-%m-%d")
    between, zone = pattern[len(ISO)], pattern[len(ISO) + 1 :]
    local = moments.tz_convert(zone if zone not in ("", "Z") else "UTC")
    moments = getattr(local, "dt", local)
    return moments.strftime(f"%Y-%m-%d{between}%H:%M:%S{zone}")


def step_of(moments: np.ndarray) -> float:
    """The largest unit of time, in seconds, of which all are multiples; 0 where there is none."""
    return next(
        (step for step in STEPS if (np.abs(moments / step - np.round(moments / step)) < 1e-7).all()), 0.0
    )
