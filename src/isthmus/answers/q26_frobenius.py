"""How does the Frobenius penalty of the contractive autoencoder work, and how is it computed?

**In short.** It is the sum of squares of all partial derivatives of the code by the input. For one layer it
has a closed form; in general it is one backward pass along a random direction, right on average.

**Definition.** The penalty is ‖J‖²_F = Σ_ij (∂z_i/∂x_j)² = Σ_k s_k², with s_k the singular values of the
encoder's Jacobian J at x. For z = φ(a), a = W x + b,

    ‖J‖²_F = Σ_i φ′(a_i)² ‖w_i‖²,   φ′ = z (1 − z)  for a sigmoid,
                                     1 − z²  for tanh,   1[z > 0]  for a ReLU

**Mathematics.** For any vector v of independent signs, E[v vᵀ] = I, so that

    E ‖Jᵀ v‖² = E tr(J Jᵀ v vᵀ) = ‖J‖²_F

Hutchinson's estimate: one vector-Jacobian product for each probe, whatever the depth, against one for each
code unit when exact. The penalty has two ways to fall: smaller weights, as weight decay does, or
*saturation*, φ′ → 0, which weight decay does not know. Since φ′ depends on x, the directions that are
closed differ from place to place: a curved manifold, of as many dimensions as singular values stay large.

**Intuition.** Weight decay turns every knob down for everyone. The Jacobian's norm lets a unit be loud
somewhere, if it is deaf where it is of no use.

**When, and when not.** Exact in tests and for small codes, with one probe in training; its noise averages
over the batch. The spectral norm bounds the worst direction instead of the sum. CAE+H adds ‖J(x) − J(x +
ε)‖², for curvature.

**Pitfalls.** Leaving out φ′ makes it weight decay (the control). The closed form holds for its own
activation and for one layer. Probes belong on the side of the code for vector-Jacobian products; on the
other side they need a forward-mode product. Rescaling: for z → c z, with the decoder divided by c, the
penalty is multiplied by c² and no reconstruction changes; without tied weights or unit norms it measures
nothing. Compare with weight decay of like strength: below it lowers the norm almost as far and leaves no
more directions open, at a larger error.

**Sources.** Rifai et al. 2011, ICML; Rifai et al. 2011, ECML (CAE+H); Hutchinson 1990, Communications in
Statistics 19; Hoffman, Roberts and Yaida 2019, arXiv:1908.02729.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..model import Autoencoder
from ..models import contractive
from ..objective import Objective, Term, term
from ..randomness import seeded
from ..terms import contraction, reconstruction
from ..trace import Batch, Trace
from .common import codes, grey, line, reconstructed, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the derivative of the activation is left out, a constant in its place: weight decay"
UNITS = 64


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    rows = grey(budget)
    width, weight = rows.train.shape[1], budget.pick(0.3, 0.5)

    def fitted(objective: Term | Objective) -> Autoencoder:
        def build() -> Autoencoder:
            model = contractive(width, UNITS)
            model.objective = Objective.of(objective)
            return model

        return trained(build, rows.train, budget, epochs=budget.pick(60, 15), lr=5e-3)

    penalty = without_derivative if bug else contraction()
    models = {
        "no penalty": fitted(reconstruction),
        "weight decay": fitted(reconstruction + weight * without_derivative),
        "‖J‖²": fitted(reconstruction + weight * penalty),
    }
    contracted = models["‖J‖²"]
    few = rows.test[:200]
    spectra = {name: singular_values(model, few) for name, model in models.items()}
    dims = {name: local_dimension(values) for name, values in spectra.items()}
    slopes = {name: float(slope(codes(model, few)).mean()) for name, model in models.items()}
    by_hand = (spectra["‖J‖²"] ** 2).sum(1).mean()
    exact = value(contracted, without_derivative if bug else contraction(exact=True), few)
    probed = value(contracted, contraction(), rows.test, budget.seed)
    whole = value(contracted, contraction(exact=True), rows.test)
    claims = [
        Claim("Relative difference of the penalty from the closed form",
              abs(exact / by_hand - 1), at_most=1e-4),
        Claim("Mean slope φ′ of the units, as a share of that without penalty: saturation lowers it",
              slopes["‖J‖²"] / slopes["no penalty"], at_most=0.85),
        Claim("Relative error of one random probe a row, mean of the batch", abs(probed / whole - 1),
              at_most=0.05, guarded=False),
        Claim("Singular values above a tenth of the largest, as a share of those without penalty",
              dims["‖J‖²"] / dims["no penalty"], at_most=budget.pick(0.8, 0.95), guarded=False),
    ]  # fmt: skip
    mean = squared(rows.test, rows.train.mean(0))
    table = Table(
        f"{UNITS} sigmoid units, tied weights",
        ["", "squared error", "‖J‖", "mean φ′", "local dimensions"],
        [
            *(
                line(
                    name,
                    squared(rows.test, reconstructed(model, rows.test)),
                    float(np.sqrt((spectra[name] ** 2).sum(1)).mean()),
                    slopes[name],
                    dims[name],
                )
                for name, model in models.items()
            ),
            line("mean of the training rows", mean, 0.0, 0.0, 0.0),
        ],
    )
    return Evidence(claims, [table], [picture(spectra)])


@term
def without_derivative(model: Any, trace: Trace) -> torch.Tensor:
    """The mistake: Σ_i c² ‖w_i‖² with the largest slope of a sigmoid, c = 1/4, wherever x is."""
    return (model.encoder[0].weight / 4).square().sum().expand(len(trace.batch.input))


def value(model: Autoencoder, penalty: Term, x: np.ndarray, seed: int = 0) -> float:
    """The term itself, mean over rows."""
    rows = torch.from_numpy(x)
    with seeded(seed), torch.no_grad():
        return float(penalty(model, model(Batch(rows, rows))).mean())


def slope(z: np.ndarray) -> np.ndarray:
    return z * (1 - z)


def singular_values(model: Autoencoder, x: np.ndarray) -> np.ndarray:
    """Of J = diag(φ′) W at each row, (n, min(k, d)), by hand."""
    weight = model.encoder[0].weight.detach().numpy()  # type: ignore[index]
    return np.linalg.svd(slope(codes(model, x))[..., None] * weight, compute_uv=False)


def local_dimension(values: np.ndarray) -> float:
    return float((values > 0.1 * values[:, :1]).sum(1).mean())


def picture(spectra: dict[str, np.ndarray]) -> Picture:
    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        for (name, values), colour in zip(spectra.items(), ("#7f8c9b", "#d98c00", "#1f5fa8")):
            share = (values / values[:, :1]).mean(0)
            axis.plot(np.arange(1, len(share) + 1), share, color=colour, label=name)
        axis.axhline(0.1, color="black", linewidth=0.8, linestyle=":")
        axis.set_xlabel("singular value of J, largest first")
        axis.set_ylabel("share of the largest, mean over rows")
        axis.set_ylim(0, 1.02)
        axis.legend()
        figure.suptitle("How many directions stay open")

    alt = "Spectra of the Jacobian: with the penalty fewer singular values stay above a tenth of the largest."
    return Picture("Local dimensions", alt, draw)
