"""How does an adversarial autoencoder compare with a VAE?

**In short.** Both are autoencoders whose codes should look like draws from a prior. A VAE pays for each
row's posterior apart, by a KL in closed form, and so needs densities; an adversarial autoencoder has a
critic compare all codes with draws, and so needs only draws: any shape will do, a ring, a swiss roll, a
drawing. It pays with a game instead of a loss, and with a bound on the likelihood that it does not have.

**Definition.** Encoder E, decoder G, critic D of codes, prior p(z):

    min_{E,G} E_x [−log p(x | E(x)) − λ log D(E(x))],   max_D E_p log D(z) + E_x log(1 − D(E(x)))

**Mathematics.** For the best critic the game's value is 2 JS(q(z), p(z)) − log 4, q(z) the distribution
of *all* codes: it is least where q = p, and asks nothing of single rows. A VAE's E_x KL(q(z|x) ‖ p) is
KL(q(z) ‖ p) + I(x; z): besides the match it charges for what a code says of its row. With the round prior
and squared error this is a Wasserstein autoencoder with a critic for its divergence.

**Intuition.** A VAE gives every row a cloud and asks that each cloud look like the whole sky. Here rows
are points; an inspector who sees only the crowd says where it is too thick or too thin.

**When, and when not.** Where the prior should have a shape: classes, a ring for an angle, clusters with
labels. For a likelihood, for missing values, for telling how sure a code is: a VAE. For the round prior a
discrepancy without a player (MMD, sliced) does the same and does not circle; a VAE with a calibrated variance
comes nearer to it than a plain autoencoder, and less near than the game (see the table).

**Pitfalls.** log(1 − D) for the encoder: no gradient once the critic is sure. The encoder cut off from the
critic, as by a detached code (the control): it rebuilds like a plain autoencoder and its codes are anywhere.
The encoder moved by the critic's own step. Batch statistics over draws and codes together. Too much momentum:
players circle. A critic as fast as the autoencoder: where it pushes turns sooner than the decoder follows,
and its opinion of fourteen hundred rows is soon learned by heart; on these digits the error was half as large
again as the autoencoder's with it, and a third with one of a fifth of the rate. A shape with gaps, as the
ring, needs a sharper critic than a round one, and its modes are not filled alike (in the table they are worth
seven of ten). Parzen windows as a likelihood. Samples judged without the match of codes, or the match without
reconstruction: codes that ignore rows match perfectly.

**Sources.** Makhzani et al. 2015, arXiv:1511.05644; Goodfellow et al. 2014, arXiv:1406.2661; Tolstikhin
et al. 2018, arXiv:1711.01558; Hoffman and Johnson 2016, ELBO surgery, NeurIPS workshop (the two parts of
the KL).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..latents import Shape, Sphere
from ..metrics import frechet_distance
from ..model import Learner
from ..models import Adversarial, aae, autoencoder, vae
from ..models.plain import UNIT
from ..objective import Objective, Term
from ..randomness import seeded
from ..terms import imq, reconstruction
from ..terms.discrepancy import discrepancy
from ..trace import Trace
from .common import Grey, codes, grey, line, reconstructed, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the encoder is cut off from the critic: the codes it is judged by are detached"
MODES, RADIUS, SPREAD = 10, math.sqrt(2), 0.14


class Ring(Shape):
    """Ten round Gaussians on a circle, six of their deviations apart; together of variance 1."""

    like: Tensor

    def __init__(self, dim: int = 2):
        super().__init__()
        self.dim = dim
        self.register_buffer("like", torch.zeros(()), persistent=False)

    def sample(self, n: int, labels: Tensor | None = None) -> Tensor:
        mode = torch.randint(MODES, (n,), device=self.like.device)
        return centres().to(self.like)[mode] + SPREAD * self.like.new_empty(n, 2).normal_()


def centres() -> Tensor:
    """(10, 2)"""
    angle = torch.arange(MODES) * (2 * math.pi / MODES)
    return RADIUS * torch.stack([angle.cos(), angle.sin()], 1)


class Seen(NamedTuple):
    """Held-out rows and prior draws, by one model."""

    error: float  # ‖x − x̂‖²
    away: float  # MMD² of codes from N(0, I)
    deviation: float  # of codes, the mean over dimensions
    samples: float  # Fréchet distance of what prior draws decode to

    @classmethod
    def of(cls, model: Learner, data: Grey, budget: Budget) -> Seen:
        z = torch.from_numpy(codes(model, data.test))[:2000]
        with seeded(budget.seed):
            away = float(discrepancy(z, torch.randn_like(z), imq))
            with torch.no_grad():
                drawn = model.autoencoder.decode(torch.randn(len(data.test), z.shape[1])).mean.numpy()
        error = squared(data.test, reconstructed(model, data.test))
        return cls(error, away, float(z.std(0).mean()), frechet_distance(drawn, data.test))


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    return of_rows(grey(budget), budget, bug)


def of_rows(data: Grey, budget: Budget, bug: bool) -> Evidence:
    wide, hidden, epochs = data.train.shape[1], budget.pick((128,), (400, 400)), budget.pick(250, 30)
    weight = budget.pick(1.0, 10.0)  # rows of MNIST vary eleven times as much, and so do their errors

    def game(dim: int, prior: Any, pace: float) -> Adversarial:
        model = aae(wide, dim, hidden, prior=prior, weight=weight, pace=pace)
        if bug:
            model.autoencoder.objective = Objective.of(reconstruction + weight * deaf)
        return model

    def fit(build: Any) -> Any:
        return trained(build, data.train, budget, epochs, budget.pick(5e-3, 1e-3))

    models = {
        "autoencoder": fit(lambda: autoencoder(wide, 8, hidden, likelihood=UNIT)),
        "VAE, σ = 1": fit(lambda: vae(wide, 8, hidden, likelihood=UNIT)),
        "VAE, σ learned": fit(lambda: vae(wide, 8, hidden)),
        "adversarial autoencoder": fit(lambda: game(8, Sphere, pace=0.2)),
    }
    seen = {name: Seen.of(model, data, budget) for name, model in models.items()}
    plain, ours = seen["autoencoder"], seen["adversarial autoencoder"]
    flat = {
        "VAE, whose prior is N(0, I)": fit(lambda: vae(wide, 2, hidden)),
        "adversarial autoencoder, whose prior is the ring": fit(lambda: game(2, Ring, pace=0.5)),
    }
    placed = {name: codes(model, data.train) for name, model in flat.items()}
    unseen = {f"{name}, unseen rows": codes(model, data.test) for name, model in flat.items()}
    with seeded(budget.seed):
        drawn = {"draws of N(0, I)": torch.randn(2000, 2), "draws of the ring": Ring().sample(2000)}
    everywhere = {**placed, **unseen, **{name: z.numpy() for name, z in drawn.items()}}
    near = {name: near_modes(z) for name, z in everywhere.items()}
    claims = [
        Claim("MMD² of codes from N(0, I), 8 numbers", ours.away, at_most=0.1),
        Claim("Deviation of codes, the mean over dimensions", ours.deviation, at_least=0.9, at_most=1.1),
        Claim(
            "Ring: percent of training codes within 3 deviations of a mode",
            near["adversarial autoencoder, whose prior is the ring"][0],
            at_least=90,
        ),
        Claim(
            "Fréchet distance of decoded draws, in the autoencoder's",
            ours.samples / plain.samples,
            at_most=0.5,
            guarded=False,
        ),
        Claim(
            "Squared error of held-out rows, in the autoencoder's",
            ours.error / plain.error,
            at_most=1.4,
            guarded=False,
        ),
    ]
    mean = squared(data.test, np.broadcast_to(data.train.mean(0), data.test.shape))
    floor = frechet_distance(data.train[: len(data.test)], data.test)
    constant = frechet_distance(np.broadcast_to(data.train.mean(0), data.test.shape), data.test)
    rows = [line("mean of training rows", mean, None, None, constant)]
    rows += [line(name, *values) for name, values in seen.items()]
    rows += [line("training rows themselves", None, None, None, floor)]
    columns = ["", "‖x − x̂‖²", "MMD² from N(0, I)", "deviation", "Fréchet distance of samples"]
    tables = [
        Table("Held-out digits, codes of 8 numbers; Fréchet distance on pixels", columns, rows),
        Table(
            "Codes of 2 numbers on a ring of ten modes",
            ["", "percent within 3 deviations", "modes in use, exp of their entropy"],
            [line(name, *values) for name, values in near.items()],
        ),
    ]
    return Evidence(claims, tables, [picture(placed, data.train_labels)])


def near_modes(z: np.ndarray) -> tuple[float, float]:
    """Percent of codes (n, 2) within 3 deviations of a mode, and over how many modes they are spread."""
    distance = torch.cdist(torch.from_numpy(z), centres())
    share = torch.bincount(distance.argmin(1), minlength=MODES) / len(z)
    inside = float((distance.min(1).values <= 3 * SPREAD).float().mean())
    return 100 * inside, float(torch.special.entr(share).sum().exp())


def cut_off(model: Any, trace: Trace) -> Tensor:
    return F.softplus(-model.judge(trace.code.z.detach(), trace.batch.context)).sum(1)


deaf = Term("fooling", cut_off)  # the bug


def picture(placed: dict[str, np.ndarray], labels: np.ndarray) -> Picture:
    def draw(figure: Figure) -> None:
        from matplotlib.patches import Circle

        for axis, (name, z) in zip(figure.subplots(1, 2), placed.items()):
            for x, y in centres().tolist():
                axis.add_patch(Circle((x, y), 3 * SPREAD, color="#b0b7c3", alpha=0.5, linewidth=0))
            axis.scatter(*z[:2000].T, c=labels[:2000], cmap="tab10", s=6)
            axis.set(aspect="equal", title=name)

    alt = (
        "Codes of training digits in the plane, coloured by digit. Left, those of a VAE, a round cloud. "
        "Right, those of an adversarial autoencoder: nearly all within the ten circles of a ring."
    )
    return Picture("A prior of any shape", alt, draw, (9.0, 4.6))
