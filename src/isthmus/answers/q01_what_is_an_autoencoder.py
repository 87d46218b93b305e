"""What is an autoencoder?

**In short.** A net that learns to say back what it was told, through a code too narrow to hold everything.
What gets through is what the data have in common; nobody has to label anything.

**Definition.** Two functions with parameters of their own: an encoder f that turns a row x of d numbers
into a code z of k, and a decoder g that turns the code into a description of x. They are chosen together:

    min over f, g of  E [ −log p(x | g(f(x))) ]

where p is the distribution that the decoder's output describes.

**Mathematics.** With p a Gaussian of fixed width the loss is squared error, E ‖x − g(f(x))‖², up to a
constant; with p a product of coin flips it is cross-entropy. Under squared error the best decoder for a
given encoder is the conditional mean, g(z) = E[x | z], so the least error is E Var(x | z): what the code
leaves unsaid. The image of g is a surface of at most k dimensions in the space of x, and f picks a point of
it for every row. If f and g are affine, that surface is a plane and the best one is spanned by the k
leading principal components; curvature is all that a deeper net can add.

**Intuition.** Handwritten digits fill a thin sheet in the space of all pictures. PCA lays a flat board
through the sheet, an autoencoder bends with it. How much bending pays is the gap between the two errors.

**When, and when not.** For a compact description, for denoising, for finding rows that do not fit, for
filling gaps, as a first stage of generation or compression. Not where data are few and near a plane: PCA
has no step size and no seed, and it may win. Not for sampling as it stands: nothing says where codes lie,
which is what a variational autoencoder adds.

**Pitfalls.** Report the error of held-out rows, beside the mean's and PCA's at the same k: a net that is
badly initialised or stopped early loses to both, and its loss curve looks healthy all the same. Sum over
features or average over them, but say which; the two differ by a factor of d. A code as wide as the data
can copy them: without noise or a penalty a low error then means nothing. Measure in evaluation mode.

**Sources.** Rumelhart, Hinton and Williams 1986, Parallel Distributed Processing 1, chapter 8; Bourlard and
Kamp 1988, Biological Cybernetics 59; Hinton and Salakhutdinov 2006, Science 313 (error of MNIST digits with
a code of 30: 3.00, PCA 13.87).
"""

from __future__ import annotations

import numpy as np
from torch import nn

from ..baselines import mean_predictor, pca
from ..likelihoods import bernoulli
from ..model import Autoencoder
from ..models import autoencoder
from ..nets import mlps
from ..recipes import Recipe
from .common import count, grey, reconstructed, side_by_side, squared, trained
from .evidence import Budget, Claim, Evidence, Table

BUG = "sigmoid hidden units whose weights start as torch draws them, so that the signal dies on its way"


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    data, dim = grey(budget), budget.pick(8, 30)
    net = trained(
        lambda: faint(data.train.shape[1], dim, budget) if bug else deep(data.train.shape[1], dim, budget),
        data.train,
        budget,
        epochs=budget.pick(60, 8),
        lr=budget.pick(3e-3, 1e-3),
    )
    seen = {
        "mean of the training rows": mean_predictor(data.train).reconstruct(data.test),
        f"PCA, {dim} components": pca(data.train, dim).reconstruct(data.test),
        f"autoencoder, code of {dim}": reconstructed(net, data.test),
    }
    errors = {name: squared(data.test, rows) for name, rows in seen.items()}
    mean, best, reached = errors.values()
    others = reconstructed(net, np.roll(data.test, 1, axis=0))
    claims = [
        Claim("Test error, as a share of PCA's", reached / best, at_most=budget.pick(0.7, 0.4)),
        Claim(
            "Error with the code of another row, as a share of the mean's: the code decides what is said",
            squared(data.test, others) / mean,
            at_least=1.2,
            guarded=False,
        ),
    ]
    if budget.full:
        claims.append(Claim("Test error, summed over pixels", reached, at_most=5.5))
    table = Table(
        "Squared error of held-out rows, summed over features",
        ["", "error", "numbers kept", "parameters"],
        [
            [name, error, kept, size]
            for (name, error), kept, size in zip(
                errors.items(), (0, dim, dim), (None, (dim + 1) * data.train.shape[1], count(net))
            )
        ],
    )
    first = [int(np.flatnonzero(data.test_labels == label)[0]) for label in range(10)]
    picture = side_by_side(
        f"Ten digits, and what {dim} numbers say of them",
        "Digits as they are, blurred by PCA, and sharper from the autoencoder.",
        {"digit": data.test[first]}
        | {name.split(",")[0]: rows[first] for name, rows in list(seen.items())[1:]},
    )
    return Evidence(claims, [table], [picture])


def deep(features: int, dim: int, budget: Budget) -> Autoencoder:
    """Cross-entropy: on grey values no likelihood, but a loss whose best answer is the mean, and quick."""
    return autoencoder(features, dim, budget.pick((128, 64), (512, 256)), likelihood=bernoulli)


def faint(features: int, dim: int, budget: Budget) -> Autoencoder:
    """The same widths with sigmoid units, and weights that do not suit them."""
    hidden = budget.pick((128, 64), (512, 256))
    model = autoencoder(features, dim, hidden, nets=Recipe(mlps, activation=nn.Sigmoid), likelihood=bernoulli)
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
    return model
