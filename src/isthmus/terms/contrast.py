"""Two views of a row should have like codes, and codes of different rows should differ.

The second view is in the context, as `view` (`isthmus.corruptions.two_views` puts it there), and the code has
a projection (`isthmus.latents.Projected`), so that what views do not share stays in the code itself, for the
decoder. Such terms tie samples: scalars.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..objective import Objective, Term, term
from ..trace import Trace


def info_nce(temperature: float = 0.1) -> Term:
    """Which of 2n − 1 others is the other view of the same row? The mean cross-entropy, in nats.

        −1/2n Σ_i log exp(s(a_i, b_i) / τ) / Σ_{c ≠ a_i} exp(s(a_i, c) / τ),   s the cosine

    c runs over the other views of both kinds, and each view asks in turn. Also called NT-Xent. log(2n − 1)
    for codes that are all alike: it cannot tell more than that of what views share, whatever the batch, and
    is not compared between batch sizes. `temperature` is τ: 0.1 is the paper's for ImageNet.

    Reference: van den Oord, Li & Vinyals 2018, arXiv:1807.03748; Chen, Kornblith, Norouzi & Hinton, A Simple
    Framework for Contrastive Learning of Visual Representations, ICML 2020, equation 1, arXiv:2002.05709.
    """
    if not temperature > 0:
        raise ValueError(f"the temperature is above 0; it is {temperature}")

    @term
    def info_nce(model: Any, trace: Trace) -> Tensor:
        return cross_entropy_of_pairs(*projections(model, trace), temperature)

    return info_nce


def barlow(redundancy: float = 0.005) -> Term:
    """Σ_i (1 − C_ii)² + λ Σ_{i≠j} C_ij², C the correlation of one view's numbers with the other's.

    C is taken over the batch. No negatives: what keeps codes apart is that every number must vary, and say
    what no other says.
    Reference: Zbontar, Jing, Misra, LeCun & Deny, Barlow Twins, ICML 2021, equation 1, arXiv:2103.03230 (λ).
    """

    @term
    def barlow(model: Any, trace: Trace) -> Tensor:
        return cross_correlation(*projections(model, trace), redundancy)

    return barlow


def vicreg(alike: float = 25.0, apart: float = 25.0, unlike: float = 1.0) -> Objective:
    """Views alike, each number spread over rows, and numbers uncorrelated: three terms, with their weights.

        25 · invariance + 25 · variance + covariance

    Weights and means as in the authors' code: the first is a mean over numbers and rows, where the paper's
    equation 5 sums over numbers, and the second a mean over both views.
    Reference: Bardes, Ponce & LeCun, VICReg, ICLR 2022, arXiv:2105.04906.
    """
    return alike * invariance + apart * variance + unlike * covariance


def spread(model: Any, trace: Trace) -> dict[str, Tensor]:
    """The three parts of VICReg, of the projections of two views."""
    a, b = projections(model, trace)
    parts = [variance_and_covariance(each) for each in (a, b)]
    return {
        "invariance": (a - b).square().mean(),
        "variance": 0.5 * (parts[0][0] + parts[1][0]),
        "covariance": parts[0][1] + parts[1][1],
    }


invariance = Term("invariance", spread)
variance = Term("variance", spread)
covariance = Term("covariance", spread)


def projections(model: Any, trace: Trace) -> tuple[Tensor, Tensor]:
    """(b, p), (b, p): of the view that was read, and of the one in the context, which is read whole.

    Raises ValueError where there is no projection or no second view.
    """
    context = dict(trace.batch.context)
    view = context.pop("view", None)
    for of_the_first in {"hidden", "visible", "observed"} - model.asks:  # the view lacks what it lacks
        context.pop(of_the_first, None)
    if view is None or "projection" not in trace.code.extra:
        raise ValueError(
            "a contrastive term compares projections of two views: it needs a corruption that makes them, "
            "isthmus.corruptions.two_views, and a latent that projects, isthmus.latents.Projected"
        )
    return trace.code.extra["projection"], model.encode(view, **context).extra["projection"]


def cross_entropy_of_pairs(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """`info_nce` of (n, p), (n, p); 0 for a single row, which has nothing to be taken for."""
    n, z = len(a), F.normalize(torch.cat([a, b]), dim=1)
    logits = (z @ z.T / temperature).masked_fill(
        torch.eye(2 * n, dtype=torch.bool, device=z.device), -torch.inf
    )
    pair = torch.arange(2 * n, device=z.device).roll(n)
    return F.cross_entropy(logits, pair)


def cross_correlation(a: Tensor, b: Tensor, redundancy: float) -> Tensor:
    """`barlow` of (n, p), (n, p); a number that does not vary over the batch is correlated with nothing."""
    a, b = ((x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt() for x in (a, b))
    c = a.T @ b / len(a)  # (p, p)
    diagonal = c.diagonal()
    return (1 - diagonal).square().sum() + redundancy * (c.square().sum() - diagonal.square().sum())


def variance_and_covariance(z: Tensor) -> tuple[Tensor, Tensor]:
    """mean max(0, 1 − deviation), and the squared off-diagonal covariances over p; of (n, p)."""
    centred = z - z.mean(0)
    c = centred.T @ centred / max(len(z) - 1, 1)  # (p, p)
    lack = F.relu(1 - (c.diagonal() + 1e-4).sqrt()).mean()
    return lack, (c.square().sum() - c.diagonal().square().sum()) / z.shape[1]
