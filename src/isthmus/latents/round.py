"""Codes on a sphere, without noise."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional as F

from ..priors import Normal
from ..trace import Code
from .latent import Latent


class Round(Latent):
    """z = √d f / ‖f‖: codes on the sphere of radius √d, where N(0, I) nearly all lies.

    A bounded place without an edge, for chains that walk over codes (Yoon et al. 2021, section 4.4). `sample`
    draws evenly from the sphere, and after `fit_prior` from a Gaussian fitted to the codes, put onto it.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.features, self.dim, self.prior = dim, dim, Normal(dim)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        return Code(self.onto(features))

    def onto(self, z: Tensor) -> Tensor:
        return math.sqrt(self.dim) * F.normalize(z, dim=-1)

    def sample(self, n: int) -> Tensor:
        return self.onto(self.prior.sample(n))

    def fit_prior(self, codes: Tensor) -> None:
        """Mean and covariance of the codes."""
        self.prior.fit(codes)
