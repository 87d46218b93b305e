"""What is an energy-based autoencoder, and why is a reconstruction error alone a poor judge of the unknown?

**In short.** An autoencoder whose error is read as an energy, E(x) = ½ ‖x − x̂‖²: low at data, because that
is trained, and high elsewhere, because that is trained too. A plain one is told nothing about elsewhere, and
may rebuild a blank page better than a page of writing (in the table one pair in eight).

**Definition.** p(x) = exp(−E(x) / T) / Z. The normalised autoencoder (NAE) climbs its likelihood,

    T ∇ −log p(x) = ∇E(x) − E_{x⁻ ~ p} ∇E(x⁻)

The energy-based GAN holds up what a generator makes, to a margin m: E(x) + max(0, m − E(G(ε))), while G
seeks low energy. A denoising autoencoder needs no Z: r(x) − x = σ² ∇ log p_σ(x), the slope of an energy.

**Mathematics.** The second half of the gradient is ∇ log Z, and needs draws of the model. Langevin gives
them: x ← x − ε²/2T ∇E + ε ξ. For N(0, σ²) its variance is σ²/(1 − ε²/4σ²), which is how a sampler is
tested. Chains from noise would never find the rows that are rebuilt wrongly. NAE looks for them where they
are: a first chain over codes, of energy E(g(z)), then one over rows, from the decoder's manifold, kept and
continued from step to step until it is a draw of p. In the plane Z is an integral, so whether likelihood
was climbed is known: below, the divergence of the data from the model. A field r(x) − x is the slope of an
energy only where its Jacobian is symmetric: with tied weights and one hidden layer, Wᵀ diag(s′) W, always;
untied, only as far as it was learned.

**Intuition.** A map of valleys. Reconstruction digs at the data and says nothing of the rest of the
country; where it rains (the chain), water gathers in valleys nobody dug, and these are filled.

**When, and when not.** To detect what is unlike training data, when that is simpler than the data: constant
pictures, MNIST to a model of clothes (where a plain autoencoder's error did as well). On pictures no Z is
computed, so energies of two models are not comparable; for a likelihood take a flow or a bound. It costs
chains: tens of passes for each step. Much of what it does to digits a code on a sphere does alone; the push
shows where Z is known, in the plane. Averages of two digits pass for digits, under each model in the table.

**Pitfalls.** Chains that all start anew and end early: what is pushed up is where they began, and likelihood
falls (in the plane, below no push at all). Drift and noise set separately: another temperature than the one
that is told. Energies of made rows that run away: add a small square. Kept chains that test rows have moved.
A latent space without bounds, where chains leave. An AUROC against one easy outside set: noise is told from
digits by nearly everything.

**Sources.** Yoon, Noh and Park 2021, arXiv:2105.05735 (NAE); Zhao, Mathieu and LeCun 2017, arXiv:1609.03126
(EBGAN); Kamyshanska and Memisevic 2013, ICML (energies of autoencoders); Alain and Bengio 2014,
arXiv:1211.4246 (the score); Du and Mordatch 2019, arXiv:1903.08689; Zhai et al. 2016, arXiv:1605.07717.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from ..chains import langevin
from ..latents import Deterministic
from ..metrics import elbo, energy
from ..model import Autoencoder, Learner
from ..models import autoencoder, ebgan, nae, vae
from ..models.energy import Game, Normalised
from ..models.plain import UNIT
from ..nets import Transposed
from ..objective import Objective
from ..randomness import seeded
from ..terms import reconstruction
from .common import grey, line, side_by_side, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "nothing holds the energy up: the push away from the model's own draws is left out"
SPREAD = 0.18  # of each of eight Gaussians on a circle of radius √2
Score = Callable[[np.ndarray], np.ndarray]


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    normalised, densities, map_of = in_the_plane(budget, push=not bug)
    outside, table, drawn = on_pictures(budget)
    claims = [*normalised, *outside, *slopes(budget), sampled(budget.seed)]
    return Evidence(claims, [densities, table], [map_of, drawn])


# In the plane, where Z is an integral


def in_the_plane(budget: Budget, push: bool) -> tuple[list[Claim], Table, Picture]:
    """Eight Gaussians on a circle, codes on a sphere; KL(data ‖ model) with Z by quadrature."""
    x, held = eight(budget.seed, 2000), eight(budget.seed + 1000, 5000)

    def build(pushed: bool) -> Normalised:
        model = nae(2, 3, (64, 64), temperature=0.03, search=(10, 0.1))
        return model if pushed else alone(model)

    def fitted(pushed: bool) -> Normalised:
        return trained(lambda: build(pushed), x, budget, budget.pick(40, 300))

    plain = fitted(False)
    model = fitted(True) if push else plain
    entropy = -float(log_density(held).mean())
    found, before = (divergence(each, held) for each in (model, plain))
    one = math.log(2 * math.pi * math.e * float(x.var(0).mean())) - entropy
    ring = math.log(2 * math.pi * math.sqrt(2)) + 0.5 * math.log(2 * math.pi * math.e * SPREAD**2) - entropy
    claims = [
        Claim("KL of eight Gaussians from the model, nats, Z by quadrature", found, at_most=0.3),
        Claim("The same as a share of what it is without the push", found / before, at_most=0.5),
    ]
    table = Table(
        "Eight Gaussians in the plane: KL(data ‖ model)",
        ["", "nats"],
        [
            line("one Gaussian", one),
            line("a ring through them, even all around", ring),
            line("codes on a sphere, nothing pushed", before),
            line("the model", found),
        ],
    )
    return claims, table, maps(x, plain, model)


def eight(seed: int, n: int) -> Tensor:
    """(n, 2): about unit variance."""
    draw = np.random.default_rng(seed)
    angle = np.pi / 4 * draw.integers(8, size=n)
    centres = math.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], 1)
    return torch.from_numpy((centres + SPREAD * draw.standard_normal((n, 2))).astype(np.float32))


def log_density(x: Tensor) -> Tensor:
    """log p of `eight`, (n,)."""
    angle = math.pi / 4 * torch.arange(8)
    centres = math.sqrt(2) * torch.stack([angle.cos(), angle.sin()], 1)
    away = (x[:, None] - centres).square().sum(-1) / (2 * SPREAD**2)
    return torch.logsumexp(-away, 1) - math.log(8 * 2 * math.pi * SPREAD**2)


def divergence(model: Normalised, held: Tensor, half: float = 6.0, n: int = 401) -> float:
    """E log p − E log q over held-out rows, q = exp(−E/T)/Z, Z by a sum over a square grid."""
    axis = torch.linspace(-half, half, n)
    grid = torch.cartesian_prod(axis, axis)
    log_z = torch.logsumexp(-energy(model, grid) / model.temperature, 0) + 2 * math.log(2 * half / (n - 1))
    log_q = -energy(model, held) / model.temperature - log_z
    return float((log_density(held) - log_q).mean())


def alone(model: Normalised) -> Normalised:
    """The bug: the same model, whose energy falls at the data and is held up nowhere."""
    model.autoencoder.objective = Objective(model.autoencoder.objective.terms[:1])
    return model


def maps(x: Tensor, plain: Normalised, model: Normalised, half: float = 2.5, n: int = 160) -> Picture:
    axis = torch.linspace(-half, half, n)
    grid = torch.cartesian_prod(axis, axis)
    found = [(-energy(each, grid) / each.temperature).exp().reshape(n, n).T for each in (plain, model)]

    def draw(figure: Figure) -> None:
        left, *others = figure.subplots(1, 3, sharex=True, sharey=True)
        left.plot(*x[:1000].T.numpy(), ".", markersize=2, color="#1f5fa8")
        left.set_title("data")
        for each, values, title in zip(others, found, ("nothing pushed", "pushed")):
            each.imshow(values, origin="lower", extent=(-half, half, -half, half), cmap="Blues", vmin=0)
            each.set_title(title)
        for each in (left, *others):
            each.set(aspect="equal", xticks=[], yticks=[])

    alt = (
        "Eight clouds of points; exp(−E/T) without a push, high between them too, and with it, at the clouds."
    )
    return Picture("Where the energy is low", alt, draw, (8.0, 3.0))


# On pictures, where it is not


class Setting(NamedTuple):
    """Pictures of unit variance, and what they are to be told from, by name."""

    train: np.ndarray
    held: np.ndarray
    others: dict[str, np.ndarray]


def on_pictures(budget: Budget) -> tuple[list[Claim], Table, Picture]:
    """AUROC of held-out pictures against what is none, by energies and by what has none."""
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
    claims = [
        Claim("AUROC of the energy, constant grey against pictures", held_up["constant grey"],
              at_least=0.95, guarded=False),
        Claim("The same above the error of a plain autoencoder",
              held_up["constant grey"] - rebuilt["constant grey"], at_least=0.02, guarded=False),
        Claim("AUROC of the energy, noise against pictures", held_up["noise"], at_least=0.95, guarded=False),
    ]  # fmt: skip
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
    return claims, table, side_by_side("Data, and what the models are pushed away from", alt, rows)


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


# Whether r(x) − x is the slope of anything, and whether chains are at their temperature


def slopes(budget: Budget, width: int = 40) -> list[Claim]:
    """‖J − Jᵀ‖ / ‖J‖ of r at held-out rows, one sigmoid layer, trained with tied weights and without."""
    rows = grey(Budget(seed=budget.seed))  # digits, whatever the budget: a property of the form

    def build(tied: bool) -> Autoencoder:
        first, last = nn.Linear(rows.train.shape[1], width), nn.Linear(width, rows.train.shape[1])
        decoder = Transposed(first) if tied else last
        explain = UNIT(rows.train.shape[1])
        return Autoencoder(
            nn.Sequential(first, nn.Sigmoid()), Deterministic(width), decoder, explain, reconstruction
        )

    def twist(tied: bool) -> float:
        flow = trained(lambda: build(tied), rows.train, budget, 20).double().requires_grad_(False)
        jacobian = torch.func.jacrev(lambda x: flow.decode(flow.encode(x[None]).z).mean[0])
        each = torch.stack([jacobian(x) for x in torch.from_numpy(rows.test[:20]).double()])
        return float((each - each.mT).norm() / each.norm())

    return [
        Claim("Twist of a tied sigmoid autoencoder's Jacobian, ‖J − Jᵀ‖ / ‖J‖", twist(True),
              at_most=1e-5, guarded=False),
        Claim("The same without tied weights", twist(False), at_least=1e-2, guarded=False),
    ]  # fmt: skip


def sampled(seed: int, step: float = 0.3, temperature: float = 0.5, deviation: float = 0.5) -> Claim:
    """Of chains at exp(−x²/2σ²T): their variance over Tσ² / (1 − ε²/4Tσ²)."""
    spread = temperature * deviation**2
    with seeded(seed):
        start = torch.zeros(20_000, 1)
        x = langevin(
            lambda x: 0.5 * (x / deviation).square().sum(1), start, 100, step, temperature=temperature
        )
    ratio = float(x.var()) / (spread / (1 - step**2 / (4 * spread)))
    return Claim(
        "Variance of chains at a known density, over the variance it must be",
        ratio, at_least=0.95, at_most=1.05, guarded=False,
    )  # fmt: skip
