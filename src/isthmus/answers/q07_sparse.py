"""What is a sparse autoencoder?

**In short.** An autoencoder with *more* code units than inputs of which only a few may be active for any one
row. The bottleneck is not how wide the code is but how many entries of it are in use at once.

**Definition.** With a dictionary D whose columns d_j ("atoms") have unit length, either a penalty or a rule
keeps the code small:

    min E ½‖x − D z − b‖² + λ Σ_j |z_j|,   z = ReLU(W x + c),   ‖d_j‖ = 1
    or      z = the k largest entries of ReLU(W x + c)

**Mathematics.** It is sparse coding with the search for z replaced by one layer. The L1 norm is the convex
stand-in for ‖z‖₀, the number of active entries; its price is shrinkage, since every active entry is pulled
down by λ. Top-k sets ‖z‖₀ directly and shrinks nothing. JumpReLU learns a threshold for each unit and pays
for the number of those that pass it. If rows are sums of few atoms, and atoms are not too much alike, the
atoms can be identified even where there are more of them than dimensions: few-term explanations are unique
where many-term ones are not.

**Intuition.** Describe a meal by a few words from a large vocabulary instead of by three numbers. Each word
can afford to mean one thing.

**When, and when not.** For features that a person can name: parts of pictures, concepts inside a language
model, motifs in signals. For plain compression a dense code of as many numbers explains more variance. It
presumes that the data *are* mixtures of few causes; on data that are not, it cuts them up arbitrarily.

**Pitfalls.** With free column lengths the penalty is evaded: D grows, z shrinks, nothing is sparse (the
control). Projecting the weights but not their gradient lets Adam's momentum fight the constraint. Compare
methods at equal L0 only. Dead units must be counted over many rows, not one batch; they are revived by a
loss of their own, on what the others leave unexplained. More units than causes leave some dead or split;
fewer merge causes. Low error is no evidence that atoms were found: the control leaves less than the L1 row
below. Given rows enough, the control too finds the atoms, among many more active entries; what gives
it away is its code, far too small.

**Sources.** Olshausen and Field 1996, Nature 381; Ng 2011, CS294A notes; Makhzani and Frey 2014,
arXiv:1312.5663; Bricken et al. 2023, Towards Monosemanticity; Gao et al. 2024, arXiv:2406.04093;
Rajamanoharan et al. 2024, arXiv:2407.14435.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch.nn.utils import parametrize

from ..metrics import active_per_row, dead_units, recovery
from ..model import Autoencoder
from ..models import sparse_jump_relu, sparse_l1, sparse_top_k
from .common import Planted, codes, planted, reconstructed, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the decoder's columns may have any length, so that the penalty is evaded by scaling"
WEIGHT = 0.15  # of the L1 penalty


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    made = budget.pick(
        planted(budget.seed, atoms=64, width=32, active=2.0, rows=8000),
        planted(budget.seed, atoms=128, width=64, active=4.0, rows=50_000),
    )
    l1 = dictionary(made, budget, sparse_l1, free=bug, weight=WEIGHT)
    others = {
        "the k = 4 largest": dictionary(made, budget, sparse_top_k, free=bug, k=budget.pick(4, 6)),
        "JumpReLU": dictionary(
            made, budget, sparse_jump_relu, free=bug, weight=0.03, threshold=0.1, bandwidth=0.2
        ),
    }
    draw = np.random.default_rng(budget.seed + 1000)  # not the stream that drew the atoms
    strangers = {
        "as many random directions": draw.standard_normal(made.atoms.shape),
        "as many rows of the data": made.x[np.abs(made.x).sum(1) > 0][: len(made.atoms)],
    }
    found = recovery(made.atoms, atoms(l1))
    z = codes(l1, made.x)
    active, present = active_per_row(z), active_per_row(made.amplitudes)
    recovers = budget.pick(True, False)  # given rows enough, the control finds the atoms too
    claims = [
        Claim(
            "Sum of the code, as a share of that of the true amplitudes",
            z.sum() / made.amplitudes.sum(),
            at_least=1 - 2 * WEIGHT,  # an entry of mean one loses λ; columns that grow take far more from it
        ),
        Claim(
            "Cosine of a true atom with the learned one nearest to it, mean",
            found.mean(),
            at_least=budget.pick(0.94, 0.97),
            guarded=recovers,
        ),
        Claim(
            "Share of true atoms found (cosine above 0.9)",
            (found > 0.9).mean(),
            at_least=budget.pick(0.85, 0.97),
            guarded=recovers,
        ),
        Claim(
            "Active entries a row, as a multiple of the true number",
            active / present,
            at_most=3,
            guarded=recovers,
        ),
        Claim("Share of units never active", dead_units(z).mean(), at_most=0.02, guarded=False),
    ]
    table = Table(
        f"{len(made.atoms)} atoms in {made.x.shape[1]} dimensions, {present:.2f} of them in a row",
        ["dictionary", "mean cosine", "found", "active a row", "dead", "error / variance"],
        [
            *(row(name, model, made) for name, model in {f"L1, λ = {WEIGHT:g}": l1, **others}.items()),
            *(
                [name, *shares(recovery(made.atoms, directions)), None, None, None]
                for name, directions in strangers.items()
            ),
        ],
    )
    return Evidence(
        claims, [table], [picture(found, recovery(made.atoms, strangers["as many rows of the data"]))]
    )


def dictionary(made: Planted, budget: Budget, method: Any, free: bool, **options: Any) -> Autoencoder:
    """A sparse autoencoder with as many units as there are atoms."""

    def build() -> Autoencoder:
        model: Autoencoder = method(made.x.shape[1], len(made.atoms), **options)
        if free:
            parametrize.remove_parametrizations(model.decoder[0], "weight")  # type: ignore[index]
        return model

    return trained(build, made.x, budget, epochs=30, lr=1e-2, batch_size=256)


def atoms(model: Autoencoder) -> np.ndarray:
    """The columns of the decoder, as rows (k, d)."""
    return model.decoder[0].weight.detach().T.numpy()  # type: ignore[index]


def row(name: str, model: Autoencoder, made: Planted) -> list[str | float | None]:
    z = codes(model, made.x)
    unexplained = squared(made.x, reconstructed(model, made.x)) / squared(made.x, made.x.mean(0))
    found = shares(recovery(made.atoms, atoms(model)))
    return [name, *found, active_per_row(z), int(dead_units(z).sum()), unexplained]


def shares(found: np.ndarray) -> list[float]:
    return [float(found.mean()), float((found > 0.9).mean())]


def picture(found: np.ndarray, rows: np.ndarray) -> Picture:
    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        bins = np.linspace(0, 1, 41).tolist()
        axis.hist(rows, bins, color="#b0b7c3", label="rows of the data")
        axis.hist(found, bins, color="#1f5fa8", label="learned atoms")
        axis.set_xlabel("largest cosine with a true atom")
        axis.set_ylabel("true atoms")
        axis.legend(loc="upper left")
        figure.suptitle("Atoms found by a sparse autoencoder")

    alt = "Histogram: nearly all true atoms have a learned atom at a cosine near 1; rows of the data do not."
    return Picture("Atoms found", alt, draw)
