"""The bottleneck of the variational autoencoder."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..distributions import DiagonalNormal
from ..trace import Code, Stage
from .latent import Latent


class Gaussian(Latent):
    """A diagonal Gaussian posterior against a standard normal prior (Kingma & Welling 2014, appendix B).

    The encoder delivers (b, 2 dim): means, then log standard deviations. These are held smoothly below
    `bound`, since the exponential of an unbounded one is the classical source of NaN, and a posterior several
    times as wide as its prior is never an answer.
    """

    zero: Tensor

    def __init__(self, dim: int, bound: float = 2.0):
        super().__init__()
        self.dim, self.features, self.bound = dim, 2 * dim, bound
        self.register_buffer("zero", torch.zeros(()), persistent=False)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        mean, log_scale = features.chunk(2, -1)  # (b, d) each
        q = DiagonalNormal(mean, self.bound - F.softplus(self.bound - log_scale))
        z = q.rsample() if noisy else q.mean
        return Code(z, (Stage(z, q, DiagonalNormal(self.zero, self.zero, standard=True)),))

    def sample(self, n: int) -> Tensor:
        return self.zero.new_empty(n, self.dim).normal_()

    def fit_prior(self, codes: Tensor) -> None:
        """Nothing to learn: the prior is part of the model."""
