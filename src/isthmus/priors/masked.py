"""A prior that says each entry of a code by those before it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..distributions import LOG_2PI, full
from ..nets import MaskedNet
from .prior import Prior, Whitening, descend

BOUND = 5.0  # of log standard deviations, both ways: codes that repeat must not have a density without end


class MaskedMixture(Prior):
    """p(z) = Π_i Σ_k π_ik N(z_i; m_ik, s_ik²): each entry a mixture, said by a masked net of those before it.

    An autoregressive density of numbers; that of a discrete code's indices is `Autoregressive`. A density
    costs one pass, a draw as many as the code has entries. Also called RNADE, with the masks of MADE.

    Reference: Uria, Murray & Larochelle, RNADE: The Real-Valued Neural Autoregressive Density-Estimator,
    NeurIPS 2013, arXiv:1306.0186; Germain et al., MADE, ICML 2015, arXiv:1502.03509.

    >>> fit_prior(model, x, MaskedMixture)  # doctest: +SKIP
    """

    spread: Tensor

    def __init__(self, dim: int, components: int = 8, hidden: Sequence[int] = (64, 64), updates: int = 2000):
        super().__init__()
        if components < 1:
            raise ValueError(f"a mixture has at least one component, not {components}")
        self.dim, self.components, self.updates = dim, components, updates
        self.white = Whitening(dim)
        self.net = MaskedNet(dim, hidden, 3 * components)
        places = torch.linspace(-1.5, 1.5, components) if components > 1 else torch.zeros(1)
        self.register_buffer(
            "spread", places, persistent=False
        )  # where components start: alike, they stay so

    def log_prob(self, z: Tensor) -> Tensor:
        white = self.white(z).reshape(-1, self.dim)
        return self.white_density(white).view(z.shape[:-1]) + self.white.log_det

    def white_density(self, white: Tensor) -> Tensor:
        """Log density of whitened codes, (n, d) -> (n,)."""
        log_share, mean, log_scale = self.said(white)
        off = (white[:, None] - mean) * (-log_scale).exp()  # (n, k, d)
        return torch.logsumexp(log_share - log_scale - 0.5 * (off.square() + LOG_2PI), 1).sum(-1)

    def said(self, white: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log shares, means and log scales of components, (n, k, d), of each entry by those before it."""
        logits, mean, raw = full(self.net(white)).unflatten(1, (3, self.components, self.dim)).unbind(1)
        log_scale = BOUND * torch.tanh((raw - 0.5 * math.log(self.components)) / BOUND)
        return logits.log_softmax(1), mean + self.spread[:, None], log_scale

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        white = self.white.scale.new_zeros(n, self.dim)
        for place in range(self.dim):
            log_share, mean, log_scale = (part[..., place] for part in self.said(white))  # (n, k)
            chosen = torch.multinomial(log_share.exp(), 1)
            noise = torch.randn(n, 1, dtype=white.dtype, device=white.device)
            drawn = mean.gather(1, chosen) + log_scale.gather(1, chosen).exp() * noise
            white[:, place] = drawn[:, 0]
        return self.white.inverse(white)

    def fit(self, codes: Tensor) -> None:
        """Maximum likelihood, by `updates` steps of Adam on whitened codes."""
        white = self.white.fit(codes)
        descend(self.net, lambda z: -self.white_density(z), white, self.updates)
