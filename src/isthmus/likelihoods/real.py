"""Likelihoods of real numbers: Gaussian, Laplace, Student's t. Data are expected to be standardised."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..distributions import LOG_2PI, Distribution, Elementwise
from .family import Family, Positive
from .likelihood import REAL, Features, Likelihood

LOG_SCALES = (-6.0, 6.0)  # of standardised data: from 1/400 of a standard deviation to 400 of them
LOG_DEGREES = (0.0, math.log(100))


def gaussian(features: Features, scale: float | str = "shared") -> Likelihood:
    """Real numbers with Gaussian errors: log p(x) = -½ Σ [(x - μ)² / σ² + log 2πσ²], μ from the decoder.

    Called mean squared error where σ is fixed and forgotten; but σ decides what a nat of code is worth, so
    that a VAE with a wrong one collapses or overfits. `scale` is σ:

    - a positive number: fixed (1/√2 makes it the squared error, plus a constant);
    - "shared", "feature": learned, one for all or one for each element of the event;
    - "sample": delivered by the decoder, so that the decoder is twice as wide;
    - "optimal": σ² is the mean squared error of the batch, its analytic optimum (Rybkin, Daniilidis & Levine
      2021, "Simple and effective VAE training with calibrated decoders", arXiv:2006.13202, section 3.2). A
      running estimate of it is stored, and used in eval(), where scores must not depend on the batch.

    log σ is bounded to (-6, 6), a fixed one excepted: a constant column cannot make the density infinite.
    Target (b, *features), any finite numbers. Raises ValueError for another `scale`.

    >>> gaussian(3, scale=1.0)(torch.zeros(1, 3)).log_prob(torch.ones(1, 3))
    tensor([-4.2568])
    """
    if scale == "optimal":
        return OptimalGaussian(features)
    sigma = Positive(features, scale, "scale", LOG_SCALES)
    return Family(features, Normal, sigma, name="gaussian")


def laplace(features: Features, scale: float | str = "shared") -> Likelihood:
    """Real numbers with Laplace errors: log p(x) = -Σ [|x - m| / s + log 2s], m the median, from the decoder.

    Called L1 or mean absolute error where s is fixed and forgotten. `scale` is s, one of a positive number,
    "shared", "feature", "sample", as in `gaussian`; the standard deviation is √2 s.
    Target (b, *features), any finite numbers. Raises ValueError for another `scale`.
    """
    return Family(features, Laplace, Positive(features, scale, "scale", LOG_SCALES), name="laplace")


def student_t(features: Features, df: float | str = 4.0, scale: float | str = "shared") -> Likelihood:
    """Real numbers with outliers: Student's t with ν = `df` degrees of freedom, location m, scale s.

    log p(x) = Σ log Γ((ν+1)/2) - log Γ(ν/2) - ½ log νπ - log s - (ν+1)/2 log(1 + ((x - m)/s)²/ν)

    Errors grow with the log of the distance, so that a few wild values do not bend the fit (Lange, Little &
    Taylor 1989, "Robust statistical modeling using the t distribution"). `df` and `scale` are each a positive
    number, "shared", "feature" or "sample"; a learned `df` stays in (1, 100). `mean` is m, also where ν <= 1
    and no expectation exists; the variance is s² ν / (ν - 2) where ν > 2.
    Target (b, *features), any finite numbers. Raises ValueError for another `df` or `scale`.
    """
    nu = Positive(features, df, "df", LOG_DEGREES, start=math.log(4.0))
    sigma = Positive(features, scale, "scale", LOG_SCALES)
    return Family(features, StudentT, nu, sigma, name="student_t")


class Normal(Elementwise):
    """N(mean, exp(log_scale)²) of each element; `log_scale` may broadcast against `mean`."""

    def __init__(self, mean: Tensor, log_scale: Tensor):
        self._mean, self.log_scale = mean, log_scale

    def log_density(self, x: Tensor) -> Tensor:
        difference = x - self._mean
        return (-0.5 * LOG_2PI - self.log_scale) + difference * (
            difference * (-0.5 * (-2 * self.log_scale).exp())
        )

    @property
    def mean(self) -> Tensor:
        return self._mean

    def sample(self) -> Tensor:
        return self._mean + self.log_scale.exp() * torch.randn_like(self._mean)


class Laplace(Elementwise):
    """Laplace's distribution of each element, exp(-|x - mean| / s) / 2s."""

    def __init__(self, mean: Tensor, log_scale: Tensor):
        self._mean, self.log_scale = mean, log_scale

    def log_density(self, x: Tensor) -> Tensor:
        return -(x - self._mean).abs() * (-self.log_scale).exp() - (self.log_scale + math.log(2))

    @property
    def mean(self) -> Tensor:
        return self._mean

    def sample(self) -> Tensor:
        difference = torch.empty_like(self._mean).exponential_() - torch.empty_like(self._mean).exponential_()
        return self._mean + self.log_scale.exp() * difference


class StudentT(Elementwise):
    """Student's t of each element, with location `mean`, also where the expectation does not exist."""

    def __init__(self, mean: Tensor, log_df: Tensor, log_scale: Tensor):
        self._mean, self.log_df, self.log_scale = mean, log_df, log_scale

    def log_density(self, x: Tensor) -> Tensor:
        df = self.log_df.exp()
        z = (x - self._mean) * (-self.log_scale).exp()
        constant = log_gamma_half_step(df / 2) - 0.5 * (self.log_df + math.log(math.pi)) - self.log_scale
        return constant - 0.5 * (df + 1) * torch.log1p(z.square() / df)

    @property
    def mean(self) -> Tensor:
        return self._mean

    def sample(self) -> Tensor:
        half = (0.5 * self.log_df.exp()).expand_as(self._mean)
        chi = torch.distributions.Gamma(half, half, validate_args=False).sample()  # χ²(ν) / ν
        return self._mean + self.log_scale.exp() * torch.randn_like(self._mean) * chi.rsqrt()


def log_gamma_half_step(a: Tensor) -> Tensor:
    """log Γ(a + ½) - log Γ(a). The difference of two lgammas loses all digits in float32 where a is large."""
    large = a.clamp(min=16)
    series = 0.5 * large.log() - 1 / (8 * large) + 1 / (192 * large**3) - 1 / (640 * large**5)
    return torch.where(a > 16, series, torch.lgamma(a + 0.5) - torch.lgamma(a))


class OptimalGaussian(Likelihood):
    """`gaussian(scale="optimal")`: σ² is the mean squared error: of the batch in training, stored in eval().

    The stored one is an exponential average over training batches, divided by the weight it has gathered, so
    that it is unbiased from the first batch on; before that, σ = 1.
    """

    name, support = "gaussian", REAL
    decay = 0.99
    running: Tensor
    weight: Tensor

    def __init__(self, features: Features):
        super().__init__(features)
        self.register_buffer("running", torch.zeros(()))
        self.register_buffer("weight", torch.zeros(()))

    def forward(self, params: Tensor) -> Distribution:
        return CalibratedNormal(params, self) if self.training else Normal(params, self.log_scale)

    @property
    def log_scale(self) -> Tensor:
        """Half the log of the stored variance."""
        return half_log(torch.where(self.weight > 0, self.running / self.weight.clamp(min=1e-12), 1.0))

    @torch.no_grad()
    def calibrate(self, errors: Tensor, observed: Tensor | None) -> Tensor:
        """Store the mean square of `errors`, (b, ...), and return half its log.

        No gradient: at the optimum the derivative by σ is zero, so that those by the mean are right without.
        """
        if observed is None:
            variance, share = errors.square().mean(), torch.full_like(self.weight, 1 - self.decay)
        else:
            count = observed.sum()
            variance = torch.where(observed, errors, 0.0).square().sum() / count.clamp(min=1)
            share = (1 - self.decay) * (count > 0)  # a batch of which nothing was seen teaches nothing
        self.running.lerp_(variance.to(self.running.dtype), share.to(self.running.dtype))
        self.weight.lerp_(torch.ones_like(self.weight), share.to(self.weight.dtype))
        return half_log(variance)

    def extra_repr(self) -> str:
        return f'gaussian, features={self.features}, scale="optimal"'


def half_log(variance: Tensor) -> Tensor:
    """log σ, within the bounds of every learned scale."""
    return 0.5 * variance.clamp(min=1e-30).log().clamp(2 * LOG_SCALES[0], 2 * LOG_SCALES[1])


class CalibratedNormal(Distribution):
    """N(mean, σ²) whose σ² is the mean squared error of what it is asked to explain: training only."""

    def __init__(self, mean: Tensor, likelihood: OptimalGaussian):
        self._mean, self.likelihood = mean, likelihood

    def log_prob(self, x: Tensor, observed: Tensor | None = None) -> Tensor:
        log_scale = self.likelihood.calibrate(x - self._mean, observed)
        return Normal(self._mean, log_scale).log_prob(x, observed)

    @property
    def mean(self) -> Tensor:
        return self._mean

    def sample(self) -> Tensor:
        return Normal(self._mean, self.likelihood.log_scale).sample()
