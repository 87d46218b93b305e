"""How many nats codes tell about labels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.spatial import KDTree
from scipy.special import digamma

from .arrays import Array
from .representation import labelled
from .significance import Interval, bootstrap


class MutualInformation(NamedTuple):
    """I(z; y) in nats.

    Attributes:
        nats: of the whole code, with a bootstrap interval over the rows' shares in it.
        per_dimension: (d,), of each dimension alone; they neither add up to the whole (redundancy, synergy)
            nor bound it.
        entropy: H(y), which no code can exceed; None where `y` is a number.
    """

    nats: Interval
    per_dimension: Array
    entropy: float | None


def mutual_information(codes: Any, y: Any, k: int = 3, seed: int = 0) -> MutualInformation:
    """I(z; y) between codes and labels, estimated from distances to nearest neighbours; nothing is binned.

    Labels (Ross 2014, equation 2), N rows, N_y of the label, m the codes within the distance of the k-th
    neighbour of the same label:

        I = ψ(N) + ψ(k) − ⟨ψ(N_y)⟩ − ⟨ψ(m)⟩

    Numbers with a fractional part (Kraskov, Stögbauer & Grassberger 2004, equation 8), n_z and n_y the rows
    strictly within that distance in either space alone:

        I = ψ(k) + ψ(N) − ⟨ψ(n_z + 1) + ψ(n_y + 1)⟩

    Distances are the largest over dimensions, each standardised: units do not matter. As Kraskov et al.
    advise, a jitter of 1e-10 tells repeated values apart, so discrete codes are estimated rightly too.
    A single value may fall below 0 by chance. Of ten dimensions or more expect an underestimate: distances
    there are nearly equal; `linear_probe` and `knn_probe` are then the better question.

    Args:
        codes: (n, ...), flattened. y: (n,). k: neighbours; more have less variance and more bias.
        seed: of jitter and bootstrap.

    Raises:
        ValueError: if lengths disagree, or no label has more than k rows.
    """
    from sklearn.utils.multiclass import type_of_target

    codes, y = labelled(codes, y)
    if not 1 <= k < len(y):
        raise ValueError(f"k is at least 1 and below the {len(y)} rows; got {k}")
    rng = np.random.default_rng(seed)
    z = _standardised(codes, rng)
    if type_of_target(y) == "continuous":
        numbers = _standardised(y.astype(float)[:, None], rng)

        def shares(columns: Array) -> Array:
            return _kraskov(columns, numbers, k)

        entropy = None
    else:
        classes, place, counts = np.unique(y, return_inverse=True, return_counts=True)
        if counts.max() <= k:
            raise ValueError(f"no label has more than k = {k} rows: there are {len(classes)} labels")
        kept = counts[place] > 1  # of a label with one row nobody knows how far its likes are

        def shares(columns: Array) -> Array:
            return _ross(columns[kept], place[kept], k)

        frequency = counts / len(y)
        entropy = float(-(frequency * np.log(frequency)).sum())
    alone = np.array([shares(z[:, [j]]).mean() for j in range(z.shape[1])])
    return MutualInformation(bootstrap(shares(z), seed=seed), alone, entropy)


def _ross(z: Array, place: np.ndarray, k: int) -> Array:
    """Each row's share in the estimate, (n,)."""
    n = len(z)
    radius, alike, likes = np.empty(n), np.empty(n), np.empty(n)
    for label in np.unique(place):
        mine = np.flatnonzero(place == label)
        near = min(k, len(mine) - 1)
        distance, _ = KDTree(z[mine]).query(z[mine], near + 1, p=np.inf)  # the row itself comes first
        radius[mine], alike[mine], likes[mine] = distance[:, near], near, len(mine)
    within = KDTree(z).query_ball_point(z, np.nextafter(radius, 0), p=np.inf, return_length=True)
    return digamma(n) + digamma(alike) - digamma(likes) - digamma(np.maximum(within, 1))


def _kraskov(z: Array, y: Array, k: int) -> Array:
    """Each row's share in the estimate, (n,)."""
    n = len(z)
    both = np.hstack([z, y])
    distance, _ = KDTree(both).query(both, k + 1, p=np.inf)
    radius = np.nextafter(distance[:, k], 0)  # strictly within
    around = [KDTree(space).query_ball_point(space, radius, p=np.inf, return_length=True) for space in (z, y)]
    n_z, n_y = around  # with the row itself, hence n + 1 already
    return digamma(k) + digamma(n) - digamma(n_z) - digamma(n_y)


def _standardised(columns: Array, rng: np.random.Generator) -> Array:
    spread = columns.std(0)
    scaled = (columns - columns.mean(0)) / np.where(spread > 0, spread, 1.0)
    return scaled + 1e-10 * rng.normal(size=scaled.shape)
