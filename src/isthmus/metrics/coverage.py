"""How far samples are from data by their neighbours: do they look like data, and are all data among them?"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.spatial import KDTree

from .arrays import Array, rows_of_numbers


class Coverage(NamedTuple):
    """Fidelity and diversity of samples, apart; all but `density` between 0 and 1.

    Attributes:
        precision: the share of samples that lie among the data. recall: the share of data among the samples.
        density: in how many neighbourhoods of data a sample lies, over k; about 1 for samples like the data,
            and above it where samples keep to where data are dense.
        coverage: the share of data that have a sample in their neighbourhood.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def precision_recall(data: Any, samples: Any, k: int = 5) -> Coverage:
    """Precision, recall, density and coverage of samples (m, d) beside data (n, d), both as features.

    With B(x) the ball around x up to its k-th neighbour in its own set,

        precision = 1/m Σ_j 1[∃ i: y_j ∈ B(x_i)]         recall   = 1/n Σ_i 1[∃ j: x_i ∈ B(y_j)]
        density   = 1/(k m) Σ_j Σ_i 1[y_j ∈ B(x_i)]      coverage = 1/n Σ_i 1[∃ j: y_j ∈ B(x_i)]

    Kynkäänniemi et al. 2019 (arXiv:1904.06991) and, for the second line, Naeem et al. 2020
    (arXiv:2002.09797), who take k = 5. One outlier among the data has a large ball, and with it much
    precision; one among the samples, recall: density and coverage are the robust pair. For samples from the
    very distribution of the data, as many as these, the expected coverage is

        1 − Π_{t=1..k} (n − t) / (2n − t)   ≈ 1 − 2⁻ᵏ

    All depend on numbers of rows and on features: compare like with like.

    Raises:
        ValueError: if features differ, a value is not finite, or a set has no k + 1 rows.

    >>> grid = np.arange(20.0)[:, None]
    >>> precision_recall(grid, grid + 0.25, k=1)
    Coverage(precision=1.0, recall=1.0, density=1.95, coverage=1.0)
    """
    x, y = rows_of_numbers(data), rows_of_numbers(samples)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"both sets need the same features; they have {x.shape[1]} and {y.shape[1]}")
    if not 1 <= k < min(len(x), len(y)):
        raise ValueError(f"k = {k} needs at least {k + 1} rows of each; there are {len(x)} and {len(y)}")
    within, nearest = _inside(x, y, k)
    among, _ = _inside(y, x, k)
    return Coverage(
        float((within > 0).mean()), float((among > 0).mean()), float(within.mean() / k), float(nearest.mean())
    )


def _inside(centres: Array, points: Array, k: int) -> tuple[Array, Array]:
    """In how many balls each point lies, (m,), and whether a ball has a point in it, (n,)."""
    radius = KDTree(centres).query(centres, k + 1)[0][:, k]  # the centre itself comes first
    inside, covered = np.zeros(len(points)), np.zeros(len(centres), dtype=bool)
    step = max(1, 2**22 // len(points))
    squares = np.square(points).sum(1)
    for start in range(0, len(centres), step):
        part = slice(start, start + step)
        far = np.square(centres[part]).sum(1)[:, None] + squares - 2 * centres[part] @ points.T
        near = np.sqrt(np.maximum(far, 0)) <= radius[part, None] * (1 + 1e-9)  # (step, m)
        inside += near.sum(0)
        covered[part] = near.any(1)
    return inside, covered
