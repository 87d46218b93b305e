"""One Gaussian: the simplest density that can be fitted to codes."""

from __future__ import annotations

import torch
from torch import Tensor

from ..distributions import LOG_2PI
from .prior import Prior


class Normal(Prior):
    """N(μ, Σ): N(0, I) until `fit` has measured mean and covariance of codes.

    The simplest ex-post density (Ghosh et al. 2020, section 4, arXiv:1903.12436). Its parameters are not
    learned along: what a model learns to shift and scale, its encoder can.

    >>> Normal(2).log_prob(torch.zeros(2))
    tensor(-1.8379)
    """

    location: Tensor
    axes: Tensor
    scale: Tensor

    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim
        self.register_buffer("location", torch.zeros(dim))
        self.register_buffer("axes", torch.eye(dim))  # principal axes, a column each
        self.register_buffer("scale", torch.ones(dim))  # and the standard deviation along each

    def log_prob(self, z: Tensor) -> Tensor:
        scale = self.scale.clamp_min(1e-6 * self.scale.max())  # along a dead axis there is no density
        along = (z - self.location) @ self.axes / scale
        return -0.5 * (along.square() + LOG_2PI).sum(-1) - scale.log().sum()

    def sample(self, n: int) -> Tensor:
        return self.location + self.scale * self.scale.new_empty(n, self.dim).normal_() @ self.axes.T

    @torch.no_grad()
    def fit(self, codes: Tensor) -> None:
        """Mean and covariance of the codes; dead dimensions get no spread."""
        codes = codes.double()
        values, vectors = torch.linalg.eigh(torch.cov(codes.T, correction=0).view(self.dim, self.dim))
        self.location.copy_(codes.mean(0))
        self.axes.copy_(vectors)
        self.scale.copy_(values.clamp_min(0).sqrt())
