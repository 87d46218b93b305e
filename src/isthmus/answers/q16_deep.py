"""Why are deep autoencoders hard to train, and what helps?

**In short.** An autoencoder is twice as deep as it looks, and signal and gradient have to pass every layer.
With weights that do not suit the activation both shrink by a factor a layer, and the net answers with the
mean of the data whatever it is shown. Weights of the right size, normalisation, shortcuts and small steps
at the start mend it.

**Definition.** For layers h_l = s(W_l h_{l−1} + b_l) follow two quantities from layer to layer: the size of
the signal, Var(h_l), and the pull of the loss, ‖∂L/∂W_l‖. A net is trainable where neither vanishes nor
explodes.

**Mathematics.** With independent weights of variance σ_w²/n,

    Var(a_{l+1}) = σ_w² E[s(a_l)²],        E‖δ_l‖² = σ_w² E[s′(a_l)²] E‖δ_{l+1}‖²

Both hold their size where σ_w² E[s²] ≈ 1 and σ_w² E[s′²] ≈ 1: σ_w² = 2 for ReLU (He), 1 for tanh (Glorot),
16 for the sigmoid, whose slope is at most ¼. PyTorch draws its linear layers with σ_w² = 1/3: over eight
layers of sigmoids the gradient falls by (1/3 · 1/16)^(8/2), six to seven powers of ten.

**Intuition.** A rumour through eight people, each of whom whispers at half the volume: the last hears
silence and says what people usually say.

**When, and when not.** Suited weights always; they cost nothing. Batch normalisation where batches are
large, layer normalisation where they are not. Residual blocks beyond some ten layers. Warm-up and clipping
for recurrent nets and attention. Greedy pretraining, which made deep nets possible in 2006, where labels
are few; a well-drawn ReLU net no longer needs it. And first ask whether depth pays: PCA stands in the
table, and after these few epochs none of the deep nets is clearly better.

**Pitfalls.** A loss that falls from its first value to that of the mean predictor and stays looks like
learning: put the mean beside it. Adam divides by the size of the gradient and hides that it vanished;
measure it. Squared error behind a sigmoid output has a second vanishing slope where cross-entropy has none.
One bad seed proves nothing.

**Sources.** Hinton and Salakhutdinov 2006, Science 313; Glorot and Bengio 2010, AISTATS; Martens 2010,
ICML; Sutskever et al. 2013, ICML; He et al. 2015, arXiv:1502.01852, and 2016, arXiv:1512.03385; Ioffe and
Szegedy 2015, arXiv:1502.03167.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from ..baselines import mean_predictor, pca
from ..likelihoods import bernoulli
from ..metrics import gradient_norms
from ..model import Autoencoder
from ..models import autoencoder
from ..nets import mlps
from ..randomness import seeded
from ..recipes import Recipe
from .common import grey, reconstructed, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the remedies are asked for and never reach the net: torch's own weights, no normalisation"
ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "ReLU": nn.ReLU}
NOTHING, WEIGHTS, BOTH = "torch's weights", "suited weights", "suited weights, batch norm"


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    data, dim = grey(budget), budget.pick(8, 30)
    features, some = data.train.shape[1], data.train[:256]
    errors: dict[tuple[str, str], float] = {}
    pulls: dict[tuple[str, str], list[float]] = {}
    for name, activation in ACTIVATIONS.items():
        for remedy in (NOTHING, WEIGHTS, BOTH):
            reached = NOTHING if bug else remedy

            def build(activation: type[nn.Module] = activation, reached: str = reached) -> Autoencoder:
                return deep(features, dim, budget, activation, reached)

            with seeded(budget.seed):
                pulls[name, remedy] = list(gradient_norms(build(), some).values())
            net = trained(build, data.train, budget, budget.pick(20, 2), lr=budget.pick(3e-3, 1e-3))
            errors[name, remedy] = squared(data.test, reconstructed(net, data.test))
    slope = {key: found[0] / found[-1] for key, found in pulls.items()}
    left = {
        name: min(errors[name, r] for r in (WEIGHTS, BOTH)) / errors[name, NOTHING] for name in ACTIVATIONS
    }
    claims = [
        Claim(
            "Error with the better remedy, as a share of that without: the activation it helps least",
            max(left.values()),
            at_most=0.5,
        ),
        Claim(
            "First layer's gradient against the last's, sigmoid: how many times larger with suited weights",
            slope["sigmoid", WEIGHTS] / slope["sigmoid", NOTHING],
            at_least=10,
        ),
    ]
    baselines = {"mean": mean_predictor(data.train), f"PCA, {dim} components": pca(data.train, dim)}
    rows: list[list[str | float | None]] = [
        [name, "", squared(data.test, b.reconstruct(data.test)), None] for name, b in baselines.items()
    ]
    rows += [[name, remedy, error, slope[name, remedy]] for (name, remedy), error in errors.items()]
    table = Table(
        "Eight layers of weights: held-out squared error, and the gradient's fall at the start",
        ["", "", "error", "first / last gradient"],
        rows,
    )
    return Evidence(claims, [table], [picture(pulls)])


def deep(features: int, dim: int, budget: Budget, activation: type[nn.Module], remedy: str) -> Autoencoder:
    """Four layers to the code and four back."""
    norm = nn.BatchNorm1d if remedy == BOTH else None
    model = autoencoder(
        features,
        dim,
        budget.pick((64, 48, 32), (256, 128, 64)),
        nets=Recipe(mlps, activation=activation, norm=norm),
        likelihood=bernoulli,
    )
    for layer in model.modules():
        if remedy == NOTHING and isinstance(layer, nn.Linear):
            layer.reset_parameters()
    return model


def picture(pulls: dict[tuple[str, str], list[float]]) -> Picture:
    colours = {NOTHING: "#D55E00", WEIGHTS: "#0072B2", BOTH: "#009E73"}

    def draw(figure: Figure) -> None:
        for axis, name in zip(figure.subplots(1, len(ACTIVATIONS), sharey=True), ACTIVATIONS):
            for (which, remedy), found in pulls.items():
                if which == name:
                    axis.semilogy(range(1, len(found) + 1), found, "o-", color=colours[remedy], label=remedy)
            axis.set(title=name, xlabel="layer, from the input", xticks=range(1, 9))
        figure.axes[0].set_ylabel("norm of the gradient")
        figure.axes[0].legend(fontsize="small")

    alt = (
        "Norm of the gradient by layer before training: with torch's weights it falls by powers of ten "
        "towards the input, most steeply for sigmoids; with suited weights it falls far less."
    )
    return Picture("Where the gradient dies", alt, draw, (9.0, 3.6))
