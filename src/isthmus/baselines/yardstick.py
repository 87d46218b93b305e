"""The units that errors are measured in: columns of numbers by their spread, categories as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..metrics.arrays import Array, float64


@dataclass(frozen=True)
class Yardstick:
    """How rows of numbers become numbers of one unit, learned from training rows; the one that all judge by.

    A number is measured in its standard deviations over training ("columns") or left as it is ("whole"). A
    category is a block of zeros and a one, divided by the root of its total variance, the sum of p (1 − p):
    like a number it then has variance 1, and it counts as one column however many classes it has.

    Why not each class in standard deviations of its own, as if it were a number: then a category of fifty
    classes would weigh as much as fifty numbers, a class that one row in a thousand has would weigh as much
    as all the others, and splitting a class in two would change who wins.

    Attributes:
        scale: (d,). share: (d,), of a column; 1, or one over the classes of a category.
    """

    scale: Array
    share: Array

    @classmethod
    def of(cls, train: Any, units: str = "columns", blocks: Sequence[slice] = ()) -> Yardstick:
        """From rows (n, ...), NaN where missing; `blocks` are the places of categories (`Schema.blocks`)."""
        if units not in ("columns", "whole"):
            raise ValueError(f'units are "columns" or "whole", not {units!r}')
        x = flat(train)
        scale, share = (spread(x) if units == "columns" else np.ones(x.shape[1])), np.ones(x.shape[1])
        for place in blocks:
            block = x[~np.isnan(x[:, place]).any(1), place]
            scale[place] = np.sqrt(block.var(0).sum()) if len(block) else 1.0
            share[place] = 1 / (place.stop - place.start)
        return cls(np.where(scale > 0, scale, 1.0), share)

    def measured(self, rows: Any) -> Array:
        """(n, ...) -> (n, d), NaN where missing."""
        x = flat(rows)
        if x.shape[1] != len(self.scale):
            raise ValueError(f"training rows have {len(self.scale)} columns and held-out rows {x.shape[1]}")
        return x / self.scale

    def error(self, target: Array, guess: Array) -> Array:
        """Squared error of each row, (n,), both measured; its mean is that over all cells that are there."""
        squares, there = self._squares(target, guess)
        return squares * (len(target) / there.sum())

    def error_within(self, target: Array, guess: Array) -> Array:
        """Mean squared error of each row, (n,), over the cells that are there in it."""
        squares, there = self._squares(target, guess)
        return squares / np.where(there > 0, there, 1.0)

    def _squares(self, target: Array, guess: Array) -> tuple[Array, Array]:
        """The sum of squares of each row, and how many columns are there in it, (n,) both."""
        there = ~np.isnan(target)
        gaps = np.where(there, np.where(there, target, 0.0) - guess, 0.0)
        return np.square(gaps).sum(1), (there * self.share).sum(1)


def spread(train: Array) -> Array:
    """The standard deviation of each column over what is there; 1 where that is constant or nothing."""
    low, high = np.fmin.reduce(train), np.fmax.reduce(train)
    varies = high > low  # a variance would round above zero
    deviations = np.ones(train.shape[1:])
    deviations[varies] = np.nanstd(train[:, varies], 0)
    return deviations


def flat(x: Any) -> Array:
    """(n, ...) -> (n, d), float64."""
    x = float64(x)
    return x.reshape(len(x), -1)
