"""Whether models trained from several seeds arrive at the same dimensions: disentanglement without labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from .arrays import Array, rows_of_numbers
from .disentanglement import moving, standardised


class UDR(NamedTuple):
    """`scores` (m,) of the models, each the median of its `pairs` (m, m) with the others."""

    scores: Array
    pairs: Array


def udr(
    codes: Sequence[Any],
    active: Sequence[Any] | None = None,
    relation: Literal["lasso", "spearman"] = "lasso",
    strength: float = 0.1,
) -> UDR:
    """Unsupervised disentanglement ranking: how nearly the dimensions of two models match one to one.

        UDR_ab = 1/(d_a + d_b) (Σ_b r_b² / Σ_a R_ab + Σ_a r_a² / Σ_b R_ab),   r = the largest in it

    R_ab ≥ 0 is how strongly dimension a of one model goes with b of the other: the weights of a lasso from
    one standardised code to the other, or |Spearman's ρ| (Duan et al. 2020, arXiv:1905.12614, section 3,
    where the lasso has strength 0.1). What is disentangled is found alike from every seed, up to order and
    sign; what is not is rotated at will. With the lasso the best value is 1 − `strength`. Models that all
    make the same mistake score well.

    Args:
        codes: of m ≥ 2 models for the same rows, (n, d) each; d may differ.
        active: which dimensions to count, (d,) booleans a model; the paper's are those with
            `kl_per_dimension` > 0.01. By default, all that vary: those that tremble about the prior then
            count too, and lower the score.
    """
    if len(codes) < 2:
        raise ValueError(f"the codes of two models at least are compared; got those of {len(codes)}")
    if relation not in ("lasso", "spearman"):
        raise ValueError(f"relation is 'lasso' or 'spearman', not {relation!r}")
    arrays = [rows_of_numbers(each, "codes") for each in codes]
    if len({len(each) for each in arrays}) > 1:
        raise ValueError(f"codes (n, d) of the same rows are compared; got {[each.shape for each in arrays]}")
    masks = [moving(z) for z in arrays] if active is None else [np.asarray(mask, bool) for mask in active]
    if [mask.shape for mask in masks] != [each.shape[1:] for each in arrays]:
        raise ValueError(
            f"active is a mask (d,) for each model, of {[each.shape[1] for each in arrays]} dimensions; "
            f"got masks of shapes {[mask.shape for mask in masks]}"
        )
    kept = [standardised(each[:, mask]) for each, mask in zip(arrays, masks, strict=True)]
    m = len(kept)
    pairs = np.full((m, m), np.nan)
    for i in range(m):
        for j in range(m):
            if i != j:
                pairs[i, j] = _matched(_relation(kept[i], kept[j], relation, strength))
    return UDR(np.nanmedian(pairs, 0), pairs)


def _relation(a: Array, b: Array, relation: str, strength: float) -> Array:
    from scipy.stats import rankdata
    from sklearn.linear_model import Lasso

    if not a.shape[1] or not b.shape[1]:
        return np.zeros((a.shape[1], b.shape[1]))
    if relation == "lasso":
        return np.abs(np.atleast_2d(Lasso(strength).fit(a, b).coef_)).T  # (d_a, d_b)
    ranks = [standardised(rankdata(each, axis=0)) for each in (a, b)]
    return np.abs(ranks[0].T @ ranks[1]) / len(a)


def _matched(relation: Array) -> float:
    if not relation.size:
        return 0.0

    def side(axis: int) -> float:
        sums = relation.sum(axis)
        return float((np.square(relation.max(axis)) / np.where(sums > 0, sums, 1.0)).sum())

    return (side(0) + side(1)) / sum(relation.shape)
