"""Which rows judge a model, and of rows larger than memory how many are looked at together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import data
from ..data.blocks import Blocks
from .misuse import Misuse, hint

if TYPE_CHECKING:
    from .source import Part, Source

SOME = 20_000  # rows, of a file larger than memory, that judge a model and that PCA is fitted to


def hold_out(given: Source, share: float, seed: int, rule: str, by_label: bool) -> data.Split:
    """Rows to train on and rows to judge by, by the rule of `--split`.

    Raises:
        Misuse: for a rule or a column that there is not.
        DataError: where the column leaves no way to split.
    """
    asked = rule_of(rule)
    rows = len(given.all.x)
    if asked.column is not None:
        return asked.split(rows, share, _values(given, asked), seed=seed)
    return data.split(rows, share, seed=seed, stratify=given.all.labels if by_label else None)


def rule_of(text: str) -> data.Rule:
    """What `--split` says.

    Raises:
        Misuse: for what is no rule.
    """
    try:
        return data.Rule.parse(text)
    except data.DataError as error:
        raise Misuse(f"--split: {error}") from error


def _values(given: Source, asked: data.Rule) -> np.ndarray:
    columns = tuple(map(str, given.columns or ()))
    if asked.column not in columns:
        known = f"there are {', '.join(columns[:20])}" if columns else "its columns have no names"
        near = hint(str(asked.column), columns) if columns else "."
        raise Misuse(f"--split: {given.name} has no column {asked.column!r}{near} {known.capitalize()}")
    place = columns.index(str(asked.column))
    x = given.all.x
    if not hasattr(x, "iloc"):
        return np.concatenate([part[:, place] for part in stretches(x)])
    cells = x.iloc[:, place]
    if asked.kind != "time" or cells.dtype.kind in "iufM":
        return cells.to_numpy(np.float64, na_value=np.nan) if cells.dtype.kind in "iu" else cells.to_numpy()
    from ..data.dates import as_dates, pattern_of

    pattern = pattern_of(cells.dropna())
    if pattern is None:
        raise data.DataError(
            f"--split: the column {asked.column!r} holds neither numbers nor dates written alike, such as "
            "2024-01-31, so nothing says what is later"
        )
    return as_dates(cells, pattern).dt.tz_localize(None).to_numpy()


def picked(x: Any, index: np.ndarray) -> Any:
    """Rows of an array or a frame, or of blocks, which stay where they are."""
    if hasattr(x, "iloc"):
        return x.iloc[index]
    return x.subset(index) if isinstance(x, Blocks) else x[index]


def few(part: Part, seed: int = 0) -> Part:
    """The part itself, or of rows larger than memory as many, drawn at random, as are looked at together."""
    if not isinstance(part.x, Blocks):
        return part
    drawn = np.sort(np.random.default_rng(seed).permutation(len(part.x))[:SOME])
    labels = None if part.labels is None else part.labels[drawn]
    return part._replace(x=np.asarray(part.x.subset(drawn)), labels=labels)


def stretches(x: Any) -> Iterator[np.ndarray]:
    """All rows, in stretches that fit into memory."""
    if isinstance(x, Blocks):
        yield from (block for _, block in x.spans())
    else:
        yield np.asarray(x)
