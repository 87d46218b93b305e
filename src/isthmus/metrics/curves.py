"""Rate and distortion: what a code costs, and what is lost; and the least that any code could do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..model import Learner
from ..randomness import seeded
from .arrays import Array, float64
from .likelihood import elbo
from .passes import Rows, at_rest, batches
from .reconstruction import mse


class RatePoint(NamedTuple):
    """One model on a rate–distortion plane.

    Attributes:
        rate: E KL(q(z|x) ‖ p(z)), nats a row. distortion: −E log p(x|z), nats a row.
        squared_error: of means decoded from drawn codes, summed over a row.
    """

    name: str
    rate: float
    distortion: float
    squared_error: float

    @property
    def bound(self) -> float:
        """rate + distortion, −ELBO: lines of slope −1 on the plane are models of one bound."""
        return self.rate + self.distortion


def rate_distortion(
    models: Mapping[Any, Learner], rows: Rows, samples: int = 4, seed: int = 0
) -> list[RatePoint]:
    """Where models lie between storing all and storing nothing, by rising rate.

        H − D ≤ I(x; z) ≤ R,   R = E KL(q(z|x) ‖ p(z)),   D = −E log p(x | z)

    (Alemi et al. 2018, arXiv:1711.00464.) Models of one family at several β trace a curve of slope −1/β
    at each; a point above and to the right of another is worse at everything. One ELBO alone does not tell a
    code that is ignored (R = 0) from one that copies. Compare distortions of one likelihood only.

    Raises:
        TypeError: for a deterministic code, which has no rate, or models without names.
    """
    if not isinstance(models, Mapping):
        raise TypeError(f'models go by their names, {{"β = 4": model, …}}; got {type(models).__name__}')
    points = []
    for name, model in models.items():
        found = elbo(model, rows, samples=samples, seed=seed)
        points.append(RatePoint(str(name), found.rate, found.distortion, _lost(model, rows, seed)))
    return sorted(points, key=lambda point: point.rate)


def gaussian_rate(covariance: Any, squared_error: float) -> float:
    """The least rate, in nats, at which Gaussian rows of this covariance can be told to a squared error.

        R(D) = Σ_i max(0, ½ log λ_i / θ),   Σ_i min(θ, λ_i) = D

    with the eigenvalues λ of the covariance (d, d), and D summed over a row: reverse water-filling (Cover &
    Thomas 2006, theorem 10.3.3). Of all rows with that covariance Gaussian ones need the most, so for
    data that are not Gaussian it is no bound but a yardstick: what a linear code could do.

    >>> round(gaussian_rate(np.eye(2), 0.5), 6)  # 2 · ½ log (1 / 0.25)
    1.386294
    """
    covariance = np.atleast_2d(float64(covariance))
    if covariance.shape[0] != covariance.shape[-1] or not np.isfinite(covariance).all():
        raise ValueError(f"a covariance is (d, d) and finite; got shape {covariance.shape}")
    values = np.clip(np.linalg.eigvalsh(covariance), 0, None)[::-1]
    if not squared_error > 0:
        raise ValueError(f"a squared error of {squared_error} costs infinitely many nats; give one above 0")
    if squared_error >= values.sum():
        return 0.0
    level = _water(values, squared_error)
    told = values[values > level]
    return float(0.5 * np.log(told / level).sum())


def _water(values: Array, total: float) -> float:
    """θ with Σ min(θ, λ) = total, of values that fall: the k largest are cut at it, the others kept whole."""
    rest = values.sum() - np.cumsum(values)  # of all but the k + 1 largest
    for k, left in enumerate(rest, 1):
        level = (total - left) / k
        if level > 0 and (k == len(values) or level >= values[k]) and level <= values[k - 1]:
            return float(level)
    raise ValueError(f"no level gives {total} for eigenvalues {values}")


def _lost(model: Learner, rows: Rows, seed: int) -> float:
    seen, meant = [], []
    with at_rest(model) as autoencoder, seeded(seed, autoencoder.device):
        for batch in batches(rows, autoencoder):
            z = autoencoder.encode(batch.input, sample=True, **batch.context).z
            meant.append(float64(autoencoder.decode(z, **batch.context).mean).reshape(len(batch.target), -1))
            seen.append(float64(batch.target).reshape(len(batch.target), -1))
    x, x_hat = np.concatenate(seen), np.concatenate(meant)
    return mse(x, x_hat) * x.shape[1]
