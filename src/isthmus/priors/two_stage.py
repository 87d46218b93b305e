"""A prior that is a VAE of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..distributions import LOG_2PI
from ..nets import mlp
from .prior import Prior, Whitening, descend


class TwoStage(Prior):
    """p(z) = ∫ N(z; g(u), σ²) N(u; 0, I) du, with u as wide as z: a second VAE, of the codes of the first.

    The first spends its effort on rows, and where its codes lie is left to chance. The second has nothing
    else to learn, and data that fill their space, of which a VAE with a learned σ can find the distribution.

    `log_prob` is an importance-weighted bound by `draws` of u, so it comes out a little different every time;
    in expectation it lies below the log density, and the closer, the more are drawn.

    Reference: Dai & Wipf, Diagnosing and Enhancing VAE Models, ICLR 2019, section 4, arXiv:1903.05789; Burda,
    Grosse & Salakhutdinov 2016, arXiv:1509.00519 (the bound).

    >>> fit_prior(model, x, TwoStage)  # doctest: +SKIP
    """

    def __init__(self, dim: int, hidden: Sequence[int] = (128, 128), updates: int = 8000, draws: int = 64):
        super().__init__()
        if draws < 1:
            raise ValueError(f"a density is estimated by one draw or more; draws is {draws}")
        self.dim, self.updates, self.draws = dim, updates, draws
        self.white = Whitening(dim)
        self.net = nn.ModuleDict({"encoder": mlp(dim, *hidden, 2 * dim), "decoder": mlp(dim, *hidden, dim)})
        self.log_scale = nn.Parameter(torch.zeros(()))

    def log_weights(self, white: Tensor, draws: int) -> Tensor:
        """(n, dim), whitened -> (draws, n): log p(z | u) + log p(u) − log q(u | z) at u ~ q(u | z)."""
        mean, log_spread = self.net["encoder"](white).chunk(2, -1)
        noise = torch.randn(draws, *mean.shape, dtype=white.dtype, device=white.device)
        u = mean + log_spread.exp() * noise
        off = (white - self.net["decoder"](u)) * (-self.log_scale).exp()
        sides = noise.square() - off.square() - u.square() - LOG_2PI
        return (0.5 * sides + log_spread - self.log_scale).sum(-1)

    def log_prob(self, z: Tensor) -> Tensor:
        log_weights = self.log_weights(self.white(z).reshape(-1, self.dim), self.draws)
        bound = log_weights.logsumexp(0) - math.log(self.draws)
        return bound.view(z.shape[:-1]) + self.white.log_det

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        u, noise = self.log_scale.new_empty(2, n, self.dim).normal_()
        return self.white.inverse(self.net["decoder"](u) + self.log_scale.exp() * noise)

    def fit(self, codes: Tensor) -> None:
        """Maximum ELBO, by `updates` steps of Adam on whitened codes."""
        white = self.white.fit(codes)
        descend(self, lambda z: -self.log_weights(z, 1)[0], white, self.updates)
