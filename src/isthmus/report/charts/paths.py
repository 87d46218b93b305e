"""What columns do where a code is moved: along a dimension, or from one row to another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..blocks import Numbers, Plate
from ..drawing import COLOURS, bare, canvas, words
from ..study import Study
from .axes import WIDE

SERIES = tuple(COLOURS[i] for i in (0, 3, 2, 7))
STYLES = ("-", "--", "-.", ":")
MOVED = len(STYLES)  # columns that a panel shows


def traversal(study: Study, which: Sequence[int], steps: np.ndarray, path: np.ndarray) -> Plate:
    """How columns follow a latent dimension: path (len(which), steps, d), a panel a dimension."""
    across = min(2, len(which))
    down = math.ceil(len(which) / across)
    figure = canvas(WIDE, 3.0 * down)
    panels = figure.subplots(down, across, squeeze=False, sharey=True).ravel()
    deviation = _deviation(study)
    rows: list[tuple[object, ...]] = []
    for axis, dimension, rebuilt in zip(panels, which, path):
        bare(axis, grid="y")
        standard = (rebuilt - np.nanmean(study.x, 0)) / deviation  # (steps, d)
        _lines(study, axis, steps, standard, np.argsort(np.ptp(standard, 0))[::-1][:MOVED], 22)
        axis.set_title(f"z{dimension}", fontsize=10, fontweight="bold")
        rows += [(f"z{dimension}", float(s), *r.tolist()) for s, r in zip(steps, rebuilt)]
    for axis in panels[len(which) :]:
        axis.set_axis_off()
    figure.supxlabel("the dimension, in its standard deviations around the mean code", fontsize=9)
    figure.supylabel("column, in its standard deviations", fontsize=9)
    return Plate(
        "traversals",
        figure,
        Numbers(("dimension", "at", *study.names), rows),
        f"Lines of the columns that follow each of {len(which)} latent dimensions most.",
        "One number of the code is moved and the others stay at their mean; shown are the four columns that "
        "move most. This is what the dimension stands for.",
    )


def interpolation(study: Study, ends: Sequence[tuple[int, int]], path: np.ndarray) -> Plate:
    """From one row to another along a straight line between their codes: path (pairs, steps, d)."""
    figure = canvas(WIDE, 3.2)
    panels = figure.subplots(1, len(ends), squeeze=False, sharey=True)[0]
    deviation, middle = _deviation(study), np.nanmean(study.x, 0)
    along = np.linspace(0, 1, path.shape[1])
    rows: list[tuple[object, ...]] = []
    for axis, (a, b), rebuilt in zip(panels, ends, path):
        bare(axis, grid="y")
        standard = (rebuilt - middle) / deviation
        moved = np.argsort(np.abs(standard[-1] - standard[0]))[::-1][:MOVED]
        _lines(study, axis, along, standard, moved, 16, dots=(study.x[[a, b]] - middle) / deviation)
        axis.set_xticks([0, 1], [f"row {study.places[a]}", f"row {study.places[b]}"])
        rows += [
            (int(study.places[a]), int(study.places[b]), float(t), *r.tolist())
            for t, r in zip(along, rebuilt)
        ]
    panels[0].set_ylabel("column, in its standard deviations", fontsize=9)
    return Plate(
        "interpolations",
        figure,
        Numbers(("from", "to", "at", *study.names), rows),
        f"Lines from one row to another through {path.shape[1]} codes between them, for {len(ends)} pairs.",
        "Rows decoded from codes on the straight line between two rows; dots are the rows' own values. "
        "Smooth lines mean that the space between rows is filled with plausible rows.",
    )


def _lines(
    study: Study,
    axis: Any,
    at: np.ndarray,
    standard: np.ndarray,
    moved: np.ndarray,
    letters: int,
    dots: np.ndarray | None = None,
) -> None:
    """The columns that `moved`, of rows (steps, d) in standard deviations; `dots` (2, d) at both ends."""
    for colour, style, column in zip(SERIES, STYLES, moved):
        name = words(study.names[column], letters)
        axis.plot(at, standard[:, column], style, color=colour, linewidth=1.8, label=name)
        if dots is not None:
            axis.plot(at[[0, -1]], dots[:, column], "o", color=colour, markersize=5)
    axis.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.1))


def _deviation(study: Study) -> np.ndarray:
    deviation = np.nanstd(study.x, 0)
    return np.where(deviation > 0, deviation, 1.0)
