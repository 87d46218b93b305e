"""What codes are like: on a plane, and what each of their dimensions says."""

from __future__ import annotations

import importlib.util
import math

import numpy as np

from ...baselines import pca
from ...metrics import active_units, information_per_dimension, kl_per_dimension
from ..blocks import Numbers, Plate, number
from ..drawing import COLOURS, MUTED, bare, canvas
from ..figures import legend, scatter, shown_labels
from ..study import MAPPED, Study
from .axes import MODEL, WIDE, above


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


def dimensions(study: Study) -> tuple[Plate, str] | None:
    """KL and information of each latent dimension, with a sentence on the active ones."""
    if not study.probabilistic:
        return None
    model, rows = study.embedder.model_, study.net_rows
    try:
        kl = kl_per_dimension(model, rows).numpy()
        information = information_per_dimension(model, rows).numpy()
    except TypeError:  # a posterior without a closed form towards its prior, or of no single dimensions
        return None
    units = active_units(model, rows)
    order = np.argsort(kl)[::-1][:40]
    figure = canvas(WIDE, 2.9)
    axis = bare(figure.subplots(), grid="y")
    places = np.arange(len(order))
    axis.bar(places - 0.2, kl[order], 0.4, color=MODEL, label="KL from the prior")
    axis.bar(places + 0.2, information[order], 0.4, color=COLOURS[1], label="information about the row")
    axis.set_xticks(places, [f"z{i}" for i in order], rotation=90 if len(order) > 20 else 0)
    axis.set_ylabel("nats")
    above(axis)
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


def _umap(z: np.ndarray) -> np.ndarray:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a seed means one thread, and deprecations within
        from umap import UMAP

        found: np.ndarray = UMAP(random_state=0, n_neighbors=min(15, len(z) - 1)).fit_transform(z)
    return found
