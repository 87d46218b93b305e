"""How alike two tables of any columns are: each column by itself, and how columns hang together."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from ..data.schema import Schema

if TYPE_CHECKING:
    pass

BINS = 5  # that numbers are cut into, at quantiles of the real table, to see what they hang together with


@dataclass(frozen=True)
class TableComparison:
    """What `compare_tables` found; every number is between 0 (as alike as can be) and 1.

    `marginals`: for each column the greatest difference of the distribution functions of numbers and dates
    (Kolmogorov & Smirnov's), or half the sum of the differences of the frequencies of classes (the total
    variation). `pairs`: for each two columns the difference of their dependence, Cramér's V, which is 0 for
    independent columns and 1 where one tells the other. `strengths` is that of the real table.
    """

    marginals: dict[str, float]
    pairs: dict[tuple[str, str], float]
    strengths: dict[tuple[str, str], float]

    @property
    def marginal(self) -> float:
        """The mean over columns."""
        return float(np.mean(list(self.marginals.values())))

    @property
    def dependence(self) -> float:
        """The mean over pairs; 0 where there is a single column."""
        return float(np.mean(list(self.pairs.values()))) if self.pairs else 0.0

    def __str__(self) -> str:
        width = max(map(len, self.marginals))
        lines = [f"{name:{width}}  {value:.3f}" for name, value in self.marginals.items()]
        lines.append(
            f"mean over columns {self.marginal:.3f}; of dependence, over pairs, {self.dependence:.3f}"
        )
        if self.pairs:
            (a, b), worst = max(self.pairs.items(), key=lambda item: item[1])
            lines.append(f"least alike: {a} with {b}, whose dependence differs by {worst:.3f}")
        return "\n".join(lines)


def compare_tables(real: Any, sampled: Any, schema: Schema | None = None) -> TableComparison:
    """A sampled table beside a real one (frames): marginals, and the dependence of every two columns.

    Classes are compared by frequency, numbers by their distribution functions; for dependence numbers are cut
    at the real table's quantiles. Missing cells are left out. Two samples of the same n rows differ by about
    1/√n in both measures: compare with what a second part of the real table gives.

    Args:
        real, sampled: frames with the same columns, of (n) and (m) rows.
        schema: what the columns are; by default what the real table says of itself.

    Raises:
        DataError: for a column that is not there, and for a cell that is not of its kind.

    Reference: Cramér, Mathematical Methods of Statistics, 1946, § 21.9, with Bergsma's (2013) correction of
    its bias in small samples.
    """
    schema = Schema.infer(real) if schema is None else schema
    marginals, places = {}, {}
    for column in (each for each in schema.columns if each.width):
        name = str(column.name)
        a, b = (column.read(frame[column.name]) for frame in (real, sampled))
        if column.kind in ("boolean", "category"):
            marginals[name] = total_variation(a, b)
            places[name] = a, b
        else:
            marginals[name] = float(stats.ks_2samp(_there(a), _there(b), method="asymp").statistic)
            edges = np.unique(np.nanquantile(a, np.linspace(0, 1, BINS + 1)[1:-1]))
            places[name] = _cut(a, edges), _cut(b, edges)
    pairs, strengths = {}, {}
    for one, other in itertools.combinations(places, 2):
        strengths[one, other] = cramers_v(places[one][0], places[other][0])
        pairs[one, other] = abs(strengths[one, other] - cramers_v(places[one][1], places[other][1]))
    return TableComparison(marginals, pairs, strengths)


def total_variation(a: np.ndarray, b: np.ndarray) -> float:
    """½ Σ |p − q| over classes, given by their numbers (n,), (m,); NaN are left out.

    >>> total_variation(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]))
    0.25
    """
    a, b = _there(a), _there(b)
    if not len(a) or not len(b):
        return float(len(a) != len(b))
    classes = np.union1d(a, b)
    p, q = ((x[:, None] == classes).mean(0) for x in (a, b))
    return float(0.5 * np.abs(p - q).sum())


def cramers_v(a: np.ndarray, b: np.ndarray) -> float:
    """How closely two columns of classes (n,) hang together, from 0 to 1, corrected for small samples.

    V² = φ̃² / min(r̃ − 1, c̃ − 1), φ̃² = max(0, χ²/n − (r−1)(c−1)/(n−1)), r̃ = r − (r−1)²/(n−1), c̃ likewise
    (Bergsma 2013, "A bias-correction for Cramér's V and Tschuprow's T").

    >>> cramers_v(np.arange(40) % 2, np.arange(40) % 2)
    1.0
    """
    both = ~(np.isnan(a) | np.isnan(b))
    rows, columns = (np.unique(x[both], return_inverse=True) for x in (a, b))
    r, c, n = len(rows[0]), len(columns[0]), int(both.sum())
    if min(r, c) < 2 or n < 3:
        return 0.0
    counts = np.zeros((r, c))
    np.add.at(counts, (rows[1], columns[1]), 1)
    expected = counts.sum(1, keepdims=True) * counts.sum(0) / n
    phi = max(0.0, float(((counts - expected) ** 2 / expected).sum()) / n - (r - 1) * (c - 1) / (n - 1))
    least = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    return float(min(1.0, np.sqrt(phi / least))) if least > 0 else 0.0


def _cut(x: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(x), np.nan, np.searchsorted(edges, x))


def _there(x: np.ndarray) -> np.ndarray:
    return x[~np.isnan(x)]
