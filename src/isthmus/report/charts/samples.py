"""Rows that the model made up beside those of the data: each column, and columns together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..blocks import Numbers, Plate
from ..drawing import MUTED, bare, canvas, words
from ..fields import Field
from ..study import Study
from .axes import COLUMNS, MODEL, WIDE


def marginals(study: Study, drawn: np.ndarray) -> Plate:
    """Each column's distribution, in the data and in samples."""
    varying = [f for f in study.fields if (np.nanstd(study.x[:, f.place], 0) > 0).any()]
    shown = (varying or study.fields)[:12]
    across = min(4, len(shown))
    down = math.ceil(len(shown) / across)
    figure = canvas(WIDE, 1.45 * down + 0.5)
    panels = figure.subplots(down, across, squeeze=False).ravel()
    rows: list[tuple[object, ...]] = []
    for axis, field in zip(panels, shown):
        bare(axis)
        axis.set_title(words(field.name, 20), fontsize=9)
        axis.set_yticks([])
        axis.tick_params(labelsize=7.5)
        draw = _spans if field.numeric else _shares
        rows += [
            (field.name, *row) for row in draw(axis, field, study.x[:, field.place], drawn[:, field.place])
        ]
    for axis in panels[len(shown) :]:
        axis.set_axis_off()
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=2, frameon=False)
    return Plate(
        "marginals",
        figure,
        Numbers(("column", "from", "to", "data", "samples"), rows),
        f"Distributions of {len(shown)} columns, in the data (grey) and in {len(drawn)} sampled rows (blue).",
        "Where blue and grey agree, samples have the right values column by column.",
    )


def dependence(study: Study, drawn: np.ndarray) -> Plate | None:
    """Correlations between columns, in the data and in samples."""
    order = np.sort(_telling(study)[:COLUMNS])
    complete = study.x[~np.isnan(study.x[:, order]).any(1)][:, order]
    if len(order) < 3 or len(complete) < 10:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        own, new = (np.nan_to_num(np.corrcoef(v.T)) for v in (complete, drawn[:, order]))
    figure = canvas(WIDE, WIDE / 2 + 0.5)
    panels = figure.subplots(1, 2, sharey=True)
    for axis, (title, matrix) in zip(panels, (("data", own), ("samples", new))):
        image = axis.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1)
        axis.set_title(title, fontsize=10)
        labels = [words(study.names[i], 14) for i in order]
        axis.set_xticks(range(len(order)), labels, rotation=90, fontsize=7.5)
        axis.set_yticks(range(len(order)), labels, fontsize=7.5)
    figure.colorbar(image, ax=panels, label="correlation", shrink=0.7, pad=0.01)
    upper = np.triu_indices(len(order), 1)
    gap = float(np.abs(own - new)[upper].mean())
    rows = [
        (study.names[order[i]], study.names[order[j]], float(own[i, j]), float(new[i, j]))
        for i, j in zip(*upper)
    ]
    return Plate(
        "dependence",
        figure,
        Numbers(("column", "with", "data", "samples"), rows),
        f"Correlation matrices of data and samples; they differ by {gap:.2f} on average.",
        f"Red goes together, blue goes against. On average a correlation of the samples is {gap:.2f} from "
        "the data's.",
    )


def _spans(axis: Any, field: Field, own: np.ndarray, new: np.ndarray) -> list[tuple[object, ...]]:
    """Histograms of numbers or dates."""
    own, new = own[~np.isnan(own)], new.ravel()
    low, high = np.quantile(np.concatenate([own, new]), (0.002, 0.998))
    edges = np.linspace(low, high if high > low else low + 1, 22)
    real, fake = (np.histogram(v, edges)[0] / max(1, len(v)) for v in (own, new))
    axis.stairs(real, edges, fill=True, color=MUTED, alpha=0.45, label="data")
    axis.stairs(fake, edges, color=MODEL, linewidth=1.6, label="samples")
    axis.xaxis.get_major_locator().set_params(nbins=3)
    if field.kind == "date":
        ticks = np.quantile(edges, (0.1, 0.9))
        axis.set_xticks(ticks, [field.text(tick)[:10] for tick in ticks])
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), real.tolist(), fake.tolist()))


def _shares(axis: Any, field: Field, own: np.ndarray, new: np.ndarray) -> list[tuple[object, ...]]:
    """Bars of classes, of many the most frequent."""
    own = own[~np.isnan(own).any(1)]
    real, fake = (each.mean(0) if len(each) else np.zeros(each.shape[1]) for each in (own, new))
    if len(real) == 1:  # a boolean
        real, fake = (np.array([1 - each[0], each[0]]) for each in (real, fake))
    order = np.argsort(real)[::-1][:6]
    places = np.arange(len(order))
    axis.bar(places, real[order], 0.8, color=MUTED, alpha=0.45, label="data")
    axis.bar(places, fake[order], 0.34, color=MODEL, label="samples")
    classes = field.classes
    axis.set_xticks(places, [words(classes[i], 9) for i in order], rotation=30 if len(order) > 2 else 0)
    return [(classes[i], "", float(real[i]), float(fake[i])) for i in range(len(real))]


def _telling(study: Study) -> np.ndarray:
    """Columns in the order in which figures show them: those that vary, as they stand in the file."""
    varies = np.nanstd(study.x, 0) > 0
    return np.flatnonzero(varies) if varies.any() else np.arange(study.x.shape[1])
