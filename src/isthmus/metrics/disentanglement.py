"""Whether each dimension of a code follows one factor of the data: read off arrays of codes and factors.

Codes are (n, d), factors (n, k), a row each. Whole numbers (or words) are classes; a factor with fractional
parts is cut into as many bins of equal width as a code is. No model enters: any code can be asked. Of
one name there are several definitions, whose values differ: each function says which one it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from .arrays import Array, float64, rows_of_numbers


def mutual_informations(codes: Any, factors: Any, bins: int = 20) -> Array:
    """I(z_j; v_k) in nats, (d, k), of histograms: each dimension in `bins` bins of equal width.

        I = Σ_ab p(a, b) log p(a, b) / (p(a) p(b))

    So in Locatello et al. 2019 (arXiv:1811.12359), with the means of posteriors for codes. Of n rows and a
    factor of K classes the estimate is too high by about (bins − 1)(K − 1) / 2n: take thousands of rows.
    `mutual_information` has an estimate without bins, of one label.
    """
    z, v = matched(codes, factors, bins)
    cut = binned(z, bins)
    return np.array([[_information(dimension, factor) for factor in v.T] for dimension in cut.T])


def mig(codes: Any, factors: Any, bins: int = 20) -> float:
    """The mutual information gap: how far the best dimension of each factor is ahead of the second.

        MIG = 1/K Σ_k (I(z_(1); v_k) − I(z_(2); v_k)) / H(v_k)

    Chen et al. 2018 (arXiv:1802.04942, equation 6), by the histograms of Locatello et al. 2019. Chen et al.
    integrate over q(z|x) instead, and leave the shape of dSprites out: their values are higher, and not to
    be set beside these. 1: every factor is all in one dimension. 0: each is in two dimensions alike, be it
    for a rotation or a copy; a code that is better for being redundant is punished too.

    >>> grid = np.stack(np.meshgrid(range(4), range(5)), -1).reshape(-1, 2)
    >>> round(mig(grid, grid), 6), round(mig(np.hstack([grid, grid]), grid), 6)
    (1.0, 0.0)
    """
    information = np.sort(mutual_informations(codes, factors, bins), 0)  # (d, k), the best last
    first, second = information[-1], information[-2] if len(information) > 1 else 0.0
    v = matched(codes, factors, bins)[1]
    entropy = np.array([_information(column, column) for column in v.T])
    return float(((first - second) / entropy).mean())


def modularity(codes: Any, factors: Any, bins: int = 20) -> float:
    """Whether each dimension tells of one factor alone: `modularity_of` the matrix of informations."""
    return modularity_of(mutual_informations(codes, factors, bins))


def modularity_of(information: Any) -> float:
    """Of I(z_j; v_k), (d, k), the mean over dimensions of

        1 − Σ_{k ≠ best} I_jk² / (I_j,best² (K − 1))

    Ridgeway & Mozer 2018 (arXiv:1802.05312, section 3). A dimension that tells of nothing counts 0, as in
    Locatello et al. 2019. A factor in several dimensions costs nothing: a duplicated code is as modular. It
    does not ask how much is told: by the noise of the estimate, five dimensions of pure noise get 0.73 on the
    test part of `sprites`. Leave idle dimensions out, and read it beside `mig` or `explicitness`.

    >>> modularity_of(np.eye(3))
    1.0
    """
    squares = np.square(float64(information))
    best = squares.max(1)
    if squares.shape[1] == 1:
        return float((best > 0).mean())
    rest = (squares.sum(1) - best) / (squares.shape[1] - 1)
    return float(np.where(best > 0, 1 - rest / np.where(best > 0, best, 1.0), 0.0).mean())


def explicitness(codes: Any, factors: Any, bins: int = 20, seed: int = 0) -> float:
    """How well a linear model reads every factor off the whole code: the mean area under the ROC curve.

    For each class of each factor, one against all others, of one logistic regression a factor on
    standardised codes, on the half of the rows that it has not seen (Ridgeway & Mozer 2018, section 3). 1 is
    best, and 0.5 is what a code that says nothing gets. Which dimension says it is not asked: rotations
    change nothing.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    z, v = matched(codes, factors, bins)
    z, scores = standardised(z), []
    train, test = _split(len(z), 0.5, seed)
    for k, column in enumerate(v.T):
        both = np.intersect1d(column[train], column[test])
        if not len(both) or np.ptp(column[train]) == 0 or np.ptp(column[test]) == 0:
            raise ValueError(
                f"factor {k} has too few rows a class: half of them teach, the other half judges"
            )
        model = LogisticRegression(max_iter=2000).fit(z[train], column[train])
        found = model.predict_proba(z[test])
        areas = [
            roc_auc_score(column[test] == label, found[:, place])
            for place, label in enumerate(model.classes_)
            if 0 < (column[test] == label).sum() < len(test)
        ]
        scores.append(np.mean(areas))
    return float(np.mean(scores))


def sap(codes: Any, factors: Any, categories: Sequence[int] = (), seed: int = 0) -> float:
    """Separated attribute predictability: how far the dimension that predicts a factor best is ahead.

        SAP = 1/K Σ_k S_(1)k − S_(2)k

    Kumar, Sattigeri & Balakrishnan 2018 (arXiv:1711.00848, section 3). S_jk is the squared correlation of
    z_j and v_k: the share of the variance that a line explains. For the `categories` (columns of factors
    that have no order) it is the accuracy on held-out rows of a logistic regression on z_j alone, where the
    authors, and Locatello et al. 2019 for all factors, have a linear SVM. It knows no H(v), so that a factor
    that is hard to predict weighs little.

    Args:
        codes, factors: as of `mig`. categories: columns of `factors`. seed: of the rows held out, a half.

    Raises:
        ValueError: for words among factors that are not named as `categories`, or a column that is not there.
    """
    from sklearn.linear_model import LogisticRegression

    z, v = matched(codes, factors)
    if not set(categories) <= set(range(v.shape[1])):
        raise ValueError(f"categories are columns of the factors, 0 to {v.shape[1] - 1}; got {categories}")
    numbers = standardised(_plain(factors, categories))
    z = standardised(z)
    scores = np.square(z.T @ numbers / len(z))  # (d, k)
    train, test = _split(len(z), 0.5, seed)
    for k in categories:
        for j in range(z.shape[1]):
            model = LogisticRegression(C=1e3, max_iter=2000).fit(z[train, j : j + 1], v[train, k])
            scores[j, k] = model.score(z[test, j : j + 1], v[test, k])
    scores = np.sort(scores, 0)
    return float((scores[-1] - (scores[-2] if len(scores) > 1 else 0.0)).mean())


class DCI(NamedTuple):
    """All between 0 and 1, and best at 1.

    Attributes:
        disentanglement: does a dimension serve one factor? completeness: is a factor served by one dimension?
        informativeness: accuracy on held-out rows, the mean over factors; None of importances alone.
        importance: (d, k), of a dimension for a factor; each column adds up to 1, or to 0.
    """

    disentanglement: float
    completeness: float
    informativeness: float | None
    importance: Array


def dci(codes: Any, factors: Any, bins: int = 20, trees: int = 20, seed: int = 0) -> DCI:
    """Disentanglement, completeness and informativeness, of the importances in a forest a factor.

    Eastwood & Williams 2018 (ICLR, section 2), who take a lasso or a random forest; Locatello et al. 2019
    take boosted trees, so numbers are not interchangeable. See `dci_of` for the equations. Importance is the
    impurity that splits on a dimension take away; every split may choose among all dimensions.

    Args:
        codes, factors: as of `mig`. trees: of each forest.
        seed: of the forests, and of the quarter of the rows that judges them.
    """
    from sklearn.ensemble import RandomForestClassifier

    z, v = matched(codes, factors, bins)
    train, test = _split(len(z), 0.25, seed)
    importance, right = [], []
    for column in v.T:
        forest = RandomForestClassifier(trees, max_features=None, min_samples_leaf=2, random_state=seed)
        forest.fit(z[train], column[train])
        importance.append(forest.feature_importances_)
        right.append(forest.score(z[test], column[test]))
    return dci_of(np.stack(importance, 1))._replace(informativeness=float(np.mean(right)))


def dci_of(importance: Any) -> DCI:
    """Of importances R (d, k), none negative:

        D = Σ_j ρ_j (1 − H_K(R_j· / Σ_k R_jk)),   ρ_j = Σ_k R_jk / Σ R
        C = Σ_k ρ_k (1 − H_D(R_·k / Σ_j R_jk)),   ρ_k = Σ_j R_jk / Σ R

    with entropies to the base of what they run over, K factors or D dimensions. A dimension of no importance
    weighs nothing; where none has any, both are 0.

    >>> copies = dci_of(np.vstack([np.eye(5), np.eye(5)]))
    >>> round(copies.disentanglement, 6), round(copies.completeness, 6)  # 1 − log 2 / log 10
    (1.0, 0.69897)
    """
    shares = float64(importance)
    if shares.ndim != 2 or (shares < 0).any():
        raise ValueError(f"importances are a matrix (dimensions, factors), none negative; got {importance}")
    return DCI(_concentrated(shares), _concentrated(shares.T), None, shares)


def irs(codes: Any, factors: Any, bins: int = 20, quantile: float = 0.99) -> float:
    """The interventional robustness score: does a dimension stay where it is while other factors move?

        IRS_jk = 1 − E_v [Q |z_j − E(z_j | v_k = v)|  given v_k = v] / max |z_j − E z_j|
        IRS = Σ_j w_j max_k IRS_jk,   w_j ∝ max |z_j − E z_j|

    Suter et al. 2019 (arXiv:1811.00007), for factors that are independent and crossed. Q is the 99th
    percentile, as in the authors' code, where the paper has the maximum (`quantile=1`). The weights are in
    the units of the codes. Dimensions that never move are left out; where none moves it is 0. A duplicated
    code is as robust.
    """
    z, v = matched(codes, factors, bins)
    z = z[:, moving(z)]
    if not z.shape[1]:
        return 0.0
    most = np.abs(z - z.mean(0)).max(0)  # (d,)
    robust = []
    for column in v.T:
        groups = [z[column == label] for label in np.unique(column)]
        away = [np.quantile(np.abs(group - group.mean(0)), quantile, axis=0) for group in groups]
        robust.append(1 - np.mean(away, 0) / most)
    return float(np.average(np.max(robust, 0), weights=most))


def matched(codes: Any, factors: Any, bins: int = 20) -> tuple[Array, np.ndarray]:
    """Codes (n, d) and the class of each factor (n, k), from 0; checked.

    Raises:
        ValueError: if rows disagree, a value is not finite, or a factor is constant.
    """
    z, v = rows_of_numbers(codes, "codes"), np.atleast_1d(_host(factors))
    if len(z) != len(v):
        raise ValueError(f"every code needs its factors; there are {len(z)} codes, {len(v)} rows of factors")
    v = v.reshape(len(v), -1)
    if bins < 2:
        raise ValueError(f"bins is at least 2, got {bins}")
    classes = np.stack([_classes(column, bins) for column in v.T], 1)
    for k in np.flatnonzero(classes.max(0) == 0):
        raise ValueError(f"factor {k} never varies: nothing can follow it; leave its column out")
    return z, classes


def binned(columns: Array, bins: int) -> np.ndarray:
    """The bin of equal width of every value in its column, (n, d), from 0; a constant column is all 0."""
    low, span = columns.min(0), np.ptp(columns, axis=0)
    place = (columns - low) / np.where(moving(columns), span, np.inf) * bins
    return np.minimum(place.astype(int), bins - 1)


def moving(codes: Array) -> np.ndarray:
    """Which dimensions vary by more than rounding, (d,)."""
    return np.ptp(codes, axis=0) > 1e-12 * np.maximum(np.abs(codes).max(0), 1e-300)


def standardised(columns: Array) -> Array:
    """To mean 0 and variance 1; what does not vary becomes 0."""
    spread = np.where(moving(columns), columns.std(0), np.inf)
    return (columns - columns.mean(0)) / spread


def _host(factors: Any) -> np.ndarray:
    return factors.detach().cpu().numpy() if isinstance(factors, Tensor) else np.asarray(factors)


def _classes(column: np.ndarray, bins: int) -> np.ndarray:
    numbers = column.dtype.kind == "f"
    if numbers and not np.isfinite(column).all():
        raise ValueError("a factor has values that are not finite; leave those rows out")
    if numbers and (column != np.round(column)).any():
        return binned(column[:, None].astype(float), bins)[:, 0]
    return np.unique(column, return_inverse=True)[1]


def _plain(factors: Any, categories: Sequence[int]) -> Array:
    """Factors as numbers (n, k), 0 where they are categories."""
    v = _host(factors)
    v, numbers = v.reshape(len(v), -1), []
    for k in range(v.shape[1]):
        try:
            numbers.append(np.zeros(len(v)) if k in categories else v[:, k].astype(float))
        except ValueError as error:
            raise ValueError(f"factor {k} holds words, which have no order: categories=[{k}]") from error
    return np.stack(numbers, 1)


def _information(a: np.ndarray, b: np.ndarray) -> float:
    counts = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(counts, (a, b), 1.0)
    p = counts / len(a)
    apart = p.sum(1, keepdims=True) * p.sum(0)
    seen = p > 0
    nats = float((p[seen] * np.log(p[seen] / apart[seen])).sum())
    return nats if nats > 1e-12 else 0.0  # of a constant, rounding would be all there is


def _concentrated(importance: Array) -> float:
    """1 less the entropy of each row, to the base of its length; the mean, weighted by the rows' sums."""
    sums = importance.sum(1, keepdims=True)
    if not sums.sum():
        return 0.0
    if importance.shape[1] == 1:
        return 1.0
    p = importance / np.where(sums > 0, sums, 1.0)
    entropy = -(p * np.log(np.where(p > 0, p, 1.0))).sum(1) / np.log(importance.shape[1])
    return float(((1 - entropy) * sums[:, 0]).sum() / sums.sum())


def _split(rows: int, held_out: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.random.default_rng(seed).permutation(rows)
    cut = max(1, round(held_out * rows))
    return order[cut:], order[:cut]
