"""Which rows train and which are held out: at random, by class, by group, or the last in an order."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Any, NamedTuple

import numpy as np

from ..recipes import nearest
from .errors import DataError


class Split(NamedTuple):
    """Positions of the rows that train and of those held out, each ascending, disjoint, and together all.

    `note` says in words where the data did not allow what was asked; it is empty otherwise.
    """

    train: np.ndarray
    held_out: np.ndarray
    note: str = ""


def split(
    rows: int | Sized,
    fraction: float,
    *,
    seed: int = 0,
    stratify: Any = None,
    groups: Any = None,
    order: Any = None,
) -> Split:
    """Hold out a fraction of the rows; `rows` is their number, or anything that has a length.

    - by default at random;
    - `stratify`: classes (n,); each gives its share, to within one row, and keeps a row in training;
    - `groups`: (n,); a group (a patient, a machine) is never cut in two;
    - `order`: (n,), times or positions; the last are held out, and equal times are never cut in two.

    Of two rows or more at least one trains and one is held out; a single row trains, and `note` says so. With
    groups or an order the number held out is the nearest that whole groups allow. The same arguments give the
    same split. Raises `DataError` where the fraction or the classes leave no way to split.

    >>> split(5, 0.4, order=[2001, 2002, 2003, 2004, 2005]).held_out
    array([3, 4])
    """
    n = rows if isinstance(rows, int) else _length(rows)
    if not 0 < fraction < 1:
        percent = f"; for {fraction:g} per cent write {fraction / 100:g}" if 1 < fraction < 100 else ""
        raise DataError(f"the fraction held out must lie between 0 and 1, not be {fraction:g}{percent}")
    if n < 1:
        raise DataError("there are no rows to split")
    rules = {"stratify": stratify, "groups": groups, "order": order}
    given = {name: _rule(name, values, n) for name, values in rules.items() if values is not None}
    if len(given) > 1:
        raise DataError(f"split by one of {' or '.join(given)}, not by both at once")
    if n == 1:
        return Split(np.arange(1), np.arange(0), "a single row: it trains, and nothing is held out")
    wanted = min(max(round(fraction * n), 1), n - 1)
    generator = np.random.default_rng(seed)
    if stratify is not None:
        held = _by_class(given["stratify"], fraction, wanted, generator)
    elif groups is not None:
        _, group = np.unique(given["groups"], return_inverse=True)
        shuffled = generator.permutation(int(group.max()) + 1)
        held = _whole_blocks(shuffled[group], wanted, "groups")
    elif order is not None:
        _, block = np.unique(given["order"], return_inverse=True)
        held = _whole_blocks(block, wanted, "order")
    else:
        held = generator.permutation(n)[:wanted]
    mask = np.zeros(n, dtype=bool)
    mask[held] = True
    note = "" if len(held) == wanted else f"of {n} rows, {len(held)} are held out instead of {wanted}"
    parts = Split(np.flatnonzero(~mask), np.flatnonzero(mask), note)
    check_leaks(parts, groups=given.get("groups"), order=given.get("order"))
    return parts


def check_leaks(parts: Split, *, groups: Any = None, order: Any = None) -> None:
    """Raise `DataError` where what is held out is known from training.

    That is a row in both parts, a group (n,) in both, or a time (n,) that is not after all those of training.
    """
    both = np.intersect1d(parts.train, parts.held_out)
    if len(both):
        raise DataError(f"row {both[0]} is in training and held out too")
    if groups is not None:
        groups = np.asarray(groups)
        shared = np.intersect1d(groups[parts.train], groups[parts.held_out])
        if len(shared):
            raise DataError(f"the group {shared[0]!s} is in training and held out too: split by whole groups")
    if order is not None and len(parts.train) and len(parts.held_out):
        order = np.asarray(order)
        last, first = order[parts.train].max(), order[parts.held_out].min()
        if not last < first:
            raise DataError(f"{first!s} is held out, and training knows {last!s}: hold out what comes last")


class Rule(NamedTuple):
    """How rows are to be held out: `kind`, a key of `KINDS`, and the column that says it, if one does."""

    kind: str = "random"
    column: str | None = None

    @classmethod
    def parse(cls, text: str) -> Rule:
        """The rule that is written "random", "stratified:COLUMN", "group:COLUMN" or "time:COLUMN".

        >>> Rule.parse("group:patient")
        Rule(kind='group', column='patient')
        """
        kind, colon, column = (part.strip() for part in text.partition(":"))
        if kind not in KINDS or bool(column) != (KINDS[kind] is not None):
            raise DataError(
                "rows are held out by random, stratified:COLUMN, group:COLUMN or time:COLUMN; "
                f"not by {text!r}{nearest(kind, KINDS)}"
            )
        return cls(kind, column or None)

    def split(self, rows: int, fraction: float, values: Any = None, *, seed: int = 0) -> Split:
        """As `split`; `values` are those of the column."""
        argument = KINDS[self.kind]
        return split(rows, fraction, seed=seed, **({} if argument is None else {argument: values}))


KINDS = {"random": None, "stratified": "stratify", "group": "groups", "time": "order"}


def _by_class(
    classes: np.ndarray, fraction: float, wanted: int, generator: np.random.Generator
) -> np.ndarray:
    """Largest remainders: every class gives the whole part of its share, the nearest misses give one more."""
    _, label, counts = np.unique(classes, return_inverse=True, return_counts=True)
    if counts.max() == 1:
        raise DataError(
            f"stratify names {len(counts)} classes for {len(classes)} rows, and none has two rows; "
            "split at random instead (are these values rather than classes?)"
        )
    share = fraction * counts
    taken = np.minimum(np.floor(share).astype(int), counts - 1)
    remainder = np.where(taken < counts - 1, share - taken, -1.0)  # a class keeps one row to learn from
    for c in np.argsort(-remainder, kind="stable")[: max(wanted - int(taken.sum()), 0)]:
        taken[c] += remainder[c] >= 0
    shuffled = generator.permutation(len(label))
    return np.concatenate([shuffled[label[shuffled] == c][:k] for c, k in enumerate(taken)])


def _whole_blocks(block: np.ndarray, wanted: int, rule: str) -> np.ndarray:
    """Rows of the last blocks, as many blocks as come nearest to the number wanted."""
    sizes = np.bincount(block)
    if len(sizes) == 1:
        raise DataError(f"{rule} has one value for all {len(block)} rows, so nothing can be held out by it")
    held = np.cumsum(sizes[:0:-1])  # never all blocks: one is left to train on
    blocks = 1 + int(np.argmin(np.abs(held - wanted)))
    return np.flatnonzero(block >= len(sizes) - blocks)


def _rule(name: str, values: Sequence[Any] | np.ndarray, n: int) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 1 or len(array) != n:
        raise DataError(f"{name} needs one value for each of the {n} rows; its shape is {array.shape}")
    if name == "order" and (array != array).any():  # NaN and NaT differ from themselves
        raise DataError(f"order is missing for row {int(np.argmax(array != array))} (counted from 0)")
    return array.astype(str) if array.dtype == object and name != "order" else array


def _length(rows: Sized) -> int:
    shape = getattr(rows, "shape", None)  # sparse matrices have a shape but no len()
    return int(shape[0]) if shape else len(rows)
