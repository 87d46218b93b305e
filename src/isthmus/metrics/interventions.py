"""Holding one factor still and looking which dimensions of the code stand still: scores without a histogram.

Where a simulator would be asked for pictures that share a factor, rows that share it are drawn instead: for
data in which factors are crossed, such as `load("sprites")`, that is the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import Array
from .disentanglement import matched, moving, standardised


def factor_vae_score(
    codes: Any,
    factors: Any,
    batch: int = 64,
    train: int = 10_000,
    test: int = 5000,
    bins: int = 20,
    seed: int = 0,
) -> float:
    """How often the dimension that varies least names the factor that was held still.

    A vote: draw a factor k and a value of it, `batch` rows that have the value, and note

        j* = argmin_j Var(z_j of the batch) / Var(z_j)

    The score is the accuracy, on `test` further votes, of the table that gives each j the factor that most of
    `train` votes gave it (Kim & Mnih 2018, arXiv:1802.05983, section 4; numbers of votes and rows of
    Locatello et al. 2019). Dimensions that never move have no vote; drop those that only tremble, say by
    `active_units`. Chance is about 1 / K, and a code in which no dimension moves gets 0. A duplicated code
    is as good.

    Args:
        codes: (n, d). factors: (n, k), as of `mig`, two at least.
    """
    z, v = _several(codes, factors, bins)
    z = standardised(z[:, moving(z)])
    if not z.shape[1]:
        return 0.0
    rng = np.random.default_rng(seed)
    votes = np.zeros((v.shape[1], z.shape[1]))  # of each factor for each dimension
    held, still = _least(z, v, batch, train, rng)
    np.add.at(votes, (held, still), 1)
    held, still = _least(z, v, batch, test, rng)
    return float((votes.argmax(0)[still] == held).mean())


def beta_vae_score(
    codes: Any,
    factors: Any,
    batch: int = 64,
    train: int = 10_000,
    test: int = 5000,
    bins: int = 20,
    seed: int = 0,
) -> float:
    """How well a linear classifier tells which factor two rows share, from how far their codes are apart.

    A case: draw a factor k, `batch` pairs of rows that share its value (a value a pair), and average

        |z − z'| over pairs → (d,)   ↦ k

    Higgins et al. 2017 (ICLR, section 3), with the logistic regression and the numbers of cases of Locatello
    et al. 2019; codes are standardised first. The score is the accuracy on `test` further cases; a code that
    says nothing gets 1 / K. It is lenient: a rotated code often gets 1 (Kim & Mnih 2018).

    Args:
        codes: (n, d). factors: (n, k), as of `mig`, two at least.
    """
    from sklearn.linear_model import LogisticRegression

    z, v = _several(codes, factors, bins)
    z, rng = standardised(z), np.random.default_rng(seed)
    x, y = _apart(z, v, batch, train, rng)
    centre, spread = x.mean(0), np.where(moving(x), x.std(0), np.inf)
    model = LogisticRegression(max_iter=2000).fit((x - centre) / spread, y)
    x, y = _apart(z, v, batch, test, rng)
    return float(model.score((x - centre) / spread, y))


def _several(codes: Any, factors: Any, bins: int) -> tuple[Array, np.ndarray]:
    z, v = matched(codes, factors, bins)
    if v.shape[1] < 2:
        raise ValueError(
            "it is asked which factor was held still: of one there is no choice, give two or more"
        )
    return z, v


def _least(
    z: Array, v: np.ndarray, batch: int, votes: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The factor held still and the dimension that varies least, (votes,) each."""
    held = np.sort(rng.integers(v.shape[1], size=votes))
    still = []
    for k in range(v.shape[1]):
        values = v[rng.integers(len(v), size=int((held == k).sum())), k]
        for part in np.array_split(values, 1 + len(values) // 1000):
            still.append(
                z[_sharing(v[:, k], part, batch, rng)].var(1).argmin(1)
            )  # (part, batch, d) -> (part,)
    return held, np.concatenate(still)


def _apart(
    z: Array, v: np.ndarray, batch: int, cases: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Mean distances (cases, d) and the factor that was shared (cases,)."""
    shared = np.sort(rng.integers(v.shape[1], size=cases))
    apart = []
    for k in range(v.shape[1]):
        number = int((shared == k).sum())
        for part in np.array_split(np.arange(number), 1 + number // 1000):
            values = v[rng.integers(len(v), size=len(part) * batch), k]
            pairs = z[_sharing(v[:, k], values, 2, rng)]  # (part · batch, 2, d)
            far = np.abs(pairs[:, 0] - pairs[:, 1])
            apart.append(far.reshape(len(part), batch, -1).mean(1))
    return np.concatenate(apart), shared


def _sharing(column: np.ndarray, values: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """For each of the values, `number` rows that have it, drawn with replacement: (values, number)."""
    order = np.argsort(column, kind="stable")
    counts = np.bincount(column)
    start = np.cumsum(counts) - counts
    place = rng.random((len(values), number)) * counts[values][:, None]
    return order[start[values][:, None] + place.astype(int)]
