"""What is a stacked autoencoder?

**In short.** A deep autoencoder made of shallow ones: each layer is trained to reconstruct the codes of the
layer below, then encoders and decoders are put together and trained as one net. The joint phase is not
optional.

**Definition.** With h_0 = x, layer l minimises, on the codes of the finished layer below,

    min over f_l, g_l of  E ‖h_{l−1} − g_l(f_l(h̃_{l−1}))‖²,   h_l = f_l(h_{l−1})

where h̃ may be corrupted (a stacked *denoising* autoencoder). Unrolled and fine-tuned:

    x̂ = g_1(… g_L(f_L(… f_1(x))))   minimising E ‖x − x̂‖²,  or a classifier on h_L

**Mathematics.** Layer l sees only ‖h_{l−1} − ĥ_{l−1}‖², in which every unit of the code below counts alike.
What matters for x is that error *as the decoder below passes it on*: ‖G (h − ĥ)‖², with G the Jacobian of
g_1 ∘ … ∘ g_{l−1}. A direction that G amplifies may be given up, one that it ignores may be kept at great
cost; and errors compound, layer on layer. Fine-tuning minimises the right quantity, from a start whose
layers already carry information.

**Intuition.** A relay in which every runner is trained alone. Each hands over well by his own standard; the
team still has to practise together.

**When, and when not.** It made deep nets trainable before good initialisation, ReLUs, Adam and residual
connections did. Today one trains end to end, and stacks where labels are few and memory is short, where a
layer must be exchanged alone, or as a diagnosis of which layer loses what. Compare at equal work: the table
gives the plain net as many joint epochs, and the stack, a little ahead, its own besides.

**Pitfalls.** Leaving out the joint phase (the control): the stack can be worse than the mean of the data.
Training layer 2 on codes of an unfinished layer 1. Squared error for codes that are probabilities. Decoders
that end in an activation which their target lacks. Judging by the loss of one layer in its own units;
comparing with a poor start only.

**Sources.** Hinton and Salakhutdinov 2006, Science 313; Bengio et al. 2007, NeurIPS 19; Vincent et al.
2010, JMLR 11; Masci et al. 2011, ICANN; Erhan et al. 2010, JMLR 11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from ..baselines import mean_predictor, pca
from ..metrics import linear_probe
from ..model import Autoencoder
from ..models import autoencoder, stacked
from ..models.plain import UNIT
from ..nets import mlps
from ..recipes import Recipe
from .common import Grey, grey, line, reconstructed, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the layers are left as they were trained one by one: no joint phase"


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    rows = grey(budget)
    width, dim, hidden = rows.train.shape[1], *budget.pick((8, (64, 32)), (30, (500, 250)))
    pretraining, joint = budget.pick((40, 80), (3, 6))

    def stack() -> Autoencoder:
        return stacked(
            width, dim, hidden, epochs=pretraining, noise=0.05, activation=nn.Sigmoid, likelihood=UNIT
        )

    def plain() -> Autoencoder:
        return autoencoder(width, dim, hidden, nets=Recipe(mlps, activation=nn.Sigmoid), likelihood=UNIT)

    apart = trained(stack, rows.train, budget, epochs=0)
    together = apart if bug else trained(stack, rows.train, budget, epochs=joint, lr=5e-3)
    direct = trained(plain, rows.train, budget, epochs=joint, lr=5e-3)
    mean = mean_predictor(rows.train).reconstruct(rows.test)
    errors = {
        "mean of the training rows": squared(rows.test, mean),
        f"PCA, {dim} components": squared(rows.test, pca(rows.train, dim).reconstruct(rows.test)),
        "layers one by one": squared(rows.test, reconstructed(apart, rows.test)),
        "then together": squared(rows.test, reconstructed(together, rows.test)),
        "together from the start, as many joint epochs": squared(rows.test, reconstructed(direct, rows.test)),
    }
    depths = through(apart, rows)
    claims = [
        Claim("Error after the joint phase, as a share of that before",
              errors["then together"] / errors["layers one by one"], at_most=0.6),
        Claim("Error after the joint phase, as a share of PCA's at the same width",
              errors["then together"] / errors[f"PCA, {dim} components"], at_most=1.0),
        Claim("Error through the first layer alone, as a share of the mean's",
              depths[0] / errors["mean of the training rows"], at_most=0.4, guarded=False),
    ]  # fmt: skip
    layers = [f"{after} units" for after in (*hidden, dim)]
    tables = [
        Table(
            "Squared error of held-out rows", ["", "error"], [[name, value] for name, value in errors.items()]
        ),
        Table(
            "Up to a layer and back down",
            ["as far as", "error, one by one", "probe, one by one", "probe, together"],
            [
                line(name, *values)
                for name, *values in zip(layers, depths, probes(apart, rows), probes(together, rows))
            ],
        ),
    ]
    return Evidence(claims, tables, [picture(layers, depths, errors)])


def halves(model: Autoencoder) -> list[tuple[nn.Module, nn.Module]]:
    """For each depth, the encoder up to there and the decoder back from there."""
    encoder, decoder = list(model.encoder.children()), list(model.decoder.children())
    cuts = range(2, len(encoder) + 2, 2)  # a linear layer and its activation; the last has none
    return [
        (nn.Sequential(*encoder[:cut]), nn.Sequential(*decoder[len(encoder) + 1 - cut :])) for cut in cuts
    ]


@torch.no_grad()
def through(model: Autoencoder, rows: Grey) -> list[float]:
    """Squared error of held-out rows up to each depth and back."""
    x = torch.from_numpy(rows.test)
    return [squared(rows.test, back(up(x)).numpy()) for up, back in halves(model)]


@torch.no_grad()
def probes(model: Autoencoder, rows: Grey) -> list[float]:
    """Accuracy of a linear probe on the codes of each depth."""
    few = slice(0, 5000)
    train, test = torch.from_numpy(rows.train[few]), torch.from_numpy(rows.test)
    return [
        linear_probe(up(train), rows.train_labels[few], up(test), rows.test_labels).score
        for up, _ in halves(model)
    ]


def picture(layers: list[str], depths: list[float], errors: dict[str, float]) -> Picture:
    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        axis.plot(layers, depths, "o-", color="#d98c00", label="layers one by one")
        axis.plot(layers[-1:], [errors["then together"]], "o", color="#1f5fa8", label="then together")
        for (name, value), style in zip(errors.items(), (":", "--")):
            axis.axhline(value, color="black", linewidth=0.8, linestyle=style, label=name)
        axis.set_xlabel("up to")
        axis.set_ylabel("squared error of held-out rows")
        axis.set_ylim(0)
        axis.legend()
        figure.suptitle("Errors compound in a stack trained layer by layer")

    alt = (
        "Error against depth: one by one it climbs above the mean's; after the joint phase it is below PCA's."
    )
    return Picture("Error through the stack", alt, draw)
