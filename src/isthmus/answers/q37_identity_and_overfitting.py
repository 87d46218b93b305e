"""How does an autoencoder overfit, and when does it learn the identity?

**In short.** Two different failures. Overfitting: the net reproduces its training rows and not new ones;
held-out error shows it. The identity: with a wide code it reproduces *everything*, data or not; held-out
error is excellent, and nothing was learned. Only inputs that are not data show that: noise should not come
back.

**Definition.** Of a reconstruction r, on any rows x with mean x̄,

    FVU(x) = ‖r(x) − x‖² / ‖x − x̄‖²           0: reproduced; 1: no better than a constant
    denoising ratio = ‖r(x + n) − x‖² / ‖n‖²    1: the noise went through; 0: it was removed

An identity has FVU near 0 off the data too, and a denoising ratio of 1.

**Mathematics.** With code width ≥ rank of the data a linear net reaches zero error at r = I on their span,
and gradient descent finds such a solution. A bottleneck (k < d), noise on the input, a penalty on the code
(sparsity, KL) or on the Jacobian rule it out. A denoiser's optimum is E[x | x̃]; for small noise,

    r(x) = x + σ² ∇ log p(x) + O(σ⁴)

so it moves every point towards data. The capacity to overfit is that of decoder and code together: n rows
can be stored in one real number.

**Intuition.** A photocopier passes every proof-reading test of copies. To find out whether it knows the
language, give it a page with misprints.

**When, and when not.** Few rows: fewer units, noise, weight decay, early stopping by a held-out term. Wide
codes: noise or sparsity always. Anomaly detection suffers most, for an identity reproduces anomalies. A
code far narrower than the data cannot copy everything; it can still overfit.

**Pitfalls.** Lowest held-out error as the criterion among wide nets: the identity wins. Corrupting input
*and* target. Noise on pixels that are constant in the data: even an identity in spirit cannot reproduce what
it never saw vary. Early stopping on the training loss. A strong L1 penalty may make the denoising ratio
worse than 1.

**Sources.** Bengio, Courville and Vincent 2013, arXiv:1206.5538; Alain and Bengio 2014, arXiv:1211.4246;
Vincent et al. 2008, ICML; Zhang et al. 2020, Identity Crisis, arXiv:1902.04698; Radhakrishnan et al. 2019,
arXiv:1810.10333.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..corruptions import gaussian_noise
from ..corruptions.noise import Corruption
from ..model import Autoencoder
from ..models import autoencoder, denoising
from ..trace import Batch
from .common import grey, reconstructed, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the denoising autoencoder's target is damaged along with its input"
NOISE, FEW = 0.3, 100


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    x = grey(budget)
    features, wide = x.train.shape[1], budget.pick(256, 1024)
    corruption = damaging_both if bug else gaussian_noise

    def denoiser(dim: int) -> Autoencoder:
        return denoising(features, dim, (wide,), noise=NOISE, corruption=corruption)

    def fitted(build: Callable[[], Autoencoder], rows: np.ndarray, epochs: int) -> Autoencoder:
        return trained(build, rows, budget, epochs, budget.pick(2e-3, 1e-3))

    epochs = budget.pick(30, 2)
    models = {
        f"linear, code of {wide}": fitted(lambda: autoencoder(features, wide, ()), x.train, epochs),
        f"ReLU, code of {wide}": fitted(lambda: autoencoder(features, wide, (wide,)), x.train, epochs),
        f"denoising, code of {wide}": fitted(lambda: denoiser(wide), x.train, epochs),
    }
    audits = {name: audit(model, x.train, x.test, budget.seed) for name, model in models.items()}
    linear, relu, clean = audits.values()

    few = x.train[np.random.default_rng(budget.seed).permutation(len(x.train))[:FEW]]
    small = {
        "plain": fitted(lambda: autoencoder(features, 32, (wide,)), few, 200),
        "denoising": fitted(lambda: denoiser(32), few, 200),
    }
    errors = {n: [squared(r, reconstructed(m, r)) for r in (few, x.test)] for n, m in small.items()}
    errors["mean of the training rows"] = [squared(r, 0 * r + few.mean(0)) for r in (few, x.test)]
    claims = [
        Claim("Denoising ratio of the denoising net", clean[1], at_most=0.45),
        Claim("Unexplained share of shuffled pixels, denoising net", clean[2], at_least=0.5),
        Claim("Denoising ratio of the wide linear net", linear[1], at_least=0.9, guarded=False),
        Claim("Denoising ratio of the wide ReLU net", relu[1], at_least=0.55, guarded=False),
        Claim(
            f"{FEW} rows: held-out error of the plain net over its training error",
            errors["plain"][1] / errors["plain"][0],
            at_least=10,
            guarded=False,
        ),
        Claim(
            f"{FEW} rows: held-out error of the denoising net over the plain one's",
            errors["denoising"][1] / errors["plain"][1],
            at_most=0.9,
            guarded=False,
        ),
    ]
    rows: list[list[str | float | None]] = [
        [
            "mean of the training rows",
            *judged(x.train, x.test, budget.seed, lambda r: 0 * r + x.train.mean(0)),
        ],
        ["the identity itself", *judged(x.train, x.test, budget.seed, lambda r: r)],
    ]
    tables = [
        Table(
            "FVU: 0 is reproduced whole, 1 no better than a constant; ratio: 1 lets the noise through",
            ["", "FVU, held-out digits", "denoising ratio", "FVU, shuffled pixels"],
            rows + [[name, *found] for name, found in audits.items()],
        ),
        Table(
            f"Squared error after {FEW} training rows",
            ["", "training rows", "held-out rows"],
            [[name, *found] for name, found in errors.items()],
        ),
    ]
    return Evidence(claims, tables, [picture(models, x.train, x.test, budget.seed)])


def damaging_both(scale: float) -> Corruption:
    """The bug: noise is to be reproduced."""
    damage = gaussian_noise(scale)

    def corrupt(batch: Batch) -> Batch:
        batch = damage(batch)
        return batch._replace(target=batch.input)

    return corrupt


def audit(model: Autoencoder, train: np.ndarray, test: np.ndarray, seed: int) -> tuple[float, float, float]:
    return judged(train, test, seed, lambda rows: reconstructed(model, rows))


def judged(
    train: np.ndarray, test: np.ndarray, seed: int, see: Callable[[np.ndarray], np.ndarray]
) -> tuple[float, float, float]:
    """FVU on held-out rows, the denoising ratio, and FVU where the pixels of each row are shuffled."""
    draw = np.random.default_rng(seed)
    harmed = noisy(train, test, seed)
    shuffled = draw.permuted(test, axis=1)
    return (
        squared(test, see(test)) / squared(test, np.broadcast_to(train.mean(0), test.shape)),
        squared(test, see(harmed)) / squared(test, harmed),
        squared(shuffled, see(shuffled)) / squared(shuffled, np.broadcast_to(shuffled.mean(0), test.shape)),
    )


def noisy(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """Noise on pixels that vary in training: on the others not even a copy could be expected."""
    alive = train.std(0) > 0.02
    return test + (NOISE * alive * np.random.default_rng(seed).normal(size=test.shape)).astype(np.float32)


def picture(models: dict[str, Autoencoder], train: np.ndarray, test: np.ndarray, seed: int) -> Picture:
    side = round(test.shape[1] ** 0.5)
    harmed = noisy(train, test, seed)[:8]
    shown = {"with noise": harmed, **{name: reconstructed(model, harmed) for name, model in models.items()}}

    def draw(figure: Figure) -> None:
        for axes, (name, images) in zip(figure.subplots(len(shown), len(harmed)), shown.items()):
            for axis, image in zip(axes, images):
                axis.imshow(image.reshape(side, side), cmap="gray_r", vmin=0, vmax=1)
                axis.set_xticks([])
                axis.set_yticks([])
            axes[0].set_ylabel(name, rotation=0, ha="right", va="center")

    alt = "Noisy digits and what three wide nets make of them: two return the noise, the denoiser a digit."
    return Picture("Who returns the noise", alt, draw, (8.0, 3.4))
