"""The tables of the report: the columns, rows and what the model makes of them, and why rows surprise."""

from __future__ import annotations

import numpy as np

from .. import metrics
from .blocks import Cell, Table, number, percent, whole
from .fields import Field, summed
from .study import Study

LISTED = 40  # columns that a table lists


def columns(study: Study) -> Table:
    """A line a column: how much is missing, and the range of what is there."""
    unread = set(study.embedder.preparation_.unread)
    rows = []
    for field in study.fields[:LISTED]:
        column = study.learned[:, field.place]
        there = column[~np.isnan(column).any(1)]
        kind = field.kind if field.column is not None else _kind(there)
        kind = "constant, not read" if field.place.start in unread else kind
        gaps = 1 - len(there) / len(column)
        rows.append([field.name, kind, percent(gaps) if gaps else "–", *_range(field, there)])
    skipped = [] if study.schema is None else [c for c in study.schema.columns if not c.width]
    rows += [[str(c.name), f"{c.kind}, not learned ({c.why})", *[""] * 5] for c in skipped[:LISTED]]
    more = len(study.fields) + len(skipped) - len(rows)
    return Table(
        ["Column", "Values", "Missing", "Lowest", "Median", "Highest", "Deviation"],
        rows,
        "Columns of the training rows"
        + ("; of classes, the most frequent and its share" if study.schema is not None else "")
        + (f"; {more} more are not listed" if more else ""),
        text=2,
    )


def rebuilt(study: Study, picks: dict[str, np.intp]) -> Table:
    """Three rows, column by column: the value, what the model makes of it, and the difference."""
    gap = (study.seen - study.x) / study.unit
    order = np.arange(len(study.fields))
    if len(order) > LISTED // 2:
        worst = np.nan_to_num(summed(study.fields, np.square(gap[list(picks.values())]))).max(0)
        order = np.sort(np.argsort(worst)[::-1][: LISTED // 2])
    rows = []
    for field in (study.fields[i] for i in order):
        line: list[str | Cell] = [field.name]
        for row in picks.values():
            given, guess = study.x[row], study.seen[row]
            line += [f"{field.show(given)}\u00a0→ {field.show(guess)}", _off(field, given, guess, gap[row])]
        rows.append(line)
    heads = [h for name, i in picks.items() for h in (f"{name.title()}: row {study.places[i]}", "Off by")]
    left_out = len(study.fields) - len(order)
    return Table(
        ["Column", *heads],
        rows,
        "Values, → what the model rebuilds, and the difference"
        + (" in standard deviations of the column" if study.units == "columns" else "")
        + (", of classes the probability that is missing" if study.schema is not None else "")
        + (f"; the {len(order)} columns with the largest differences" if left_out else ""),
    )


def reasons(study: Study, order: np.ndarray, excess: np.ndarray | None) -> Table:
    """The rows, their scores, and the columns that speak most against them."""
    if excess is None:  # values are tied together: then the largest errors
        excess = summed(study.fields, np.square((study.seen - study.x) / study.unit))
    rows = []
    for i in order:
        against = np.nan_to_num(excess[i], nan=-np.inf)
        reasons = []
        for column in np.argsort(against)[::-1][:3]:
            if against[column] <= 0:
                break
            amount = f"({against[column]:+.1f})"
            if column == len(study.fields):
                reasons.append(f"an unusual combination {amount}")
                continue
            field = study.fields[column]
            value, expected = field.show(study.x[i]), field.show(study.seen[i])
            reasons.append(f"{field.name} is {value}, expected {expected} {amount}")
        rows.append([str(study.places[i]), number(study.scores[i]), "\n".join(reasons)])
    return Table(
        ["Row", "Score", "Why: nats above the usual"],
        rows,
        "Rows counted from 0 as they stand in the data; the score is in nats, and low is surprising",
        text=3,
    )


def _range(field: Field, values: np.ndarray) -> list[str]:
    """Lowest, median, highest and deviation of values (n, width); of classes, the most frequent."""
    if not len(values):
        return ["–"] * 4
    if field.kind == "date":
        return [*(field.text(v) for v in (values.min(), np.median(values), values.max())), ""]
    if field.numeric:
        found = (values.min(), np.median(values), values.max(), values.std())
        return [number(float(each)) for each in found]
    share = values.mean(0) if len(field.classes) == values.shape[1] else [1 - values.mean(), values.mean()]
    first = int(np.argmax(share))
    return ["", f"{field.classes[first]} ({percent(float(share[first]))})", "", ""]


def _kind(values: np.ndarray) -> str:
    if not len(values):
        return "empty"
    if np.isin(values, (0, 1)).all():
        return "0 or 1"
    return "whole numbers" if (values == np.floor(values)).all() else "real numbers"


def _off(field: Field, given: np.ndarray, guess: np.ndarray, gap: np.ndarray) -> Cell:
    """How far a rebuilt cell is from what it was."""
    if np.isnan(given[field.place]).any():
        return Cell("–", 0.0)
    if not field.numeric:
        lacking = 1 - field.agreement(given, guess)
        return Cell(percent(lacking), float(np.clip(lacking, 0, 1)))
    off = float(gap[field.place][0])
    return Cell(f"{off:+.2f}".replace("-", "−"), float(np.clip(off / 2, -1, 1)))


def sparsity(study: Study) -> Table:
    """Of a code most of whose entries are zero: what it explains, with how many."""
    found = metrics.sparsity(study.embedder.model_, study.net_rows)
    shares = percent(found.explained), number(found.active), percent(found.dead)
    return Table(
        ["Code", "Variance explained", "Active in a row (L0)", "Never active", "Entries"],
        [[study.name, *shares, whole(found.units)]],
        f"A sparse code, on {whole(found.rows)} {study.held}, in the units that the model reads",
    )
