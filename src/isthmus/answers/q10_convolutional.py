"""When should an autoencoder be convolutional?

**In short.** When neighbours belong together and the same thing may appear anywhere: pictures, sound, maps.
Then a convolution knows from the start what a dense layer has to learn for every place anew. That lasts as
long as the code is a picture too; a dense layer in the middle undoes it.

**Definition.** Encoder and decoder are made of convolutions, (W * x)[i] = Σ_k W[k] x[i + k], the encoder's
with strides that shrink the picture, the decoder's transposed. The code is either a vector, from a dense
layer, or a small picture with a few channels.

**Mathematics.** A convolution is the linear map that commutes with shifts: f(T x) = T f(x), with stride s
for shifts by multiples of s, up to the border. Between two pictures of h × w, sharing takes the weights of
a layer from (h w)² to the m² of a kernel of m × m. The multiplications do not fall as far: every weight is
used at each place.

**Intuition.** A dense net has a specialist for each pixel and none who has seen the others' work. A
convolution has one worker who walks across the picture.

**When, and when not.** Natural images, spectrograms, time series, anything large: at equal parameters a
convolutional net is better there, and it works on other sizes as well. Not for tables, and not for pictures
whose places have fixed meanings, small and centred, where a dense net with more parameters is faster and
often better: compare at equal parameters *and* at equal time. Where position is what the code shall hold, a
vector code is right.

**Pitfalls.** A "bottleneck" of feature maps can be wider than the picture: count its numbers. A transposed
convolution whose kernel is no multiple of its stride paints a checkerboard. Odd sizes need output padding.
A net with a dense head is *not* robust to shifts, convolutional or not. Skip connections past the code copy
the picture. Rows reshaped in the wrong order are noise to a convolution, and no error is raised.

**Sources.** LeCun et al. 1998, Proceedings of the IEEE 86; Masci et al. 2011, ICANN (stacked convolutional
autoencoders); Odena, Dumoulin and Olah 2016, Distill (checkerboards); Azulay and Weiss 2019,
arXiv:1805.12177 (shifts).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..baselines import mean_predictor, pca
from ..likelihoods import bernoulli
from ..model import Autoencoder
from ..models import autoencoder
from ..nets import convs, multiplications
from ..recipes import Recipe
from .common import count, grey, reconstructed, side_by_side, squared, trained
from .evidence import Budget, Claim, Evidence, Table

BUG = "the code comes from a dense layer, which learns every place by heart"


class Pictures(NamedTuple):
    """Train and test pictures (n, 1, side, side) between 0 and 1, and the width of a code for them."""

    train: np.ndarray
    test: np.ndarray
    dim: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self.train.shape[1:]


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    anywhere, here, there = (
        scattered(budget),
        placed(budget, budget.pick(2, 0)),
        placed(budget, budget.pick(6, 4)),
    )
    errors: dict[str, list[float]] = {}
    models: dict[str, Autoencoder] = {}
    for name, build in nets(anywhere, budget, dense_head=bug).items():
        models[name] = taught(build, anywhere, budget)
        fixed = taught(build, here, budget)
        errors[name] = [
            squared(part, reconstructed(model, part))
            for model, part in ((models[name], anywhere.test), (fixed, here.test), (fixed, there.test))
        ]
    conv, dense = errors.values()
    claims = [
        Claim(
            "Error of the convolutional net on things anywhere, as a share of a dense net's of equal size",
            conv[0] / dense[0],
            at_most=budget.pick(0.8, 0.9),
        ),
        Claim(
            "What a move by 4 pixels adds to its error, as a share of what it adds to the dense net's",
            (conv[2] - conv[1]) / (dense[2] - dense[1]),
            at_most=0.6,
        ),
    ]
    rows: list[list[str | float | None]] = []
    for name, fit in (
        ("mean", mean_predictor),
        (f"PCA, {anywhere.dim} components", lambda x: pca(x, anywhere.dim)),
    ):
        loose, tight = fit(anywhere.train), fit(here.train)
        seen = [
            squared(p, b.reconstruct(p))
            for b, p in ((loose, anywhere.test), (tight, here.test), (tight, there.test))
        ]
        rows.append([name, *seen, None, None])
    rows += [[name, *errors[name], count(m), cost(m, anywhere)] for name, m in models.items()]
    table = Table(
        f"Squared error of held-out pictures, code of {anywhere.dim}",
        ["", "anywhere", "one place", "the same, 4 px off", "parameters", "multiplications"],
        rows,
    )
    picture = side_by_side(
        "Things that may be anywhere",
        "Digits at random places: the convolutional net gives them back, the dense one blurs them.",
        {"picture": anywhere.test[:10]}
        | {name: reconstructed(m, anywhere.test[:10]) for name, m in models.items()},
    )
    return Evidence(claims, [table], [picture])


def nets(data: Pictures, budget: Budget, dense_head: bool = False) -> dict[str, Callable[[], Autoencoder]]:
    """A convolutional net, and a dense one of as many parameters."""
    channels: tuple[int, ...] = budget.pick((16, 32), (16, 32, 32))
    make = convs if dense_head else Recipe(convs, spatial=True)

    def conv() -> Autoencoder:
        return autoencoder(data.shape, data.dim, channels, nets=make, likelihood=bernoulli)

    size = data.train[0].size
    # size·h + h + h·dim + dim to the code, and as many back: this h comes nearest
    width = round((count(conv()) - data.dim - size) / (2 * (size + data.dim + 1)))

    def dense() -> Autoencoder:
        return autoencoder(data.shape, data.dim, (width,), likelihood=bernoulli)

    return {"convolutional": conv, "dense": dense}


def taught(build: Callable[[], Autoencoder], data: Pictures, budget: Budget) -> Autoencoder:
    """With the same effort for every net."""
    size, rate = budget.pick(32, 128), budget.pick(1e-2, 2e-3)
    return trained(build, data.train, budget, budget.pick(6, 2), lr=rate, batch_size=size)


def scattered(budget: Budget) -> Pictures:
    """Every picture at a random place of a larger one."""
    data, free = grey(budget, "fashion_mnist"), budget.pick(9, 5)
    draw = np.random.default_rng(budget.seed)
    return pasted(budget, *(draw.integers(0, free, (len(x), 2)) for x in (data.train, data.test)))


def placed(budget: Budget, at: int) -> Pictures:
    """Every picture at the same place of a larger one."""
    data = grey(budget, "fashion_mnist")
    return pasted(budget, *(np.full((len(x), 2), at) for x in (data.train, data.test)))


def pasted(budget: Budget, train: np.ndarray, test: np.ndarray) -> Pictures:
    """Pictures on an empty ground of 16 × 16 (or 32 × 32), their corners at these places (n, 2)."""
    data, ground, side = grey(budget, "fashion_mnist"), budget.pick(16, 32), budget.pick(8, 28)

    def paste(rows: np.ndarray, corners: np.ndarray) -> np.ndarray:
        found = np.zeros((len(rows), 1, ground, ground), np.float32)
        for picture, row, (y, x) in zip(found, rows, corners):
            picture[0, y : y + side, x : x + side] = row.reshape(side, side)
        return found

    return Pictures(paste(data.train, train), paste(data.test, test), 32)


def cost(model: Autoencoder, data: Pictures) -> int:
    return multiplications(model.encoder, data.shape) + multiplications(model.decoder, data.dim)
