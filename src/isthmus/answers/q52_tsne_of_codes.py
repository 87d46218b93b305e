"""What does a t-SNE picture of the latent space show, and what not?

**In short.** t-SNE places codes in the plane so that neighbours stay neighbours. It shows which codes are
close together. It does not show how far apart groups are, how dense they are, or how many there are: sizes,
gaps and the picture's axes mean nothing. Judge the map by numbers (trustworthiness, continuity) and print
them with it.

**Definition.** For codes z_i, p_{j|i} ∝ exp(−‖z_i − z_j‖² / 2σ_i²), with σ_i such that each row has the same
perplexity exp H(p_i), about its number of neighbours; p_ij = (p_{j|i} + p_{i|j}) / 2n. In the map y,

    q_ij ∝ 1 / (1 + ‖y_i − y_j‖²),   min_y KL(P ‖ Q) = Σ_ij p_ij log p_ij / q_ij

**Mathematics.** KL(P ‖ Q) is dear where p is large and q small, a neighbour torn away, and cheap the other
way round: the map may put strangers side by side. Trustworthiness falls with neighbours on the map that are
no neighbours among the codes, continuity with those that the map has lost. The heavy tail of q gives room:
a ball in ten dimensions has more neighbours at a moderate distance than a disc can hold (crowding). Early
exaggeration multiplies p by 12 in the first 250 steps so that groups find one another; the loss in that
phase is another one.

**Intuition.** Springs between neighbours, and everyone pushes everyone else a little. Inflate the plane
until it is quiet.

**When, and when not.** To look at codes: clusters, outliers, labels that lie. Not as features, not to
measure, not to choose between models. From about 50 dimensions reduce first; the autoencoder does. UMAP is
a relative with negative sampling; PCA keeps the large distances.

**Pitfalls.** Stopping within early exaggeration. A random start: begin from PCA, and larger structure is
less arbitrary. One perplexity only. Clusters in pure noise at small perplexity. Codes whose dimensions have
unlike units. t-SNE of the *pixels* shown as latent structure. Comparing KL at different perplexities.

**Sources.** van der Maaten and Hinton 2008, JMLR 9; Kobak and Berens 2019, Nature Communications 10;
Wattenberg, Viégas and Johnson 2016, Distill; Venna and Kaski 2001 (trustworthiness, continuity).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..baselines import pca
from ..metrics import continuity, knn_probe, trustworthiness
from ..models import autoencoder
from .common import codes, grey, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the descent stops within early exaggeration, before the loss it claims to minimise was ever used"
PERPLEXITY, NEIGHBOURS = 30.0, 12


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    x = grey(budget)
    dim, hidden = budget.pick((16, (128,)), (30, (512, 256)))
    model = trained(
        lambda: autoencoder(x.train.shape[1], dim, hidden), x.train, budget, budget.pick(50, 6), 3e-3
    )
    rows = np.random.default_rng(budget.seed).permutation(len(x.test))[: budget.pick(360, 2000)]
    z, labels = codes(model, x.test[rows]), x.test_labels[rows]
    maps = {"PCA of the codes": pca(z, 2).transform(z), "t-SNE of the codes": tsne(z, budget.seed, bug)}
    judged = {name: judge(z, y, labels) for name, y in maps.items()}
    straight, bent = judged.values()
    claims = [
        Claim(f"Trustworthiness of the map, {NEIGHBOURS} neighbours", bent[0], at_least=0.955),
        Claim(
            "Accuracy of the nearest neighbour on the map", bent[2], at_least=budget.pick(0.85, 0.9)
        ),
        Claim("KL(P ‖ Q) of the map, all pairs counted, in nats", bent[3], at_most=budget.pick(0.7, 1.5)),
        Claim(
            "Accuracy gained on PCA's map of the same codes",
            bent[2] - straight[2],
            at_least=0.25,
        ),
    ]  # fmt: skip
    own = knn_probe(z[::2], labels[::2], z[1::2], labels[1::2], k=1).score
    lines: list[list[str | float | None]] = [["the codes themselves", 1.0, 1.0, own, None]]
    lines += [[name, *found] for name, found in judged.items()]
    table = Table(
        f"{len(z)} held-out digits, codes of {dim} numbers",
        ["", "trustworthiness", "continuity", "nearest neighbour", "KL(P ‖ Q)"],
        lines,
    )
    return Evidence(claims, [table], [picture(maps, labels)])


def tsne(z: np.ndarray, seed: int, bug: bool) -> np.ndarray:
    from sklearn.manifold import TSNE

    steps = 250 if bug else 500
    return TSNE(2, perplexity=PERPLEXITY, init="pca", max_iter=steps, random_state=seed).fit_transform(z)


def judge(z: np.ndarray, y: np.ndarray, labels: np.ndarray) -> tuple[float, float, float, float]:
    """Trustworthiness, continuity, accuracy of half of the rows by the other half, and the divergence."""
    near = knn_probe(y[::2], labels[::2], y[1::2], labels[1::2], k=1)
    return (
        trustworthiness(z, y, NEIGHBOURS),
        continuity(z, y, NEIGHBOURS),
        near.score,
        divergence(affinities(z, PERPLEXITY), y),
    )


def affinities(z: np.ndarray, perplexity: float) -> np.ndarray:
    """P (n, n): each row's bandwidth by bisection, so that its entropy is log perplexity; then symmetric."""
    from scipy.special import entr, softmax

    squared = np.square(z[:, None] - z).sum(-1).astype(np.float64)
    np.fill_diagonal(squared, np.inf)
    low, high = np.full(len(z), -30.0), np.full(len(z), 30.0)  # of log 1 / 2σ²
    for _ in range(50):
        middle = (low + high) / 2
        p = softmax(-np.exp(middle)[:, None] * squared, 1)
        wide = entr(p).sum(1) > np.log(perplexity)
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    return (p + p.T) / (2 * len(z))


def divergence(p: np.ndarray, y: np.ndarray) -> float:
    """KL(P ‖ Q) of a map at its best scale: PCA's units are not t-SNE's."""
    from scipy.special import rel_entr

    squared = np.square(y[:, None] - y).sum(-1).astype(np.float64)

    def at(scale: float) -> float:
        q = 1 / (1 + scale * squared)
        np.fill_diagonal(q, 0)
        return float(rel_entr(p, np.maximum(q / q.sum(), 1e-300)).sum())

    return min(at(scale / squared.mean()) for scale in np.geomspace(1e-2, 1e4, 25))


def picture(maps: dict[str, np.ndarray], labels: np.ndarray) -> Picture:
    def draw(figure: Figure) -> None:
        for axis, (name, y) in zip(figure.subplots(1, 2), maps.items()):
            dots = axis.scatter(*y.T, c=labels, cmap="tab10", s=8, vmin=-0.5, vmax=9.5)
            axis.set_title(name, fontsize=10)
            axis.set_xticks([])
            axis.set_yticks([])
        figure.colorbar(dots, ticks=range(10), label="digit")

    alt = "The same codes twice: overlapping digits on PCA's two axes, separate islands of a digit by t-SNE."
    return Picture("Two maps of the same codes", alt, draw, (8.6, 3.8))
