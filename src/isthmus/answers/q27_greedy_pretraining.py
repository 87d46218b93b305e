"""What does greedy layer-wise pretraining do, and when is it needed?

**In short.** It starts a deep net where every layer already carries information, by training the layers one
after the other as shallow autoencoders. That rescues nets that descent cannot train from where they start:
saturating units, tiny weights, plain gradient descent. With a good start, ReLUs and Adam there is nothing
to rescue.

**Definition.** For l = 1 … L, with the layers below fixed,

    min over W_l, b_l, V_l, c_l of  E ‖h_{l−1} − g_l(f_l(h_{l−1}))‖²,   h_l = f_l(h_{l−1})

then all layers together by the loss of the whole. With restricted Boltzmann machines in place of
autoencoders it is the recipe of 2006.

**Mathematics.** Backpropagation multiplies the error by W_lᵀ diag(φ′) at each layer. A sigmoid has φ′ ≤
1/4, and weights from N(0, 0.01²) have norms far below one, so the gradient of the first of 2L layers is of
the order (‖W‖/4)^{2L−1}: nothing. Only the output's bias learns, and its optimum is the mean of the data.
That is a plateau, not a minimum, and it is as flat as the net is deep. Pretraining needs gradients through
*two* layers only, and leaves Jacobians whose singular values are of order one: the property that Glorot's
and He's starts now give without any data.

**Intuition.** Shouting a correction down a chain of people who each whisper a quarter of what they hear.
First let neighbours practise in pairs; afterwards a whisper is enough.

**When, and when not.** Historically decisive. Today: few labels and many unlabelled rows, where it also
regularises (Erhan et al.); sigmoid or stochastic units; training a layer at a time in little memory.
Otherwise take a proper start, normalisation and residual connections.

**Pitfalls.** Proving it against a bad start alone: show the good one too (the row of ReLU). Unequal
compute. A sigmoid in the code layer caps the error. A net that "trains" at exactly the mean's error has
learned the mean (the control). Decoders must explain codes in their own range. Pretraining without
fine-tuning is not the method.

**Sources.** Hinton and Salakhutdinov 2006, Science 313; Bengio et al. 2007, NeurIPS 19; Erhan et al. 2010,
JMLR 11; Glorot and Bengio 2010, AISTATS; He et al. 2015, arXiv:1502.01852.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from ..baselines import mean_predictor, pca
from ..model import Autoencoder
from ..models import autoencoder, stacked
from ..models.plain import UNIT
from ..randomness import seeded
from ..training import fit
from ..training.loop import Optimizer
from .common import Grey, grey, reconstructed, side_by_side, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the layers are not pretrained: tiny random weights under plain gradient descent"


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    rows = grey(budget)
    width, dim = rows.train.shape[1], budget.pick(8, 30)
    hidden, epochs = budget.pick((128, 64), (500, 250, 100)), budget.pick(40, 6)
    deep, errors_by_epoch = descended(rows, budget, dim, hidden, epochs, pretrain=not bug)
    shallow, without = descended(rows, budget, dim, hidden, epochs * 3 // 2, pretrain=False)
    modern = trained(
        lambda: autoencoder(width, dim, hidden, likelihood=UNIT), rows.train, budget, epochs * 3 // 4
    )
    mean = mean_predictor(rows.train).reconstruct(rows.test)
    errors = {
        "mean of the training rows": squared(rows.test, mean),
        "sigmoid, N(0, 0.01²), gradient descent": squared(rows.test, reconstructed(shallow, rows.test)),
        "the same, pretrained layer by layer": squared(rows.test, reconstructed(deep, rows.test)),
        "ReLU, He's start, Adam, not pretrained": squared(rows.test, reconstructed(modern, rows.test)),
        f"PCA, {dim} components": squared(rows.test, pca(rows.train, dim).reconstruct(rows.test)),
    }
    nothing, random, pretrained, good, _ = errors.values()
    claims = [
        Claim("Pretrained: error as a share of the mean's",
              pretrained / nothing, at_most=budget.pick(0.6, 0.2)),
        Claim("Pretrained: error as a share of that without", pretrained / random, at_most=0.6),
        Claim("Not pretrained: error as a share of the mean's",
              random / nothing, at_least=0.85, guarded=False),
        Claim("A good start and Adam without pretraining, as a share of the pretrained net's error",
              good / pretrained, at_most=1.0, guarded=False),
    ]  # fmt: skip
    table = Table(
        f"Squared error of held-out rows, {'-'.join(map(str, (width, *hidden, dim)))}",
        ["", "error"],
        [[name, value] for name, value in errors.items()],
    )
    seen = {
        "clean": rows.test[:10],
        "pretrained": reconstructed(deep, rows.test[:10]),
        "not": reconstructed(shallow, rows.test[:10]),
    }
    alt = (
        "Digits; recognisable out of the pretrained net; out of the other the same grey blur for every digit."
    )
    pictures = [
        curves(errors_by_epoch, without),
        side_by_side("The same net, with and without pretraining", alt, seen),
    ]
    return Evidence(claims, [table], pictures)


def descended(
    rows: Grey, budget: Budget, dim: int, hidden: tuple[int, ...], epochs: int, pretrain: bool
) -> tuple[Autoencoder, list[float]]:
    """Sigmoid layers from tiny weights by gradient descent with momentum; and the training error by epoch."""
    with seeded(budget.seed):
        model = stacked(
            rows.train.shape[1],
            dim,
            hidden,
            epochs=budget.pick(25, 3),
            noise=0.0,
            activation=nn.Sigmoid,
            likelihood=UNIT,
        )
        for layer in model.modules():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, 0.0, 0.01)
    if not pretrain:
        model.prepare = None
    history = fit(
        model,
        rows.train,
        epochs=epochs,
        optimizer=descent(budget.pick(0.05, 0.005)),
        seed=budget.seed,
        progress=False,
    )
    return model, history.curve("reconstruction")


def descent(lr: float) -> Optimizer:
    return lambda parameters: torch.optim.SGD(parameters, lr, momentum=0.9)


def curves(pretrained: list[float], without: list[float]) -> Picture:
    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        for values, colour, name in (
            (without, "#d98c00", "not pretrained"),
            (pretrained, "#1f5fa8", "pretrained"),
        ):
            axis.plot(range(1, len(values) + 1), values, color=colour, label=name)
        axis.set_xlabel("epoch of joint training")
        axis.set_ylabel("−log p of a training row, nats")
        axis.legend()
        figure.suptitle("A plateau, and a start beyond it")

    alt = "Training curves: without pretraining flat after three epochs; with it lower, and falling."
    return Picture("Joint training with and without pretraining", alt, draw)
