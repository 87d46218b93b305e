"""The linear baselines in closed form: the mean, principal components, and PCA as a density."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..metrics.arrays import Array, float64


@dataclass(frozen=True)
class LinearProjection:
    """Rows projected onto an affine subspace: x ↦ mean + Cᵀ C (x − mean).

    Attributes:
        mean: (...), of the training rows, in a row's own shape.
        components: (k, d), orthonormal rows, the direction of largest variance first.
        explained: (k,), the share of the training variance along each component.
    """

    mean: Array
    components: Array
    explained: Array

    def transform(self, x: Any) -> Array:
        """(n, ...) -> (n, k): coordinates along the components."""
        return self._centred(x) @ self.components.T

    def inverse_transform(self, z: Any) -> Array:
        """(n, k) -> (n, ...)."""
        z = float64(z)
        return (z @ self.components).reshape(len(z), *self.mean.shape) + self.mean

    def reconstruct(self, x: Any) -> Array:
        """(n, ...) -> (n, ...): the point of the subspace nearest to each row."""
        return self.inverse_transform(self.transform(x))

    def truncated(self, dim: int) -> LinearProjection:
        """The first `dim` components only, which are those that `pca(train, dim)` finds."""
        return replace(self, components=self.components[:dim], explained=self.explained[:dim])

    def _centred(self, x: Any) -> Array:
        x = float64(x)
        if x.shape[1:] != self.mean.shape:
            raise ValueError(f"a row has shape {x.shape[1:]}, those it was fitted to {self.mean.shape}")
        x = x - self.mean
        return np.where(np.isnan(x), 0.0, x).reshape(len(x), -1)  # the mean stands in for what is missing


def pca(train: Any, dim: int) -> LinearProjection:
    """Principal component analysis: of all linear autoencoders the one of least squared error.

        min_C Σ_i ‖(x_i − m) − Cᵀ C (x_i − m)‖²   over C (dim, d) with C Cᵀ = I

    (Pearson 1901; Baldi & Hornik 1989: a linear autoencoder has no other minimum.) C holds the leading right
    singular vectors of the centred rows, from a full decomposition in float64: no randomised solver, no
    iteration, no tolerance. Rows are centred and *not* scaled. The sign of a component is chosen so that its
    largest entry is positive.

    Args:
        train: (n, ...), any shape of row; NaN mark missing values, which are taken at their column's mean.
            That pulls the components towards directions with few gaps: a baseline, not an imputation.
        dim: components to keep. There are never more than min(n, d); of a larger `dim`, all are kept and the
            training rows are reconstructed exactly. 0 is the mean alone.

    Raises:
        ValueError: if `dim` is negative or there are no rows.

    >>> pca([[0.0, 0.0], [2.0, 2.0]], 1).reconstruct([[3.0, 1.0]])
    array([[2., 2.]])
    """
    if dim < 0:
        raise ValueError(f"dim is the number of components, 0 or more; got {dim}")
    mean, rows = _centre(train)
    if dim == 0:
        return LinearProjection(mean, np.zeros((0, rows.shape[1])), np.zeros(0))
    singular, components = _decompose(rows)
    largest = np.take_along_axis(components, np.abs(components).argmax(1)[:, None], 1)
    components = np.where(largest < 0, -components, components)
    total = np.square(singular).sum()
    return LinearProjection(mean, components, np.square(singular) / (total or 1.0)).truncated(dim)


def mean_predictor(train: Any) -> LinearProjection:
    """What a model reconstructs that has learned nothing of a single row: the mean of the training rows."""
    return pca(train, 0)


@dataclass(frozen=True)
class ProbabilisticPCA:
    """x = W z + mean + noise, z ~ N(0, I), noise ~ N(0, variance I): PCA as a density.

    Attributes:
        mean: (...), in a row's own shape.
        weight: (d, k), W; orthogonal columns, the longest first, zero where a dimension is of no use.
        variance: σ² of the noise.
        eigenvalues: (d,) of the covariance of the training rows (divided by n), largest first.
    """

    mean: Array
    weight: Array
    variance: float
    eigenvalues: Array

    @property
    def active(self) -> int:
        """Latent dimensions in use: eigenvalues above σ², among the first k (Lucas et al. 2019)."""
        return int((self.eigenvalues[: self.weight.shape[1]] > self.variance).sum())

    def log_likelihood(self, x: Any) -> Array:
        """(n, ...) -> (n,): log N(x; mean, W Wᵀ + σ² I), in nats."""
        x = float64(x)
        if x.shape[1:] != self.mean.shape:
            raise ValueError(f"a row has shape {x.shape[1:]}, those it was fitted to {self.mean.shape}")
        if np.isnan(x).any():
            raise ValueError("there are missing values (NaN); fill them before asking for a density")
        rows = (x - self.mean).reshape(len(x), -1)  # (n, d)
        d, k = self.weight.shape
        length = np.square(self.weight).sum(0)  # (k,): W is orthogonal, so WᵀW is this diagonal
        along = rows @ self.weight  # (n, k)
        # Woodbury: (W Wᵀ + σ² I)⁻¹ = (I − W (σ² I + WᵀW)⁻¹ Wᵀ) / σ²
        explained = (np.square(along) / (self.variance + length)).sum(1)
        distance = (np.square(rows).sum(1) - explained) / self.variance
        log_determinant = np.log(self.variance + length).sum() + (d - k) * math.log(self.variance)
        return -0.5 * (d * math.log(2 * math.pi) + log_determinant + distance)

    def posterior(self, x: Any) -> tuple[Array, Array]:
        """E[z | x], (n, k), and the standard deviations of z given x, (k,), the same for every row.

        What the best encoder of a linear VAE computes: M⁻¹ Wᵀ (x − mean) and σ M^-½, M = WᵀW + σ² I.
        """
        rows = (float64(x) - self.mean).reshape(len(x), -1)  # (n, d)
        precision = np.square(self.weight).sum(0) + self.variance
        return rows @ self.weight / precision, np.sqrt(self.variance / precision)


def probabilistic_pca(train: Any, dim: int, variance: float | None = None) -> ProbabilisticPCA:
    """Probabilistic PCA by maximum likelihood, in closed form (Tipping & Bishop 1999, equations 7 and 8).

        W = U_k (Λ_k − σ² I)^½,   σ² = mean of the d − k smallest eigenvalues of the covariance

    It is what a linear VAE with a Gaussian likelihood of learned scale converges to, and its log-likelihood
    is that VAE's ELBO, for the posterior is Gaussian and the bound is tight (Lucas, Tucker, Grosse &
    Norouzi 2019, arXiv:1911.02469). With `variance` held fixed, eigenvalues below it get no dimension:
    `active` then counts those that survive, and the others are what is called posterior collapse.

    Args:
        train: (n, ...); NaN mark missing values, taken at their column's mean (too little variance).
        dim: k, from 0 to d − 1.
        variance: σ², if it is not to be estimated.

    Raises:
        ValueError: if `dim` is out of range, or so large that σ² is 0 and the density infinite.
    """
    mean, rows = _centre(train)
    n, d = rows.shape
    if not 0 <= dim < d:
        raise ValueError(f"dim goes from 0 to {d - 1} for rows of {d} elements; got {dim}")
    singular, directions = _decompose(rows)
    eigenvalues = np.zeros(d)
    eigenvalues[: len(singular)] = np.square(singular) / n
    noise = float(eigenvalues[dim:].mean()) if variance is None else variance
    rounding = 1e-15 * eigenvalues[0] if variance is None else 0.0
    if not noise > rounding:
        raise ValueError(
            f"{dim} dimensions explain these {n} rows of {d} elements completely: the density has no finite "
            "maximum. Take fewer dimensions, more rows, or give a variance above 0"
        )
    used = min(dim, len(singular))
    weight = np.zeros((d, dim))
    weight[:, :used] = directions[:used].T * np.sqrt(np.maximum(eigenvalues[:used] - noise, 0.0))
    return ProbabilisticPCA(mean, weight, noise, eigenvalues)


def _centre(train: Any) -> tuple[Array, Array]:
    """The mean row, and the rows without it, flattened; NaN count as the mean."""
    train = float64(train)
    if train.ndim < 2 or not train.size:
        raise ValueError(f"expected training rows (n, ...), got shape {train.shape}")
    seen = ~np.isnan(train)
    mean = np.where(seen, train, 0.0).sum(0) / np.maximum(seen.sum(0), 1)  # 0 for a column that nobody saw
    return mean, np.where(seen, train - mean, 0.0).reshape(len(train), -1)


LARGE = 1_000_000  # elements, from where an SVD is worth avoiding: of 60 000 x 784 it takes 15 seconds


def _decompose(rows: Array) -> tuple[Array, Array]:
    """Singular values and right singular vectors, (k,) and (k, d), the largest first.

    Of many rows, by way of the d x d matrix of products: in float64 what that loses lies below 1e-8 of the
    largest singular value, where no component is of use.
    """
    n, d = rows.shape
    if n < 4 * d or rows.size < LARGE:
        _, singular, vectors = np.linalg.svd(rows, full_matrices=False)
        return singular, vectors
    squares, vectors = np.linalg.eigh(rows.T @ rows)
    return np.sqrt(np.maximum(squares[::-1], 0.0)), vectors.T[::-1]
