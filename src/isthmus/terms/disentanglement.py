"""What the divergence is made of, and what the dimensions of a code say together: scalars over a batch."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ..objective import Term, term
from ..trace import Trace
from .divergence import only_gaussian


def decomposed_kl(rows: int, stratified: bool = False) -> tuple[Term, Term, Term]:
    """The three parts of E KL(q(z|x) ‖ p(z)), estimated on a batch of M of the N = `rows` training rows.

        mutual_information    E log q(z|x) − log q(z)
        total_correlation     E log q(z) − Σ_j log q(z_j)
        dimensionwise_kl      E Σ_j log q(z_j) − log p(z)

    with q(z_i) ≈ Σ_m w_im q(z_i | x_m) (Chen et al. 2018, arXiv:1802.04942). By minibatch-weighted sampling w
    = 1/NM (their eq. 5), 1/N of the plain mean over the batch: of d dimensions the total correlation comes
    out about (d − 1) log N too large, at the gradient of that mean, in which a code's own posterior counts
    N/M times too much. With `stratified` it is in its own units, see `stratified_weights`. Whatever the
    weights, the three together are the sampled KL exactly. Terms of one call share their work, M² d numbers.
    β-TCVAE is `mi + beta * tc + dkl` beside `reconstruction`.

    >>> mi, tc, dkl = decomposed_kl(rows=1000)
    >>> mi + 6.0 * tc + dkl
    mutual_information + 6.0 * total_correlation + dimensionwise_kl
    """
    if rows < 1:
        raise ValueError(f"rows counts the training rows, at least 1; it is {rows}")

    def parts(model: Any, trace: Trace) -> dict[str, Tensor]:
        z, q, p = only_gaussian(trace, "the decomposed KL")
        pairs = q.log_density(z[:, None])  # (b, b, d): every code under every posterior
        if stratified:
            weights = stratified_weights(len(z), rows, z.device).log().to(z)
        else:
            weights = z.new_full((len(z), len(z)), -math.log(rows * len(z)))
        joint = (pairs.sum(-1) + weights).logsumexp(1)  # (b,): log q(z)
        product = (pairs + weights[..., None]).logsumexp(1).sum(-1)  # (b,): Σ_j log q(z_j)
        return {
            "mutual_information": (q.log_prob(z) - joint).mean(),
            "total_correlation": (joint - product).mean(),
            "dimensionwise_kl": (product - p.log_prob(z)).mean(),
        }

    mutual_information, total_correlation, dimensionwise_kl = (
        Term(name, parts) for name in ("mutual_information", "total_correlation", "dimensionwise_kl")
    )
    return mutual_information, total_correlation, dimensionwise_kl


def stratified_weights(batch: int, rows: int, device: torch.device | str = "cpu") -> Tensor:
    """(b, b): what each posterior of a batch counts for in q(z_i) = 1/N Σ_n q(z_i | x_n).

    A code's own posterior is in the batch for certain, and counts 1/N; the others stand for the N − 1 rows
    that are left, (N − 1) / N (b − 1) each. Rows sum to one, and the estimate of q(z_i) is unbiased over
    batches drawn without replacement; its logarithm is a little too low. Chen et al. (2018, appendix C.2)
    give one of the others another weight than the rest, which has the same mean, a larger variance, and makes
    the order of the batch matter. Their code, and what copied it, fills a column where it means the diagonal.
    """
    if batch == 1:
        return torch.ones(1, 1, device=device)
    own, others = 1 / rows, (rows - 1) / (rows * (batch - 1))
    return torch.full((batch, batch), others, device=device).fill_diagonal_(own)


@term
def density_ratio(model: Any, trace: Trace) -> Tensor:
    """log D(z) / (1 − D(z)), what a critic makes of log q(z) / Π_j q(z_j): on average the total correlation.

    The learner provides the critic, `model.critic`, which tells codes from codes whose dimensions come from
    different rows (`permuted`). Kim & Mnih 2018, equation 3, arXiv:1802.05983.
    """
    return model.critic(trace.code.z).flatten()


def permuted(z: Tensor) -> Tensor:
    """(b, d) -> (b, d): each dimension shuffled over the batch on its own, draws of Π_j q(z_j) nearly."""
    return z.gather(0, torch.rand_like(z).argsort(0))


def dip(off_diagonal: float = 10.0, diagonal: float = 100.0, within: bool = False) -> Term:
    """λ_od Σ_{i≠j} C_ij² + λ_d Σ_i (C_ii − 1)²: the aggregate posterior's covariance C should be the prior's.

    C is the covariance over the batch of the posterior means (DIP-VAE-I, where λ_d = 10 λ_od), and with
    `within` also the mean of the posterior variances (DIP-VAE-II, where λ_d = λ_od). Kumar, Sattigeri &
    Balakrishnan, ICLR 2018, arXiv:1711.00848.
    """

    def dip(model: Any, trace: Trace) -> Tensor:
        _, q, _ = only_gaussian(trace, "the DIP penalty")
        centred = q.mean - q.mean.mean(0)
        with torch.autocast(centred.device.type, enabled=False):
            covariance = centred.T @ centred / len(centred)  # torch.cov would make a device wait
        if within:
            covariance = covariance + (2 * q.log_scale).exp().mean(0).diag()
        return distance_to_identity(covariance, off_diagonal, diagonal)

    return Term("dip", dip)


def distance_to_identity(covariance: Tensor, off_diagonal: float, diagonal: float) -> Tensor:
    variances = covariance.diagonal()
    crossed = covariance.square().sum() - variances.square().sum()
    return off_diagonal * crossed + diagonal * (variances - 1).square().sum()
