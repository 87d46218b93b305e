"""Which columns of whole numbers only say which row it is: an id, an index, a number counted up."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np

NAMED_ID = re.compile(
    r"(^|[\W_])(id|uuid|guid|key|index|idx|nr|no)$|^(id|nr)[\W_]|(?-i:[a-z](Id|ID|Nr|No)$)|^unnamed", re.I
)
NAMED_TIME = re.compile(
    r"(^|[\W_])(years?|jahr|quarters?|months?|weeks?|days?|hours?|minutes?|seconds?|dates?|time|timestamp|t)"
    r"($|[\W_])",
    re.I,
)
YEARS = (1800, 2100)
LEAST = 10  # rows from which an order that nobody names counts for anything
SHARE = 0.2  # of the numbers between the ends: as many rows as most people train on
CHANCE = 0.01  # at which numbers drawn at random would all differ


def identifying(values: np.ndarray, name: str) -> str:
    """Why numbers (n,), none missing, identify rows and say nothing else of them; or nothing where they do.

    They are whole, and each row has one of its own. Besides, either the `name` says id, index or nr; or they
    count by ones: at least a fifth of the R numbers from the lowest to the highest are there (others may be
    held out), not all of them steps of 2 or more, and n draws from that range would all differ with a chance
    R! / ((R − n)! Rⁿ) of at most 1 %. What counts years, or is named after time, is an axis and no
    identifier, unless its name says so.

    >>> identifying(np.arange(1.0, 31.0), "customer")
    'each row has a whole number of its own, and they count from 1 to 30'
    >>> identifying(np.arange(1990.0, 2020.0), "year")
    ''
    """
    head = values[:1000]  # that these differ is soon known, and most columns are done with
    if len(values) < 2 or len(np.unique(head)) < len(head) or not (head == np.floor(head)).all():
        return ""
    if len(np.unique(values)) < len(values) or not (values == np.floor(values)).all():
        return ""
    if NAMED_ID.search(name) and not (len(values) == 2 and set(values) == {0.0, 1.0}):
        return "each row has a whole number of its own, and the name says identifier"
    low, high = float(values.min()), float(values.max())
    years = YEARS[0] <= low and high <= YEARS[1]
    if len(values) < LEAST or years or NAMED_TIME.search(name):
        return ""
    n, numbers = len(values), high - low + 1
    if n < SHARE * numbers or np.gcd.reduce(np.diff(np.sort(values)).astype(np.int64)) > 1:
        return ""
    from scipy.special import gammaln  # here, as training does without scipy

    chance = np.exp(gammaln(numbers + 1) - gammaln(numbers - n + 1) - n * np.log(numbers))
    if chance > CHANCE:
        return ""
    return f"each row has a whole number of its own, and they count from {low:.0f} to {high:.0f}"


def identifiers(columns: Iterable[tuple[Any, Any]]) -> dict[str, str]:
    """Of columns of numbers by name, (n,) each and NaN where missing, those that identify rows, and why."""
    found = {}
    for name, cells in columns:
        values = np.asarray(cells)
        values = values[~np.isnan(values)] if values.dtype.kind == "f" else values
        if why := identifying(values, str(name)):
            found[str(name)] = why
    return found


def counted(values: np.ndarray) -> str:
    """Why a column without a name (n,) is an index, or nothing: it counts the rows, in order, from 0 or 1."""
    n = len(values)
    if n < LEAST or not any((values == np.arange(start, start + n)).all() for start in (0, 1)):
        return ""
    return f"it counts the rows from {values[0]:.0f} to {values[-1]:.0f}"
