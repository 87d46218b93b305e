"""What is an energy-based autoencoder, and why is a reconstruction error alone a poor judge of the unknown?

**In short.** An autoencoder whose error is read as an energy, E(x) = ½ ‖x − x̂‖²: low at data, because that
is trained, and high elsewhere, because that is trained too. A plain one is told nothing about elsewhere,
and rebuilds whatever is simple: a blank page better than a page of writing.

**Definition.** p(x) = exp(−E(x) / T) / Z. The normalised autoencoder (NAE) climbs its likelihood,

    T ∇ −log p(x) = ∇E(x) − E_{x⁻ ~ p} ∇E(x⁻)

The energy-based GAN holds up what a generator makes, to a margin m: E(x) + max(0, m − E(G(ε))), while G
seeks low energy.

**Mathematics.** The second half of the gradient is ∇ log Z, and needs draws of the model. Langevin gives
them: x ← x − ε²/2T ∇E + ε ξ. For N(0, σ²) its variance is σ²/(1 − ε²/4σ²), which is how a sampler is
tested. Chains from noise would never find the rows that are rebuilt wrongly. NAE looks for them where they
are: a first chain over codes, of energy E(g(z)), then one over rows, from the decoder's manifold. At
EBGAN's equilibrium made rows are like data, and the energy between them is flat.

**Intuition.** A map of valleys. Reconstruction digs at the data and says nothing of the rest of the
country; where it rains (the chain), water gathers in valleys nobody dug, and these are filled.

**When, and when not.** To detect what is unlike training data, when that is simpler than the data: constant
pictures, MNIST to a model of clothes. No Z is computed, so energies of two models are not
comparable; for a likelihood take a flow or a bound. It costs chains: tens of passes for each step. Much
of what it does to digits, a code on a sphere does alone; the push shows where codes are free, at the ring.
Averages of two digits pass for digits here, under each model in the table.

**Pitfalls.** Drift and noise set separately: another temperature than the one that is told. Energies of
made rows that run away: add a small square. A buffer of chains that has seen test rows. A latent space
without bounds, where chains leave. An AUROC against one easy outside set: noise is told from digits by
everything.

**Sources.** Yoon, Noh and Park 2021, arXiv:2105.05735 (NAE); Zhao, Mathieu and LeCun 2017, arXiv:1609.03126
(EBGAN); Du and Mordatch 2019, arXiv:1903.08689 (Langevin); Zhai et al. 2016, arXiv:1605.07717 (anomalies).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from ..chains import langevin
from ..latents import Deterministic
from ..metrics import elbo, energy
from ..model import Learner
from ..models import autoencoder, ebgan, nae, vae
from ..models.energy import Game, Normalised
from ..objective import Objective
from ..randomness import seeded
from .common import grey, line, side_by_side, trained
from .evidence import Budget, Claim, Evidence, Table

BUG = "nothing holds the energy up: the push away from the model's own draws is left out"
Score = Callable[[np.ndarray], np.ndarray]


class Setting(NamedTuple):
    """Digits of unit variance, and what they are to be told from, by name."""

    train: np.ndarray
    held: np.ndarray
    others: dict[str, np.ndarray]


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    pictures = grey(budget, full="fashion_mnist")
    mean, scale = pictures.train.mean(), pictures.train.std()
    setting = prepared(pictures.train, pictures.test, mean, scale, budget)
    features, epochs = setting.train.shape[1], budget.pick(40, 10)
    dim, hidden = 32, budget.pick((128,), (512, 256))

    def fitted(build: Callable[[], Learner]) -> Learner:
        return trained(build, setting.train, budget, epochs)

    plain = fitted(lambda: autoencoder(features, dim, hidden))
    chief = fitted(lambda: nae(features, dim, hidden, steps=budget.pick(200, 2000)))
    still = fitted(lambda: alone(nae(features, dim, hidden)))
    game = fitted(lambda: ebgan(features, dim, hidden))
    bound = fitted(lambda: vae(features, dim, hidden))
    scores: dict[str, Score] = {
        "distance from the mean": lambda x: np.square(x).sum(1),
        "autoencoder, error": energy_by(plain),
        "VAE, −ELBO": lambda x: -elbo(bound, torch.from_numpy(x), samples=5).per_row.numpy(),
        "EBGAN, energy": energy_by(game),
        "codes on a sphere, nothing pushed": energy_by(still),
        "normalised autoencoder, energy": energy_by(chief),
    }
    found = {
        name: {other: auroc(score, setting.held, x) for other, x in setting.others.items()}
        for name, score in scores.items()
    }
    held_up, rebuilt = found["normalised autoencoder, energy"], found["autoencoder, error"]
    taken, before = hole(budget, push=not bug), hole(budget, push=False)
    claims = [
        Claim(
            "Points in the middle of a ring taken for it, as a share of those without push",
            taken / before,
            at_most=0.5,
        ),
        Claim(
            "AUROC of the energy, constant grey against pictures",
            held_up["constant grey"],
            at_least=0.95,
            guarded=False,
        ),
        Claim(
            "The same above the error of a plain autoencoder",
            held_up["constant grey"] - rebuilt["constant grey"],
            at_least=0.02,
            guarded=False,
        ),
        Claim("AUROC of the energy, noise against pictures", held_up["noise"], at_least=0.95, guarded=False),
        Claim(
            "Variance of chains at a known density, over the variance it must be",
            sampled(budget.seed),
            at_least=0.9,
            at_most=1.1,
            guarded=False,
        ),
    ]
    others = list(setting.others)
    table = Table(
        "AUROC, by which score, of what is no picture like those of training",
        ["", *others],
        [line("chance", *([0.5] * len(others))), *(line(n, *each.values()) for n, each in found.items())],
    )
    with seeded(budget.seed):
        assert isinstance(chief, Normalised) and isinstance(game, Game)
        drawn = {"ends of chains": chief.negatives(10), "EBGAN's generator": game.made(10)}
    shown = {"held out": setting.held[:10], "constant grey": setting.others["constant grey"][:10]}
    shown |= {name: each.detach().numpy() for name, each in drawn.items()}
    rows = {name: (each * scale + mean).clip(0, 1) for name, each in shown.items()}
    alt = "Held-out pictures, grey squares, ends of the chains of a normalised autoencoder, and made rows."
    picture = side_by_side("Data, and what the models are pushed away from", alt, rows)
    return Evidence(claims, [table], [picture])


def alone(model: Normalised) -> Normalised:
    """The bug: the same model, whose energy falls at the data and is held up nowhere."""
    model.autoencoder.objective = Objective(model.autoencoder.objective.terms[:1])
    return model


def hole(budget: Budget, push: bool) -> float:
    """How often a point in a ring's middle has a lower energy than one on it; codes as wide as rows."""

    def ring(seed: int) -> torch.Tensor:
        with seeded(seed):
            angle = 2 * torch.pi * torch.rand(1000)
            points = 2**0.5 * torch.stack([angle.cos(), angle.sin()], 1)
            return points + 0.1 * torch.randn(1000, 2)

    def build() -> Normalised:
        options: dict[str, Any] = {"temperature": 0.02, "square": 0.1, "walk": (20, 0.1)}
        model = nae(2, 2, (64,), latent=Deterministic, **options)
        return model if push else alone(model)

    model = trained(build, ring(budget.seed + 1), budget, 60, 3e-3)
    with seeded(budget.seed):
        middle = 0.4 * torch.randn(1000, 2)
    return 1 - auroc(energy_by(model), ring(budget.seed + 2).numpy(), middle.numpy())


def prepared(train: np.ndarray, test: np.ndarray, mean: float, scale: float, budget: Budget) -> Setting:
    """What is outside is drawn in the pictures' own range, and then scaled like them."""
    draw, n = np.random.default_rng(budget.seed), min(len(test), 1000)
    held, width = test[draw.permutation(len(test))[:n]], test.shape[1]
    side = round(width**0.5)
    others = {
        "constant grey": np.repeat(draw.random((n, 1)), width, 1),
        "noise": draw.random((n, width)),
        "mirrored": held.reshape(-1, side, side).transpose(0, 2, 1).reshape(n, width),
        "averages of two": 0.5 * (held + held[draw.permutation(n)]),
    }
    if budget.full:
        others["MNIST"] = grey(budget).test[:n]

    def scaled(x: np.ndarray) -> np.ndarray:
        return ((x - mean) / scale).astype(np.float32)

    return Setting(scaled(train), scaled(held), {name: scaled(x) for name, x in others.items()})


def energy_by(model: Learner) -> Score:
    return lambda x: energy(model, x).numpy()


def auroc(score: Score, inside: np.ndarray, outside: np.ndarray) -> float:
    """The chance that a row from outside has the greater score."""
    truth = np.r_[np.zeros(len(inside)), np.ones(len(outside))]
    return float(roc_auc_score(truth, np.r_[score(inside), score(outside)]))


def sampled(seed: int, step: float = 0.3, temperature: float = 0.5, deviation: float = 0.5) -> float:
    """Of chains at exp(−x²/2σ²T): their variance over Tσ² / (1 − ε²/4Tσ²)."""
    spread = temperature * deviation**2
    with seeded(seed):
        start = torch.zeros(20_000, 1)
        x = langevin(
            lambda x: 0.5 * (x / deviation).square().sum(1), start, 100, step, temperature=temperature
        )
    return float(x.var()) / (spread / (1 - step**2 / (4 * spread)))
