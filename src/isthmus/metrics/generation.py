"""How far samples are from data, by the first two moments of some features of both."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import Array, float64


def frechet_distance(a: Any, b: Any) -> float:
    """Between Gaussians fitted to two sets of features (n, d) and (m, d), in squared units of the features.

        ‖μ_a − μ_b‖² + tr(C_a + C_b − 2 (C_a C_b)^½)

    Dowson & Landau 1982; Heusel et al. 2017, arXiv:1706.08500, who made it the "FID" with the features of an
    Inception network. A value means something only beside others of the same features and number of rows:
    of few, covariances are off, and the distance of a set from itself, split in two, is not 0. Print that
    floor beside it. It sees means and covariances, nothing else.

    Raises:
        ValueError: if widths differ, or a set has fewer than two rows.

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


def _moments(features: Any) -> tuple[Array, Array]:
    x = float64(features)
    x = x.reshape(len(x), -1)
    if len(x) < 2:
        raise ValueError(f"a covariance needs at least two rows, got {len(x)}")
    return x.mean(0), np.atleast_2d(np.cov(x.T))


def _root(covariance: Array) -> Array:
    values, vectors = np.linalg.eigh(covariance)
    root: Array = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    return root
