"""What is the architecture of a basic autoencoder, and what does each part do?

**In short.** Encoder, bottleneck, decoder: layers that narrow, a code, layers that widen again as in a
mirror. The code is linear, the output is what the likelihood asks for, and depth, not width, is what beats
PCA.

**Definition.** For rows of d features, hidden widths h₁ > … > h_L and a code of k:

    x (d) → h₁ → … → h_L → z (k) → h_L → … → h₁ → parameters of p(x | z)

Every arrow is an affine map; an activation follows each but two: the one that gives the code and the last.

**Mathematics.** With an affine decoder the reconstructions lie in a plane of at most k dimensions, whatever
the encoder does. By Eckart and Young none fits better than that of the k leading principal components, so
one hidden layer, however non-linear, cannot beat PCA in training error. A decoder with a hidden layer of
its own can leave the plane. A dense layer from a to b costs a·b weights and as many multiplications; a
convolution costs its weights once for every place it is laid on.

**Intuition.** The narrow place decides *how much* can be said, the layers before and after it *in which
language*. The mirror is a habit, not a law: a strong encoder with a light decoder is fine.

**When, and when not.** Dense layers for tables and small pictures; convolutions where neighbours belong
together and patterns move; recurrent nets or attention for sequences; message passing for graphs. The frame
stays the same. For data near a plane stop at PCA.

**Pitfalls.** Applying the output's squashing twice: a sigmoid in the decoder *and* a loss that takes logits
confines means to 0.5…0.73, and no training mends it. A ReLU on the code switches off half of every axis,
and some axes for good. Strided convolutions drop the odd pixel, and a transposed one has to be told to give
it back, or 7 × 7 comes back as 6 × 6. Skip connections around the bottleneck make a good picture and an
empty code. Initial weights must suit the activation.

**Sources.** Bourlard and Kamp 1988, Biological Cybernetics 59; Hinton and Salakhutdinov 2006, Science 313;
Eckart and Young 1936, Psychometrika 1; Odena, Dumoulin and Olah 2016, Distill (transposed convolutions).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ..baselines import mean_predictor, pca
from ..latents import Deterministic
from ..likelihoods import bernoulli, gaussian
from ..model import Autoencoder
from ..models import autoencoder
from ..nets import convs, mlp, multiplications
from ..terms import reconstruction
from ..training import lbfgs
from .common import count, grey, reconstructed, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the decoder ends in a sigmoid although its likelihood takes logits, and nobody gives odd pixels back"
SHAPES = 20


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    data, dim = grey(budget), budget.pick(8, 30)
    features, board = data.train.shape[1], pca(data.train, dim)
    epochs = budget.pick(60, 8)
    shallow = trained(
        lambda: one_layer(features, dim),
        data.train,
        budget,
        epochs=budget.pick(40, 5),
        lr=5e-3,
        finish=lbfgs(budget.pick(150, 100)),
    )
    net = trained(
        lambda: deep(features, dim, budget, twice=bug),
        data.train,
        budget,
        epochs=epochs,
        lr=budget.pick(3e-3, 1e-3),
    )
    baselines = {"mean": mean_predictor(data.train), f"PCA, {dim} components": board}
    models = {"one sigmoid layer, affine decoder": shallow, "deep: three layers and their mirror": net}
    seen = {name: (b.reconstruct(data.train), b.reconstruct(data.test)) for name, b in baselines.items()}
    seen |= {n: (reconstructed(m, data.train), reconstructed(m, data.test)) for n, m in models.items()}
    errors = {n: (squared(data.train, a), squared(data.test, b)) for n, (a, b) in seen.items()}
    _, least, flat, bent = errors.values()
    claims = [
        Claim(
            "Training error behind an affine decoder, as a share of PCA's: never below 1, a theorem",
            flat[0] / least[0],
            at_least=1 - 1e-6,
            at_most=1.1,
            guarded=False,
        ),
        Claim(
            "Test error of the deep net, as a share of PCA's",
            bent[1] / least[1],
            at_most=budget.pick(0.7, 0.4),
        ),
        Claim(f"Of {SHAPES} odd shapes, those that come back changed", changed(budget.seed, bug), at_most=0),
    ]
    table = Table(
        "Squared error, summed over features",
        ["", "training rows", "held-out rows", "parameters", "multiplications"],
        [
            [
                name,
                *errors[name],
                *((count(models[name]), cost(models[name], features, dim)) if name in models else ("", "")),
            ]
            for name in errors
        ],
    )
    return Evidence(claims, [table], [picture(features, dim, models)])


def one_layer(features: int, dim: int) -> Autoencoder:
    return Autoencoder(
        mlp(features, dim),
        Deterministic(dim, nn.Sigmoid),
        mlp(dim, features),
        gaussian(features, scale=1.0),
        reconstruction,
    )


def deep(features: int, dim: int, budget: Budget, twice: bool) -> Autoencoder:
    """Cross-entropy on logits; `twice` squashes them first."""
    model = autoencoder(features, dim, budget.pick((128, 64), (512, 256)), likelihood=bernoulli)
    if twice:
        model.decoder = nn.Sequential(model.decoder, nn.Sigmoid())
    return model


def changed(seed: int, forget: bool) -> int:
    """How many random shapes of picture a convolutional pair does not give back."""
    draw = np.random.default_rng(seed)
    wrong = 0
    for channels, height, width in zip(
        *(draw.integers(low, high, SHAPES) for low, high in ((1, 4), (5, 40), (5, 40)))
    ):
        shape = (int(channels), int(height) | 1, int(width) | 1)  # odd
        encoder, decoder = convs(shape, (4, 4), 6, 6, shape)
        for layer in decoder.modules():
            if forget and isinstance(layer, nn.ConvTranspose2d):
                layer.output_padding = (0, 0)
        with torch.no_grad():
            wrong += decoder(encoder(torch.zeros(2, *shape))).shape != (2, *shape)
    return wrong


def cost(model: Autoencoder, features: int, dim: int) -> int:
    return multiplications(model.encoder, features) + multiplications(model.decoder, dim)


def picture(features: int, dim: int, models: dict[str, Autoencoder]) -> Picture:
    def widths(model: Autoencoder) -> list[int]:
        layers = [
            m for net in (model.encoder, model.decoder) for m in net.modules() if isinstance(m, nn.Linear)
        ]
        return [features, *(layer.out_features for layer in layers)]

    def draw(figure: Figure) -> None:
        for axis, (name, model) in zip(figure.subplots(1, len(models), sharey=True), models.items()):
            found = widths(model)
            code = found.index(dim)
            colours = ["#E69F00" if i == code else "#0072B2" for i in range(len(found))]
            axis.bar(range(len(found)), found, color=colours, width=0.6)
            for i, width in enumerate(found):
                axis.annotate(str(width), (i, width), ha="center", va="bottom")
            axis.margins(y=0.1)
            axis.set(title=name, xticks=[0, code, len(found) - 1], xticklabels=["x", "z", "x̂"])
        figure.supylabel("width of the layer")

    return Picture(
        "Narrow in the middle",
        f"Widths of the layers of both nets: they fall from {features} to {dim} and rise again, mirrored.",
        draw,
        (8.0, 3.2),
    )
