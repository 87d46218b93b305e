"""How does a variational autoencoder differ from a plain one?

**In short.** The plain autoencoder maps a row to a point and back, and is judged by the error alone. The
variational one maps a row to a distribution over codes, pays for how far that is from a fixed prior, and is
thereby a model of the data: it can be sampled, and gives a bound on log p(x). The price is blurrier
reconstruction; the gain is a code space without holes.

**Definition.**

    plain        min E[−log p(x | f(x))]                      a point z = f(x)
    variational  min E_q[−log p(x | z)] + KL(q(z | x) ‖ p(z))     z ~ q(z | x) = N(μ(x), diag σ(x)²)

**Mathematics.** The variational loss is −ELBO, at least −log p(x). As σ → 0 and without the KL term it
becomes the plain loss. The KL splits into the information of the code and KL(q(z) ‖ p(z)), where q(z) is the
mean of all posteriors: only the second makes a draw from the prior land where the decoder was trained. A
plain autoencoder says nothing of q(z), but one may fit a density to its codes afterwards (ex-post density):
mean and covariance, a mixture, a flow.

**Intuition.** The plain encoder may put codes anywhere, as pins on an unlimited map. The variational encoder
must spread each row over a small region, and all regions together must cover a standard bell. What lies
between two rows was then seen in training.

**When, and when not.** Plain: compression, features, anomaly scores by error, whenever nothing is sampled.
Variational: generation, likelihoods, uncertainty, missing values. A plain one with an ex-post density often
samples as well as a VAE (Ghosh et al.); compare before choosing.

**Pitfalls.** Sampling a plain autoencoder at N(0, I): its codes have their own scale and shape. A Gaussian
decoder of fixed unit variance collapses the VAE on small-scale data; one of tiny variance makes it a plain
autoencoder with bad samples. Comparing reconstruction at different likelihood scales. Judging a VAE by its
reconstruction only.

**Sources.** Kingma and Welling 2014, arXiv:1312.6114; Ghosh et al. 2020, From Variational to Deterministic
Autoencoders, arXiv:1903.12436; Heusel et al. 2017, arXiv:1706.08500 (Fréchet distance).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..likelihoods import bernoulli
from ..metrics import frechet_distance
from ..model import Autoencoder
from ..models import autoencoder, vae
from ..randomness import seeded
from ..terms import kl, reconstruction
from .common import codes, grey, reconstructed, squared, trained
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "the KL term is left out of the variational autoencoder's loss"
DRAWS = 2000


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    x = grey(budget)
    train, test = ((part > 0.5).astype(np.float32) for part in (x.train, x.test))
    plain, variational = (fitted(method, train, budget, bug) for method in (autoencoder, vae))
    decoded = {
        "plain, codes from N(0, I)": draws(plain, budget),
        "variational, codes from N(0, I)": draws(variational, budget),
        "variational, codes of the test rows": drawn_around(variational, test, budget),
    }
    plain.latent.fit_prior(torch.from_numpy(codes(plain, train)))
    decoded["plain, codes from a Gaussian fitted to its own"] = draws(plain, budget)
    with seeded(budget.seed):
        pixels = torch.bernoulli(torch.from_numpy(train.mean(0)).expand(DRAWS, -1)).numpy()
    distance = {name: frechet_distance(rows, test) for name, rows in decoded.items()}
    raw, own, around, fitted_gaussian = distance.values()
    errors = [squared(test, reconstructed(model, test)) for model in (plain, variational)]
    claims = [
        Claim(
            "Distance of plain draws from N(0, I), as a multiple of variational ones", raw / own, at_least=3
        ),
        Claim(
            "Distance of variational draws from the prior, as a multiple of draws around test rows",
            own / around,
            at_most=2,
        ),
        Claim(
            "Distance of plain draws from N(0, I), as a multiple of those from a Gaussian fitted to codes",
            raw / fitted_gaussian,
            at_least=3,
            guarded=False,
        ),
        Claim(
            "Reconstruction error of the plain one, as a share of the variational one's",
            errors[0] / errors[1],
            at_most=1.1,
            guarded=False,
        ),
    ]
    distance["the training rows: the floor"] = frechet_distance(train, test)
    distance["independent pixels"] = frechet_distance(pixels, test)
    samples = Table(
        "Fréchet distance of draws from held-out digits, over their pixels",
        ["", "distance"],
        [[name, value] for name, value in distance.items()],
    )
    seen = Table(
        "Squared error of held-out digits, summed over pixels",
        ["", "error"],
        [
            ["mean of the training rows", squared(test, np.broadcast_to(train.mean(0), test.shape))],
            ["plain", errors[0]],
            ["variational", errors[1]],
        ],
    )
    return Evidence(claims, [samples, seen], [picture(plain, variational, test.shape[1], budget)])


def fitted(method: Callable[..., Autoencoder], x: np.ndarray, budget: Budget, bug: bool) -> Autoencoder:
    dim, hidden = budget.pick((8, (128,)), (8, (400, 400)))

    def build() -> Autoencoder:
        model = method(x.shape[1], dim, hidden, likelihood=bernoulli)
        if bug and method is vae:
            model.objective = reconstruction + 0.0 * kl
        return model

    return trained(build, x, budget, budget.pick(60, 6), budget.pick(2e-3, 1e-3))


def draws(model: Autoencoder, budget: Budget) -> np.ndarray:
    with torch.no_grad(), seeded(budget.seed):
        return model.sample(DRAWS).sample().numpy()


def drawn_around(model: Autoencoder, x: np.ndarray, budget: Budget) -> np.ndarray:
    """A row drawn from p(x | z), z ~ q(z | x), for every row."""
    with torch.no_grad(), seeded(budget.seed):
        return model.decode(model.encode(torch.from_numpy(x), sample=True).z).sample().numpy()


def picture(plain: Autoencoder, variational: Autoencoder, pixels: int, budget: Budget) -> Picture:
    side = round(pixels**0.5)
    with torch.no_grad(), seeded(budget.seed):
        z = torch.randn(10, plain.latent.dim)
        rows = {
            "plain, N(0, I)": plain.decode(z).mean,
            "plain, own Gaussian": plain.decode(plain.latent.sample(10)).mean,
            "variational, N(0, I)": variational.decode(z).mean,
        }

    def draw(figure: Figure) -> None:
        for axes, (name, images) in zip(figure.subplots(3, 10), rows.items()):
            for axis, image in zip(axes, images):
                axis.imshow(image.view(side, side), cmap="gray_r", vmin=0, vmax=1)
                axis.set_xticks([])
                axis.set_yticks([])
            axes[0].set_ylabel(name, rotation=0, ha="right", va="center")

    alt = (
        "Ten decoded draws a row. A plain autoencoder at N(0, I) gives crossed strokes, the variational one "
        "digits, and the plain one too, once its own codes' Gaussian is drawn from."
    )
    return Picture("Draws from three priors", alt, draw, (8.0, 2.6))
