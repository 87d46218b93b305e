"""How many numbers rows are made of: the intrinsic dimension by nearest neighbours."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .arrays import Array, float64
from .significance import Interval, bootstrap


class IntrinsicDimension(NamedTuple):
    """An estimate with its interval, the distinct rows it is from, and the repeated ones left out."""

    dimension: Interval
    rows: int
    duplicates: int


def intrinsic_dimension(x: Any, discard: float = 0.1, seed: int = 0) -> IntrinsicDimension:
    """The dimension of the manifold that rows lie on, by TwoNN (Facco, d'Errico, Rodriguez & Laio 2017).

    With μ the ratio of a row's distances to its second and its first neighbour, and F its distribution,

        −log(1 − F(μ)) = d log μ

    wherever the density is about constant across those two neighbours; d is the slope of the line through
    the origin, without the `discard` largest ratios, which spoil it (the authors take 10 %).

    Rows that occur more than once are counted once. Otherwise their first neighbour is at distance 0, μ
    infinite, and the estimate ruined: a classical trap with rounded or resampled data. The interval
    bootstraps the ratios and not the rows for the same reason.

    What it measures is the smallest scale there is: noise that is as large as the distance between
    neighbours has the dimension of all columns and counts as such. Beyond about ten dimensions it falls
    short, for thousands of rows do not fill them (10 is seen as 9, 20 as 15). Units matter: scale columns
    first if they differ.

    Args:
        x: (n, ...), flattened. discard: share of the largest ratios to leave out. seed: of the bootstrap.

    Raises:
        ValueError: if there are fewer than 10 distinct rows, values are missing, or rows lie on a grid.
    """
    if not 0 <= discard < 1:
        raise ValueError(f"discard is a share from 0 to below 1, got {discard}")
    rows, duplicates = distinct(x)
    ratios = np.log(_ratios(rows))
    if (level := int((ratios < 1e-9).sum())) > len(ratios) / 2:  # which has no chance under any density
        raise ValueError(
            f"of {len(rows)} distinct rows {level} have two nearest neighbours at one distance: they lie on "
            "a grid, as classes and whole numbers do, and not on a manifold"
        )

    def slope(values: Array) -> float:
        values = np.sort(values)
        n = len(values)
        kept = max(2, int(n * (1 - discard)))
        height = -np.log1p(-np.arange(1, kept + 1) / (n + 1))  # the plotting position leaves 1 − F above 0
        return float(values[:kept] @ height / np.square(values[:kept]).sum())

    return IntrinsicDimension(bootstrap(ratios, slope, draws=200, seed=seed), len(rows), duplicates)


def distinct(x: Any) -> tuple[Array, int]:
    """Rows (n, ...) flattened, each once, and how many were left out.

    Raises:
        ValueError: if fewer than 10 are left, or values are missing or infinite.
    """
    x = float64(x)
    if x.ndim < 2 or not x.size:
        raise ValueError(f"expected rows (n, ...), got shape {x.shape}")
    x = x.reshape(len(x), -1)
    if not np.isfinite(x).all():
        raise ValueError("there are missing or infinite values; fill them, or leave those rows out")
    spread = x.std(0)
    scaled = (x - x.mean(0)) / np.where(spread > 0, spread, 1.0)
    rounded = np.round(scaled, 9)  # copies but for rounding are copies
    once = x[np.unique(rounded, axis=0, return_index=True)[1]]
    if len(once) < 10:
        raise ValueError(
            f"a dimension needs 10 distinct rows to be seen, better 500; there are {len(once)} among {len(x)}"
        )
    return once, len(x) - len(once)


def _ratios(rows: Array) -> Array:
    """Distance to the second neighbour over that to the first, of each row."""
    from sklearn.neighbors import NearestNeighbors

    distance, _ = NearestNeighbors(n_neighbors=3).fit(rows).kneighbors(rows)
    first, second = distance[:, 1], distance[:, 2]
    apart = first > 0  # rounding may fall to either side
    return second[apart] / first[apart]
