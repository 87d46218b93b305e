"""A code without noise."""

from __future__ import annotations

from torch import Tensor, nn

from ..priors import Normal
from ..trace import Code
from .latent import Latent


class Deterministic(Latent):
    """z = features: the bottleneck of a plain autoencoder.

    It says nothing of where codes lie. Until `fit_prior` has seen some, `sample` draws from N(0, I), and what
    that decodes to need not look like data; afterwards from the Gaussian fitted to them, the simplest ex-post
    density (Ghosh et al. 2020, section 4, arXiv:1903.12436). `matched` says that training itself pulls the
    codes towards N(0, I), as in a Wasserstein autoencoder: then that stays the prior.
    """

    def __init__(self, dim: int, activation: type[nn.Module] = nn.Identity, matched: bool = False):
        super().__init__()
        self.features, self.dim, self.matched = dim, dim, matched
        self.activation = activation()
        self.prior = Normal(dim)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        return Code(self.activation(features))

    def sample(self, n: int) -> Tensor:
        return self.prior.sample(n)

    def fit_prior(self, codes: Tensor) -> None:
        """Mean and covariance of the codes; dead dimensions get no spread."""
        if not self.matched:
            self.prior.fit(codes)
