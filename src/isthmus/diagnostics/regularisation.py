"""How much the code tells, beside what the data support, and whether it lies where the prior is."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from ..baselines import probabilistic_pca
from ..baselines.comparison import Outcome
from ..latents import Deterministic, Imposed, Refitted
from ..metrics.arrays import Array
from .examination import Patient
from .findings import Bars, Finding, Spread, by_number
from .remedies import heavier, lighter

SILENT = 0.01  # nats: what carries less tells a row from another in one case of a hundred
HALF = 0.5
APART = 0.9  # total variation: codes and prior overlap in a tenth of their mass at most
DRAWS = 1000  # from the prior
FAR = 0.95  # quantile of the distances of codes: beyond it, one code in twenty


def collapse(patient: Patient) -> Finding | None:
    """The posterior is the prior, whatever the row: the decoder has learned to do without the code.

    (Bowman et al. 2016; Lucas et al. 2019.) A dimension is silent where its KL, the mean over rows, is below
    0.01 nats. All silent is a failure; some is what a VAE does with dimensions that it does not need.
    """
    kl = patient.judged.kl
    if kl is None or not (kl < SILENT).any():
        return None
    silent, k = int((kl < SILENT).sum()), len(kl)
    evidence = f"{silent} of {k} dimensions carry less than {SILENT} nats (the largest {kl.max():.2g})"
    picture = Bars(
        "What each dimension carries", by_number("z", kl), "KL from the prior, in nats", SILENT, "silent"
    )
    if silent < k:
        if over_regularised(patient) is not None:  # which says more, and that it is too few
            return None
        return Finding(
            "posterior collapse",
            "note",
            f"{evidence}: these data do not ask for more than {k - silent}.",
            f"{patient.command} --dim {k - silent}",
            picture,
        )
    return Finding(
        "posterior collapse",
        "problem",
        f"{evidence}: the decoder says the same of every row, and the code says nothing. Where columns are "
        "independent of each other that is right, there is nothing to encode; else the KL weighs too much.",
        lighter(patient),
        picture,
    )


def all_silent(patient: Patient) -> bool:
    """Whether the code says nothing of any row."""
    kl = patient.judged.kl
    return kl is not None and bool((kl < SILENT).all())


def over_regularised(patient: Patient) -> Finding | None:
    """The code tells far less than the data support, though it has not collapsed: the KL weighs too much.

    What the data support is what a linear VAE of the same width would encode, known in closed form: with
    eigenvalues λ of the covariance and σ² that of probabilistic PCA (Tipping & Bishop 1999; Lucas et al.
    2019),

        R = Σ_{j ≤ k} ½ log(λ_j / σ²)   nats,

    each of them worth more than its price to a model that can only draw straight lines. A net may do better
    with less; so it must lose to PCA too, by more than chance. "Far less" is less than half: then the signal
    stands above the noise in every dimension by the square root of what it could.
    """
    kl, comparison, k = patient.judged.kl, patient.comparison(), patient.dim
    if kl is None or comparison is None or not (kl >= SILENT).any():
        return None
    if (
        comparison.outcome not in (Outcome.LOSES, Outcome.NOTHING)
        or not 0 < k < patient.train.target.shape[1]
    ):
        return None
    try:
        linear = probabilistic_pca(patient.train.target, k)
    except ValueError:  # k dimensions explain everything: no finite rate is enough
        return None
    supported = float(0.5 * np.log(np.maximum(linear.eigenvalues[:k] / linear.variance, 1.0)).sum())
    rate = float(kl.sum())
    if rate >= HALF * supported:
        return None
    _, pca, own = comparison.scores
    return Finding(
        "over-regularised",
        "warning",
        f"a code carries {rate:.3g} nats, and a linear VAE of {k} dimensions would find {supported:.3g} "
        f"worth their price in these data. What is not in the code cannot be rebuilt: mean squared error "
        f"{own.mse:.4g} on {patient.held}, PCA {pca.mse:.4g}.",
        lighter(patient),
        Bars(
            "What a code carries, and what the data support",
            {patient.recipe.name: rate, "linear VAE": supported},
            "nats a row",
        ),
    )


def under_regularised(patient: Patient) -> Finding | None:
    """All codes together are far from the prior, so that samples fall where no code is.

    Three sets of codes: of training rows, of held-out rows (each drawn from its posterior), and of prior
    draws. If codes were distributed as the prior is, a prior draw would be as far from the nearest training
    code as a held-out one is, and 5 % of them beyond the 95 % quantile of those: exchangeable draws, whatever
    the dimension and the number of rows. The share s beyond it bounds the total variation between codes and
    prior from below, by s − 0.05. Where that is 0.9, by two standard errors, they overlap in a tenth of their
    mass at most, and nearly all samples are decoded from where the decoder has learned nothing. Where it is
    one half, the typical sample is: that is worth a note, and usual in VAEs of many clusters, for which a
    prior fitted afterwards is the remedy. Of a plain autoencoder nobody has promised that its prior fits:
    there it is a note in either case.
    (Makhzani et al. 2015; Hoffman & Johnson 2016, "ELBO surgery"; Rosca et al. 2018, arXiv:1802.06847.)
    """
    latent = patient.embedder.model_.autoencoder.latent
    if not (patient.train.kl is not None or isinstance(latent, Deterministic | Imposed | Refitted)):
        return None
    if patient.test is None:
        known, held = patient.train.drawn[::2], patient.train.drawn[1::2]
    else:
        known, held = patient.train.drawn, patient.test.drawn
    if len(held) < 20 or len(known) < 20:
        return None
    usual, sampled = (_nearest(codes[:DRAWS], known) for codes in (held, patient.prior(DRAWS)))
    away = sampled > np.quantile(usual, FAR)
    share = float(away.mean())
    variation = share - 2 * np.sqrt(share * (1 - share) / len(away)) - (1 - FAR)
    if variation < HALF:
        return None
    spread = patient.train.drawn.std(0)
    evidence = (
        f"{100 * share:.0f} % of the prior's draws lie further from the nearest code than 95 % of "
        f"{patient.held} do, where 5 % would: samples come from where no row is encoded. Codes spread by "
        f"{spread.min():.2g} to {spread.max():.2g} a dimension, the prior by "
        f"{patient.prior(DRAWS).std(0).mean():.2g}."
    )
    picture = Spread(
        "Distance to the nearest training code",
        {f"codes of {patient.held}": usual, "draws from the prior": sampled},
        "distance, in units of the code",
    )
    severity = "note" if patient.free or variation < APART else "warning"
    return Finding("under-regularised", severity, evidence, heavier(patient), picture)


def _nearest(codes: Array, among: Array) -> Array:
    """(n, k), (m, k) -> (n,): the distance to the nearest."""
    return np.concatenate(
        [cdist(some, among).min(1) for some in np.array_split(codes, 1 + len(codes) // 200)]
    )
