"""What is an invertible autoencoder, and how does it compare with a normalising flow?

**In short.** Both are one net that can be run backwards. A flow keeps every coordinate and is trained by
exact likelihood; an invertible autoencoder keeps k of them, sets the others to zero and is trained to
rebuild. The decoder has no weights of its own: it is the encoder's inverse.

**Definition.** f : ℝᵈ → ℝᵈ, a chain of coupling layers, each of which scales and shifts half of the columns
by what the other half says. Flow: log p(x) = log N(f(x); 0, I) + log |det ∂f/∂x|. Invertible autoencoder:
x̂ = f⁻¹([f(x)₁…ₖ, 0]).

**Mathematics.** In a coupling y_b = x_b exp(s(x_a)) + t(x_a) the Jacobian is triangular, so that log |det| =
Σ s, whatever s and t are: nets that are never inverted themselves. The determinants of a chain add up. The
flow is a VAE whose posterior is a point: −ELBO is −log p(x), with no gap. What the autoencoder loses is what
the d − k other coordinates held, and nothing else: at k = d it is exact, trained or not. Couplings without
scales keep volumes (NICE, which scales each column once, at the end).

**Intuition.** A plain autoencoder folds the sheet of data away and learns another map to unfold it. A
bijection cannot fold: it combs space until data look like a ball (flow), or until all that matters lies along
few axes (autoencoder).

**When, and when not.** A flow where densities matter, samples must be fast, or rows must come back exactly.
An invertible autoencoder where k is large, or where a code must not lose what is cut off for good. Each of
its layers is as wide as the data, which costs time; a plain autoencoder is cheaper for few numbers. A
bijection cannot change dimension or topology, and a density in the space of pixels says more of textures
than of things.

**Pitfalls.** Whole numbers without dequantisation: the likelihood has no maximum. The forgotten determinant:
the code shrinks to a point and the loss looks splendid. Masks that never move a column. Scales without bound,
whose inverse float32 loses. Few rows learned by heart, by the flow (the table's shrinks its weights much) and
by its rival: ten full Gaussians need their covariances held up. Log densities in scaled units compared with
others in bits per dimension.

**Sources.** Dinh et al. 2015, arXiv:1410.8516 (NICE); Dinh et al. 2017, arXiv:1605.08803 (Real NVP); Nguyen,
Ardizzone and Köthe 2019, arXiv:2303.11239; Theis et al. 2016, arXiv:1511.01844; Nielsen et al. 2020,
arXiv:2007.02731.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..baselines import pca
from ..corruptions import dequantisation
from ..data import load
from ..model import Autoencoder
from ..models import autoencoder, flow, invertible
from ..objective import Objective, term
from ..priors import Mixture, Normal
from ..randomness import seeded
from ..terms import surprise
from ..trace import Batch, Trace
from ..training import adam, cosine
from .common import learned, line, reconstructed, side_by_side, squared, trained
from .evidence import Budget, Claim, Evidence, Table

BUG = "the loss forgets log |det|, so that shrinking all codes to a point looks like learning"


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    data = load("digits")
    scale = float(data.train.x.std())
    train, test = ((torch.from_numpy(part.x).float() - 4.9) / scale for part in (data.train, data.test))
    density = fitted_flow(train, scale, budget, bug)
    with seeded(budget.seed):
        wide, held = (x + torch.rand_like(x) / scale for x in (train, test))
    with torch.no_grad():
        trace = density(Batch(held, held), noisy=False)
        bits = {"flow of 8 couplings": in_bits(-surprise(density, trace), scale)}
        for name, prior in (("Gaussian", Normal(64)), ("10 Gaussians", ridged(wide, budget))):
            with seeded(budget.seed):
                prior.fit(wide)
            bits[name] = in_bits(prior.log_prob(held), scale)
        same = invertible(64, 8).eval()
        borrowed(same, density)
        back = density.decode(trace.code.z).mean - held
    rebuilt = {k: by_dimension(k, train, test, budget) for k in (8, 64)}
    every = rebuilt[64]
    claims = [
        Claim(
            "log p(x) of the loss against that by autograd's Jacobian, largest difference in nats",
            apart(density, density, held[:5], forgotten if bug else surprise),
            at_most=1e-3,
        ),
        Claim(
            "Bits per dimension of unseen digits by which the flow is below 10 Gaussians",
            bits["10 Gaussians"] - bits["flow of 8 couplings"],
            at_least=0.1,
        ),
        Claim(
            "Largest error of the inverse, in standard deviations",
            float(back.abs().max()),
            at_most=1e-5,
            guarded=False,
        ),
        Claim(
            "log p(x) of the autoencoder with the flow's net, against the flow's by autograd's Jacobian",
            apart(same, density, held[:5]),
            at_most=1e-3,
            guarded=False,
        ),
        Claim(
            "Error of the plain autoencoder over the invertible one's, both with as many numbers as pixels",
            every["plain autoencoder"] / max(every["invertible autoencoder"], 1e-12),
            at_least=100,
            guarded=False,
        ),
    ]
    tables = [
        Table(
            "Digits, whole numbers dequantised: bits per dimension of unseen ones (lower is better)",
            ["density", "bits"],
            [line("17 grey values, equally likely", math.log2(17)), *(line(*each) for each in bits.items())],
        ),
        Table(
            "‖x − x̂‖² of unseen digits, in grey values",
            ["code", *rebuilt[8]],
            [line(f"{k} numbers", *(value * scale**2 for value in rebuilt[k].values())) for k in rebuilt],
        ),
    ]
    with torch.no_grad(), seeded(budget.seed):
        drawn = density.sample(10).mean.numpy()
    pictures = {"unseen": test[:10].numpy(), "drawn": drawn}
    shown = {name: np.clip((rows * scale + 4.9) / 16, 0, 1) for name, rows in pictures.items()}
    alt = "Ten digits of the test set, and ten draws of the flow, some of which look like digits."
    return Evidence(claims, tables, [side_by_side("What a flow draws", alt, shown)])


def fitted_flow(train: Tensor, scale: float, budget: Budget, bug: bool) -> Autoencoder:
    """Trained by exact likelihood on whole numbers that are made continuous anew at every step."""

    with seeded(budget.seed):
        model = flow(64, hidden=budget.pick((64,), (128,)), noise=0.0)
    model.corrupt = dequantisation(1 / scale)
    if bug:
        model.objective = Objective.of(forgotten)
    epochs = budget.pick(40, 80)
    optimizer = adam(2e-3, weight_decay=3.0)  # by a held-out fifth: a flow learns so few rows by heart
    steps = epochs * -(-len(train) // 128)
    return learned(model, train, budget, epochs=epochs, optimizer=optimizer, schedule=cosine(steps))


def ridged(rows: Tensor, budget: Budget) -> Mixture:
    """Ten Gaussians, whose covariances are held up as suits a fifth of the rows that was held out."""
    cut = len(rows) // 5
    rivals = [Mixture(64, 10, full=True, ridge=ridge) for ridge in (1e-6, 1e-3, 1e-2, 1e-1)]
    for rival in rivals:
        with seeded(budget.seed):
            rival.fit(rows[cut:])
    return max(rivals, key=lambda rival: float(rival.log_prob(rows[:cut]).mean()))


@term
def forgotten(model: Any, trace: Trace) -> Tensor:
    """The bug: ½ ‖f(x)‖² alone."""
    return surprise(model, trace) + trace.code.extra["log_det"]


def in_bits(log_density: Tensor, scale: float) -> float:
    """Of rows in units of `scale`: −log₂ of the density of whole numbers and noise, for each pixel."""
    return -(float(log_density.mean()) / 64 - math.log(scale)) / math.log(2)


def borrowed(model: Autoencoder, other: Autoencoder) -> None:
    """Let one bijection be the other's."""
    model.encoder, model.decoder = other.encoder, other.decoder


def apart(model: Autoencoder, density: Autoencoder, x: Tensor, loss: Any = surprise) -> float:
    """How far −`loss` is from log p of the other model by autograd's Jacobian, at most, in nats."""
    with torch.no_grad():
        claimed = loss(model, model(Batch(x, x), noisy=False)).double()
    found = []
    for row, nats in zip(x, claimed):
        z = density.encoder(row[None])[0, :-1].detach().double()
        jacobian = torch.func.jacrev(lambda each: density.encoder(each[None])[0, :-1])(row)
        log_det = jacobian.detach().double().slogdet().logabsdet
        found.append(float((0.5 * (z.square() + math.log(2 * math.pi)).sum() - log_det - nats).abs()))
    return max(found)


def by_dimension(k: int, train: Tensor, test: Tensor, budget: Budget) -> dict[str, float]:
    """Squared error of unseen rows with k numbers, of both autoencoders, PCA and the mean."""
    epochs = budget.pick(20, 200)
    both = trained(lambda: invertible(64, k), train, budget, epochs)
    plain = trained(lambda: autoencoder(64, k), train, budget, epochs)
    unseen = test.numpy()
    linear = pca(train.numpy(), k).reconstruct(unseen)
    return {
        "invertible autoencoder": squared(unseen, reconstructed(both, test)),
        "plain autoencoder": squared(unseen, reconstructed(plain, test)),
        "PCA": squared(unseen, linear),
        "mean": squared(unseen, np.broadcast_to(train.numpy().mean(0), unseen.shape)),
    }
