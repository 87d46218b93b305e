"""How does the corruption process shape a denoising autoencoder?

**In short.** The corruption *is* the prior knowledge: it says which differences do not matter. A network
learns to undo the damage it was trained with, and little else, so the damage should be that of the
application, or, for features, one that destroys detail and keeps identity.

**Definition.** A corruption is a distribution q(x̃ | x), drawn anew at every visit, the target staying
clean:

    Gaussian          x̃ = x + σ ε
    masking           x̃_j = 0 with probability p, else x_j
    salt and pepper   x̃_j = 0 or 1, at even odds, with probability p, else x_j
    loss              E_x E_q −log p(x | g(f(x̃)))

**Mathematics.** The optimum is r*(x̃) = E[x | x̃], which depends on q through p(x | x̃) ∝ q(x̃ | x) p(x).
For Gaussian noise it follows the score of the smoothed density; for masking it is the conditional mean of
the missing values given the others, as in imputation. In the limit of no noise it is the identity, in that
of total noise the mean of the data: the level sets the scale of the structure that is learned. Small noise
σ is, to second order, a penalty σ²‖∂r/∂x‖² on the network.

**Intuition.** Fill in missing letters, and you learn spelling; listen in a noisy room, and you learn which
sounds can follow one another. Different damage, different knowledge.

**When, and when not.** Gaussian noise for sensors and continuous data; masking for missing values, text
(masked language models) and recommendation; salt and pepper for impulse errors. Levels from 25 to 50 %
masking, or σ of about a standard deviation of the data, suit features; a schedule from strong to weak noise
learns coarse structure first. Not for inputs in which a single value can decide.

**Pitfalls.** The target corrupted too (the control). Noise stored once: an ordinary data set with wrong
inputs. Levels in other units than the data: σ = 0.3 is nothing for pixels from 0 to 255. Masking is not
dropout and is not rescaled. Zero must not be a frequent true value, or the net should be told what was
masked. A loss on masked values only is another objective. Judge on each kind of noise apart: below, a net
trained to undo masking does little for Gaussian noise, and every corruption costs fidelity on clean input.

**Sources.** Vincent et al. 2008, ICML; Vincent et al. 2010, JMLR 11; Geras and Sutton 2015,
arXiv:1406.3269; Bishop 1995, Neural Computation 7; Devlin et al. 2019, arXiv:1810.04805.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..baselines import median_filter, pca
from ..corruptions import Corruption, gaussian_noise, masking_noise, salt_and_pepper
from ..metrics import linear_probe, psnr
from ..model import Autoencoder
from ..models import denoising
from ..models.plain import UNIT
from ..randomness import seeded
from ..trace import Batch
from .common import codes, damaging_both, grey, line, reconstructed, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the target is corrupted along with the input"
KINDS: dict[str, tuple[Callable[[float], Corruption], float]] = {
    "nothing": (gaussian_noise, 0.0),
    "Gaussian, σ = 0.4": (gaussian_noise, 0.4),
    "masking, 40 %": (masking_noise, 0.4),
    "salt and pepper, 30 %": (salt_and_pepper, 0.3),
}


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    rows = grey(budget)
    side = round(rows.test.shape[1] ** 0.5)
    with seeded(budget.seed + 1000):
        inputs = [damaged(rows.test, make(level)) for make, level in KINDS.values()]

    def fitted(make: Callable[[float], Corruption], level: float) -> Autoencoder:
        damage = partial(damaging_both, make) if bug else make
        hidden = budget.pick((128,), (512,))
        return trained(
            lambda: denoising(side**2, 64, hidden, noise=level, corruption=damage, likelihood=UNIT),
            rows.train,
            budget,
            epochs=budget.pick(50, 3),
            lr=3e-3,
        )

    models = {name: fitted(*kind) for name, kind in KINDS.items()}

    def decibels(cleaned: np.ndarray) -> float:
        return psnr(rows.test, cleaned.reshape(rows.test.shape).clip(0, 1), 1.0)

    reached = np.array([[decibels(reconstructed(m, x)) for x in inputs] for m in models.values()])
    projection = pca(rows.train, budget.pick(16, 48))
    trivial = {
        "PCA projection": [decibels(projection.reconstruct(x)) for x in inputs],
        "median filter": [decibels(median_filter(x.reshape(-1, side, side), 3)) for x in inputs],
        "the input as it is": [decibels(x) for x in inputs],
    }
    plain, matched = models["nothing"], models["Gaussian, σ = 0.4"]
    few = slice(0, budget.pick(None, 10_000))

    def read(model: Autoencoder, train: np.ndarray, test: np.ndarray) -> float:
        found = linear_probe(
            codes(model, train[few]), rows.train_labels[few], codes(model, test), rows.test_labels
        )
        return found.score

    gained = read(matched, rows.train, inputs[1]) - read(plain, rows.train, inputs[1])
    own = reached.diagonal()[1:]
    others = np.where(np.eye(len(KINDS), dtype=bool), -np.inf, reached)[:, 1:].max(0)
    claims = [
        Claim("Decibels of a net on its own noise above one trained without, least of three",
              (own - reached[0, 1:]).min(), at_least=2.0),
        Claim("Decibels of a net on its own noise above the next best of the others, least of three",
              (own - others).min(), at_least=-0.3, guarded=False),
        Claim("Accuracy of a linear probe on codes of noisy input, gained by training with that noise",
              gained, at_least=0.02, guarded=False),
        Claim("Decibels that corruption costs on clean input, least of three",
              (reached[0, 0] - reached[1:, 0]).min(), at_least=3.0, guarded=False),
    ]  # fmt: skip
    table = Table(
        "PSNR of held-out pictures in dB, by training noise (rows) and test noise (columns)",
        ["trained with", *KINDS],
        [
            *(line(name, *map(float, row)) for name, row in zip(KINDS, reached)),
            *(line(name, *(v if np.isfinite(v) else None for v in row)) for name, row in trivial.items()),
        ],
    )
    return Evidence(claims, [table], [picture(reached)])


def damaged(x: np.ndarray, corruption: Corruption) -> np.ndarray:
    rows = torch.from_numpy(x)
    return corruption(Batch(rows, rows)).input.numpy()


def picture(reached: np.ndarray) -> Picture:
    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        shown = axis.imshow(reached - reached.max(0), cmap="cividis", vmin=-5, vmax=0)
        names = [name.partition(",")[0] for name in KINDS]
        axis.set_xticks(range(len(names)), [name.replace(" and", "\nand") for name in names])
        axis.set_yticks(range(len(names)), names)
        for (i, j), value in np.ndenumerate(reached):
            dark = value < reached[:, j].max() - 2.5
            axis.text(j, i, f"{value:.1f}", ha="center", va="center", color="white" if dark else "black")
        axis.set_xlabel("test noise")
        axis.set_ylabel("training noise")
        figure.colorbar(shown, label="dB below the best of the column")
        figure.suptitle("Each net undoes its own damage best")

    alt = "A matrix of decibels by training and test noise; the best of every column lies on the diagonal."
    return Picture("Training noise against test noise", alt, draw, (6.4, 4.4))
