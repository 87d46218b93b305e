"""What is a hierarchical VAE, and what does each of its layers hold?

**In short.** Its code has several stochastic layers, each the prior of the one below. The lowest says where
things are, the upper ones which arrangement they belong to. The art is in keeping the upper layers alive.

**Definition.** With layers z₁ … z_L, z₁ nearest to the data,

    p(x, z) = p(z_L) Π_i p(z_i | z_{i+1}) p(x | z₁)
    ELBO = E_q log p(x | z₁) − Σ_i E_q KL(q(z_i | …) ‖ p(z_i | …))

A plain hierarchy infers from the bottom up, q(z₂ | z₁); the ladder VAE from the top down, q(z₁ | z₂, x).

**Mathematics.** In the ladder the posterior is the normalised product of what the row says, N(μ̂, σ̂²), and
what the layer above expects, N(μ_p, σ_p²): precisions add up, σ⁻² = σ̂⁻² + σ_p⁻², and weigh the means. Each
divergence is that given the *draw* of the layer above. A layer whose posterior is its prior costs nothing and
says nothing. Seen from the decoder, upper layers are a learned prior, p(z₁) = ∫ p(z₁ | z₂) p(z₂) dz₂. With a
linear decoder and one layer no bound can pass the likelihood of probabilistic PCA; what a second layer
gains over that is the shape of p(z₁).

**Intuition.** A letter in two envelopes: the outer says "an eight, slanted", the inner how this
eight differs from what one would expect. Who reads only the outer one can imagine many slanted eights.

**When, and when not.** Where data have structure at several scales, as pictures; for densities, where deep
top-down models are among the best VAEs; for a prior that fits its codes. For a compact code to use elsewhere
one layer is simpler, and on small tables hardly worse: see the table.

**Pitfalls.** Early in training upper layers are noise, it pays to ignore them, and they die: grow the KL in,
or leave it free bits. (On these digits it is the lower one that loses most without, and the bound is worse;
a plain hierarchy with warm-up does as well as a ladder.) A lower layer held to N(0, I) in place of p(z₁ | z₂)
makes upper ones useless (the control). A divergence at the *means* of the layers above is no bound. In a
plain hierarchy KL(q(z₁ | x) ‖ p(z₁ | z₂)) in closed form is none either, as z₂ was inferred from z₁. A KL
summed over layers hides which of them is used. Deep stacks need small residual branches, and steps with huge
gradients skipped.

**Sources.** Rezende et al. 2014, arXiv:1401.4082; Sønderby et al. 2016, arXiv:1602.02282; Child 2021,
arXiv:2011.10650; Vahdat and Kautz 2020, arXiv:2007.03898; Tipping and Bishop 1999, JRSS B 61.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from torch import Tensor, nn

from ..distributions import DiagonalNormal
from ..latents import Ladder
from ..likelihoods import bernoulli, gaussian
from ..metrics import elbo, kl_per_layer
from ..model import Autoencoder
from ..models import hierarchical_vae, ladder_vae, top_down_vae, vae
from ..nets import mlp
from ..objective import term
from ..randomness import seeded
from ..terms import kl, reconstruction, warmup
from ..trace import Trace
from .common import grey, line, side_by_side, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "every layer is held to N(0, I), and not to what the layer above expects of it"
PLACES, RADIUS, SPREAD, NOISE, WIDTH = 8, 3.0, 0.3, 0.5, 10  # a ring of Gaussians in the plane, seen in ℝ¹⁰
BIT = math.log(2)  # nats: the answer to one question of yes or no


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    known, ring, plane = on_the_ring(budget, bug)
    seen, layers, pictures = on_digits(budget, bug)
    return Evidence([*known, *seen], [ring, layers], [plane, pictures])


def on_the_ring(budget: Budget, bug: bool) -> tuple[list[Claim], Table, Picture]:
    """Rows of a known density, and linear decoders: what one layer can reach is known too."""
    draw = np.random.default_rng(budget.seed)
    plane = np.linalg.qr(draw.normal(size=(WIDTH, 2)))[0]
    angle = 2 * np.pi * np.arange(PLACES) / PLACES
    centres = RADIUS * np.stack([np.cos(angle), np.sin(angle)], 1)
    ring = centres[draw.integers(PLACES, size=4000)] + SPREAD * draw.normal(size=(4000, 2))
    x = torch.from_numpy(ring @ plane.T + NOISE * draw.normal(size=(4000, WIDTH))).float()
    covariance = SPREAD**2 * plane @ plane.T + NOISE**2 * np.eye(WIDTH)
    each = [multivariate_normal.logpdf(x, plane @ centre, covariance) for centre in centres]
    truth = float(logsumexp(each, 0).mean() - math.log(PLACES))
    best = probabilistic_pca(x.double().numpy(), 2)
    epochs = budget.pick(30, 200)
    one, two = (
        trained(partial(linear, dims, epochs * 16, bug), x, budget, epochs, 5e-3) for dims in ((2,), (2, 2))
    )
    reached, single = (bound(model, x, budget) for model in (two, one))
    used = kl_per_layer(two, x, samples=3, seed=budget.seed)
    claims = [
        Claim(
            "Ring: nats by which two layers pass the most that one layer can, exactly known",
            reached - best,
            at_least=0,
        ),
        Claim("Ring: nats in the upper layer (one bit is 0.69)", float(used[1]), at_least=BIT),
        Claim("Ring: ELBO above the true log density, in nats", reached - truth, at_most=0, guarded=False),
    ]
    table = Table(
        "Ring of 8 Gaussians in ℝ¹⁰, linear decoders: nats per row, of the rows learned from",
        ["", "log p(x), or a bound"],
        [
            line("one Gaussian, no code", multivariate_normal.logpdf(x, x.mean(0), np.cov(x.T)).mean()),
            line("probabilistic PCA: the most of one layer", best),
            line("one layer", single),
            line("two layers", reached),
            line("the density itself", truth),
        ],
    )
    with seeded(budget.seed), torch.no_grad():
        codes = {f"{name} drawn": model.sample(1000).mean.numpy() for name, model in drawing(one, two)}
    shown = {"data": ring[:1000], **{name: rows @ plane for name, rows in codes.items()}}
    return claims, table, scattered(shown)


def drawing(one: Autoencoder, two: Autoencoder) -> list[tuple[str, Autoencoder]]:
    return [("one layer", one), ("two layers", two)]


def linear(dims: Sequence[int], steps: int, bug: bool) -> Autoencoder:
    """Layers of a ladder above a linear decoder."""
    price = held if bug else kl
    parts = mlp(WIDTH, 64, 64), Ladder(dims, 64), nn.Linear(dims[0], WIDTH), gaussian(WIDTH)
    return Autoencoder(*parts, reconstruction + warmup(steps) * price)


@term
def held(model: Any, trace: Trace) -> Tensor:
    """The bug: Σ_i KL(q(z_i | …) ‖ N(0, I))."""
    zero = torch.zeros((), device=trace.code.z.device)
    standard = DiagonalNormal(zero, zero, standard=True)
    costs = [stage.q.kl(standard).sum(-1) for stage in trace.code.stages]
    return torch.stack(costs).sum(0)


def probabilistic_pca(x: np.ndarray, dim: int) -> float:
    """Mean log density at the maximum of its likelihood (Tipping and Bishop 1999)."""
    values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    rest, top = values[:-dim].mean(), vectors[:, -dim:]
    covariance = top * (values[-dim:] - rest) @ top.T + rest * np.eye(len(values))
    return float(multivariate_normal.logpdf(x, x.mean(0), covariance).mean())


def bound(model: Autoencoder, x: Tensor, budget: Budget) -> float:
    found = elbo(model, x, samples=5, seed=budget.seed)
    return -found.distortion - found.rate


def on_digits(budget: Budget, bug: bool) -> tuple[list[Claim], Table, Picture]:
    """What each layer of several hierarchies holds, and what stays of a digit if only the upper is kept."""
    rows = grey(budget)
    x, test = (torch.from_numpy(part > 0.5).float() for part in (rows.train, rows.test))
    features, dim, hidden = x.shape[1], *budget.pick((8, (128,)), (32, (400, 400)))
    epochs, width = budget.pick((60, 64), (20, 256))
    slow = epochs * -(-len(x) // 128) // 2
    both: dict[str, Any] = {"likelihood": bernoulli, "layers": 2, "width": width}

    def ladder(steps: int = slow) -> Autoencoder:
        model = ladder_vae(features, dim, hidden, **both, steps=steps)
        if bug:
            model.objective = reconstruction + warmup(steps) * held
        return model

    builds = {
        "one layer": lambda: vae(features, dim, hidden, likelihood=bernoulli),
        "plain hierarchy": lambda: hierarchical_vae(features, dim, hidden, **both, steps=slow),
        "ladder": ladder,
        "ladder, no warm-up": lambda: ladder(1),
        "top-down, 4 blocks": lambda: top_down_vae(
            features, 2, hidden, blocks=4, width=width, steps=0, likelihood=bernoulli
        ),
    }
    models = {
        name: trained(build, x, budget, epochs, budget.pick(3e-3, 1e-3)) for name, build in builds.items()
    }
    bounds = {name: bound(model, test, budget) for name, model in models.items()}
    nats = {name: kl_per_layer(model, test, 3, budget.seed).tolist() for name, model in models.items()}
    nats["top-down, 4 blocks"].reverse()  # its stages count from the top
    kept = models["ladder"]
    drawn = {layers: redrawn(kept, test, layers, budget.seed) for layers in (0, 1, 2)}
    own = squared(test.numpy(), drawn[1])
    others = squared(np.random.default_rng(budget.seed).permutation(test.numpy()), drawn[1])
    claims = [
        Claim("Digits: nats in the ladder's upper layer", nats["ladder"][1], at_least=BIT),
        Claim(
            "Digits, lower layer drawn anew: ‖x − x̂‖² from the row whose upper layer is kept over any row's",
            own / others,
            at_most=0.9,
        ),
    ]
    mean = x.mean(0).clamp(1e-3, 1 - 1e-3).logit().expand_as(test)
    trivial = float(bernoulli(features)(mean).log_prob(test).mean())
    table = Table(
        "Unseen digits, binarised, in nats; layers from the lowest up",
        ["", "ELBO", "KL of each layer"],
        [
            line("independent pixels, no code", trivial, ""),
            *(line(name, bounds[name], ", ".join(f"{v:.2f}" for v in nats[name])) for name in models),
        ],
    )
    again = redrawn(kept, test, 1, budget.seed + 1)
    shown: dict[str, Any] = {
        "unseen": test, "both layers kept": drawn[2], "upper kept, a draw": drawn[1],
        "upper kept, another": again, "none kept": drawn[0],
    }  # fmt: skip
    alt = (
        "Five rows of ten digits: unseen ones; the same rebuilt; two rows in which only the upper layer is "
        "kept, digits that resemble the row, some of the same kind; and draws of the prior."
    )
    pictures = {name: np.asarray(part[:10]) for name, part in shown.items()}
    return claims, table, side_by_side("What the upper layer keeps", alt, pictures)


def redrawn(model: Autoencoder, x: Tensor, layers: int, seed: int) -> np.ndarray:
    """Means of p(x | z₁), where the row says the upper `layers` and those below are drawn."""
    latent = model.latent
    assert isinstance(latent, Ladder)
    with torch.no_grad(), seeded(seed):
        return model.decode(latent.resample(model.encoder(x), layers)).mean.numpy()


def scattered(shown: dict[str, np.ndarray]) -> Picture:
    def draw(figure: Figure) -> None:
        for axis, (name, points) in zip(
            figure.subplots(1, len(shown), sharex=True, sharey=True), shown.items()
        ):
            axis.plot(*points.T, ".", markersize=1.5)
            axis.set(title=name, aspect="equal", xlim=(-6, 6), ylim=(-6, 6))

    alt = (
        "Three clouds in the plane: data, eight spots on a ring; draws of one layer, a round blot; draws of "
        "two layers, a cloud with an emptier middle, not yet the eight spots."
    )
    return Picture("A layer above is a prior that is learned", alt, draw, (8.4, 3.2))
