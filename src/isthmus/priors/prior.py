"""The contract of a prior: how probable a code is, and where new ones come from."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn


class Prior(nn.Module, ABC):
    """A density over codes (n, dim), learned along with a model or fitted to its codes afterwards.

    Learned along: hand it to a latent, `Gaussian(8, prior=Mixture(8))`; the KL term trains its parameters.
    Fitted afterwards: `fit(codes)`, which is what `Embedder.fit_prior` and the method `ex_post` call. Codes
    come as they are, of any location and scale; a prior that needs them of size 1 keeps a `Whitening`.
    """

    dim: int

    @abstractmethod
    def log_prob(self, z: Tensor) -> Tensor:
        """(..., dim) -> (...): log density in nats, or where that cannot be had a lower bound of it."""

    @abstractmethod
    def sample(self, n: int) -> Tensor:
        """(n, dim), drawn from the global generator; no gradient is needed."""

    @abstractmethod
    def fit(self, codes: Tensor) -> None:
        """Learn from codes (n, dim). What is drawn comes from the global generator, so that seeds repeat."""


class Whitening(nn.Module):
    """Codes to mean 0 and standard deviation 1 in every dimension, and back: measured by `fit`.

    A dimension that never varies keeps its size, so that nothing is divided by zero.
    """

    location: Tensor
    scale: Tensor

    def __init__(self, dim: int):
        super().__init__()
        self.register_buffer("location", torch.zeros(dim))
        self.register_buffer("scale", torch.ones(dim))

    def forward(self, codes: Tensor) -> Tensor:
        return (codes - self.location) / self.scale

    def inverse(self, white: Tensor) -> Tensor:
        return self.location + self.scale * white

    @property
    def log_det(self) -> Tensor:
        """log |∂ white / ∂ code|, a scalar: add it to a log density of white codes for one of codes."""
        return -self.scale.log().sum()

    @torch.no_grad()
    def fit(self, codes: Tensor) -> Tensor:
        """Measure, and give back the codes whitened."""
        codes = codes.double()
        spread = codes.std(0, correction=0)
        self.location.copy_(codes.mean(0))
        self.scale.copy_(torch.where(spread > 1e-6 * spread.max().clamp_min(1e-12), spread, 1.0))
        return self(codes.to(self.scale.dtype))


def descend(
    module: nn.Module,
    loss: Callable[[Tensor], Tensor],
    rows: Tensor,
    steps: int = 2000,
    batch_size: int = 256,
    lr: float = 2e-3,
) -> None:
    """Minimise the mean of `loss(batch of rows)` over the module's parameters, by Adam along a cosine.

    >>> descend(prior, lambda z: -prior.log_prob(z), codes)  # doctest: +SKIP
    """
    optimizer = torch.optim.Adam(module.parameters(), lr)
    training = module.training
    module.train()
    with torch.enable_grad():
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = lr * 0.5 * (1 + math.cos(math.pi * step / steps))
            some = rows[torch.randint(len(rows), (min(batch_size, len(rows)),), device=rows.device)]
            optimizer.zero_grad()
            loss(some).mean().backward()
            optimizer.step()
    optimizer.zero_grad()
    module.train(training)
