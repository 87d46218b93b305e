"""What makes training of a VAE fail, and which remedy is for which failure?

**In short.** Three things go wrong. The code collapses: posteriors become the prior, and the decoder does
without. A variance runs away: to zero, where a pixel is constant, or to infinity through exp of a log
variance. Or the two terms are out of balance, because one is a mean where it should be a sum. Most collapse
is not an accident of optimisation but what the loss asks for, at the noise that was assumed.

**Definition.** Dimension j has collapsed where q(z_j | x) = p(z_j) for all x: its KL is zero, and its
posterior mean does not vary.

**Mathematics.** For a linear decoder with fixed noise σ² and data whose covariance has eigenvalues λ_j, the
best rate of direction j is

    R_j = max(0, ½ log(λ_j / σ²)),   active exactly where λ_j > σ²

So too much assumed noise collapses the code at the global optimum, and no schedule helps (Lucas et al. 2019).
A likelihood averaged over d features is the same as d times the noise. Learning σ² puts it where the residual
is. A posterior whose width is held below one, as in a δ-VAE, costs at least δ nats a dimension, whatever the
decoder does.

**Intuition.** Who believes that all the picture is noise has no reason to describe it.

**When, and when not.** First set the balance: sum over features, learn the decoder's variance. Warm-up and
cycles help where the decoder could use the code but learned to do without at first; they change the way and
not the goal, and must end at weight one. Free bits and δ-VAE change the goal: information is kept even where
it does not pay. A skip decoder makes codes easier to use. A strong autoregressive decoder needs one of the
last three.

**Pitfalls.** Active units counted on samples and not on means. The annealed loss, or free bits, reported as
ELBO. log variances without a bound: one outlier, exp(100), and all weights are NaN. A density of constant
pixels grows without end as σ → 0: bound it, or say that values are discrete. Gradient clipping that hides all
of this.

**Sources.** Lucas et al. 2019, Don't Blame the ELBO!, arXiv:1911.02469; Bowman et al. 2016, arXiv:1511.06349;
Kingma et al. 2016, arXiv:1606.04934; Fu et al. 2019, arXiv:1903.10145; Razavi et al. 2019, arXiv:1901.03416;
Rybkin, Daniilidis and Levine 2021, arXiv:2006.13202; Dieng et al. 2019, arXiv:1807.04863.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..distributions import DiagonalNormal
from ..latents import Gaussian
from ..likelihoods import gaussian
from ..metrics import active_units, kl_per_dimension
from ..model import Autoencoder
from ..models import delta_vae, linear_vae, skip_vae, vae
from ..objective import Objective, Term
from ..randomness import seeded
from ..recipes import Recipe
from ..terms import cyclical, expected_reconstruction, free_bits, kl, reconstruction, warmup
from ..trace import Trace
from ..training import lbfgs
from .common import grey, line, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the likelihood is averaged over the features and the divergence summed"
UNIT = Recipe(gaussian, scale=1.0)  # far more noise than grey values have
NOISE = (0.6, 1.5, 4.0, 11.0, 19.0, 30.0)  # variances, none near an eigenvalue
DELTA = 0.5  # nats a dimension


class Remedied(NamedTuple):
    """Nats a row, dimensions whose mean varies, and what a row's reconstruction misses."""

    name: str
    rate: float
    active: int
    error: float


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    counts = [active(budget, noise, bug) for noise in NOISE]
    models = remedied(budget, bug)
    by_name = {model.name: model for model in models}
    dim = width(budget)[0]
    claims = [
        Claim(
            "Linear model: active dimensions against eigenvalues above the noise, sum of differences",
            sum(abs(found - expected) for expected, found in counts),
            at_most=0,
        ),
        Claim("Variance of the decoder learned: rate, in nats", by_name["variance learned"].rate, at_least=3),
        Claim(
            "Noise fixed too high: rate of the VAE, in nats, of which warm-up saves none",
            max(by_name["as it is"].rate, by_name["warm-up"].rate),
            at_most=1,
            guarded=False,
        ),
        Claim(
            f"The same with a committed rate: nats above δ = {DELTA} a dimension",
            by_name["committed rate"].rate - DELTA * dim,
            at_least=-1e-3,
            guarded=False,
        ),
        Claim(
            "KL of a posterior for features up to 1000, bounded log scale: share that is finite",
            finite(bounded=True),
            at_least=1,
            guarded=False,
        ),
    ]
    linear = Table(
        "Linear model of five directions: how many are active",
        ["noise variance", "eigenvalues above it", "found"],
        [line(f"{noise:g}", expected, found) for noise, (expected, found) in zip(NOISE, counts)],
    )
    compared = Table(
        "Digits, a decoder of unit noise (all but the last), test rows",
        ["", "rate, nats", "active dimensions", "squared error, codes drawn"],
        [
            line("the mean of training rows", 0.0, 0, mean_error(budget)),
            *(line(m.name, m.rate, m.active, m.error) for m in models),
        ],
    )
    spread = Table(
        "KL for features up to 1000: share that is finite",
        ["log scale", "share"],
        [line("bounded", finite(bounded=True)), line("as the encoder says", finite(bounded=False))],
    )
    return Evidence(claims, [linear, compared, spread], [picture(models)])


def active(budget: Budget, noise: float, bug: bool, features: int = 12, dim: int = 5) -> tuple[int, int]:
    """How many eigenvalues are above the noise, and how many dimensions cost more than 0.01 nats."""
    draw = np.random.default_rng(budget.seed)
    deviations = np.sqrt([24.0, 14.0, 8.0, 2.0, 1.0] + [0.3] * (features - dim))
    rotation, _ = np.linalg.qr(draw.normal(size=(features, features)))
    white, _ = np.linalg.qr(draw.normal(size=(300, features)))  # orthogonal columns: eigenvalues are exact
    white -= white.mean(0)
    white, _ = np.linalg.qr(white)
    x = torch.from_numpy((white * math.sqrt(300) * deviations) @ rotation.T)

    def build() -> Autoencoder:
        model = linear_vae(features, dim, likelihood=Recipe(gaussian, scale=math.sqrt(noise)))
        model.objective = (1 / features if bug else 1.0) * expected_reconstruction + kl
        return model

    model = trained(build, x, budget, 20, 1e-2, finish=lbfgs(200))
    expected = int((np.square(deviations[:dim]) > noise).sum())
    return expected, int((kl_per_dimension(model, x) > 0.01).sum())


def width(budget: Budget) -> tuple[int, tuple[int, ...]]:
    return budget.pick((8, (128,)), (20, (400, 400)))


def remedied(budget: Budget, bug: bool) -> list[Remedied]:
    x = grey(budget)
    train, test = torch.from_numpy(x.train), torch.from_numpy(x.test)
    dim, hidden = width(budget)
    features, epochs = train.shape[1], budget.pick(40, 20)
    steps = epochs * -(-len(train) // 128) // 2
    explained = averaged if bug else reconstruction

    def found(name: str, build: Callable[[], Autoencoder], cost: Term = kl) -> Remedied:
        def built() -> Autoencoder:
            model = build()
            model.objective = Objective.of(explained + cost)
            return model

        model = trained(built, train, budget, epochs, 2e-3)
        with torch.no_grad(), seeded(budget.seed + 1):
            seen = model.decode(model.encode(test, sample=True).z).mean
        error = float((seen - test).square().sum(1).mean())
        rate = float(kl_per_dimension(model, test).sum())
        return Remedied(name, rate, active_units(model, test).number, error)

    def plain(likelihood: Any = UNIT) -> Callable[[], Autoencoder]:
        return lambda: vae(features, dim, hidden, likelihood=likelihood)

    return [
        found("as it is", plain()),
        found("warm-up", plain(), warmup(steps) * kl),
        found("cycles", plain(), cyclical(max(1, steps // 4), cycles=4) * kl),
        found("skip decoder", lambda: skip_vae(features, dim, hidden, likelihood=UNIT)),
        found("free bits", plain(), free_bits(DELTA)),
        found("committed rate", lambda: delta_vae(features, dim, hidden, delta=DELTA, likelihood=UNIT)),
        found("variance learned", plain(gaussian)),
    ]


def averaged_reconstruction(model: Any, trace: Trace) -> Tensor:
    return reconstruction(model, trace) / trace.batch.target[0].numel()


averaged = Term("reconstruction", averaged_reconstruction)  # the bug


def finite(bounded: bool) -> float:
    """Of KLs to a standard normal, for features from 1 to 1000."""
    zero, features = torch.zeros(()), torch.logspace(0, 3, 100)[:, None]  # (100, 1)
    whole = torch.cat([torch.zeros_like(features), features], 1)
    if bounded:
        stage = Gaussian(1)(whole, False).stages[0]
        return float(stage.q.kl(stage.p).isfinite().float().mean())
    found = DiagonalNormal(whole[:, :1], whole[:, 1:]).kl(DiagonalNormal(zero, zero, standard=True))
    return float(found.isfinite().float().mean())


def mean_error(budget: Budget) -> float:
    x = grey(budget)
    return float(np.square(x.test - x.train.mean(0)).sum(1).mean())


def picture(models: list[Remedied]) -> Picture:
    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        axis.barh([m.name for m in models][::-1], [m.rate for m in models][::-1], color="C0")
        axis.set_xlabel("rate of test rows, nats")

    alt = (
        "Rates of digits' codes under a decoder of too much noise: next to nothing for the VAE as it is, "
        "with schedules or with skips, more with free bits and a committed rate, most where the variance is "
        "learned."
    )
    return Picture("Which remedy is for which failure", alt, draw, (7.0, 3.4))
