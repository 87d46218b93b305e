"""What is a BiGAN, and what does its encoder learn?

**In short.** A GAN with an encoder. Its critic sees pairs: a row with the code that the encoder gives it, or
a draw from the prior with the row that the decoder makes of it. When it can no longer tell them apart, the
encoder is the decoder's inverse, though nothing ever compared a row with its reconstruction. Before that
point the inverse is loose: reconstructions are *like* the row rather than close to it.

**Definition.** Encoder E, decoder G, critic D of pairs, prior p(z):

    min_{G,E} max_D E_x log D(x, E(x)) + E_z log(1 − D(G(z), z))

ALI is the same game with a stochastic encoder. In practice both players minimise the labels swapped,
−log(1 − D(x, E(x))) − log D(G(z), z).

**Mathematics.** For the best critic the game's value is twice the Jensen–Shannon divergence of the joints
q(x) E(z | x) and p(z) G(x | z), less log 4. It is least where they agree. Of deterministic maps equal joints
mean that x = G(E(x)) for nearly all x and z = E(G(z)) for nearly all z: inverses, at zero error. Away from
the optimum nothing bounds ‖x − G(E(x))‖. ALICE adds that error, a cycle term, which removes the freedom.

**Intuition.** Two forgers work apart: one is given pictures and writes their certificates, the other is given
certificates and paints to them. An expert sees picture and certificate together. Both pass only if they
follow one and the same convention.

**When, and when not.** For features that care for what a picture shows and not for each pixel (on these
digits an autoencoder's are better all the same), and for scores of anomaly from a GAN. Not to compress or
denoise: an autoencoder of the same nets rebuilds better, as the table shows. With a cycle term it rebuilds
like one, and is then an autoencoder with a game beside it.

**Pitfalls.** A critic that sees z too weakly: rows come out right and the encoder means nothing (the
control). An encoder left with the minimax loss has no gradient once the critic is sure. A prior that the
encoder cannot reach, as a uniform one behind a linear layer. Batch statistics mixed over real and made
pairs. A k-NN score alone: a random encoder does well already, so print it. Runaway: hold the critic's slope.

**Sources.** Donahue, Krähenbühl and Darrell 2017, arXiv:1605.09782; Dumoulin et al. 2017, arXiv:1606.00704;
Li et al. 2017 (ALICE), arXiv:1709.01215; Mescheder et al. 2018, arXiv:1801.04406 (the slope).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ..metrics import knn_probe
from ..model import Learner
from ..models import autoencoder, bigan
from ..models.games import Pairs
from ..models.plain import UNIT
from ..randomness import seeded
from .common import codes, grey, line, reconstructed, side_by_side, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the critic does not see the codes of its pairs"
MIX = torch.tensor([[1.2, 0.5], [-0.4, 0.8]])  # rows of the toy are normal, mixed by this


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    model, z, back = toy(budget, bug)
    away = float((back - z).norm(dim=1).mean())
    with torch.no_grad():
        covariance = torch.cov(model.autoencoder.decode(z).mean.T)
    off = float((covariance - MIX @ MIX.T).norm() / (MIX @ MIX.T).norm())
    claims = [
        Claim("Linear game: mean distance of E(G(z)) from z, where z is 1.25 long", away, at_most=0.2),
        Claim("Linear game: relative error of the covariance of G(z)", off, at_most=0.3, guarded=False),
    ]
    digits, table, pictures = on_digits(budget, bug)
    return Evidence([*claims, *digits], [table], [picture(z, back), pictures])


def toy(budget: Budget, bug: bool) -> tuple[Pairs, Tensor, Tensor]:
    """A linear BiGAN of 2-D normal rows, prior draws, and where they come back to through G and E."""
    with seeded(budget.seed + 100):
        x, z = torch.randn(4000, 2) @ MIX.T, torch.randn(1000, 2)
    model = trained(lambda: blinded(bigan(2, 2, (), critic=(64, 64), slope=0.0), bug), x, budget, 40, 5e-3)
    with torch.no_grad():
        return model, z, model.autoencoder.encode(model.autoencoder.decode(z).mean).z


def on_digits(budget: Budget, bug: bool) -> tuple[list[Claim], Table, Picture]:
    data = grey(budget)
    wide, dim, hidden = data.train.shape[1], budget.pick(8, 32), budget.pick((128,), (400, 400))
    epochs = budget.pick(80, 60)

    def game(cycle: float = 0.0) -> Pairs:
        return blinded(bigan(wide, dim, hidden, cycle=cycle), bug)

    with seeded(budget.seed):
        untrained = game()
    models = {
        "BiGAN": trained(game, data.train, budget, epochs),
        "BiGAN with a cycle term": trained(lambda: game(1.0), data.train, budget, epochs),
        "autoencoder": trained(
            lambda: autoencoder(wide, dim, hidden, likelihood=UNIT), data.train, budget, epochs
        ),
    }
    seen = {name: reconstructed(model, data.test) for name, model in models.items()}
    lost = {name: squared(data.test, rows) for name, rows in seen.items()}
    mean = np.broadcast_to(data.train.mean(0), data.test.shape)
    some = slice(0, 20_000)

    def near(model: Learner) -> float:
        train, test = codes(model, data.train[some]), codes(model, data.test)
        return knn_probe(train, data.train_labels[some], test, data.test_labels, 1).score

    def judged(x: np.ndarray) -> float:
        """The share of rows (n, d) whose nearest training row is of the digit that they were made from."""
        return knn_probe(data.train[some], data.train_labels[some], x, data.test_labels, 1).score

    read = {name: near(model) for name, model in {**models, "encoder at random": untrained}.items()}
    right = {name: judged(rows) for name, rows in seen.items()}
    pixels = judged(data.test)
    rows = [line(name, lost[name], right[name], read[name]) for name in models]
    rows += [
        line("encoder at random", None, None, read["encoder at random"]),
        line("pixels", 0.0, pixels, pixels),
        line("mean of training rows", squared(data.test, mean), judged(mean), None),
    ]
    claims = [
        Claim(
            "Digits: share of what a BiGAN makes of them that is still that digit",
            right["BiGAN"],
            at_least=0.4,
        ),
        Claim(
            "Digits: accuracy of the nearest neighbour's code, above that of an encoder at random",
            read["BiGAN"] - read["encoder at random"],
            at_least=0.05,
            guarded=False,
        ),
        Claim(
            "Digits, with a cycle term: squared error in shares of the mean predictor's",
            lost["BiGAN with a cycle term"] / squared(data.test, mean),
            at_most=0.7,
            guarded=False,
        ),
        Claim(
            "Digits: squared error of a BiGAN, in autoencoder's: it rebuilds worse",
            lost["BiGAN"] / lost["autoencoder"],
            at_least=1.5,
            guarded=False,
        ),
    ]
    table = Table(
        f"Held-out digits, codes of {dim} numbers",
        ["", "‖x − G(E(x))‖²", "G(E(x)) is that digit", "1-NN accuracy of codes"],
        rows,
    )
    alt = "Digits and what three models make of them; the BiGAN's are digits too, and often of another shape."
    shown = {"held out": data.test[:10], **{name: rows[:10].clip(0, 1) for name, rows in seen.items()}}
    return claims, table, side_by_side("Like the row, or close to it", alt, shown)


class Blind(nn.Module):
    """A critic of pairs that does not see codes: the bug."""

    def __init__(self, critic: nn.Module):
        super().__init__()
        self.critic = critic

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        logits: Tensor = self.critic(x, 0 * z)
        return logits


def blinded(model: Pairs, bug: bool) -> Pairs:
    if bug:
        model.critic = Blind(model.critic)
    return model


def picture(z: Tensor, back: Tensor) -> Picture:
    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        for start, end in zip(z[:150].tolist(), back[:150].tolist()):
            axis.plot(*zip(start, end), color="#b0b7c3", linewidth=0.8)
        axis.plot(*z[:150].T.numpy(), "o", markersize=4, label="z")
        axis.plot(*back[:150].T.numpy(), ".", markersize=4, label="E(G(z))")
        axis.set_aspect("equal")
        axis.legend()

    alt = "Draws from the prior in the plane, and beside each, nearly on it, where it comes back to."
    return Picture("The encoder inverts the decoder", alt, draw, (4.8, 4.8))
