"""Where do autoencoders go from here: what do self-supervision and contrast add to reconstruction?

**In short.** Reconstruction keeps what is large; a contrast keeps what two views of a row share. Light on a
picture is large and says nothing of the digit. An autoencoder spends its code on it; told by pairs of views
that light may change, it keeps the digit too, and can still rebuild. It is no forecast but a
measurement: with each part alone, with both, and with a control.

**Definition.** For views x, x' of one row, z = f(x), and a head h,

    −log p(x | z) + λ · −log exp(s(h(z), h(z')) / τ) / Σ_c exp(s(h(z), h(c)) / τ)

s is the cosine, c all other views of the batch: InfoNCE. Barlow Twins asks instead that the correlation of
both views be the identity, VICReg that views agree, numbers vary and do not repeat each other. A masked
autoencoder hides three quarters of a row and guesses them: the task is made out of the row itself.

**Mathematics.** InfoNCE is a cross-entropy over 2n − 1 candidates: log(2n − 1) for codes all alike. The log
of the candidates minus it bounds from below what views share, and never exceeds that log, so small batches
cannot tell much. Reconstruction bounds I(x; z), with all that is private to a view; the contrast rewards
I(z; x') alone. The two disagree about what is private, and the head is meant to be where they part; here
light can still be read from it too, only it weighs less.

**Intuition.** To draw a face from memory one must remember the lamp; to know it again one must not.

**When, and when not.** Where there are many rows, few labels, and changes known not to matter: light,
place, crops, dropped genes. The choice of views is supervision in disguise: one that changes the class
destroys it. Where what matters is also what is large, PCA is enough, and here it beats them all at the same
width. Where rows must come back whole, keep the reconstruction; for probes alone the contrast by itself may
do better.

**Pitfalls.** Contrasting the code itself, without a head. Views that are the same (the control): rows are
still told apart, by their light. A loss compared between batch sizes. Numbers normalised over test rows.
Masked patches whose mean and contrast are borrowed for the picture.

**Sources.** van den Oord et al. 2018, arXiv:1807.03748; Chen et al. 2020, arXiv:2002.05709; Zbontar et al.
2021, arXiv:2103.03230; Bardes et al. 2022, arXiv:2105.04906; He et al. 2022, arXiv:2111.06377; Huang et al.
2022, arXiv:2207.13532 (contrast and masks).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..baselines import pca
from ..corruptions import Corruption
from ..metrics import linear_probe
from ..model import Autoencoder
from ..models import contrastive_autoencoder
from ..objective import Objective
from ..randomness import seeded
from ..terms import barlow, vicreg
from ..terms.contrast import cross_entropy_of_pairs
from ..trace import Batch
from .common import codes, grey, line, reconstructed, side_by_side, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

BUG = "the second view of a row is the first once more"
BRIGHT = 4.0  # a lamp's weight in a picture, where a pixel is between 0 and 1


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    rows = grey(budget, full="fashion_mnist")
    lamps = waves(round(rows.train.shape[1] ** 0.5))
    with seeded(budget.seed):
        (x, shine), (held, shone) = (lit(torch.from_numpy(a), lamps) for a in (rows.train, rows.test))
    scale = float(x.std())
    x, held, lamps = x / scale, held / scale, lamps / scale
    features, dim, hidden = x.shape[1], 16, budget.pick((256, 128), (512, 256))

    def views(_: float) -> Corruption:
        return relit(lamps)

    def build(weight: float, **options: Any) -> Autoencoder:
        options = {"corruption": views, "weight": weight, **options}
        model = contrastive_autoencoder(features, dim, hidden, **options)
        if bug:
            model.corrupt = twice(relit(lamps))
        return model

    def kept(terms: slice) -> Autoencoder:
        model = build(10.0)
        model.objective = Objective(model.objective.terms[terms])
        return model

    def fitted(make: Callable[[], Autoencoder]) -> Autoencoder:
        return trained(make, x, budget, budget.pick(40, 10))

    models = {
        "reconstruction": fitted(lambda: kept(slice(1))),
        "InfoNCE": fitted(lambda: kept(slice(1, None))),
        "both": fitted(lambda: build(10.0)),
        "reconstruction, Barlow Twins": fitted(lambda: build(1.0, contrast=barlow)),
        "reconstruction, VICReg": fitted(lambda: build(1.0, contrast=vicreg)),
    }
    pairs = {name: (codes(model, x), codes(model, held)) for name, model in models.items()}
    pairs["both, its head"] = projection(models["both"], x), projection(models["both"], held)
    projector = pca(x.numpy(), dim)
    pairs["PCA"] = projector.transform(x.numpy()), projector.transform(held.numpy())
    probes = {n: linear_probe(a, rows.train_labels, b, rows.test_labels).score for n, (a, b) in pairs.items()}
    errors = {name: squared(held.numpy(), reconstructed(model, held)) for name, model in models.items()}
    errors["PCA"] = squared(held.numpy(), projector.reconstruct(held.numpy()))
    light = {name: told(a, shine, b, shone) for name, (a, b) in pairs.items()}
    alike = float(cross_entropy_of_pairs(torch.ones(64, 3), torch.ones(64, 3), 0.1))
    claims = [
        Claim(
            "Points of a linear probe that contrast adds to reconstruction",
            100 * (probes["both"] - probes["reconstruction"]),
            at_least=10,
        ),
        Claim("R² of the light, told from the code of both", light["both"], at_least=0.5, guarded=False),
        Claim(
            "Squared error of both, as a share of what contrast alone leaves",
            errors["both"] / errors["InfoNCE"],
            at_most=0.1,
            guarded=False,
        ),
        Claim(
            "InfoNCE of codes all alike, less log(2n − 1)",
            abs(alike - float(np.log(127))),
            at_most=1e-5,
            guarded=False,
        ),
    ]
    most = float(np.bincount(rows.test_labels).max() / len(rows.test_labels))
    nothing = squared(held.numpy(), np.broadcast_to(x.mean(0).numpy(), held.shape))
    lines = [line("the commonest class, the mean picture", most, nothing, 0.0)]
    lines += [line(name, probes[name], errors.get(name), light[name]) for name in pairs]
    table = Table(
        f"Pictures under {len(lamps)} lamps, {dim} numbers each, held-out rows",
        ["", "probe, accuracy", "squared error", "R² of the light"],
        lines,
    )
    return Evidence(claims, [table], [shown(models, held[:10])])


def waves(side: int) -> Tensor:
    """(6, side²): slow cosines across the picture, of unit length, times how bright a lamp is."""
    line = np.cos(np.pi * np.outer(np.arange(3), (np.arange(side) + 0.5) / side))
    flat = np.einsum("ai,bj->abij", line, line).reshape(9, -1)[[0, 1, 2, 3, 4, 6]]
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


def twice(first: Corruption) -> Corruption:
    """The bug: two views that do not differ."""

    def corrupt(batch: Batch) -> Batch:
        seen = first(batch)
        return seen._replace(context={**seen.context, "view": seen.input})

    return corrupt


def projection(model: Autoencoder, x: Tensor) -> np.ndarray:
    with torch.no_grad():
        return model.eval().encode(x).extra["projection"].numpy()


def told(a: np.ndarray, shine: Tensor, b: np.ndarray, shone: Tensor) -> float:
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
