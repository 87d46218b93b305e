"""How do the contractive penalty and other Jacobian regularisers differ?

**In short.** By whose Jacobian they hold down. The contractive autoencoder penalises the encoder's ∂z/∂x,
the regularised autoencoder the decoder's ∂x̂/∂z, the reconstruction contractive one that of both together.
The first two are evaded by the half they do not see. A denoising autoencoder does it without derivatives:
small noise *is* a penalty on the Jacobian of the reconstruction, plus a curvature term.

**Definition.** With f the encoder, g the decoder, r = g ∘ f:

    contractive (CAE)         λ ‖J_f(x)‖²_F
    decoder (RAE-GP)          λ ‖J_g(z)‖²_F, beside ‖z‖²
    reconstruction (RCAE)     λ ‖J_r(x)‖²_F,   J_r = J_g J_f
    double backpropagation    λ ‖∇_x loss‖²

**Mathematics.** For noise ε ~ N(0, σ² I), expanding to second order,

    E ‖r(x + ε) − x‖² = ‖r(x) − x‖² + σ² [ ‖J_r‖²_F + (r(x) − x)ᵀ Δr(x) ] + O(σ⁴)

where Δr sums the second derivatives. On the data r(x) ≈ x, and what remains is RCAE with λ = σ². Off the
data the residual is large and the curvature term cannot be dropped. Since J_r is a product, the encoder may
shrink by a factor and the decoder grow by it: ‖J_f‖ and ‖J_g‖ are not invariant to that, ‖J_r‖ is. At a
minimum of loss + λ P, P never rises with λ; *another* Jacobian may. A Frobenius norm costs one backward pass
an output, or one in all by Hutchinson's E_v ‖Jᵀ v‖².

**Intuition.** All want r to ignore directions that leave the data. Only r itself tells whether it does; a
lens and its inverse look calm one at a time.

**When, and when not.** CAE with tied weights, for features. RAE-GP for smooth decoders that are to be
sampled (with a density fitted to the codes). RCAE or noise for robust reconstruction and scores ∇ log p. All
also press on tangent directions, which should be kept: choose λ by held-out error.

**Pitfalls.** An encoder penalty with an untied decoder: only the scale changes. ReLU nets have Δr = 0 almost
everywhere, and the Jacobian is piecewise constant: use smooth units. One λ does not press equally: J_r's may
hold the decoder down more than the decoder's own. Jacobians with respect to standardised inputs are other
numbers. Frobenius is not spectral: the sum of squares, not the worst direction.

**Sources.** Rifai et al. 2011, ICML; Alain and Bengio 2014, arXiv:1211.4246; Ghosh et al. 2020,
arXiv:1903.12436; Drucker and LeCun 1992, IEEE Transactions on Neural Networks 3; Hoffman et al. 2019,
arXiv:1908.02729.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ..likelihoods import gaussian
from ..model import Autoencoder
from ..models import autoencoder
from ..nets import mlps
from ..objective import Term
from ..randomness import seeded
from ..recipes import Recipe
from ..terms import contraction, decoder_contraction, reconstruction, reconstruction_contraction
from ..trace import Batch
from .common import grey, reconstructed, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the encoder's Jacobian is taken for every other, and the curvature term is dropped"
PENALTIES = {
    "encoder": contraction,
    "decoder": decoder_contraction,
    "reconstruction": reconstruction_contraction,
}
WEIGHT, SIGMA, ROWS, DRAWS = 0.1, 0.02, 24, 2000
TOLERANCE = 0.02  # of an expansion whose next term is of order σ², and of a mean over draws


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    x = grey(budget)
    models = {"none": fitted(x.train, None, budget)}
    for name, penalty in PENALTIES.items():
        models[name] = fitted(x.train, contraction if bug else penalty, budget)
    some = torch.from_numpy(x.test[:100])
    norms = {name: jacobians(model, some) for name, model in models.items()}

    plain = models["none"].double()
    shuffled = np.random.default_rng(budget.seed).permuted(x.test[:ROWS], axis=1)
    slopes = {"digits": terms_of(plain, x.test[:ROWS], budget.seed)}
    slopes["shuffled pixels"] = terms_of(plain, shuffled, budget.seed)
    measured, jacobian, curvature, encoder = slopes["shuffled pixels"]
    formula = encoder if bug else jacobian + curvature
    claims = [
        Claim(
            "Off the data: slope in σ² by the formula against the measured one, relative difference",
            abs(formula / measured - 1),
            at_most=TOLERANCE,
        ),
        Claim(
            "A Jacobian under its own penalty, as a share of that under none: the largest of the three",
            max(norms[name][i] / norms["none"][i] for i, name in enumerate(PENALTIES)),
            at_most=0.5,
        ),
        Claim(
            "Off the data: error of ‖J_r‖² alone, relative to the measured slope",
            abs(jacobian / measured - 1),
            at_least=10 * TOLERANCE,
            guarded=False,
        ),
        Claim(
            "Growth of the decoder's ‖J‖² where the encoder's is penalised",
            norms["encoder"][1] / norms["none"][1],
            at_least=1.2,
            guarded=False,
        ),
    ]
    mean = np.broadcast_to(x.train.mean(0), x.test.shape)
    lines: list[list[str | float | None]] = [
        ["mean of the training rows", 0.0, 0.0, 0.0, squared(x.test, mean)]
    ]
    for name, model in models.items():
        lines.append([name, *norms[name], squared(x.test, reconstructed(model, x.test))])
    tables = [
        Table(
            "‖J‖² on held-out digits, by what was penalised; and squared error",
            ["penalised", "encoder", "decoder", "reconstruction", "error"],
            lines,
        ),
        Table(
            "How the error grows with the variance of small noise",
            ["rows", "measured", "‖J_r‖²", "curvature term"],
            [[name, *found[:3]] for name, found in slopes.items()],
        ),
    ]
    return Evidence(claims, tables, [picture(norms)])


def fitted(x: np.ndarray, penalty: Callable[[], Term] | None, budget: Budget) -> Autoencoder:
    dim, hidden = budget.pick((8, (64,)), (16, (256,)))
    nets, unit = Recipe(mlps, activation=nn.Tanh), Recipe(gaussian, scale=1.0)

    def build() -> Autoencoder:
        model = autoencoder(x.shape[1], dim, hidden, nets=nets, likelihood=unit)
        if penalty is not None:
            model.objective = reconstruction + WEIGHT * penalty()
        return model

    return trained(build, x, budget, budget.pick(30, 3), 4e-3)


def jacobians(model: Autoencoder, x: Tensor) -> list[float]:
    """Mean ‖J‖² of encoder, decoder and reconstruction, exactly."""
    trace = model(Batch(x, x), noisy=False)
    return [float(make(exact=True)(model, trace).mean().detach()) for make in PENALTIES.values()]


def terms_of(model: Autoencoder, x: np.ndarray, seed: int) -> tuple[float, float, float, float]:
    """Means over rows: the error's slope in σ² as measured with noise, ‖J_r‖², (r − x)ᵀ Δr, and ‖J_f‖²."""
    rows = torch.from_numpy(x).double()

    def seen(inputs: Tensor) -> Tensor:
        return model.decode(model.encode(inputs).z).mean

    with torch.no_grad(), seeded(seed):
        noise = SIGMA * torch.randn(DRAWS, *rows.shape, dtype=rows.dtype)
        plus, minus = (
            (seen((rows + e).flatten(0, 1)).view_as(e) - rows).square().sum(-1) for e in (noise, -noise)
        )
        least = (seen(rows) - rows).square().sum(-1)
        measured = ((plus + minus).mean(0) / 2 - least) / SIGMA**2  # either sign: what is odd in ε cancels
    inputs = rows.clone().requires_grad_()
    residual = (seen(rows) - rows).detach()
    (slope,) = torch.autograd.grad((residual * seen(inputs)).sum(), inputs, create_graph=True)
    second = [
        torch.autograd.grad(slope[:, i].sum(), inputs, retain_graph=True)[0][:, i]
        for i in range(rows.shape[1])
    ]
    encoder, _, whole = jacobians(model, rows)
    return float(measured.mean()), whole, float(torch.stack(second).sum(0).mean()), encoder


def picture(norms: dict[str, list[float]]) -> Picture:
    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        for place, (name, values) in enumerate(norms.items()):
            axis.bar(np.arange(3) + 0.2 * (place - 1.5), values, 0.2, label=f"penalised: {name}")
        axis.set_xticks(range(3), [f"of the {name}" for name in PENALTIES])
        axis.set_yscale("log")
        axis.set_ylabel("‖J‖², mean over held-out digits")
        axis.legend(fontsize=8)

    alt = "Squared Jacobians under each penalty: each falls under its own, and a half that is not seen grows."
    return Picture("Whose Jacobian is held down", alt, draw)
