"""Which activations belong in an autoencoder, and where?

**In short.** Inside: any that passes a gradient, ReLU or a smooth relative by default, with weights whose
initial size suits it. On the code: none, unless the code must be sparse, bounded or discrete. On the output:
what the likelihood says, identity for real values, sigmoid for probabilities, softplus for rates. Most tales
of bad activations are tales of bad initial weights.

**Definition.** A layer is h ← φ(W h + b). A *dead* ReLU unit is 0 for every row; a *saturated* sigmoid or
tanh has φ' ≈ 0.

**Mathematics.** Backwards, a gradient is multiplied by Wᵀ diag φ'(a) at each of L layers. For sigmoid φ' ≤
¼, so that with weights of ordinary size it shrinks like 4^(−L); for tanh φ' ≤ 1; for ReLU it is 0 or 1. A
signal keeps its size through depth if

    Var W = gain² / fan_in,   gain = E[φ(ε)²]^(−½),   ε ~ N(0, 1)

that is √2 for ReLU (He) and 1 for the identity (Glorot); for sigmoid, 1 / φ'(0) = 4 is better. torch's own
default for linear layers has variance 1 / (3 fan_in): it loses a factor √6 a layer with ReLU, whatever the
activation promises.

**Intuition.** A chain of amplifiers: with a gain below one at each stage, nothing is heard at the end, and
no teacher's correction arrives at the beginning.

**When, and when not.** ReLU: fast, sparse, may die at high rates. SiLU, GELU, ELU: smooth, wanted where
second derivatives are (contractive penalties, geodesics). Tanh: bounded, symmetric, fine when initialised.
Sigmoid: for gates, Bernoulli outputs and KL-to-a-rate sparsity only. Deep nets: residual connections matter
more than the choice.

**Pitfalls.** ReLU on the code: half of code space is lost, and a Gaussian prior cannot match. ReLU or
sigmoid on the output of standardised data, which are negative half of the time. Sigmoid on the output *and*
a loss on logits. Comparing activations under one initialisation.

**Sources.** Glorot and Bengio 2010, AISTATS; Glorot, Bordes and Bengio 2011, AISTATS; He et al. 2015,
arXiv:1502.01852; Clevert et al. 2016, arXiv:1511.07289; Ramachandran et al. 2017, arXiv:1710.05941.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ..model import Autoencoder
from ..models import autoencoder
from ..nets import mlps
from ..randomness import seeded
from ..recipes import Recipe
from ..terms import squared_error
from ..trace import Batch
from .common import grey, reconstructed, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "weights start as torch starts every linear layer, and not as their activation needs"
ACTIVATIONS: tuple[type[nn.Module], ...] = (nn.Sigmoid, nn.Tanh, nn.ReLU)


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    x = grey(budget)
    errors, slopes = {}, {}
    for activation in ACTIVATIONS:
        errors[activation] = error_of(x.train, x.test, activation, budget, bug)
        slopes[activation] = gradients(x.train[:200], activation, budget, bug)
    sigmoid, tanh, relu = errors.values()

    mean, spread = x.train.mean(0), x.train.std(0)
    train, test = ((part - mean)[:, spread > 0] / spread[spread > 0] for part in (x.train, x.test))
    test = np.clip(test, -5, 5)  # pixels that hardly vary in training would decide alone
    free, cut = (error_of(train, test, nn.ReLU, budget, bug, output) for output in (nn.Identity, nn.ReLU))
    claims = [
        Claim("Error with tanh, as a share of the error with ReLU", tanh / relu, at_least=0.8, at_most=1.25),
        Claim(
            "ReLU: gradient of the first layer at the start, as a share of the last layer's",
            slopes[nn.ReLU][0] / slopes[nn.ReLU][-1],
            at_least=0.3,
        ),
        Claim(
            "Error with sigmoid, as a share of the error with ReLU",
            sigmoid / relu,
            at_least=1.15,
            guarded=False,
        ),
        Claim(
            "Standardised rows: error with ReLU on the output, as a share of a linear output's",
            cut / free,
            at_least=1.2,
            guarded=False,
        ),
    ]
    tables = [
        Table(
            "Squared error of held-out digits, summed over pixels, after equal training",
            ["activation", "error", "gradient at the start, first layer / last"],
            [
                ["none learned: the mean", squared(x.test, np.broadcast_to(mean, x.test.shape)), None],
                *line_of(errors, slopes),
            ],
        ),
        Table(
            "Squared error of standardised digits, by the output's activation",
            ["output", "error"],
            [["zero, the mean", squared(test, 0 * test)], ["identity", free], ["ReLU", cut]],
        ),
    ]
    return Evidence(claims, tables, [picture(slopes)])


def built(
    features: int,
    activation: type[nn.Module],
    budget: Budget,
    bug: bool,
    output: type[nn.Module] = nn.Identity,
) -> Autoencoder:
    dim, hidden = budget.pick((16, (128, 64, 32)), (30, (256, 128, 64)))
    model = autoencoder(features, dim, hidden, nets=Recipe(mlps, activation=activation))
    if bug:
        for layer in model.modules():
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()
    model.decoder = nn.Sequential(model.decoder, output())
    return model


def error_of(
    train: np.ndarray,
    test: np.ndarray,
    activation: type[nn.Module],
    budget: Budget,
    bug: bool,
    output: type[nn.Module] = nn.Identity,
) -> float:
    model = trained(
        lambda: built(train.shape[1], activation, budget, bug, output), train, budget, budget.pick(25, 3)
    )
    return squared(test, reconstructed(model, test))


def gradients(x: np.ndarray, activation: type[nn.Module], budget: Budget, bug: bool) -> list[float]:
    """The norm of the error's gradient by each layer's weights, before any step, from input to output."""
    rows = torch.from_numpy(x)
    with seeded(budget.seed):
        model = built(x.shape[1], activation, budget, bug)
    squared_error(model, model(Batch(rows, rows))).mean().backward()
    layers = [each for part in (model.encoder, model.decoder) for each in part.modules()]
    return [
        float(each.weight.grad.norm())
        for each in layers
        if isinstance(each, nn.Linear) and each.weight.grad is not None
    ]


def line_of(
    errors: dict[type[nn.Module], float], slopes: dict[type[nn.Module], list[float]]
) -> list[list[str | float | None]]:
    return [[a.__name__, e, slopes[a][0] / slopes[a][-1]] for a, e in errors.items()]


def picture(slopes: dict[type[nn.Module], list[float]]) -> Picture:
    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        for activation, norms in slopes.items():
            axis.plot(range(1, len(norms) + 1), norms, "o-", label=activation.__name__)
        axis.set_yscale("log")
        axis.set_xlabel("layer, from input to output")
        axis.set_ylabel("gradient before the first step")
        axis.legend()

    alt = (
        "Gradient by layer: with sigmoid it falls by orders of magnitude towards the input, with others not."
    )
    return Picture("What arrives at the first layer", alt, draw)
