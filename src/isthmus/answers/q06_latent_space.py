"""What is the latent space, and what can be read off it?

**In short.** It is the space of codes: coordinates that the autoencoder has found for the rows. The decoder
maps it onto a curved surface in data space, so that near codes are near rows, and a straight line between
two codes is a curved path among rows. What it holds is found by asking: neighbours, probes, interpolations.

**Definition.** z = f(x) in R^k, and the surface {g(z)}. Codes of all rows form the aggregate posterior q(z).

**Mathematics.** Distances in code space are coordinates, not lengths. A small step dz moves the output by

    ‖g(z + dz) − g(z)‖² ≈ dzᵀ G(z) dz,   G(z) = J_g(z)ᵀ J_g(z)

the pull-back metric; shortest paths under G are geodesics. Any invertible map h may be inserted: f → h ∘ f,
g → g ∘ h⁻¹ leaves the loss of a plain autoencoder as it was, so that axes, units and angles mean nothing by
themselves. A prior (VAE) fixes scale and shape, up to maps that leave the prior as it is, rotations among
them; a penalty may fix axes. How many directions rows vary in near any place, their intrinsic dimension, is
read off the distances to the two nearest neighbours (TwoNN).

**Intuition.** A map of a country: a good one keeps neighbours together, but the paper's inches are not
miles, and the map could be redrawn at will.

**When, and when not.** Interpolate and do arithmetic where codes are dense: in a VAE, or between close rows.
For Gaussian codes in many dimensions use spherical interpolation, as a straight midpoint has a length no
draw has. Use a k-NN or linear probe to say what is there, and the same on PCA's codes to say what is new.
Two dimensions for looking, more for using.

**Pitfalls.** Probing on the rows the encoder was trained on. Reading clusters off a t-SNE picture. Holes:
between two classes a plain autoencoder decodes what it never saw. A linear net's straight lines are
cross-fades of its reconstructions, however deep. Spherical interpolation of codes that are no Gaussian.
Comparing distances across models. Interpretation of a single axis of a model whose axes are arbitrary.

**Sources.** Hinton and Salakhutdinov 2006, Science 313; Arvanitidis, Hansen and Hauberg 2018,
arXiv:1710.11379; White 2016, arXiv:1609.04468 (spherical interpolation); Facco et al. 2017, Scientific
Reports 7.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ..baselines import pca
from ..metrics import intrinsic_dimension, knn_probe
from ..model import Autoencoder
from ..models import autoencoder
from ..nets import mlps
from ..recipes import Recipe
from .common import Grey, codes, grey, reconstructed, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the activations are left out: the code is a linear one, and its straight lines are cross-fades"


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    x = grey(budget)
    flat = fitted(2, x, budget, bug)
    best = pca(x.train, 2)
    mapped, linear = (
        knn_probe(train, x.train_labels, test, x.test_labels)
        for train, test in (
            (codes(flat, x.train), codes(flat, x.test)),
            (best.transform(x.train), best.transform(x.test)),
        )
    )
    model = fitted(8, x, budget, bug)
    ends = pairs(x, budget.seed)
    seen, between = reconstructed(model, x.test), midpoints(model, x, ends)
    faded = (seen[ends[0]] + seen[ends[1]]) / 2
    away = {
        "a reconstructed digit": from_digits(seen, x),
        "midpoint of two codes, decoded": from_digits(between, x),
        "midpoint of two reconstructions: a cross-fade": from_digits(faded, x),
        "midpoint of two digits, pixel by pixel": from_digits((x.test[ends[0]] + x.test[ends[1]]) / 2, x),
    }
    seen_away, between_away, faded_away, _ = away.values()
    dimension = intrinsic_dimension(x.train[: budget.pick(None, 5000)]).dimension.estimate
    claims = [
        Claim(
            "Accuracy of 5 neighbours on a code of two numbers",
            mapped.score,
            at_least=budget.pick(0.75, 0.7),
        ),
        Claim(
            "How far decoded midpoints leave the digits, as a share of how far cross-fades do",
            (between_away - seen_away) / (faded_away - seen_away),
            at_most=0.93,  # an affine net gives 1 to rounding, however it was trained
        ),
        Claim(
            "Intrinsic dimension of the digits (TwoNN)",
            dimension,
            at_least=budget.pick(6, 10),
            at_most=budget.pick(12, 16),
            guarded=False,
        ),
    ]
    tables = [
        Table(
            "Accuracy of 5 nearest neighbours on two numbers, held-out digits",
            ["", "accuracy"],
            [
                ["the most frequent digit", mapped.baseline],
                ["PCA", linear.score],
                ["autoencoder", mapped.score],
            ],
        ),
        Table(
            "Squared distance to the nearest training digit, pairs of different digits",
            ["", "distance"],
            [[name, value] for name, value in away.items()],
        ),
    ]
    return Evidence(claims, tables, [picture(x, flat, best.transform(x.test))])


def fitted(dim: int, x: Grey, budget: Budget, bug: bool) -> Autoencoder:
    nets = Recipe(mlps, activation=nn.Identity if bug else nn.SiLU)
    hidden = budget.pick((128, 64), (512, 256, 128))
    build = partial(autoencoder, x.train.shape[1], dim, hidden, nets=nets)
    size = budget.pick(64, 128)
    return trained(build, x.train, budget, budget.pick(45, 6), budget.pick(4e-3, 1e-3), batch_size=size)


def pairs(x: Grey, seed: int, number: int = 400) -> np.ndarray:
    """(2, n): positions of test rows that show different digits."""
    both = np.random.default_rng(seed).integers(len(x.test), size=(2, number))
    return both[:, x.test_labels[both[0]] != x.test_labels[both[1]]]


def midpoints(model: Autoencoder, x: Grey, ends: np.ndarray) -> np.ndarray:
    z = codes(model, x.test)
    with torch.no_grad():
        return model.decode(torch.from_numpy((z[ends[0]] + z[ends[1]]) / 2)).mean.numpy()


def from_digits(rows: np.ndarray, x: Grey) -> float:
    """The squared distance to the nearest training row, on average."""
    from sklearn.neighbors import NearestNeighbors

    distance, _ = NearestNeighbors(n_neighbors=1).fit(x.train[:10_000]).kneighbors(rows)
    return float(np.square(distance).mean())


def picture(x: Grey, model: Autoencoder, straight: np.ndarray) -> Picture:
    def draw(figure: Figure) -> None:
        shown = (("autoencoder", codes(model, x.test)), ("PCA", straight))
        for axis, (name, z) in zip(figure.subplots(1, 2), shown):
            dots = axis.scatter(*z.T, c=x.test_labels, cmap="tab10", s=8, vmin=-0.5, vmax=9.5)
            axis.set_title(name, fontsize=10)
            axis.set_xticks([])
            axis.set_yticks([])
        figure.colorbar(dots, ticks=range(10), label="digit")

    alt = (
        "Held-out digits at their codes of two numbers: the autoencoder keeps digits apart that PCA overlays."
    )
    return Picture("Two numbers for a digit", alt, draw, (8.6, 3.8))
