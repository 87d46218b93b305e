"""What is a denoising autoencoder, and what does it learn?

**In short.** It reads a damaged row and must return the undamaged one. Copying is then no solution, however
wide the code, and what it learns instead is where the data are: at every point, the way back to them.

**Definition.** With a corruption q(x̃ | x), and the *clean* row as the target:

    min E_x E_{x̃ ~ q(x̃|x)} ‖g(f(x̃)) − x‖²

**Mathematics.** The best function of x̃ under squared error is the conditional mean, r*(x̃) = E[x | x̃]. For
Gaussian noise of variance σ² that mean is known (Tweedie, Miyasawa):

    E[x | x̃] = x̃ + σ² ∇ log p_σ(x̃)

where p_σ is the density of the *noisy* data. So (r(x̃) − x̃)/σ² estimates the score, the gradient of the
log density: denoising is density estimation without a normalising constant. For small σ, and where r(x) ≈
x, this is an autoencoder with a penalty σ²‖∂r/∂x‖². Repeated at many noise levels, it is a diffusion model.

**Intuition.** Noise moves a digit off the thin sheet where digits live. Whoever can bring it back knows the
sheet, and vectors drawn from everywhere to it form the score's field.

**When, and when not.** To clean signals whose noise can be imitated; as the regulariser that makes wide codes
useful; as the core of score-based generation. Clean targets are needed (or pairs of rows whose noise is
independent). Of noise unlike that of training it knows little. Squared error returns the *average* of the
possible originals: where much is lost the picture is smooth, and a plausible sample needs a generative model.

**Pitfalls.** The target must stay clean; corrupting both teaches the identity (the control). Draw noise anew
at each visit. Do not clip a noisy input: Tweedie's formula then fails. PSNR of an
input depends on clipping (by 2 to 3 dB here), so say which is the reference. No corruption in eval().
Compare with the *best* PCA projection and filter, chosen on training pictures, not with none.

**Sources.** Vincent et al. 2008, ICML; Vincent et al. 2010, JMLR 11; Vincent 2011, Neural Computation 23;
Alain and Bengio 2014, JMLR 15, arXiv:1211.4246; Efron 2011, JASA 106 (Tweedie's formula).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..baselines import filters
from ..corruptions import Corruption, gaussian_noise
from ..metrics import psnr
from ..model import Autoencoder
from ..models import denoising
from ..models.plain import UNIT
from .common import damaging_both, grey, reconstructed, side_by_side, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the target is corrupted along with the input"
CENTRES = 1.5 * np.array([[0.0, 1.0], [0.87, -0.5], [-0.87, -0.5]])
SPREAD, NOISE = 0.3, 0.5  # of the three Gaussians, and what is added to their draws


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    corruption = partial(damaging_both, gaussian_noise) if bug else gaussian_noise
    cleaning, table, pictures = pictures_cleaned(budget, corruption)
    pointing, field = score_learned(budget, corruption)
    return Evidence([*cleaning, *pointing], [table], [pictures, field])


def pictures_cleaned(
    budget: Budget, corruption: Callable[[float], Corruption]
) -> tuple[list[Claim], Table, Picture]:
    """Decibels on held-out pictures, beside classical filters at their best."""
    rows, noise = grey(budget), budget.pick(0.3, 0.5)
    draw = np.random.default_rng(budget.seed)
    noisy_train, noisy = (
        x + noise * draw.standard_normal(x.shape).astype("f") for x in (rows.train, rows.test)
    )
    side = round(rows.train.shape[1] ** 0.5)
    model = trained(
        lambda: denoising(
            side**2, 64, budget.pick((256,), (1000,)), noise=noise, corruption=corruption,
            likelihood=UNIT,
        ),
        rows.train, budget, epochs=budget.pick(80, 5), lr=3e-3,
    )  # fmt: skip
    cleaned = reconstructed(model, noisy).clip(0, 1)
    few = slice(0, 3000)  # plenty to choose a filter by
    images = [x.reshape(-1, side, side) for x in (noisy_train[few], rows.train[few], noisy)]
    classical = filters(images[0], images[1], images[2])
    decibels = {
        "noisy": psnr(rows.test, noisy, 1.0),
        "noisy, clipped to [0, 1]": psnr(rows.test, noisy.clip(0, 1), 1.0),
        **{
            f"{f.name} ({f.parameter:g})": psnr(rows.test, f.images.reshape(rows.test.shape), 1.0)
            for f in classical
        },
        "denoising autoencoder": psnr(rows.test, cleaned, 1.0),
    }
    reached, clipped = decibels["denoising autoencoder"], decibels["noisy, clipped to [0, 1]"]
    best = max(value for name, value in decibels.items() if name != "denoising autoencoder")
    claims = [
        Claim("Decibels gained over the clipped input", reached - clipped, at_least=budget.pick(3.5, 9.0)),
        Claim("Decibels above the best filter or PCA", reached - best, at_least=budget.pick(0.5, 1.5)),
    ]
    table = Table(
        f"PSNR of held-out pictures, noise of σ = {noise}",
        ["", "dB"],
        [[name, value] for name, value in decibels.items()],
    )
    alt = "Three rows of digits: clean, with noise, and as the autoencoder returns them, readable again."
    seen = {"clean": rows.test[:10], "noisy": noisy[:10].clip(0, 1), "cleaned": cleaned[:10]}
    return claims, table, side_by_side("Held-out pictures", alt, seen)


def score_learned(budget: Budget, corruption: Callable[[float], Corruption]) -> tuple[list[Claim], Picture]:
    """(r(x) − x)/σ² against the exact gradient of the smoothed log density, three Gaussians in the plane."""
    model: Autoencoder = trained(
        lambda: denoising(2, 64, (128,), noise=NOISE, corruption=corruption, likelihood=UNIT),
        drawn(budget.seed, 8000, SPREAD), budget, epochs=budget.pick(20, 100), lr=5e-3, batch_size=256,
    )  # fmt: skip
    places = drawn(budget.seed + 1000, 2000, (SPREAD**2 + NOISE**2) ** 0.5)
    estimate, exact = (reconstructed(model, places) - places) / NOISE**2, score(places)
    cosine = (estimate * exact).sum(1) / np.linalg.norm(estimate, axis=1) / np.linalg.norm(exact, axis=1)
    error = np.sqrt(np.square(estimate - exact).sum() / np.square(exact).sum())
    claims = [
        Claim("Cosine of (r(x) − x)/σ² with the exact score, mean", cosine.mean(), at_least=0.98),
        Claim("Relative error of (r(x) − x)/σ² as the score", error, at_most=0.25),
    ]
    grid = np.stack(np.meshgrid(*[np.linspace(-2.8, 2.8, 17)] * 2), -1).reshape(-1, 2).astype("f")
    return claims, field(grid, reconstructed(model, grid) - grid, places)


def drawn(seed: int, n: int, spread: float) -> np.ndarray:
    """Draws of three round Gaussians, (n, 2)."""
    draw = np.random.default_rng(seed)
    return (CENTRES[draw.integers(3, size=n)] + spread * draw.standard_normal((n, 2))).astype("f")


def score(x: np.ndarray) -> np.ndarray:
    """∇ log p_σ(x), p_σ the mixture with the noise's variance added to each Gaussian's."""
    variance = SPREAD**2 + NOISE**2
    away = x[:, None] - CENTRES  # (n, 3, 2)
    log_weight = -0.5 * np.square(away).sum(-1) / variance
    weight = np.exp(log_weight - log_weight.max(1, keepdims=True))
    weight /= weight.sum(1, keepdims=True)
    return -(weight[..., None] * away).sum(1) / variance


def field(grid: np.ndarray, steps: np.ndarray, places: np.ndarray) -> Picture:
    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        axis.plot(*places.T, ".", markersize=1, color="#b0b7c3")
        axis.quiver(*grid.T, *steps.T, color="#1f5fa8", angles="xy")
        axis.set_aspect("equal")
        figure.suptitle("r(x) − x: the way back to the data")

    alt = (
        "A field of arrows in the plane; everywhere they point towards the nearest of three clouds of points."
    )
    return Picture("The score that denoising learns", alt, draw, (4.8, 4.8))
