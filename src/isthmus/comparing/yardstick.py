"""The units that methods are compared in: columns of numbers by their spread, categories as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..baselines.comparison import spread
from ..data.schema import Schema
from ..estimators import Embedder
from ..estimators.door import table_of
from ..metrics.arrays import Array, float64


@dataclass(frozen=True)
class Yardstick:
    """How rows become numbers of one unit, learned from training rows.

    A number is measured in its standard deviations over training ("columns") or left as it is ("whole"). A
    category is a block of zeros and a one, divided by the root of its total variance, the sum of p (1 − p):
    like a number it then has variance 1, and it counts as one column however many classes it has.

    Attributes:
        scale: (d,). share: (d,), of a column; 1, or one over the classes of a category.
        schema: what the columns of a frame were taken for; None for rows of plain numbers.
    """

    scale: Array
    share: Array
    schema: Schema | None

    @classmethod
    def of(cls, train: Any, units: str, kinds: Mapping[str, str] | None = None) -> Yardstick:
        table = table_of(train, kinds)
        schema = None if table is None else Schema.infer(table, kinds)
        x = _flat(train if schema is None else schema.encode(table))
        scale, share = (spread(x) if units == "columns" else np.ones(x.shape[1])), np.ones(x.shape[1])
        if schema is None:
            return cls(scale, share, None)
        for column in schema.learned:
            if column.kind == "category":
                place = schema.places[column.name]
                block = x[~np.isnan(x[:, place]).any(1), place]
                scale[place] = np.sqrt(block.var(0).sum()) if len(block) else 1.0
                share[place] = 1 / column.width
        return cls(np.where(scale > 0, scale, 1.0), share, schema)

    def measured(self, rows: Any) -> Array:
        """(n, ...) -> (n, d), NaN where missing."""
        x = _flat(rows if self.schema is None else self.schema.encode(rows))
        if x.shape[1] != len(self.scale):
            raise ValueError(f"training rows have {len(self.scale)} columns and held-out rows {x.shape[1]}")
        return x / self.scale

    def seen(self, embedder: Embedder, rows: Any, y: Any) -> Array:
        """What a fitted model makes of rows, (n, d); of categories, the probabilities."""
        if self.schema is None:
            return _flat(embedder.reconstruct(rows, y)) / self.scale
        return _flat(embedder._expected(embedder._rows(rows, y))) / self.scale

    def error(self, target: Array, guess: Array) -> Array:
        """Squared error of each row, (n,), whose mean is that over all cells that are there."""
        there = ~np.isnan(target)
        squares = np.where(there, np.square(np.where(there, target, 0.0) - guess), 0.0)
        return squares.sum(1) * (len(target) / (there * self.share).sum())


def _flat(x: Any) -> Array:
    x = float64(x)
    return x.reshape(len(x), -1)
