"""How does backpropagation work in an autoencoder?

**In short.** As in any net: the error at the output is carried back through the decoder, across the code
and through the encoder, and every weight is told how the loss would change with it. What is peculiar: the
target is the input, and a weight that is used twice, as in a tied net, is told twice.

**Definition.** Two layers with activation s, h = s(a₁), a₁ = W₁x + b₁ and x̂ = s(a₂), a₂ = W₂h + b₂, under
the loss L = ½‖x̂ − x‖². Backpropagation is the chain rule from the end to the beginning, each step done
once:

    δ₂ = (x̂ − x) ⊙ s′(a₂)          ∂L/∂W₂ = δ₂ hᵀ       ∂L/∂b₂ = δ₂
    δ₁ = (W₂ᵀ δ₂) ⊙ s′(a₁)          ∂L/∂W₁ = δ₁ xᵀ       ∂L/∂b₁ = δ₁

Tied, W₂ = W₁ᵀ = Wᵀ, the one matrix gets the sum: ∂L/∂W = δ₁ xᵀ + h δ₂ᵀ.

**Mathematics.** Reverse mode multiplies row vectors by Jacobians, so that a gradient costs about as much as
two or three forward passes, whatever the number of weights; forward differences would cost a pass for each.
For the sigmoid s′ = s(1 − s) ≤ ¼: every such layer shrinks δ unless its weights are large, and deep sigmoid
nets starve at the bottom.

**Intuition.** δ is blame. The output's blame is its error; a hidden unit's blame is that of the units which
it feeds, weighted by how strongly it feeds them, times how far it can still move. A weight changes by the
blame at its end times the activity at its start.

**When, and when not.** Wherever loss and net are differentiable. A quantiser or a sampled category is not,
and needs a stand-in: the straight-through estimator passes δ on unchanged and is *meant* to differ from the
true derivative, which is zero almost everywhere.

**Pitfalls.** Forgetting one of the two terms of a tied matrix still goes downhill for a while, and ends in
a worse place. Copies of a weight are not ties: they drift apart. Check gradients against central
differences in double precision, (L(w + ε) − L(w − ε)) / 2ε with ε ≈ 10⁻⁵; in single precision the
difference has hardly a digit left. Check at random weights, not at zero, where symmetry hides errors.

**Sources.** Rumelhart, Hinton and Williams 1986, Nature 323, and Parallel Distributed Processing 1, chapter
8 (the 8-3-8 encoder); Griewank and Walther 2008, Evaluating Derivatives; Bengio, Léonard and Courville
2013, arXiv:1308.3432 (straight-through).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ..latents import Deterministic
from ..likelihoods import gaussian
from ..model import Autoencoder
from ..nets import mlps
from ..randomness import seeded
from ..terms import squared_error
from ..trace import Batch
from ..training import adam, fit
from .common import codes, grey, reconstructed
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "a tied matrix is told of its use in the decoder alone"
Weights = dict[str, np.ndarray]
WIDTH, ROWS, SEEDS = 6, 20, 5


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    x = grey(budget).train[:ROWS].astype(np.float64)
    worst = 0.0
    table: list[list[str | float | None]] = []
    for tied in (False, True):
        model = sigmoid_pair(x.shape[1], WIDTH, budget.seed, tied)
        weights = numbers(model, tied)
        rule = by_rule(x, weights, forget=bug)
        automatic, differences = by_autograd(model, x, tied), by_differences(x, weights)
        for name in rule:
            apart = [off(rule[name], automatic[name]), off(differences[name], automatic[name])]
            worst = max(worst, *apart)
            table.append(
                [f"{name}, {'tied' if tied else 'untied'}", float(np.linalg.norm(rule[name])), *apart]
            )
    nets = [encoder_8_3_8(budget.seed + i) for i in range(SEEDS)]
    right = [int((reconstructed(net, EYE).argmax(1) == np.arange(8)).sum()) for net in nets]
    distinct = [len(np.unique(codes(net, EYE) > 0.5, axis=0)) for net in nets]
    claims = [
        Claim(
            "Largest relative difference of rule and central differences from autograd", worst, at_most=1e-6
        ),
        Claim(
            "Inputs that the worst of the 8-3-8 encoders gives back", min(right), at_least=8, guarded=False
        ),
        Claim("Different codes of zeros and ones, at least", min(distinct), at_least=7, guarded=False),
    ]
    gradients = Table(
        "Gradients, and how far others are from autograd's (relative to its largest entry)",
        ["", "norm", "rule", "central differences"],
        table,
    )
    trials: list[list[str | float | None]] = [["always the same answer", 1, 1]]
    trials += [[f"seed {budget.seed + i}", right[i], distinct[i]] for i in range(SEEDS)]
    learned = Table("8-3-8 encoders", ["", "inputs given back", "different codes"], trials)
    return Evidence(claims, [gradients, learned], [picture(codes(nets[0], EYE))])


def by_rule(x: np.ndarray, w: Weights, forget: bool) -> Weights:
    """The gradients of mean ‖x̂ − x‖², by the equations above. `forget` leaves out the encoder's term."""
    tied = "W2" not in w
    decoder = w["W1"].T if tied else w["W2"]
    h = sigmoid(x @ w["W1"].T + w["b1"])  # (n, k)
    seen = sigmoid(h @ decoder.T + w["b2"])  # (n, d)
    delta2 = 2 / len(x) * (seen - x) * seen * (1 - seen)
    delta1 = delta2 @ decoder * h * (1 - h)
    found = {"W1": delta1.T @ x, "b1": delta1.sum(0), "b2": delta2.sum(0)}
    if not tied:
        return {**found, "W2": delta2.T @ h}
    return {**found, "W1": h.T @ delta2 if forget else found["W1"] + h.T @ delta2}


def by_differences(x: np.ndarray, w: Weights, step: float = 1e-5) -> Weights:
    """(L(w + ε) − L(w − ε)) / 2ε, a weight at a time."""

    def loss() -> float:
        h = sigmoid(x @ w["W1"].T + w["b1"])
        seen = sigmoid(h @ w.get("W2", w["W1"].T).T + w["b2"])
        return float(np.square(seen - x).sum(1).mean())

    def slope(matrix: np.ndarray, place: tuple[int, ...]) -> float:
        kept = matrix[place]
        matrix[place] = kept + step
        above = loss()
        matrix[place] = kept - step
        below = loss()
        matrix[place] = kept
        return (above - below) / (2 * step)

    return {
        name: np.array([slope(m, place) for place in np.ndindex(m.shape)]).reshape(m.shape)
        for name, m in w.items()
    }


def by_autograd(model: Autoencoder, x: np.ndarray, tied: bool) -> Weights:
    rows = torch.from_numpy(x)
    for _, loss in model.losses(Batch(rows, rows), 0):
        loss.total.backward()
    return numbers(model, tied, lambda p: p.grad)


def sigmoid_pair(features: int, dim: int, seed: int, tied: bool = False) -> Autoencoder:
    """One sigmoid layer to the code, one back, in double precision, under squared error."""
    with seeded(seed):
        encoder, decoder = mlps(features, (), dim, dim, features, tied=tied)
    outward = nn.Sequential(decoder, nn.Sigmoid())
    latent = Deterministic(dim, nn.Sigmoid)
    return Autoencoder(encoder, latent, outward, gaussian(features, scale=1.0), squared_error).double()


def numbers(
    model: Autoencoder, tied: bool, what: Callable[[nn.Parameter], torch.Tensor | None] = lambda p: p
) -> Weights:
    """Weights (out, in) and biases, or what is asked of them."""
    names = ["W1", "b1", "b2"] if tied else ["W1", "b1", "W2", "b2"]
    found = {}
    for name, parameter in zip(names, model.parameters()):
        value = what(parameter)
        assert value is not None
        found[name] = value.detach().numpy().copy()
    return found


def sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


def off(found: np.ndarray, right: np.ndarray) -> float:
    return float(np.abs(found - right).max() / np.abs(right).max())


EYE = np.eye(8, dtype=np.float32)


def encoder_8_3_8(seed: int) -> Autoencoder:
    """Eight rows with a single one each, through three sigmoid units."""
    model = sigmoid_pair(8, 3, seed).float()
    fit(model, EYE, epochs=300, batch_size=8, optimizer=adam(0.1), seed=seed, progress=False)
    return model


def picture(found: np.ndarray) -> Picture:
    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        shown = axis.imshow(found, cmap="cividis", vmin=0, vmax=1)
        for (i, j), value in np.ndenumerate(found):
            axis.text(
                j, i, f"{value:.2f}", ha="center", va="center", color="white" if value < 0.5 else "black"
            )
        axis.set(xticks=range(3), yticks=range(8), xlabel="hidden unit", ylabel="which input is one")
        figure.colorbar(shown, label="activation")
        figure.suptitle("8-3-8: three units learn to count")

    return Picture(
        "8-3-8: three units learn to count",
        "Activations of three hidden units for eight inputs: each has a pattern of its own, near 0 and 1.",
        draw,
        (3.6, 4.6),
    )
