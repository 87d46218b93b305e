"""What does the β of a β-VAE do, and does it disentangle?

**In short.** β is the price of a nat of code. A higher price buys a shorter code and a worse reconstruction:
a point on the rate-distortion curve. Dimensions that do not earn their price are switched off, the weakest
first. What survives tends to lie along the axes of the code, which is what is hoped to be disentanglement;
that the axes are the *true* factors is not guaranteed by anything in the loss.

**Definition.** With D = E_q[−log p(x | z)], the distortion, and R = E KL(q(z | x) ‖ p(z)), the rate,

    min D + β R

β = 1 is the VAE, and −(D + R) a bound on log p(x); at any other β the loss is no bound. The capacity variant
holds the rate at a target instead: D + γ |R − C|, with C growing.

**Mathematics.** At an optimum dD/dR = −β: β is the slope of the curve. In the linear case all of it is in
closed form. For a decoder with noise σ² and data whose covariance has eigenvalues λ_j,

    R_j = max(0, ½ log(λ_j / β σ²))

along principal axes: β multiplies the noise, and a direction with λ_j < β σ² is given up. This is reverse
water-filling. Because the posterior is diagonal, rotated axes cost more rate: that, not β as such, aligns
them (Rolínek et al. 2019).

**Intuition.** Sending a code costs postage. As postage rises, letters get shorter: first details go, then
whole subjects. What is still sent is what explains most.

**When, and when not.** β > 1 for sparse, aligned codes and for regularity of the code space; β < 1 where
reconstruction matters more than sampling. For a disentangled code, supervision or known structure helps
more: without inductive bias it is impossible to identify factors, and on benchmarks seeds matter more than β
(Locatello et al. 2019). β-TCVAE weighs only the total correlation, and loses less reconstruction.

**Pitfalls.** β means nothing without its units: with the likelihood averaged over d pixels, "β = 1" is β =
d, and the code collapses. The same holds for a decoder variance set by hand. Comparing ELBOs across β. A
metric of disentanglement, as the mutual information gap (MIG: how much more one dimension knows of a factor
than the next best, as a share of its entropy), from one seed, or from another definition of the same name
(two public MIGs differ by a factor of two).

**Sources.** Higgins et al. 2017, β-VAE, ICLR; Burgess et al. 2018, arXiv:1804.03599; Alemi et al. 2018,
arXiv:1711.00464; Rolínek et al. 2019, arXiv:1812.06775; Locatello et al. 2019, arXiv:1811.12359.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..likelihoods import bernoulli, gaussian
from ..metrics import active_units, elbo, kl_per_dimension
from ..model import Autoencoder
from ..models import beta_vae, linear_vae
from ..objective import Term
from ..recipes import Recipe
from ..terms import expected_reconstruction, kl, reconstruction
from ..trace import Trace
from ..training import lbfgs
from .common import grey, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the likelihood is averaged over the features and the divergence summed: β is d times what it says"
BETAS = (0.25, 1.0, 2.0, 4.0)


class Point(NamedTuple):
    """Where a model stands on the curve, on held-out rows."""

    beta: float
    distortion: float
    rate: float
    active: int


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    theory, found = rates(budget, 4.0, bug)
    curve = points(budget, bug)
    by_beta = {point.beta: point for point in curve}
    excess = max(
        point.distortion + point.beta * point.rate - min(p.distortion + point.beta * p.rate for p in curve)
        for point in curve
    )
    claims = [
        Claim(
            "Linear model, β = 4: rate of any dimension against ½ log(λ / β σ²), largest difference in nats",
            float(np.abs(theory - found).max()),
            at_most=0.05,
        ),
        Claim(
            "Nats of rate that β = 2 saves against β = 0.25",
            by_beta[0.25].rate - by_beta[2.0].rate,
            at_least=4,
        ),
        Claim("Rate at β = 1, in nats", by_beta[1.0].rate, at_least=budget.pick(3, 15)),
        Claim(
            "Each model is the best of all at its own D + β R: largest excess, in nats",
            excess,
            at_most=budget.pick(0.2, 1.0),
            guarded=False,
        ),
    ]
    rows: list[list[str | float | None]] = [["no code: independent pixels", *independent(budget)]]
    rows += [[f"{p.beta:g}", p.distortion, p.rate, -p.distortion - p.rate, p.active] for p in curve]
    curve_table = Table(
        "Held-out digits, binarised, in nats",
        ["β", "distortion", "rate", "ELBO", "active dimensions"],
        rows,
    )
    linear_table = Table(
        "Linear model, β = 4: rate of each dimension, in nats",
        ["dimension", "½ log(λ / β σ²)", "found"],
        [[str(j + 1), float(a), float(b)] for j, (a, b) in enumerate(zip(theory, found))],
    )
    return Evidence(claims, [curve_table, linear_table], [picture(curve, theory, found)])


def rates(budget: Budget, beta: float, bug: bool, features: int = 12, dim: int = 5) -> tuple[Any, Any]:
    """Of each dimension of a linear β-VAE with unit noise, largest first: by the formula, and as trained."""
    draw = np.random.default_rng(budget.seed)
    deviations = np.sqrt([24.0, 14.0, 8.0, 2.0, 1.0] + [0.3] * (features - dim))
    rotation, _ = np.linalg.qr(draw.normal(size=(features, features)))
    x = (draw.normal(size=(600, features)) * deviations) @ rotation.T
    x -= x.mean(0)
    eigenvalues = np.linalg.eigvalsh(x.T @ x / len(x))[::-1][:dim]

    def build() -> Autoencoder:
        model = linear_vae(features, dim, likelihood=Recipe(gaussian, scale=1.0))
        share = 1 / features if bug else 1.0
        model.objective = share * expected_reconstruction + beta * kl
        return model

    model = trained(build, torch.from_numpy(x), budget, 20, 1e-2, finish=lbfgs(200))
    found = np.sort(kl_per_dimension(model, x).numpy())[::-1]
    return 0.5 * np.log(np.maximum(eigenvalues / beta, 1)), found


def points(budget: Budget, bug: bool) -> list[Point]:
    x = grey(budget)
    train, test = (torch.from_numpy(part > 0.5).float() for part in (x.train, x.test))
    dim, hidden = budget.pick((8, (128,)), (20, (400, 400)))

    def at(beta: float) -> Point:
        def build() -> Autoencoder:
            model = beta_vae(train.shape[1], dim, hidden, beta=beta, likelihood=bernoulli)
            if bug:
                model.objective = averaged + beta * kl
            return model

        model = trained(build, train, budget, budget.pick(40, 5), budget.pick(3e-3, 1e-3))
        bound = elbo(model, test, samples=3, seed=budget.seed)
        return Point(beta, bound.distortion, bound.rate, active_units(model, test).number)

    return [at(beta) for beta in BETAS]


def averaged_reconstruction(model: Any, trace: Trace) -> Tensor:
    return reconstruction(model, trace) / trace.batch.target[0].numel()


averaged = Term("reconstruction", averaged_reconstruction)  # the bug


def independent(budget: Budget) -> tuple[float, float, float, int]:
    """Distortion, rate, bound and active dimensions of pixels that know their training means only."""
    x = grey(budget)
    train, test = (torch.from_numpy(part > 0.5).float() for part in (x.train, x.test))
    logits = train.mean(0).clamp(1e-3, 1 - 1e-3).logit().expand_as(test)
    distortion = -float(bernoulli(test.shape[1])(logits).log_prob(test).mean())
    return distortion, 0.0, -distortion, 0


def picture(curve: list[Point], theory: np.ndarray, found: np.ndarray) -> Picture:
    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        left.plot([p.rate for p in curve], [p.distortion for p in curve], "o-", color="C0")
        for p in curve:
            left.annotate(f"β = {p.beta:g}", (p.rate, p.distortion), (6, 4), textcoords="offset points")
        left.margins(0.3, 0.16)
        left.set_xlabel("rate, nats")
        left.set_ylabel("distortion, nats")
        right.bar(np.arange(len(theory)) - 0.2, theory, 0.4, label="½ log(λ / β σ²)")
        right.bar(np.arange(len(found)) + 0.2, found, 0.4, label="trained")
        right.set_xlabel("dimension of the linear code, β = 4")
        right.set_ylabel("rate, nats")
        right.legend()

    alt = (
        "Left: distortion against rate; as β grows the rate falls and the distortion rises. Right: rates of "
        "a linear code are those of the formula, and two of five dimensions are switched off."
    )
    return Picture("The price of a nat", alt, draw, (8.6, 3.8))
