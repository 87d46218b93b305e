"""A posterior that need not be Gaussian: a Gaussian, bent by a flow that sees the row."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from ..distributions import DiagonalNormal, NoClosedForm, Posterior
from ..nets.invertible import Invertible, couplings
from ..priors import Prior
from ..trace import Code
from .gaussian import Measured


class FlowPosterior(Measured):
    """q(z|x): z = f(ε; h), ε ~ N(μ, diag σ²), so that log q(z|x) = log N(ε; μ, σ²) − log |det ∂f/∂ε|.

    The encoder delivers (b, 2 dim + context): means, log standard deviations, and h, which the layers of f
    read too ("amortised"). `flow` makes f: `couplings`, which start as the identity, and so q as the Gaussian
    of a plain VAE, and are inverted in one pass; or `autoregressions`, their dense relative, whose inverse
    takes `dim` passes a layer. The density of a draw needs no inverse, that of another z does.

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
        flow: Callable[..., Invertible] = couplings,
    ):
        super().__init__(dim, prior)
        self.features, self.bound = 2 * dim + context, bound
        self.net = flow(dim, layers, hidden, context=context)

    def forward(self, features: Tensor, noisy: bool) -> Code:
        gaussian, context = features[:, : 2 * self.dim], features[:, 2 * self.dim :]
        return self.measured(Flowed(DiagonalNormal.of(gaussian, self.bound), self.net, context), noisy)


class Flowed(Posterior):
    """What becomes of a Gaussian (b, d) under a bijection, with a context (b, c).

    It knows its last draw by where it came from, so that the density there costs no inverse.
    """

    def __init__(self, base: DiagonalNormal, net: Invertible, context: Tensor):
        self.base, self.net, self.context = base, net, context
        self.last: tuple[Tensor, Tensor] | None = None  # the last z that was given out, and log q of it

    @property
    def mean(self) -> Tensor:
        """Where the mean of the Gaussian goes: the centre of q, of which the expectation is not known."""
        return self.sent(self.base.mean)

    def rsample(self, shape: tuple[int, ...] = ()) -> Tensor:
        return self.sent(self.base.rsample(shape))

    def sent(self, drawn: Tensor) -> Tensor:
        """(*shape, b, d) -> where f takes it."""
        z, log_det = self.net(drawn.flatten(0, -2), self.contexts(drawn))
        z = z.view(drawn.shape)
        self.last = z, self.base.log_prob(drawn) - log_det.view(drawn.shape[:-1])
        return z

    def log_prob(self, z: Tensor) -> Tensor:
        if self.last is not None and self.last[0] is z:
            return self.last[1]
        context = self.contexts(z)
        drawn = self.net.inverse(z.flatten(0, -2), context)
        _, log_det = self.net(drawn, context)
        return self.base.log_prob(drawn.view(z.shape)) - log_det.view(z.shape[:-1])

    def contexts(self, z: Tensor) -> Tensor:
        """The context of each of (*shape, b, d) codes, flat."""
        return self.context.expand(*z.shape[:-1], -1).flatten(0, -2)

    def kl(self, other: object) -> Tensor:
        raise NoClosedForm("a flow has no closed form of its KL; Stage.divergence estimates it at the draw")
