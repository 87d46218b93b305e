"""When is an autoencoder the same as PCA, and what is the same about it?

**In short.** A linear autoencoder that minimises squared error, with a code of k numbers, ends at the best
rank-k approximation of the data: the subspace that PCA finds. The *subspace* is the same; the axes are not.

**Definition.** Encoder and decoder are affine, z = A x + a and x̂ = B z + b, and the loss is squared error:

    min over A, a, B, b of  E ‖x − B (A x + a) − b‖²

**Mathematics.** For fixed B the best code is the orthogonal projection onto the columns of B, and the best b
makes the means agree, so the problem is to choose a k-dimensional subspace. By Eckart and Young the least
error is the sum of the discarded eigenvalues of the covariance, λ_{k+1} + … + λ_d, reached by the span of the
k leading eigenvectors. Baldi and Hornik showed more: every other critical point is a saddle. Descent cannot
be caught in a worse minimum, from any start.

**Intuition.** The loss sees only the product B A. Any invertible Q turns (A, B) into (Q A, B Q⁻¹) without
changing it: the net knows which plane to project on, and has no reason to prefer one pair of axes in it.

**When, and when not.** With a linear decoder and one hidden layer, even a sigmoid encoder cannot beat PCA
(Bourlard and Kamp); depth and a non-linear decoder can. A linear VAE is probabilistic PCA: its KL term
fixes the scales, and, since its posterior is diagonal, the axes too (Lucas et al.). Ordered codes (nested
dropout), or a tied net with a penalty that differs by coordinate, recover the axes themselves. An equal L2
penalty on A and B does not turn the columns of B; its left singular vectors are then the principal
directions (Kunin et al.).

**Pitfalls.** Compare subspaces by principal angles, never weights by their values. Without biases the net
is PCA of *uncentred* data. First-order optimisers stop short: here Adam alone ends at an error one or two
per cent above the least, with one direction of its subspace still tens of degrees off; L-BFGS closes the
gap. An error *below* PCA's on the training set is impossible, and means that data or metric are wrong.

**Sources.** Baldi and Hornik 1989, Neural Networks 2; Bourlard and Kamp 1988, Biological Cybernetics 59;
Eckart and Young 1936, Psychometrika 1; Kunin et al. 2019, arXiv:1901.08168; Lucas et al. 2019,
arXiv:1911.02469.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from ..baselines import LinearProjection, mean_predictor, pca
from ..data import load
from ..model import Autoencoder
from ..models import linear
from ..randomness import seeded
from ..training import adam, fit, lbfgs
from .evidence import Budget, Claim, Evidence, Picture, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BUG = "training stops where Adam does, without a second-order finish"
DIM = 8


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    train, test = rows(budget)
    best, mean = pca(train, DIM), mean_predictor(train)
    net = fitted(train, budget, finish=not bug)
    errors = {
        "mean of the training rows": squared(test, mean.reconstruct(test)),
        f"PCA, {DIM} components": squared(test, best.reconstruct(test)),
        f"linear autoencoder, code of {DIM}": squared(test, reconstructed(net, test)),
    }
    least, reached = list(errors.values())[1:]
    angles = principal_angles(decoder(net), best)
    aligned = np.abs(unit(decoder(net)).T @ best.components.T).max(1).min()
    lowest = squared(train, reconstructed(net, train)) / squared(train, best.reconstruct(train))
    claims = [
        Claim(
            "Largest angle between the net's subspace and PCA's, in degrees", float(angles.max()), at_most=0.5
        ),
        Claim("Test error, as a share of PCA's", reached / least, at_most=1.001),
        Claim("Training error, as a share of PCA's: a theorem", lowest, at_least=1 - 1e-6, guarded=False),
        Claim(
            "Alignment of the net's worst axis with any of PCA's", float(aligned), at_most=0.95, guarded=False
        ),
    ]
    table = Table(
        "Squared error of held-out rows, summed over features",
        ["", "error"],
        [[name, value] for name, value in errors.items()],
    )
    return Evidence(claims, [table], [picture(decoder(net), best)])


def rows(budget: Budget) -> tuple[np.ndarray, np.ndarray]:
    """Digits, or MNIST and 5000 rows of it to learn from: (n, d) grey values between 0 and 1."""
    data = load(budget.pick("digits", "mnist"))
    scale = budget.pick(16.0, 1.0)
    some = data.train.x[: budget.pick(None, 5000)]  # L-BFGS reads them all in each of its many evaluations
    return some.astype(np.float64) / scale, data.test.x.astype(np.float64) / scale


def fitted(x: np.ndarray, budget: Budget, finish: bool) -> Autoencoder:
    with seeded(budget.seed):
        model = linear(x.shape[1], DIM)
    fit(
        model,
        torch.from_numpy(x).float(),
        epochs=budget.pick(100, 50),
        optimizer=adam(2e-3),
        finish=lbfgs() if finish else None,
        seed=budget.seed,
        progress=False,
    )
    return model.double().eval()


def reconstructed(model: Autoencoder, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model.decode(model.encode(torch.from_numpy(x)).z).mean.numpy()


def squared(x: np.ndarray, seen: np.ndarray) -> float:
    return float(np.square(x - seen).sum(1).mean())


def decoder(model: Autoencoder) -> np.ndarray:
    """The decoder's matrix B (d, k)."""
    layer = next(m for m in model.decoder.modules() if isinstance(m, torch.nn.Linear))
    return layer.weight.detach().numpy()


def unit(columns: np.ndarray) -> np.ndarray:
    return columns / np.linalg.norm(columns, axis=0)


def principal_angles(columns: np.ndarray, best: LinearProjection) -> np.ndarray:
    """Between two subspaces, in degrees (Björck & Golub 1973, by sines, which are exact near zero)."""
    basis, _ = np.linalg.qr(columns)
    beyond = basis - best.components.T @ (best.components @ basis)
    return np.degrees(np.arcsin(np.clip(np.linalg.svd(beyond, compute_uv=False), 0, 1)))


def picture(columns: np.ndarray, best: LinearProjection) -> Picture:
    cosines = np.abs(unit(columns).T @ best.components.T)

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        shown = axis.imshow(cosines, cmap="cividis", vmin=0, vmax=1)
        axis.set_xlabel("principal component")
        axis.set_ylabel("axis of the linear autoencoder")
        figure.colorbar(shown, label="|cosine|")
        figure.suptitle("The same subspace, other axes")

    alt = "Cosines between the net's axes and principal components: no row has a single large entry."
    return Picture("The same subspace, other axes", alt, draw, (5.2, 4.2))
