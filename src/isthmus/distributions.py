"""Light distributions: a log density in nats, a mean, a sample, and nothing else that a step would pay for.

`torch.distributions` checks arguments, expands shapes and dispatches divergences through a table; on small
models that costs more than the arithmetic. Here a batch of shape (b, ...) is b independent samples, every
other axis belongs to the event, and sums over the event happen in one place, `total`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

LOG_2PI = math.log(2 * math.pi)


def total(values: Tensor, event_dims: int, observed: Tensor | None = None) -> Tensor:
    """Sum over the last `event_dims` axes, leaving out what was not observed."""
    if observed is not None:
        values = torch.where(observed, values, torch.zeros((), dtype=values.dtype, device=values.device))
    return values.flatten(-event_dims).sum(-1) if event_dims else values


def full(x: Any) -> Any:
    """Back to single precision after a net under autocast: log-space sums and quantisers need it."""
    return x.float() if isinstance(x, Tensor) and x.dtype in (torch.bfloat16, torch.float16) else x


class Distribution(ABC):
    """What a decoder's output says about a target: abstract; see `isthmus.likelihoods` for the final ones."""

    @abstractmethod
    def log_prob(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """(b, ...) -> (b,): log density or mass in nats, over observed elements only."""

    @property
    @abstractmethod
    def mean(self) -> Tensor:
        """The expected target, in the target's shape."""

    @abstractmethod
    def sample(self) -> Tensor:
        """One draw a sample, in the target's shape, from the global generator (see `isthmus.seeded`)."""


class Elementwise(Distribution, ABC):
    """A distribution whose elements are independent given its parameters."""

    @abstractmethod
    def log_density(self, x: Tensor) -> Tensor:
        """Log density of each element, in nats, in the target's shape."""

    def log_prob(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        if observed is not None:
            x = torch.where(observed, x, 0)  # a placeholder outside the support would give 0 * NaN
        return total(self.log_density(x), x.dim() - 1, observed)


class Density(Protocol):
    """What a code is measured against: a `Posterior`, or a prior of `isthmus.priors`."""

    def log_prob(self, z: Tensor) -> Tensor:
        """(..., b, d) -> (..., b), in nats."""


class NoClosedForm(TypeError):
    """A divergence that a posterior has no formula for."""


class Posterior(ABC):
    """A distribution over codes: what a latent returns as `q`, and often as `p`."""

    @property
    @abstractmethod
    def mean(self) -> Tensor: ...

    @abstractmethod
    def rsample(self, shape: tuple[int, ...] = ()) -> Tensor:
        """Reparameterised draws, (*shape, b, d)."""

    @abstractmethod
    def log_prob(self, z: Tensor) -> Tensor:
        """(..., b, d) -> (..., b), in nats."""

    @abstractmethod
    def kl(self, other: Density) -> Tensor:
        """KL(self || other) of each dimension, (b, d), in nats; the sum over d is the divergence.

        Raises `NoClosedForm` where there is none; `Stage.divergence` then estimates it.
        """


class DiagonalNormal(Posterior):
    """N(mean, diag(exp(log_scale))²); `mean` and `log_scale` are (b, d), or broadcast against it.

    `standard` promises that both are zero, which halves the work of a divergence from it.
    """

    __slots__ = ("_mean", "log_scale", "standard")

    def __init__(self, mean: Tensor, log_scale: Tensor, standard: bool = False):
        self._mean, self.log_scale, self.standard = mean, log_scale, standard

    @classmethod
    def of(cls, features: Tensor, bound: float) -> DiagonalNormal:
        """(…, 2 d) -> N: means, then log standard deviations, held smoothly below `bound`."""
        mean, log_scale = full(features).chunk(2, -1)
        return cls(mean, bound - F.softplus(bound - log_scale))

    @property
    def mean(self) -> Tensor:
        return self._mean

    @property
    def stddev(self) -> Tensor:
        return self.log_scale.exp()

    def rsample(self, shape: tuple[int, ...] = ()) -> Tensor:
        """mean + exp(log_scale) ε, ε ~ N(0, I) (Kingma & Welling 2014, section 2.4)."""
        return torch.addcmul(
            self._mean, self.stddev, self._mean.new_empty(*shape, *self._mean.shape).normal_()
        )

    def log_prob(self, z: Tensor) -> Tensor:
        return self.log_density(z).sum(-1)

    def log_density(self, z: Tensor) -> Tensor:
        """Log density of each dimension, (..., b, d)."""
        return -0.5 * (((z - self._mean) * (-self.log_scale).exp()).square() + LOG_2PI) - self.log_scale

    def kl(self, other: Density) -> Tensor:
        """log σ_p/σ_q + (σ_q² + (μ_q − μ_p)²) / 2σ_p² − ½."""
        if not isinstance(other, DiagonalNormal):
            raise NoClosedForm(f"no closed-form KL from DiagonalNormal to {type(other).__name__}")
        if other.standard:
            squares = torch.addcmul((2 * self.log_scale).exp(), self._mean, self._mean)  # σ² + μ²
            return 0.5 * (squares - 1) - self.log_scale
        ratio = self.log_scale - other.log_scale
        distance = (self._mean - other.mean) * (-other.log_scale).exp()
        return 0.5 * ((2 * ratio).exp() + distance.square() - 1) - ratio


def log_normals(z: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """log N(z; μ_k, diag(σ_k²)) of every k: z (..., d), μ and log σ (k, d) -> (..., k).

    The square written out, (z² − 2 z μ + μ²) / σ², is three products instead of a tensor (..., k, d) and its
    passes through memory. In float64, as it cancels where σ is small.
    """
    z_, mean_, precision = z.double(), mean.double(), (-2 * log_scale.double()).exp()
    square = z_.square() @ precision.T - 2 * z_ @ (mean_ * precision).T + (mean_.square() * precision).sum(-1)
    constant = log_scale.sum(-1) + 0.5 * LOG_2PI * z.shape[-1]
    return (-0.5 * square).to(z) - constant


class OneHots(Posterior):
    """Independent choices among c values each, from `logits` (b, v, c) or broadcast against it.

    A draw is v one-hot vectors, laid flat: (b, v c). Draws carry no gradient.
    """

    __slots__ = ("logits",)

    def __init__(self, logits: Tensor):
        self.logits = logits.log_softmax(-1)

    @property
    def mean(self) -> Tensor:
        """The probabilities, laid flat like a draw."""
        return self.logits.exp().flatten(-2)

    def rsample(self, shape: tuple[int, ...] = ()) -> Tensor:
        """The argmax of logits + Gumbel noise (Gumbel 1954), one-hot."""
        noise = -torch.empty_like(self.logits.expand(*shape, *self.logits.shape)).exponential_().log()
        chosen = (self.logits + noise).argmax(-1)
        return F.one_hot(chosen, self.logits.shape[-1]).to(self.logits).flatten(-2)

    def log_prob(self, z: Tensor) -> Tensor:
        return (z.unflatten(-1, self.logits.shape[-2:]) * self.logits).sum((-2, -1))

    def kl(self, other: Density) -> Tensor:
        """Σ_c q_c (log q_c − log p_c) of each variable, (b, v)."""
        if not isinstance(other, OneHots):
            raise NoClosedForm(f"no closed-form KL from OneHots to {type(other).__name__}")
        return (self.logits.exp() * (self.logits - other.logits)).sum(-1)
