"""What a column seems to be, by its cells and its name, and the reason."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from .csvs import MISSING
from .dates import as_dates, from_seconds, pattern_of, seconds, step_of
from .identifiers import identifying
from .series import is_category, is_text, lowered, plain, stripped, there

if TYPE_CHECKING:
    import pandas

MOST = 100  # classes that a category may have; of more, the most frequent are kept
FEW = 20  # whole numbers with no more values are a scale, and nothing beyond its ends is one of them
PAIRS = (
    ("no", "yes"),
    ("n", "y"),
    ("false", "true"),
    ("f", "t"),
    ("off", "on"),
    ("nein", "ja"),
    ("non", "oui"),
)
CODE = re.compile(r"\s*[-+]?0\d")  # 007 is a name


def guess(cells: pandas.Series, name: str) -> tuple[str, str]:
    """A kind for cells of which none is missing and not all are alike, and the reason."""
    from pandas.api import types

    dtype = cells.dtype
    if types.is_bool_dtype(dtype) and not is_category(cells):
        return "boolean", "true or false"
    if types.is_datetime64_any_dtype(dtype):
        return "date", _period(seconds(cells))
    if is_category(cells):
        return "category", f"a category of {cells.nunique()} classes"
    if types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        return _guess_number(cells.to_numpy(np.float64), name)
    if not is_text(cells):
        return "text", f"values of type {dtype} are not learned from"
    return _guess_text(plain(cells), cells.astype(object), name)


def without_words(frame: pandas.DataFrame) -> tuple[pandas.DataFrame, list[str]]:
    """Columns of numbers but for a few words (unknown, ?) as numbers, missing where these stood; remarks."""
    import pandas

    remarks = []
    for name in frame.columns:
        cells = frame[name]
        if not is_text(cells) or not there(cells).any():
            continue
        words = plain(cells[there(cells)])
        numbers, absent = numbers_in(words)
        if numbers is None or not absent or pair_in(words):
            continue
        values = pandas.to_numeric(cells.astype(object).map(stripped), errors="coerce")
        whole = (values.isna() | (values == values.round())).all()
        frame = frame.assign(**{str(name): values.astype("Int64" if whole else np.float64)})
        remarks.append(f"column {str(name)!r}: {', '.join(map(repr, absent))} stands for a missing number")
    return frame, remarks


def _guess_number(values: np.ndarray, name: str) -> tuple[str, str]:
    if set(np.unique(values[:1000])) <= {0.0, 1.0} and np.isin(values, (0, 1)).all():
        return "boolean", "zeros and ones"
    low, high = values.min(), values.max()
    if not (values == np.floor(values)).all():
        return "number", f"numbers from {low:.6g} to {high:.6g}"
    if why := identifying(values, name):
        return "identifier", why
    return "whole number", f"whole numbers from {low:.15g} to {high:.15g}"


def _guess_text(words: pandas.Series, cells: pandas.Series, name: str) -> tuple[str, str]:
    if all(isinstance(cell, bool) for cell in words):
        return "boolean", "true or false"
    if pair := pair_in(words):
        return "boolean", f"only {pair[0]!r} and {pair[1]!r}"
    numbers, absent = numbers_in(words)
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


def pair_in(words: pandas.Series) -> tuple[str, str] | None:
    """The two words of a boolean in text, each as it is mostly written, or None."""
    counts = Counter(words)
    if len(counts) > 8 or not all(isinstance(word, str) for word in counts):
        return None
    folded = {lowered(word) for word in counts}
    for no, yes in PAIRS:
        if folded == {no, yes}:
            most = {lowered(word): word for word, _ in reversed(counts.most_common())}
            return most[no], most[yes]
    return None


def numbers_in(words: pandas.Series) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Text that is numbers but for a few words (unknown, -, ?): these numbers, and the words; or None."""
    import pandas

    counts = words.value_counts()  # each word is looked at once
    bare = pandas.Series([stripped(word) for word in counts.index], dtype=object)
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


def _period(moments: np.ndarray) -> str:
    step = step_of(moments)
    first, last = from_seconds(np.array([moments.min(), moments.max()]), step, "%Y-%m-%d")
    return f"dates from {first} to {last}"
