"""How well rows are rebuilt: beside PCA and the mean, column by column, at every width of the code."""

from __future__ import annotations

import numpy as np

from ...baselines import pca
from ..blocks import Numbers, Plate, percent
from ..drawing import MUTED, bare, canvas, words
from ..fields import summed
from ..study import Study
from .axes import COLUMNS, LINEAR, MODEL, WIDE, above, percents


def baselines(study: Study) -> Plate | None:
    """The share of what makes rows differ that the mean, PCA and the model recover."""
    if study.comparison is None:
        return None
    scores = study.comparison.scores
    shares = [max(score.r2, 0.0) if score.r2 == score.r2 else 0.0 for score in scores]
    figure = canvas(WIDE, 1.9)
    axis = bare(figure.subplots(), grid="x")
    axis.barh(range(len(scores)), shares, color=[MUTED, LINEAR, MODEL], height=0.62)
    for place, (score, share) in enumerate(zip(scores, shares)):
        axis.text(share + 0.012, place, percent(score.r2), va="center", fontweight="bold")
    axis.set_yticks(range(len(scores)), [words(score.name) for score in scores])
    axis.invert_yaxis()
    axis.set_xlim(0, 1.1)
    percents(axis)
    axis.set_xlabel(f"share of the variation between {study.held} that is recovered (R²)")
    told = "; ".join(f"{score.name} {percent(score.r2)}" for score in scores)
    return Plate(
        "baselines",
        figure,
        Numbers(("method", "mse", "r2"), [tuple(score) for score in scores]),
        f"Bars of the share of variation recovered: {told}.",
        "Longer is better; 100 % would be perfect. The mean guesses the average row every time.",
    )


def columns_rebuilt(study: Study) -> Plate | None:
    """R² of each column, the model's beside PCA's."""
    if study.shape is not None or len(study.fields) < 2 or len(study.x) < 3:
        return None
    dim = study.codes.shape[1]
    learned = study.learned / study.unit
    linear = pca(learned, dim).reconstruct(study.x / study.unit) * study.unit
    middle = np.nanmean(study.x, 0)
    own, other = (_explained(study, each, middle) for each in (study.seen, linear))
    names = [field.name for field in study.fields]
    order = np.argsort(np.nan_to_num(own, nan=-9.0))[::-1]
    left_out = max(0, len(order) - COLUMNS)
    if left_out:
        order = np.concatenate([order[: COLUMNS // 2], order[-COLUMNS // 2 :]])
    figure = canvas(WIDE, 0.235 * len(order) + 1.1)
    axis = bare(figure.subplots(), grid="x")
    low = -0.1
    places = np.arange(len(order))
    a, b = np.maximum(own[order], low), np.maximum(other[order], low)
    axis.hlines(places, a, b, color=MUTED, alpha=0.5, linewidth=1.5)
    axis.scatter(b, places, marker="D", s=24, color=LINEAR, label=f"PCA {dim}", zorder=3)
    axis.scatter(a, places, s=34, color=MODEL, label=words(study.name), zorder=4)
    axis.set_yticks(places, [words(names[i]) for i in order])
    axis.invert_yaxis()
    axis.set_xlim(low - 0.03, 1.03)
    percents(axis)
    axis.set_xlabel("share of the column's variation that is recovered (R²)")
    above(axis)
    best, worst = order[0], order[-1]
    return Plate(
        "columns",
        figure,
        Numbers(("column", "r2", "r2_pca"), list(zip(names, own.tolist(), other.tolist()))),
        f"How well each column is rebuilt: best {names[best]} with {percent(own[best])}, "
        f"worst {names[worst]} with {percent(own[worst])}.",
        "A column near 100 % survives the narrow code; one near 0 % is rebuilt as its average, because it is "
        "noise to the model or has nothing in common with the others. What is worse than the average stands "
        "at the left edge." + (f" Of {len(own)} columns the best and the worst dozen." if left_out else ""),
    )


def error_by_dimension(study: Study) -> Plate | None:
    """PCA's error over the number of dimensions, and where the model stands."""
    if study.comparison is None:
        return None
    mean, linear, own = study.comparison.scores
    dim = study.codes.shape[1]
    learned = study.learned / study.unit
    most = min(*learned.shape, max(2 * dim, 12))
    projection = pca(learned, most)
    test = study.x / study.unit
    steps = sorted({*np.unique(np.linspace(1, most, 24).round().astype(int)).tolist(), min(dim, most)})
    curve = [float(study.stick.error(test, projection.truncated(k).reconstruct(test)).mean()) for k in steps]
    figure = canvas(WIDE, 3.1)
    axis = bare(figure.subplots(), grid="both")
    axis.plot([0, *steps], [mean.mse, *curve], "-", color=LINEAR, linewidth=1.8)
    axis.plot([0, *steps], [mean.mse, *curve], "D", color=LINEAR, markersize=3.5, label="PCA")
    axis.plot(
        [dim], [own.mse], "o", color=MODEL, markersize=10, label=f"{words(study.name)}, {dim} dimensions"
    )
    equal = next((k for k, error in zip(steps, curve) if error <= own.mse), None)
    axis.set_ylim(0)
    axis.set_xlabel("dimensions of the code")
    axis.set_ylabel("mean squared error" + (" (sd²)" if study.units == "columns" else ""))
    axis.xaxis.get_major_locator().set_params(integer=True)
    above(axis)
    reach = (
        f"PCA needs {equal} dimensions to do as well as the model does with {dim}."
        if equal is not None
        else f"PCA does not do as well as the model with {dim} even at {most} dimensions."
    )
    numbers = [("mean", 0, mean.mse), *(("PCA", k, e) for k, e in zip(steps, curve))]
    return Plate(
        "error_by_dimension",
        figure,
        Numbers(("method", "dimensions", "mse"), [*numbers, (own.name, dim, own.mse)]),
        f"A falling curve of PCA's error over dimensions, and the model's error at {dim}. {reach}",
        f"{reach} Fewer dimensions for the same error is a better summary.",
    )


def _explained(study: Study, seen: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """R² of each column; of a class, by the squares of its probabilities."""
    total, left = (np.nansum(summed(study.fields, np.square(study.x - guess)), 0) for guess in (middle, seen))
    return np.divide(total - left, total, out=np.full(len(total), np.nan), where=total > 0)
