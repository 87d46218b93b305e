"""A code without noise."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..trace import Code
from .latent import Latent


class Deterministic(Latent):
    """z = features: the bottleneck of a plain autoencoder.

    It says nothing of where codes lie. Until `fit_prior` has seen some, `sample` draws from N(0, I), and what
    that decodes to need not look like data; afterwards from the Gaussian fitted to them, the simplest ex-post
    density (Ghosh et al. 2020, section 4, arXiv:1903.12436). `matched` says that training itself pulls the
    codes towards N(0, I), as in a Wasserstein autoencoder: then that stays the prior.
    """

    location: Tensor
    spread: Tensor

    def __init__(self, dim: int, activation: type[nn.Module] = nn.Identity, matched: bool = False):
        super().__init__()
        self.features, self.dim, self.matched = dim, dim, matched
        self.activation = activation()
        self.register_buffer("location", torch.zeros(dim))
        self.register_buffer("spread", torch.eye(dim))

    def forward(self, features: Tensor, noisy: bool) -> Code:
        return Code(self.activation(features))

    def sample(self, n: int) -> Tensor:
        return self.location + self.spread.new_empty(n, self.dim).normal_() @ self.spread.T

    @torch.no_grad()
    def fit_prior(self, codes: Tensor) -> None:
        """Mean and covariance of the codes; dead dimensions get no spread."""
        if self.matched:
            return
        codes = codes.double()
        values, vectors = torch.linalg.eigh(torch.cov(codes.T, correction=0).view(self.dim, self.dim))
        self.location.copy_(codes.mean(0))
        self.spread.copy_(vectors * values.clamp_min(0).sqrt())
