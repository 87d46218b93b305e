"""What the decoder says: how sure it is, and how sharp."""

from __future__ import annotations

import numpy as np

from ..baselines import pca
from ..metrics.arrays import Array
from .examination import Patient
from .findings import Curves, Finding, Spread
from .regularisation import all_silent
from .remedies import lighter

BALANCE = 4.0  # the β that Higgins et al. 2017 choose on purpose
KEPT = 0.5  # half of the energy: −3 dB, where a filter is said to cut
SOME = 0.1  # of the data's energy; of less, there is nothing to blur


def decoder_scale(patient: Patient) -> Finding | None:
    """σ of a Gaussian decoder is far from its residuals, so that the KL is weighed by what nobody asked for.

        −ELBO = ½ Σ (x − μ)² / σ² + KL + …   so that σ² = c · mean (x − μ)² weighs the KL by β = c

    against the calibrated σ² = mean (x − μ)² (Rybkin, Daniilidis & Levine 2021, arXiv:2006.13202, section
    3.2): too large, and codes are blurred away; too small, and they are far from the prior. Residuals are
    those of training rows at draws from their posteriors, as the objective has them. A c beyond 4 or below
    1/4 is found: a weight as large as the one that Higgins et al. 2017 chose deliberately. Only where there
    is a KL that a reconstruction is weighed against; elsewhere σ changes neither codes nor reconstructions.
    """
    half, objective = patient.train, repr(getattr(patient.embedder.model_.autoencoder, "objective", ""))
    known = np.isfinite(half.standard)
    if half.kl is None or "reconstruction" not in objective or not known.any():
        return None
    weight = 1 / max(float(np.square(half.standard[known]).mean()), 1e-30)
    if 1 / BALANCE <= weight <= BALANCE:
        return None
    times = f"{weight:.3g} times" if weight > 1 else f"1/{1 / weight:.3g} of"
    effect = "blurred away" if weight > 1 else "left wherever they fit, far from the prior"
    draw = np.random.default_rng(0)
    shown = half.standard[known]
    shown = shown if len(shown) <= 20_000 else draw.choice(shown, 20_000, replace=False)
    remedy = (
        f"{patient.again}   # a likelihood that learns its scale"
        if patient.fixed_scale
        else f"{patient.again} --set likelihood=gaussian --set likelihood.scale=optimal"
    )
    return Finding(
        "decoder scale",
        "warning",
        f"the decoder's variance is {times} the mean squared residual of training rows. To the objective "
        f"that is a KL weighed by {weight:.3g}: codes are {effect}.",
        remedy,
        Spread(
            "Residuals in the decoder's own standard deviations",
            {
                "residuals": np.clip(shown, -8, 8),
                "what it expects": draw.standard_normal(len(shown)).clip(-8, 8),
            },
            "(x − μ) / σ",
        ),
    )


def blurred(patient: Patient) -> Finding | None:
    """Pictures rebuilt without their details, which were averaged over what the code does not tell.

    The best guess under a squared error is a mean, and E‖x‖² = E‖x̂‖² + E‖x − x̂‖² at every frequency: what
    the code does not tell is missing in x̂. How much must be missing, PCA says: it is a mean too, the best
    straight one, of a code as wide. The finding is that less than half (−3 dB) of the energy that PCA's
    reconstructions keep is left, in frequencies above half of the highest, over pictures less their mean, by
    two standard errors over rows; where PCA keeps a tenth of the data's energy or more. Of a code that says
    nothing `collapse` says more.
    """
    half, shape = patient.judged, patient.shape
    whole = np.isfinite(half.target).all(1)
    size = half.target.shape[1]
    if all_silent(patient):
        return None
    if shape is None or size != np.prod(shape) or min(shape[-2:]) < 6 or whole.sum() < 20:
        return None
    learned = patient.train.target
    linear = pca(learned, min(patient.dim, size - 1))
    rows = {
        "data": half.target[whole],
        patient.recipe.name: half.seen[whole],
        f"PCA {patient.dim}": linear.reconstruct(half.target[whole]),
    }
    frequency = _frequencies(shape)
    power = [_power(values - linear.mean, shape) for values in rows.values()]
    data, own, straight = (each[:, frequency > 0.25].sum(1) for each in power)  # (n,) each
    lack = KEPT * straight - own
    if straight.sum() < SOME * data.sum() or lack.mean() <= 2 * lack.std(ddof=1) / np.sqrt(len(lack)):
        return None
    edges = np.linspace(0, 0.5, 1 + min(12, min(shape[-2:]) // 2 + 2))
    middle = (edges[:-1] + edges[1:]) / 2
    bands = np.digitize(frequency, edges[1:-1])
    profile = {
        name: np.array([each[:, bands == i].sum() / len(each) for i in range(len(middle))])
        for name, each in zip(rows, power)
    }
    remedy = f"{patient.command} --dim {2 * patient.dim}"
    if patient.train.kl is not None:
        remedy = f"{remedy}\n# or a code that is allowed to tell more\n{lighter(patient)}"
    remedy += (
        f"\nisthmus fit vae_gan {patient.source} --dim {patient.dim}   # details like the data's, not equal"
    )
    return Finding(
        "blurred",
        "warning",
        f"reconstructions keep {100 * own.sum() / data.sum():.0f} % of the energy of {patient.held} at high "
        f"spatial frequencies; PCA of as many dimensions keeps {100 * straight.sum() / data.sum():.0f} %. "
        "Details are averaged over what the code does not tell.",
        remedy,
        Curves(
            "Energy of pictures over spatial frequency",
            "cycles a pixel",
            middle,
            profile,
            "energy a picture",
        ),
    )


def _frequencies(shape: tuple[int, ...]) -> Array:
    """(h, w'): cycles a pixel of each coefficient of a real transform."""
    down, right = np.fft.fftfreq(shape[-2]), np.fft.rfftfreq(shape[-1])
    return np.hypot(down[:, None], right[None])


def _power(values: Array, shape: tuple[int, ...]) -> Array:
    """(n, d) -> (n, h, w'): the energy of each picture at each of them; those of two signs count twice."""
    coefficients = np.fft.rfft2(values.reshape(len(values), -1, *shape[-2:]))  # (n, c, h, w')
    twice = np.full(coefficients.shape[-1], 2.0)
    twice[0] = 1.0
    if shape[-1] % 2 == 0:
        twice[-1] = 1.0
    return (np.square(np.abs(coefficients)) * twice).sum(1) / (shape[-1] * shape[-2])
