"""The bottleneck of the variational autoencoder."""

from __future__ import annotations

import torch
from torch import Tensor

from ..distributions import DiagonalNormal
from ..priors import Prior
from ..trace import Code, Stage
from .latent import Latent


class Gaussian(Latent):
    """A diagonal Gaussian posterior against a standard normal prior (Kingma & Welling 2014, appendix B).

    The encoder delivers (b, 2 dim): means, then log standard deviations. These are held smoothly below
    `bound`, since the exponential of an unbounded one is the classical source of NaN, and a posterior several
    times as wide as its prior is never an answer. With a `prior` of `isthmus.priors` codes are measured
    against that, and its parameters are learned along; the divergence is then estimated at the draw.
    """

    zero: Tensor

    def __init__(self, dim: int, bound: float = 2.0, prior: Prior | None = None):
        super().__init__()
        self.dim, self.features, self.bound, self.prior = dim, 2 * dim, bound, prior
        self.register_buffer("zero", torch.zeros(()), persistent=False)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        q = DiagonalNormal.of(features, self.bound)  # (b, d)
        z = q.rsample() if noisy else q.mean
        p = DiagonalNormal(self.zero, self.zero, standard=True) if self.prior is None else self.prior
        return Code(z, (Stage(z, q, p),))

    def sample(self, n: int) -> Tensor:
        return self.zero.new_empty(n, self.dim).normal_() if self.prior is None else self.prior.sample(n)

    def fit_prior(self, codes: Tensor) -> None:
        """Nothing to learn: the prior is part of the model."""
