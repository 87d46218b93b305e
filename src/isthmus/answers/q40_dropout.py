"""What does dropout do inside an autoencoder, and where does it belong?

**In short.** It depends on the place. On the input it makes a denoising autoencoder. On hidden layers it
regularises, which helps with few rows. On the code it shrinks and spreads: information is stored
redundantly, which is seldom wanted. Nested dropout, which cuts the code after a random number, puts it in
order instead: the first numbers say most.

**Definition.** With rate p, each unit is set to 0 with probability p and otherwise divided by 1 − p, so that
its mean is unchanged; at rest nothing is dropped.

**Mathematics.** For a linear decoder W and a code z, the mean over masks is in closed form,

    E ‖x − W (m ⊙ z) / (1 − p)‖² = ‖x − W z‖² + p / (1 − p) Σ_j z_j² ‖w_j‖²

so that dropout on the code is a penalty: product of code and column, which, for z = A x, acts like a
nuclear norm on W A (Cavazza et al.) and makes all units equally important. Nested dropout draws b and keeps
z_1 … z_b. The loss

    Σ_b P(b) E ‖x − W_b z_b‖²

is least when every leading part spans the leading principal axes: in the linear case W's columns lie
*along* these axes, in order, and are not merely a basis of their span.

**Intuition.** A team whose members may each be absent makes everyone learn everything. A team that is always
sent home from the back of the queue puts its best first.

**When, and when not.** Hidden layers: small rates, 0.1 to 0.3, and few rows; with many rows it only slows.
Input: yes, that is masking noise. Code: no, least of all a code of two numbers; use nested dropout where
the size should be chosen afterwards. Dropout kept on at test time gives a spread of reconstructions (Gal
and Ghahramani); whether that tracks the error must be measured.

**Pitfalls.** Masks without the division, or dividing twice: the decoder at rest then sees codes of another
size. Computing codes with dropout still on. Beside batch normalisation the variances disagree between
training and rest. Rescaling nested masks: the first numbers would change their meaning with the cut.

**Sources.** Srivastava et al. 2014, JMLR 15; Rippel, Gelbart and Adams 2014, arXiv:1402.0915; Cavazza et al.
2018, arXiv:1710.05092; Gal and Ghahramani 2016, arXiv:1506.02142.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ..baselines import LinearProjection, pca
from ..latents import Deterministic, Nested
from ..model import Autoencoder
from ..models import autoencoder, linear
from ..nets import mlps
from ..randomness import seeded
from ..recipes import Recipe
from ..terms import squared_error
from ..trace import Batch
from .common import grey, reconstructed, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "masks are not divided by the chance to be kept, and nested dropout draws every unit by itself"
RATE, DIM = 0.3, 4


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    rows = made(budget.seed)
    best = pca(rows, DIM)
    scattered = Recipe(nn.Dropout, p=0.5)
    latent = Deterministic(DIM, scattered) if bug else Nested(DIM)  # type: ignore[arg-type]
    ordered = fitted(rows, latent, budget, 140)
    free = fitted(rows, Deterministic(DIM), budget, 30)
    angles, without = angles_to_axes(ordered, best), angles_to_axes(free, best)
    drawn, exact = dropout_loss(free, rows, Unscaled(RATE) if bug else nn.Dropout(RATE), budget.seed)

    x = grey(budget)
    few = x.train[np.random.default_rng(budget.seed).permutation(len(x.train))[:200]]
    errors = {rate: held_out(few, x.test, rate, budget) for rate in (0.0, 0.1)}
    claims = [
        Claim(
            "Mean loss over masks on the code, as a share of its closed form",
            drawn / exact,
            at_least=0.98,
            at_most=1.02,
        ),
        Claim(
            "Largest angle between an axis of the nested code and its principal axis, in degrees",
            float(angles.max()),
            at_most=5,
        ),
        Claim("The same without dropout", float(without.max()), at_least=15, guarded=False),
        Claim(
            "200 rows: held-out error with a tenth of hidden units dropped, as a share of that with none",
            errors[0.1] / errors[0.0],
            at_most=0.97,
            guarded=False,
        ),
    ]
    axes = Table(
        "Angle of each axis of a linear code to the principal axis of its place, in degrees",
        ["axis", "nested dropout", "no dropout"],
        [[str(j + 1), float(a), float(b)] for j, (a, b) in enumerate(zip(angles, without))],
    )
    mean = squared(x.test, np.broadcast_to(few.mean(0), x.test.shape))
    small = Table(
        "Squared error of held-out digits after 200 training rows",
        ["", "error"],
        [
            ["mean of the training rows", mean],
            ["no dropout", errors[0.0]],
            ["hidden dropout 0.1", errors[0.1]],
        ],
    )
    return Evidence(claims, [axes, small], [picture(ordered, free, best, rows)])


def made(seed: int, features: int = 12, rows: int = 1000) -> np.ndarray:
    """Gaussian rows around 0 with four axes that stand out, each half as long, in variance, as the last."""
    draw = np.random.default_rng(seed)
    deviations = np.sqrt([25.0, 12.0, 6.0, 3.0] + [0.3] * (features - DIM))
    rotation, _ = np.linalg.qr(draw.normal(size=(features, features)))
    x = (draw.normal(size=(rows, features)) * deviations) @ rotation.T
    return (x - x.mean(0)).astype(np.float32)


def fitted(x: np.ndarray, latent: Deterministic | Nested, budget: Budget, epochs: int) -> Autoencoder:
    def build() -> Autoencoder:
        model = linear(x.shape[1], DIM)
        model.latent = latent
        return model

    return trained(build, x, budget, epochs, 1e-2, batch_size=100, finish=None)


def columns(model: Autoencoder) -> np.ndarray:
    (layer,) = (each for each in model.decoder.modules() if isinstance(each, nn.Linear))
    return layer.weight.detach().double().numpy()


def angles_to_axes(model: Autoencoder, best: LinearProjection) -> np.ndarray:
    """Column j of the decoder against principal axis j, in degrees."""
    w = columns(model)
    cosines = np.abs((w / np.linalg.norm(w, axis=0) * best.components.T).sum(0))
    return np.degrees(np.arccos(np.clip(cosines, 0, 1)))


class Unscaled(nn.Module):
    """The bug: units are dropped, and those that stay are left as they are."""

    def __init__(self, rate: float):
        super().__init__()
        self.rate = rate

    def forward(self, z: Tensor) -> Tensor:
        return z * (torch.rand_like(z) >= self.rate)


@torch.no_grad()
def dropout_loss(model: Autoencoder, x: np.ndarray, dropout: nn.Module, seed: int) -> tuple[float, float]:
    """Mean squared error over 300 masks a row on the code; and what it should be, by the formula."""
    rows = torch.from_numpy(x)
    code = model.encode(rows).z
    whole = nn.Sequential(dropout.train(), model.decoder)
    with seeded(seed):
        drawn = float(torch.stack([(rows - whole(code)).square().sum(1).mean() for _ in range(300)]).mean())
    plain = float(squared_error(model, model(Batch(rows, rows))).mean())
    spread = (code.double().square().numpy() * np.square(columns(model)).sum(0)).sum(1).mean()
    return drawn, plain + RATE / (1 - RATE) * float(spread)


def held_out(few: np.ndarray, test: np.ndarray, rate: float, budget: Budget) -> float:
    nets = Recipe(mlps, dropout=rate)
    model = trained(lambda: autoencoder(few.shape[1], 16, (256,), nets=nets), few, budget, 200)
    return squared(test, reconstructed(model, test))


def picture(ordered: Autoencoder, free: Autoencoder, best: LinearProjection, x: np.ndarray) -> Picture:
    rows = torch.from_numpy(x)

    @torch.no_grad()
    def cut(model: Autoencoder) -> list[float]:
        z = model.encode(rows).z
        kept = [z * (torch.arange(DIM) < k) for k in range(DIM + 1)]
        return [squared(x, model.decode(part).mean.numpy()) for part in kept]

    curves = {"no dropout": cut(free), "nested dropout": cut(ordered)}
    curves["PCA of that size"] = [squared(x, best.truncated(k).reconstruct(x)) for k in range(DIM + 1)]

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        for (name, errors), style in zip(curves.items(), ("s-", "o-", "k--")):
            axis.plot(range(DIM + 1), errors, style, label=name)
        axis.set_xticks(range(DIM + 1))
        axis.set_xlabel("numbers of the code that are kept")
        axis.set_ylabel("squared error")
        axis.legend()

    alt = (
        "Error of a code cut short: with nested dropout it is PCA's at every length, without it is far above."
    )
    return Picture("Cutting a code", alt, draw)
