"""What are tied weights, and what does sharing weights buy?

**In short.** The decoder uses the encoder's matrices, transposed: half the parameters, and a constraint
that acts as a regulariser. It helps where rows are few and costs little where they are many.

**Definition.** With encoder layers h_l = s(W_l h_{l−1} + b_l), the decoder is

    ĥ_{l−1} = s(W_lᵀ ĥ_l + c_l),   l = L, …, 1

with biases c_l of its own. W_l is *one* parameter, used twice.

**Mathematics.** The gradient of a shared parameter is the sum over its uses: ∂L/∂W = (∂L/∂W)_enc +
(∂L/∂W_dec)ᵀ. For one linear layer x̂ = Wᵀ W x with squared error, the minimum has orthonormal rows on the
principal subspace, Wᵀ W = its projector: tying costs nothing, and it removes the freedom (A, B) → (Q A, B
Q⁻¹) except for rotations. It thus also forbids shrinking the encoder while the decoder grows; penalties on
the code or its Jacobian rely on that. The transpose is the *adjoint*, and not the inverse: it inverts only
an orthogonal W. A convolution shares weights too, over positions; tied to its transpose it shares both
ways.

**Intuition.** What a detector looks for is also what its unit draws. One template for reading and for
writing.

**When, and when not.** Single layers, little data, greedy pretraining, restricted Boltzmann machines
(always tied), contractive and sparse codes; tied embeddings in language models. Untied where encoder and
decoder have different tasks: a VAE's encoder delivers two vectors, a decoder may be deeper, attention has
no transpose. A tied start with free weights afterwards is a common compromise.

**Pitfalls.** A *copy* (`.data`, `clone`) at construction is untied after the first step, although it looks
right then (the control). Registered twice, a parameter may be decayed or counted twice. Deep copies, device
moves and checkpoints must keep the tie: check storage, not equality. A copy still helps as a *start*: the
control keeps most of the gain with few rows, and passes the tied net with many. And the table compares two
nets only: on pictures so small, PCA with as many numbers beats both. Sigmoid nets need a larger start.

**Sources.** Bengio et al. 2007, NeurIPS 19; Vincent et al. 2010, JMLR 11; LeCun et al. 1998, Proceedings of
the IEEE 86; Press and Wolf 2017, arXiv:1608.05859.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ..baselines import mean_predictor, pca
from ..model import Autoencoder
from ..models import autoencoder, tied
from ..models.plain import UNIT
from ..nets import Transposed
from .common import count, grey, line, reconstructed, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the decoder gets a copy of the weights: tied when it is built, and never again"
DIM, FEW = 32, 100


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    rows = grey(budget)
    width = rows.train.shape[1]

    def build() -> Autoencoder:
        model = tied(width, DIM, (256,), likelihood=UNIT)
        if bug:
            model.decoder = nn.Sequential(*(copied(layer) for layer in model.decoder.children()))
        return model

    sizes = budget.pick((FEW, len(rows.train)), (FEW, 1000, 10_000, len(rows.train)))
    errors: dict[str, list[float]] = {"tied": [], "untied": [], "PCA": [], "mean of the rows": []}
    for n in sizes:
        x = rows.train[:n]
        epochs = max(budget.pick(40, 6), 30_000 // n)
        shared = trained(build, x, budget, epochs)
        free = trained(lambda: autoencoder(width, DIM, (256,), likelihood=UNIT), x, budget, epochs)
        for name, seen in {
            "tied": reconstructed(shared, rows.test),
            "untied": reconstructed(free, rows.test),
            "PCA": pca(x, DIM).reconstruct(rows.test),
            "mean of the rows": mean_predictor(x).reconstruct(rows.test),
        }.items():
            errors[name].append(squared(rows.test, seen))
    ratio = np.divide(errors["tied"], errors["untied"])
    claims = [
        Claim("Parameters, as a share of the untied net's", count(shared) / count(free), 0.5, 0.52),
        Claim("Share of the decoder's matrices that lie in the encoder's memory, after training",
              sharing(shared), at_least=1),
        Claim(f"Error on held-out rows after {FEW} training rows, as a share of the untied net's",
              float(ratio[0]), at_most=0.9, guarded=False),
        Claim("The same after all training rows", float(ratio[-1]), at_most=1.2, guarded=False),
    ]  # fmt: skip
    table = Table(
        f"Squared error of held-out rows, {width}-256-{DIM}",
        ["training rows", *map(str, sizes), "parameters"],
        [
            line("tied", *errors["tied"], count(shared)),
            line("untied", *errors["untied"], count(free)),
            line(f"PCA, {DIM} components", *errors["PCA"], (DIM + 1) * width),
            line("mean of the rows", *errors["mean of the rows"], width),
        ],
    )
    return Evidence(claims, [table], [picture(shared)])


def copied(layer: nn.Module) -> nn.Module:
    """The mistake: a layer of its own that starts from the same numbers."""
    if not isinstance(layer, Transposed):
        return layer
    weight = layer.linear[0].weight.data
    own = nn.Linear(*weight.shape)
    own.weight.data = weight.T.clone()
    return own


def matrices(net: nn.Module) -> list[torch.Tensor]:
    """The weights that linear layers multiply by, in order, wherever they are kept."""
    layers = [m.linear[0] if isinstance(m, Transposed) else m for m in net.modules()]
    return [layer.weight for layer in layers if isinstance(layer, nn.Linear)]


def sharing(model: Autoencoder) -> float:
    own = {weight.data_ptr() for weight in matrices(model.encoder)}
    return float(np.mean([weight.data_ptr() in own for weight in matrices(model.decoder)]))


def picture(model: Autoencoder) -> Picture:
    read = matrices(model.encoder)[0].detach().numpy()  # (256, d)
    last = matrices(model.decoder)[-1].detach().numpy()
    written = last if last.shape == read.shape else last.T
    side = round(read.shape[1] ** 0.5)

    def draw(figure: Figure) -> None:
        axes = figure.subplots(2, 12)
        for axis_row, weights, name in zip(axes, (read, written), ("reads", "writes")):
            for axis, template in zip(axis_row, weights):
                bound = np.abs(template).max()
                axis.imshow(template.reshape(side, side), cmap="RdBu", vmin=-bound, vmax=bound)
            for axis in axis_row:
                axis.set(xticks=[], yticks=[])
            axis_row[0].set_ylabel(name, rotation=0, ha="right", va="center")
        figure.suptitle("Templates of the first twelve units")

    alt = "Two rows of small weight pictures: what each unit reads by is exactly what it writes."
    return Picture("One template to read and to write", alt, draw, (8.0, 1.9))
