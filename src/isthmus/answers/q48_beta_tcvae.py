"""What does the β-TCVAE weigh, and how is a total correlation estimated from a batch?

**In short.** A β-VAE charges more for the whole KL, of which a good part is information about the row. The
β-TCVAE takes the KL apart and charges more only for the total correlation: what the axes of the code say of
one another. So axes become independent at a smaller loss of reconstruction. The difficulty is that the parts
need the aggregate posterior, which a batch can only estimate, and code that is often copied does it wrongly.

**Definition.** With q(z) = 1/N Σ_n q(z | x_n), the mean KL of a row is

    E KL(q(z | x) ‖ p(z)) = I(n; z) + KL(q(z) ‖ Π_j q(z_j)) + Σ_j KL(q(z_j) ‖ p(z_j))

and the loss is −log p(x | z) + α I + β TC + γ Σ_j KL_j, with α = γ = 1 and β = 6 or so.

**Mathematics.** Of N rows a batch shows M. Weighted sampling puts 1/NM before each posterior of the batch:
1/N of their plain mean. Where many posteriors meet at a code its log q(z) is about log N too low, where only
the code's own does, log M. So the total correlation of d axes comes out about (d − 1) log N too high, and up
to log N/M more where codes meet on each axis and not in the whole. log N has no gradient, but a code's own
posterior counts N/M times too much beside the others. Stratified sampling uses that a code's own row is in
the batch for certain:

    q(z_i) ≈ 1/N q(z_i | x_i) + (N − 1) / (N (M − 1)) Σ_{m ≠ i} q(z_i | x_m)

whose mean over batches drawn without replacement is q(z_i) exactly. Its logarithm is still low, as the log of
a mean is: little where the batch is half the rows, as below, by more than a small total correlation where it
is a fiftieth, not where it is all.

**Intuition.** Letters may be long, and all of them together may look as the post office likes. What is taxed
is saying the same thing on two lines.

**When, and when not.** Where axes should be read or changed one at a time. Independence is not meaning:
factors that depend on one another in the data are torn apart, and of independent axes nothing says that they
are the true factors. FactorVAE estimates the same quantity by a critic, without N² densities, and with the
troubles of a second player.

**Pitfalls.** N is the number of training rows, not of the batch. The weight matrix of the paper's code, which
many libraries copied, fills a column where the diagonal is meant: a code's own posterior then counts
N/(M − 1) times too much, and the "stratified" value is a weighted one less a constant. A mean over axes where
the sum belongs. Small batches: the estimate sees only neighbours that the batch happens to hold.

**Sources.** Chen, Li, Grosse and Duvenaud 2018, arXiv:1802.04942; Kim and Mnih 2018, arXiv:1802.05983;
Hoffman and Johnson 2016; Watanabe 1960 (total correlation).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..distributions import DiagonalNormal
from ..likelihoods import bernoulli
from ..metrics import elbo, kl_parts
from ..metrics.aggregate import log_aggregate
from ..model import Autoencoder
from ..models import beta_tcvae, beta_vae
from ..randomness import seeded
from ..terms.disentanglement import stratified_weights
from .common import grey, line, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the stratified weights are those that public code copies: 1/N in the first column, not on the diagonal"
WEIGHTS = (1.0, 4.0, 10.0)


class Estimated(NamedTuple):
    """Over batches: mean of q(z) against the exact one, its distance from 1 in standard errors, and TC."""

    ratio: float
    errors: float
    correlation: float


class Trained(NamedTuple):
    """A model's distortion on test rows, and of training rows its information and total correlation."""

    name: str
    distortion: float
    information: float
    correlation: float


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    q, z = planted(budget.seed)
    joint, product = log_aggregate(z, q)
    exact = float((joint - product).mean())
    stratified = estimated(budget, q, z, copied if bug else stratified_weights)
    weighted = estimated(budget, q, z, uniform)
    models = [point(budget, weight, factorised=True) for weight in WEIGHTS]
    models += [point(budget, beta, factorised=False) for beta in (1.5, 2.0)]
    one, four, ten = models[:3]
    claims = [
        Claim(
            "Stratified estimate of q(z), mean over batches against the exact one, in standard errors",
            stratified.errors,
            at_most=4,
        ),
        Claim(
            "Total correlation from batches of half the rows less the exact one; nats: logs of means are low",
            stratified.correlation - exact,
            at_least=-0.12,
            at_most=0.02,
        ),
        Claim(
            "Total correlation of digits' codes: weight 10 against weight 1, quotient",
            ten.correlation / one.correlation,
            at_most=0.67,
            guarded=False,
        ),
        Claim(
            "Information kept by weight 4 on the total correlation, above that of β = 2 on all, in nats",
            four.information - models[4].information,
            at_least=1,
            guarded=False,
        ),
    ]
    known = Table(
        f"Three correlated axes, {len(z)} rows, batches of {len(z) // 2}: total correlation {exact:.3f}",
        ["weights", "q(z) against exact", "total correlation, nats"],
        [
            line("1/NM (weighted)", weighted.ratio, weighted.correlation),
            line("copied code" if bug else "stratified", stratified.ratio, stratified.correlation),
            line("weighted, constant taken off", None, weighted.correlation - 2 * math.log(len(z))),
        ],
    )
    compared = Table(
        "Digits, binarised: distortion of test rows, and what the codes of training rows hold, in nats",
        ["", "distortion", "information", "total correlation"],
        [
            line("independent pixels", independent(budget), 0.0, 0.0),
            *(line(m.name, m.distortion, m.information, m.correlation) for m in models),
        ],
    )
    return Evidence(claims, [known, compared], [picture(models)])


def planted(seed: int, rows: int = 1000, dim: int = 3) -> tuple[DiagonalNormal, Tensor]:
    """Posteriors whose means are correlated by 0.6, and a code of each."""
    with seeded(seed):
        covariance = torch.full((dim, dim), 0.6, dtype=torch.float64).fill_diagonal_(1)
        draw = torch.distributions.MultivariateNormal(torch.zeros(dim).double(), covariance)
        q = DiagonalNormal(draw.sample((rows,)), torch.full((rows, dim), math.log(0.2)).double())
        return q, q.rsample()


def estimated(budget: Budget, q: DiagonalNormal, z: Tensor, weights: object, times: int = 60) -> Estimated:
    """From batches of half the rows, drawn without replacement."""
    assert callable(weights)
    rows, joint = len(z), log_aggregate(z, q)[0]
    draw = np.random.default_rng(budget.seed)
    ratios, correlations = [], []
    for _ in range(times):
        some = torch.from_numpy(draw.permutation(rows)[: rows // 2])
        pairs = DiagonalNormal(q.mean[some], q.log_scale[some]).log_density(z[some][:, None])  # (b, b, d)
        log_w = weights(len(some), rows).double().log()
        found = (pairs.sum(-1) + log_w).logsumexp(1)
        apart = (pairs + log_w[..., None]).logsumexp(1).sum(-1)
        ratios.append(float((found - joint[some]).exp().mean()))
        correlations.append(float((found - apart).mean()))
    error = float(np.std(ratios, ddof=1)) / math.sqrt(times)
    ratio = float(np.mean(ratios))
    return Estimated(ratio, abs(ratio - 1) / error, float(np.mean(correlations)))


def copied(batch: int, rows: int) -> Tensor:
    """The bug, as it is copied."""
    m = batch - 1
    weights = torch.full((batch, batch), 1 / m)
    weights.view(-1)[:: m + 1] = 1 / rows
    weights.view(-1)[1 :: m + 1] = (rows - m) / (rows * m)
    weights[m - 1, 0] = (rows - m) / (rows * m)
    return weights


def uniform(batch: int, rows: int) -> Tensor:
    """Weighted sampling."""
    return torch.full((batch, batch), 1 / (batch * rows))


def point(budget: Budget, weight: float, factorised: bool) -> Trained:
    x = grey(budget)
    train, test = (torch.from_numpy(part > 0.5).float() for part in (x.train, x.test))
    dim, hidden = budget.pick((8, (128,)), (10, (400, 400)))
    features, rows = train.shape[1], len(train)

    def build() -> Autoencoder:
        if factorised:
            return beta_tcvae(
                features, dim, hidden, rows=rows, beta=weight, stratified=True, likelihood=bernoulli
            )
        return beta_vae(features, dim, hidden, beta=weight, likelihood=bernoulli)

    model = trained(build, train, budget, budget.pick(40, 20), budget.pick(3e-3, 1e-3))
    chosen = np.random.default_rng(budget.seed).permutation(rows)[: budget.pick(600, 2000)]
    parts = kl_parts(model, train[torch.from_numpy(chosen)], samples=5)
    name = f"β-TCVAE, weight {weight:g}" if factorised else f"β-VAE, β = {weight:g}"
    bound = elbo(model, test, samples=3, seed=budget.seed)
    return Trained(name, bound.distortion, parts.mutual_information, parts.total_correlation)


def independent(budget: Budget) -> float:
    """Distortion of pixels that know their training means only."""
    x = grey(budget)
    train, test = (torch.from_numpy(part > 0.5).float() for part in (x.train, x.test))
    logits = train.mean(0).clamp(1e-3, 1 - 1e-3).logit().expand_as(test)
    return -float(bernoulli(test.shape[1])(logits).log_prob(test).mean())


def picture(models: list[Trained]) -> Picture:
    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        for some, mark in ((models[:3], "o-"), (models[3:], "s--")):
            axis.plot([m.distortion for m in some], [m.correlation for m in some], mark)
            for m in some:
                axis.annotate(m.name, (m.distortion, m.correlation), (6, 5), textcoords="offset points")
        axis.margins(0.35, 0.22)
        axis.set_xlabel("distortion of test rows, nats")
        axis.set_ylabel("total correlation of codes, nats")

    alt = (
        "Total correlation against distortion. Along the β-TCVAE's curve the total correlation falls at "
        "little distortion; the β-VAE pays more distortion for the same fall."
    )
    return Picture("Independence, and what it costs", alt, draw, (6.4, 4.2))
