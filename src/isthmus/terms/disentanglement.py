"""What the divergence is made of, and what the dimensions of a code say together: scalars over a batch."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ..objective import Term
from ..trace import Trace
from .divergence import only_gaussian


def decomposed_kl(rows: int) -> tuple[Term, Term, Term]:
    """The three parts of E KL(q(z|x) ‖ p(z)), by minibatch-weighted sampling (Chen et al. 2018, 1802.04942).

        mutual_information    E log q(z|x) − log q(z)
        total_correlation     E log q(z) − Σ_j log q(z_j)
        dimensionwise_kl      E Σ_j log q(z_j) − log p(z)

    with q(z) ≈ 1/NM Σ_m q(z | x_m) over a batch of M of the N = `rows` training rows (their eq. 5). Each part
    alone is biased; together they are the sampled KL exactly. Terms of one call share their work. β-TCVAE is
    `reconstruction + mi + beta * tc + dkl`.

    >>> mi, tc, dkl = decomposed_kl(rows=1000)
    >>> mi + 6.0 * tc + dkl
    mutual_information + 6.0 * total_correlation + dimensionwise_kl
    """

    def parts(model: Any, trace: Trace) -> dict[str, Tensor]:
        z, q, p = only_gaussian(trace, "the decomposed KL")
        pairs = q.log_density(z[:, None])  # (b, b, d): every code under every posterior
        log_nm = math.log(rows * len(z))
        joint = pairs.sum(-1).logsumexp(1) - log_nm  # (b,): log q(z)
        product = (pairs.logsumexp(1) - log_nm).sum(-1)  # (b,): Σ_j log q(z_j)
        return {
            "mutual_information": (q.log_prob(z) - joint).mean(),
            "total_correlation": (joint - product).mean(),
            "dimensionwise_kl": (product - p.log_prob(z)).mean(),
        }

    mutual_information, total_correlation, dimensionwise_kl = (
        Term(name, parts) for name in ("mutual_information", "total_correlation", "dimensionwise_kl")
    )
    return mutual_information, total_correlation, dimensionwise_kl


def dip(off_diagonal: float = 10.0, diagonal: float = 100.0, within: bool = False) -> Term:
    """λ_od Σ_{i≠j} C_ij² + λ_d Σ_i (C_ii − 1)²: the aggregate posterior's covariance C should be the prior's.

    C is the covariance over the batch of the posterior means (DIP-VAE-I, where λ_d = 10 λ_od), and with
    `within` also the mean of the posterior variances (DIP-VAE-II, where λ_d = λ_od). Kumar, Sattigeri &
    Balakrishnan, ICLR 2018, arXiv:1711.00848.
    """

    def dip(model: Any, trace: Trace) -> Tensor:
        _, q, _ = only_gaussian(trace, "the DIP penalty")
        covariance = torch.atleast_2d(torch.cov(q.mean.T, correction=0))
        if within:
            covariance = covariance + (2 * q.log_scale).exp().mean(0).diag()
        return distance_to_identity(covariance, off_diagonal, diagonal)

    return Term("dip", dip)


def distance_to_identity(covariance: Tensor, off_diagonal: float, diagonal: float) -> Tensor:
    variances = covariance.diagonal()
    crossed = covariance.square().sum() - variances.square().sum()
    return off_diagonal * crossed + diagonal * (variances - 1).square().sum()
