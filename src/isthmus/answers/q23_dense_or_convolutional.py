"""What separates a feed-forward autoencoder from a convolutional one?

**In short.** What they take for granted. A dense net treats pixels as a set of columns in any order; a
convolutional one believes that near pixels belong together and that patterns may be anywhere. Shuffle all
pictures in the same way: the dense net does not notice, the convolutional one loses most of what it had.

**Definition.** Both minimise the same E[−log p(x | g(f(x)))]. They differ in the linear maps between
activations: a full matrix, or one whose entries W[i, j] depend on i − j alone and vanish beyond a few
pixels.

**Mathematics.** Let P be a permutation of pixels. For every dense net f there is one with the same loss on
shuffled data, f ∘ P⁻¹ and P ∘ g: permute the columns of the first matrix and the rows of the last. Initial
weights are drawn alike for all columns, and Adam treats all alike, so even training is the same in
distribution. A convolution has no such partner, for P W P⁻¹ is no convolution, unless P is a shift, a
mirroring or a quarter turn.

**Intuition.** Read a book whose letters were all put in a fixed wrong order. One reader memorises
positions, and it is all the same to him. The other reads words.

**When, and when not.** Dense: tables, sets of measurements, small and centred pictures, where order means
nothing or every place means something of its own. Convolutional: where shuffling would destroy what *you*
see in the data. In doubt make the experiment below with your own: if a fixed shuffle costs nothing, the
convolution has nothing to use.

**Pitfalls.** State what is held equal: parameters, time, or code size; at equal parameters a convolution
takes many times as many multiplications, at equal time the dense net may win. Shuffle every picture in
*one* order: with an order for each there is nothing left to learn, for either net. A convolutional net with
large dense layers at its narrow end is half a dense net, and behaves like one. Flattening in the wrong
order is such a shuffle by mistake.

**Sources.** LeCun et al. 1998, Proceedings of the IEEE 86; Masci et al. 2011, ICANN; Mitchell 1980, The
Need for Biases in Learning Generalizations; Zhang et al. 2017, arXiv:1611.03530 (nets fitted to shuffled
pixels).
"""

from __future__ import annotations

import numpy as np

from ..baselines import mean_predictor, pca
from .common import count, reconstructed, side_by_side, squared
from .evidence import Budget, Claim, Evidence, Table
from .q10_convolutional import Pictures, cost, nets, scattered, taught

BUG = "every picture is shuffled in an order of its own"


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    plain = scattered(budget)
    mixed = shuffled(plain, budget.seed, each=bug)
    errors: dict[str, list[float]] = {}
    rows: list[list[str | float | None]] = []
    for name, fit in (
        ("mean", mean_predictor),
        (f"PCA, {plain.dim} components", lambda x: pca(x, plain.dim)),
    ):
        rows.append(
            [name, *(squared(d.test, fit(d.train).reconstruct(d.test)) for d in (plain, mixed)), None, None]
        )
    for name, build in nets(plain, budget).items():
        models = [taught(build, data, budget) for data in (plain, mixed)]
        errors[name] = [squared(d.test, reconstructed(m, d.test)) for d, m in zip((plain, mixed), models)]
        rows.append([name, *errors[name], count(models[0]), cost(models[0], plain)])
    conv, dense = errors["convolutional"], errors["dense"]
    claims = [
        Claim(
            "Dense net: error on shuffled pixels, as a share of that on pixels in order",
            dense[1] / dense[0],
            at_least=budget.pick(0.93, 0.98),
            at_most=budget.pick(1.07, 1.02),
        ),
        Claim(
            "Shuffled, the order turns round: the convolutional net's error as a share of the dense one's",
            conv[1] / dense[1],
            at_least=1.0,  # what turning round means; with the bug the convolutional net stays ahead
        ),
        Claim(
            "Convolutional net: error on shuffled pixels, as a share of that on pixels in order",
            conv[1] / conv[0],
            at_least=1.5,
            guarded=False,
        ),
        Claim(
            "On pixels in order, the convolutional net's error as a share of the dense one's",
            conv[0] / dense[0],
            at_most=0.9,
            guarded=False,
        ),
    ]
    table = Table(
        f"Squared error of held-out pictures, code of {plain.dim}",
        ["", "pixels in order", "shuffled", "parameters", "multiplications"],
        rows,
    )
    picture = side_by_side(
        "The same pictures to a dense net",
        "Digits above, below the same with their pixels shuffled in one order: noise to the eye.",
        {"in order": plain.test[:10], "shuffled": mixed.test[:10]},
    )
    return Evidence(claims, [table], [picture])


def shuffled(data: Pictures, seed: int, each: bool) -> Pictures:
    """Pixels in another order, the same for all pictures, or one for `each`."""
    draw = np.random.default_rng(seed)
    order = draw.permutation(data.train[0].size)

    def mix(x: np.ndarray) -> np.ndarray:
        flat = x.reshape(len(x), -1)
        return (draw.permuted(flat, axis=1) if each else flat[:, order]).reshape(x.shape)

    return data._replace(train=mix(data.train), test=mix(data.test))
