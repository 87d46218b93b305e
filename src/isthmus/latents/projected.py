"""A bottleneck with a head beside it, for terms that should not shape the code itself."""

from __future__ import annotations

from torch import Tensor, nn

from ..trace import Code
from .latent import Latent


class Projected(Latent):
    """`latent`, and beside its code `extra["projection"]`: `head` of the code's first `reads` numbers.

    A contrastive term makes what it is given blind to what differs between views; the decoder needs that.
    With a head in between, the code may keep both (Chen et al. 2020, section 4.2, arXiv:2002.05709).
    """

    def __init__(self, latent: Latent, head: nn.Module, reads: int | None = None):
        super().__init__()
        self.latent, self.head, self.reads = latent, head, reads
        self.features, self.dim, self.bits = latent.features, latent.dim, latent.bits

    def forward(self, features: Tensor, noisy: bool) -> Code:
        code: Code = self.latent(features, noisy)
        return code._replace(extra={**code.extra, "projection": self.head(code.z[:, : self.reads])})

    def follow(self, code: Code, first: bool) -> None:
        self.latent.follow(code, first)

    def sample(self, n: int) -> Tensor:
        return self.latent.sample(n)

    def fit_prior(self, codes: Tensor) -> None:
        """As `latent` does."""
        self.latent.fit_prior(codes)
