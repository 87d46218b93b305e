"""How is sparsity imposed on a code, and what does each penalty do to it?

**In short.** By a price on the size of the code (L1), by holding the mean activation of every unit at a small
rate (KL), or by counting (top-k, JumpReLU). All give few active entries; only the first also makes those
entries too small.

**Definition.** Added to the reconstruction error of x from z:

    L1         λ Σ_j |z_j|,   with decoder columns of unit length
    KL         β Σ_j KL(ρ ‖ ρ̂_j) = β Σ_j ρ log ρ/ρ̂_j + (1 − ρ) log (1 − ρ)/(1 − ρ̂_j)
    count      λ Σ_j 1[z_j > 0],  or the constraint that at most k entries are not zero

with ρ̂_j the mean activation of unit j over the batch, and units in (0, 1) for the KL.

**Mathematics.** With orthonormal atoms, the minimum of ½(z − a)² + λz over z ≥ 0 is soft thresholding,
max(a − λ, 0): small entries vanish *and* large ones lose λ. The L1 norm cannot tell silence from shrinkage.
Counting gives hard thresholding, which keeps a as it is, but has no gradient: top-k passes the gradient
through the kept entries, JumpReLU estimates that of its thresholds. The KL bounds how often a unit is on
over *rows* (lifetime sparsity), while L1 and top-k bound how many are on in *one* row (population
sparsity).

**Intuition.** L1 taxes every word you say, so you say fewer, and more quietly. Top-k gives you k words.

**When, and when not.** L1 is convex in z and simple. Top-k where the number is known, or methods are to be
compared at equal L0. JumpReLU where rows differ in how many causes they have. The KL where
no unit should stay dead or always on, with sigmoid units.

**Pitfalls.** Penalties are summed over units, not averaged: divided by their number, the same weight does
next to nothing (the control). The KL needs the mean over a *batch* of more than about 10/ρ rows; taken
within a row it is another penalty. Too strong a β satisfies the rate by a *constant* ρ in every unit, which
is no code at all: look at the error and at Hoyer's sparseness as well (0 where all entries are equal, 1
where one alone is active). Amplitudes under L1 are biased and must be refitted to be read.

**Sources.** Olshausen and Field 1996, Nature 381; Tibshirani 1996, Journal of the Royal Statistical Society B
58; Ng 2011, CS294A notes; Hoyer 2004, Journal of Machine Learning Research 5; Gao et al. 2024,
arXiv:2406.04093; Rajamanoharan et al. 2024, arXiv:2407.14435.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..metrics import active_per_row, hoyer, recovery
from ..model import Autoencoder
from ..models import sparse_jump_relu, sparse_kl, sparse_l1, sparse_top_k
from .common import Grey, Planted, codes, grey, line, planted, reconstructed, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the penalties are averaged over the units of the code instead of summed"
RATE, UNITS = 0.05, 64  # of the KL
ATOMS, WEIGHTS = 48, (0.05, 0.1, 0.2, 0.4)
FOUND = 0.9  # the cosine with an atom from which on it is found; an amplitude is short by that much at most


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    held, held_table, rates = lifetime(grey(budget), budget, UNITS if bug else 1)
    made = planted(budget.seed, ATOMS, 32, active=2.0, rows=budget.pick(4500, 50_000))
    share = ATOMS if bug else 1
    path = [fitted(made, budget, partial(sparse_l1, 32, ATOMS, weight=w / share)) for w in WEIGHTS]
    l1 = path[WEIGHTS.index(0.2)]
    top = fitted(made, budget, lambda: sparse_top_k(32, ATOMS, k=3))
    jump = fitted(
        made,
        budget,
        lambda: sparse_jump_relu(32, ATOMS, weight=0.05 / share, threshold=0.1, bandwidth=0.2),
    )
    claims = [
        *held,
        Claim("L1: recovered as a share of the true amplitude", l1.slope, at_most=0.85, guarded=False),
        Claim(
            "Top-k: recovered as a share of the true amplitude", top.slope, FOUND, 1 / FOUND, guarded=False
        ),
        Claim(
            "Top-k: squared error, as a share of L1's at as many active entries",
            top.unexplained / at(path, top.active),
            at_most=1.0,
            guarded=False,
        ),
        Claim(
            "JumpReLU: squared error, as a share of L1's at as many active entries",
            jump.unexplained / at(path, jump.active),
            at_most=1.0,
            guarded=False,
        ),
    ]
    fits = {f"L1, λ = {w:g}": fit for w, fit in zip(WEIGHTS, path)}
    fits |= {"the k = 3 largest": top, "JumpReLU, λ = 0.05": jump}
    table = Table(
        f"Sums of few of {ATOMS} atoms, {active_per_row(made.amplitudes):.2f} a row",
        ["code", "active a row", "error / variance", "recovered / true amplitude", "atoms found"],
        [
            *(line(name, fit.active, fit.unexplained, fit.slope, fit.found) for name, fit in fits.items()),
            ["the mean of the rows", 0.0, 1.0, None, None],
        ],
    )
    return Evidence(claims, [held_table, table], [picture(rates), shrinkage(l1, top)])


def lifetime(rows: Grey, budget: Budget, share: int) -> tuple[list[Claim], Table, dict[str, np.ndarray]]:
    """Sigmoid units with and without the KL to a rate."""
    width = rows.train.shape[1]

    def fit(weight: float, epochs: int) -> Autoencoder:
        return trained(
            lambda: sparse_kl(width, UNITS, rate=RATE, weight=weight), rows.train, budget, epochs, lr=1e-2,
            batch_size=200,
        )  # fmt: skip

    epochs = budget.pick(150, 20)
    models = {
        "no penalty": fit(0.0, epochs * 2 // 5),
        f"KL to a rate of {RATE}": fit(budget.pick(1.0, 10.0) / share, epochs),
    }
    rates = {name: codes(model, rows.train).mean(0) for name, model in models.items()}
    dense, held = models.values()
    within = (np.abs(list(rates.values())[1] - RATE) < 0.01).mean()
    sparser = hoyer(codes(held, rows.test)) - hoyer(codes(dense, rows.test))
    mean = squared(rows.test, rows.train.mean(0))
    error = squared(rows.test, reconstructed(held, rows.test))
    claims = [
        Claim(f"KL: share of units whose mean activation is {RATE} ± 0.01", within, at_least=0.9),
        Claim("KL: sparseness (Hoyer) above that without penalty", sparser, at_least=0.15, guarded=False),
        Claim("KL: squared error, as a share of the mean's", error / mean, at_most=0.5, guarded=False),
    ]
    table = Table(
        "Sigmoid units on pictures",
        ["", "mean activation", "lowest", "highest", "Hoyer", "squared error"],
        [
            *(line(name, *measured(model, rows)) for name, model in models.items()),
            ["mean of the training rows", None, None, None, None, mean],
        ],
    )
    return claims, table, rates


class Fit(NamedTuple):
    """What a sparse code made of planted amplitudes."""

    active: float
    unexplained: float
    slope: float
    found: float
    true: np.ndarray
    recovered: np.ndarray


def fitted(made: Planted, budget: Budget, build: Callable[[], Autoencoder]) -> Fit:
    model = trained(build, made.x, budget, epochs=30, lr=1e-2, batch_size=256)
    z = codes(model, made.x)
    atoms = model.decoder[0].weight.detach().T.numpy()  # type: ignore[index]
    nearest = (made.atoms @ atoms.T).argmax(1)
    found = recovery(made.atoms, atoms) > FOUND
    true, own = made.amplitudes[:, found], z[:, nearest[found]]
    both = (true > 0) & (own > 0)
    true, own = true[both], own[both]
    unexplained = squared(made.x, reconstructed(model, made.x)) / squared(made.x, made.x.mean(0))
    slope = float(true @ own / (true @ true)) if both.any() else 0.0  # of the line through zero
    return Fit(active_per_row(z), unexplained, slope, float(found.mean()), true, own)


def at(path: Sequence[Fit], active: float) -> float:
    """Error of the path where as many entries are active: straight between its points, level beyond them."""
    known = sorted(path, key=lambda fit: fit.active)
    return float(np.interp(active, [fit.active for fit in known], [fit.unexplained for fit in known]))


def measured(model: Autoencoder, rows: Grey) -> list[float]:
    """Mean activation of the units: average, lowest, highest; then sparseness and error on held-out rows."""
    rates = codes(model, rows.train).mean(0)
    error = squared(rows.test, reconstructed(model, rows.test))
    return [*map(float, (rates.mean(), rates.min(), rates.max())), hoyer(codes(model, rows.test)), error]


def picture(rates: dict[str, np.ndarray]) -> Picture:
    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        for (name, values), colour in zip(rates.items(), ("#b0b7c3", "#1f5fa8")):
            axis.hist(values, np.linspace(0, 1, 51).tolist(), color=colour, label=name)
        axis.axvline(RATE, color="#c0392b", linewidth=1)
        axis.set_xlabel("mean activation of a unit over the training rows")
        axis.set_ylabel("units")
        axis.legend()
        figure.suptitle("A rate that is held, and one that is not")

    alt = "Histogram of mean activations: spread widely without penalty, all at the target rate with the KL."
    return Picture("Mean activation of units", alt, draw)


def shrinkage(l1: Fit, top: Fit) -> Picture:
    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        for fit, colour, name in ((top, "#1f5fa8", "top-k"), (l1, "#d98c00", "L1")):
            axis.plot(fit.true[:1500], fit.recovered[:1500], ".", markersize=2, color=colour, label=name)
        axis.plot([0, 1.5], [0, 1.5], color="black", linewidth=1)
        axis.set_xlabel("true amplitude")
        axis.set_ylabel("recovered amplitude")
        axis.legend(markerscale=5)
        figure.suptitle("L1 shrinks what it keeps")

    alt = "Recovered against true amplitude: top-k lies along the diagonal, L1 a constant below it."
    return Picture("Shrinkage", alt, draw)
