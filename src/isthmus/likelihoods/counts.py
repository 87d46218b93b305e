"""Likelihoods of counts: Poisson, negative binomial, with or without extra zeros, and multinomial."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..distributions import Distribution, Elementwise
from .family import Family, Positive
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


def negative_binomial(features: Features, dispersion: float | str = "feature") -> Likelihood:
    """Counts that vary more than Poisson's: a Poisson whose rate is Gamma(r, r/μ), mean μ, variance μ + μ²/r.

    log p(x) = Σ log Γ(x+r) - log Γ(r) - log x! + r log(r / (r+μ)) + x log(μ / (r+μ)), log μ from the decoder

    For reads of genes, sales, visits (Lopez, Regier, Cole, Jordan & Yosef 2018, "Deep generative modeling for
    single-cell transcriptomics", Nature Methods 15). `dispersion` is r, the inverse dispersion: a positive
    number, "shared", "feature" or "sample"; a learned one has log r in (-8, 8), and r -> ∞ is `poisson`.
    Target (b, *features), whole numbers >= 0 of any dtype. Raises ValueError for another `dispersion`.
    """
    r = Positive(features, dispersion, "dispersion", LOG_DISPERSIONS, start=1.0)
    return Family(features, NegativeBinomial, r, name="negative_binomial", support=COUNTS)


def zero_inflated_poisson(features: Features) -> Likelihood:
    """Poisson counts, some of which were lost: p(x) = π [x = 0] + (1 - π) Poisson(x; μ) of each element.

    The decoder delivers two blocks: log μ, then the logits of π (Lambert 1992, "Zero-inflated Poisson
    regression", Technometrics 34). The expectation is (1 - π) μ.
    Target (b, *features), whole numbers >= 0 of any dtype.
    """

    def distribution(output: Tensor, gate: Tensor) -> Distribution:
        return ZeroInflated(Poisson(output), gate)

    return Family(features, distribution, name="zero_inflated_poisson", support=COUNTS, blocks=2)


def zero_inflated_negative_binomial(features: Features, dispersion: float | str = "feature") -> Likelihood:
    """Overdispersed counts, some of which were lost: p(x) = π [x = 0] + (1 - π) NB(x; μ, r) of each element.

    The decoder delivers two blocks, log μ and the logits of π, and a third, log r, where `dispersion` is
    "sample" (Eraslan, Simon, Mircea, Mueller & Theis 2019, "Single-cell RNA-seq denoising using a deep count
    autoencoder", Nature Communications 10; Lopez et al. 2018). Known as ZINB. Otherwise `negative_binomial`.
    """

    def distribution(output: Tensor, gate: Tensor, log_dispersion: Tensor) -> Distribution:
        return ZeroInflated(NegativeBinomial(output, log_dispersion), gate)

    r = Positive(features, dispersion, "dispersion", LOG_DISPERSIONS, start=1.0)
    name = "zero_inflated_negative_binomial"
    return Family(features, distribution, r, name=name, support=COUNTS, blocks=2)


def multinomial(features: Features) -> Likelihood:
    """Which items the events of a row fell on, given how many there were: x ~ Multinomial(n, softmax(l)).

    log p(x | n) = log n! - Σ log x_i! + Σ x_i log softmax(l)_i,  n = Σ x_i

    For clicks, words, ratings: items compete for a row's total, so that it ranks better than a likelihood of
    each count (Liang, Krishnan, Hoffman & Jebara 2018, "Variational autoencoders for collaborative
    filtering", arXiv:1802.05814, who leave out the coefficient; here it is a mass). Where only some items are
    observed it is the distribution over those: n counts them and the softmax runs over them.

    The decoder does not say how many events there will be, so `mean` and `sample()` are those of one event:
    the probabilities of the items, and a one in the place of one of them. `output.given(n)`, n an int or
    (b,), has those of n events. Target (b, *features), whole numbers >= 0 of any dtype.
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


class NegativeBinomial(Elementwise):
    """The negative binomial's mass of each element, by its mean and inverse dispersion r."""

    def __init__(self, output: Tensor, log_dispersion: Tensor):
        self.log_mean, self.log_r = log_rate(output), log_dispersion

    def log_density(self, x: Tensor) -> Tensor:
        x = x.to(self.log_mean.dtype)
        odds = self.log_mean - self.log_r  # log μ/r: the logits of "one more" against "stop"
        ways = log_gamma_ratio(self.log_r.exp(), x) - torch.lgamma(x + 1)
        return ways - self.log_r.exp() * F.softplus(odds) - x * F.softplus(-odds)

    @property
    def mean(self) -> Tensor:
        return self.log_mean.exp()

    def sample(self) -> Tensor:
        r = self.log_r.exp().expand_as(self.log_mean)
        return torch.poisson(torch.distributions.Gamma(r, r / self.mean, validate_args=False).sample())


class ZeroInflated(Elementwise):
    """Zero with probability sigmoid(gate), otherwise a draw of `counts`."""

    def __init__(self, counts: Elementwise, gate: Tensor):
        self.counts, self.gate = counts, gate

    def log_density(self, x: Tensor) -> Tensor:
        """log(1 - π) + log p(x), and at zero log(1 - π) + log(p(0) + e^gate), as e^gate = π / (1 - π)."""
        kept = self.counts.log_density(x)
        return torch.where(x == 0, torch.logaddexp(kept, self.gate), kept) - F.softplus(self.gate)

    @property
    def mean(self) -> Tensor:
        return (-self.gate).sigmoid() * self.counts.mean

    def sample(self) -> Tensor:
        return torch.bernoulli((-self.gate).sigmoid()) * self.counts.sample()


class Multinomial(Distribution):
    """Multinomial(n, softmax(logits)), over all elements of the event; n only for mean and sample."""

    def __init__(self, logits: Tensor, draws: int | Tensor = 1):
        self.logits, self.draws = logits, draws

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
        return (self.probabilities.flatten(1) * self.totals[:, None]).view_as(self.logits)

    @property
    def totals(self) -> Tensor:
        """The number of events of each sample, (b,)."""
        return torch.as_tensor(self.draws, device=self.logits.device).expand(len(self.logits))

    def sample(self) -> Tensor:
        shares, draws = self.probabilities.flatten(1), self.totals
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


def log_gamma_ratio(r: Tensor, x: Tensor) -> Tensor:
    """log Γ(r + x) - log Γ(r); by Stirling's series where r > 8: lgamma(r) would swallow the digits."""
    big = r.clamp(min=8)
    series = (
        (big - 0.5) * torch.log1p(x / big) + x * (torch.log(x + big) - 1) + stirling(x + big) - stirling(big)
    )
    return torch.where(r > 8, series, torch.lgamma(r + x) - torch.lgamma(r))


def stirling(z: Tensor) -> Tensor:
    """log Γ(z) - [(z - ½) log z - z + ½ log 2π], for z >= 8 to ten digits."""
    inverse = 1 / z
    square = inverse.square()
    return inverse * (1 / 12 - square * (1 / 360 - square / 1260))
