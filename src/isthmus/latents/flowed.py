"""A posterior that need not be Gaussian: a Gaussian, bent by a flow that sees the row."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..distributions import DiagonalNormal, NoClosedForm, Posterior
from ..nets.invertible import Invertible, couplings
from ..priors import Prior
from ..trace import Code
from .gaussian import Measured


class FlowPosterior(Measured):
    """q(z|x): z = f(ε; h), ε ~ N(μ, diag σ²), so that log q(z|x) = log N(ε; μ, σ²) − log |det ∂f/∂ε|.

    The encoder delivers (b, 2 dim + context): means, log standard deviations, and h, which the coupling
    layers of f read too ("amortised"). f starts as the identity, and so q as the Gaussian of a plain VAE.
    Coupling layers are inverted in one pass, so that the density is known of any z; the inverse
    autoregressive flow is their dense relative, with an inverse of `dim` passes.

    Reference: Rezende & Mohamed, Variational Inference with Normalizing Flows, ICML 2015, arXiv:1505.05770;
    Kingma et al., Inverse Autoregressive Flow, NeurIPS 2016, arXiv:1606.04934 (h, section 3.2).
    """

    def __init__(
        self,
        dim: int,
        layers: int = 4,
        hidden: Sequence[int] = (64,),
        context: int = 16,
        bound: float = 2.0,
        prior: Prior | None = None,
    ):
        super().__init__(dim, prior)
        self.features, self.bound = 2 * dim + context, bound
        self.net = couplings(dim, layers, hidden, context=context)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        gaussian, context = features[:, : 2 * self.dim], features[:, 2 * self.dim :]
        return self.measured(Flowed(DiagonalNormal.of(gaussian, self.bound), self.net, context), noisy)


class Flowed(Posterior):
    """What becomes of a Gaussian (b, d) under a bijection, with a context (b, c)."""

    def __init__(self, base: DiagonalNormal, net: Invertible, context: Tensor):
        self.base, self.net, self.context = base, net, context

    @property
    def mean(self) -> Tensor:
        """Where the mean of the Gaussian goes: the centre of q, of which the expectation is not known."""
        return self.net(self.base.mean, self.context)[0]

    def rsample(self, shape: tuple[int, ...] = ()) -> Tensor:
        drawn = self.base.rsample(shape)  # (*shape, b, d)
        return self.net(drawn.flatten(0, -2), self.contexts(drawn))[0].view(drawn.shape)

    def log_prob(self, z: Tensor) -> Tensor:
        context = self.contexts(z)
        drawn = self.net.inverse(z.flatten(0, -2), context)
        _, log_det = self.net(drawn, context)
        return self.base.log_prob(drawn.view(z.shape)) - log_det.view(z.shape[:-1])

    def contexts(self, z: Tensor) -> Tensor:
        """The context of each of (*shape, b, d) codes, flat."""
        return self.context.expand(*z.shape[:-1], -1).flatten(0, -2)

    def kl(self, other: object) -> Tensor:
        raise NoClosedForm("a flow has no closed form of its KL; Stage.divergence estimates it at the draw")
