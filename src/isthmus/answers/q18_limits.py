"""What are the limitations of autoencoders in unsupervised learning?

**In short.** Low error is not understanding. An autoencoder keeps what is large, not what matters; its axes
mean nothing that the data could tell apart; what it never saw it may still reproduce; its means are blurred;
and the number of rows, the width and the weights of terms are choices that no unsupervised score settles.

**Definition.** Four claims that can be measured. *Identifiability*: whether two equally good fits agree about
the code. *Novelty*: whether error ranks unseen kinds of rows above known ones (AUROC). *Detail*: power of
reconstructions at high spatial frequencies, as a share of the data's. *Relevance*: whether what is kept
serves a task (question 68). The first three are measured below.

**Mathematics.** Let R be a rotation. Take z' = R z, the decoder g(Rᵀ z') and the posterior N(Rμ, R Σ Rᵀ).
Under a prior N(0, I) neither term of the ELBO changes,

    tr RΣRᵀ = tr Σ,   |RΣRᵀ| = |Σ|,   ‖Rμ‖ = ‖μ‖,   g(Rᵀ R z) = g(z)

so that no likelihood prefers one set of axes (Locatello et al. prove it for any prior with independent
parts). Only what is put in by hand does: diagonal posteriors, sparsity, labels, order. Squared error has its
optimum at E[x | z], the average of all rows that share a code; averages lack what varies among them, the fine
detail. And error measures how complex a row is as much as how foreign: a row simpler than the training rows
lies near everything that the decoder can draw. That is an order of means: which rows one training happens to
rebuild differs from seed to seed, so that the claim is Student's t over several, at 5 %.

**Intuition.** A map drawn by someone who was told only "waste little ink". Coasts are there, names are not;
north may be anywhere; a small island that nobody mentioned fits in between.

**When, and when not.** Good as compression, denoising, a first look, and where the task's own signal is
large. Where labels exist, even few, use them. For anomalies, calibrate on known ones or score by likelihood
ratios; for axes with meaning, bring in a bias or supervision; for sharp samples, a critic, quantised codes
with a prior, or diffusion.

**Pitfalls.** Naming axes after one run (another seed has others). Taking reconstruction error for novelty.
Rotating means and forgetting covariances (the control). Choosing hyperparameters on labels and calling the
result unsupervised. Judging blur by squared error, which rewards it.

**Sources.** Locatello et al. 2019, arXiv:1811.12359; Nalisnick et al. 2019, arXiv:1810.09136; Merrill and
Eskandarian 2020, IEEE Access 8; Rolinek, Zietlow and Martius 2019, arXiv:1812.06775; Alemi et al. 2018,
arXiv:1711.00464.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import ortho_group
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score
from torch import Tensor

from ..baselines import pca
from ..distributions import DiagonalNormal
from ..model import Autoencoder
from ..models import autoencoder, vae
from ..models.plain import UNIT
from ..randomness import seeded
from .common import Grey, codes, grey, reconstructed, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the means of the posterior are rotated and its covariances are not"
DIM, SIMPLE, COMPLEX = 8, 1, 0


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    x = grey(budget)
    hidden, epochs = budget.pick(((128,), 60), ((512, 256), 20))

    def build() -> Autoencoder:
        return vae(x.train.shape[1], DIM, hidden)

    one, other = (
        trained(build, x.train, Budget(budget.full, seed), epochs)
        for seed in (budget.seed, budget.seed + 1000)
    )
    rotation = torch.from_numpy(ortho_group.rvs(DIM, random_state=budget.seed)).float()
    before, after = rotated_bound(one, x.test, rotation, budget.seed, covariances=not bug)
    mine, theirs = codes(one, x.test), codes(other, x.test)
    turned = mine @ rotation.numpy().T
    mean = np.broadcast_to(x.train.mean(0), x.test.shape)
    linear = pca(x.train, DIM).reconstruct(x.test)
    detail = {
        "data": 1.0,
        "PCA": sharpness(linear, x.test),
        "VAE": sharpness(reconstructed(one, x.test), x.test),
    }
    trainings = budget.pick(5, 3)
    seeds = [budget.seed + 1000 * at for at in range(trainings)]
    aurocs = {
        digit: np.array([novelty(x, digit, hidden, Budget(budget.full, seed)) for seed in seeds])
        for digit in (SIMPLE, COMPLEX)
    }
    ahead = aurocs[COMPLEX] - aurocs[SIMPLE]
    claims = [
        Claim("Change of the ELBO when the code is rotated, nats", abs(after - before), at_most=0.01),
        Claim(
            "Agreement of the axes with the rotated ones",
            agreement(mine, turned),
            at_most=0.85,
            guarded=False,
        ),
        Claim("Agreement of the axes of two seeds", agreement(mine, theirs), at_most=0.8, guarded=False),
        Claim(
            "Power at high frequencies of reconstructions, as a share of the data's",
            detail["VAE"],
            at_most=0.8,
            guarded=False,
        ),
        Claim(
            f"AUROC of unseen zeros above that of unseen ones: Student's t of {trainings} trainings",
            float(ahead.mean() / (ahead.std(ddof=1) / math.sqrt(trainings))),
            at_least=round(float(student.ppf(0.95, trainings - 1)), 2),
            guarded=False,
        ),
    ]
    tables = [
        Table(
            "Two codes of the same digits: agreement of axes, and what is linearly the same",
            ["", "agreement of axes", "variance explained by a linear map"],
            [
                ["itself", agreement(mine, mine), explained(mine, mine)],
                ["itself, rotated (the same ELBO)", agreement(mine, turned), explained(mine, turned)],
                ["another seed", agreement(mine, theirs), explained(mine, theirs)],
                ["as many columns of noise", *noise(mine, budget.seed)],
            ],
        ),
        Table(
            f"A digit that was left out of {trainings} trainings, told by its error: AUROC (0.5 is chance)",
            ["left out", "autoencoder, mean", "standard deviation", "amount of ink alone"],
            [
                [str(digit), found.mean(), found.std(ddof=1), inked(x, digit)]
                for digit, found in aurocs.items()
            ],
        ),
        Table(
            "Held-out digits: error and power at high frequencies",
            ["", "squared error", "power, as a share of the data's"],
            [
                ["mean of the training rows", squared(x.test, mean), sharpness(mean, x.test)],
                ["PCA", squared(x.test, linear), detail["PCA"]],
                ["VAE", squared(x.test, reconstructed(one, x.test)), detail["VAE"]],
            ],
        ),
    ]
    return Evidence(claims, tables, [picture(mine, turned, x.test_labels)])


def rotated_bound(
    model: Autoencoder, x: np.ndarray, rotation: Tensor, seed: int, covariances: bool
) -> tuple[float, float]:
    """The mean ELBO before and after z' = R z, by the same 64 draws; with full covariances, or diagonal."""
    rows, d = torch.from_numpy(x), len(rotation)
    with torch.no_grad(), seeded(seed):
        q = model.eval().encode(rows).stages[0].q
        assert isinstance(q, DiagonalNormal)
        sigma = q.log_scale.exp()
        noise = torch.randn(64, *q.mean.shape)

        def bound(mean: Tensor, factor: Tensor, back: Tensor) -> float:
            """Posterior N(mean, A Aᵀ), A (b, d, d), and a decoder that first turns back."""
            z = mean + torch.einsum("bij,sbj->sbi", factor, noise)
            seen = model.decode((z @ back.T).flatten(0, 1)).log_prob(rows.repeat(64, 1)).view(64, -1).mean(0)
            covariance = factor @ factor.mT
            trace = covariance.diagonal(dim1=1, dim2=2).sum(1)
            kl = 0.5 * (trace + mean.square().sum(1) - d - torch.logdet(covariance))
            return float((seen - kl).double().mean())

        diagonal = torch.diag_embed(sigma)
        before = bound(q.mean, diagonal, torch.eye(d))
        after = bound(q.mean @ rotation.T, rotation @ diagonal if covariances else diagonal, rotation.T)
    return before, after


def agreement(a: np.ndarray, b: np.ndarray) -> float:
    """Mean |correlation| of axes, each with the one that it is matched to, at most 1."""
    k = a.shape[1]
    table = np.abs(np.corrcoef(a.T, b.T)[:k, k:])
    return float(table[linear_sum_assignment(-table)].mean())


def explained(a: np.ndarray, b: np.ndarray) -> float:
    """Share of the variance of b that an affine function of a gives."""
    design = np.column_stack([a, np.ones(len(a))])
    left = b - design @ np.linalg.lstsq(design, b, rcond=None)[0]
    return float(1 - left.var(0).sum() / b.var(0).sum())


def noise(a: np.ndarray, seed: int) -> list[float]:
    b = np.random.default_rng(seed).normal(size=a.shape)
    return [agreement(a, b), explained(a, b)]


def sharpness(seen: np.ndarray, x: np.ndarray) -> float:
    """Power of pictures in the upper half of spatial frequencies, as a share of the data's."""

    def power(pictures: np.ndarray) -> float:
        side = round(pictures.shape[1] ** 0.5)
        spectrum = np.abs(np.fft.fft2(pictures.reshape(-1, side, side))) ** 2
        frequency = np.abs(np.fft.fftfreq(side))
        return float(spectrum[:, np.hypot(*np.meshgrid(frequency, frequency)) > 0.25].sum())

    return power(seen) / power(x)


def novelty(x: Grey, digit: int, hidden: tuple[int, ...], budget: Budget) -> float:
    """AUROC, by error, of all rows of a digit that was left out, against held-out rows of the others."""
    known = x.train[x.train_labels != digit]

    def build() -> Autoencoder:
        return autoencoder(known.shape[1], DIM, hidden, likelihood=UNIT)

    model = trained(build, known, budget, *budget.pick((60, 5e-3), (10, 2e-3)))
    return auroc(x, digit, lambda rows: np.square(reconstructed(model, rows) - rows).sum(1))


def inked(x: Grey, digit: int) -> float:
    return auroc(x, digit, lambda rows: rows.sum(1))


def auroc(x: Grey, digit: int, score: Callable[[np.ndarray], np.ndarray]) -> float:
    home = x.test[x.test_labels != digit]
    foreign = np.concatenate([x.train[x.train_labels == digit], x.test[x.test_labels == digit]])
    truth = np.r_[np.zeros(len(home)), np.ones(len(foreign))]
    return float(roc_auc_score(truth, np.r_[score(home), score(foreign)]))


def picture(mine: np.ndarray, turned: np.ndarray, labels: np.ndarray) -> Picture:
    def draw(figure: Figure) -> None:
        for axis, (name, z) in zip(
            figure.subplots(1, 2), {"the code": mine, "rotated: the same ELBO": turned}.items()
        ):
            axis.scatter(z[:, 0], z[:, 1], 8, c=labels, cmap="tab10")
            axis.set(title=name, xlabel="first axis", ylabel="second axis")
        figure.suptitle("The data do not say which axes are right")

    alt = "Two scatter plots of the first two axes of a code, before and after a rotation; they look unlike."
    return Picture("Two codes with one likelihood", alt, draw, (8.0, 4.0))
