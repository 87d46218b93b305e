"""What makes methods of several families comparable: how much their codes hold, and what they draw."""

from __future__ import annotations

import inspect
import math
from typing import Any, NamedTuple

import numpy as np

from ..metrics import kernel_distance, precision_recall
from ..metrics.arrays import Array
from ..recipes import Recipe

NUMBER = 32  # bits of a number of a code, as codes come and are kept
MOST = 1000  # rows of samples and of data that are held against each other
FEWEST = 12  # rows below which neighbours say nothing


class CodeSize(NamedTuple):
    """How much of a row a method keeps.

    Attributes:
        numbers: the width of a code; 0 where it is one of finitely many.
        active: how many of them are not 0, the mean over held-out rows.
        bits: to keep the code of a row: 32 for each active number and what it takes to say which these are,
            or what tells one of finitely many. PCA's k numbers take 32 k.
    """

    numbers: int
    active: float
    bits: float

    @classmethod
    def of(cls, codes: Array, most: float | None) -> CodeSize:
        """From codes of rows (n, d), and what a code can tell at most where it is one of finitely many."""
        if most is not None:
            return cls(0, 0.0, most)
        width, active = codes.shape[1], float((codes != 0).sum(1).mean())
        return cls(width, active, NUMBER * active + width * _entropy(active / width))

    @classmethod
    def mean(cls, several: list[CodeSize]) -> CodeSize:
        """Over seeds."""
        active, bits = np.mean([each[1:] for each in several], 0).tolist()
        return cls(several[0].numbers, active, bits)

    @property
    def components(self) -> int:
        """Of PCA, that take as many bits or more."""
        return math.ceil(self.bits / NUMBER - 1e-9)

    def __str__(self) -> str:
        if not self.numbers:
            return "discrete"
        few = self.active < 0.995 * self.numbers
        return f"{f'{self.active:.3g} of ' * few}{self.numbers} number{'s' * (self.numbers != 1)}"


def _entropy(share: float) -> float:
    """In bits, of whether an entry is active: n of it are what the choice of k of n takes, or a bit more."""
    return -sum(p * math.log2(p) for p in (share, 1 - share) if p > 0)


def sized(recipe: Recipe, dim: int) -> Recipe:
    """The recipe with a code of `dim` numbers, where it does not say and a method has it to choose.

    A dictionary is as wide as its method says, and of its entries `dim` are active, where that can be set
    (`k`). What its method sizes by patches, positions or not at all stays as it is.
    """
    known = inspect.signature(recipe.function).parameters
    own = "k" if "k" in known else "dim"
    if own not in known or own in recipe.arguments or "dim" in recipe.arguments or "patch" in known:
        return recipe
    if (
        own == "dim" and known["dim"].default is None and "model" not in known
    ):  # over-complete, by the features
        return recipe
    return Recipe(recipe.function, **{**recipe.arguments, own: dim})


class Likeness(NamedTuple):
    """How like held-out rows drawn rows are: by a kernel, and by neighbours.

    Attributes:
        distance: MMD², 0 on average for rows of the very distribution (`isthmus.metrics.kernel_distance`).
        precision: the share of samples that lie among the data. recall: of the data, among the samples.
        density, coverage: the same with one outlier counting for little (`isthmus.metrics.precision_recall`).
    """

    distance: float
    precision: float
    recall: float
    density: float
    coverage: float

    @classmethod
    def of(cls, target: Array, drawn: Array) -> Likeness | None:
        """From rows (n, d) and samples (m, d), both measured; None where whole rows are too few to say."""
        a, b = (rows[np.isfinite(rows).all(1)][:MOST] for rows in (target, drawn))
        if min(len(a), len(b)) < FEWEST:
            return None
        return cls(kernel_distance(a, b, subsets=2).distance, *precision_recall(a, b))

    @classmethod
    def mean(cls, several: list[Likeness]) -> Likeness | None:
        """Over seeds."""
        return cls(*np.mean(several, 0).tolist()) if several else None


def gaussian_rows(train: Array, n: int, seed: int) -> Array:
    """(n, d) draws of one Gaussian with mean and covariance of whole training rows: what costs nothing."""
    whole = train[np.isfinite(train).all(1)]
    if len(whole) < 2:
        return np.empty((0, train.shape[1]))
    draw = np.random.default_rng(seed)
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(whole.T)))
    spread: Any = np.sqrt(np.clip(values, 0, None))
    found: Array = whole.mean(0) + (draw.standard_normal((n, len(values))) * spread) @ vectors.T
    return found
