"""What is the reconstruction objective of an autoencoder, and which loss belongs to which data?

**In short.** The loss is a negative log-likelihood: the decoder says which x it expects *and how sure it
is*, and is charged −log p of what came. Squared error, cross-entropy and the rest are what remains of it
for one choice of p. A loss that is not the logarithm of anything that sums to one cannot be weighed against
a KL term.

**Definition.** For a code z = f(x) and a decoder that delivers the parameters θ = g(z) of a distribution,

    L(x) = −log p(x | g(f(x))),     with  ∫ p(x | θ) dx = 1  for every θ

**Mathematics.** A few of them, a feature at a time:

    Gaussian              (x − μ)² / 2σ² + ½ log 2πσ²
    Bernoulli             −x log λ − (1 − x) log(1 − λ),          x ∈ {0, 1}
    continuous Bernoulli  the same − log C(λ),                    x ∈ [0, 1],  C = 2 artanh(1 − 2λ) / (1 − 2λ)
    Poisson               μ − x log μ + log x!,                   x = 0, 1, 2, …
    discretised logistic  −log [σ((x + δ − m)/s) − σ((x − δ − m)/s)],  x on a grid of step 2δ

At the ends of the grid the tails of the discretised logistic are open, or it would not sum to one. At the
optimum a Gaussian's σ² *is* the mean squared error, so its loss becomes ½ d log(MSE) + a constant: halving
the error is worth the same number of nats whatever it was.

**Intuition.** σ is the price of an error. Fix it at 1 for data of variance 0.05, and every error is cheap:
in a VAE the code costs more than it saves, and collapses. Learn it, and the price follows the data.

**When, and when not.** Real numbers: Gaussian; with outliers Laplace or Student's t. Bits: Bernoulli. Grey
values: continuous Bernoulli, or as integers a discretised logistic. Counts: Poisson, or negative binomial
where they vary more. Classes: categorical. Tables: one likelihood a column. Where nothing but ranking by
one error counts, plain squared error will do.

**Pitfalls.** Cross-entropy on grey pixels lacks C(λ): it integrates to a half at most, to less the surer
the decoder is, and its nats mean nothing. Leaving ½ log 2πσ² out makes an ELBO arbitrary. A σ without floor
runs to zero on a constant pixel and the density to infinity. The difference of two sigmoids cancels to zero
in floating point. A mean over pixels beside a KL summed over codes multiplies β by their number.

**Sources.** Loaiza-Ganem and Cunningham 2019, arXiv:1907.06845 (continuous Bernoulli); Rybkin, Daniilidis
and Levine 2021, arXiv:2006.13202 (σ); Salimans et al. 2017, arXiv:1701.05517 (discretised logistic
mixture); Theis, van den Oord and Bethge 2016, arXiv:1511.01844.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from ..baselines import mean_predictor, pca
from ..likelihoods import (
    bernoulli,
    categorical,
    continuous_bernoulli,
    gaussian,
    laplace,
    logistic_mixture,
    multinomial,
    negative_binomial,
    poisson,
    student_t,
    zero_inflated_negative_binomial,
    zero_inflated_poisson,
)
from ..likelihoods.likelihood import Likelihood
from ..model import Autoencoder
from ..models import autoencoder
from ..randomness import seeded
from ..recipes import Recipe
from ..training import lbfgs
from .common import grey, reconstructed, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "cross-entropy is taken for a likelihood of grey values, and a Gaussian's σ is left at 1"
SETTINGS = 24  # parameters drawn for each family


class Case(NamedTuple):
    """A family, and the values (v, features) over which it must sum to one under these weights (v,)."""

    likelihood: Likelihood
    values: Tensor
    weights: Tensor


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    data = grey(budget)
    totals = {name: total(case, budget.seed) for name, case in cases(bug).items()}
    worst = max(float((found - 1).abs().max()) for found in totals.values())
    net = trained(
        lambda: autoencoder(
            data.train.shape[1], 8, (64, 32), likelihood=Recipe(gaussian, scale=1.0) if bug else gaussian
        ),
        data.train,
        budget,
        epochs=budget.pick(40, 10),
        finish=lbfgs(100),  # Adam leaves σ a step behind an error that still falls
    )
    variance = scale(net) ** 2
    error = squared(data.train, reconstructed(net, data.train)) / data.train.shape[1]
    claims = [
        Claim("Largest distance of a total probability from 1", worst, at_most=1e-4),
        Claim(
            "Learned σ², as a share of the mean squared error", variance / error, at_least=0.99, at_most=1.01
        ),
        Claim(
            "Largest distance of a log-probability from scipy's",
            from_scipy(budget.seed),
            at_most=1e-6,
            guarded=False,
        ),
        Claim("Gradients that are not finite, at extreme outputs", broken(), at_most=0, guarded=False),
    ]
    sums = Table(
        f"Total probability under {SETTINGS} random outputs of a decoder",
        ["likelihood", "furthest from 1", "distance"],
        [
            [name, float(found[(found - 1).abs().argmax()]), float((found - 1).abs().max())]
            for name, found in totals.items()
        ],
    )
    return Evidence(claims, [sums, prices(data.train, data.test, net)], [picture()])


def cases(bug: bool) -> dict[str, Case]:
    """Every family, with all values that it knows, or enough of them."""
    grid = torch.linspace(-30, 30, 16001, dtype=torch.float64)
    line = grid.sinh()[:, None], grid.cosh() * (grid[1] - grid[0])  # x = sinh u reaches far into the tails
    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(200))
    unit = (nodes[:, None] + 1) / 2, weights / 2
    compositions = [c for c in itertools.product(range(5), repeat=3) if sum(c) == 4]

    def each(values: Tensor) -> tuple[Tensor, Tensor]:
        return values.double()[:, None], torch.ones(len(values), dtype=torch.float64)

    counts = each(torch.arange(4000))
    return {
        "Gaussian": Case(gaussian(1), *line),
        "Laplace": Case(laplace(1), *line),
        "Student's t": Case(student_t(1), *line),
        "Bernoulli": Case(bernoulli(1), *each(torch.arange(2))),
        "continuous Bernoulli": Case((bernoulli if bug else continuous_bernoulli)(1), *unit),
        "categorical": Case(categorical(1, 5), *each(torch.arange(5))),
        "Poisson": Case(poisson(1), *counts),
        "negative binomial": Case(negative_binomial(1), *counts),
        "zero-inflated Poisson": Case(zero_inflated_poisson(1), *counts),
        "zero-inflated negative binomial": Case(zero_inflated_negative_binomial(1), *counts),
        "multinomial": Case(
            multinomial(3), torch.tensor(compositions).double(), torch.ones(len(compositions))
        ),
        "logistic mixture": Case(logistic_mixture(1), *each(torch.linspace(0, 1, 256, dtype=torch.float64))),
    }


def total(case: Case, seed: int) -> Tensor:
    """Σ or ∫ of p for each of some random outputs of a decoder, (settings,)."""
    likelihood = case.likelihood.double().eval()
    with seeded(seed), torch.no_grad():
        outputs = torch.randn(SETTINGS, int(likelihood.width), dtype=torch.float64) * 1.5  # type: ignore[arg-type]
        sums = [
            (likelihood(output.expand(len(case.values), -1)).log_prob(case.values).exp() * case.weights).sum()
            for output in outputs
        ]
    return torch.stack(sums)


def from_scipy(seed: int) -> float:
    """The largest difference in log-probability, over 200 random values of every family that scipy has."""
    draw = np.random.default_rng(seed)
    output = draw.normal(0, 1.5, (200, 1))
    rate, chance = np.exp(output), 1 / (1 + np.exp(-output))
    real, counts, bits = draw.normal(0, 3, (200, 1)), draw.poisson(5, (200, 1)), draw.integers(0, 2, (200, 1))
    pairs: list[tuple[Likelihood, np.ndarray, Callable[[np.ndarray], np.ndarray]]] = [
        (gaussian(1, scale=1.0), real, lambda x: stats.norm.logpdf(x, output)),
        (laplace(1, scale=1.0), real, lambda x: stats.laplace.logpdf(x, output)),
        (student_t(1, df=3.0, scale=1.0), real, lambda x: stats.t.logpdf(x, 3, output)),
        (bernoulli(1), bits, lambda x: stats.bernoulli.logpmf(x, chance)),
        (poisson(1), counts, lambda x: stats.poisson.logpmf(x, rate)),
        (
            negative_binomial(1, dispersion=2.5),
            counts,
            lambda x: stats.nbinom.logpmf(x, 2.5, 2.5 / (2.5 + rate)),
        ),
    ]
    worst = 0.0
    for likelihood, x, reference in pairs:
        found = likelihood(torch.from_numpy(output)).log_prob(torch.from_numpy(x).double()).detach().numpy()
        worst = max(worst, float(np.abs(found - reference(x)[:, 0]).max()))
    return worst


def broken() -> int:
    """Gradients by the decoder's output that are not finite, over 20 outputs from −1000 to 1000."""
    found = 0
    for case in cases(bug=False).values():
        ends = case.values[[0, -1]].float().clamp(-1e6, 1e6)
        for size in torch.linspace(-1000, 1000, 20):
            output = size.expand(2, int(case.likelihood.width)).clone().requires_grad_()  # type: ignore[arg-type]
            case.likelihood.float()(output).log_prob(ends).sum().backward()
            assert output.grad is not None
            found += int((~output.grad.isfinite()).sum())
    return found


def scale(net: Autoencoder) -> float:
    """σ of the decoder's Gaussian."""
    with torch.no_grad():
        return float(net.decode(torch.zeros(1, net.latent.dim)).log_scale.exp())  # type: ignore[attr-defined]


def prices(train: np.ndarray, test: np.ndarray, net: Autoencoder) -> Table:
    """What the same reconstructions cost under σ = 1, and under the σ of the training rows."""
    sources = {
        "mean of the training rows": mean_predictor(train).reconstruct,
        "PCA, 8 components": pca(train, 8).reconstruct,
        "autoencoder, code of 8": lambda x: reconstructed(net, x),
    }
    d = train.shape[1]
    rows: list[list[str | float | None]] = []
    for name, see in sources.items():
        variance = squared(train, see(train)) / d
        error = squared(test, see(test))
        nats = [0.5 * (error / s + d * np.log(2 * np.pi * s)) for s in (1.0, variance)]
        rows.append([name, error, *map(float, nats)])
    return Table(
        "Held-out rows: squared error, and −log p in nats",
        ["", "squared error", "σ = 1", "σ² = training error"],
        rows,
    )


def picture() -> Picture:
    def draw(figure: Figure) -> None:
        logits = torch.linspace(-8, 8, 161, dtype=torch.float64)[:, None]
        x = torch.linspace(0, 1, 1001, dtype=torch.float64)
        axis = figure.subplots()
        for name, likelihood, colour in (
            ("continuous Bernoulli", continuous_bernoulli(1), "#0072B2"),
            ("cross-entropy", bernoulli(1), "#D55E00"),
        ):
            density = torch.stack(
                [likelihood(each.expand(len(x), 1)).log_prob(x[:, None]).exp() for each in logits]
            )
            axis.plot(logits[:, 0], torch.trapezoid(density, x, dim=1), color=colour, label=name)
        axis.set(xlabel="logit that the decoder delivers", ylabel="∫ p(x) dx from 0 to 1", ylim=(0, 1.1))
        axis.legend()

    alt = "Total probability against the logit: the continuous Bernoulli's is 1, cross-entropy's below 0.5."
    return Picture("Cross-entropy is no likelihood of grey values", alt, draw)
