"""Likelihoods of the unit interval: Bernoulli for zeros and ones, continuous Bernoulli for all between."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..distributions import Elementwise, total
from .family import Family
from .likelihood import Features, Likelihood, Support

BINARY = Support("zeros and ones", lambda x: (x == 0) | (x == 1))
UNIT = Support("numbers from 0 to 1", lambda x: (x >= 0) & (x <= 1))


def bernoulli(features: Features) -> Likelihood:
    """Zeros and ones: log p(x) = Σ x l - log(1 + e^l), with logits l from the decoder.

    Called binary cross-entropy. It is a likelihood of zeros and ones only: over grey pixels, [0, 1], it does
    not integrate to one, and neither its value nor its trade-off against a KL means anything; see
    `continuous_bernoulli`. `mean` is sigmoid(l).
    Target (b, *features) of 0 and 1, of any dtype.
    """
    return Family(features, Bernoulli, name="bernoulli", support=BINARY)


def continuous_bernoulli(features: Features) -> Likelihood:
    """Numbers in [0, 1]: log p(x) = Σ x l - A(l), A(l) = log((e^l - 1) / l), with logits l from the decoder.

    The density proportional to Bernoulli's λ^x (1-λ)^(1-x), λ = sigmoid(l), with the constant that binary
    cross-entropy on grey pixels forgets (Loaiza-Ganem & Cunningham 2019, "The continuous Bernoulli: fixing a
    pervasive error in variational autoencoders", arXiv:1907.06845). `mean` is not λ but
    1 / (1 - e^-l) - 1 / l, which is nearer to a half: the decoder's sigmoid is not a picture of the data.
    Target (b, *features), from 0 to 1.
    """
    return Family(features, ContinuousBernoulli, name="continuous_bernoulli", support=UNIT)


class Bernoulli(Elementwise):
    """p(1) = sigmoid(logits) of each element."""

    def __init__(self, logits: Tensor):
        self.logits = logits

    def log_density(self, x: Tensor) -> Tensor:
        return -self.cross_entropy(x)

    def log_prob(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        """The minus sign after the sum and not before it: two passes less over every pixel of every step."""
        if observed is not None:
            return super().log_prob(x, observed)
        return -total(self.cross_entropy(x), x.dim() - 1)

    def cross_entropy(self, x: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(self.logits, x.to(self.logits.dtype), reduction="none")

    @property
    def mean(self) -> Tensor:
        return self.logits.sigmoid()

    def sample(self) -> Tensor:
        return torch.bernoulli(self.mean)


class ContinuousBernoulli(Elementwise):
    """exp(l x - A(l)) on [0, 1], l = logits: uniform where l = 0, exponential elsewhere."""

    near = 0.5  # below it, by Taylor: the closed forms are 0 / 0 at l = 0

    def __init__(self, logits: Tensor):
        self.logits = logits

    def log_density(self, x: Tensor) -> Tensor:
        return x * self.logits - self.log_normaliser

    @property
    def log_normaliser(self) -> Tensor:
        """A(l) = l/2 + log(sinh(l/2) / (l/2)) = max(l, 0) + log((1 - e^-|l|) / |l|)."""
        s = self.logits.square()
        taylor = self.logits / 2 + s * (1 / 24 - s * (1 / 2880 - s * (1 / 181440 - s / 9676800)))
        a = self.logits.abs().clamp(min=self.near)
        far = F.relu(self.logits) + torch.log(-torch.expm1(-a)) - a.log()
        return torch.where(self.logits.abs() < self.near, taylor, far)

    @property
    def mean(self) -> Tensor:
        """A'(l) = 1 / (1 - e^-l) - 1 / l; for -l it is one minus that."""
        s = self.logits.square()
        taylor = 0.5 + self.logits * (1 / 12 - s * (1 / 720 - s * (1 / 30240 - s / 1209600)))
        a = self.logits.abs().clamp(min=self.near)
        upper = -1 / torch.expm1(-a) - 1 / a
        far = torch.where(self.logits > 0, upper, 1 - upper)
        return torch.where(self.logits.abs() < self.near, taylor, far)

    def sample(self) -> Tensor:
        """By the inverse of F(x) = (1 - e^-ax) / (1 - e^-a) at l = -a, mirrored for l > 0."""
        a = self.logits.abs().clamp(min=1e-4)
        falling = (-torch.log1p(torch.rand_like(a) * torch.expm1(-a)) / a).clamp(0, 1)
        return torch.where(self.logits > 0, 1 - falling, falling)
