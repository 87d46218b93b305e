"""Figures of several models side by side, each a matplotlib `Figure` of its own.

Nothing global is touched, and no display is needed. matplotlib comes with the extra `report`; `available()`
says whether it is there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..baselines import pca
from .drawing import COLOURS, MUTED, bare, canvas, words
from .drawing import MISSING as MISSING
from .drawing import available as available
from .drawing import save as save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKERS = ("o", "^", "s", "D")
UNKNOWN = "not known"  # the label of a row without one
MOST_CLASSES = 20  # with more, labels are shown as a scale


def reconstructions(
    originals: np.ndarray, rows: Mapping[str, np.ndarray], shape: Sequence[int], title: str
) -> Figure:
    """A row of originals (n, ...), and below it a row for each model; all on one scale of grey."""
    pictures = {"original": originals, **rows}
    figure = canvas(0.78 * len(originals) + 1.3, 0.78 * len(pictures) + 0.55)
    figure.suptitle(title)
    axes = figure.subplots(len(pictures), len(originals), squeeze=False)
    low, high = float(np.nanmin(originals)), float(np.nanmax(originals))
    for line, (name, images) in zip(axes, pictures.items()):
        for axis, image in zip(line, images):
            _picture(axis, image, shape, low, high)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=8)
    return figure


def samples(
    rows: Mapping[str, np.ndarray], shape: Sequence[int], like: np.ndarray, title: str = "", across: int = 10
) -> Figure:
    """Pictures drawn from each model, (n, ...), in lines of `across`, on the grey scale of `like`."""
    lines = {name: math.ceil(len(images) / across) for name, images in rows.items()}
    figure = canvas(0.78 * across + 1.3, 0.78 * sum(lines.values()) + 0.55)
    figure.suptitle(title or "Samples: codes drawn from the prior, decoded")
    axes = figure.subplots(sum(lines.values()), across, squeeze=False)
    low, high = float(np.nanmin(like)), float(np.nanmax(like))
    start = 0
    for name, images in rows.items():
        cells = axes[start : start + lines[name]].ravel()
        for axis, image in zip(cells, images):
            _picture(axis, image, shape, low, high)
        for axis in cells[len(images) :]:
            axis.set_axis_off()
        axes[start, 0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=8)
        start += lines[name]
    return figure


def latent_maps(
    codes: Mapping[str, np.ndarray], labels: np.ndarray | None, what: str = "label", rows: str = "rows"
) -> Figure:
    """A panel for each model: its codes (n, dim) along their two leading principal components."""
    labels = shown_labels(labels)
    across = min(2, len(codes))
    down = math.ceil(len(codes) / across)
    figure = canvas(4.3 * across + (1.0 if labels is not None else 0), 3.9 * down + 0.4)
    figure.suptitle(f"Codes of {rows}: the two leading components")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axis, (name, z) in zip(panels, codes.items()):
        projection = pca(z, 2)
        points = projection.transform(z)
        points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
        share = f"{100 * projection.explained.sum():.0f} % of the codes' variance"
        shown = scatter(axis, points, labels)
        axis.set_title(f"{name}: {share}", fontsize=10)
        axis.set_aspect("equal", "datalim")
        axis.set_xlabel("first component")
        axis.set_ylabel("second component")
    for axis in panels[len(codes) :]:
        axis.set_axis_off()
    legend(figure, panels, labels, shown, what)
    return figure


def learning_curves(records: Mapping[str, Sequence[Mapping[str, Any]]], title: bool = True) -> Figure:
    """A panel for each model: every term of its objective over the epochs, in training and held out."""
    across = min(2, len(records))
    down = math.ceil(len(records) / across)
    figure = canvas(4.9 * across if title else 7.4, 2.9 * down + 0.4)
    if title:
        figure.suptitle("Each term of the objective over training")
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axis, (name, entries) in zip(panels, records.items()):
        for colour, term in zip(COLOURS * 3, entries[0]["train"]):
            for part, style in (("train", "-"), ("held_out", "--")):
                curve = [(e["epoch"] + 1, e[part][term]) for e in entries if term in e.get(part, {})]
                if curve:
                    label = term if part == "train" else f"{term}, held out"
                    axis.plot(*zip(*curve), style, color=colour, label=label, linewidth=1.5)
        _scale(axis, [v for e in entries for v in e["train"].values()])
        if title:
            axis.set_title(name, fontsize=10)
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.set_ylabel("mean over rows")
        bare(axis, grid="both")
        axis.legend(frameon=False, fontsize=8)
    for axis in panels[len(records) :]:
        axis.set_axis_off()
    return figure


def _picture(axis: Any, row: np.ndarray, shape: Sequence[int], low: float, high: float) -> None:
    image = np.asarray(row, float).reshape(shape if len(shape) == 3 else (1, *shape))
    if image.shape[0] == 3:
        axis.imshow(np.clip((image.transpose(1, 2, 0) - low) / max(high - low, 1e-30), 0, 1))
    else:
        axis.imshow(image[0], cmap="gray_r", vmin=low, vmax=high, interpolation="nearest")
    axis.set_xticks([])
    axis.set_yticks([])
    for side in axis.spines.values():
        side.set_color("#cccccc")


def _classes(labels: np.ndarray) -> np.ndarray | None:
    found = np.unique(labels)
    return found if len(found) <= MOST_CLASSES else None


def shown_labels(labels: np.ndarray | None) -> np.ndarray | None:
    """Labels, unless they are too many words for a legend: words have no scale.

    Of some that are not known (None, NaN) that is said in words, beside few classes.
    """
    if labels is None:
        return None
    number = labels.dtype.kind in "biuf"
    lost = np.array([each is None or each != each for each in labels.tolist()])
    if lost.any() and (not number or len(np.unique(labels[~lost])) < MOST_CLASSES):
        named = [f"{each:g}" if number else str(each) for each in labels[~lost].tolist()]
        labels, number = np.full(len(lost), UNKNOWN, dtype=object), False
        labels[~lost] = named
    return labels if number or _classes(labels) is not None else None


def scatter(axis: Any, points: np.ndarray, labels: np.ndarray | None) -> Any:
    """Points (n, 2), coloured by label; what a colour bar asks for, or None."""
    if labels is None:
        return axis.scatter(*points.T, s=10, color=COLOURS[0], alpha=0.7, linewidths=0)
    classes = _classes(labels)
    if classes is None:
        return axis.scatter(*points.T, s=10, c=labels, cmap="viridis", linewidths=0)
    glyphs = all(re.fullmatch("[0-9A-Za-z]", str(label)) for label in classes)
    for index, label in enumerate(classes):
        marker = f"${label}$" if glyphs else MARKERS[index // len(COLOURS) % len(MARKERS)]
        x, y = points[labels == label].T
        colour = MUTED if label == UNKNOWN else COLOURS[index % len(COLOURS)]
        size = 34 if glyphs else 14
        axis.scatter(x, y, s=size, color=colour, marker=marker, linewidths=0)
        axis.scatter([], [], color=colour, marker="s" if glyphs else marker, label=words(label))
    return None


def legend(
    figure: Figure,
    panels: Any,
    labels: np.ndarray | None,
    shown: Any,
    what: str = "label",
    place: Any = "outside right center",
) -> None:
    """Of the panels that `scatter` filled: a colour bar, the classes, or nothing."""
    if labels is None:
        return
    if _classes(labels) is None:
        figure.colorbar(shown, ax=list(panels), label=what)
        return
    handles, names = panels[0].get_legend_handles_labels()
    across = 1 if "right" in place else min(len(names), 10)
    figure.legend(handles, names, title=what, loc=place, ncols=across, frameon=False, markerscale=1.5)


def _scale(axis: Any, values: Sequence[float]) -> None:
    """Logarithmic where curves of one sign span decades."""
    if min(values) > 0 and max(values) > 50 * min(values):
        axis.set_yscale("log")
