"""Which metrics, beyond the squared error, say what an autoencoder is worth?

**In short.** Squared error judges rows one at a time and rewards averages. Ask also whether outputs look
alike (SSIM), whether samples have the distribution of the data (Fréchet and kernel distance, precision,
recall, density, coverage), how probable held-out rows are (bounds on log p, bits per dimension), what a code
costs and keeps (rate, distortion), and whether its dimensions mean something (MIG, DCI, probes). Every one
of them has an estimator that is easily got wrong; each should be run once where the answer is known.

**Definition.** With features f of data and samples, means μ, covariances C,

    FID  = ‖μ_a − μ_b‖² + tr(C_a + C_b − 2 (C_a C_b)^½)
    KID  = E k(a, a') + E k(b, b') − 2 E k(a, b),   k(x, y) = (xᵀy / d + 1)³,  a ≠ a', b ≠ b'
    MIG  = 1/K Σ_k (I(z_(1); v_k) − I(z_(2); v_k)) / H(v_k)
    bits = −log p(x) / (dims · log 2),   log p(x) ≥ E log 1/K Σ_k p(x, z_k) / q(z_k | x)

**Mathematics.** Of all guesses the conditional mean has the least squared error, and the mean ȳ of five
neighbours has less than they have on average: ‖x − ȳ‖² = mean ‖x − y_i‖² − mean ‖y_i − ȳ‖². Yet ȳ is no
member of the data: its distribution is narrower, which only a distance of distributions can see (Blau and
Michaeli call it the perception–distortion trade-off). The kernel distance is unbiased without its
diagonals; each set of n rows that keeps them adds (E k(a, a) − E k(a, a')) / n. The Fréchet distance is
biased at any n: print its floor.

**Intuition.** The same error in pixels can be a shade of brightness, a blur, a shift by a fraction of a
pixel, or grain. The eye tells them apart, and so do the features of a classifier, though it still names
nearly all rightly; the sum of squares cannot.

**When, and when not.** For measurements in a table squared error, by feature, may be all there is to ask.
For pictures take SSIM with it; for samples, a distance and coverage; for density models, nats; for a
code, probes of what it is for. Disentanglement is a question only where factors are known, or, with UDR,
of several seeds.

**Pitfalls.** FID of few rows, or of features other than Inception's beside published values. Diagonals kept
in KID. A matrix of informations read in the wrong order (a public MIG did, and gave good models 0). The mean
of logs for the log of a mean: that is the ELBO. SSIM with the wrong range of values. Densities of scaled
bytes without the width of a step. Metrics chosen after the results.

**Sources.** Wang et al. 2004 (SSIM); Heusel et al. 2017, arXiv:1706.08500 (FID); Bińkowski et al. 2018,
arXiv:1801.01401 (KID); Kynkäänniemi et al. 2019, arXiv:1904.06991 (precision, recall); Naeem et al. 2020,
arXiv:2002.09797 (density, coverage); Blau and Michaeli 2018, arXiv:1711.06077; Chen et al. 2018,
arXiv:1802.04942 (MIG); Eastwood and Williams 2018, ICLR (DCI); Duan et al. 2020, arXiv:1905.12614 (UDR);
Burda et al. 2016, arXiv:1509.00519; Wu et al. 2017, arXiv:1611.04273 (AIS).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, shift
from scipy.optimize import brentq
from scipy.spatial import KDTree
from torch import Tensor

from ..metrics import (
    GreyFeatures,
    annealed_log_likelihood,
    elbo,
    frechet_distance,
    grey_features,
    kernel_distance,
    log_likelihood,
    mig,
    mutual_informations,
    precision_recall,
    ssim,
)
from ..model import Autoencoder
from ..models import linear_vae
from ..randomness import seeded
from .common import Grey, grey, line, side_by_side, squared
from .evidence import Budget, Claim, Evidence, Table

BUG = (
    "each metric has its classical slip: diagonals kept in the kernel distance, a matrix of informations "
    "read in the wrong order, a mean of logs for the log of a mean, squared error taken for closeness"
)
ERROR = 1.0  # squared error of every damage, summed over a row


def experiment(budget: Budget, bug: bool = False) -> Evidence:
    x, draw = grey(budget), np.random.default_rng(budget.seed)
    features = grey_features(budget.pick("digits", "mnist"), budget.pick(10, 2))
    harmed = damages(x.test, draw)
    harm = {name: frechet_distance(features(x.train), features(each)) for name, each in harmed.items()}
    near, mean = neighbours(x)
    fooled = [frechet_distance(features(x.test), features(each)) for each in (near, mean)]
    seen = [squared(x.test, each) for each in (near, mean)]
    exact, found = likelihoods(budget, bug)
    claims = [
        Claim(
            "Kernel distance of two samples of one distribution, mean in standard errors",
            abs(null_distance(draw, bug)),
            at_most=4,
        ),
        Claim("MIG of a perfect code with two idle dimensions", perfect_mig(draw, bug), at_least=0.9),
        Claim("log p of rows of a known model, off in nats a row", abs(exact - found), at_most=0.1),
        Claim(
            "The mean of five neighbours over the nearest: how far from the data all of them are",
            (seen if bug else fooled)[1] / (seen if bug else fooled)[0],
            at_least=1.2,
        ),
        Claim("… and how far from its row each is, squared", seen[1] / seen[0], at_most=0.95, guarded=False),
        Claim(
            "Largest over smallest distance of four damages of one squared error",
            max(harm.values()) / min(harm.values()),
            at_least=2,
            guarded=False,
        ),
    ]
    tables = [
        Table(
            f"Test pictures, damaged to one squared error; distances by {features.name}",
            ["", "squared error", "SSIM", "Fréchet distance", "named rightly"],
            [row(name, x, each, features) for name, each in {"untouched": x.test, **harmed}.items()],
        ),
        Table(
            "Training pictures in place of test pictures",
            ["", "squared error", "Fréchet distance", "precision", "coverage"],
            [replaced(name, x, each, features) for name, each in stand_ins(x, near, mean).items()],
        ),
    ]
    shown = {"untouched": x.test, **harmed, "mean of 5": mean}
    picture = side_by_side(
        "Four damages of one squared error",
        "Rows of pictures: untouched, shaded, blurred, shifted, with grain, and means of five neighbours.",
        {name: each[:8] for name, each in shown.items()},
    )
    return Evidence(claims, tables, [picture])


def damages(x: np.ndarray, draw: np.random.Generator) -> dict[str, np.ndarray]:
    """Four ways to the same squared error, (n, d) each."""
    side = round(x.shape[1] ** 0.5)
    pictures = x.reshape(-1, side, side)
    grain = draw.normal(size=x.shape)

    def blurred(s: float) -> np.ndarray:
        return gaussian_filter(pictures, (0, s, s)).reshape(x.shape)

    def shifted(s: float) -> np.ndarray:
        return shift(pictures, (0, 0, s), order=1).reshape(x.shape)

    ways: dict[str, tuple[Callable[[float], np.ndarray], float]] = {
        "shaded": (lambda c: x + c, 1.0),
        "blurred": (blurred, 3.0),
        "shifted": (shifted, 2.0),
        "grain": (lambda s: x + s * grain, 1.0),
    }
    return {name: at_error(x, way, most) for name, (way, most) in ways.items()}


def at_error(x: np.ndarray, way: Callable[[float], np.ndarray], most: float) -> np.ndarray:
    strength = brentq(lambda s: squared(x, way(s)) - ERROR, 1e-6, most, xtol=1e-4)
    return way(float(strength))


def neighbours(x: Grey) -> tuple[np.ndarray, np.ndarray]:
    """In place of each test picture the nearest training picture, and the mean of the five nearest."""
    order = KDTree(x.train).query(x.test, 5)[1]
    return x.train[order[:, 0]], x.train[order].mean(1)


def stand_ins(x: Grey, near: np.ndarray, mean: np.ndarray) -> dict[str, np.ndarray]:
    everywhere = np.broadcast_to(x.train.mean(0), x.test.shape)
    return {"the mean of all": everywhere, "the nearest": near, "the mean of the five nearest": mean}


def row(name: str, x: Grey, seen: np.ndarray, features: GreyFeatures) -> list:
    side = round(x.test.shape[1] ** 0.5)
    whole, harmed = (each.reshape(-1, side, side) for each in (x.test, np.clip(seen, 0, 1)))
    found = features(seen)
    named = features.named(torch.from_numpy(found).float()).argmax(1).numpy()
    right = float((named == x.test_labels).mean())
    far = frechet_distance(features(x.train), found)
    return line(name, squared(x.test, seen), ssim(whole, harmed, peak=1.0), far, right)


def replaced(name: str, x: Grey, seen: np.ndarray, features: GreyFeatures) -> list:
    data, found = features(x.test), features(seen)
    beside = precision_recall(data, found)
    return line(name, squared(x.test, seen), frechet_distance(data, found), beside.precision, beside.coverage)


def null_distance(draw: np.random.Generator, bug: bool, repeats: int = 200) -> float:
    """Mean over pairs of samples of one Gaussian, in standard errors of that mean."""
    found = []
    for _ in range(repeats):
        a, b = draw.normal(size=(2, 50, 8))
        found.append(kernel_distance(a, b, subsets=2).distance + (diagonals(a) + diagonals(b) if bug else 0))
    return float(np.mean(found) / (np.std(found) / repeats**0.5))


def diagonals(x: np.ndarray) -> float:
    """What keeping k(x, x) among the pairs adds."""
    kernel, n = (x @ x.T / x.shape[1] + 1) ** 3, len(x)
    return float(kernel.mean() - (kernel.sum() - np.trace(kernel)) / (n * (n - 1)))


def perfect_mig(draw: np.random.Generator, bug: bool) -> float:
    """Of 3 factors, each a dimension of its own, among 5 dimensions."""
    factors = np.stack([draw.integers(size, size=4000) for size in (3, 5, 8)], 1)
    codes = np.hstack([draw.normal(size=(4000, 2)), factors])
    if not bug:
        return mig(codes, factors)
    gaps = np.sort(mutual_informations(codes, factors).reshape(3, 5), 1)  # (d, k) read as (k, d)
    entropies = [mutual_informations(factors[:, [k]], factors[:, [k]]).item() for k in range(3)]
    return float(((gaps[:, -1] - gaps[:, -2]) / entropies).mean())


def likelihoods(budget: Budget, bug: bool) -> tuple[float, float]:
    """The mean of log p(x) in closed form, and its estimate under an encoder that is off."""
    model, rows, exact = known(budget.seed)
    if bug:
        return exact, elbo(model, rows, samples=200, seed=budget.seed).mean  # a mean of logs
    annealed = annealed_log_likelihood(model, rows, temperatures=100, chains=16, leaps=5, seed=budget.seed)
    weighed = log_likelihood(model, rows, samples=5000, seed=budget.seed)
    return exact, max(annealed.mean, weighed.mean, key=lambda mean: abs(mean - exact))  # the worse of the two


def known(seed: int) -> tuple[Autoencoder, Tensor, float]:
    """A linear Gaussian model, its encoder's mean half a unit off; rows of it, and their mean log p."""
    with seeded(seed):
        model = linear_vae(6, 2).double()
        rows = model.decode(torch.randn(100, 2, dtype=torch.float64)).sample().detach()
    encoder, decoder = model.encoder[0], model.decoder[0]  # type: ignore[index]
    with torch.no_grad():
        encoder.weight.zero_()
        encoder.bias.copy_(torch.tensor([0.5, -0.5, 0.0, 0.0]))
        scale = model.decode(torch.zeros(1, 2, dtype=torch.float64)).log_scale.exp()  # type: ignore[attr-defined]
        noise = scale.square().mean() * torch.eye(6, dtype=torch.float64)
        covariance = decoder.weight @ decoder.weight.T + noise
        exact = torch.distributions.MultivariateNormal(decoder.bias, covariance).log_prob(rows)
    return model, rows, float(exact.mean())
