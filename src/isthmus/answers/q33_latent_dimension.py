"""How is the dimension of the code chosen?

**In short.** As small as the error allows: at the elbow of held-out error against dimension, which for data
near a curved surface is the dimension of that surface. Estimate it before training (intrinsic dimension),
sweep a few sizes around it, and compare each with PCA of the same size. Beyond the elbow more numbers buy
noise.

**Definition.** err(k) is the held-out error of a net with k code numbers, each trained to its end. The
intrinsic dimension m is the number of coordinates that locate a row near its neighbours. A unit j of a VAE
is active when Var_x E[z_j | x] > 0.01: it moves with the data.

**Mathematics.** PCA's err(k) is the sum of the eigenvalues beyond k; a non-linear net can only be better,
and reaches the noise floor at k = m (2m + 1 always suffices for an embedding: Whitney; a closed surface
needs more than m). TwoNN reads m off the distances to the two nearest neighbours: with μ = r₂ / r₁,

    P(μ > t) = t^(−m),   m ≈ n / Σ log μ_i

A linear VAE keeps the directions with λ_j > σ² and switches the others off: there the ELBO chooses k.

**Intuition.** A curve drawn in space can be told by one number, though it needs three straight axes. PCA
counts axes; the autoencoder counts what must be said.

**When, and when not.** Compression and anomaly detection: at or a little below the elbow. Features for a
classifier: larger, by held-out accuracy. Generation: a VAE with room to spare, which prunes itself, though
not to exactly m. One net for all k: nested dropout. Two dimensions are for plotting only.

**Pitfalls.** An under-trained wide net: an err(k) above PCA's says that training is not at its end, not
that k is wrong (as for the widest code of digits below). A net without non-linearity is PCA at any depth.
"95 % of variance" overstates m for curved data. Counting active units of a plain autoencoder: a threshold
means nothing where codes have no unit. Choosing k on test rows.

**Sources.** Facco et al. 2017, Scientific Reports 7 (TwoNN); Levina and Bickel 2005, NeurIPS; Burda et al.
2016, arXiv:1509.00519 (active units); Lucas et al. 2019, arXiv:1911.02469; Rippel et al. 2014,
arXiv:1402.0915.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from ..baselines import mean_predictor, pca
from ..metrics import suggest_dim
from ..models import autoencoder
from ..nets import mlps
from ..recipes import Recipe
from .common import grey, reconstructed, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the activations are left out: however deep, the net is linear, and counts straight axes"
INTRINSIC = 3

Curve = dict[int, tuple[float, float]]  # dimension -> error of the autoencoder, of PCA


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    train, test = surface(budget.seed)
    bent = curve(train, test, (2, INTRINSIC, 6), budget, bug, hidden=(128,), epochs=50)
    x = grey(budget)
    sizes = budget.pick((2, 8, 32), (2, 8, 16, 30, 64))
    hidden = budget.pick((128,), (512, 256))
    digits = curve(x.train, x.test, sizes, budget, bug, hidden, budget.pick(50, 4))
    suggestion = suggest_dim(train, seed=budget.seed)
    claims = [
        Claim(
            f"Surface of dimension {INTRINSIC}: error with as many numbers, as a share of PCA's",
            bent[INTRINSIC][0] / bent[INTRINSIC][1],
            at_most=0.5,
        ),
        Claim(
            "The same: fall of the error from 2 numbers to 3, over its fall from 3 to 6",
            (bent[2][0] / bent[3][0]) / (bent[3][0] / bent[6][0]),
            at_least=2,
        ),
        Claim("Digits: error with 8 numbers, as a share of PCA's", digits[8][0] / digits[8][1], at_most=0.8),
        Claim(
            f"Dimension suggested before any training; the truth is {INTRINSIC}",
            float(suggestion.dim),
            at_least=INTRINSIC - 1,
            at_most=INTRINSIC + 1,
            guarded=False,
        ),
    ]
    for found, rows, held in ((bent, train, test), (digits, x.train, x.test)):
        mean = squared(held, mean_predictor(rows).reconstruct(held))
        found[0] = mean, mean
    tables = [
        Table(
            f"Squared error of held-out rows, summed over features: {name}",
            ["dimension (0 is the mean)", "autoencoder", "PCA"],
            [[str(k), *errors] for k, errors in sorted(found.items())],
        )
        for name, found in (("the surface", bent), ("digits", digits))
    ]
    return Evidence(claims, tables, [picture(bent, digits)])


def surface(seed: int, rows: int = 1500, width: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """A bent surface of dimension 3 in 20, with a little noise; two thirds are for training."""
    draw = np.random.default_rng(seed)
    place = draw.uniform(-1, 1, (rows, INTRINSIC))
    x = np.tanh(1.5 * place @ draw.normal(size=(INTRINSIC, width))) @ draw.normal(size=(width, width))
    x = x / x.std() + 0.05 * draw.normal(size=x.shape)
    x = x.astype(np.float32)
    return x[: 2 * rows // 3], x[2 * rows // 3 :]


def curve(
    train: np.ndarray,
    test: np.ndarray,
    sizes: tuple[int, ...],
    budget: Budget,
    bug: bool,
    hidden: tuple[int, ...],
    epochs: int,
) -> Curve:
    """Held-out errors at each size of the code."""
    nets = Recipe(mlps, activation=nn.Identity if bug else nn.ReLU)

    def errors(k: int) -> tuple[float, float]:
        build = partial(autoencoder, train.shape[1], k, hidden, nets=nets)
        model = trained(build, train, budget, epochs, 3e-3)
        return squared(test, reconstructed(model, test)), squared(test, pca(train, k).reconstruct(test))

    return {k: errors(k) for k in sizes}


def picture(bent: Curve, digits: Curve) -> Picture:
    def draw(figure: Figure) -> None:
        shown = (("a bent surface of dimension 3", bent), ("digits", digits))
        for axis, (name, found) in zip(figure.subplots(1, 2), shown):
            for which, label in enumerate(("autoencoder", "PCA")):
                sizes = [k for k in found if k]
                axis.plot(sizes, [found[k][which] for k in sizes], "o-", label=label)
            axis.set_yscale("log")
            axis.set_xscale("log", base=2)
            axis.set_xticks(sizes, list(map(str, sizes)))
            axis.set_xlabel("numbers in the code")
            axis.set_ylabel("squared error")
            axis.set_title(name, fontsize=10)
            axis.legend()

    alt = (
        "Held-out error against the size of the code. On the surface the autoencoder's curve drops at 3 and "
        "falls little afterwards; PCA's goes on falling. On digits it lies below PCA's at small codes."
    )
    return Picture("Error against dimension", alt, draw, (8.6, 3.8))
