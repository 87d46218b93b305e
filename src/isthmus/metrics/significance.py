"""How far a number can be trusted: bootstrap intervals, paired tests by sign flips, several tests at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import norm

from .arrays import Array, float64

CELLS = 4_000_000  # numbers drawn at once: 32 MB


class Interval(NamedTuple):
    """An estimate and the range that holds what it estimates with probability `level`."""

    estimate: float
    low: float
    high: float
    level: float = 0.95

    def __str__(self) -> str:
        return f"{self.estimate:.4g} [{self.low:.4g}, {self.high:.4g}]"


def bootstrap(
    values: Any,
    statistic: Callable[[Array], float] | None = None,
    *,
    level: float = 0.95,
    draws: int = 2000,
    method: str = "bca",
    seed: int = 0,
) -> Interval:
    """How much a statistic of rows would vary, had other rows been drawn (Efron 1979).

    The rows are drawn anew with replacement, `draws` times, and the statistic computed of each draw. "bca" is
    the bias-corrected and accelerated interval (Efron 1987), right to second order where the distribution is
    skewed; "percentile" takes the quantiles as they are. Both are somewhat narrow below 20 rows, and neither
    suits a statistic that a repeated row upsets, such as a nearest neighbour's distance.

    Args:
        values: (n, ...), a row for each independent case: an image, a customer, a seed. Rows that belong
            together (several of one customer) must be averaged first.
        statistic: (m, ...) -> a number; by default the mean of all values.
        draws: more give a steadier interval, not a narrower one.
        seed: of the draws; they repeat.

    Raises:
        ValueError: if there are no rows, or level, draws or method make no sense.

    >>> print(bootstrap([1.0, 2.0, 3.0, 4.0, 10.0]))
    4 [2, 7.6]
    """
    values = float64(values)
    if values.ndim == 0 or not len(values):
        raise ValueError(f"a bootstrap draws rows, and there are none in shape {values.shape}")
    if not 0 < level < 1 or draws < 1:
        raise ValueError(f"level lies between 0 and 1 and draws above 0; got {level} and {draws}")
    if method not in ("bca", "percentile"):
        raise ValueError(f'method is "bca" or "percentile", not {method!r}')
    n = len(values)
    rows = values.reshape(n, -1).mean(1) if statistic is None else values
    measure = statistic or (lambda drawn: float(drawn.mean()))
    estimate = float(measure(rows))
    drawn = []
    for index in _chunks(n, draws, seed):
        drawn.append(
            rows[index].mean(1) if statistic is None else np.array([measure(rows[each]) for each in index])
        )
    replicates = np.concatenate(drawn)
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    if method == "bca":
        tails = _bca(tails, replicates, estimate, _without(rows, measure, seed))
    low, high = np.quantile(replicates, tails)
    return Interval(estimate, float(low), float(high), level)


class Paired(NamedTuple):
    """The mean of a − b over the cases, its interval, and how often chance alone would do as much (`p`)."""

    difference: float
    interval: Interval
    p: float
    cases: int

    @classmethod
    def of(
        cls, gap: Array, level: float = 0.95, draws: int = 9999, method: str = "bca", seed: int = 0
    ) -> Paired:
        """Of differences (n,), one for each case: see `paired`."""
        interval = bootstrap(gap, level=level, draws=2000, method=method, seed=seed)
        return cls(interval.estimate, interval, _sign_flips(gap, draws, seed), len(gap))

    def __str__(self) -> str:
        return f"{self.interval}, p = {self.p:.2g} ({self.cases} pairs)"


def paired(
    a: Any, b: Any, *, level: float = 0.95, draws: int = 9999, method: str = "bca", seed: int = 0
) -> Paired:
    """Whether two methods differ on the same cases: the mean difference, its bootstrap interval, and p.

    The test flips signs (Fisher 1935): were the two methods exchangeable, each difference a_i − b_i would
    have had either sign with equal chance. p is the share of sign patterns whose mean lies as far from 0 as
    the one observed, on either side: of all 2ⁿ where n ≤ 13, else of `draws` at random with the observed one
    among them (Phipson & Smyth 2010), so that it is never 0. With five pairs it cannot fall below 1/16.

    A test of rows asks whether *these two fitted models* differ on new rows. Whether two *methods* do is a
    matter of seeds too: average a row over several before.

    Args:
        a, b: (n,), a value for each case, in the same order; errors, say.

    Raises:
        ValueError: if the two differ in shape, or are not one value a case.
    """
    a, b = float64(a), float64(b)
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise ValueError(
            f"a pair is one value of each for every case; there are shapes {a.shape} and {b.shape}"
        )
    return Paired.of(a - b, level, draws, method, seed)


def holm(p: Any) -> Array:
    """p-values (m,) of m tests, adjusted so that the chance of *any* false alarm stays at the level.

    The smallest is multiplied by m, the next by m − 1, and so on, and none falls below the one before (Holm
    1979). Never worse than Bonferroni's m times each, and as free of assumptions.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = float64(p)
    if p.ndim != 1 or ((p < 0) | (p > 1)).any():
        raise ValueError(f"expected p-values (m,) between 0 and 1, got {p}")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def _chunks(n: int, draws: int, seed: int) -> Iterator[np.ndarray]:
    """Indices of rows drawn with replacement, (up to `draws`, n) at a time."""
    rng = np.random.default_rng(seed)
    at_once = max(1, CELLS // n)
    for start in range(0, draws, at_once):
        yield rng.integers(0, n, (min(at_once, draws - start), n))


def _bca(tails: Array, replicates: Array, estimate: float, without: Array) -> Array:
    """The quantiles that BCa reads in place of `tails` (Efron 1987, equations 2.3 and 6.6)."""
    below = ((replicates < estimate).sum() + 0.5 * (replicates == estimate).sum()) / len(replicates)
    if not 0 < below < 1:
        return tails
    influence = without.mean() - without
    spread = np.square(influence).sum()
    acceleration = (influence**3).sum() / (6 * spread**1.5) if spread > 0 else 0.0
    bias = norm.ppf(below)
    z = bias + norm.ppf(tails)
    return norm.cdf(bias + z / (1 - acceleration * z))


GROUPS = 200


def _without(rows: Array, measure: Callable[[Array], float], seed: int) -> Array:
    """The statistic without one row at a time; of many rows, without one of 200 random groups at a time."""
    n = len(rows)
    if n == 1:
        return np.array([measure(rows)])
    order = np.random.default_rng(seed).permutation(n)
    groups = np.array_split(order, min(n, GROUPS))
    return np.array([measure(np.delete(rows, group, 0)) for group in groups])


ALL = 13  # pairs, up to where every pattern of signs is tried


def _sign_flips(gap: Array, draws: int, seed: int) -> float:
    """The share of sign patterns at least as far from 0 as the observed one."""
    n, observed = len(gap), abs(gap.sum())
    reach = observed * (1 - 1e-9)  # equal sums, added up in another order, are equal
    if n <= ALL:
        signs = np.array(list(product((1.0, -1.0), repeat=n)))
        return float((np.abs(signs @ gap) >= reach).mean())
    rng = np.random.default_rng(seed)
    at_once, beyond = max(1, CELLS // n), 0
    for start in range(0, draws, at_once):
        k = min(at_once, draws - start)
        bits = np.unpackbits(np.frombuffer(rng.bytes(k * -(-n // 8)), np.uint8).reshape(k, -1), axis=1)
        sums = 2 * (bits[:, :n] @ gap) - gap.sum()
        beyond += int((np.abs(sums) >= reach).sum())
    return (beyond + 1) / (draws + 1)
