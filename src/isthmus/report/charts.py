"""The figures that any rows allow: each a function from a study to a `Plate`, or None if it says nothing."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..baselines import pca
from ..metrics import active_units, information_per_dimension, kl_per_dimension
from .blocks import Numbers, Plate, number, percent
from .drawing import COLOURS, MUTED, bare, canvas, words
from .fields import Field, summed
from .figures import learning_curves, legend, scatter, shown_labels
from .study import MAPPED, Study

MODEL, LINEAR, THIRD = COLOURS[0], COLOURS[3], COLOURS[2]
WIDE = 7.4  # inches: a page's column
COLUMNS = 24  # that a figure names, of wide tables those that matter most


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
    _percents(axis)
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
    _percents(axis)
    axis.set_xlabel("share of the column's variation that is recovered (R²)")
    _above(axis)
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


def _explained(study: Study, seen: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """R² of each column; of a class, by the squares of its probabilities."""
    total, left = (np.nansum(summed(study.fields, np.square(study.x - guess)), 0) for guess in (middle, seen))
    return np.divide(total - left, total, out=np.full(len(total), np.nan), where=total > 0)


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
    there = ~np.isnan(test)
    steps = sorted({*np.unique(np.linspace(1, most, 24).round().astype(int)).tolist(), min(dim, most)})
    curve = [
        float(np.square(np.where(there, test - projection.truncated(k).reconstruct(test), 0)).sum())
        / max(1, there.sum())
        for k in steps
    ]
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
    _above(axis)
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


def maps(study: Study) -> Plate | None:
    """The codes on a plane: PCA, t-SNE, and UMAP where it is installed, each with its trustworthiness."""
    from sklearn.manifold import TSNE, trustworthiness

    n = min(len(study.codes), MAPPED)
    if study.codes.shape[1] < 2 or n < 20:
        return None
    pick = np.sort(np.random.default_rng(1).choice(len(study.codes), n, replace=False))
    z, labels = study.codes[pick], None if study.labels is None else shown_labels(study.labels[pick])
    if not (z.max(0) > z.min(0)).any():
        return None
    planes = {"PCA": pca(z, 2).transform(z)}
    perplexity = min(30.0, (n - 1) / 4)
    tsne = TSNE(2, init="pca", perplexity=perplexity, random_state=0, max_iter=500)
    planes["t-SNE"] = tsne.fit_transform(z.astype(np.float32))
    umap = importlib.util.find_spec("umap") is not None
    if umap and study.patient:
        planes["UMAP"] = _umap(z)
    neighbours = min(10, n // 2 - 1)
    trust = {m: float(trustworthiness(z, plane, n_neighbors=neighbours)) for m, plane in planes.items()}
    figure = canvas(WIDE, WIDE / len(planes) + (0.75 if labels is not None else 0.5))
    panels = figure.subplots(1, len(planes), squeeze=False)[0]
    for axis, (method, plane) in zip(panels, planes.items()):
        shown = scatter(axis, plane, labels)
        axis.set_title(f"{method}: trustworthiness {trust[method]:.2f}", fontsize=10)
        axis.set_xticks([])
        axis.set_yticks([])
        axis.set_box_aspect(1)
        for side in axis.spines.values():
            side.set_color(MUTED)
    legend(figure, panels, labels, shown, place="outside lower center")
    found = ["row", *(f"{m}_{i}" for m in planes for i in (1, 2)), "label"]
    given = [""] * n if labels is None else labels.tolist()
    rows = [
        (int(where), *at, label)
        for where, at, label in zip(study.places[pick], np.hstack(list(planes.values())).tolist(), given)
    ]
    told = ", ".join(f"{m} {t:.2f}" for m, t in trust.items())
    return Plate(
        "latent_map",
        figure,
        Numbers(found, rows),
        f"Maps of {n} codes of {study.held}; trustworthiness {told}.",
        f"A point is one of {n} {study.held}, and neighbours have similar codes. Trustworthiness, 0 to 1, "
        f"says how far a point's {neighbours} neighbours there are neighbours among the codes too; "
        "below about 0.9 do not read much into small groups. Distances between far groups mean little in "
        "t-SNE and UMAP." + (" The command isthmus report adds UMAP." if umap and not study.patient else ""),
    )


def _umap(z: np.ndarray) -> np.ndarray:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a seed means one thread, and deprecations within
        from umap import UMAP

        found: np.ndarray = UMAP(random_state=0, n_neighbors=min(15, len(z) - 1)).fit_transform(z)
    return found


def dimensions(study: Study) -> tuple[Plate, str] | None:
    """KL and information of each latent dimension, with a sentence on the active ones."""
    if not study.probabilistic:
        return None
    model, rows = study.embedder.model_, study.net_rows
    try:
        kl = kl_per_dimension(model, rows).numpy()
    except TypeError:  # a posterior without a closed form towards its prior
        return None
    units = active_units(model, rows)
    information = information_per_dimension(model, rows).numpy()
    order = np.argsort(kl)[::-1][:40]
    figure = canvas(WIDE, 2.9)
    axis = bare(figure.subplots(), grid="y")
    places = np.arange(len(order))
    axis.bar(places - 0.2, kl[order], 0.4, color=MODEL, label="KL from the prior")
    axis.bar(places + 0.2, information[order], 0.4, color=COLOURS[1], label="information about the row")
    axis.set_xticks(places, [f"z{i}" for i in order], rotation=90 if len(order) > 20 else 0)
    axis.set_ylabel("nats")
    _above(axis)
    active = units.active.numpy()
    dead = [f"z{i}" for i in range(len(kl)) if not active[i]]
    sentence = (
        f"{units.number} of {len(kl)} dimensions are active"
        + (f"; {', '.join(dead[:8])}{' …' if len(dead) > 8 else ''} carry nothing" if dead else "")
        + f". Together the code costs {number(float(kl.sum()))} nats a row."
    )
    rows_ = zip(kl.tolist(), information.tolist(), units.variance.tolist(), active.tolist())
    plate = Plate(
        "dimensions",
        figure,
        Numbers(
            ("dimension", "kl_nats", "information_nats", "variance_of_means", "active"),
            [(f"z{i}", *row) for i, row in enumerate(rows_)],
        ),
        f"Bars of KL and information for each latent dimension. {sentence}",
        "How much each number of the code says about a row. A dimension at zero has collapsed: it is always "
        "drawn from the prior and could be left out. Information is estimated from the rows shown and cannot "
        f"exceed log n = {math.log(len(rows)):.1f} nats. A dimension is active where the variance of its "
        "mean exceeds 0.01 (Burda et al. 2016).",
    )
    return plate, sentence


def curves(study: Study) -> Plate | None:
    """Each term of the objective over the epochs."""
    if not study.history:
        return None
    figure = learning_curves({study.name: study.history}, title=False)
    terms = list(study.history[0]["train"])
    held = [f"{t}, held out" for t in study.history[0].get("held_out", {})]
    rows = [
        (
            r["epoch"] + 1,
            *(r["train"].get(t, "") for t in terms),
            *(r.get("held_out", {}).get(t.removesuffix(", held out"), "") for t in held),
        )
        for r in study.history
    ]
    first, last = study.history[0]["train"], study.history[-1]["train"]
    told = ", ".join(f"{t} from {number(first[t])} to {number(last.get(t, math.nan))}" for t in terms)
    return Plate(
        "learning_curve",
        figure,
        Numbers(("epoch", *terms, *held), rows),
        f"Curves over {len(rows)} epochs: {told}.",
        "Means over rows, in nats where the term is a likelihood or a divergence; lower is better. A curve "
        "that still falls at the right end asks for more epochs.",
    )


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
        moved = np.argsort(np.ptp(standard, 0))[::-1][:4]
        for colour, style, column in zip((0, 3, 2, 7), ("-", "--", "-.", ":"), moved):
            axis.plot(
                steps, standard[:, column], style, color=COLOURS[colour], linewidth=1.8,
                label=words(study.names[column], 22),
            )  # fmt: skip
        axis.set_title(f"z{dimension}", fontsize=10, fontweight="bold")
        _below(axis)
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
        moved = np.argsort(np.abs(standard[-1] - standard[0]))[::-1][:4]
        for colour, style, column in zip((0, 3, 2, 7), ("-", "--", "-.", ":"), moved):
            axis.plot(
                along, standard[:, column], style, color=COLOURS[colour], linewidth=1.8,
                label=words(study.names[column], 16),
            )  # fmt: skip
            real = (study.x[[a, b], column] - middle[column]) / deviation[column]
            axis.plot([0, 1], real, "o", color=COLOURS[colour], markersize=5)
        axis.set_xticks([0, 1], [f"row {study.places[a]}", f"row {study.places[b]}"])
        _below(axis)
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


def _percents(axis: Any) -> None:
    ticks = np.linspace(0, 1, 6)
    axis.set_xticks(ticks, [f"{100 * tick:.0f} %" for tick in ticks])


def _above(axis: Any) -> None:
    """The legend where no mark can be."""
    axis.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)


def _below(axis: Any) -> None:
    axis.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.1))


def _deviation(study: Study) -> np.ndarray:
    deviation = np.nanstd(study.x, 0)
    return np.where(deviation > 0, deviation, 1.0)


def _telling(study: Study) -> np.ndarray:
    """Columns in the order in which figures show them: those that vary, as they stand in the file."""
    varies = np.nanstd(study.x, 0) > 0
    return np.flatnonzero(varies) if varies.any() else np.arange(study.x.shape[1])
