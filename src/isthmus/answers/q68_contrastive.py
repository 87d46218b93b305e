"""Where do autoencoders go from here: what do self-supervision and contrast add to reconstruction?

**In short.** Reconstruction keeps what is large; a contrast keeps what two views of a row share. Light on a
picture is large and says nothing of the digit. An autoencoder spends its code on it; told by pairs of views
that light may change, it keeps the digit too, and can still rebuild. No forecast but a measurement: each
part alone, both, and a control.

**Definition.** For views x, x' of one row, z = f(x), and a head h,

    −log p(x | z) + λ · −log exp(s(h(z), h(z')) / τ) / Σ_c exp(s(h(z), h(c)) / τ)

s is the cosine, c all other views of the batch: InfoNCE. Barlow Twins asks instead that the correlation of
both views be the identity, VICReg that views agree, numbers vary and do not repeat each other. A masked
autoencoder hides three quarters of a row and guesses them: the task is made out of the row itself.

**Mathematics.** InfoNCE is a cross-entropy over 2n − 1 candidates: log(2n − 1) for codes all alike. The log
of the candidates minus it bounds from below what views share, and never exceeds that log, so small batches
cannot tell much. The bound is met by a score that is the log density ratio. For directions whose other view
is von Mises about them, with concentration κ, that is the cosine at τ = 1/κ: the temperature is how much
views differ, and what is told then is κ A(κ) − log I₀(κ), exactly (A = I₁/I₀, Bessel functions).
Reconstruction bounds I(x; z), with all that is private to a view; the contrast rewards I(z; x') alone. The
two disagree about what is private, and the head is meant to be where they part; here light can still be read
from it too, only it weighs less: by the head a row is known again under other light more often than by the
code.

**Intuition.** To draw a face from memory one must remember the lamp; to know it again one must not.

**When, and when not.** Where there are many rows, few labels, and changes known not to matter: light,
place, crops, dropped genes. The choice of views is supervision in disguise: one that changes the class
destroys it. Where what does not matter lies in a few directions, as the light of six lamps, PCA sets them
aside, and here it beats all of them. Where rows must come back whole, keep the reconstruction; for probes
alone the contrast by itself does better, here by some points.

**Pitfalls.** Views stacked pair by pair and read as two halves, so that the positive of a row is another row
(the control): training runs as ever, and codes tell hardly more than those of reconstruction. The row itself
among its negatives. A temperature multiplied instead of divided. Contrasting the code itself, without a
head. A loss compared between batch sizes. Numbers normalised over test rows.

**Sources.** van den Oord et al. 2018, arXiv:1807.03748; Poole et al. 2019, arXiv:1905.06922 (bounds); Chen et
al. 2020, arXiv:2002.05709; Wang and Isola 2020, arXiv:2005.10242; Zbontar et al. 2021, arXiv:2103.03230;
Bardes et al. 2022, arXiv:2105.04906; He et al. 2022, arXiv:2111.06377; Huang et al. 2022, arXiv:2207.13532.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.special import ive
from torch import Tensor

from ..baselines import pca
from ..corruptions import Corruption
from ..metrics import linear_probe
from ..model import Autoencoder
from ..models import contrastive_autoencoder
from ..objective import Objective, Term, term
from ..randomness import seeded
from ..terms import barlow, info_nce, vicreg
from ..terms.contrast import cross_entropy_of_pairs, projections
from ..trace import Batch, Trace
from .common import codes, grey, line, reconstructed, side_by_side, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "two views are stacked pair by pair and read as two halves: positives are views of other rows"
BRIGHT = 4.0  # a lamp's weight in a picture, where a pixel is between 0 and 1
LIKENESS = 4.0  # κ of the directions whose mutual information is known
CHOICES = (0.25, 0.5, 1.0, 2.0, 4.0)  # temperatures, in units of 1/κ

Pairing = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    pairing = halved if bug else kept
    known, curve = on_the_circle(budget, pairing)
    useful, table, picture = under_lamps(budget, pairing)
    return Evidence([*known, *useful], [table], [picture, curve])


def kept(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    return a, b


def halved(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The bug: a₁ b₁ a₂ b₂ …, cut in the middle."""
    stacked = torch.stack([a, b], 1).flatten(0, 1)
    return stacked[: len(a)], stacked[len(a) :]


# Views whose mutual information is known


def on_the_circle(budget: Budget, pairing: Pairing, n: int = 1000) -> tuple[list[Claim], Picture]:
    """log(2n − 1) − InfoNCE of directions, against what they share; batches of n pairs."""
    shared = LIKENESS * ive(1, LIKENESS) / ive(0, LIKENESS) - np.log(ive(0, LIKENESS)) - LIKENESS
    told = np.zeros(len(CHOICES))
    with seeded(budget.seed):
        for _ in range(rounds := 10):
            views = pairing(*alike(n))
            costs = [float(cross_entropy_of_pairs(*views, c / LIKENESS)) for c in CHOICES]
            told += (np.log(2 * n - 1) - np.array(costs)) / rounds
    claims = [
        Claim("Nats of InfoNCE at τ = 1/κ away from what the views share",
              abs(told[CHOICES.index(1.0)] - shared), at_most=0.05),
        Claim("Temperature of those tried that tells most, in units of 1/κ",
              CHOICES[int(told.argmax())], at_least=1, at_most=1),
    ]  # fmt: skip

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        axis.axhline(shared, color="#b0b7c3", label="what the views share")
        axis.plot(CHOICES, told, "o-", color="#1f5fa8", label="what InfoNCE tells")
        axis.set_xscale("log", base=2)
        axis.set_xlabel("temperature, in units of 1/κ")
        axis.set_ylabel("nats")
        axis.legend()

    alt = "What InfoNCE tells by temperature: at most, and exactly, what the views share, at τ = 1/κ."
    return claims, Picture("The temperature is how much views differ", alt, draw, (5.2, 3.6))


def alike(n: int) -> tuple[Tensor, Tensor]:
    """(n, 2), (n, 2): directions drawn evenly, and for each one that is von Mises about it."""
    angle = 2 * torch.pi * torch.rand(n)
    other = angle + torch.distributions.VonMises(torch.zeros(n), torch.full((n,), LIKENESS)).sample()
    first, second = (torch.stack([each.cos(), each.sin()], 1) for each in (angle, other))
    return first, second


# Pictures under lamps


def under_lamps(budget: Budget, pairing: Pairing) -> tuple[list[Claim], Table, Picture]:
    """What codes tell of the class, the light and the picture, with each part of the loss and with both."""
    rows = grey(budget, full="fashion_mnist")
    lamps = waves(round(rows.train.shape[1] ** 0.5))
    with seeded(budget.seed):
        (x, shine), (held, shone) = (lit(torch.from_numpy(a), lamps) for a in (rows.train, rows.test))
        again, _ = lit(torch.from_numpy(rows.test), lamps)
    scale = float(x.std())
    x, held, again, lamps = x / scale, held / scale, again / scale, lamps / scale
    features, dim, hidden = x.shape[1], 16, budget.pick((256, 128), (512, 256))

    def build(weight: float = 10.0, contrast: Callable[[], Any] = info_nce) -> Autoencoder:
        if contrast is info_nce and pairing is halved:
            contrast = misled
        return contrastive_autoencoder(
            features, dim, hidden, corruption=lambda _: relit(lamps), weight=weight, contrast=contrast
        )

    def only(terms: slice) -> Autoencoder:
        model = build()
        model.objective = Objective(model.objective.terms[terms])
        return model

    def fitted(make: Callable[[], Autoencoder]) -> Autoencoder:
        return trained(make, x, budget, budget.pick(40, 10))

    models = {
        "reconstruction": fitted(lambda: only(slice(1))),
        "InfoNCE": fitted(lambda: only(slice(1, None))),
        "both": fitted(build),
        "reconstruction, Barlow Twins": fitted(lambda: build(1.0, barlow)),
        "reconstruction, VICReg": fitted(lambda: build(1.0, vicreg)),
    }
    pairs = {name: (codes(model, x), codes(model, held)) for name, model in models.items()}
    pairs["both, its head"] = head(models["both"], x).numpy(), head(models["both"], held).numpy()
    projector = pca(x.numpy(), dim)
    pairs["PCA"] = projector.transform(x.numpy()), projector.transform(held.numpy())
    probes = {n: linear_probe(a, rows.train_labels, b, rows.test_labels).score for n, (a, b) in pairs.items()}
    errors = {name: squared(held.numpy(), reconstructed(model, held)) for name, model in models.items()}
    errors["PCA"] = squared(held.numpy(), projector.reconstruct(held.numpy()))
    light = {name: light_told(a, shine, b, shone) for name, (a, b) in pairs.items()}
    claims = [
        Claim("Points of a linear probe that contrast adds to reconstruction",
              100 * (probes["both"] - probes["reconstruction"]), at_least=10),
        Claim("R² of the light, told from the code of both", light["both"], at_least=0.5, guarded=False),
        Claim("Squared error of both, as a share of what reconstruction alone leaves",
              errors["both"] / errors["reconstruction"], at_most=1.3, guarded=False),
    ]  # fmt: skip
    most = float(np.bincount(rows.test_labels).max() / len(rows.test_labels))
    nothing = squared(held.numpy(), np.broadcast_to(x.mean(0).numpy(), held.shape))
    some = held[:300], again[:300]
    known = {name: recognised(codes(model, some[0]), codes(model, some[1])) for name, model in models.items()}
    known["both, its head"] = recognised(*(head(models["both"], each).numpy() for each in some))
    known["PCA"] = recognised(*(projector.transform(each.numpy()) for each in some))
    lines = [line("the commonest class, the mean picture", most, nothing, 0.0, 1 / 300)]
    lines += [line(name, probes[name], errors.get(name), light[name], known[name]) for name in pairs]
    table = Table(
        f"Pictures under {len(lamps)} lamps, {dim} numbers each, held-out rows",
        ["", "probe, accuracy", "squared error", "R² of the light", "known again, of 300"],
        lines,
    )
    return claims, table, shown(models, held[:10])


def misled() -> Term:
    @term
    def info_nce(model: Any, trace: Trace) -> Tensor:
        return cross_entropy_of_pairs(*halved(*projections(model, trace)), 0.1)

    return info_nce


def waves(side: int) -> Tensor:
    """(6, side²): slow cosines across the picture, of unit length, times how bright a lamp is."""
    wave = np.cos(np.pi * np.outer(np.arange(3), (np.arange(side) + 0.5) / side))
    flat = np.einsum("ai,bj->abij", wave, wave).reshape(9, -1)[[0, 1, 2, 3, 4, 6]]
    unit = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    return torch.from_numpy((BRIGHT * side / 8 * unit).astype(np.float32))


def lit(x: Tensor, lamps: Tensor) -> tuple[Tensor, Tensor]:
    """Rows under lamps of random strength, and these strengths, (n, lamps)."""
    strengths = torch.randn(len(x), len(lamps), device=x.device)
    return x + strengths @ lamps.to(x.device), strengths


def relit(lamps: Tensor) -> Corruption:
    """The same pictures under more light: other pictures as good, to be rebuilt as they are."""

    def corrupt(batch: Batch) -> Batch:
        x, _ = lit(batch.target, lamps)
        return Batch(x, x, batch.context)

    return corrupt


def head(model: Autoencoder, x: Tensor) -> Tensor:
    with torch.no_grad():
        projected: Tensor = model.eval().encode(x).extra["projection"]
    return projected


def recognised(a: np.ndarray, b: np.ndarray) -> float:
    """Of each code in a, is that of its own other view the most alike, by cosine, of all in b?"""
    a, b = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (a, b))
    return float(((a @ b.T).argmax(1) == np.arange(len(a))).mean())


def light_told(a: np.ndarray, shine: Tensor, b: np.ndarray, shone: Tensor) -> float:
    """R² of the lamps' strengths on held-out rows, by least squares from codes: a, b of training and test."""
    a, b = (np.c_[each, np.ones(len(each))] for each in (a, b))
    fitted = b @ np.linalg.lstsq(a, shine.numpy(), rcond=None)[0]
    return float(1 - np.square(shone.numpy() - fitted).sum() / np.square(shone.numpy()).sum())


def shown(models: dict[str, Autoencoder], x: Tensor) -> Picture:
    low, high = float(x.min()), float(x.max())
    seen = {"held out, lit": x.numpy()} | {n: reconstructed(models[n], x) for n in ("reconstruction", "both")}
    rows = {name: ((each - low) / (high - low)).clip(0, 1) for name, each in seen.items()}
    alt = "Digits under uneven light, and what the autoencoder makes of them, without contrast and with it."
    return side_by_side("Rebuilt, light included", alt, rows)
