"""What is variational dropout, and what can it do in an autoencoder?

**In short.** Dropout whose rate is learned. Multiplying a weight by noise of variance α is the same as giving
it the posterior N(θ, α θ²), and then the ELBO of the weights says how much noise the data allow. One rate a
layer is Kingma's form. A rate of its own for every weight, without limit, is Molchanov's: weights that may be
all noise are zero, and the net prunes itself while it learns.

**Definition.** With the log-uniform prior p(log |w|) ∝ 1, for N rows,

    min  E_q(W)[−log p(x | W)] + KL(q(W) ‖ p(W)) / N,   q(w_ij) = N(θ_ij, α_ij θ_ij²)

**Mathematics.** The KL depends on α alone: it is E log |ε + α^(−1/2)| + ½ (γ + log 2), ε ~ N(0, 1), which has
no closed form. Two fits are in use: Kingma's cubic, for α ≤ 1 only, and Molchanov's

    KL ≈ 0.63576 σ(−1.8732 − 1.48695 log α) + ½ log(1 + 1/α)

which falls to zero as α → ∞: noise is what the prior pays for. Weights shared by a batch would tie the noise
of all its rows; a linear layer has Gaussian outputs, so these are drawn instead, y ~ N(θx, (αθ²) x²), each
row its own. That is the local reparameterisation, and its gradient is quieter, at best by the batch size.

**Intuition.** Shake each screw of a machine as hard as you can before it works worse. What may be shaken at
will holds nothing, and can be taken out.

**When, and when not.** To make a trained net small, or to learn a rate that one would have searched for. Not
to prevent posterior collapse or to spread codes: it acts on weights, not on z. Its prior is improper and the
approximate posterior has known singularities (Hron et al.): read it as a penalty that prunes.

**Pitfalls.** KL divided by the batch and not by N. α limited to 1, as in the first form: nothing is pruned
(the control). No warm-up: the net dies before it has learned. Noise drawn for weights and not for outputs.
Pruning is slow: a weight drifts to zero over tens of thousands of steps, and at the bound itself a short
training prunes about half. A KL weighed more (below, 40 times) prunes in hundreds and is no bound any more.
Compare with simply cutting the smallest weights, at the same share.

**Sources.** Kingma, Salimans and Welling 2015, arXiv:1506.02557; Molchanov, Ashukha and Vetrov 2017,
arXiv:1701.05369; Hron, Matthews and Ghahramani 2018, arXiv:1807.01969.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.integrate import quad
from torch import Tensor, nn

from ..model import Autoencoder
from ..models import autoencoder, variational_dropout
from ..nets import SparseDropout, pruned
from ..nets.dropout import kl_of_dropout, kl_of_weights
from ..randomness import seeded
from .common import count, reconstructed, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "α is limited to 1, as in the first form of the method, and noise is drawn for weights, not outputs"
WIDTH, DIM, HIDDEN, NOISE = 32, 4, (256,), 0.2
WEIGHT = 40.0  # of the KL: with 1, the bound, pruning takes tens of thousands of steps
GRID = np.linspace(-6, 6, 49)


class Limited(SparseDropout):
    """The control: α ≤ 1, so that log α never reaches 3."""

    @property
    def log_alpha(self) -> Tensor:
        return super().log_alpha.clamp(max=0)


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    rows, test = made(budget)
    epochs = budget.pick(60, 100)
    steps = epochs * -(-len(rows) // 128)

    def sparse() -> Autoencoder:
        layer = Limited if bug else SparseDropout
        return variational_dropout(
            WIDTH, DIM, HIDDEN, weight=WEIGHT, layer=layer, rows=len(rows), steps=steps // 2
        )

    learned = trained(sparse, rows, budget, epochs, 5e-3)
    dense = trained(lambda: autoencoder(WIDTH, DIM, HIDDEN), rows, budget, epochs, 3e-3)
    share, error = pruned(learned), squared(test, reconstructed(learned, test))
    whole = squared(test, reconstructed(dense, test))
    cut = squared(test, reconstructed(smallest_cut(dense, max(share, 0.5)), test))
    exact = np.array([exact_kl(a) for a in GRID])
    form: Callable[[Tensor], Tensor] = kl_of_dropout if bug else kl_of_weights
    near = form(torch.from_numpy(np.minimum(GRID, 0) if bug else GRID)).numpy()
    quieter = gradient_noise(budget.seed, shared=bug) / gradient_noise(budget.seed, shared=True)
    claims = [
        Claim("Share of the weights that are pruned", share, at_least=0.9),
        Claim(
            "Squared error of held-out rows, as a share of that of the same net without noise",
            error / whole,
            at_most=1.1,
            guarded=False,
        ),
        Claim(
            "Largest error of the formula for the KL against quadrature, nats, log α from −6 to 6",
            np.abs(near - exact).max(),
            at_most=0.01,
        ),
        Claim(
            "Variance of a gradient, noise drawn for outputs, as a share of that for weights, 64 rows",
            quieter,
            at_most=0.5,
        ),
    ]
    mean = squared(test, np.broadcast_to(rows.mean(0), test.shape))
    table = Table(
        f"Held-out rows by a net of {count(dense)} numbers; their noise is {WIDTH * NOISE**2:.3g}, "
        f"of which {DIM} numbers can keep a share of {DIM / WIDTH:.3g}",
        ["", "share of weights that are zero", "squared error"],
        [
            ["mean of the training rows", None, mean],
            ["no noise", 0.0, whole],
            ["no noise, the smallest weights of each layer cut", max(share, 0.5), cut],
            ["variational dropout", share, error],
        ],
    )
    return Evidence(claims, [table], [picture(learned)])


def made(budget: Budget) -> tuple[np.ndarray, np.ndarray]:
    """Rows of four bent causes, each of eight columns: far fewer weights are needed than the net has."""
    draw = np.random.default_rng(budget.seed)
    rows = budget.pick(2000, 20_000)
    sizes = np.kron(np.eye(DIM), np.ones(WIDTH // DIM)) * draw.uniform(0.5, 1.5, WIDTH)
    x = np.sin(draw.normal(size=(rows + 1000, DIM))) @ sizes
    x = (x + NOISE * draw.normal(size=x.shape)).astype(np.float32)
    return x[:rows], x[rows:]


def exact_kl(log_alpha: float) -> float:
    """E log |ε + α^(−1/2)| + ½ (γ + log 2), by quadrature on both sides of the pole."""
    pole = -np.exp(-log_alpha / 2)

    def density(t: float) -> float:
        return float(np.exp(-(t**2) / 2) / np.sqrt(2 * np.pi))

    if pole < -12:
        mean = quad(lambda t: density(t) * np.log(t - pole), -12, 12)[0]
    else:
        mean = quad(density, pole, 12, weight="alg-loga", wvar=(0, 0))[0]
        mean += quad(density, -12, pole, weight="alg-logb", wvar=(0, 0))[0]
    return float(mean + 0.5 * (np.euler_gamma + np.log(2)))


def gradient_noise(seed: int, shared: bool) -> float:
    """Variance over draws of the gradient by log σ², summed over the weights of a layer."""
    with seeded(seed):
        layer, x, y = SparseDropout(nn.Linear(8, 4), -2.0), torch.randn(64, 8), torch.randn(64, 4)
        found = []
        for _ in range(500):
            if shared:
                sigma = (layer.log_alpha.exp() * layer.weight.square()).sqrt()
                seen = nn.functional.linear(x, layer.weight + sigma * torch.randn_like(sigma), layer.bias)
            else:
                seen = layer(x)
            found.append(torch.autograd.grad((seen - y).square().sum(1).mean(), layer.scaled)[0])
    return float(torch.stack(found).var(0).sum())


def smallest_cut(model: Autoencoder, share: float) -> Autoencoder:
    """The baseline: that share of each layer's weights, the smallest, set to zero; in place of training."""
    cut = copy.deepcopy(model)
    for layer in cut.modules():
        if isinstance(layer, nn.Linear):
            size = layer.weight.detach().abs()
            layer.weight.data *= size > size.flatten().quantile(share)
    return cut


def picture(model: Autoencoder) -> Picture:
    layers = [part for part in model.modules() if isinstance(part, SparseDropout)]
    alphas = torch.cat([layer.log_alpha.detach().flatten() for layer in layers]).numpy()

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        axis.hist(alphas, bins=64, color="#1f5fa8")
        axis.axvline(3, color="#b3261e", label="pruned to the right")
        axis.set_xlabel("log α of a weight: noise over signal")
        axis.set_ylabel("weights")
        axis.legend()

    alt = (
        "Histogram of log α over all weights: a large group beyond 3, which is pruned, and a small one at "
        "the lower end."
    )
    return Picture("How much noise each weight is allowed", alt, draw)
