"""A prior made of the posteriors of inputs that are themselves learned."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..distributions import DiagonalNormal, log_normals
from ..likelihoods.likelihood import Features
from .prior import Prior

NARROW = -6.0  # log σ, below which a component is improbable beyond all floats a few steps away


class Vamp(Prior):
    """p(z) = 1/K Σ_k q(z | u_k): the posteriors of K learned pseudo-inputs u_k, under the model's encoder.

    The prior that is best for the ELBO is the aggregate posterior 1/N Σ_n q(z | x_n); K inputs that are
    learned stand for the N that are given. `encoder` is the model's, and not registered here a second time:
    its parameters stay the model's. `bound` is that of the `Gaussian` latent.

    No component is narrower than exp(−6). Where a net that no row holds back makes one narrower still, its
    density elsewhere is 0 in floats, and its gradient 0 · ∞.

    Also called the variational mixture of posteriors. Of a net that reads a context it cannot be made: nobody
    says what the context of a pseudo-input is.

    Reference: Tomczak & Welling, VAE with a VampPrior, AISTATS 2018, arXiv:1705.07120 (K 500).
    """

    def __init__(
        self,
        dim: int,
        encoder: Callable[[Tensor], Tensor],
        features: Features,
        components: int = 500,
        bound: float = 2.0,
    ):
        super().__init__()
        if components < 1:
            raise ValueError(f"a mixture has at least one component, not {components}")
        self.dim, self.bound = dim, bound
        self.encoder = (encoder,)  # in a tuple it is not registered, and a deep copy still follows
        shape = (features,) if isinstance(features, int) else features
        self.inputs = nn.Parameter(torch.randn(components, *shape))

    def posteriors(self) -> DiagonalNormal:
        """q(z | u_k), of all k: (k, d)."""
        q = DiagonalNormal.of(self.encoder[0](self.inputs), self.bound)
        return DiagonalNormal(q.mean, q.log_scale.clamp(min=NARROW))

    def log_prob(self, z: Tensor) -> Tensor:
        q = self.posteriors()
        each = log_normals(z, q.mean, q.log_scale)  # (..., k)
        return torch.logsumexp(each, -1) - math.log(len(self.inputs))

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        q = self.posteriors()
        chosen = torch.randint(len(self.inputs), (n,), device=self.inputs.device)
        return DiagonalNormal(q.mean[chosen], q.log_scale[chosen]).rsample()

    def fit(self, codes: Tensor) -> None:
        """Nothing to learn from codes alone: pseudo-inputs are learned along with the encoder."""
