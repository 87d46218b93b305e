"""How surprising rows are, and which columns make them so."""

from __future__ import annotations

import numpy as np

from ..blocks import Numbers, Plate, number
from ..drawing import COLOURS, bare, canvas, words
from ..study import Study
from .axes import MODEL, WIDE


def surprise(study: Study) -> Plate | None:
    """How surprising rows are, and where the most surprising ones stand."""
    scores = study.scores[np.isfinite(study.scores)]
    if len(scores) < 10:
        return None
    cut = float(np.quantile(scores, 0.01))
    first, third = np.quantile(scores, (0.25, 0.75))
    edge = float(first - 8 * (third - first))  # one wild row would leave a single bar for all others
    beyond = int((scores < edge).sum())
    figure = canvas(WIDE, 2.4)
    axis = bare(figure.subplots(), grid="y")
    counts, edges = np.histogram(np.maximum(scores, edge), bins=min(60, max(10, len(scores) // 8)))
    axis.bar(edges[:-1], counts, np.diff(edges), align="edge", color=MODEL)
    axis.axvline(max(cut, edge), color=COLOURS[3], linewidth=1.6, linestyle="--")
    axis.text(max(cut, edge), axis.get_ylim()[1], " the lowest 1 % lie left of this", va="top", fontsize=9)
    axis.set_xlabel("score in nats: right is ordinary, left is surprising")
    axis.set_ylabel(study.held)
    spans = list(zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist()))
    middle = float(np.median(scores))
    return Plate(
        "scores",
        figure,
        Numbers(("from", "to", "rows"), spans),
        f"Histogram of {len(scores)} scores: half lie above {number(middle)} nats, one in a hundred below "
        f"{number(cut)}.",
        "The score is how well a row is explained. A long tail to the left holds the unusual rows."
        + (f" {beyond} more lie further left than is drawn, and stand at the edge." if beyond else ""),
    )


def contributions(study: Study, rows: np.ndarray, excess: np.ndarray) -> Plate:
    """What makes rows surprising: a line a row, a cell a column, in nats above that column's usual."""
    order = np.argsort(np.nan_to_num(np.nanmax(excess[rows], 0), nan=-9))[::-1][: min(16, excess.shape[1])]
    order = np.sort(order)
    shown = np.maximum(np.nan_to_num(excess[np.ix_(rows, order)]), 0)
    shares = shown / np.maximum(shown.max(1, keepdims=True), 1e-9)  # one row's nats would pale the others'
    figure = canvas(WIDE, 0.3 * len(rows) + 1.3)
    axis = figure.subplots()
    axis.imshow(shares, cmap="Oranges", aspect="auto", vmin=0, vmax=1)
    for (line, column), value in np.ndenumerate(shown):
        if value > 0.1 and shares[line, column] > 0.05:
            dark = (
                shares[line, column] > 0.6
            )  # the map's own colours do not change with the theme, nor may these
            axis.text(
                column, line, f"{value:.1f}", ha="center", va="center", fontsize=8,
                color="#fffffe" if dark else "#010101",
            )  # fmt: skip
    names = [field.name for field in study.fields]
    axis.set_xticks(range(len(order)), [words(names[i], 18) for i in order], rotation=45, ha="right")
    axis.set_yticks(range(len(rows)), [f"row {study.places[i]}" for i in rows])
    columns = ["row", *names]
    numbers = [(int(study.places[i]), *excess[i].tolist()) for i in rows]
    return Plate(
        "contributions",
        figure,
        Numbers(columns, numbers),
        f"A grid of the {len(rows)} most surprising rows by the columns that make them so.",
        "In each cell the nats by which this column surprised the model more than it usually does; the "
        "darkest cell of a line is what made the row surprising most. A row may be surprising in one cell "
        "(often a slip of the pen) or in many (often another kind of thing).",
    )
