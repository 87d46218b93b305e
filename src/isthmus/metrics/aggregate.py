"""The aggregate posterior q(z) = 1/N Σ_n q(z | x_n), and what its distance from the prior is made of."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..distributions import DiagonalNormal
from ..model import Learner
from ..randomness import seeded
from .passes import Rows, at_rest, batches, rows_of, stochastic

MEMORY = 2**23  # numbers held at once, whatever the number of rows


class KLParts(NamedTuple):
    """What E_x KL(q(z|x) ‖ p(z)) is made of, in nats: each a mean over rows and draws.

    Attributes:
        kl: the whole, in closed form.
        mutual_information: I(n; z), how much a code says of which row it came from; never above log N.
        marginal_kl: KL(q(z) ‖ p(z)), how far all codes together are from the prior.
        total_correlation: KL(q(z) ‖ Π_j q(z_j)), how much the dimensions say of one another.
        dimensionwise_kl: Σ_j KL(q(z_j) ‖ p(z_j)); with the total correlation it makes up the marginal KL.
        standard_error: of `mutual_information` + `marginal_kl` against `kl`, for the draws.
    """

    kl: float
    mutual_information: float
    marginal_kl: float
    total_correlation: float
    dimensionwise_kl: float
    standard_error: float


def kl_parts(model: Learner, rows: Rows, samples: int = 10, seed: int = 0) -> KLParts:
    """The KL term of a Gaussian code, taken apart with the exact aggregate posterior of these rows.

        E_n KL(q(z|x_n) ‖ p) = I(n; z) + KL(q(z) ‖ p)                        (Hoffman & Johnson 2016)
                             = I(n; z) + TC(z) + Σ_j KL(q(z_j) ‖ p(z_j))     (Chen et al. 2018, eq. 2)

    The expectations are means over `samples` draws a row; log q(z) is exact, a sum over all N rows, so the
    work grows with N². Rows of a large data set should be drawn at random: a few thousand are enough, but the
    information is at most the log of their number.

    Raises:
        TypeError: if the code is deterministic, or its posterior is not one diagonal Gaussian.
    """
    if samples < 1:
        raise ValueError(f"samples must be at least 1, got {samples}")
    means, scales, whole = [], [], []
    with at_rest(model) as autoencoder:
        for batch in batches(rows, autoencoder):
            code = autoencoder.encode(batch.input, **batch.context)
            stochastic(code, "the parts of the KL")
            stage = code.stages[0]
            if len(code.stages) > 1 or not isinstance(stage.q, DiagonalNormal):
                raise TypeError("the parts of the KL need a code with one diagonal Gaussian posterior")
            means.append(stage.q.mean.double())
            scales.append(stage.q.log_scale.double())
            whole.append(stage.q.kl(stage.p).double().sum(-1))
    q, kl = DiagonalNormal(rows_of(means), rows_of(scales)), rows_of(whole)  # (N, d); (N,)
    origin = torch.zeros((), dtype=torch.float64)
    prior = DiagonalNormal(origin, origin, standard=True)
    with seeded(seed):
        z = q.rsample((samples,))  # (K, N, d)
    own = q.log_prob(z).flatten()  # (K N,)
    z = z.flatten(0, 1)  # (K N, d)
    joint, apart = log_aggregate(z, q)
    ahead = prior.log_density(z).sum(-1)
    off = own - ahead - kl.repeat(samples)
    return KLParts(
        float(kl.mean()),
        float((own - joint).mean()),
        float((joint - ahead).mean()),
        float((joint - apart).mean()),
        float((apart - ahead).mean()),
        float(off.std() / len(off) ** 0.5),
    )


def log_aggregate(z: Tensor, q: DiagonalNormal) -> tuple[Tensor, Tensor]:
    """log q(z) and Σ_j log q(z_j) of codes (n, d) under the mixture of all posteriors (N, d), (n,) each."""
    number = len(q.mean)
    joint, apart = [], []
    for some in z.split(max(1, MEMORY // q.mean.numel())):
        pairs = q.log_density(some[:, None])  # (n, N, d)
        joint.append(pairs.sum(-1).logsumexp(1))
        apart.append(pairs.logsumexp(1))
    log_n = torch.tensor(float(number), dtype=torch.float64).log()
    return torch.cat(joint) - log_n, (torch.cat(apart) - log_n).sum(-1)
