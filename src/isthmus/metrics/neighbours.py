"""Whether codes keep the neighbours that rows had: trustworthiness, continuity, and a k-NN probe."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import Array, float64
from .representation import Probe, judged, labelled

CELLS = 4_000_000  # distances held at once: 32 MB


def trustworthiness(x: Any, z: Any, k: int = 5) -> float:
    """Are those who are neighbours in the codes neighbours in the data? From 0 to 1 (Venna & Kaski 2001).

        T(k) = 1 − 2 / (n k (2n − 3k − 1)) Σ_i Σ_{j ∈ U_k(i)} (r(i, j) − k)

    where U_k(i) are the k nearest to i in the codes that are not among its k nearest in the data, and r(i, j)
    the rank of j among the neighbours of i in the data. Random codes have about 0.5. A map that *tears* the
    data apart may be fully trustworthy: see `continuity`.

    Distances are Euclidean in the units given, so scale columns first if they have different units. Of equal
    distances each has the best rank: rows that occur twice cost nothing. Where there are none, it equals
    scikit-learn's `trustworthiness`, but holds only a few rows of the n × n distances at a time.

    Args:
        x: (n, ...), rows. z: (n, ...), their codes. k: neighbours, below n / 2.

    Raises:
        ValueError: if the two differ in length or k is out of range.
    """
    return float(trustworthiness_per_row(x, z, k).mean())


def continuity(x: Any, z: Any, k: int = 5) -> float:
    """Are those who are neighbours in the data neighbours in the codes? From 0 to 1 (Venna & Kaski 2001).

    `trustworthiness` with the spaces swapped: a map that *folds* data together, such as a projection, may be
    fully continuous. Report both.
    """
    return trustworthiness(z, x, k)


def trustworthiness_per_row(x: Any, z: Any, k: int = 5) -> Array:
    """Each row's share in `trustworthiness`, (n,): its mean is that, and `bootstrap` of it an interval."""
    from sklearn.metrics import pairwise_distances

    x, z = float64(x), float64(z)
    n = len(x)
    if len(z) != n:
        raise ValueError(f"there are {n} rows and {len(z)} codes; each row needs its own")
    if not 1 <= k < n / 2:
        raise ValueError(f"k is at least 1 and below half of the {n} rows; got {k}")
    x, z = (each.reshape(n, -1) - each.reshape(n, -1).mean(0) for each in (x, z))  # digits for the distances
    penalty = np.empty(n)
    for start in range(0, n, max(1, CELLS // n)):
        here = np.arange(start, min(start + max(1, CELLS // n), n))
        in_data, in_codes = (pairwise_distances(each[here], each) for each in (x, z))  # (b, n)
        in_data[np.arange(len(here)), here] = in_codes[np.arange(len(here)), here] = np.inf
        nearest = np.argpartition(in_codes, k, axis=1)[:, :k]
        reached = np.take_along_axis(in_data, nearest, 1)  # (b, k): how far those are in the data
        for row, (distances, to) in enumerate(zip(in_data, reached)):
            rank = 1 + np.searchsorted(np.sort(distances), to)
            penalty[start + row] = np.maximum(rank - k, 0).sum()
    return 1 - penalty * 2 / (k * (2 * n - 3 * k - 1))


def continuity_per_row(x: Any, z: Any, k: int = 5) -> Array:
    """Each row's share in `continuity`, (n,)."""
    return trustworthiness_per_row(z, x, k)


def knn_probe(codes_train: Any, y_train: Any, codes_test: Any, y_test: Any, k: int = 5) -> Probe:
    """How well the k nearest codes of training rows predict `y` on rows they have not seen.

    Labels: the majority of the k, and the score is the accuracy. Numbers with a fractional part: their mean,
    and the score is R². Measures and baselines are those of `linear_probe`; it tells what a *straight line*
    can read, this tells what lies *close together*. Codes are (n, ...) and are not standardised: how far two
    lie apart is what is judged, and a collapsed dimension must not be blown up to the size of the others.

    Raises:
        ValueError: if lengths disagree, or there are fewer than k training rows.
    """
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
    from sklearn.utils.multiclass import type_of_target

    codes_train, y_train = labelled(codes_train, y_train)
    codes_test, y_test = labelled(codes_test, y_test)
    if not 1 <= k <= len(y_train):
        raise ValueError(f"k is at least 1 and at most the {len(y_train)} training rows; got {k}")
    numbers = type_of_target(y_train) == "continuous"
    model = (KNeighborsRegressor if numbers else KNeighborsClassifier)(k).fit(codes_train, y_train)
    return judged(model.predict(codes_test), y_test, y_train, numbers)
