"""Likelihoods of counts: Poisson, negative binomial, with or without extra zeros, and multinomial."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..distributions import Distribution, Elementwise
from .family import Family
from .likelihood import Features, Likelihood, Support

COUNTS = Support("whole numbers >= 0", lambda x: (x >= 0) & (x == x.floor()) & torch.isfinite(x))
LOG_DISPERSIONS = (-8.0, 8.0)


def poisson(features: Features) -> Likelihood:
    """Counts of independent events: log p(x) = Σ x log μ - μ - log x!, log μ from the decoder.

    Mean and variance are both μ; counts that vary more need `negative_binomial`. Above μ = e^10 the decoder's
    output moves μ linearly, not exponentially, so that no output makes it infinite.
    Target (b, *features), whole numbers >= 0 of any dtype.
    """
    return Family(features, Poisson, name="poisson", support=COUNTS)


def multinomial(features: Features) -> Likelihood:
    """Which items the events of a row fell on, given how many there were: x ~ Multinomial(n, softmax(l)).

    log p(x | n) = log n! - Σ log x_i! + Σ x_i log softmax(l)_i,  n = Σ x_i

    For clicks, words, ratings: items compete for a row's total, so that it ranks better than a likelihood of
    each count (Liang, Krishnan, Hoffman & Jebara 2018, "Variational autoencoders for collaborative
    filtering", arXiv:1802.05814, who leave out the coefficient; here it is a mass). Where only some items are observed it
    is the distribution over those: n counts them and the softmax runs over them.

    The decoder does not say how many events there will be, so `mean` and `sample()` are those of one event:
    the probabilities of the items, and a one in the place of one of them. `output.given(n)`, n an int or (b,),
    has those of n events. Target (b, *features), whole numbers >= 0 of any dtype.
    """
    return Family(features, Multinomial, name="multinomial", support=COUNTS)


class Poisson(Elementwise):
    """Poisson's mass of each element."""

    def __init__(self, output: Tensor):
        self.log_mean = log_rate(output)

    def log_density(self, x: Tensor) -> Tensor:
        x = x.to(self.log_mean.dtype)
        return x * self.log_mean - self.log_mean.exp() - torch.lgamma(x + 1)

    @property
    def mean(self) -> Tensor:
        return self.log_mean.exp()

    def sample(self) -> Tensor:
        return torch.poisson(self.mean)


class Multinomial(Distribution):
    """Multinomial(n, softmax(logits)), over all elements of the event; n only for mean and sample."""

    def __init__(self, logits: Tensor, draws: int | Tensor = 1):
        self.logits, self.draws = logits, torch.as_tensor(draws, device=logits.device).expand(len(logits))

    def given(self, draws: int | Tensor) -> Multinomial:
        """The same shares, of `draws` events: an int, or (b,)."""
        return Multinomial(self.logits, draws)

    def log_prob(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        x, logits = x.to(self.logits.dtype).flatten(1), self.logits.flatten(1)
        if observed is not None:
            x, logits = x.where(observed.flatten(1), 0), logits.where(observed.flatten(1), -1e30)
        coefficient = torch.lgamma(x.sum(1) + 1) - torch.lgamma(x + 1).sum(1)
        return coefficient + (x * logits.log_softmax(1)).sum(1)

    @property
    def probabilities(self) -> Tensor:
        return self.logits.flatten(1).softmax(1).view_as(self.logits)

    @property
    def mean(self) -> Tensor:
        return self.probabilities * self.draws.view(-1, *[1] * (self.logits.dim() - 1))

    def sample(self) -> Tensor:
        shares, draws = self.probabilities.flatten(1), self.draws.long()
        counts = torch.zeros_like(shares)
        if draws.numel() and (most := int(draws.max())):
            items = torch.multinomial(shares, most, replacement=True)  # (b, most)
            counted = torch.arange(most, device=items.device) < draws[:, None]
            counts.scatter_add_(1, items, counted.to(counts.dtype))
        return counts.view_as(self.logits)


def log_rate(output: Tensor, steep: float = 10.0) -> Tensor:
    """log μ with μ = e^output, continued as its tangent above `steep`, so that it never overflows."""
    excess = F.relu(output - steep)
    return output - excess + torch.log1p(excess)
