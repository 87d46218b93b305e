"""Whether codes fall into groups, and whether these are the ones that have names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from .arrays import Array, float64
from .significance import Interval, bootstrap

ROWS = 5000  # that a silhouette is taken of: it needs all distances


class Clusters(NamedTuple):
    """k-means clusters of codes, beside labels where there are any.

    Attributes:
        nmi: normalised mutual information with the labels, 0 to 1; None without labels. It grows with the
            number of clusters, even of random ones.
        ari: adjusted Rand index, 1 where both agree and 0 in expectation where they are independent.
        silhouette: −1 to 1, how much nearer a code is to its own cluster than to the next; no label enters.
        assignment: (n,), the cluster of each code.
    """

    nmi: Interval | None
    ari: Interval | None
    silhouette: Interval
    assignment: np.ndarray


def cluster_scores(
    codes: Any, labels: Any = None, *, clusters: int | None = None, draws: int = 500, seed: int = 0
) -> Clusters:
    """Cluster codes by k-means and say how good the clusters are (Vinh et al. 2010; Rousseeuw 1987).

    NMI is normalised by the arithmetic mean of the entropies and ARI adjusted for chance, both as
    scikit-learn computes them; prefer ARI where numbers of clusters differ. The intervals are bootstrap
    intervals over rows for the clusters as they were found. The silhouette is that of at most 5000 rows,
    drawn at random.

    Args:
        codes: (n, ...), flattened. labels: (n,), whole numbers or words.
        clusters: by default as many as there are labels.
        draws: of the bootstrap. seed: of k-means (ten starts) and of draws.

    Raises:
        ValueError: if neither labels nor clusters say how many, or there are fewer distinct codes than that.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_samples

    codes = float64(codes)
    codes = codes.reshape(len(codes), -1)
    known = None
    if labels is not None:
        labels = labels.detach().cpu().numpy() if isinstance(labels, Tensor) else np.asarray(labels)
        if labels.shape != (len(codes),):
            raise ValueError(f"there are {len(codes)} codes and labels of shape {labels.shape}")
        known = np.unique(labels, return_inverse=True)[1]
    if clusters is None:
        if known is None:
            raise ValueError("without labels, say how many clusters to look for: clusters=10")
        clusters = int(known.max()) + 1
    distinct = len(np.unique(codes, axis=0))
    if not 2 <= clusters <= min(distinct, len(codes) - 1):
        raise ValueError(
            f"clusters goes from 2 to the number of distinct codes, {distinct}, and is below that of rows, "
            f"{len(codes)}; got {clusters}"
        )
    found = KMeans(clusters, n_init=10, random_state=seed).fit_predict(codes)
    some = np.random.default_rng(seed).permutation(len(codes))[:ROWS]
    silhouette = bootstrap(silhouette_samples(codes[some], found[some]), draws=draws, seed=seed)
    if known is None:
        return Clusters(None, None, silhouette, found)
    both = np.stack([known, found], 1)

    def resampled(measure: Callable[..., float]) -> Interval:
        # NMI and ARI near 1 leave no room for the corrections of BCa
        def of(pairs: Array) -> float:
            return float(measure(*pairs.astype(int).T))

        return bootstrap(both, of, draws=draws, method="percentile", seed=seed)

    nmi, ari = resampled(normalized_mutual_info_score), resampled(adjusted_rand_score)
    return Clusters(nmi, ari, silhouette, found)
