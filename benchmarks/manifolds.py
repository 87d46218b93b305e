"""Manifolds of known dimension in more columns, with a little noise: what `suggest_dim` is measured on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

PLANTED = {2: 20, 5: 30, 10: 50}  # dimension: columns
Map = Callable[[np.random.Generator, int, int, int], np.ndarray]


def planted(shape: str, dim: int, seed: int, rows: int = 2000, noise: float = 0.01) -> np.ndarray:
    """(rows, PLANTED[dim]): the manifold, and noise of that share of its standard deviation."""
    rng = np.random.default_rng(seed)
    x = SHAPES[shape](rng, rows, dim, PLANTED[dim])
    return x + noise * x.std() * rng.normal(size=x.shape)


def waves(rng: np.random.Generator, rows: int, dim: int, columns: int) -> np.ndarray:
    """A cube under a random map: a rotation and as many sines."""
    return _sines(rng, rng.uniform(-1, 1, (rows, dim)), columns, 1.5)


def ripples(rng: np.random.Generator, rows: int, dim: int, columns: int) -> np.ndarray:
    """Gaussian codes, dense in the middle and sparse outside, under the same map with longer waves."""
    return _sines(rng, rng.normal(size=(rows, dim)), columns, 0.9)


def sphere(rng: np.random.Generator, rows: int, dim: int, columns: int) -> np.ndarray:
    """The surface of a ball in dim + 1 dimensions, rotated."""
    z = rng.normal(size=(rows, dim + 1))
    return z / np.linalg.norm(z, axis=1, keepdims=True) @ _rotation(rng, dim + 1, columns)


def roll(rng: np.random.Generator, rows: int, dim: int, columns: int) -> np.ndarray:
    """A cube rolled up along one side, rotated: the Swiss roll in `dim` dimensions."""
    z = rng.uniform(size=(rows, dim))
    turn = 1.5 * np.pi * (1 + 2 * z[:, 0])
    rolled = np.column_stack([turn * np.cos(turn) / 5, turn * np.sin(turn) / 5, 4 * z[:, 1:]])
    return rolled @ _rotation(rng, dim + 1, columns)


def paraboloid(rng: np.random.Generator, rows: int, dim: int, columns: int) -> np.ndarray:
    """Gaussian codes and all their products, mixed."""
    z = rng.normal(size=(rows, dim))
    i, j = np.triu_indices(dim)
    terms = np.column_stack([z, z[:, i] * z[:, j] - (i == j)])
    mixed = terms @ rng.normal(size=(terms.shape[1], columns)) / np.sqrt(terms.shape[1])
    return mixed + 1.5 * z @ _rotation(rng, dim, columns)


SHAPES: dict[str, Map] = {each.__name__: each for each in (waves, ripples, sphere, roll, paraboloid)}


def _sines(rng: np.random.Generator, z: np.ndarray, columns: int, frequency: float) -> np.ndarray:
    weight = rng.normal(size=(z.shape[1], columns)) / np.sqrt(z.shape[1])
    phase = rng.uniform(0, 2 * np.pi, columns)
    bent = np.sin(frequency * z @ weight + phase) @ rng.normal(size=(columns, columns)) / np.sqrt(columns)
    return bent + z @ _rotation(rng, z.shape[1], columns)


def _rotation(rng: np.random.Generator, dim: int, columns: int) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(columns, dim)))[0].T
