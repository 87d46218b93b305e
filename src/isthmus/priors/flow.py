"""A prior that is a standard normal, bent."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..distributions import LOG_2PI
from ..nets.invertible import couplings
from .prior import Prior, Whitening, descend


class Flow(Prior):
    """p(z) = N(f(z); 0, I) |det ∂f/∂z|, f a chain of affine coupling layers (see `isthmus.nets.couplings`).

    Learned along with a VAE it is the flow prior of Chen et al. (2017, arXiv:1611.02731), afterwards
    a density of the codes of any autoencoder. A code of one
    dimension has nothing to couple: there it is a Gaussian.

    Reference: Dinh, Sohl-Dickstein & Bengio, Density Estimation Using Real NVP, ICLR 2017, arXiv:1605.08803.
    """

    def __init__(self, dim: int, layers: int = 6, hidden: Sequence[int] = (64, 64), updates: int = 2000):
        super().__init__()
        self.dim, self.updates = dim, updates
        self.white = Whitening(dim)
        self.net = couplings(dim, layers, hidden)

    def log_prob(self, z: Tensor) -> Tensor:
        return self.white_density(self.white(z)) + self.white.log_det

    def white_density(self, white: Tensor) -> Tensor:
        """Log density of whitened codes, (..., d) -> (...)."""
        base, log_det = self.net(white.reshape(-1, self.dim))
        return (log_det - 0.5 * (base.square() + LOG_2PI).sum(-1)).view(white.shape[:-1])

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        return self.white.inverse(self.net.inverse(self.white.scale.new_empty(n, self.dim).normal_()))

    def fit(self, codes: Tensor) -> None:
        """Maximum likelihood, by `updates` steps of Adam on whitened codes."""
        white = self.white.fit(codes)
        descend(self.net, lambda z: -self.white_density(z), white, self.updates)
