"""What does the KL term of a variational autoencoder do, and what is it made of?

**In short.** It charges the encoder, in nats, for all certainty about the code beyond the prior. It keeps
posteriors overlapping and all codes together near the prior, so that a draw from the prior decodes to
something like data. It is the rate of the code, and it is more than the information in it: the rest is the
distance of all codes together from the prior.

**Definition.** KL(q ‖ p) = E_q[log q(z | x) − log p(z)], the mean over rows. For q = N(μ, diag σ²) against
N(0, I) it has a closed form, a sum over dimensions:

    KL = ½ Σ_j (μ_j² + σ_j² − 1 − log σ_j²)

**Mathematics.** With q(z) = 1/N Σ_n q(z | x_n), the aggregate posterior,

    E_n KL(q(z | x_n) ‖ p(z)) = I(n; z) + KL(q(z) ‖ p(z))
    KL(q(z) ‖ p(z)) = TC(z) + Σ_j KL(q(z_j) ‖ p(z_j))

The information I(n; z) cannot exceed log N, for a code can at most name the row. So a KL of 25 nats on
60,000 rows (log N = 11) holds at least 14 nats of mismatch with the prior. The total correlation TC is what
β-TCVAE weighs alone.

**Intuition.** Each row rents a place in code space. A small place is dear, and one far from the centre too.
A row pays only where the likelihood gets more in return; a dimension that does not earn its rent is given
back: its posterior is the prior.

**When, and when not.** Warm-up lets the decoder learn before rent is due; free bits give some nats a
dimension for nothing; β weighs the whole. A learned prior (mixture, flow) lowers KL(q(z) ‖ p(z)) and leaves
the information alone. Without a closed form, log q − log p at draws is unbiased.

**Pitfalls.** A library's divergence of Normals comes per dimension: where the sum is forgotten and a mean
is taken, the term of a code of d numbers is d times too weak, codes leave the prior, and the "ELBO" is no
bound. The same in reverse: a likelihood averaged over pixels makes the term as many times too strong. Free
bits per row instead of per batch. The annealed loss reported as test ELBO.

**Sources.** Kingma and Welling 2014, arXiv:1312.6114; Hoffman and Johnson 2016, ELBO surgery, NeurIPS
workshop; Chen et al. 2018, arXiv:1802.04942; Kingma et al. 2016, arXiv:1606.04934 (free bits).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..likelihoods import bernoulli
from ..metrics import KLParts, elbo, kl_parts, kl_per_dimension
from ..model import Autoencoder
from ..models import vae
from ..objective import Term
from ..randomness import seeded
from ..terms import kl, reconstruction
from ..trace import Batch, Trace
from .common import grey, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the divergence is averaged over the dimensions of the code where it should be summed"


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    x = grey(budget)
    train, test = (torch.from_numpy(part > 0.5).float() for part in (x.train, x.test))
    cost = averaged if bug else kl
    model = fitted(train, budget, cost)
    free = fitted(train, budget, 0.0 * kl)  # no KL term at all: what the table compares with
    # Of N rows the information is log N at most, and what is above it goes to the aggregate: N is not small.
    chosen = np.random.default_rng(budget.seed).permutation(len(train))[: budget.pick(400, 20_000)]
    some = train[torch.from_numpy(chosen)]
    parts, without = (
        kl_parts(model, some, samples=budget.pick(16, 1)),
        kl_parts(free, some, samples=budget.pick(3, 1)),
    )
    value = term_value(model, some, cost)
    baseline = bernoulli(test.shape[1])(train.mean(0).clamp(1e-3, 1 - 1e-3).logit().expand_as(test))
    gain = elbo(model, test, samples=5).mean - float(baseline.log_prob(test).mean())
    claims = [
        Claim(
            "The term against the mean of log q − log p, in standard errors",
            against_draws(model, some, cost, budget.seed),
            at_most=4,
        ),
        Claim(
            "The term against information + KL of the aggregate, difference in nats",
            abs(value - parts.mutual_information - parts.marginal_kl),
            at_most=0.15,
        ),
        Claim(
            "KL of all codes together from the prior, in nats", parts.marginal_kl, at_most=budget.pick(3, 20)
        ),
        Claim("Nats of the test ELBO above independent pixels", gain, at_least=budget.pick(3, 90)),
        Claim(
            "Nats by which the information stays below log N",
            math.log(len(some)) - parts.mutual_information,
            at_least=0,
            guarded=False,
        ),
    ]
    table = Table(
        f"What the KL of {len(some)} training rows is made of, in nats (log N = {math.log(len(some)):.2f})",
        ["", "KL", "information", "total correlation", "dimension-wise"],
        [
            ["a code that ignores the row", 0.0, 0.0, 0.0, 0.0],
            ["with the term", *columns(parts)],
            ["without it", *columns(without)],
        ],
    )
    return Evidence(claims, [table], [picture(kl_per_dimension(model, some), parts, without)])


def averaged_kl(model: Any, trace: Trace) -> Tensor:
    return kl(model, trace) / trace.code.z.shape[1]


averaged = Term("kl", averaged_kl)  # the bug


def fitted(x: Tensor, budget: Budget, cost: Term) -> Autoencoder:
    dim, hidden = budget.pick((8, (128,)), (20, (400, 400)))

    def build() -> Autoencoder:
        model = vae(x.shape[1], dim, hidden, likelihood=bernoulli)
        model.objective = reconstruction + cost
        return model

    return trained(build, x, budget, budget.pick(60, 20), budget.pick(2e-3, 1e-3))


def passed(model: Autoencoder, x: Tensor) -> Trace:
    with torch.no_grad():
        return model(Batch(x, x), noisy=False)


def term_value(model: Autoencoder, x: Tensor, cost: Term) -> float:
    return float(cost(model, passed(model, x)).double().mean())


def against_draws(model: Autoencoder, x: Tensor, cost: Term, seed: int, draws: int = 200) -> float:
    """Distance of the term from its definition, E_q[log q − log p], in standard errors of the mean."""
    trace = passed(model, x)
    (stage,) = trace.code.stages
    with seeded(seed):
        z = stage.q.rsample((draws,))  # (draws, b, d)
    found = (stage.q.log_prob(z) - stage.p.log_prob(z)).double()  # (draws, b)
    error = float((found.var(0) / draws).sum().sqrt()) / len(x)
    return abs(float(found.mean()) - float(cost(model, trace).double().mean())) / error


def columns(parts: KLParts) -> list[float]:
    return [parts.kl, parts.mutual_information, parts.total_correlation, parts.dimensionwise_kl]


def picture(by_dimension: Tensor, parts: KLParts, without: KLParts) -> Picture:
    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        left.bar(range(len(by_dimension)), sorted(by_dimension.tolist(), reverse=True), color="C0")
        left.set_xlabel("dimension of the code, sorted")
        left.set_ylabel("KL, nats")
        bottom = np.zeros(2)
        names = ("information", "total correlation", "dimension-wise KL")
        for name, *heights in zip(names, columns(parts)[1:], columns(without)[1:]):
            right.bar(("with the term", "without"), heights, bottom=bottom, label=name)
            bottom += heights
        right.set_ylabel("KL, nats")
        right.legend()

    alt = (
        "Left: the KL of each dimension. Right: what the KL consists of; without the term nearly all "
        "of it is distance of the codes from the prior."
    )
    return Picture("What the KL is made of", alt, draw, (8.4, 3.8))
