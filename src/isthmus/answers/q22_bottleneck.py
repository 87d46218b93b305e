"""What does the bottleneck between encoder and decoder do, and how is its width measured?

**In short.** It limits how much the decoder can be told about a row. Its width is not the number of code
dimensions but the *rate*, the nats that pass; what is lost is the *distortion*. A bottleneck is a trade of
one for the other, and β sets the price.

**Definition.** For an encoder q(z|x), a decoder p(x|z) and a prior m(z) known to both ends,

    rate        R = E KL(q(z|x) ‖ m(z))          nats to send z, given m
    distortion  D = E_q [−log p(x|z)]            nats to send x, given z

**Mathematics.** −ELBO = D + R, the length of both messages together, and −log p(x) ≤ D + R. Training
minimises D + βR, a tangent of slope −β to the curve of least D for each R: as β grows R falls and D rises.
The sum is least at β = 1. The rate bounds information from above: R = I(x; z) + KL(q(z) ‖ m(z)), where q(z)
is the average posterior. A code of K words costs at most log K a position, or the entropy of their use if m
is the table of how often each is chosen.

**Intuition.** A courier who is paid by the word. Free, he tells everything and learns nothing about what
matters; too dear, he stays silent, and the decoder always draws the average row.

**When, and when not.** Few dimensions where the code is to be read or plotted. Noise with a prior where
nats are to be counted or rows sampled. Quantised codes where bits are stored or a language model comes
after. Sparsity where many concepts exist and few apply. No bottleneck at all if the task is only to denoise
or to fill in.

**Pitfalls.** A deterministic real number has no finite rate: eight floats can hold a picture in their
decimals. To call the KL "the information" forgets its second part. log K overstates the rate of a codebook
that is half dead. A distortion averaged over pixels against a rate summed over the code multiplies β by the
number of pixels, and the code collapses. Two models compare at equal rate, not at equal dimension.

**Sources.** Tishby, Pereira and Bialek 1999, arXiv:physics/0004057; Alemi et al. 2018, Fixing a Broken
ELBO, arXiv:1711.00464; Higgins et al. 2017, β-VAE; van den Oord et al. 2017, arXiv:1711.00937.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from ..likelihoods import bernoulli
from ..metrics import active_units, elbo
from ..model import Autoencoder
from ..models import beta_vae, vq_vae
from ..objective import Objective
from ..terms import kl, reconstruction
from .common import grey, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the distortion is averaged over pixels, the rate is summed over the code"


class Point(NamedTuple):
    """Where a model lies, in nats, and how many of its code's dimensions are in use."""

    rate: float
    distortion: float
    active: int | None = None

    @property
    def both(self) -> float:
        return self.rate + self.distortion


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    data = grey(budget)
    betas = budget.pick((0.1, 0.3, 1.0, 2.0, 4.0), (0.1, 0.3, 1.0, 3.0, 10.0))
    x, held = ((part > 0.5).astype(np.float32) for part in (data.train, data.test))  # bits, always the same
    points = {beta: gaussian_code(x, held, beta, budget, mean_over_pixels=bug) for beta in betas}
    words, most = quantised(x, held, budget)
    nothing = independent_pixels(x, held)
    rates, distortions = ([getattr(p, name) for p in points.values()] for name in ("rate", "distortion"))
    best = min(betas, key=lambda beta: points[beta].both)
    claims = [
        Claim(
            "Nats that a code at β = 1 saves, against independent pixels",
            nothing.both - points[1.0].both,
            at_least=budget.pick(3, 60),
        ),
        Claim(
            f"Nats of rate between β = {betas[0]:g} and β = {betas[-1]:g}",
            rates[0] - rates[-1],
            at_least=budget.pick(10, 30),
        ),
        Claim(
            "Least fall of the rate from one β to the next",
            -max(b - a for a, b in pairwise(rates)),
            at_least=0,
            guarded=False,
        ),
        Claim(
            "Least rise of the distortion",
            min(b - a for a, b in pairwise(distortions)),
            at_least=0,
            guarded=False,
        ),
        Claim(
            "Steps between β = 1 and the β of the least sum",
            abs(betas.index(best) - betas.index(1.0)),
            at_most=1,
            guarded=False,
        ),
    ]
    named = {"no code: independent pixels": nothing}
    named |= {f"Gaussian code, β = {beta:g}": point for beta, point in points.items()}
    named |= {f"4 words of 16, at most {most:.3g} nats": words}
    table = Table(
        "Held-out rows, in nats",
        ["", "rate", "distortion", "sum", "active dimensions"],
        [[name, p.rate, p.distortion, p.both, p.active] for name, p in named.items()],
    )
    return Evidence(claims, [table], [picture(points, words, nothing)])


def gaussian_code(
    x: np.ndarray, held: np.ndarray, beta: float, budget: Budget, mean_over_pixels: bool
) -> Point:
    features, dim = x.shape[1], budget.pick(8, 32)

    def build() -> Autoencoder:
        model = beta_vae(features, dim, budget.pick((64,), (256,)), beta=beta, likelihood=bernoulli)
        if mean_over_pixels:
            model.objective = Objective.of((1 / features) * reconstruction + beta * kl)
        return model

    model = trained(build, x, budget, budget.pick(30, 4), lr=budget.pick(5e-3, 1e-3))
    bound = elbo(model, held, samples=budget.pick(10, 1), seed=budget.seed)
    return Point(bound.rate, bound.distortion, active_units(model, held).number)


def quantised(x: np.ndarray, held: np.ndarray, budget: Budget) -> tuple[Point, float]:
    """Four words of sixteen, coded by how often training rows use each; and the most that could cost."""
    model = trained(
        lambda: vq_vae(
            x.shape[1], 16, budget.pick((64,), (256,)), positions=4, width=4, likelihood=bernoulli
        ),
        x,
        budget,
        budget.pick(30, 4),
        lr=budget.pick(5e-3, 1e-3),
    )
    with torch.no_grad():
        used = model.encode(torch.from_numpy(x)).extra["indices"]  # (n, 4)
        code = model.encode(torch.from_numpy(held))
        log_x = model.decode(code.z).log_prob(torch.from_numpy(held))
    shares = torch.stack([torch.bincount(place, minlength=16) + 0.5 for place in used.T])  # (4, 16)
    cost = -(shares / shares.sum(1, keepdim=True)).log()
    sent = cost.gather(1, code.extra["indices"].T).sum(0)
    return Point(float(sent.mean()), -float(log_x.mean())), 4 * float(np.log(16))


def independent_pixels(x: np.ndarray, held: np.ndarray) -> Point:
    """Each pixel a coin of its own, with the share of ones that the training rows have: rate zero."""
    ones = np.clip(x.mean(0, dtype=np.float64), 1e-3, 1 - 1e-3)
    return Point(0.0, -float((held * np.log(ones) + (1 - held) * np.log(1 - ones)).sum(1).mean()))


def picture(points: dict[float, Point], words: Point, nothing: Point) -> Picture:
    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        axis.plot(
            [p.rate for p in points.values()],
            [p.distortion for p in points.values()],
            "o-",
            color="#0072B2",
            label="Gaussian code",
        )
        for beta, point in points.items():
            axis.annotate(
                f"β = {beta:g}", (point.rate, point.distortion), xytext=(6, 5), textcoords="offset points"
            )
        axis.plot(words.rate, words.distortion, "s", color="#E69F00", label="four words of sixteen")
        axis.plot(0, nothing.distortion, "x", color="black", label="independent pixels")
        least = min(p.both for p in points.values())
        axis.axline(
            (0, least), slope=-1, color="#999999", linewidth=1, linestyle="--", label="equal sum, the least"
        )
        axis.margins(0.16)  # room for the names of points
        axis.set(xlabel="rate, nats", ylabel="distortion, nats", xlim=(-0.5, None), ylim=(0, None))
        axis.legend()

    alt = "Distortion falls as the rate grows; β = 1 is where a line of equal sum touches the curve."
    return Picture("What a nat of code buys", alt, draw)
