"""How far samples are from data, by moments of some features of both."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .arrays import Array, rows_of_numbers


def frechet_distance(a: Any, b: Any) -> float:
    """Between Gaussians fitted to two sets of features (n, d) and (m, d), in squared units of the features.

        ‖μ_a − μ_b‖² + tr(C_a + C_b − 2 (C_a C_b)^½)

    Dowson & Landau 1982; Heusel et al. 2017, arXiv:1706.08500, who made it the "FID" with the features of an
    Inception network. A value means something only beside others of the same features and number of rows:
    of few, covariances are off, and the distance of a set from itself, split in two, is not 0. Print that
    floor beside it. It sees means and covariances, nothing else.

    Raises:
        ValueError: if widths differ, a value is not finite, or a set has fewer than two rows.

    >>> frechet_distance([[-1.0], [1.0]], [[1.0], [5.0]])  # (0 − 3)² + (√2 − 2√2)²
    11.0
    """
    (mean_a, cov_a), (mean_b, cov_b) = _moments(a), _moments(b)
    if len(mean_a) != len(mean_b):
        raise ValueError(f"both sets need the same features; they have {len(mean_a)} and {len(mean_b)}")
    root = _root(cov_a)
    crossed = np.linalg.eigvalsh(root @ cov_b @ root)  # the eigenvalues of C_a C_b, from a symmetric matrix
    overlap = 2 * np.sqrt(np.clip(crossed, 0, None)).sum()
    distance = np.square(mean_a - mean_b).sum() + np.trace(cov_a) + np.trace(cov_b) - overlap
    return float(max(distance, 0.0))


class KernelDistance(NamedTuple):
    """A squared distance, 0 on average where both sets are of one distribution, so at times below 0."""

    distance: float
    standard_error: float

    def __str__(self) -> str:
        return f"{self.distance:.4g} ± {self.standard_error:.2g}"


def kernel_distance(a: Any, b: Any, subsets: int = 100, size: int = 1000, seed: int = 0) -> KernelDistance:
    """The squared maximum mean discrepancy of two sets of features, (n, d) and (m, d), by a cubic kernel.

        MMD² = Σ_{i≠j} k(a_i, a_j) / n(n−1) + Σ_{i≠j} k(b_i, b_j) / m(m−1) − 2 Σ_ij k(a_i, b_j) / nm
        k(x, y) = (xᵀy / d + 1)³

    Bińkowski et al. 2018 (arXiv:1801.01401, section 4), who made it the "KID" with the features of an
    Inception network. Without the diagonals it is unbiased: unlike the Fréchet distance it does not fall as
    rows become more. It sees moments up to the third. The kernel has a unit: features scaled by 10 are
    further apart by more than that.

    The distance is of all rows. Its standard error comes from `subsets` pairs of parts drawn from them: parts
    of s rows, of n, deviate from the whole by √(n/s − 1) times its error. Where both sets are alike, errors
    fall faster with n than that, and this one is on the safe side.

    Args:
        size: rows of a part, at most half of the smaller set. seed: of the parts.

    Raises:
        ValueError: if widths differ, a value is not finite, or a set has fewer than four rows.
    """
    a, b = rows_of_numbers(a), rows_of_numbers(b)
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"both sets need the same features; they have {a.shape[1]} and {b.shape[1]}")
    n = min(len(a), len(b))
    if n < 4 or subsets < 2:
        raise ValueError(f"it needs four rows of each and two subsets; got {len(a)}, {len(b)} and {subsets}")
    rng, part = np.random.default_rng(seed), max(2, min(size, n // 2))
    drawn = [
        _discrepancy(a[rng.permutation(len(a))[:part]], b[rng.permutation(len(b))[:part]])
        for _ in range(subsets)
    ]
    return KernelDistance(_discrepancy(a, b), float(np.std(drawn, ddof=1) * np.sqrt(part / (n - part))))


def _discrepancy(a: Array, b: Array) -> float:
    n, m = len(a), len(b)
    own = [(_kernel(x, x) - _diagonal(x)) / (len(x) * (len(x) - 1)) for x in (a, b)]
    return float(sum(own) - 2 * _kernel(a, b) / (n * m))


def _kernel(a: Array, b: Array) -> float:
    """Σ_ij (a_iᵀ b_j / d + 1)³, a stretch of rows at a time."""
    step = max(1, 2**22 // len(b))
    parts = (a[start : start + step] for start in range(0, len(a), step))
    return float(sum(_cubed(part @ b.T / a.shape[1] + 1).sum() for part in parts))


def _diagonal(a: Array) -> float:
    return float(_cubed(np.square(a).sum(1) / a.shape[1] + 1).sum())


def _cubed(x: Array) -> Array:
    return x * x * x  # a power is several times slower


def _moments(features: Any) -> tuple[Array, Array]:
    x = rows_of_numbers(features)
    if len(x) < 2:
        raise ValueError(f"a covariance needs at least two rows, got {len(x)}")
    return x.mean(0), np.atleast_2d(np.cov(x.T))


def _root(covariance: Array) -> Array:
    values, vectors = np.linalg.eigh(covariance)
    root: Array = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    return root
