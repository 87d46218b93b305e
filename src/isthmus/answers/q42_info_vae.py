"""What does an InfoVAE change, and what is the maximum mean discrepancy?

**In short.** The VAE charges every row for the certainty of its own code, and where the decoder can do
without, the code is given up. An InfoVAE lets rows off, wholly or in part, and asks instead that all codes
*together* look like the prior. That distance is measured by the maximum mean discrepancy, MMD: a comparison
of two samples by a kernel, without densities and without a critic.

**Definition.** With q(z) the mean of all posteriors,

    −E log p(x | z) + (1 − α) E KL(q(z | x) ‖ p) + (α + λ − 1) D(q(z), p)

α = 0, λ = 1 is the VAE; α = 1 is the MMD-VAE, close to a Wasserstein autoencoder with random codes.

**Mathematics.** MMD²(q, p) = E k(z, z') + E k(y, y') − 2 E k(z, y), z of q and y of p. It is zero only where
q = p, for kernels such as RBF, exp(−‖a − b‖² / C), and IMQ, C / (C + ‖a − b‖²), here added up over
seven C. Leaving out pairs of a point with itself makes the estimate from n points unbiased; with them it lies
about E[k(z, z) − k(z, z')] · 2/n too high. C is of the order of the squared distance of two draws, 2d in d
dimensions. Since

    E KL(q(z | x) ‖ p) = I(x; z) + KL(q(z) ‖ p)

lowering the weight of the KL to 1 − α lowers the price of information, and the MMD makes up for the second
part.

**Intuition.** A VAE taxes each letter. An InfoVAE lets people write what they like, so long as the whole
mailbag looks like ordinary mail.

**When, and when not.** Where codes are wanted and the decoder is strong, or its noise is fixed too high. It
gives no bound on the likelihood any more; to compare likelihoods, evaluate one. A learned decoder variance is
the first remedy to try. Of many dimensions MMD sees little with the points of one batch.

**Pitfalls.** The biased estimate: its gradient is fine, its value has a floor that is taken for a mismatch. A
bandwidth that does not grow with d. λ without its units: MMD² by one kernel of height 1 is below 2 and noisy,
likelihoods are tens of nats; a large λ then spends all on noise of the estimate, and the code collapses
again. MMD of posterior means where codes are drawn.

**Sources.** Zhao, Song and Ermon 2019, arXiv:1706.02262; Gretton et al. 2012, A Kernel Two-Sample Test, JMLR
13; Tolstikhin et al. 2018, arXiv:1711.01558.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..likelihoods import gaussian
from ..metrics import kl_parts
from ..model import Autoencoder
from ..models import info_vae, vae
from ..randomness import seeded
from ..recipes import Recipe
from ..terms import imq, rbf
from ..terms.discrepancy import Kernel, discrepancy, squared_distances
from .common import grey, line, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the estimate counts the similarity of each point with itself"
UNIT = Recipe(gaussian, scale=1.0)  # far more noise than grey values have: the VAE's code collapses


class Learned(NamedTuple):
    """Information in codes of training rows, their distance from the prior, and the error of test rows."""

    name: str
    information: float
    distance: float
    error: float


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    measure = with_itself if bug else discrepancy
    null = {kernel.__name__: estimates(budget, kernel, measure) for kernel in (rbf, imq)}
    shifted = estimates(budget, imq, measure, shift=0.5, times=200, n=200)
    unshifted = estimates(budget, imq, measure, times=200, n=200)
    power = float((shifted > np.quantile(unshifted, 0.95)).mean())
    models = learned(budget)
    plain, free, matched = models
    claims = [
        Claim(
            f"Two samples of one density, {name} kernel: mean estimate from 0, in standard errors",
            abs(found.mean()) / (found.std(ddof=1) / math.sqrt(len(found))),
            at_most=4,
        )
        for name, found in null.items()
    ]
    claims += [
        Claim(
            "A shift of half a deviation in one of 8 dimensions, seen in 200 points at the 5 % level: share",
            power,
            at_least=0.9,
            guarded=False,
        ),
        Claim(
            "A decoder that expects too much noise: information of the InfoVAE's code above the VAE's, nats",
            matched.information - plain.information,
            at_least=2,
            guarded=False,
        ),
        Claim(
            "MMD² of its codes from the prior, against that without any price",
            matched.distance / free.distance,
            at_most=0.1,
            guarded=False,
        ),
    ]
    nothing = Table(
        "MMD² of two samples of 50 points of one density, mean of 500, and its standard error",
        ["kernel", "mean", "standard error"],
        [
            line(name, float(found.mean()), float(found.std(ddof=1) / math.sqrt(len(found))))
            for name, found in null.items()
        ],
    )
    compared = Table(
        "Digits under a decoder of unit noise (information is at most the log of the rows looked at)",
        ["", "information, nats", "MMD² from the prior", "squared error of test rows, codes drawn"],
        [
            line("the mean of training rows", 0.0, None, mean_error(budget)),
            *(line(m.name, m.information, m.distance, m.error) for m in models),
        ],
    )
    return Evidence(claims, [nothing, compared], [picture(null, models)])


def with_itself(a: Tensor, b: Tensor, kernel: Kernel) -> Tensor:
    """The bug: every mean over all pairs."""
    dim = a.shape[1]
    within = sum(kernel(squared_distances(x, x), dim).mean() for x in (a, b))
    found: Tensor = within - 2 * kernel(squared_distances(a, b), dim).mean()
    return found


def estimates(
    budget: Budget, kernel: Kernel, measure: object, shift: float = 0.0, times: int = 500, n: int = 50
) -> np.ndarray:
    """Of two normal samples of n points in 8 dimensions, the first of them shifted in one."""
    assert callable(measure)
    move = torch.zeros(8)
    move[0] = shift
    with seeded(budget.seed):
        return np.array(
            [float(measure(torch.randn(n, 8) + move, torch.randn(n, 8), kernel)) for _ in range(times)]
        )


def learned(budget: Budget) -> list[Learned]:
    x = grey(budget)
    train, test = torch.from_numpy(x.train), torch.from_numpy(x.test)
    dim, hidden = budget.pick((8, (128,)), (10, (400, 400)))
    features = train.shape[1]
    some = train[torch.from_numpy(np.random.default_rng(budget.seed).permutation(len(train))[:600])]

    def found(name: str, build: object) -> Learned:
        assert callable(build)
        model: Autoencoder = trained(build, train, budget, budget.pick(40, 20), 2e-3)
        with torch.no_grad(), seeded(budget.seed + 1):
            z = model.encode(train[:2000], sample=True).z
            distance = float(discrepancy(z, torch.randn_like(z), rbf))
            seen = model.decode(model.encode(test, sample=True).z).mean
            error = float((seen - test).square().sum(1).mean())
        return Learned(name, kl_parts(model, some, samples=3).mutual_information, distance, error)

    def priced(weight: float) -> object:
        return lambda: info_vae(features, dim, hidden, alpha=1.0, weight=weight, likelihood=UNIT)

    return [
        found("VAE", lambda: vae(features, dim, hidden, likelihood=UNIT)),
        found("no price at all", priced(0.0)),
        found("InfoVAE, α = 1, λ = 50", priced(50.0)),
    ]


def mean_error(budget: Budget) -> float:
    x = grey(budget)
    return float(np.square(x.test - x.train.mean(0)).sum(1).mean())


def picture(null: dict[str, np.ndarray], models: list[Learned]) -> Picture:
    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        for name, found in null.items():
            left.hist(found / found.std(), 30, alpha=0.6, label=name)
        left.axvline(0, color="black", linewidth=1)
        left.set_xlabel("MMD² of two samples of one density, in deviations")
        left.set_ylabel("samples")
        left.legend()
        for index, model in enumerate(models):
            right.bar(index, model.information, color=f"C{index}")
        right.set_xticks(range(len(models)), [m.name.replace(", α", ",\nα") for m in models])
        right.set_ylabel("information in the code, nats")

    alt = (
        "Left: unbiased estimates for two samples of one density lie around zero. Right: the VAE's code "
        "holds next to nothing, that of the InfoVAE as much as one without a price."
    )
    return Picture("A distance that is zero for equals, and the code that it saves", alt, draw, (8.6, 3.8))
