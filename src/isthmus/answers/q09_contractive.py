"""What is a contractive autoencoder?

**In short.** An autoencoder that also pays for the sensitivity of its code: the squared Frobenius norm of
the encoder's Jacobian. The code then changes little when the input does, except in directions that the
reconstruction needs.

**Definition.** With encoder f, decoder g and a weight λ,

    min E ‖x − g(f(x))‖² + λ ‖J_f(x)‖²_F,   ‖J‖²_F = Σ_ij (∂z_i/∂x_j)²

For one sigmoid layer, z = σ(Wx + b): ‖J‖²_F = Σ_i (z_i (1 − z_i))² Σ_j W_ij².

**Mathematics.** To first order f(x + ε) − f(x) = J ε, so for small noise of variance s² the expected
squared shift of the code is s²‖J‖²_F: the penalty is the mean response to every direction alike.
Reconstruction opposes it only along directions in which data vary. What remains are a few large singular
values of J, along the data, and many smaller ones. A denoising autoencoder does the same to the whole map
g∘f, through samples; the contractive one acts on f alone, through its derivatives.

**Intuition.** Every direction costs a toll. Directions along which digits really differ are worth it; the
others are closed.

**When, and when not.** For features that should survive small disturbances, few labels, tangent directions
of the data. It is *local*: it promises nothing for large noise, where denoising is simpler and as good. It
costs a further backward pass. Where directions of nuisance are large, and not small noise, use augmentation
or contrastive learning.

**Pitfalls.** The penalty must be differentiated: if the graph of the Jacobian is not kept (`create_graph`),
its value is shown and nothing contracts (the control). Untied, the encoder can shrink while the decoder
grows, and the norm falls by scaling alone: tie the weights, and report the shift of the code *relative to
its spread*. Sum over the Jacobian's entries; a mean changes λ by a factor of thousands. The closed form
holds for one layer only. Each gain has a price in reconstruction, to be shown beside it.

**Sources.** Rifai et al. 2011, ICML (Contractive Auto-Encoders); Rifai et al. 2011, ECML (higher order);
Alain and Bengio 2014, JMLR 15; Vincent et al. 2010, JMLR 11.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from ..baselines import pca
from ..corruptions import gaussian_noise
from ..metrics import linear_probe
from ..model import Autoencoder
from ..models import contractive
from ..objective import Objective, Term, term
from ..terms import contraction, reconstruction
from ..trace import Trace
from .common import Grey, codes, grey, line, reconstructed, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the penalty has a value but no gradient: the graph of the Jacobian is not kept"
UNITS, NOISE = 128, 0.3


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    rows = grey(budget)
    penalty = without_gradient(contraction()) if bug else contraction()
    weight = budget.pick(0.1, 0.3)
    models = {
        "autoencoder": fitted(rows, budget, reconstruction),
        "denoising": fitted(rows, budget, reconstruction, noise=0.15),
        "contractive": fitted(rows, budget, reconstruction + weight * penalty),
    }
    seen = {name: measured(model, rows, budget) for name, model in models.items()}
    plain, contracted = seen["autoencoder"], seen["contractive"]
    mean = squared(rows.test, rows.train.mean(0))
    claims = [
        Claim(
            "‖J‖ of the encoder, as a share of the plain autoencoder's",
            contracted.norm / plain.norm,
            at_most=0.85,
        ),
        Claim(
            "Shift of the code under noise, relative to its spread, as a share of the plain autoencoder's",
            contracted.shift / plain.shift,
            at_most=0.88,
        ),
        Claim(
            "Accuracy of a linear probe on codes of noisy input, gained",
            contracted.noisy - plain.noisy,
            at_least=0.0,
            guarded=False,
        ),
        Claim("Squared error, as a share of the mean's", contracted.error / mean, at_most=0.2, guarded=False),
    ]
    projection = pca(rows.train, 32)
    table = Table(
        f"{UNITS} sigmoid units, tied weights; noise of σ = {NOISE}",
        ["", "squared error", "‖J‖", "relative shift", "probe", "probe, noisy"],
        [
            *(line(name, *values) for name, values in seen.items()),
            line(
                "PCA, 32 components",
                squared(rows.test, projection.reconstruct(rows.test)),
                float(np.linalg.norm(projection.components)),
                *stability(projection.transform, rows, budget),
            ),
            line("mean of the training rows", mean, 0.0, None, None, None),
        ],
    )
    return Evidence(claims, [table], [picture(models, rows)])


def without_gradient(penalty: Term) -> Term:
    """The mistake: the same number, as a constant."""

    @term
    def contraction(model: Any, trace: Trace) -> torch.Tensor:
        return penalty(model, trace).detach()

    return contraction


def fitted(rows: Grey, budget: Budget, objective: Term | Objective, noise: float = 0.0) -> Autoencoder:
    """One sigmoid layer with tied weights; the variants differ in what is minimised."""

    def build() -> Autoencoder:
        model = contractive(rows.train.shape[1], UNITS)
        model.objective = Objective.of(objective)
        model.corrupt = gaussian_noise(noise) if noise else None
        return model

    return trained(build, rows.train, budget, epochs=budget.pick(60, 5), lr=5e-3)


class Seen(NamedTuple):
    error: float
    norm: float
    shift: float
    clean: float
    noisy: float


def measured(model: Autoencoder, rows: Grey, budget: Budget) -> Seen:
    error = squared(rows.test, reconstructed(model, rows.test))
    norm = float(np.linalg.norm(jacobians(model, rows.test), axis=(1, 2)).mean())
    return Seen(error, norm, *stability(lambda x: codes(model, x), rows, budget))


def jacobians(model: Autoencoder, x: np.ndarray) -> np.ndarray:
    """(n, d) -> (n, k, d), every one by autograd."""
    encode = torch.func.vmap(torch.func.jacrev(lambda row: model.encode(row[None]).z[0]))
    return encode(torch.from_numpy(x[:200])).detach().numpy()


def stability(encode: Callable[[np.ndarray], np.ndarray], rows: Grey, budget: Budget) -> list[float]:
    """How far noise moves codes, as a share of their spread; what a probe reads off clean and noisy ones."""
    draw = np.random.default_rng(budget.seed + 1000)
    noisy = rows.test + NOISE * draw.standard_normal(rows.test.shape).astype("f")
    few = slice(0, 10_000)
    train, clean, moved = encode(rows.train[few]), encode(rows.test), encode(noisy)
    shift = np.linalg.norm(moved - clean, axis=1).mean() / np.sqrt(clean.var(0).sum())
    probes = [linear_probe(train, rows.train_labels[few], z, rows.test_labels).score for z in (clean, moved)]
    return [float(shift), *probes]


def picture(models: dict[str, Autoencoder], rows: Grey) -> Picture:
    spectra = {
        name: np.linalg.svd(jacobians(model, rows.test[:60]), compute_uv=False).mean(0)
        for name, model in models.items()
    }

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        for (name, values), colour in zip(spectra.items(), ("#7f8c9b", "#d98c00", "#1f5fa8")):
            axis.plot(np.arange(1, len(values) + 1), values, color=colour, label=name)
        axis.set_xlabel("singular value of the encoder's Jacobian, largest first")
        axis.set_ylabel("mean over held-out pictures")
        axis.set_ylim(0)
        axis.legend()
        figure.suptitle("Contraction closes the directions that are not needed")

    alt = "Singular values of the Jacobian: beyond the first, the contractive autoencoder's are the lowest."
    return Picture("Singular values of the encoder's Jacobian", alt, draw)
