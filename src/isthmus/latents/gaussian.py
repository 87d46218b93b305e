"""The bottleneck of the variational autoencoder."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..distributions import Density, DiagonalNormal, Posterior
from ..priors import Prior
from ..trace import Code, Stage
from .latent import Known


class Measured(Known):
    """A latent with one stage, against N(0, I) or a `prior` of `isthmus.priors`, which is learned along.

    Still abstract: how features become a posterior remains to be said.
    """

    zero: Tensor

    def __init__(self, dim: int, prior: Prior | None):
        super().__init__()
        self.dim, self.prior = dim, prior
        self.register_buffer("zero", torch.zeros(()), persistent=False)

    def measured(self, q: Posterior, noisy: bool) -> Code:
        """A draw of q, or its mean, beside the prior."""
        z = q.rsample() if noisy else q.mean
        plain = DiagonalNormal(self.zero, self.zero, standard=True)
        p: Density = plain if self.prior is None else self.prior
        return Code(z, (Stage(z, q, p),))

    def sample(self, n: int) -> Tensor:
        return self.zero.new_empty(n, self.dim).normal_() if self.prior is None else self.prior.sample(n)


class Gaussian(Measured):
    """A diagonal Gaussian posterior against a standard normal prior (Kingma & Welling 2014, appendix B).

    The encoder delivers (b, 2 dim): means, then log standard deviations. These are held smoothly below
    `bound`, since the exponential of an unbounded one is the classical source of NaN, and a posterior several
    times as wide as its prior is never an answer. With a `prior` of `isthmus.priors` codes are measured
    against that, and its parameters are learned along; the divergence is then estimated at the draw.
    """

    def __init__(self, dim: int, bound: float = 2.0, prior: Prior | None = None):
        super().__init__(dim, prior)
        self.features, self.bound = 2 * dim, bound

    def forward(self, features: Tensor, noisy: bool) -> Code:
        return self.measured(DiagonalNormal.of(features, self.bound), noisy)


def committed(nats: float) -> float:
    """The log σ below which every dimension of a posterior costs more than δ `nats` against N(0, 1).

        ½ (σ² − 1 − log σ²) = δ,  σ < 1     so     σ² = −W(−exp(−1 − 2δ)),  W Lambert's function

    `Gaussian(dim, bound=committed(δ))` is the family of a δ-VAE for codes without an order in time: it cannot
    be the prior, so that a strong decoder gains nothing by ignoring the code (Razavi et al., Preventing
    Posterior Collapse with δ-VAEs, ICLR 2019, section 2, arXiv:1901.03416). All codes together still can be:
    the means make up for what the posteriors lack in width.

    >>> round(committed(0.1), 3)
    -0.368
    """
    if not nats > 0:
        raise ValueError(f"a committed rate is above 0 nats, not {nats}; Gaussian(dim) commits to none")
    from scipy.special import lambertw  # here, since `import isthmus` does without SciPy

    return 0.5 * math.log(-lambertw(-math.exp(-1 - 2 * nats)).real)
